"""Business totals of one workstation, so that a person reads a difference in yuan. Called by sync.hq.service."""

from pydantic import Field

from sync.hq import recompute
from sync.hq.db.seam import Connection
from sync.hq.feeds import watermarks_of
from sync.protocol import Count, Message, Name


class DayTotals(Message):
    """One business day over all epochs; suspended events apart. Amounts in fen; `points` is what was posted."""

    business_day: str
    """`YYYY-MM-DD`, Asia/Shanghai; empty for suspended events that name none."""
    events: Count = 0
    payable_fen: int = 0
    points: int = 0
    suspended: Count = 0
    suspended_payable_fen: int = 0


class Totals(Message):
    """What HQ has booked of a workstation up to its watermarks."""

    workstation_id: Name
    watermarks: dict[str, Count]
    days: list[DayTotals] = Field(default_factory=list)
    differences: Count = 0
    """Events that say something else than HQ reckons, by code; reckoned behind the watermarks."""


def totals(connection: Connection, workstation_id: str) -> Totals:
    """Sum the day totals, oldest day first."""
    rows = connection.execute(
        "SELECT business_day,"
        " SUM(CASE WHEN state = 'ok' THEN events ELSE 0 END) AS events,"
        " SUM(CASE WHEN state = 'ok' THEN payable_fen ELSE 0 END) AS payable_fen,"
        " SUM(CASE WHEN state = 'ok' THEN points ELSE 0 END) AS points,"
        " SUM(CASE WHEN state = 'ok' THEN 0 ELSE events END) AS suspended,"
        " SUM(CASE WHEN state = 'ok' THEN 0 ELSE payable_fen END) AS suspended_payable_fen"
        " FROM day_totals WHERE workstation_id = :id GROUP BY business_day ORDER BY business_day",
        {"id": workstation_id},
    )
    days = [DayTotals(**dict(row)) for row in rows]
    return Totals(
        workstation_id=workstation_id,
        watermarks=watermarks_of(connection, workstation_id),
        days=days,
        differences=recompute.counted(connection, workstation_id),
    )
