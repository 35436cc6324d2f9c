"""Linking a member of one brand to the same person's membership of another (S13), by consent on both sides.

`offer`, `link` and `unlink` are called by sync.hq.channel_events inside its transaction. The channel of the home brand
gets a code for the member, and the channel of the other brand hands it in: so both have asked, with time and text
version. A tier is lent one step only: who has theirs from another brand lends it to none, so no two hold each other up.
"""

import hashlib
from typing import Any, Final

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.domain.rules import RuleSet
from sync.channel_protocol import ChannelEvent, LinkSaid
from sync.hq import tiers_review
from sync.hq.bounds import DIFFERENCES_LISTED, KEEP_STEP_MEMBERS, LINK_CODE_BYTES, LINK_CODE_S, LINK_OTHER_DAYS
from sync.hq.channel_booked import Booked
from sync.hq.channels import Channel
from sync.hq.db.seam import Connection
from sync.hq.feeds import hold_brand
from sync.hq.keys import HqKeys
from sync.hq.member_standing import newest_rules, refresh
from sync.hq.recompute import RuleBook

_RUN: Final = "joint"
_LINKS: Final = "links"


def offer(
    connection: Connection, keys: HqKeys, channel: Channel, rules: RuleSet, member_id: str, ask: ChannelEvent,
    now_ms: int,
) -> Booked:  # fmt: skip
    """Give the home member a code for another brand. Refusal 409 JOINT_OFF (no agreement), LINK_TAKEN (a guest)."""
    _require_agreed(connection, rules, channel.brand_id, ask.brand_id)
    _require_free(connection, "member_id", member_id, "who has a tier from another brand lends it to none")
    mark = keys.mark("link", f"{channel.name}\n{ask.request_id}\n{member_id}".encode())
    code, until_ms = random_id("ln", mark[:LINK_CODE_BYTES]), now_ms + LINK_CODE_S * 1000
    connection.execute(
        "INSERT INTO link_offers (member_id, channel, request_id, brand_id, to_brand, code_sha256, consent, at_ms,"
        " until_ms) VALUES (:member, :channel, :request, :brand, :to, :code, :consent, :now, :until)",
        {
            "member": member_id, "channel": channel.name, "request": ask.request_id, "brand": channel.brand_id,
            "to": ask.brand_id, "code": _hash(code), "consent": ask.consent, "now": now_ms, "until": until_ms,
        },
    )  # fmt: skip
    said = LinkSaid(state="offered", brand_id=ask.brand_id, code=code, until_ms=until_ms)
    return Booked(day=business_day(now_ms), more={"link": said})


def link(
    connection: Connection, keys: HqKeys, channel: Channel, rules: RuleSet, member_id: str, ask: ChannelEvent,
    now_ms: int,
) -> Booked:  # fmt: skip
    """Link a member to whom the code was given, and give the tier that theirs is worth here.

    Refusal 404 LINK_UNKNOWN (no such code for this brand, used, or too old), 409 JOINT_OFF, LINK_TAKEN.
    """
    connection.hold(_LINKS)  # ORDER: after brand and member; the home is another brand's, held by others
    found = connection.execute(
        "SELECT * FROM link_offers WHERE code_sha256 = :code AND to_brand = :brand AND taken = 0 AND until_ms > :now",
        {"code": _hash(ask.code), "brand": channel.brand_id, "now": now_ms},
    ).fetchone()
    if found is None:
        raise Refusal("LINK_UNKNOWN", "this code is unknown, used or too old", field="code", status=404)
    _require_agreed(connection, rules, channel.brand_id, found["brand_id"])
    _require_free(connection, "member_id", member_id, "this member is linked already")
    _require_free(connection, "home_id", member_id, "who lends a tier to another brand gets none from one")
    _require_free(connection, "member_id", found["member_id"], "who has a tier from another brand lends it to none")
    _require_alone(connection, found["member_id"], channel.brand_id, member_id, now_ms)
    key = {"member": found["member_id"], "channel": found["channel"], "request": found["request_id"]}
    connection.execute(
        "UPDATE link_offers SET taken = 1 WHERE member_id = :member AND channel = :channel AND request_id = :request",
        key,
    )
    connection.execute(
        "INSERT INTO links (member_id, linked_at_ms, brand_id, consent, home_id, home_brand, home_consent, home_at_ms)"
        " VALUES (:guest, :now, :brand, :consent, :home, :home_brand, :home_consent, :home_at)",
        {
            "guest": member_id, "now": now_ms, "brand": channel.brand_id, "consent": ask.consent,
            "home": found["member_id"], "home_brand": found["brand_id"], "home_consent": found["consent"],
            "home_at": found["at_ms"],
        },
    )  # fmt: skip
    refresh(connection, channel.brand_id, rules, [member_id], now_ms)
    said = LinkSaid(state="linked", brand_id=found["brand_id"], tier_id=_tier(connection, member_id))
    return Booked(day=business_day(now_ms), more={"link": said})


