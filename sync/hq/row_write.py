"""Writing items and merchants: what changed gets a new place in its feed, what did not stays where it is.

Called by sync.hq.importer inside its transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from agent.domain.errors import Refusal
from sync.hq.bounds import IMPORT_FAULTS
from sync.hq.csv_file import Fault
from sync.hq.db.seam import Connection
from sync.hq.enrol import brand_row
from sync.hq.feeds import hold_brand, reserve
from sync.hq.item_csv import Cells, RowEntry
from sync.protocol import Feed

_ITEM: Final = (
    "sku", "barcode", "name", "list_fen", "member_fen", "promo_fen",
    "no_member_discount", "earns", "by_weight", "deleted", "min_fen", "market_fen",
)  # fmt: skip
_MERCHANT: Final = ("mch_id", "sub_mch_id", "store_id", "deleted")


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction of an import did."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


def require_unchanged(found: Sequence[Fault]) -> None:
    """Refusal 409 IMPORT_OVERTAKEN where rows that were checked cannot be written any more; nothing of them is."""
    if found:
        why = "; ".join(f"line {fault.line}: {fault.reason}" for fault in found[:IMPORT_FAULTS])
        raise Refusal("IMPORT_OVERTAKEN", why, hint="it changed while the file was read; import it again", status=409)


def write_changed(
    connection: Connection, brand_id: str, feed: Feed, columns: Sequence[str], key: Sequence[str], rows: Sequence[Cells]
) -> Written:
    """Insert or update `rows` of the feed's table (named like the feed) and give each changed row a new feed number."""
    hold_brand(connection, brand_id)
    table = feed.value
    matches = " AND ".join(f"{name} = :{name}" for name in key)
    find = f"SELECT {', '.join(columns)} FROM {table} WHERE brand_id = :brand_id AND {matches}"
    changed: list[Cells] = []
    created = 0
    for row in rows:
        held = connection.execute(find, {"brand_id": brand_id, **row}).fetchone()
        if held is None:
            created += 1
        if held is None or dict(held) != row:
            changed.append(row)
    if changed:
        first = reserve(connection, brand_id, feed, len(changed))
        names = ["brand_id", *columns, "feed_no"]
        updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in ("brand_id", *key))
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
            f" ON CONFLICT (brand_id, {', '.join(key)}) DO UPDATE SET {updates}",
            [{"brand_id": brand_id, "feed_no": first + place, **row} for place, row in enumerate(changed)],
        )
    return Written(created, len(changed) - created, len(rows) - len(changed))


@dataclass(slots=True)
class ItemTable:
    """Articles of one brand, keyed by sku; a barcode names one live article of the file."""

    brand_id: str
    seen: dict[tuple[str, object], int] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, brand_id: str) -> "ItemTable":
        """Prepare; Refusal BRAND_UNKNOWN."""
        brand_row(connection, brand_id)
        return cls(brand_id)

    def check(self, _connection: Connection, chunk: Sequence[RowEntry]) -> list[Fault]:
        """Refuse a sku or barcode that came on an earlier line."""
        faults = []
        for entry in chunk:
            names = [("sku", entry.cells["sku"])]
            if entry.cells["barcode"] and not entry.cells["deleted"]:
                names.append(("barcode", entry.cells["barcode"]))
            for name in names:
                before = self.seen.setdefault(name, entry.line)
                if before != entry.line:
                    faults.append(Fault(entry.line, f"{name[0]} {name[1]} is on line {before} already"))
                    break
        return faults

    def write(self, connection: Connection, chunk: Sequence[RowEntry]) -> Written:
        """Write articles."""
        rows = [entry.cells for entry in chunk]
        return write_changed(connection, self.brand_id, Feed.ITEMS, _ITEM, ("sku",), rows)


@dataclass(slots=True)
class MerchantTable:
    """Merchant scopes of one brand; a pair may serve several stores."""

    brand_id: str
    store_ids: frozenset[str]

    @classmethod
    def of(cls, connection: Connection, brand_id: str) -> "MerchantTable":
        """Read the brand's stores; Refusal BRAND_UNKNOWN."""
        brand_row(connection, brand_id)
        found = connection.execute("SELECT store_id FROM stores WHERE brand_id = :brand_id", {"brand_id": brand_id})
        return cls(brand_id, frozenset(row["store_id"] for row in found))

    def check(self, _connection: Connection, chunk: Sequence[RowEntry]) -> list[Fault]:
        """Refuse stores that are not of this brand."""
        return [
            Fault(entry.line, f"store {entry.cells['store_id']} is not a store of brand {self.brand_id}")
            for entry in chunk
            if entry.cells["store_id"] not in self.store_ids
        ]

    def write(self, connection: Connection, chunk: Sequence[RowEntry]) -> Written:
        """Write scopes."""
        rows = [entry.cells for entry in chunk]
        key = ("mch_id", "sub_mch_id", "store_id")
        return write_changed(connection, self.brand_id, Feed.MERCHANTS, _MERCHANT, key, rows)
