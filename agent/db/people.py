"""Operators in books.db, their PINs sealed by the field key: a stolen file alone gives nothing to guess at.

Called by agent.people.
"""

from agent.db.store import Store
from agent.people import Operator, Role
from agent.ports import KeyRing
from agent.sqlite import Connection, Row


class OperatorsDb:
    """The Operators port over books.db."""

    def __init__(self, store: Store, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    async def put(self, one: Operator, at_ms: int) -> None:
        """Add, or replace the one of the same name."""
        row = {
            "operator": one.operator,
            "name": one.name,
            "role": one.role,
            "pin": self._keys.encrypt("operators", "pin_sealed", one.operator, one.pin),
            "at": at_ms,
        }
        await self._store.run(
            lambda connection: connection.execute(
                "INSERT INTO operators (operator, name, role, pin_sealed, created_at_ms)"
                " VALUES (:operator, :name, :role, :pin, :at) ON CONFLICT (operator) DO UPDATE SET"
                " name = excluded.name, role = excluded.role, pin_sealed = excluded.pin_sealed, failures = 0",
                row,
            )
        )

    async def find(self, operator: str) -> Operator | None:
        """Look one up."""
        row = await self._store.read(
            lambda connection: connection.execute(
                "SELECT * FROM operators WHERE operator = :operator", {"operator": operator}
            ).fetchone()
        )
        return None if row is None else self._operator(row)

    async def listed(self) -> list[Operator]:
        """All, by name."""
        rows = await self._store.read(
            lambda connection: connection.execute("SELECT * FROM operators ORDER BY operator").fetchall()
        )
        return [self._operator(row) for row in rows]

    async def remove(self, operator: str) -> bool:
        """Forget one; whether there was one."""

        def work(connection: Connection) -> int:
            return connection.execute("DELETE FROM operators WHERE operator = :it", {"it": operator}).rowcount

        return await self._store.run(work) > 0

    async def note(self, operator: str, failures: int) -> None:
        """Keep how often in a row a PIN was wrong."""
        row = {"operator": operator, "failures": failures}
        await self._store.run(
            lambda connection: connection.execute(
                "UPDATE operators SET failures = :failures WHERE operator = :operator", row
            )
        )

    def _operator(self, row: Row) -> Operator:
        pin = self._keys.decrypt("operators", "pin_sealed", row["operator"], row["pin_sealed"])
        return Operator(row["operator"], row["name"], Role(row["role"]), pin, row["failures"])