def unlink(
    connection: Connection, keys: HqKeys, channel: Channel, rules: RuleSet, member_id: str, ask: ChannelEvent,
    now_ms: int,
) -> Booked:  # fmt: skip
    """End every link of a member, of either side; what was lent goes at the next review. Refusal 404 LINK_UNKNOWN."""
    if not forget(connection, member_id, now_ms):
        raise Refusal("LINK_UNKNOWN", "this member is linked to no other brand", field="member", status=404)
    return Booked(day=business_day(now_ms), more={"link": LinkSaid(state="ended")})


def forget(connection: Connection, member_id: str, now_ms: int) -> int:
    """End every link of a member; how many. Codes that were not used are void."""
    connection.hold(_LINKS)  # ORDER: after the brand; nobody takes a code of theirs meanwhile
    connection.execute("UPDATE link_offers SET taken = 1 WHERE member_id = :id AND taken = 0", {"id": member_id})
    return connection.execute(
        "UPDATE links SET ended_at_ms = :now WHERE (member_id = :id OR home_id = :id) AND ended_at_ms = 0",
        {"now": now_ms, "id": member_id},
    ).rowcount


def step(connection: Connection, brand_id: str, rules: RuleSet, now_ms: int) -> bool:
    """Once a business day, look whether homes have risen; False when all of today were looked at."""
    today = business_day(now_ms)
    if not rules.joint:
        return False
    connection.hold(f"joint {brand_id}")  # one step after another
    place = tiers_review.place_of(connection, brand_id, _RUN, today)
    if place is None:
        return False
    hold_brand(connection, brand_id)  # ORDER: before members are read
    ids = [
        row["member_id"]
        for row in connection.execute(
            "SELECT member_id FROM links WHERE brand_id = :brand AND ended_at_ms = 0 AND member_id > :after"
            " ORDER BY member_id LIMIT :limit",
            {"brand": brand_id, "after": place, "limit": KEEP_STEP_MEMBERS},
        ).fetchall()
    ]
    refresh(connection, brand_id, rules, ids, now_ms)
    more = len(ids) == KEEP_STEP_MEMBERS
    tiers_review.keep_place(connection, brand_id, _RUN, today, ids[-1] if ids else place, None if more else now_ms)
    return more


def listed(connection: Connection, brand_id: str) -> list[dict[str, Any]]:
    """Links of a brand, as guest or home, newest first, with both consents."""
    rows = connection.execute(
        "SELECT * FROM links WHERE brand_id = :brand OR home_brand = :brand ORDER BY linked_at_ms DESC, member_id"
        " LIMIT :limit",
        {"brand": brand_id, "limit": DIFFERENCES_LISTED},
    ).fetchall()
    return [dict(row) for row in rows]


def _require_agreed(connection: Connection, rules: RuleSet, brand_id: str, other: str) -> None:
    theirs = newest_rules(connection, RuleBook(), other)
    if other == brand_id or other not in rules.joint or brand_id not in theirs.joint:
        why = f"the rules of {brand_id} and {other or 'nobody'} do not name each other"
        raise Refusal("JOINT_OFF", why, field="brand_id", status=409)


def _require_free(connection: Connection, column: str, member_id: str, why: str) -> None:
    query = f"SELECT 1 FROM links WHERE {column} = :id AND ended_at_ms = 0"
    if connection.execute(query, {"id": member_id}).fetchone() is not None:
        raise Refusal("LINK_TAKEN", why, field="member", status=409)


def _require_alone(connection: Connection, home_id: str, brand_id: str, guest_id: str, now_ms: int) -> None:
    """One person has one membership of a brand: a home lends to one guest there, and not to one after the other.

    What was lent outlives its link until a review; of who was erased meanwhile nothing does.
    """
    found = connection.execute(
        "SELECT 1 FROM links l JOIN members m ON m.member_id = l.member_id AND m.status = 'active'"
        " WHERE l.home_id = :id AND l.brand_id = :brand"
        " AND (l.ended_at_ms = 0 OR (l.ended_at_ms > :since AND l.member_id <> :guest))",
        {"id": home_id, "brand": brand_id, "guest": guest_id, "since": now_ms - LINK_OTHER_DAYS * 86_400_000},
    ).fetchone()
    if found is not None:
        raise Refusal("LINK_TAKEN", "the other brand's member is, or was of late, linked to somebody else", status=409)


def _tier(connection: Connection, member_id: str) -> str:
    row = connection.execute("SELECT tier_id FROM members WHERE member_id = :id", {"id": member_id}).fetchone()
    return str(row["tier_id"])


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
