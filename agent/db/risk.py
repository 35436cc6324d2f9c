"""Risk and clock in books.db: who was frozen by which event, who lifted it, and what the clock was last told.

Called by agent.risk_watch and agent.clock_trust through their ports; `freeze` runs inside the transaction of an event.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.books_ports import Notice
from agent.clock_trust import ClockMark, Source
from agent.db import budget
from agent.db.notices import insert_notice
from agent.db.store import Store
from agent.domain.digest import Json
from agent.domain.ids import EventName
from agent.domain.ledger import PENDING_ACCOUNT
from agent.domain.sale import Posting
from agent.risk_ports import LocalFreeze, Risked
from agent.sqlite import Connection, Row
from sync.proof import Finding

_CREDITS = (
    "SELECT e.at_ms, p.amount FROM postings p JOIN events e ON e.epoch = p.epoch AND e.seq = p.seq"
    " WHERE p.owner = :member AND p.account IN ('points', 'points_pending') AND p.amount > 0 AND e.kind = 'sale'"
    " AND e.at_ms > :after AND e.at_ms <= :until"
)
_SPENDS = (
    "SELECT DISTINCT e.epoch, e.seq, e.at_ms FROM postings p JOIN events e ON e.epoch = p.epoch AND e.seq = p.seq"
    " WHERE p.owner = :member AND p.account IN ('points', 'sv_principal', 'sv_gift', 'count', 'coupon')"
    " AND p.amount < 0 AND e.kind = 'sale' AND e.at_ms > :after AND e.at_ms <= :until"
)
_OF_ACCOUNT = (
    "SELECT DISTINCT e.at_ms FROM postings p JOIN events e ON e.epoch = p.epoch AND e.seq = p.seq"
    " WHERE p.owner = :member AND p.account = :account AND p.amount < 0 AND e.kind = 'sale'"
    " AND e.at_ms > :after AND e.at_ms <= :until"
)
_STANDING = "SELECT * FROM freezes WHERE lifted_at_ms IS NULL"
_PENDING = (
    "SELECT epoch, seq, owner, SUM(amount) AS points FROM postings INDEXED BY postings_pending"
    " WHERE account = 'points_pending' AND amount > 0 GROUP BY epoch, seq, owner"
)
_OF_EVENT = (
    "SELECT SUM(p.amount) FROM postings p WHERE p.epoch = f.epoch AND p.seq = f.seq AND p.owner = f.member_id"
    " AND p.account = 'points_pending' AND p.amount > 0"
)
_ASTRAY = 100  # LIMIT: rows one audit names; the first is already an alarm


class RiskDb:
    """The RiskBooks and ClockBooks ports over books.db."""

    def __init__(self, store: Store) -> None:
        self._store = store

    # --- risk
    async def credited(self, member_id: str, after_ms: int, until_ms: int) -> list[tuple[int, int]]:
        """(at_ms, points) of every credit by a sale in (after, until]."""
        key = {"member": member_id, "after": after_ms, "until": until_ms}
        rows = await self._store.read(lambda c: c.execute(_CREDITS, key).fetchall())
        return [(row["at_ms"], row["amount"]) for row in rows]

    async def redemptions(self, member_id: str, after_ms: int, until_ms: int) -> list[int]:
        """at_ms of every sale in (after, until] that spent something of the member."""
        key = {"member": member_id, "after": after_ms, "until": until_ms}
        rows = await self._store.read(lambda c: c.execute(_SPENDS, key).fetchall())
        return [row["at_ms"] for row in rows]

    async def redemptions_of(self, member_id: str, account: str, after_ms: int, until_ms: int) -> list[int]:
        """at_ms of every sale in (after, until] that took from one account of the member."""
        key = {"member": member_id, "account": account, "after": after_ms, "until": until_ms}
        rows = await self._store.read(lambda c: c.execute(_OF_ACCOUNT, key).fetchall())
        return [row["at_ms"] for row in rows]

    async def frozen_here(self, member_id: str) -> LocalFreeze | None:
        """The latest freeze of a member that nobody has lifted."""
        query = f"{_STANDING} AND member_id = :member ORDER BY at_ms DESC, number DESC LIMIT 1"
        row = await self._store.read(lambda c: c.execute(query, {"member": member_id}).fetchone())
        return None if row is None else _freeze(row)

    async def freezes(self) -> list[LocalFreeze]:
        """All freezes nobody has lifted, newest first."""
        rows = await self._store.read(lambda c: c.execute(f"{_STANDING} ORDER BY number DESC").fetchall())
        return [_freeze(row) for row in rows]

    async def risked(self, member_id: str, day: str, at_ms: int) -> Risked:
        """What was risked on a business day, and what quotes hold of the member now."""
        return await self._store.read(
            lambda c: Risked(budget.used(c, member_id, day), budget.promised(c, member_id, at_ms))
        )

    async def risked_by_member(self, day: str) -> list[tuple[str, int, int]]:
        """(member_id, fen, sales) of a business day, those who risked most first."""
        rows = await self._store.read(lambda c: budget.by_member(c, day))
        return [(row["owner"], row["fen"], row["sales"]) for row in rows]

    async def lift(self, member_id: str, by: str, why: str, at_ms: int) -> tuple[Sequence[LocalFreeze], Notice | None]:
        """End every freeze of a member and store the notice of it in the same transaction."""

        def work(connection: Connection) -> tuple[Sequence[LocalFreeze], Notice | None]:
            rows = connection.execute(
                "UPDATE freezes SET lifted_at_ms = :at, lifted_by = :by, why = :why"
                " WHERE member_id = :member AND lifted_at_ms IS NULL RETURNING *",
                {"member": member_id, "by": by, "why": why, "at": at_ms},
            ).fetchall()
            if not rows:
                return (), None
            told: dict[str, Json] = {"member_id": member_id, "operator": by, "why": why, "freezes": len(rows)}
            return [_freeze(row) for row in rows], insert_notice(connection, "member.unfrozen", told, at_ms)

        return await self._store.run(work)

    # --- clock
    async def mark(self) -> ClockMark | None:
        """What the clock was last told."""
        row = await self._store.read(lambda c: c.execute("SELECT * FROM clock_mark").fetchone())
        if row is None:
            return None
        return ClockMark(row["true_ms"], row["boot_id"], row["boot_ms"], Source(row["source"]), row["told_by"])

    async def keep_mark(self, mark: ClockMark) -> None:
        """Replace what the clock was told."""
        row = {
            "true": mark.true_ms, "boot_id": mark.boot_id, "boot": mark.boot_ms, "source": mark.source,
            "by": mark.told_by,
        }  # fmt: skip
        await self._store.run(
            lambda c: c.execute(
                "INSERT INTO clock_mark (id, true_ms, boot_id, boot_ms, source, told_by)"
                " VALUES (1, :true, :boot_id, :boot, :source, :by) ON CONFLICT (id) DO UPDATE SET"
                " true_ms = excluded.true_ms, boot_id = excluded.boot_id, boot_ms = excluded.boot_ms,"
                " source = excluded.source, told_by = excluded.told_by",
                row,
            )
        )

    async def last_event_ms(self) -> int | None:
        """When the last event was booked, by its own clock; None where that clock was not trusted, or there is none."""
        row = await self._store.read(
            lambda c: c.execute(
                "SELECT e.at_ms, json_extract(e.body, '$.clock.trusted') AS trusted FROM events e"
                " JOIN epochs p ON p.epoch = e.epoch ORDER BY p.number DESC, e.seq DESC LIMIT 1"
            ).fetchone()
        )
        return None if row is None or row["trusted"] == 0 else int(row["at_ms"])


def freeze(connection: Connection, name: EventName, postings: Sequence[Posting], at_ms: int) -> None:
    """Freeze whoever an event credits pending points to, inside the transaction that books it (S53)."""
    points: dict[str, int] = {}
    for one in postings:
        if one.account == PENDING_ACCOUNT and one.amount > 0:
            points[one.owner] = points.get(one.owner, 0) + one.amount
    for owner, amount in points.items():
        connection.execute(
            "INSERT INTO freezes (member_id, at_ms, epoch, seq, points) VALUES (:member, :at, :epoch, :seq, :points)",
            {"member": owner, "at": at_ms, "epoch": name.epoch, "seq": name.seq, "points": amount},
        )


def astray(connection: Connection) -> list[Finding]:
    """Freezes that no event caused, and pending points whose member was never frozen."""
    rows = connection.execute(
        "SELECT f.epoch, f.seq, f.member_id FROM freezes f LEFT JOIN events e ON e.epoch = f.epoch AND e.seq = f.seq"
        f" WHERE e.at_ms IS NOT f.at_ms OR ({_OF_EVENT}) IS NOT f.points LIMIT :limit",
        {"limit": _ASTRAY},
    ).fetchall()
    found = [_finding(row, "NOT_OF_EVENT") for row in rows]
    rows = connection.execute(
        f"SELECT p.epoch, p.seq, p.owner AS member_id FROM ({_PENDING}) p WHERE NOT EXISTS (SELECT 1 FROM freezes f"
        " WHERE f.epoch = p.epoch AND f.seq = p.seq AND f.member_id = p.owner) LIMIT :limit",
        {"limit": _ASTRAY},
    ).fetchall()
    return found + [_finding(row, "MISSING") for row in rows]


def _finding(row: Mapping[str, Any] | Row, code: str) -> Finding:
    key = f"{row['seq']} {row['member_id']}"[:200]
    return Finding(side="store", table="freezes", epoch=str(row["epoch"])[:64], key=key, code=code)


def _freeze(row: Row) -> LocalFreeze:
    return LocalFreeze(
        row["number"], row["member_id"], row["at_ms"], row["epoch"], row["seq"], row["points"], row["lifted_by"],
        row["why"],
    )  # fmt: skip
