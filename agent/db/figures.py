"""Events of one business day, a stretch at a time. Called by agent.figures."""

import json

from agent.db.store import Store
from agent.domain.digest import Json
from agent.sqlite import Connection


class FiguresDb:
    """The DayBooks port over books.db."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_day(
        self, business_day: str, after: tuple[int, int], limit: int
    ) -> list[tuple[tuple[int, int], dict[str, Json]]]:
        """Events of a day behind a mark (number of the epoch, seq), oldest first."""

        def work(connection: Connection) -> list[tuple[int, int, str]]:
            rows = connection.execute(
                "SELECT k.number, k.seq, e.body FROM (SELECT p.number, d.epoch, d.seq FROM events d"
                " JOIN epochs p ON p.epoch = d.epoch WHERE d.business_day = :day"
                " AND (p.number > :number OR (p.number = :number AND d.seq > :seq))"
                " ORDER BY p.number, d.seq LIMIT :limit) k"
                " JOIN events e ON e.epoch = k.epoch AND e.seq = k.seq ORDER BY k.number, k.seq",
                {"day": business_day, "number": after[0], "seq": after[1], "limit": limit},
            )
            return [(row["number"], row["seq"], row["body"]) for row in rows]

        return [((number, seq), json.loads(body)) for number, seq, body in await self._store.read(work)]
