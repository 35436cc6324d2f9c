"""Reservations of members (S11): a place in a slot, earlier for higher tiers, or one on its waiting list.

`reserve` and `cancel` are called by sync.hq.channel_events inside its transaction, which holds the brand: one after
another, so no slot takes more than its places. A place that becomes free goes to whoever has the highest priority, at
equal priority waited longest; they are told by a reminder.
"""

from typing import Any, Final

from agent.domain.business_day import business_day, local_time
from agent.domain.errors import Refusal
from agent.domain.rules import RuleSet
from sync.channel_protocol import ChannelEvent, Reserved, SlotOffer, SlotsOffered
from sync.hq import reminders
from sync.hq.bounds import SLOTS_LISTED
from sync.hq.channel_booked import Booked
from sync.hq.channels import Channel
from sync.hq.db.seam import Connection, Row
from sync.hq.keys import HqKeys

PLACE_FREE: Final = "place_free"
_NEXT: Final = "ORDER BY r.priority DESC, r.at_ms, r.channel, r.request_id"


def slot(connection: Connection, brand_id: str, slot_id: str) -> Row | None:
    """One slot of a brand."""
    row: Row | None = connection.execute(
        "SELECT * FROM slots WHERE brand_id = :brand AND slot_id = :slot", {"brand": brand_id, "slot": slot_id}
    ).fetchone()
    return row


def reserve(
    connection: Connection,
    keys: HqKeys,
    channel: Channel,
    rules: RuleSet,
    member_id: str,
    ask: ChannelEvent,
    now_ms: int,
) -> Booked:
    """Give a place, or with `wait` one on the waiting list.

    Refusal 404 SLOT_UNKNOWN, 409 RESERVATIONS_OFF, SLOT_CLOSED (it has begun), SLOT_NOT_OPEN (yet, for this tier),
    SLOT_RESERVED (by them already), SLOT_FULL.
    """
    if rules.reservations is None:
        raise Refusal("RESERVATIONS_OFF", "the rules in force allow no reservations", status=409)
    found = _open_slot(connection, channel.brand_id, ask.slot_id, now_ms)
    member = connection.execute("SELECT tier_id FROM members WHERE member_id = :id", {"id": member_id}).fetchone()
    opens = rules.reservations.opens(found["business_day"], member["tier_id"])
    if business_day(now_ms) < opens:
        why = f"members of tier {member['tier_id']} may reserve it from {opens}"
        raise Refusal("SLOT_NOT_OPEN", why, field="slot_id", status=409)
    key = {"brand": channel.brand_id, "slot": ask.slot_id, "member": member_id}
    held = connection.execute(
        "SELECT 1 FROM reservations WHERE brand_id = :brand AND slot_id = :slot AND member_id = :member"
        " AND state IN ('held', 'waiting')",
        key,
    ).fetchone()
    if held is not None:
        raise Refusal("SLOT_RESERVED", "this member has reserved it, or waits for it", field="slot_id", status=409)
    free = found["taken"] < found["capacity"]
    if not free and not ask.wait:
        raise Refusal("SLOT_FULL", "no place is free", hint="ask again with wait: true", field="slot_id", status=409)
    connection.execute(
        "INSERT INTO reservations (member_id, channel, request_id, brand_id, slot_id, state, priority, at_ms)"
        " VALUES (:member, :channel, :request, :brand, :slot, :state, :priority, :now)",
        {
            **key, "channel": channel.name, "request": ask.request_id, "state": "held" if free else "waiting",
            "priority": rules.reservations.priority(member["tier_id"]), "now": now_ms,
        },
    )  # fmt: skip
    if free:
        _take(connection, channel.brand_id, ask.slot_id, 1)
    place = 0 if free else _place(connection, channel, ask.slot_id, ask.request_id)
    said = Reserved(slot_id=ask.slot_id, state="held" if free else "waiting", place=place)
    return Booked(day=business_day(now_ms), more={"reservation": said})


def cancel(connection: Connection, channel: Channel, of: Row, now_ms: int) -> Booked:
    """Give a place back, or stop waiting; the next who waits gets it. Refusal 409 NOTHING_TO_RETURN, SLOT_CLOSED."""
    row = connection.execute(
        "SELECT slot_id, state FROM reservations WHERE member_id = :member AND channel = :channel AND request_id = :id",
        {"member": of["member_id"], "channel": of["channel"], "id": of["request_id"]},
    ).fetchone()
    if row is None or row["state"] == "cancelled":
        raise Refusal("NOTHING_TO_RETURN", "this reservation was cancelled before", field="of", status=409)
    found = slot(connection, channel.brand_id, row["slot_id"])
    if found is not None and found["starts_ms"] <= now_ms:
        raise Refusal("SLOT_CLOSED", "this slot has begun", field="of", status=409)
    _cancelled(connection, channel.brand_id, of["member_id"], row["slot_id"], now_ms)
    said = Reserved(slot_id=row["slot_id"], state="cancelled")
    return Booked(day=of["business_day"], more={"reservation": said})


def forget(connection: Connection, brand_id: str, member_id: str, now_ms: int) -> None:
    """An erased member gives every place back; what has begun stays in the list of its day under a random id."""
    rows = connection.execute(
        "SELECT r.slot_id FROM reservations r JOIN slots s ON s.brand_id = r.brand_id AND s.slot_id = r.slot_id"
        " WHERE r.member_id = :id AND r.state IN ('held', 'waiting') AND s.starts_ms > :now ORDER BY r.slot_id",
        {"id": member_id, "now": now_ms},
    ).fetchall()
    for row in rows:
        _cancelled(connection, brand_id, member_id, row["slot_id"], now_ms)


