"""The leases this till holds, for a manager's eyes. Called by agent.manager_desk; never decides anything."""

from agent.db.store import Store
from agent.domain.digest import Json
from agent.limits import LISTED
from agent.sqlite import Connection


class LeaseListDb:
    """Open leases by account: how much, of how many members, and the largest ones."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def held(self) -> list[dict[str, Json]]:
        """Open leases, the largest first: member, account, what is left of what, until when."""

        def work(connection: Connection) -> list[dict[str, Json]]:
            rows = connection.execute(
                "SELECT lease_id, owner AS member_id, account, amount, remaining, expires, usable_until_ms FROM leases"
                " WHERE closed_seq IS NULL AND remaining > 0 ORDER BY remaining DESC LIMIT :limit",
                {"limit": LISTED},
            )
            return [dict(row) for row in rows]

        return await self._store.read(work)

    async def sums(self) -> dict[str, Json]:
        """What is left in all open leases, by account."""

        def work(connection: Connection) -> dict[str, Json]:
            rows = connection.execute(
                "SELECT account, sum(remaining) AS left_over FROM leases WHERE closed_seq IS NULL GROUP BY account"
            )
            return {row["account"]: row["left_over"] for row in rows}

        return await self._store.read(work)
