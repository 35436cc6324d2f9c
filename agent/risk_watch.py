"""Risk while disconnected: points in an hour, frozen accounts, old snapshots, quick redemptions (R13, R16).

The Risk port for the flow and after-sales; it reads books and replica and never waits for the network. It writes one
thing, a person's lifting of a freeze; a freeze itself is written by the transaction of the event that causes it.
"""

from agent import limits
from agent.books_ports import Notice
from agent.clock_trust import ClockTrust
from agent.domain import risk
from agent.domain.business_day import business_day, local_time
from agent.domain.cooldown_rule import cools_until
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.member import Member
from agent.replica_ports import Pricebook
from agent.risk_ports import ClockState, LocalFreeze, PointsVerdict, RiskBooks, Risked, Snapshot
from agent.wording import label

CLOCK_NOT_TRUSTED = "CLOCK_NOT_TRUSTED"
MEMBER_FROZEN = "MEMBER_FROZEN"
REDEMPTION_COOLING = "REDEMPTION_COOLING"
SNAPSHOT_TOO_OLD = "SNAPSHOT_TOO_OLD"


class RiskWatch:
    """The Risk port of one workstation."""

    def __init__(self, books: RiskBooks, pricebook: Pricebook, snapshot: Snapshot, trust: ClockTrust) -> None:
        self._books = books
        self._pricebook = pricebook
        self._snapshot = snapshot
        self._trust = trust

    def clock(self) -> ClockState:
        """The clock as it is trusted now."""
        return self._trust.state()

    async def points_verdict(self, member_id: str, points: int, at_ms: int) -> PointsVerdict:
        """Judge points about to be credited against those of the hour that ends at `at_ms` (S53)."""
        if points <= 0:
            return PointsVerdict(pending=False)
        rule = (await self._pricebook.rules()).risk
        earlier = await self._books.credited(member_id, at_ms - risk.POINTS_WINDOW_MS, at_ms)
        return PointsVerdict(risk.points_hour(earlier, at_ms, points, most=rule.points_an_hour).freeze)

    async def may_spend(self, member: Member, at_ms: int) -> Refusal | None:
        """None, or the refusal to give: CLOCK_NOT_TRUSTED, MEMBER_FROZEN or SNAPSHOT_TOO_OLD, all 409."""
        clock = self.clock()
        if not clock.trusted:
            return Refusal(
                CLOCK_NOT_TRUSTED,
                f"this machine's clock is not trusted: {clock.why}",
                hint="set the clock, or let the manager confirm the day: pos-agent confirm-clock --by NAME",
                status=409,
            )
        if await self.is_frozen(member):
            hint = "headquarters looks into it; pos-agent unfreeze lifts a freeze made at this till"
            return Refusal(MEMBER_FROZEN, "the account is frozen until a person has looked", hint=hint, status=409)
        most_h = (await self._pricebook.rules()).max_snapshot_age_h
        age_ms = await self._snapshot.age_ms()
        if age_ms is None or not risk.snapshot_fresh(at_ms - age_ms, at_ms, most_h * 3_600_000):
            known = "unknown" if age_ms is None else f"{age_ms // 3_600_000} h"
            return Refusal(
                SNAPSHOT_TOO_OLD,
                f"what this till knows of members is too old: {known}, at most {most_h} h",
                hint="the member's price still holds; spending works again once headquarters was reached",
                status=409,
            )
        return None

    async def is_frozen(self, member: Member) -> bool:
        """Whether HQ froze the member, or this till did and neither a person nor HQ's later decision lifted it."""
        if member.frozen:
            return True
        here = await self._books.frozen_here(member.member_id)
        return here is not None and member.frozen_at_ms < here.at_ms

    async def redemption_needs_confirmation(self, member_id: str, at_ms: int) -> bool:
        """Whether this redemption asks for a second confirmation (S48)."""
        rule = (await self._pricebook.rules()).risk
        window_ms = rule.redemption_window_min * 60_000
        earlier = await self._books.redemptions(member_id, at_ms - window_ms, at_ms)
        return risk.needs_confirmation(earlier, at_ms, free=rule.free_redemptions, window_ms=window_ms)

    async def cooling(self, member: Member, account: str, at_ms: int) -> Refusal | None:
        """None, or REDEMPTION_COOLING (409) saying when the member may redeem points or coupons again (S32).

        By these books and by HQ's last row: what another till did while HQ could not tell is HQ's to name.
        """
        span_ms = (await self._pricebook.rules()).cooldown.span_ms(account)
        if not span_ms:
            return None
        earlier = await self._books.redemptions_of(member.member_id, account, at_ms - span_ms, at_ms + span_ms)
        until_ms = cools_until([*earlier, member.redeemed_at_ms(account)], at_ms, span_ms)
        if until_ms is None:
            return None
        again = local_time(until_ms + 59_999).strftime("%Y-%m-%d %H:%M")  # whole minutes, never too early
        return Refusal(
            REDEMPTION_COOLING,
            f"this member may redeem {account} again at {again}",
            hint="leave it out of this sale; the member's price and points earned are as ever",
            field="points" if account == POINTS_ACCOUNT else "coupons",
            status=409,
            said=label("redeem_again_at").format(at=again),
        )

    async def risked(self, member_id: str, at_ms: int) -> Risked:
        """What of the store's risk budget is used today, and what quotes hold of the member."""
        return await self._books.risked(member_id, business_day(at_ms), at_ms)

    async def budget(self, at_ms: int) -> dict[str, Json] | None:
        """The risk budget today, for people: caps, what is used, and by whom; None where the brand has none."""
        rule, day = (await self._pricebook.rules()).budget, business_day(at_ms)
        if rule is None:
            return None
        members = await self._books.risked_by_member(day)
        used_fen = sum(fen for _, fen, _ in members)
        return {
            "business_day": day,
            "till_day_fen": rule.till_day_fen,
            "member_day_fen": rule.member_day_fen,
            "used_fen": used_fen,
            "left_fen": max(0, rule.till_day_fen - used_fen),
            "members": [{"member_id": who, "fen": fen, "sales": sales} for who, fen, sales in members],
        }

    async def freezes(self) -> list[LocalFreeze]:
        """Freezes of this till that stand."""
        return await self._books.freezes()

    async def unfreeze(self, member_id: str, by: str, why: str, at_ms: int) -> tuple[int, Notice | None]:
        """Lift the freezes of a member made here; how many. Refusal NAME_NEEDED, NOT_FROZEN.

        Pending points stay pending: headquarters releases them.
        """
        if not (1 <= len(by.strip()) <= limits.TEXT_CHARS and 1 <= len(why.strip()) <= limits.TEXT_CHARS):
            raise Refusal("NAME_NEEDED", "say who lifts the freeze and why", hint="--by NAME --why REASON", field="by")
        lifted, notice = await self._books.lift(member_id, by.strip(), why.strip(), at_ms)
        if not lifted:
            raise Refusal(
                "NOT_FROZEN",
                "this till has not frozen that member",
                hint="a freeze of headquarters is lifted there: pos-agent hq release",
                status=404,
            )
        return len(lifted), notice
