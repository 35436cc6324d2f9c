"""Who overdrew, where a till spent beyond its leases under a store's risk budget (R13): a fact for a person.

Called by sync.hq.fold once the events of a batch are folded. Only members of whom something was risked are looked at.
All their events are judged in the order of the books; what is found stands for the customer and moves nothing. What was
recorded before stays recorded, whatever arrives later.
"""

import json
from collections.abc import Sequence

from agent.domain.budget import BUDGET_LEASE
from agent.domain.ledger import COUPON_ACCOUNT, GIFT_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.offline import Conflict, Kind, Opening, TillEvent, judge
from sync.hq import audit
from sync.hq.db.seam import Connection, Row
from sync.hq.judge import Judgement
from sync.proof import Finding

_STORED = (PRINCIPAL_ACCOUNT, GIFT_ACCOUNT)


def follow(connection: Connection, moves: Sequence[tuple[int, Judgement]], at_ms: int) -> None:
    """Judge every member of `moves` of whom a till has risked anything, and record what is new."""
    owners = sorted({owner for _, one in moves for owner in one.owners})
    for member_id in _risked(connection, owners):
        for conflict in _judged(connection, member_id):
            workstation_id, epoch, seq, _ = conflict.event_id.split(" ")
            detail = f"{conflict.amount} beyond what there was" if conflict.amount else "it was redeemed before"
            found = Finding(
                side="store", table="budget", epoch=epoch, key=f"{seq} {member_id}", code=conflict.code, detail=detail
            )
            audit.record(connection, workstation_id, [found], at_ms)


def _risked(connection: Connection, owners: Sequence[str]) -> list[str]:
    """Those of whom a till has risked anything, in order."""
    if not owners:
        return []
    wanted, key = connection.any_of("id", owners)
    rows = connection.execute(
        f"SELECT DISTINCT member_id FROM postings WHERE lease = :lease AND member_id {wanted} ORDER BY member_id",
        {"lease": BUDGET_LEASE, **key},
    ).fetchall()
    return [row["member_id"] for row in rows]


def _judged(connection: Connection, member_id: str) -> Sequence[Conflict]:
    rows = connection.execute(
        "SELECT p.workstation_id, p.epoch, p.seq, p.account, p.bucket, p.amount, e.body FROM postings p"
        " JOIN events e ON e.workstation_id = p.workstation_id AND e.epoch = p.epoch AND e.seq = p.seq"
        " WHERE p.member_id = :member_id ORDER BY p.workstation_id, p.epoch, p.seq, p.position",
        {"member_id": member_id},
    ).fetchall()
    by_event: dict[tuple[str, str, int], list[Row]] = {}
    for row in rows:
        by_event.setdefault((row["workstation_id"], row["epoch"], row["seq"]), []).append(row)
    events = [one for name, postings in by_event.items() for one in _events(name, postings)]
    return judge(_opening(connection, member_id), events).conflicts


def _events(name: tuple[str, str, int], rows: Sequence[Row]) -> list[TillEvent]:
    """One event as R13 sees it; of several coupons each is an event of its own, at the same place."""
    workstation_id, epoch, seq = name
    event = json.loads(rows[0]["body"])
    kind = Kind.SALE if event.get("kind") in ("sale", "count_use") else Kind.REFUND
    coupons = [row["bucket"] for row in rows if row["account"] == COUPON_ACCOUNT]
    points = sum(row["amount"] for row in rows if row["account"] == POINTS_ACCOUNT)
    sv_fen = sum(row["amount"] for row in rows if row["account"] in _STORED)
    of = event.get("of") if kind is Kind.REFUND else None
    found = []
    for place, coupon in enumerate(coupons or [None]):
        back = f"{workstation_id} {of['epoch']} {of['seq']} {place}" if isinstance(of, dict) else None
        found.append(
            TillEvent(
                f"{workstation_id} {epoch} {seq} {place}", workstation_id, seq, int(event.get("at_ms", 0)), kind,
                0 if place else points, 0 if place else sv_fen, coupon, back,
            )
        )  # fmt: skip
    return found


def _opening(connection: Connection, member_id: str) -> Opening:
    """What HQ gave the member besides what tills booked: imported, claimed, released, ended."""
    key = {"member_id": member_id}
    row = connection.execute(
        "SELECT opening_points, opening_sv_principal + opening_sv_gift AS sv FROM members WHERE member_id = :member_id",
        key,
    ).fetchone()
    own = {
        one["account"]: one["amount"]
        for one in connection.execute(
            "SELECT account, SUM(amount) AS amount FROM hq_postings WHERE member_id = :member_id GROUP BY account", key
        )
    }
    points, sv_fen = (0, 0) if row is None else (row["opening_points"], row["sv"])
    return Opening(
        points=points + int(own.get(POINTS_ACCOUNT, 0)),
        sv_fen=sv_fen + sum(int(own.get(account, 0)) for account in _STORED),
    )
