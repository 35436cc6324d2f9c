"""When coupons were used and given back, a fact for each (S50): how long after its issue a coupon is used.

Called by sync.hq.member_counts and sync.hq.recount for events of tills, by sync.hq.channel_events for online ones,
inside their transactions. The same fact again changes nothing.
"""

import json
from collections.abc import Sequence

from agent.domain.ids import EventName
from agent.domain.lease import is_keepable
from agent.domain.ledger import COUPON_ACCOUNT
from sync.hq import offers_fold
from sync.hq.db.seam import Connection
from sync.hq.judge import Judgement


def follow(connection: Connection, brand_id: str, moves: Sequence[tuple[EventName, Judgement]]) -> None:
    """Keep what counted events of tills did to coupons; a change without an effect on coupons costs nothing."""
    for name, judged in moves:
        for posting in judged.postings:
            if posting.account == COUPON_ACCOUNT:
                coupon_id = offers_fold.lot(connection, name.workstation_id, posting)
                place = f"{name.workstation_id} {name.epoch} {name.seq}"
                note(connection, brand_id, coupon_id, place, posting.amount, judged.at_ms)


def online(connection: Connection, brand_id: str, channel: str) -> None:
    """Keep anew what the online events of a channel did to coupons."""
    rows = connection.execute(
        "SELECT e.request_id, e.kind, e.at_ms, COALESCE(o.took, e.took) AS took FROM channel_events e"
        " LEFT JOIN channel_events o ON o.channel = e.channel AND o.request_id = e.of_request"
        " WHERE e.brand_id = :brand AND e.channel = :channel AND e.kind IN ('use_coupon', 'return_coupon')",
        {"brand": brand_id, "channel": channel},
    ).fetchall()
    for row in rows:
        coupon_id = str(json.loads(row["took"])["lots"][0][0])
        amount = -1 if row["kind"] == "use_coupon" else 1
        note(connection, brand_id, coupon_id, online_place(channel, row["request_id"]), amount, row["at_ms"])


def online_place(channel: str, request_id: str) -> str:
    """Name an online event among the places where a coupon was moved."""
    return f"online.{channel} {request_id}"


def note(connection: Connection, brand_id: str, coupon_id: str, place: str, amount: int, at_ms: int) -> None:
    """Keep one use (-1) or return (+1); nothing of a posting that names no coupon, or none that can be kept.

    Books from before events were refused for it may hold a lot or a lease whose name has a NUL.
    """
    if not coupon_id or not amount or not is_keepable(coupon_id):
        return
    connection.execute(
        "INSERT INTO coupon_uses (coupon_id, place, brand_id, amount, at_ms)"
        " VALUES (:coupon_id, :place, :brand, :amount, :at_ms) ON CONFLICT DO NOTHING",
        {"coupon_id": coupon_id, "place": place, "brand": brand_id, "amount": amount, "at_ms": at_ms},
    )
