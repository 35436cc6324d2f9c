"""The AfterBooks port over books.db: events found again by what callers named, for returns and purses.

Called by agent.service_desk and the parts that use it. Reads only; what follows is booked by agent.db.books.
"""

import json
from collections.abc import Sequence

from agent.after_ports import Found
from agent.db.book_rows import require_epoch
from agent.db.store import Store
from agent.domain.holdings import Posted
from agent.domain.ids import EventName
from agent.sqlite import Connection, Row


class AfterSalesDb:
    """The AfterBooks port over books.db."""

    def __init__(self, store: Store, workstation_id: str) -> None:
        self._store = store
        self._workstation_id = workstation_id

    async def booked(self, kind: str, caller_id: str) -> Found | None:
        """The event a caller id was booked under, of any epoch."""
        row = await self._store.read(
            lambda c: c.execute(
                "SELECT e.epoch, e.seq, e.body FROM requests r JOIN events e ON e.epoch = r.epoch AND e.seq = r.seq"
                " WHERE r.kind = :kind AND r.caller_id = :caller",
                {"kind": kind, "caller": caller_id},
            ).fetchone()
        )
        return None if row is None else self._found(row)

    async def about(self, subject: str, kinds: Sequence[str]) -> list[Found]:
        """Events whose `subject` this is, oldest first."""
        rows = await self._store.read(
            lambda c: c.execute(
                "SELECT e.epoch, e.seq, e.body, e.kind FROM events e JOIN epochs p ON p.epoch = e.epoch"
                " WHERE json_extract(e.body, '$.subject') = :subject ORDER BY p.number, e.seq",
                {"subject": subject},
            ).fetchall()
        )
        return [self._found(row) for row in rows if row["kind"] in kinds]

    def _found(self, row: Row) -> Found:
        return Found(EventName(self._workstation_id, row["epoch"], row["seq"]), json.loads(row["body"]))

    async def lease_left(self, lease_id: str) -> int:
        """What a lease that ended was left with; 0 for one that is open in the epoch in force, or unknown."""

        def work(connection: Connection) -> int:
            row = connection.execute(
                "SELECT remaining FROM leases WHERE lease_id = :id AND (closed_seq IS NOT NULL OR epoch <> :epoch)",
                {"id": lease_id, "epoch": require_epoch(connection)},
            ).fetchone()
            return 0 if row is None else int(row["remaining"])

        return await self._store.read(work)

    async def lapsed(self, account: str, lot: str, expires: str) -> int:
        """What leases of a lot held when it ended: those still open, and those closed on a later business day."""
        row = await self._store.read(
            lambda c: c.execute(
                "SELECT COALESCE(SUM(l.remaining), 0) FROM leases l LEFT JOIN events e ON e.epoch = l.closed_epoch"
                " AND e.seq = l.closed_seq WHERE l.account = :account AND l.bucket = :lot"
                " AND (l.closed_seq IS NULL OR e.business_day > :expires)",
                {"account": account, "lot": lot, "expires": expires},
            ).fetchone()
        )
        return int(row[0])

    async def recharged(self, member_id: str, business_day: str) -> int:
        """Fen recharged here of a member on a business day."""
        row = await self._store.read(
            lambda c: c.execute(
                "SELECT COALESCE(SUM(json_extract(body, '$.totals.payable_fen')), 0) FROM events"
                " WHERE business_day = :day AND kind = 'recharge' AND json_extract(body, '$.member.member_id') = :who",
                {"day": business_day, "who": member_id},
            ).fetchone()
        )
        return int(row[0])

    async def posted(self, member_id: str) -> list[Posted]:
        """(account, bucket, epoch, seq, amount) of all postings to a member's accounts."""

        def work(connection: Connection) -> list[Posted]:
            rows = connection.execute(
                "SELECT account, bucket, epoch, seq, amount FROM postings WHERE account IN"
                " ('points', 'sv_principal', 'sv_gift', 'count', 'coupon') AND owner = :owner",
                {"owner": member_id},
            )
            return [tuple(row) for row in rows]

        return await self._store.read(work)
