"""Counting members' days anew from what is kept: events up to where they were counted, and events of channels.

Called by sync.hq.members_office for `pos-agent hq recount`, and by tests, which prove that counting as events came
says the same. It touches no tier, referral or reminder: those are decisions, not facts.
"""

from collections.abc import Callable

from agent.domain.ids import EventName
from sync.hq import coupon_uses, member_counts
from sync.hq.bounds import COUNT_STEP_EVENTS
from sync.hq.db.seam import Connection
from sync.hq.feeds import hold_brand
from sync.hq.judge import judge
from sync.hq.member_counts import Counts


def recount(connection: Connection, brand_id: str, progress: Callable[[str, int], None]) -> int:
    """Throw the facts of a brand away and count them again, in one transaction; how many events that were."""
    connection.hold("counts")
    hold_brand(connection, brand_id)
    for table in ("member_days", "store_days", "coupon_uses"):
        connection.execute(f"DELETE FROM {table} WHERE brand_id = :brand", {"brand": brand_id})
    done = 0
    chains = connection.execute(
        "SELECT c.workstation_id, c.epoch, c.counted, w.store_id FROM chains c JOIN workstations w"
        " ON w.workstation_id = c.workstation_id JOIN stores s ON s.store_id = w.store_id"
        " WHERE s.brand_id = :brand ORDER BY c.workstation_id, c.epoch",
        {"brand": brand_id},
    ).fetchall()
    for chain in chains:
        after = 0
        while after < chain["counted"]:
            upto = min(chain["counted"], after + COUNT_STEP_EVENTS)
            _chunk(connection, brand_id, chain["workstation_id"], chain["epoch"], chain["store_id"], after, upto)
            done, after = done + upto - after, upto
            progress("events", done)
    _online(connection, brand_id)
    return done


def _chunk(
    connection: Connection, brand_id: str, workstation_id: str, epoch: str, store_id: str, after: int, upto: int
) -> None:
    key = {"id": workstation_id, "epoch": epoch, "after": after, "upto": upto}
    counts = Counts()
    moves = []
    for row in connection.execute(
        "SELECT seq, body FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq > :after AND seq <= :upto"
        " AND state = 'ok' ORDER BY seq",
        key,
    ).fetchall():
        name = EventName(workstation_id, epoch, row["seq"])
        judged = judge(row["body"], name, store_id, brand_id)
        if not judged.code:
            counts.event(store_id, judged)
            moves.append((name, judged))
    member_counts.count_joins(connection, key, moves, store_id, counts)
    coupon_uses.follow(connection, brand_id, moves)
    counts.write(connection, brand_id)


def _online(connection: Connection, brand_id: str) -> None:
    counts = Counts()
    rows = connection.execute(
        "SELECT channel, kind, member_id, business_day, points, paid_fen FROM channel_events"
        " WHERE brand_id = :brand ORDER BY channel, request_id",
        {"brand": brand_id},
    ).fetchall()
    for row in rows:
        counts.online(
            row["channel"], row["kind"], row["member_id"], row["business_day"], row["paid_fen"], row["points"]
        )  # fmt: skip
    counts.write(connection, brand_id)
    for channel in sorted({row["channel"] for row in rows}):
        coupon_uses.online(connection, brand_id, channel)
