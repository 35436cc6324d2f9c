"""When the replica was last pulled to its end, and so how old what it holds is (R13).

Written by the composition root after each whole pull, read by agent.risk_watch. A row of replica.db: a replica that is
lost or swapped loses its age with it.
"""

from agent.clock_trust import ClockTrust
from agent.db.replica_swap import Access


class SnapshotDb:
    """The Snapshot port over replica.db."""

    def __init__(self, store: Access, trust: ClockTrust) -> None:
        self._store = store
        self._trust = trust

    async def pulled(self) -> None:
        """Every feed was read to its end just now."""
        row = {"true": self._trust.true_ms(), "boot_id": self._trust.boot_id, "boot": self._trust.boot_ms()}
        await self._store.run(
            lambda connection: connection.execute(
                "INSERT INTO snapshot (id, true_ms, boot_id, boot_ms) VALUES (1, :true, :boot_id, :boot)"
                " ON CONFLICT (id) DO UPDATE SET true_ms = excluded.true_ms, boot_id = excluded.boot_id,"
                " boot_ms = excluded.boot_ms",
                row,
            )
        )

    async def age_ms(self) -> int | None:
        """Milliseconds since the last whole pull: by monotonic time, else by a time HQ or the manager told.

        None where nothing was pulled, or the machine was started since and nobody has told the time.
        """
        row = await self._store.glance(lambda connection: connection.execute("SELECT * FROM snapshot").fetchone())
        if row is None:
            return None
        boot_ms = self._trust.boot_ms()
        if row["boot_id"] == self._trust.boot_id and boot_ms >= row["boot_ms"]:
            return boot_ms - int(row["boot_ms"])
        now_ms = self._trust.true_ms()
        return None if now_ms is None or row["true_ms"] is None else now_ms - int(row["true_ms"])
