"""Writing members and their identities: random ids, keyed indexes, sealed values; erasing them again.

Called by sync.hq.importer and sync.hq.service inside their transactions. No identity in the clear reaches the database.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.ports import Entropy
from sync.hq import coupon_write, member_pins, sms_codes
from sync.hq.csv_file import Fault
from sync.hq.db.seam import Connection
from sync.hq.enrol import index_key
from sync.hq.feeds import hold_brand, reserve
from sync.hq.keys import HqKeys
from sync.hq.member_csv import Kind, MemberEntry
from sync.hq.row_write import Written
from sync.protocol import Feed, identity_index

_ID_BYTES = 10


@dataclass(slots=True)
class MemberTable:
    """Members of one brand, found through the index of their member number."""

    brand_id: str
    keys: HqKeys
    entropy: Entropy
    index_key: bytes = field(repr=False)
    tier_ids: frozenset[str] | None
    """Tiers of the newest rule set, None while there is none."""
    seen: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, keys: HqKeys, entropy: Entropy, brand_id: str) -> "MemberTable":
        """Read key and tiers of the brand; Refusal BRAND_UNKNOWN."""
        rules = connection.execute(
            "SELECT body FROM rule_sets WHERE brand_id = :brand_id ORDER BY version DESC LIMIT 1",
            {"brand_id": brand_id},
        ).fetchone()
        tiers = None if rules is None else frozenset(tier["tier_id"] for tier in json.loads(rules["body"])["tiers"])
        return cls(brand_id, keys, entropy, index_key(connection, keys, brand_id), tiers)

    def _indexes(self, entry: MemberEntry) -> list[tuple[str, str, bytes]]:
        """(kind, value, index) of everything that recognises the member; the member number comes first."""
        found: list[tuple[str, str, bytes]] = [
            (kind, value, identity_index(self.index_key, kind, value)) for kind, value in entry.identities
        ]
        if entry.phone:
            found.append(("phone", entry.phone, self.keys.phone_index(self.brand_id, entry.phone)))
        return found

    def _owner(self, connection: Connection, index: bytes) -> str | None:
        row = connection.execute(
            "SELECT member_id FROM identities WHERE brand_id = :brand_id AND identity_index = :index AND deleted = 0",
            {"brand_id": self.brand_id, "index": index},
        ).fetchone()
        return None if row is None else str(row["member_id"])

    def owner(self, connection: Connection, kind: Kind, value: str) -> str | None:
        """The member an identity names; None for one of nobody, or of somebody erased."""
        return self._owner(connection, identity_index(self.index_key, kind, value))

    def bind(self, connection: Connection, member_id: str, identities: Sequence[tuple[Kind, str]]) -> None:
        """Let more identities, which name nobody else, recognise a member."""
        indexes = [(kind, value, identity_index(self.index_key, kind, value)) for kind, value in identities]
        self._write_identities(connection, self._fresh(connection, member_id, indexes))

    def check(self, connection: Connection, chunk: Sequence[MemberEntry]) -> list[Fault]:
        """Refuse unknown tiers, and numbers, cards, phones and identities that belong to somebody else."""
        faults = []
        for entry in chunk:
            reason = self._objection(connection, entry)
            if reason:
                faults.append(Fault(entry.line, reason))
        return faults

    def _objection(self, connection: Connection, entry: MemberEntry) -> str:
        if self.tier_ids is not None and entry.tier_id not in self.tier_ids:
            return f"tier_id {entry.tier_id!r} is not in the newest rule set"
        coming = entry.facts.get("next_tier_id")
        if self.tier_ids is not None and coming is not None and coming not in self.tier_ids:
            return f"next_tier_id {coming!r} is not in the newest rule set"
        indexes = self._indexes(entry)
        clash = [(kind, self.seen[index]) for kind, _value, index in indexes if index in self.seen]
        if clash:
            kind, line = clash[0]
            return f"{_column(kind, kind == 'code' and indexes[0][2] in self.seen)} is on line {line} already"
        self.seen.update((index, entry.line) for _kind, _value, index in indexes)
        member_id = self._owner(connection, indexes[0][2])
        for kind, _value, index in indexes[1:]:
            owner = self._owner(connection, index)
            if owner is not None and owner != member_id:
                return f"{_column(kind, False)} belongs to another member"
        return ""

    def write(self, connection: Connection, chunk: Sequence[MemberEntry]) -> Written:
        """Write members, then their identities."""
        hold_brand(connection, self.brand_id)  # ORDER: before owners are looked up
        members: list[dict[str, Any]] = []
        identities: list[dict[str, Any]] = []
        created = 0
        for entry in chunk:
            indexes = self._indexes(entry)
            member_id = self._owner(connection, indexes[0][2])
            if member_id is None:
                created += 1
            wanted: dict[str, Any] = {
                "member_id": member_id or random_id("m", self.entropy.token(_ID_BYTES)),
                "tier_id": entry.tier_id,
                "opening_points": entry.points,
                "masked": entry.masked,
                **entry.facts,
            }
            fresh = self._fresh(connection, wanted["member_id"], indexes)
            identities.extend(fresh)
            if member_id is None or fresh or not self._same(connection, wanted):
                members.append(wanted)
        self._write_members(connection, members)
        self._write_identities(connection, identities)
        return Written(created, len(members) - created, len(chunk) - len(members))

    def _same(self, connection: Connection, wanted: dict[str, Any]) -> bool:
        row = connection.execute("SELECT * FROM members WHERE member_id = :member_id", wanted).fetchone()
        return all(row[name] == value for name, value in wanted.items())

    def _fresh(
        self, connection: Connection, member_id: str, indexes: Sequence[tuple[str, str, bytes]]
    ) -> list[dict[str, Any]]:
        fresh = []
        for kind, value, index in indexes:
            if self._owner(connection, index) == member_id:
                continue
            place = f"{self.brand_id}/{index.hex()}"
            sealed = None if kind == "phone" else self.keys.seal("identities", "value", place, value.encode())
            fresh.append({"kind": kind, "index": index, "member_id": member_id, "sealed": sealed})
        return fresh

    def _write_members(self, connection: Connection, members: Sequence[dict[str, Any]]) -> None:
        first = reserve(connection, self.brand_id, Feed.MEMBERS, len(members))
        connection.executemany(
            "INSERT INTO members (member_id, brand_id, tier_id, status, opening_points, masked, feed_no)"
            " VALUES (:member_id, :brand_id, :tier_id, 'active', :opening_points, :masked, :feed_no)"
            " ON CONFLICT (member_id) DO UPDATE SET tier_id = excluded.tier_id,"
            " opening_points = excluded.opening_points, masked = excluded.masked, feed_no = excluded.feed_no",
            [{**row, "brand_id": self.brand_id, "feed_no": first + place} for place, row in enumerate(members)],
        )
        for row in members:
            facts = [name for name in row if name not in ("member_id", "tier_id", "opening_points", "masked")]
            if facts:
                changes = ", ".join(f"{name} = :{name}" for name in facts)
                connection.execute(f"UPDATE members SET {changes} WHERE member_id = :member_id", row)

    def _write_identities(self, connection: Connection, identities: Sequence[dict[str, Any]]) -> None:
        phones = [row for row in identities if row["kind"] == "phone"]
        # A member has one phone; its index is in no feed, so the former one may simply go.
        connection.executemany("DELETE FROM identities WHERE member_id = :member_id AND kind = 'phone'", phones)
        fed = [row for row in identities if row["kind"] != "phone"]
        first = reserve(connection, self.brand_id, Feed.IDENTITIES, len(fed))
        numbered = [{**row, "feed_no": first + place} for place, row in enumerate(fed)]
        connection.executemany(
            "INSERT INTO identities (brand_id, identity_index, kind, member_id, value_sealed, deleted, feed_no)"
            " VALUES (:brand_id, :index, :kind, :member_id, :sealed, 0, :feed_no)"
            " ON CONFLICT (brand_id, identity_index) DO UPDATE SET member_id = excluded.member_id,"
            " value_sealed = excluded.value_sealed, deleted = 0, feed_no = excluded.feed_no"
            " WHERE identities.deleted = 1",
            [{"feed_no": None, **row, "brand_id": self.brand_id} for row in [*numbered, *phones]],
        )


def erase(connection: Connection, brand_id: str, member_id: str) -> None:
    """Forget who a member is: tombstones in the feeds, sealed values gone, books untouched. Refusal MEMBER_UNKNOWN."""
    found = connection.execute(
        "UPDATE members SET status = 'deleted', masked = '', birthday = '', feed_no = :feed_no"
        " WHERE member_id = :member_id AND brand_id = :brand_id",
        {"member_id": member_id, "brand_id": brand_id, "feed_no": reserve(connection, brand_id, Feed.MEMBERS, 1)},
    ).rowcount
    if found == 0:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)
    coupon_write.erase(connection, brand_id, member_id)
    connection.execute("DELETE FROM wechat_member_cards WHERE member_id = :id", {"id": member_id})
    member_pins.remove(connection, member_id)
    sms_codes.remove(connection, member_id)
    connection.execute("DELETE FROM identities WHERE member_id = :id AND kind = 'phone'", {"id": member_id})
    rows = connection.execute(
        "SELECT identity_index FROM identities WHERE member_id = :id AND deleted = 0", {"id": member_id}
    ).fetchall()
    first = reserve(connection, brand_id, Feed.IDENTITIES, len(rows))
    connection.executemany(
        "UPDATE identities SET deleted = 1, value_sealed = NULL, feed_no = :feed_no"
        " WHERE brand_id = :brand_id AND identity_index = :index",
        [
            {"feed_no": first + place, "brand_id": brand_id, "index": row["identity_index"]}
            for place, row in enumerate(rows)
        ],
    )


def _column(kind: str, is_number: bool) -> str:
    if kind == "code":
        return "member_number" if is_number else "a card code"
    return "the phone" if kind == "phone" else "a WeChat identity"
