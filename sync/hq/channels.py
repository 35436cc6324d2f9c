"""Online channels of a brand: who they are, their token and key, and what they are shown of members.

Called by sync.hq.members_office and sync.hq.channel_calls inside their transactions. The token is kept as a hash and
shown once; the key signs what HQ pushes.
"""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agent.domain.errors import Refusal
from sync.channel_protocol import MemberRef, MemberState
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import brand_row, index_key
from sync.hq.keys import HqKeys
from sync.hq.member_rows import MEMBER_SELECT, member_row
from sync.hq.signed_posts import is_address
from sync.protocol import Feed, identity_index

TOKEN_BYTES: Final = 32
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9\-]{0,31}")


@dataclass(frozen=True, slots=True)
class Channel:
    """One online channel of one brand."""

    name: str
    brand_id: str
    url: str


@dataclass(frozen=True, slots=True)
class Given:
    """What a channel is told once: its token for calling HQ, and the key by which it knows HQ's pushes."""

    token: str = field(repr=False)
    key: str = field(repr=False)


def put(
    connection: Connection, keys: HqKeys, name: str, brand_id: str, url: str, token: bytes, key: bytes, now_ms: int
) -> Given:
    """Enter a channel, or give it a new token and key and another address. It is told of changes from now on.

    Refusal CHANNEL_INVALID, CHANNEL_TAKEN (another brand's), BRAND_UNKNOWN.
    """
    brand_row(connection, brand_id)
    if not _NAME.fullmatch(name) or (url and not is_address(url)):
        hint = "the address begins with https:// (http only on this machine)"
        raise Refusal("CHANNEL_INVALID", "a name needs 1 to 32 of a-z 0-9 -", hint=hint, field="channel")
    held = connection.execute("SELECT brand_id FROM channels WHERE channel = :name", {"name": name}).fetchone()
    if held is not None and held["brand_id"] != brand_id:
        raise Refusal("CHANNEL_TAKEN", "another brand has a channel of this name", field="channel", status=409)
    text = base64.urlsafe_b64encode(token).decode().rstrip("=")
    seen = connection.execute(
        "SELECT last_no FROM feed_counters WHERE brand_id = :brand AND feed = :feed",
        {"brand": brand_id, "feed": Feed.MEMBERS.value},
    ).fetchone()["last_no"]
    connection.execute(
        "INSERT INTO channels (channel, brand_id, token_sha256, url, key_sealed, seen_no, at_ms)"
        " VALUES (:name, :brand, :token, :url, :key, :seen, :now) ON CONFLICT (channel) DO UPDATE SET"
        " token_sha256 = excluded.token_sha256, url = excluded.url, key_sealed = excluded.key_sealed,"
        " revoked_at_ms = NULL",
        {
            "name": name, "brand": brand_id, "token": _hash(text), "url": url, "seen": seen, "now": now_ms,
            "key": keys.seal("channels", "key", name, key),
        },
    )  # fmt: skip
    return Given(text, key.hex())


def revoke(connection: Connection, name: str, now_ms: int) -> None:
    """Refuse a channel from now on, and push nothing to it. Refusal 404 CHANNEL_UNKNOWN."""
    done = connection.execute(
        "UPDATE channels SET revoked_at_ms = :now WHERE channel = :name AND revoked_at_ms IS NULL",
        {"now": now_ms, "name": name},
    )
    if done.rowcount != 1:
        raise Refusal("CHANNEL_UNKNOWN", "there is no such channel", field="channel", status=404)


def of_token(connection: Connection, token: str) -> Channel | None:
    """The channel that calls with a token, None for an unknown or revoked one."""
    row = connection.execute(
        "SELECT channel, brand_id, url FROM channels WHERE token_sha256 = :hash AND revoked_at_ms IS NULL",
        {"hash": _hash(token)},
    ).fetchone()
    return None if row is None else Channel(*row)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


# --- members as channels see them -----------------------------------------------------------------------------------
def resolve(connection: Connection, keys: HqKeys, brand_id: str, ref: MemberRef) -> str:
    """The member a channel names; Refusal 404 MEMBER_UNKNOWN."""
    if ref.member_id:
        row = connection.execute(
            "SELECT member_id FROM members WHERE member_id = :id AND brand_id = :brand AND status = 'active'",
            {"id": ref.member_id, "brand": brand_id},
        ).fetchone()
    else:
        kind: Literal["code", "wx"] = "code" if ref.member_code else "wx"
        value = ref.member_code or f"{ref.appid}:{ref.openid}"
        row = connection.execute(
            "SELECT member_id FROM identities WHERE brand_id = :brand AND identity_index = :index AND deleted = 0",
            {"brand": brand_id, "index": identity_index(index_key(connection, keys, brand_id), kind, value)},
        ).fetchone()
    if row is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", field="member", status=404)
    return str(row["member_id"])


def member_of(connection: Connection, member_id: str) -> Row:
    """One member as the feed has them."""
    row: Row = connection.execute(f"{MEMBER_SELECT} WHERE m.member_id = :id", {"id": member_id}).fetchone()
    return row


def state_of(connection: Connection, member_id: str) -> MemberState:
    """What a channel is shown of a member."""
    row = member_of(connection, member_id)
    told: Any = member_row(connection, row)
    if told.deleted:
        return MemberState(member_id=member_id, number=row["feed_no"], deleted=True)
    return MemberState(
        member_id=member_id,
        number=row["feed_no"],
        tier_id=told.tier_id,
        points=told.points,
        growth=told.growth,
        sv_principal_fen=told.sv_principal_fen,
        sv_gift_fen=told.sv_gift_fen,
        frozen=told.frozen,
    )
