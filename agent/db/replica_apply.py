"""How feed rows become replica rows, and members and coupons again. Called by agent.db.replica in its transactions.

Every row is an upsert or a tombstone, so applying a page twice changes nothing.
"""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from agent.sqlite import Connection
from sync.protocol import CouponRow, FeedRow, IdentityRow, ItemRow, MemberRow, MerchantRow, RulesRow

MEMBER_FACTS: Final = (
    "sv_principal_fen", "sv_gift_fen", "expiring_points", "expiring_day", "month", "month_spend_fen", "birthday",
    "growth", "next_tier_id", "next_tier_growth", "first_order", "frozen", "frozen_at_ms", "quarter",
    "quarter_spend_fen", "quarter_visits", "quarter_invites", "points_spent_at_ms", "coupon_used_at_ms",
)  # fmt: skip
"""Columns that have the names of MemberRow's fields; `cards` is kept as JSON."""
MEMBER_COLUMNS: Final = ("tier_id", "points", "masked", "pull_no", "known", "cards", *MEMBER_FACTS)
"""What the replica keeps of a member beside `member_id`."""
_FIRST: Final = ("member_id", "tier_id", "points", "masked")
_NOTHING: Final = vars(MemberRow(member_id="m", tier_id="none", points=0, masked="", deleted=True))
_UPSERT_MEMBER: Final = (
    f"INSERT INTO members (member_id, {', '.join(MEMBER_COLUMNS)}) VALUES (?{', ?' * len(MEMBER_COLUMNS)})"
    f" ON CONFLICT (member_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in MEMBER_COLUMNS)}"
)
_SPLIT: Final = struct.Struct(">q8s")
_PLACEHOLDER: Final = "INSERT INTO members (member_id) VALUES (?) ON CONFLICT DO NOTHING"
_UPSERT_IDENTITY: Final = (
    "INSERT INTO identities (head, tail, member_no) SELECT ?, ?, member_no FROM members WHERE member_id = ?"
    " ON CONFLICT (head, tail) DO UPDATE SET member_no = excluded.member_no"
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
    """Apply feed rows in order; members and identities, of which there are many, by one statement for a whole run."""
    for kind, run in groupby(rows, type):
        if kind is MemberRow:
            connection.executemany(_UPSERT_MEMBER, [_member(vars(row), pull_no) for row in run])
        elif kind is IdentityRow:
            _identities(connection, run)  # type: ignore[arg-type]  # groupby does not tell
        else:
            for row in run:
                _small(connection, row)


def _small(connection: Connection, row: FeedRow) -> None:
    match row:
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


def _member(facts: Mapping[str, Any], pull_no: int) -> list[Any]:
    """Write MemberRow's fields as `member_id` and MEMBER_COLUMNS; of an erased member nothing but the id stays."""
    if facts["deleted"]:
        facts = {**_NOTHING, "member_id": facts["member_id"], "tier_id": facts["tier_id"], "points": facts["points"]}
    cards = [(c.card_id, c.name, c.left, c.total, c.price_fen, c.expires) for c in facts["cards"]]
    known = not facts["deleted"]
    return [*map(facts.__getitem__, _FIRST), pull_no, known, cards_text(cards), *map(facts.__getitem__, MEMBER_FACTS)]


def cards_text(cards: Sequence[Sequence[int | str]]) -> str:
    """Write count cards (card_id, name, left, total, price_fen, expires) as the replica keeps them; none are ''.

    >>> cards_text([("c1", "十次卡", 9, 10, 12000, "2027-01-31")])
    '[["c1", "十次卡", 9, 10, 12000, "2027-01-31"]]'
    """
    return json.dumps([list(card) for card in cards], ensure_ascii=False) if cards else ""


def _identities(connection: Connection, rows: Iterable[IdentityRow]) -> None:
    # A run of rows for the same index ends at a tombstone, so that each is applied behind what came before it.
    for deleted, run in groupby(rows, lambda row: row.deleted):
        keys = [(*_SPLIT.unpack(bytes.fromhex(row.index)), row.member_id) for row in run]
        if deleted:
            connection.executemany("DELETE FROM identities WHERE head = ? AND tail = ?", [key[:2] for key in keys])
            continue
        # The member's own row may still be on its way; until it comes the placeholder is not `known` and is not found.
        connection.executemany(_PLACEHOLDER, [key[2:] for key in keys])
        connection.executemany(_UPSERT_IDENTITY, keys)


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
