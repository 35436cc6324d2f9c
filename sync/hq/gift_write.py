"""Writing the catalogue of gifts (S30): what is offered, for how many points, how many there are.

Called by sync.hq.importer inside its transactions. What went out stays counted, whatever a file says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.domain.gift_rule import GiftMix
from sync.hq.batch_write import newest
from sync.hq.bounds import GIFTS
from sync.hq.csv_file import Fault
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import brand_row
from sync.hq.feeds import hold_brand
from sync.hq.gift_csv import GiftEntry
from sync.hq.row_write import Written, require_unchanged


@dataclass(slots=True)
class GiftTable:
    """Gifts of one brand, keyed by gift id."""

    brand_id: str
    mix: GiftMix
    seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, brand_id: str, mix: GiftMix) -> "GiftTable":
        """Prepare; Refusal BRAND_UNKNOWN."""
        brand_row(connection, brand_id)
        return cls(brand_id, mix)

    def check(self, connection: Connection, chunk: Sequence[GiftEntry]) -> list[Fault]:
        """Refuse a gift that came on an earlier line, batches of nobody, stocks below what went out, too many gifts."""
        held = {row["gift_id"]: row for row in gifts(connection, self.brand_id)}
        found = []
        for entry in chunk:
            before, there = self.seen.setdefault(entry.gift_id, entry.line), held.get(entry.gift_id)
            reasons = []
            if before != entry.line:
                reasons.append(f"gift_id {entry.gift_id} is on line {before} already")
            if there is not None and entry.stock is not None and entry.stock < there["given"]:
                reasons.append(f"stock {entry.stock}: {there['given']} went out already (S30)")
            if entry.batch_id and newest(connection, self.brand_id, entry.batch_id) is None:
                reasons.append(f"batch_id: there is no batch {entry.batch_id}")
            if len(held.keys() | self.seen.keys()) > GIFTS:
                reasons.append(f"gift_id: a brand has at most {GIFTS} gifts")
            if reasons:
                found.append(Fault(entry.line, "; ".join(reasons)))
        return found

    def lint(self, connection: Connection, chunk: Sequence[GiftEntry]) -> list[Fault]:
        """Warn where the catalogue with this file in it is far from the brand's mix (S30)."""
        kinds = {row["gift_id"]: row["kind"] for row in gifts(connection, self.brand_id) if not row["is_off"]}
        for entry in chunk:
            kinds[entry.gift_id] = entry.kind
            if entry.off:
                del kinds[entry.gift_id]
        offered = list(kinds.values())
        remark = self.mix.remark(offered.count("virtual"), offered.count("physical"))
        return [Fault(1, f"kind: {remark}")] if remark and chunk else []

    def write(self, connection: Connection, chunk: Sequence[GiftEntry]) -> Written:
        """Write what changed. Refusal IMPORT_OVERTAKEN."""
        hold_brand(connection, self.brand_id)
        require_unchanged(self.check(connection, chunk))  # ORDER: once held; gifts go out while a file is read
        held = {row["gift_id"]: row for row in gifts(connection, self.brand_id)}
        created = updated = 0
        for entry in chunk:
            wanted: dict[str, Any] = {
                "name": entry.name, "kind": entry.kind, "points": entry.points, "stock": entry.stock,
                "batch_id": entry.batch_id, "is_off": int(entry.off),
            }  # fmt: skip
            there = held.get(entry.gift_id)
            if there is not None and all(there[name] == value for name, value in wanted.items()):
                continue
            created += there is None
            updated += there is not None
            connection.execute(
                "INSERT INTO gifts (brand_id, gift_id, name, kind, points, stock, batch_id, is_off, given) VALUES"
                " (:brand, :gift, :name, :kind, :points, :stock, :batch_id, :is_off, 0) ON CONFLICT (brand_id, gift_id)"
                " DO UPDATE SET name = excluded.name, kind = excluded.kind, points = excluded.points,"
                " stock = excluded.stock, batch_id = excluded.batch_id, is_off = excluded.is_off",
                {**wanted, "brand": self.brand_id, "gift": entry.gift_id},
            )
        return Written(created, updated, len(chunk) - created - updated)


def gifts(connection: Connection, brand_id: str) -> list[Row]:
    """All gifts of a brand, in order of id."""
    return connection.execute(
        "SELECT * FROM gifts WHERE brand_id = :brand ORDER BY gift_id", {"brand": brand_id}
    ).fetchall()
