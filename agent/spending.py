"""What a member may spend at this till now: who may, which coupons, how much, with HQ's help within the deadline.

Called by agent.quoting and the flow. It asks and promises; nothing is spent here: that happens inside the transaction
of the sale. Every refusal has its own code, and changes nothing.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.domain.asks import SPENT_ACCOUNTS, Asks, Planned, Want, plan
from agent.domain.budget import beyond
from agent.domain.budget_rule import BudgetRule
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.errors import Refusal
from agent.domain.holdings import Holdings, holdings
from agent.domain.lease import LEASE_SHORT
from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT, GIFT_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.member import HeldCard, Identification, Member
from agent.domain.money import yuan_short
from agent.domain.sale import Posting
from agent.lease_ports import Leases
from agent.limits import NETWORK_DEADLINE_MS
from agent.ports import Clock
from agent.quotes import Quote
from agent.replica_ports import Coupons
from agent.risk_ports import Risk
from agent.spend_ports import Wallets
from agent.wording import label
from sync.lease_protocol import LeaseWant


@dataclass(frozen=True, slots=True)
class SpendingPorts:
    """What it asks."""

    members: Coupons
    wallets: Wallets
    leases: Leases
    risk: Risk
    clock: Clock
    store_id: str


class Spending:
    """One workstation's rights to spend."""

    def __init__(self, ports: SpendingPorts) -> None:
        self._ports = ports
        self.store_id = ports.store_id

    async def holdings(self, member_id: str, business_day: str, *, lots: bool = True) -> Holdings | None:
        """What a member has and, with `lots`, what may be spent here; None when the replica has no such member."""
        found = await self._ports.members.by_id(member_id)
        if found is None:
            return None
        posted = await self._ports.wallets.posted(member_id)
        here = [
            lot
            for account in (SPENT_ACCOUNTS if lots else ())
            for lot in await self._ports.leases.spendable(member_id, account, business_day)
        ]
        has = holdings(found.member, found.watermarks, posted, here)
        return replace(has, cards=tuple([await self._named(card) for card in has.cards]))

    async def _named(self, card: HeldCard) -> HeldCard:
        """A card that HQ's row does not hold yet is known by its lot; its sale here tells name and size."""
        sold = await self._ports.wallets.card_sold(card.card_id) if card.name == card.card_id else None
        return card if sold is None else replace(sold, left=card.left)

    async def planned_again(self, quote_id: str, member_id: str, wants: Sequence[Want], day: str) -> Planned:
        """Plan spends whose leases do not cover them any more: with what is here now, else what HQ grants in time."""
        await self.release(quote_id)
        has = await self.holdings(member_id, day)
        if has is None:
            return Planned(dropped=tuple(wants))
        with contextlib.suppress(Refusal):  # HQ has frozen the member meanwhile: what is here was granted before
            has, _ = await self.bring(member_id, wants, has, day)
        return plan(wants, has.lots)

    async def planned_here(self, member_id: str, wants: Sequence[Want], day: str) -> Planned:
        """Plan spends with what is here at this moment, want by want; HQ is not asked."""
        has = await self.holdings(member_id, day)
        return Planned(dropped=tuple(wants)) if has is None else plan(wants, has.lots)

    async def held_coupons(self, member_id: str) -> list[HeldCoupon]:
        """The coupons a member may still use, as HQ knew."""
        return await self._ports.members.coupons_of(member_id)

    async def refused(self, member: Member) -> Refusal | None:
        """Why nothing of this member's may be spent now (risk), None where it may."""
        return await self._ports.risk.may_spend(member, self._ports.clock.now_ms())

    async def require(self, who: Identification | None, asks: Asks) -> Member:
        """Who may spend; raises Refusal.

        SPENDING_NEEDS_MEMBER, SPENDING_NEEDS_DYNAMIC_CODE, what risk says (MEMBER_FROZEN, SNAPSHOT_TOO_OLD,
        CLOCK_NOT_TRUSTED), REDEMPTION_COOLING, REDEMPTION_NEEDS_CONFIRMATION.
        """
        if who is None or who.member is None:
            why = "only an identified member can spend points, stored value, coupons or counts"
            raise Refusal("SPENDING_NEEDS_MEMBER", why, hint="resolve the member first", field="identification_id")
        if who.certainty is None or not who.certainty.may_spend:
            raise Refusal(
                "SPENDING_NEEDS_DYNAMIC_CODE",
                "spending needs certainty dynamic or verified",
                hint="scan the dynamic code of the member's mini-program",
                field="identification_id",
                status=409,
            )
        refused = await self.refused(who.member)
        if refused is not None:
            raise refused
        await self._require_cooled(who.member, asks)
        if not asks.confirmed and await self._ports.risk.redemption_needs_confirmation(
            who.member.member_id, self._ports.clock.now_ms()
        ):
            raise Refusal(
                "REDEMPTION_NEEDS_CONFIRMATION",
                "this member has redeemed often of late",
                hint="ask the customer, then send confirmed: true",
                field="confirmed",
                status=409,
            )
        return who.member

    async def _require_cooled(self, member: Member, asks: Asks) -> None:
        """Refuse what follows too soon on the member's last redemption, by the newest row there is (S32)."""
        found = await self._ports.members.by_id(member.member_id)
        for account, asked in ((POINTS_ACCOUNT, asks.points), (COUPON_ACCOUNT, asks.coupons)):
            if not asked:
                continue
            known = member if found is None else found.member
            cooling = await self._ports.risk.cooling(known, account, self._ports.clock.now_ms())
            if cooling is not None:
                raise cooling

    async def coupons(self, member: Member, asks: Asks, has: Holdings, day: str) -> tuple[HeldCoupon, ...]:
        """The coupons asked, in the version the member holds; the first that may not be used is refused.

        COUPON_UNKNOWN, COUPON_NOT_YOURS, COUPON_USED, COUPON_VOID, COUPON_NOT_STARTED, COUPON_EXPIRED, COUPON_TWICE,
        COUPON_OTHER_STORE.
        """
        found: list[HeldCoupon] = []
        for place, asked in enumerate(asks.coupons):
            coupon = await self._ports.members.coupon(asked)
            code = "COUPON_TWICE" if coupon in found else _coupon_fault(coupon, member.member_id, has, day)
            said = ""
            if code is None and coupon is not None and not coupon.used_in(self.store_id):
                code, said = "COUPON_OTHER_STORE", label("coupon_stores").format(stores=", ".join(coupon.stores))
            if code is not None or coupon is None:
                code, hint = code or "COUPON_UNKNOWN", "leave it out, or take another one"
                raise Refusal(code, "the coupon cannot be used", hint=hint, field=f"coupons.{place}", said=said)
            found.append(coupon)
        return tuple(found)

    async def bring(self, member_id: str, wants: Sequence[Want], has: Holdings, day: str) -> tuple[Holdings, bool]:
        """See that wants are covered here: what is held, else what HQ grants in time; (holdings, did HQ answer)."""
        missing = plan(wants, has.lots).missing
        if not missing:
            return has, False
        asked = [LeaseWant.model_validate(one.as_json()) for one in missing]
        answered = await self._ports.leases.acquire(member_id, asked, NETWORK_DEADLINE_MS / 1000)
        fresh = await self.holdings(member_id, day)
        return (has if fresh is None else fresh), answered

    async def risk_beyond(self, rule: BudgetRule, member_id: str, quote: Quote, has: Holdings) -> Holdings:
        """Add what the store's risk budget allows beyond the leases, while HQ cannot be asked (R13)."""
        missing = plan(quote.wants, has.lots).missing
        if not missing:
            return has
        risked = await self._ports.risk.risked(member_id, self._ports.clock.now_ms())
        left_fen = risked.used.left_fen(rule)
        more = beyond(rule, has, missing, quote.cart, quote.rules.redeem, risked.promised, left_fen, member_id)
        return replace(has, lots=(*has.lots, *more))

    async def hold(self, quote_id: str, spends: Sequence[Posting], until_ms: int) -> None:
        """Promise rights to a quote until it ends; Refusal LEASE_SHORT, and then none is promised."""
        parts: dict[str, int] = {}
        for one in spends:
            parts[one.lease] = parts.get(one.lease, 0) - one.amount
        try:
            for lease_id, amount in parts.items():
                await self._ports.leases.hold(lease_id, amount, quote_id, until_ms)
        except Refusal:
            await self.release(quote_id)
            raise

    async def release(self, quote_id: str) -> None:
        """End a quote's promises."""
        await self._ports.leases.release(quote_id)


