"""Facts of online channels, booked once per request into the same ledger as tills' events (S31, S64).

Called by sync.hq.members_office inside its transaction. What tills hold on lease is not spent here: only free lots are,
so nothing is ever spent twice (R13).
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.business_day import business_day
from agent.domain.digest import Json, canonical
from agent.domain.errors import Refusal
from agent.domain.ledger import COUPON_ACCOUNT, POINTS_ACCOUNT
from agent.domain.rules import RuleSet
from sync.channel_protocol import GIVES_BACK, ChannelAnswer, ChannelEvent
from sync.hq import channels, cooldown, coupon_uses, lots, member_standing, offers_fold, referrals
from sync.hq.channel_booked import Booked
from sync.hq.channel_played import PLAYED, UNDONE
from sync.hq.channel_sales import Rate, rate_of, sign_in
from sync.hq.channel_takes import give_back, take
from sync.hq.channels import Channel
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_brand, hold_member
from sync.hq.keys import HqKeys
from sync.hq.member_counts import Counts
from sync.hq.own_books import post
from sync.hq.own_rows import OwnPosting, insert
from sync.hq.referrals import Sold

_PURCHASE: Final = "channel"
_RETURN: Final = "channel_return"


@dataclass(slots=True)
class Taking:
    """One request on its way; lives inside one transaction."""

    connection: Connection
    keys: HqKeys
    channel: Channel
    ask: ChannelEvent
    rules: RuleSet
    now_ms: int
    member_id: str = ""
    spent: bool = False

    def run(self) -> ChannelAnswer:
        """Book it, or give the earlier answer. Refusal CONFLICT, MEMBER_UNKNOWN, MEMBER_FROZEN, POINTS_INSUFFICIENT,
        COUPON_UNKNOWN, COUPON_NOT_FREE, REDEMPTION_COOLING, NOTHING_TO_RETURN, REFERRAL_..., HQ_RESTORED, and what
        sync.hq.tasks, lottery, exchanges and reservations refuse.
        """
        hold_brand(self.connection, self.channel.brand_id)  # ORDER: before anything is asked: once per request
        asked = self._asked()
        earlier = self._event(self.ask.request_id)
        if earlier is not None:
            if bytes(earlier["asked"]) != asked:
                why = "this request id was used for another request"
                raise Refusal("CONFLICT", why, hint="make a new one", field="request_id", status=409)
            return ChannelAnswer.model_validate_json(earlier["answer"])
        of = self._of() if self.ask.of else None
        self.member_id = (
            str(of["member_id"]) if of is not None
            else channels.resolve(self.connection, self.keys, self.channel.brand_id, self._required())
        )  # fmt: skip
        hold_member(self.connection, self.member_id)
        steps: dict[str, Callable[[], Booked]] = {
            "purchase": self._purchase, "spend_points": self._spend, "use_coupon": self._use, "sign_in": self._sign_in,
            "referral": self._referral, **dict.fromkeys(PLAYED, self._play),
        }  # fmt: skip
        done = self._back(of) if of is not None else steps[self.ask.kind]()
        self.spent = done.spent
        self._follow(done)
        answer = self._answer(done)
        self._keep(asked, done, answer)
        return answer

    def _asked(self) -> bytes:
        """What the request says, as a hash; with a number in it one that nobody tries out without HQ's key."""
        said = canonical(self.ask.model_dump(mode="json"))
        return self.keys.mark("channel-asked", said) if self.ask.phone else hashlib.sha256(said).digest()

    def _play(self) -> Booked:
        what = PLAYED[self.ask.kind]
        return what(self.connection, self.keys, self.channel, self.rules, self.member_id, self.ask, self.now_ms)

    def _required(self) -> Any:
        assert self.ask.member is not None, "the model says so"
        return self.ask.member

    def _event(self, request_id: str) -> Row | None:
        row: Row | None = self.connection.execute(
            "SELECT * FROM channel_events WHERE channel = :channel AND request_id = :id",
            {"channel": self.channel.name, "id": request_id},
        ).fetchone()
        return row

    def _of(self) -> Row:
        """The event that is given back: of this channel, of the kind that this one gives back."""
        row = self._event(self.ask.of)
        if row is None or row["kind"] != GIVES_BACK[self.ask.kind]:
            raise Refusal("NOTHING_TO_RETURN", "this channel has no such event", field="of", status=404)
        return row

    def _name(self, request_id: str) -> str:
        return f"{self.channel.name}.{request_id}"

    def _own(self, kind: str, points: int, expires: str = "") -> OwnPosting:
        reference = self._name(self.ask.request_id)
        return OwnPosting(
            self.channel.brand_id, kind, reference, self.member_id, POINTS_ACCOUNT, points, expires, self.now_ms
        )

    # --- what is bought -----------------------------------------------------------------------------------------
    def _purchase(self) -> Booked:
        day = business_day(self.now_ms)
        rate = rate_of(self.connection, self.rules, self.member_id, day)
        points = rate.points(self.ask.paid_fen)
        post(self.connection, self._own(_PURCHASE, points, self.rules.points_expire(day)))
        lot = self.connection.execute(
            "SELECT bucket FROM hq_postings WHERE kind = :kind AND reference = :reference AND account = :account",
            {"kind": _PURCHASE, "reference": self._name(self.ask.request_id), "account": POINTS_ACCOUNT},
        ).fetchone()
        self.connection.execute("UPDATE members SET ordered = 1 WHERE member_id = :id", {"id": self.member_id})
        took: dict[str, Json] = {"lot": "" if lot is None else lot["bucket"], "rate": list(rate.parts)}
        return Booked(points, self.ask.paid_fen, day, took)

    def _return(self, of: Row) -> Booked:
        """Points of what is left stay, by the purchase's own multipliers (R12); what was spent becomes debt."""
        left_fen = of["paid_fen"] - of["returned"] - self.ask.paid_fen
        if left_fen < 0:
            raise Refusal("NOTHING_TO_RETURN", "more would come back than was bought", field="paid_fen", status=409)
        took = json.loads(of["took"])
        points = of["points"] - of["returned_points"] - Rate(*took["rate"]).points(left_fen)
        if points:
            insert(self.connection, self._own(_RETURN, -points))
            lots.debit(
                self.connection, self.member_id, POINTS_ACCOUNT, took["lot"], points,
                day=business_day(self.now_ms), now_ms=self.now_ms,
            )  # fmt: skip
        self._returned(of, self.ask.paid_fen, points)
        return Booked(-points, -self.ask.paid_fen, of["business_day"])

    # --- what is spent ------------------------------------------------------------------------------------------
    def _spend(self) -> Booked:
        cooldown.require(self.connection, self.rules, self.member_id, POINTS_ACCOUNT, self.now_ms)
        taken = take(
            self.connection, self.channel.brand_id, self.member_id, POINTS_ACCOUNT, "", self.ask.points, self.now_ms
        )  # fmt: skip
        self._redeemed(POINTS_ACCOUNT)
        lots_taken: list[Json] = [list(one) for one in taken]
        return Booked(-self.ask.points, 0, business_day(self.now_ms), {"lots": lots_taken}, spent=True)

    def _use(self) -> Booked:
        cooldown.require(self.connection, self.rules, self.member_id, COUPON_ACCOUNT, self.now_ms)
        taken = take(
            self.connection, self.channel.brand_id, self.member_id, COUPON_ACCOUNT, self.ask.coupon_id, 1, self.now_ms
        )  # fmt: skip
        self._noted(self.ask.coupon_id, -1)
        self._redeemed(COUPON_ACCOUNT)
        lots_taken: list[Json] = [list(one) for one in taken]
        return Booked(0, 0, business_day(self.now_ms), {"lots": lots_taken}, spent=True)

    def _back(self, of: Row) -> Booked:
        if self.ask.kind == "purchase_return":
            return self._return(of)
        if self.ask.kind in UNDONE:
            return UNDONE[self.ask.kind](self.connection, self.channel, of, self.now_ms)
        account = POINTS_ACCOUNT if self.ask.kind == "return_points" else COUPON_ACCOUNT
        amount = self.ask.points if account == POINTS_ACCOUNT else 1
        spent = -of["points"] if account == POINTS_ACCOUNT else 1
        if amount > spent - of["returned"]:
            raise Refusal("NOTHING_TO_RETURN", "more would come back than was spent", field="of", status=409)
        taken: Sequence[Any] = json.loads(of["took"])["lots"]
        give_back(
            self.connection, self.channel.brand_id, self.member_id, account, taken, of["returned"], amount, self.now_ms
        )  # fmt: skip
        self._returned(of, amount, 0)
        if account == COUPON_ACCOUNT:
            self._noted(str(taken[0][0]), amount)
        return Booked(amount if account == POINTS_ACCOUNT else 0, 0, of["business_day"])

    def _redeemed(self, account: str) -> None:
        cooldown.note(self.connection, self.channel.brand_id, self.rules, self.member_id, account, self.now_ms)

    def _noted(self, coupon_id: str, amount: int) -> None:
        place = coupon_uses.online_place(self.channel.name, self.ask.request_id)
        coupon_uses.note(self.connection, self.channel.brand_id, coupon_id, place, amount, self.now_ms)

    def _returned(self, of: Row, amount: int, points: int) -> None:
        self.connection.execute(
            "UPDATE channel_events SET returned = returned + :amount, returned_points = returned_points + :points"
            " WHERE channel = :channel AND request_id = :id",
            {"amount": amount, "points": points, "channel": of["channel"], "id": of["request_id"]},
        )

    # --- what is given ------------------------------------------------------------------------------------------
    def _sign_in(self) -> Booked:
        day = business_day(self.now_ms)
        points, streak = sign_in(
            self.connection, self.channel.brand_id, self.rules, self.member_id, day, self.now_ms
        )  # fmt: skip
        return Booked(points, 0, day, streak=streak)

    def _referral(self) -> Booked:
        assert self.ask.inviter is not None, "the model says so"
        inviter = channels.resolve(self.connection, self.keys, self.channel.brand_id, self.ask.inviter)
        referrals.enter(self.connection, self.channel.brand_id, inviter, self.member_id, self.now_ms)
        return Booked(day=business_day(self.now_ms))

    # --- what follows -------------------------------------------------------------------------------------------
    def _follow(self, done: Booked) -> None:
        brand_id, counts = self.channel.brand_id, Counts()
        counts.online(self.channel.name, self.ask.kind, self.member_id, done.day, done.paid_fen, done.points)
        touched = counts.write(self.connection, brand_id)
        if done.paid_fen:
            of = self._name(self.ask.of) if self.ask.of else ""
            sold = Sold(self._name(self.ask.request_id), of, self.member_id, done.paid_fen, done.day)
            touched += referrals.follow(self.connection, brand_id, self.rules, [sold], self.now_ms)
            offers_fold.spend(self.connection, brand_id, {(self.member_id, done.day[:7]): done.paid_fen})
        member_standing.refresh(self.connection, brand_id, self.rules, touched, self.now_ms)

    def _answer(self, done: Booked) -> ChannelAnswer:
        free = lots.grantable(
            self.connection, self.member_id, POINTS_ACCOUNT, "", business_day(self.now_ms)
        )  # fmt: skip
        return ChannelAnswer(
            request_id=self.ask.request_id,
            member_id=self.member_id,
            points=done.points + done.won_points,
            balance=channels.member_of(self.connection, self.member_id)["points"],
            free=sum(row["available"] for row in free),
            streak=done.streak,
            **done.more,
        )

    def _keep(self, asked: bytes, done: Booked, answer: ChannelAnswer) -> None:
        self.connection.execute(
            "INSERT INTO channel_events (channel, request_id, brand_id, member_id, kind, of_request, asked, at_ms,"
            " business_day, points, paid_fen, took, answer) VALUES (:channel, :id, :brand, :member, :kind, :of, :asked,"
            " :now, :day, :points, :paid_fen, :took, :answer)",
            {
                "channel": self.channel.name, "id": self.ask.request_id, "brand": self.channel.brand_id,
                "member": self.member_id, "kind": self.ask.kind, "of": self.ask.of, "asked": asked, "now": self.now_ms,
                "day": done.day, "points": done.points, "paid_fen": done.paid_fen,
                "took": canonical(done.took).decode(), "answer": answer.model_dump_json(),
            },
        )  # fmt: skip
