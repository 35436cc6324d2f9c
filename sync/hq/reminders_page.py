"""Reminders as they travel: `GET /v1/reminders` for HQ's messaging system.

Used by sync.hq.members_office. Readers of HQ's own get random member ids; a channel gets, of its own brand, the WeChat
identities to send to as well.
"""

import json
from typing import Any

from pydantic import Field

from sync.hq.db.seam import Connection, Row
from sync.hq.keys import HqKeys
from sync.message import Count, Message, Name


class Recipient(Message):
    """One openid as one appid knows it."""

    appid: str
    openid: str = Field(repr=False)


class Reminder(Message):
    """One reminder to send between two instants; the same id never comes under another number."""

    number: Count
    reminder_id: str
    """Unique with the member: what is told, of which day."""
    brand_id: Name
    member_id: Name
    kind: str
    """points_end, birthday, dormant_30, dormant_90 or place_free."""
    marketing: bool
    send_from_ms: Count
    send_until_ms: Count
    facts: dict[str, Any]
    to: list[Recipient] = Field(default_factory=list)


class ReminderPage(Message):
    """Reminders behind the number asked for; ask again from `cursor` until none come."""

    reminders: list[Reminder]
    cursor: Count


def reminder_of(connection: Connection, keys: HqKeys | None, row: Row) -> Reminder:
    """Read one row; with `keys` also whom to tell."""
    return Reminder(
        number=row["number"],
        reminder_id=row["reminder_id"],
        brand_id=row["brand_id"],
        member_id=row["member_id"],
        kind=row["kind"],
        marketing=bool(row["marketing"]),
        send_from_ms=row["from_ms"],
        send_until_ms=row["until_ms"],
        facts=json.loads(row["body"]),
        to=[] if keys is None else _recipients(connection, keys, row["brand_id"], row["member_id"]),
    )


def _recipients(connection: Connection, keys: HqKeys, brand_id: str, member_id: str) -> list[Recipient]:
    rows = connection.execute(
        "SELECT identity_index, value_sealed FROM identities WHERE member_id = :id AND kind = 'wx' AND deleted = 0"
        " ORDER BY feed_no",
        {"id": member_id},
    ).fetchall()
    found = []
    for row in rows:
        place = f"{brand_id}/{bytes(row['identity_index']).hex()}"
        appid, _, openid = keys.open("identities", "value", place, bytes(row["value_sealed"])).decode().partition(":")
        found.append(Recipient(appid=appid, openid=openid))
    return found
