"""Balances that online channels must still be told, in rows, so that a restart goes on where it stopped (S64, S65).

Called by sync.hq.channel_worker and sync.hq.members_office inside their transactions. The members' own feed says who
changed; what is sent is how they stand now, so a push that was missed is made good by the next.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from sync.channel_protocol import ChannelPush
from sync.hq import channels
from sync.hq.bounds import CHANNEL_PUSHES_A_LOOK, CHANNEL_TRIES, CHANNEL_WAITS_S, DIFFERENCES_LISTED
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys

_LIVE = "url <> '' AND revoked_at_ms IS NULL"


@dataclass(frozen=True, slots=True)
class Due:
    """One push to make now."""

    channel: str
    member_id: str
    url: str
    tries: int
    push: ChannelPush
    key: bytes = field(repr=False)


def listening(connection: Connection) -> bool:
    """Whether any channel wants pushes."""
    return connection.execute(f"SELECT 1 FROM channels WHERE {_LIVE} LIMIT 1").fetchone() is not None


def look(connection: Connection, now_ms: int) -> bool:
    """Queue members whose rows moved in their feed since the last look; False when there were none."""
    moved = False
    rows = connection.execute(f"SELECT channel, brand_id, seen_no FROM channels WHERE {_LIVE} ORDER BY channel")
    for row in rows.fetchall():
        members = connection.execute(
            "SELECT member_id, feed_no FROM members WHERE brand_id = :brand AND feed_no > :seen"
            " ORDER BY feed_no LIMIT :limit",
            {"brand": row["brand_id"], "seen": row["seen_no"], "limit": CHANNEL_PUSHES_A_LOOK},
        ).fetchall()
        for one in members:
            _want(connection, row["channel"], one["member_id"], one["feed_no"], now_ms)
        if members:
            moved = True
            connection.execute(
                "UPDATE channels SET seen_no = :seen WHERE channel = :channel",
                {"seen": members[-1]["feed_no"], "channel": row["channel"]},
            )
    return moved


def _want(connection: Connection, channel: str, member_id: str, feed_no: int, now_ms: int) -> None:
    connection.execute(
        "INSERT INTO channel_pushes (member_id, channel, push_id, feed_no, state, due_at_ms, since_ms)"
        " VALUES (:member, :channel, :push, :no, 'waiting', :now, :now) ON CONFLICT (member_id, channel) DO UPDATE SET"
        " push_id = excluded.push_id, feed_no = excluded.feed_no, state = 'waiting', code = '', tries = 0,"
        " due_at_ms = excluded.due_at_ms, since_ms = excluded.since_ms"
        " WHERE channel_pushes.feed_no <> excluded.feed_no",
        {
            "member": member_id, "channel": channel, "no": feed_no, "now": now_ms,
            "push": _push_id(channel, member_id, feed_no),
        },
    )  # fmt: skip


def _push_id(channel: str, member_id: str, feed_no: int) -> str:
    """The same for the same change, whoever makes it again."""
    return "p_" + hashlib.sha256(f"{channel}\n{member_id}\n{feed_no}".encode()).hexdigest()[:32]


def due(connection: Connection, keys: HqKeys, now_ms: int) -> list[Due]:
    """Pushes to make now, oldest first; each says how its member stands at this moment."""
    rows = connection.execute(
        "SELECT p.member_id, p.channel, p.tries, c.url, c.key_sealed FROM channel_pushes p"
        f" JOIN channels c ON c.channel = p.channel AND {_LIVE} WHERE p.state = 'waiting' AND p.due_at_ms <= :now"
        " ORDER BY p.due_at_ms, p.channel, p.member_id LIMIT :limit",
        {"now": now_ms, "limit": CHANNEL_PUSHES_A_LOOK},
    ).fetchall()
    found = []
    for row in rows:
        state = channels.state_of(connection, row["member_id"])
        push = ChannelPush(push_id=_push_id(row["channel"], row["member_id"], state.number), member=state)
        key = keys.open("channels", "key", row["channel"], bytes(row["key_sealed"]))
        found.append(Due(row["channel"], row["member_id"], row["url"], row["tries"], push, key))
    return found


def told(connection: Connection, one: Due) -> None:
    """A channel took a push; what changed meanwhile stays due."""
    connection.execute(
        "UPDATE channel_pushes SET state = 'equal', tries = 0, code = '' WHERE member_id = :member"
        " AND channel = :channel AND feed_no <= :no",
        {"member": one.member_id, "channel": one.channel, "no": one.push.member.number},
    )


def failed(connection: Connection, one: Due, code: str, now_ms: int) -> None:
    """A channel did not take it: three tries within ten minutes, then a person (S65)."""
    stuck = one.tries + 1 >= CHANNEL_TRIES
    wait_s = 0 if stuck else CHANNEL_WAITS_S[one.tries]
    connection.execute(
        "UPDATE channel_pushes SET tries = :tries, code = :code, state = :state, due_at_ms = :due"
        " WHERE member_id = :member AND channel = :channel AND state = 'waiting' AND tries = :before",
        {
            "tries": one.tries + 1, "before": one.tries, "code": code[:64], "due": now_ms + wait_s * 1000,
            "state": "stuck" if stuck else "waiting", "member": one.member_id, "channel": one.channel,
        },
    )  # fmt: skip


def stuck(connection: Connection) -> list[dict[str, Any]]:
    """Pushes that wait for a person."""
    rows = connection.execute(
        "SELECT channel, member_id, code, tries, since_ms FROM channel_pushes WHERE state = 'stuck'"
        " ORDER BY channel, member_id LIMIT :limit",
        {"limit": DIFFERENCES_LISTED},
    )
    return [dict(row) for row in rows]


def retry(connection: Connection, channel: str, now_ms: int) -> int:
    """Begin stuck pushes of a channel anew; how many."""
    return connection.execute(
        "UPDATE channel_pushes SET state = 'waiting', tries = 0, due_at_ms = :now WHERE channel = :channel"
        " AND state = 'stuck'",
        {"now": now_ms, "channel": channel},
    ).rowcount
