"""Business dates: every one is Asia/Shanghai, taken from an instant in UTC milliseconds (R15).

Pure. China keeps UTC+8 the year round, so the zone is a constant and needs no zone database on the till.
"""

from datetime import UTC, date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def local_time(at_ms: int) -> datetime:
    """Convert UTC milliseconds to an aware Asia/Shanghai instant."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(SHANGHAI)


def business_day(at_ms: int) -> str:
    """Name the business day of an instant, `YYYY-MM-DD`.

    >>> business_day(1_786_204_800_000)  # 2026-08-08T16:00:00Z is midnight in Shanghai
    '2026-08-09'
    """
    return local_time(at_ms).date().isoformat()


def parse_day(text: str) -> date:
    """Read `YYYY-MM-DD`; raises ValueError for anything else."""
    return date.fromisoformat(text)
