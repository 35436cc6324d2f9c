"""How feed rows become replica rows, and members and coupons again. Called by agent.db.replica in its transactions.

Every row is an upsert or a tombstone, so applying a page twice changes nothing.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from agent.sqlite import Connection
from sync.protocol import CouponRow, FeedRow, IdentityRow, ItemRow, MemberRow, MerchantRow, RulesRow

MEMBER_FACTS: Final = (
    "sv_principal_fen", "sv_gift_fen", "expiring_points", "expiring_day", "month", "month_spend_fen", "birthday",
    "growth", "next_tier_id", "next_tier_growth", "first_order", "frozen", "frozen_at_ms", "quarter",
    "quarter_spend_fen", "quarter_visits", "quarter_invites",
)  # fmt: skip
"""Columns that have the names of MemberRow's fields; `cards` is kept as JSON."""
MEMBER_COLUMNS: Final = ("tier_id", "points", "masked", "pull_no", "known", "cards", *MEMBER_FACTS)
"""What the replica keeps of a member beside `member_id`."""
_AS_THEY_COME: Final = ("member_id", "tier_id", "points", "masked", *MEMBER_FACTS)
_NOTHING: Final = vars(MemberRow(member_id="m", tier_id="none", points=0, masked="", deleted=True))
_UPSERT_MEMBER: Final = (
    f"INSERT INTO members (member_id, {', '.join(MEMBER_COLUMNS)})"
    f" VALUES (:member_id, {', '.join(':' + name for name in MEMBER_COLUMNS)})"
    f" ON CONFLICT (member_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in MEMBER_COLUMNS)}"
)


def remember_watermarks(connection: Connection, watermarks: Mapping[str, int]) -> int:
    """Store the page's watermarks under a pull number; the same watermarks keep the same number. 0 means none."""
    if not watermarks:
        return 0
    last = connection.execute("SELECT max(pull_no) FROM pulls").fetchone()[0] or 0
    rows = connection.execute("SELECT epoch, watermark FROM pulls WHERE pull_no = :pull", {"pull": last})
    if {row["epoch"]: row["watermark"] for row in rows} == dict(watermarks):
        return int(last)
    connection.executemany(
        "INSERT INTO pulls (pull_no, epoch, watermark) VALUES (:pull, :epoch, :watermark)",
        [{"pull": last + 1, "epoch": epoch, "watermark": seq} for epoch, seq in watermarks.items()],
    )
    return int(last) + 1


def apply_rows(connection: Connection, rows: Sequence[FeedRow], pull_no: int) -> None:
    """Apply feed rows in order."""
    for row in rows:
        match row:
            case MemberRow():
                _member(connection, row, pull_no)
            case IdentityRow():
                _identity(connection, row)
            case ItemRow():
                _item(connection, row)
            case MerchantRow():
                _merchant(connection, row)
            case CouponRow():
                _coupon(connection, row)
            case RulesRow():
                connection.execute(
                    "INSERT INTO rule_sets (version, body) VALUES (:version, :body) ON CONFLICT DO NOTHING",
                    {"version": row.version, "body": row.body},
                )


def member_values(facts: Mapping[str, Any], pull_no: int) -> dict[str, Any]:
    """Write MemberRow's fields as MEMBER_COLUMNS and `member_id`; of an erased member nothing but the id stays."""
    if facts["deleted"]:
        facts = {**_NOTHING, "member_id": facts["member_id"], "tier_id": facts["tier_id"], "points": facts["points"]}
    values = {name: facts[name] for name in _AS_THEY_COME}
    cards = [[c.card_id, c.name, c.left, c.total, c.price_fen, c.expires] for c in facts["cards"]]
    values["cards"] = json.dumps(cards, ensure_ascii=False) if cards else ""
    values["pull_no"] = pull_no
    values["known"] = int(not facts["deleted"])
    return values


def _member(connection: Connection, row: MemberRow, pull_no: int) -> None:
    connection.execute(_UPSERT_MEMBER, member_values(vars(row), pull_no))


def _identity(connection: Connection, row: IdentityRow) -> None:
    index = bytes.fromhex(row.index)
    key = {"head": struct.unpack(">q", index[:8])[0], "tail": index[8:]}
    if row.deleted:
        connection.execute("DELETE FROM identities WHERE head = :head AND tail = :tail", key)
        return
    # The member's own row may still be on its way; until it comes the placeholder is not `known` and is not found.
    connection.execute("INSERT INTO members (member_id) VALUES (:id) ON CONFLICT DO NOTHING", {"id": row.member_id})
    connection.execute(
        "INSERT INTO identities (head, tail, member_no)"
        " SELECT :head, :tail, member_no FROM members WHERE member_id = :id"
        " ON CONFLICT (head, tail) DO UPDATE SET member_no = excluded.member_no",
        {**key, "id": row.member_id},
    )


def _item(connection: Connection, row: ItemRow) -> None:
    if row.deleted:
        connection.execute("DELETE FROM items WHERE sku = :sku", {"sku": row.sku})
        return
    fields = {name: getattr(row, name) for name in type(row).model_fields if name not in ("kind", "deleted")}
    names = ", ".join(fields)
    connection.execute(
        f"INSERT OR REPLACE INTO items ({names}) VALUES ({', '.join(f':{name}' for name in fields)})", fields
    )


def _merchant(connection: Connection, row: MerchantRow) -> None:
    key = row.model_dump(exclude={"kind", "deleted"})
    if row.deleted:
        connection.execute(
            "DELETE FROM merchants WHERE mch_id = :mch_id AND sub_mch_id = :sub_mch_id"
            " AND brand_id = :brand_id AND store_id = :store_id",
            key,
        )
        return
    connection.execute(
        "INSERT OR IGNORE INTO merchants (mch_id, sub_mch_id, brand_id, store_id)"
        " VALUES (:mch_id, :sub_mch_id, :brand_id, :store_id)",
        key,
    )


def _coupon(connection: Connection, row: CouponRow) -> None:
    if row.deleted:
        connection.execute("DELETE FROM coupons WHERE coupon_id = :coupon_id", {"coupon_id": row.coupon_id})
        return
    values = row.model_dump(exclude={"kind", "deleted"})
    connection.execute(
        "INSERT INTO offers (batch_id, version, body) VALUES (:batch_id, :version, :body)"
        " ON CONFLICT (batch_id, version) DO UPDATE SET body = excluded.body WHERE body <> excluded.body",
        values,
    )
    connection.execute(
        "INSERT OR REPLACE INTO coupons (coupon_id, member_id, batch_id, version, state, start_day, end_day,"
        " claimed_at_ms) VALUES (:coupon_id, :member_id, :batch_id, :version, :state, :start_day, :end_day,"
        " :claimed_at_ms)",
        values,
    )