def short_here(has: Holdings, missing: Sequence[Want], *, answered: bool) -> Refusal:
    """The refusal of what no right covers, by what HQ said of it; tells the cashier what can be spent here."""
    first = missing[0]
    if answered and first.account == COUPON_ACCOUNT:
        return Refusal("COUPON_USED", "HQ has no such coupon to give", hint="leave it out", field="coupons", status=409)
    if answered and first.account == COUNT_ACCOUNT:
        return Refusal("COUNT_INSUFFICIENT", "HQ has fewer units to give", field="count_card.units", status=409)
    return Refusal(
        LEASE_SHORT,
        f"no right here for {', '.join(one.words() for one in missing)}",
        hint="another till holds it; try again shortly" if answered else "HQ was not reached; spend what is here",
        field=_FIELDS[first.account],
        status=409,
        said=_said(has),
    )


def _said(has: Holdings) -> str:
    sv_fen = has.here(PRINCIPAL_ACCOUNT) + has.here(GIFT_ACCOUNT)
    return label("lease_short_here").format(points=has.points_here, stored_value=yuan_short(sv_fen))


def _coupon_fault(coupon: HeldCoupon | None, member_id: str, has: Holdings, day: str) -> str | None:
    if coupon is None:
        return "COUPON_UNKNOWN"
    if coupon.member_id != member_id:
        return "COUPON_NOT_YOURS"
    # The right to it is nowhere else while it is here: a return of this till's gave it back, and HQ's row is older.
    back = coupon.state == "used" and has.here(COUPON_ACCOUNT, coupon.coupon_id) > 0
    if coupon.coupon_id in has.used_coupons or (coupon.state == "used" and not back):
        return "COUPON_USED"
    if coupon.state not in ("issued", "used"):
        return "COUPON_VOID"
    if day < coupon.start_day:
        return "COUPON_NOT_STARTED"
    return "COUPON_EXPIRED" if day > coupon.end_day else None


_FIELDS = {
    POINTS_ACCOUNT: "points",
    PRINCIPAL_ACCOUNT: "stored_value",
    GIFT_ACCOUNT: "stored_value",
    COUNT_ACCOUNT: "count_card",
    COUPON_ACCOUNT: "coupons",
}
