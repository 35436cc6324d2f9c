"""The LeaseBooks port over books.db: what may be spent, what is promised to quotes, what should be closed.

Called by agent.leasing. Spending itself happens inside the transaction of the event that spends (agent.db.lease_rows).
"""

from collections.abc import Sequence

from agent.db.book_rows import current_epoch, require_epoch
from agent.db.lease_rows import PAGE, START, Place, moved_after, open_after, place_of
from agent.db.lease_rules import FREE, LIVE, USABLE
from agent.db.store import Store
from agent.domain.lease import ClosedLease, Closing, Lot, OpenedLease, short
from agent.lease_ports import OpenLease
from agent.limits import LEASE_IDLE_S, LEASES_AN_EVENT
from agent.proof_ports import Witness
from agent.sqlite import Connection, Row

_ORDER = "ORDER BY expires = '', expires, e.number, l.seq, l.lease_id"
_UNPROMISED = f"NOT EXISTS (SELECT 1 FROM lease_holds h WHERE h.lease_id = leases.lease_id AND {LIVE})"


class LeasesDb:
    """The LeaseBooks port over books.db."""

    def __init__(self, store: Store, witness: Witness | None = None) -> None:
        self._store = store
        self._witness = witness

    async def spendable(self, member_id: str, account: str, business_day: str, at_ms: int) -> list[Lot]:
        """Lots with something left that is promised to nobody, in the order of spending."""

        def work(connection: Connection) -> list[Lot]:
            rows = connection.execute(
                f"SELECT l.*, free FROM (SELECT *, {FREE} AS free FROM leases WHERE owner = :owner"
                f" AND account = :account AND {USABLE}) l JOIN epochs e ON e.epoch = l.epoch WHERE free > 0 {_ORDER}",
                {
                    "owner": member_id, "account": account, "epoch": require_epoch(connection),
                    "at": at_ms, "day": business_day,
                },
            )  # fmt: skip
            return [
                Lot(row["lease_id"], row["account"], row["owner"], row["bucket"], row["expires"], row["free"])
                for row in rows
            ]

        return await self._store.read(work)

    async def hold(self, lease_id: str, amount: int, hold_id: str, until_ms: int, at_ms: int, day: str) -> None:
        """Promise a part of a lease to one quote; Refusal LEASE_SHORT, and then nothing has changed."""

        def work(connection: Connection) -> None:
            key = {
                "hold": hold_id, "id": lease_id, "amount": amount, "until": until_ms, "at": at_ms, "day": day,
                "epoch": require_epoch(connection),
            }  # fmt: skip
            connection.execute("DELETE FROM lease_holds WHERE hold_id = :hold AND lease_id = :id", key)
            connection.execute("DELETE FROM lease_holds WHERE until_ms <= :at", key)
            row = connection.execute(f"SELECT {FREE} FROM leases WHERE lease_id = :id AND {USABLE}", key).fetchone()
            free = 0 if row is None else max(0, row[0])
            if free < amount:
                raise short(amount, free)
            connection.execute(
                "INSERT INTO lease_holds (hold_id, lease_id, amount, until_ms) VALUES (:hold, :id, :amount, :until)",
                key,
            )

        await self._store.run(work)

    async def release(self, hold_id: str) -> None:
        """End a promise, on all leases it was made of."""
        await self._store.run(
            lambda c: c.execute("DELETE FROM lease_holds WHERE hold_id = :hold", {"hold": hold_id}).rowcount
        )

    async def position(self) -> tuple[str, int]:
        """The epoch in force and its last event, 0 when it has none."""

        def work(connection: Connection) -> tuple[str, int]:
            epoch = current_epoch(connection) or ""  # a table of epochs that was emptied: the proof names it
            return epoch, _top(connection, epoch)

        return await self._store.read(work)

    async def ends(self) -> dict[str, int]:
        """The last event of each epoch, 0 where it has none."""

        def work(connection: Connection) -> dict[str, int]:
            rows = connection.execute("SELECT epoch FROM epochs").fetchall()
            return {row["epoch"]: _top(connection, row["epoch"]) for row in rows}

        return await self._store.read(work)

    async def missing(self, lease_ids: Sequence[str]) -> set[str]:
        """Those of the ids that these books have never opened."""

        def work(connection: Connection) -> set[str]:
            known = "SELECT 1 FROM leases WHERE lease_id = :id"
            return {one for one in lease_ids if connection.execute(known, {"id": one}).fetchone() is None}

        return await self._store.read(work)

    async def want_back(self, lease_ids: Sequence[str]) -> int:
        """Mark open leases as recalled by HQ; how many had not been before."""

        def work(connection: Connection) -> int:
            return connection.executemany(
                "UPDATE leases SET wanted = 1 WHERE lease_id = :id AND closed_seq IS NULL AND wanted = 0",
                [{"id": one} for one in lease_ids],
            ).rowcount

        return await self._store.run(work) if lease_ids else 0

    async def closable(self, at_ms: int, idle_before_ms: int, business_day: str) -> Closing | None:
        """At most LEASES_AN_EVENT leases that ended, were recalled, or lie idle since `idle_before_ms`."""

        def work(connection: Connection) -> Closing | None:
            rows = connection.execute(
                "SELECT lease_id, remaining FROM leases WHERE closed_seq IS NULL AND epoch = :epoch"
                " AND (touched_at_ms <= :idle OR (:idle > 0 AND touched_at_ms > :ahead) OR wanted = 1"
                " OR (usable_until_ms > 0 AND usable_until_ms <= :at)"
                f" OR (expires <> '' AND expires < :day)) AND {_UNPROMISED} ORDER BY lease_id LIMIT :limit",
                {
                    "epoch": require_epoch(connection), "idle": idle_before_ms, "at": at_ms, "day": business_day,
                    "limit": LEASES_AN_EVENT,
                    "ahead": at_ms + LEASE_IDLE_S * 1000,  # touched while the clock ran ahead: who knows when
                },
            )  # fmt: skip
            leases = tuple(ClosedLease(row["lease_id"], row["remaining"]) for row in rows)
            return Closing(leases) if leases else None

        return await self._store.read(work)

    async def suspended(self) -> list[Closing]:
        """Open leases of epochs that were left, LEASES_AN_EVENT of each: closed once HQ can be reached."""

        def work(connection: Connection) -> list[Closing]:
            found: list[Closing] = []
            now, epoch = current_epoch(connection), ""
            while now is not None:
                row = connection.execute(
                    "SELECT MIN(epoch) AS epoch FROM leases INDEXED BY leases_open"
                    " WHERE closed_seq IS NULL AND epoch > :epoch",
                    {"epoch": epoch},
                ).fetchone()
                if row["epoch"] is None:
                    break
                epoch = row["epoch"]
                if epoch != now:
                    found.append(self._of_epoch(connection, epoch))
            return found

        return await self._store.read(work)

    def _of_epoch(self, connection: Connection, epoch: str) -> Closing:
        rows = connection.execute(
            "SELECT lease_id, remaining FROM leases INDEXED BY leases_open WHERE closed_seq IS NULL AND epoch = :epoch"
            " ORDER BY touched_at_ms, lease_id LIMIT :limit",
            {"epoch": epoch, "limit": LEASES_AN_EVENT},
        )
        leases = tuple(ClosedLease(row["lease_id"], row["remaining"]) for row in rows)
        return Closing(leases, epoch, self._last_seq(connection, epoch))

    async def last_seq(self, epoch: str) -> int:
        """The highest event of an epoch that these books or their witness know."""
        return await self._store.read(lambda connection: self._last_seq(connection, epoch))

    def _last_seq(self, connection: Connection, epoch: str) -> int:
        mark = self._witness.read() if self._witness is not None else None
        known = mark.seq if mark is not None and mark.epoch == epoch else 0
        return max(known, _top(connection, epoch))

    async def open_leases(self, watermarks: dict[str, int]) -> list[OpenLease]:
        """All open leases, by owner; `settled` as HQ counts it: postings HQ holds and does not suspend.

        Read in short jobs: one that is opened or closed meanwhile may be missing, none is there twice.
        """
        found: list[OpenLease] = []
        place = START

        def work(connection: Connection) -> tuple[list[OpenLease], Place | None]:
            rows = open_after(connection, place)
            settled: dict[str, int] = {}
            for one in moved_after(connection, place):
                if one["seq"] <= watermarks.get(one["epoch"], 0):
                    settled[one["lease"]] = settled.get(one["lease"], 0) - one["amount"]
            page = [_open_lease(row, settled.get(row["lease_id"], 0)) for row in rows]
            return page, place_of(rows[-1]) if len(rows) == PAGE else None

        while True:
            page, after = await self._store.read(work)
            found += page
            if after is None:
                return found
            place = after


def _open_lease(row: Row, settled: int) -> OpenLease:
    lease = OpenedLease(
        row["lease_id"], row["account"], row["owner"], row["amount"], row["bucket"], row["expires"],
        row["usable_until_ms"],
    )  # fmt: skip
    return OpenLease(lease, row["epoch"], row["seq"], row["remaining"], settled)


def _top(connection: Connection, epoch: str) -> int:
    row = connection.execute("SELECT MAX(seq) FROM events WHERE epoch = :epoch", {"epoch": epoch}).fetchone()
    return int(row[0] or 0)
