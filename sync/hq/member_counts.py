"""Facts of members' days, counted from folded events: once each, behind the fold, exact in whatever order they come.

`step` is called by sync.hq.members_office in small parts between other work, so that no till waits for it. A refund is
booked on the day of its sale (R14). `recount` throws the facts of a brand away: they follow from what is kept.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from agent.domain.business_day import business_day
from agent.domain.ids import EventName
from agent.domain.ledger import PENDING_ACCOUNT, POINTS_ACCOUNT
from sync.hq import cooldown, coupon_uses, member_standing, referrals
from sync.hq.bounds import COUNT_STEP_CHARS, COUNT_STEP_EVENTS
from sync.hq.db.seam import Connection
from sync.hq.feeds import hold_brand
from sync.hq.judge import Judgement, judge
from sync.hq.member_standing import newest_rules
from sync.hq.recompute import RuleBook

_PURCHASES: Final = frozenset({"sale", "return", "void"})
_ONLINE: Final = frozenset({"purchase", "purchase_return"})
_REDEEMS: Final = frozenset({"spend_points", "return_points", "draw", "exchange", "exchange_return"})
_POINTS: Final = (POINTS_ACCOUNT, PENDING_ACCOUNT)


@dataclass(slots=True)
class Day:
    """What one member did on one business day, as changes."""

    spend_fen: int = 0
    earned: int = 0
    redeemed: int = 0


@dataclass(slots=True)
class StoreDay:
    """What one store sold on one business day, as changes; `claims`: receipts that promised something for joining."""

    sales: int = 0
    paid_fen: int = 0
    member_sales: int = 0
    member_paid_fen: int = 0
    claims: int = 0
    joined: int = 0


@dataclass(slots=True)
class Counts:
    """Changes to facts, by (member, day) and (store, day)."""

    days: defaultdict[tuple[str, str], Day] = field(default_factory=lambda: defaultdict(Day))
    stores: defaultdict[tuple[str, str], StoreDay] = field(default_factory=lambda: defaultdict(StoreDay))

    def event(self, store_id: str, judged: Judgement) -> None:
        """Add one folded event.

        >>> counts = Counts()
        >>> sale = Judgement(kind="sale", member_id="m", sale_day="2026-09-21", payable_fen=1280)
        >>> counts.event("S1", sale)
        >>> counts.days["m", "2026-09-21"].spend_fen, counts.stores["S1", "2026-09-21"].member_sales
        (1280, 1)
        """
        if judged.kind not in _PURCHASES:
            return
        one = {"sale": 1, "void": -1}.get(judged.kind, 0)
        place = self.stores[store_id, judged.sale_day]
        place.sales += one
        place.paid_fen += judged.payable_fen
        place.claims += 1 if judged.claim else 0
        for posting in judged.postings:
            if posting.account in _POINTS:
                self._points(judged, posting.owner, posting.amount)
        if judged.member_id:
            place.member_sales += one
            place.member_paid_fen += judged.payable_fen
            self.days[judged.member_id, judged.sale_day].spend_fen += judged.payable_fen

    def _points(self, judged: Judgement, owner: str, amount: int) -> None:
        """A sale earns and redeems; what comes back takes back the one and gives back the other."""
        day = self.days[owner, judged.sale_day]
        if (judged.kind == "sale") == (amount > 0):
            day.earned += amount
        else:
            day.redeemed -= amount

    def online(self, channel: str, kind: str, member_id: str, day: str, paid_fen: int, points: int) -> None:
        """Add one event of an online channel, which counts as a store of its own; `points` as they were posted."""
        if kind in _ONLINE:
            one = 1 if kind == "purchase" else 0
            place = self.stores[f"online.{channel}", day]
            place.sales += one
            place.paid_fen += paid_fen
            place.member_sales += one
            place.member_paid_fen += paid_fen
            self.days[member_id, day].spend_fen += paid_fen
            self.days[member_id, day].earned += points
        elif kind in _REDEEMS:
            self.days[member_id, day].redeemed -= points

    def write(self, connection: Connection, brand_id: str) -> list[str]:
        """Add the changes to what is counted; members of the brand that they concern."""
        connection.executemany(
            "INSERT INTO member_days (member_id, business_day, brand_id, spend_fen, earned, redeemed)"
            " SELECT member_id, :day, brand_id, :spend_fen, :earned, :redeemed FROM members"
            " WHERE member_id = :member_id AND brand_id = :brand_id ON CONFLICT (member_id, business_day) DO UPDATE SET"
            " spend_fen = member_days.spend_fen + excluded.spend_fen, earned = member_days.earned + excluded.earned,"
            " redeemed = member_days.redeemed + excluded.redeemed",
            [
                {
                    "member_id": member_id, "day": day, "brand_id": brand_id, "spend_fen": one.spend_fen,
                    "earned": one.earned, "redeemed": one.redeemed,
                }
                for (member_id, day), one in sorted(self.days.items())
            ],
        )  # fmt: skip
        connection.executemany(
            "INSERT INTO store_days (store_id, business_day, brand_id, sales, paid_fen, member_sales, member_paid_fen,"
            " claims, joined) VALUES (:store_id, :day, :brand_id, :sales, :paid_fen, :member_sales, :member_paid_fen,"
            " :claims, :joined) ON CONFLICT (store_id, business_day) DO UPDATE SET"
            " sales = store_days.sales + excluded.sales, paid_fen = store_days.paid_fen + excluded.paid_fen,"
            " member_sales = store_days.member_sales + excluded.member_sales,"
            " member_paid_fen = store_days.member_paid_fen + excluded.member_paid_fen,"
            " claims = store_days.claims + excluded.claims, joined = store_days.joined + excluded.joined",
            [
                {
                    "store_id": store_id, "day": day, "brand_id": brand_id, "sales": one.sales,
                    "paid_fen": one.paid_fen, "member_sales": one.member_sales,
                    "member_paid_fen": one.member_paid_fen, "claims": one.claims, "joined": one.joined,
                }
                for (store_id, day), one in sorted(self.stores.items())
            ],
        )  # fmt: skip
        return sorted({member_id for member_id, _day in self.days})


def step(connection: Connection, book: RuleBook, now_ms: int) -> bool:
    """Count the next events of one epoch; False when none was left."""
    connection.hold("counts")  # one step after another
    chain = connection.execute(
        "SELECT c.workstation_id, c.epoch, c.counted, c.watermark, w.store_id, s.brand_id FROM chains c"
        " JOIN workstations w ON w.workstation_id = c.workstation_id JOIN stores s ON s.store_id = w.store_id"
        " WHERE c.counted < c.watermark ORDER BY c.workstation_id, c.epoch LIMIT 1"
    ).fetchone()
    if chain is None:
        return False
    key = {"id": chain["workstation_id"], "epoch": chain["epoch"], "after": chain["counted"]}
    upto = min(chain["watermark"], chain["counted"] + COUNT_STEP_EVENTS)
    brand_id, store_id, counts, chars = chain["brand_id"], chain["store_id"], Counts(), 0
    moves: list[tuple[EventName, Judgement]] = []
    for row in connection.execute(
        "SELECT seq, body, state FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq > :after"
        " AND seq <= :upto ORDER BY seq",
        {**key, "upto": upto},
    ).fetchall():
        chars += len(row["body"])
        name = EventName(chain["workstation_id"], chain["epoch"], row["seq"])
        judged = judge(row["body"], name, store_id, brand_id)
        if row["state"] == "ok" and not judged.code:
            counts.event(store_id, judged)
            moves.append((name, judged))
        if chars > COUNT_STEP_CHARS:
            upto = row["seq"]
            break
    hold_brand(connection, brand_id)  # ORDER: before members are read
    count_joins(connection, key | {"upto": upto}, moves, store_id, counts)
    coupon_uses.follow(connection, brand_id, moves)
    touched = counts.write(connection, brand_id)
    rules = newest_rules(connection, book, brand_id)
    sold = [referrals.sold_of(*one) for one in moves if one[1].kind in _PURCHASES and one[1].member_id]
    touched += referrals.follow(connection, brand_id, rules, sold, now_ms)
    member_standing.refresh(connection, brand_id, rules, touched, now_ms)
    cooldown.told(connection, brand_id, rules, [judged for _name, judged in moves], now_ms)
    connection.execute(
        "UPDATE chains SET counted = :upto WHERE workstation_id = :id AND epoch = :epoch", {**key, "upto": upto}
    )
    return True


def count_joins(
    connection: Connection,
    key: dict[str, object],
    moves: list[tuple[EventName, Judgement]],
    store_id: str,
    counts: Counts,
) -> None:
    """Claims of these sales by which somebody joined before they were counted; later ones are counted by joining."""
    days = {name.seq: judged.sale_day for name, judged in moves if judged.claim}
    if not days:
        return
    rows = connection.execute(
        "SELECT c.seq FROM claims c WHERE c.workstation_id = :id AND c.epoch = :epoch AND c.seq > :after"
        " AND c.seq <= :upto AND c.taken_by <> ''",
        key,
    )
    for row in rows:
        if row["seq"] in days:
            counts.stores[store_id, days[row["seq"]]].joined += 1


def count_join(connection: Connection, brand_id: str, sha256: str, now_ms: int) -> None:
    """A claim was taken: count it on the day of its sale, unless that sale is counted only later."""
    row = connection.execute(
        "SELECT c.seq, h.counted, e.body, w.store_id, c.workstation_id, c.epoch FROM claims c"
        " JOIN chains h ON h.workstation_id = c.workstation_id AND h.epoch = c.epoch"
        " JOIN events e ON e.workstation_id = c.workstation_id AND e.epoch = c.epoch AND e.seq = c.seq"
        " JOIN workstations w ON w.workstation_id = c.workstation_id"
        " WHERE c.brand_id = :brand_id AND c.sha256 = :sha256",
        {"brand_id": brand_id, "sha256": sha256},
    ).fetchone()
    if row is None or row["counted"] < row["seq"]:
        return
    judged = judge(
        row["body"], EventName(row["workstation_id"], row["epoch"], row["seq"]), row["store_id"], brand_id
    )  # fmt: skip
    counts = Counts()
    counts.stores[row["store_id"], judged.sale_day or business_day(now_ms)].joined += 1
    counts.write(connection, brand_id)