def promote(connection: Connection, brand_id: str, slot_id: str, now_ms: int) -> None:
    """Give free places of a slot that has not begun to those who wait; each is told."""
    key: dict[str, Any] = {"brand": brand_id, "slot": slot_id}
    found = slot(connection, brand_id, slot_id)
    if found is None or found["is_off"] or found["starts_ms"] <= now_ms:
        return
    rows = connection.execute(
        "SELECT r.member_id, r.channel, r.request_id FROM reservations r JOIN members m ON m.member_id = r.member_id"
        " WHERE r.brand_id = :brand AND r.slot_id = :slot AND r.state = 'waiting' AND m.status = 'active'"
        f" {_NEXT} LIMIT :limit",
        {**key, "limit": found["capacity"] - found["taken"]},
    ).fetchall()
    for row in rows:
        connection.execute(
            "UPDATE reservations SET state = 'held' WHERE member_id = :member AND channel = :channel"
            " AND request_id = :request",
            {"member": row["member_id"], "channel": row["channel"], "request": row["request_id"]},
        )
        facts = {"slot_id": slot_id, "service": found["service"], "starts_ms": found["starts_ms"]}
        name = f"{PLACE_FREE}.{row['channel']}.{row['request_id']}"
        due = reminders.Due(row["member_id"], name, PLACE_FREE, facts)
        reminders.put(connection, brand_id, due, facts, (now_ms, found["starts_ms"]))
    _take(connection, brand_id, slot_id, len(rows))


def offered(connection: Connection, brand_id: str, day: str) -> SlotsOffered:
    """The slots of a day, in order of time, as a channel shows them."""
    found = []
    for row in _of_day(connection, brand_id, day, ""):
        starts = local_time(row["starts_ms"]).isoformat(timespec="minutes")
        found.append(
            SlotOffer(
                slot_id=row["slot_id"], store_id=row["store_id"], service=row["service"], starts=starts,
                minutes=row["minutes"], left=row["capacity"] - row["taken"], waiting=row["waiting"],
            )
        )  # fmt: skip
    return SlotsOffered(slots=found)


def listed(connection: Connection, brand_id: str, day: str, store_id: str) -> list[dict[str, Any]]:
    """Who comes on a day, for the people of a store: slots in order of time, places held before those who wait."""
    rows = connection.execute(
        "SELECT s.slot_id, s.store_id, s.service, s.starts_ms, r.state, r.member_id, m.masked FROM slots s"
        " JOIN reservations r ON r.brand_id = s.brand_id AND r.slot_id = s.slot_id AND r.state <> 'cancelled'"
        " JOIN members m ON m.member_id = r.member_id WHERE s.brand_id = :brand AND s.business_day = :day"
        " AND (:store = '' OR s.store_id = :store) ORDER BY s.starts_ms, s.slot_id, r.state, r.priority DESC, r.at_ms,"
        " r.channel, r.request_id LIMIT :limit",
        {"brand": brand_id, "day": day, "store": store_id, "limit": SLOTS_LISTED},
    ).fetchall()
    return [dict(row) for row in rows]


# --- places ---------------------------------------------------------------------------------------------------------
def _of_day(connection: Connection, brand_id: str, day: str, store_id: str) -> list[Row]:
    return connection.execute(
        "SELECT s.*, (SELECT COUNT(*) FROM reservations r WHERE r.brand_id = s.brand_id AND r.slot_id = s.slot_id"
        "  AND r.state = 'waiting') AS waiting FROM slots s WHERE s.brand_id = :brand AND s.business_day = :day"
        " AND s.is_off = 0 AND (:store = '' OR s.store_id = :store) ORDER BY s.starts_ms, s.slot_id LIMIT :limit",
        {"brand": brand_id, "day": day, "store": store_id, "limit": SLOTS_LISTED},
    ).fetchall()


def _open_slot(connection: Connection, brand_id: str, slot_id: str, now_ms: int) -> Row:
    found = slot(connection, brand_id, slot_id)
    if found is None or found["is_off"]:
        raise Refusal("SLOT_UNKNOWN", "this brand offers no such slot", field="slot_id", status=404)
    if found["starts_ms"] <= now_ms:
        raise Refusal("SLOT_CLOSED", "this slot has begun", field="slot_id", status=409)
    return found


def _cancelled(connection: Connection, brand_id: str, member_id: str, slot_id: str, now_ms: int) -> None:
    key = {"brand": brand_id, "slot": slot_id, "member": member_id}
    held = connection.execute(
        "SELECT COUNT(*) FROM reservations WHERE brand_id = :brand AND slot_id = :slot AND member_id = :member"
        " AND state = 'held'",
        key,
    ).fetchone()[0]
    connection.execute(
        "UPDATE reservations SET state = 'cancelled' WHERE brand_id = :brand AND slot_id = :slot"
        " AND member_id = :member AND state <> 'cancelled'",
        key,
    )
    _take(connection, brand_id, slot_id, -held)
    promote(connection, brand_id, slot_id, now_ms)


def _take(connection: Connection, brand_id: str, slot_id: str, places: int) -> None:
    connection.execute(
        "UPDATE slots SET taken = taken + :places WHERE brand_id = :brand AND slot_id = :slot",
        {"places": places, "brand": brand_id, "slot": slot_id},
    )


def _place(connection: Connection, channel: Channel, slot_id: str, request_id: str) -> int:
    rows = connection.execute(
        f"SELECT r.channel, r.request_id FROM reservations r WHERE r.brand_id = :brand AND r.slot_id = :slot"
        f" AND r.state = 'waiting' {_NEXT}",
        {"brand": channel.brand_id, "slot": slot_id},
    ).fetchall()
    return [(row["channel"], row["request_id"]) for row in rows].index((channel.name, request_id)) + 1
