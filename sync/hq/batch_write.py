"""Writing coupon batches: a change makes a new version, a published version is never edited (S46).

Called by sync.hq.importer inside its transactions.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.domain.digest import canonical
from sync.hq.coupon_csv import BatchEntry
from sync.hq.csv_file import Fault
from sync.hq.db.seam import Connection
from sync.hq.enrol import brand_row
from sync.hq.feeds import hold_brand
from sync.hq.row_write import Written

_SEALS_READ = 1000  # LIMIT: the latest seals of a brand say enough about its average ticket


@dataclass(slots=True)
class BatchTable:
    """Coupon batches of one brand, keyed by batch id; the newest version is what new coupons are issued under."""

    brand_id: str
    at_ms: int
    seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, brand_id: str, at_ms: int) -> "BatchTable":
        """Prepare; Refusal BRAND_UNKNOWN."""
        brand_row(connection, brand_id)
        return cls(brand_id, at_ms)

    def check(self, connection: Connection, chunk: Sequence[BatchEntry]) -> list[Fault]:
        """Refuse a batch that came on an earlier line, a stock below what was issued (S47), stores of nobody (S49)."""
        faults = []
        for entry in chunk:
            before = self.seen.setdefault(entry.batch_id, entry.line)
            issued = issued_of(connection, self.brand_id, entry.batch_id)
            if before != entry.line:
                faults.append(Fault(entry.line, f"batch_id {entry.batch_id} is on line {before} already"))
            elif entry.released is not None and entry.released < issued:
                faults.append(Fault(entry.line, f"released {entry.released}: {issued} are issued already (S47)"))
            strange = self._strange(connection, entry)
            if strange:
                faults.append(Fault(entry.line, f"stores: this brand has no store {', '.join(strange)} (S49)"))
        return faults

    def _strange(self, connection: Connection, entry: BatchEntry) -> list[str]:
        """Stores that a batch names and that are not the brand's."""
        stores, issuer = entry.body.get("stores"), entry.body.get("issuer")
        named = {*map(str, stores if isinstance(stores, list) else []), *([str(issuer)] if issuer else [])}
        rows = connection.execute("SELECT store_id FROM stores WHERE brand_id = :brand", {"brand": self.brand_id})
        return sorted(named - {row["store_id"] for row in rows}) if named else []

    def lint(self, connection: Connection, chunk: Sequence[BatchEntry]) -> list[Fault]:
        """Warn of thresholds that are not 1.2 to 1.5 of the average ticket (S42)."""
        ticket = average_ticket(connection, self.brand_id)
        found = []
        for entry in chunk:
            least = entry.body.get("min_fen", 0)
            warning = threshold_warning(least, ticket) if entry.body.get("type") == "amount_off" else ""
            if warning:
                found.append(Fault(entry.line, f"min_yuan: {warning}"))
        return found

    def write(self, connection: Connection, chunk: Sequence[BatchEntry]) -> Written:
        """Write what changed as a new version; stocks are replaced."""
        hold_brand(connection, self.brand_id)
        created = updated = unchanged = 0
        for entry in chunk:
            body = canonical(dict(entry.body)).decode()
            held = newest(connection, self.brand_id, entry.batch_id)
            stocked = entry.released is not None and self._stock(connection, entry.batch_id, entry.released)
            if held is None or held[1] != body:
                self._publish(connection, entry.batch_id, 1 if held is None else held[0] + 1, body)
            created += held is None
            updated += held is not None and (held[1] != body or stocked)
            unchanged += held is not None and held[1] == body and not stocked
        return Written(created, updated, unchanged)

    def _publish(self, connection: Connection, batch_id: str, version: int, body: str) -> None:
        connection.execute(
            "INSERT INTO coupon_batches (brand_id, batch_id, version, body, created_at_ms)"
            " VALUES (:brand_id, :batch_id, :version, :body, :at_ms)",
            {"brand_id": self.brand_id, "batch_id": batch_id, "version": version, "body": body, "at_ms": self.at_ms},
        )

    def _stock(self, connection: Connection, batch_id: str, released: int) -> bool:
        """Set how many may be issued; whether that is news."""
        key = {"brand_id": self.brand_id, "batch_id": batch_id, "released": released}
        if stock_of(connection, self.brand_id, batch_id) == released:
            return False
        connection.execute(
            "INSERT INTO coupon_stocks (brand_id, batch_id, released) VALUES (:brand_id, :batch_id, :released)"
            " ON CONFLICT (brand_id, batch_id) DO UPDATE SET released = excluded.released",
            key,
        )
        return True


def newest(connection: Connection, brand_id: str, batch_id: str) -> tuple[int, str] | None:
    """Version and body of a batch's newest version."""
    row = connection.execute(
        "SELECT version, body FROM coupon_batches WHERE brand_id = :brand_id AND batch_id = :batch_id"
        " ORDER BY version DESC LIMIT 1",
        {"brand_id": brand_id, "batch_id": batch_id},
    ).fetchone()
    return None if row is None else (int(row["version"]), str(row["body"]))


def stock_of(connection: Connection, brand_id: str, batch_id: str) -> int | None:
    """How many coupons of a batch may be issued in all; None is no limit."""
    row = connection.execute(
        "SELECT released FROM coupon_stocks WHERE brand_id = :brand_id AND batch_id = :batch_id",
        {"brand_id": brand_id, "batch_id": batch_id},
    ).fetchone()
    return None if row is None else int(row["released"])


def issued_of(connection: Connection, brand_id: str, batch_id: str) -> int:
    """How many coupons of a batch were issued, withdrawn ones included."""
    row = connection.execute(
        "SELECT count(*) AS issued FROM coupons WHERE brand_id = :brand_id AND batch_id = :batch_id",
        {"brand_id": brand_id, "batch_id": batch_id},
    ).fetchone()
    return int(row["issued"])


def average_ticket(connection: Connection, brand_id: str) -> int:
    """Fen of the brand's average proven sale, from its latest seals; 0 before there is one."""
    rows = connection.execute(
        "SELECT l.totals FROM seals l JOIN workstations w ON w.workstation_id = l.workstation_id"
        " JOIN stores s ON s.store_id = w.store_id WHERE s.brand_id = :brand_id ORDER BY l.place DESC LIMIT :limit",
        {"brand_id": brand_id, "limit": _SEALS_READ},
    )
    sales = sum_fen = 0
    for row in rows:
        for _day, kind, state, count, payable_fen, _points in json.loads(row["totals"]):
            if (kind, state) == ("sale", "ok"):
                sales, sum_fen = sales + count, sum_fen + payable_fen
    return sum_fen // sales if sales else 0


def threshold_warning(least_fen: object, ticket_fen: int) -> str:
    """Say when a threshold is not 1.2 to 1.5 of the average ticket (S42); "" when it is, or nothing is known.

    >>> threshold_warning(3000, 5000)
    '30.00 yuan is not 1.2 to 1.5 of the average ticket of 50.00 yuan (S42)'
    """
    if not isinstance(least_fen, int) or not least_fen or not ticket_fen:
        return ""
    if 12 * ticket_fen <= 10 * least_fen <= 15 * ticket_fen:
        return ""
    return f"{_yuan(least_fen)} yuan is not 1.2 to 1.5 of the average ticket of {_yuan(ticket_fen)} yuan (S42)"


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
