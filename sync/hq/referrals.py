"""Friends who were invited (S33): both sides get points by the friend's first sale, and lose them when it is void.

`enter` is called by sync.hq.channel_events, `follow` by sync.hq.member_counts, inside their transactions. A friend has
one inviter; at any time at most one sale of theirs has paid. What was spent meanwhile becomes debt (R12).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ids import EventName
from agent.domain.ledger import POINTS_ACCOUNT, lot_name
from agent.domain.rules import RuleSet
from sync.hq import own_books
from sync.hq.db.seam import Connection, Row, among
from sync.hq.judge import Judgement
from sync.hq.own_rows import OwnPosting

REFERRAL: Final = "referral"
REFERRAL_BACK: Final = "referral_return"


def enter(connection: Connection, brand_id: str, inviter_id: str, member_id: str, now_ms: int) -> bool:
    """Keep who invited a member; False where that is known. The caller holds the brand.

    Refusal 409 REFERRAL_SELF, REFERRAL_TAKEN (another has invited them), REFERRAL_LATE (they have bought before).
    """
    if inviter_id == member_id:
        raise Refusal("REFERRAL_SELF", "nobody invites themselves", field="inviter", status=409)
    held = connection.execute(
        "SELECT inviter_id FROM referrals WHERE member_id = :id", {"id": member_id}
    ).fetchone()  # fmt: skip
    if held is not None:
        if held["inviter_id"] == inviter_id:
            return False
        raise Refusal("REFERRAL_TAKEN", "somebody else has invited this member", field="member", status=409)
    if connection.execute("SELECT ordered FROM members WHERE member_id = :id", {"id": member_id}).fetchone()["ordered"]:
        raise Refusal("REFERRAL_LATE", "this member has bought before", field="member", status=409)
    connection.execute(
        "INSERT INTO referrals (member_id, brand_id, inviter_id, at_ms, state)"
        " VALUES (:member, :brand, :inviter, :now, 'waiting')",
        {"member": member_id, "brand": brand_id, "inviter": inviter_id, "now": now_ms},
    )
    return True


@dataclass(frozen=True, slots=True)
class Sold:
    """One purchase of a member, or what came back of one (`of` names it; fen are negative)."""

    name: str
    of: str
    member_id: str
    fen: int
    day: str


def sold_of(name: EventName, judged: Judgement) -> Sold:
    """A till's sale, return or void."""
    of = "" if judged.of is None else lot_name(judged.of)
    return Sold(lot_name(name), of, judged.member_id, judged.payable_fen, judged.sale_day)


def follow(connection: Connection, brand_id: str, rules: RuleSet, sold: Sequence[Sold], now_ms: int) -> list[str]:
    """Pay by first sales, charge back by voids and returns of them; members whose standing that changes."""
    buyers = sorted({one.member_id for one in sold})
    if not buyers:
        return []
    listed, values = among("member", buyers)
    known = connection.execute(f"SELECT member_id FROM referrals WHERE member_id IN ({listed})", values).fetchall()
    invited = {row["member_id"] for row in known}
    touched: list[str] = []
    for one in sold:
        if one.member_id in invited:
            touched += _follow(connection, brand_id, rules, one, now_ms)
    return touched


def _follow(connection: Connection, brand_id: str, rules: RuleSet, one: Sold, now_ms: int) -> list[str]:
    row = connection.execute("SELECT * FROM referrals WHERE member_id = :id", {"id": one.member_id}).fetchone()
    if row["brand_id"] != brand_id:
        return []
    if not one.of and row["state"] == "waiting" and one.fen > 0:
        return _pay(connection, rules, row, one, now_ms)
    if one.of and row["state"] == "paid" and one.of == row["sale"]:
        return _give_back(connection, row, one.fen, now_ms)
    return []


def _pay(connection: Connection, rules: RuleSet, row: Row, one: Sold, now_ms: int) -> list[str]:
    points, number = rules.care.referral_points, row["times"] + 1
    connection.execute(
        "UPDATE referrals SET state = 'paid', times = :number, sale = :sale, left_fen = :fen, paid_day = :day,"
        " points = :points WHERE member_id = :id",
        {
            "number": number, "sale": one.name, "fen": one.fen, "day": one.day, "points": points,
            "id": row["member_id"],
        },
    )  # fmt: skip
    expires = rules.points_expire(business_day(now_ms))
    _post(connection, row, REFERRAL, number, points, expires, now_ms)
    return [row["inviter_id"], row["member_id"]]


def _give_back(connection: Connection, row: Row, moved_fen: int, now_ms: int) -> list[str]:
    """A sale of which nothing is left has invited nobody; the next one may."""
    left_fen = row["left_fen"] + moved_fen
    connection.execute(
        "UPDATE referrals SET left_fen = :left, state = CASE WHEN :left <= 0 THEN 'waiting' ELSE 'paid' END,"
        " paid_day = CASE WHEN :left <= 0 THEN '' ELSE paid_day END WHERE member_id = :id",
        {"left": left_fen, "id": row["member_id"]},
    )
    if left_fen > 0:
        return []
    _post(connection, row, REFERRAL_BACK, row["times"], -row["points"], "", now_ms)
    return [row["inviter_id"], row["member_id"]]


def _post(connection: Connection, row: Row, kind: str, number: int, points: int, expires: str, now_ms: int) -> None:
    """Both sides alike, once per pair and number."""
    for side, member_id in (("inviter", row["inviter_id"]), ("friend", row["member_id"])):
        reference = f"{row['member_id']}.{side}.{number}"
        own_books.post(
            connection,
            OwnPosting(row["brand_id"], kind, reference, member_id, POINTS_ACCOUNT, points, expires, now_ms),
        )
