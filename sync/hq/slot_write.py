"""Writing slots that members may reserve (S11). More places go to those who wait; what is reserved stays as it was.

Called by sync.hq.importer inside its transactions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sync.hq import reservations
from sync.hq.csv_file import Fault
from sync.hq.db.seam import Connection
from sync.hq.enrol import brand_row
from sync.hq.feeds import hold_brand
from sync.hq.row_write import Written, require_unchanged
from sync.hq.slot_csv import SlotEntry


@dataclass(slots=True)
class SlotTable:
    """Slots of one brand, keyed by slot id."""

    brand_id: str
    now_ms: int
    seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, brand_id: str, now_ms: int) -> "SlotTable":
        """Prepare; Refusal BRAND_UNKNOWN."""
        brand_row(connection, brand_id)
        return cls(brand_id, now_ms)

    def check(self, connection: Connection, chunk: Sequence[SlotEntry]) -> list[Fault]:
        """Refuse a slot that came on an earlier line, stores of nobody, and what would break a reservation."""
        stores = {
            row["store_id"]
            for row in connection.execute("SELECT store_id FROM stores WHERE brand_id = :b", {"b": self.brand_id})
        }
        found = []
        for entry in chunk:
            before = self.seen.setdefault(entry.slot_id, entry.line)
            held = reservations.slot(connection, self.brand_id, entry.slot_id)
            reasons = [] if before == entry.line else [f"slot_id {entry.slot_id} is on line {before} already"]
            reasons += [] if entry.store_id in stores else [f"store_id: this brand has no store {entry.store_id}"]
            if held is not None and held["taken"]:
                taken = f"{held['taken']} places are reserved"
                if entry.capacity < held["taken"]:
                    reasons.append(f"capacity {entry.capacity}: {taken}")
                moved = (entry.starts_ms, entry.store_id) != (held["starts_ms"], held["store_id"])
                reasons += [f"starts, store_id: {taken}"] if moved else []
                reasons += [f"off: {taken}"] if entry.off else []
            if reasons:
                found.append(Fault(entry.line, "; ".join(reasons)))
        return found

    def write(self, connection: Connection, chunk: Sequence[SlotEntry]) -> Written:
        """Write what changed; places that became free go to those who wait. Refusal IMPORT_OVERTAKEN."""
        hold_brand(connection, self.brand_id)
        require_unchanged(self.check(connection, chunk))  # ORDER: once held; members reserve while a file is read
        created = updated = 0
        for entry in chunk:
            wanted: dict[str, Any] = {
                "store_id": entry.store_id, "service": entry.service, "business_day": entry.business_day,
                "starts_ms": entry.starts_ms, "minutes": entry.minutes, "capacity": entry.capacity,
                "is_off": int(entry.off),
            }  # fmt: skip
            held = reservations.slot(connection, self.brand_id, entry.slot_id)
            if held is not None and all(held[name] == value for name, value in wanted.items()):
                continue
            created += held is None
            updated += held is not None
            connection.execute(
                "INSERT INTO slots (brand_id, slot_id, store_id, service, business_day, starts_ms, minutes, capacity,"
                " is_off, taken) VALUES (:brand, :slot, :store_id, :service, :business_day, :starts_ms, :minutes,"
                " :capacity, :is_off, 0) ON CONFLICT (brand_id, slot_id) DO UPDATE SET store_id = excluded.store_id,"
                " service = excluded.service, business_day = excluded.business_day, starts_ms = excluded.starts_ms,"
                " minutes = excluded.minutes, capacity = excluded.capacity, is_off = excluded.is_off",
                {**wanted, "brand": self.brand_id, "slot": entry.slot_id},
            )
            reservations.promote(connection, self.brand_id, entry.slot_id, self.now_ms)
        return Written(created, updated, len(chunk) - created - updated)
