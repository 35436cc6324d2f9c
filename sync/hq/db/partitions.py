"""Month partitions of what grows for ever: events and postings, by when HQ received them.

Called by sync.hq.db.pool with the first work of a month, two months ahead. A new month is attached without stopping
anybody. Old months can be detached, archived and dropped by an operator (docs/operations.md).
"""

from collections.abc import Iterable
from typing import Final, Protocol

from agent.domain.business_day import business_day

TABLES: Final = ("events", "postings")
_AHEAD: Final = 2  # LIMIT: months; a server that is not restarted for weeks has its next month ready
_LOCK: Final = "partitions"


class Scripted(Protocol):
    """What runs DDL."""

    def script(self, sql: str) -> None:
        """Run several statements."""
        ...


def month_of(at_ms: int) -> str:
    """The month of an instant in Shanghai.

    >>> month_of(1_790_000_000_000)
    '2026-09'
    """
    return business_day(at_ms)[:7]


def start_ms(month: str) -> int:
    """When a month begins in Shanghai (UTC+8 all year), UTC milliseconds.

    >>> month_of(start_ms("2026-09")), month_of(start_ms("2026-09") - 1)
    ('2026-09', '2026-08')
    """
    year, number = (int(part) for part in month.split("-"))
    return _days_before(year, number) * 86_400_000 - 8 * 3_600_000


def _days_before(year: int, month: int) -> int:
    """Days from 1970-01-01 to the first of a month, by the civil calendar."""
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    day = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + day - 719_468


def after(month: str) -> str:
    """The next month.

    >>> after("2026-12")
    '2027-01'
    """
    year, number = (int(part) for part in month.split("-"))
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def ensure(connection: Scripted, now_ms: int) -> frozenset[str]:
    """Have partitions for this month and the next two; the months that are ready."""
    months = [month_of(now_ms)]
    while len(months) <= _AHEAD:
        months.append(after(months[-1]))
    for month in months:
        for table in TABLES:
            connection.script(_attach(table, month))
    return frozenset(months)


def begin_anew(connection: Scripted, months: Iterable[str]) -> None:
    """In a database without events: let these be its months, and all that is older have one table before them."""
    for table in TABLES:
        connection.script(f"""
DO $$ DECLARE one regclass; BEGIN
  FOR one IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = '{table}'::regclass LOOP
    EXECUTE 'DROP TABLE ' || one;
  END LOOP;
  DELETE FROM pos_agent_floor WHERE table_name = '{table}';
END $$""")
    for month in sorted(months):
        for table in TABLES:
            connection.script(_attach(table, month))


def _attach(table: str, month: str) -> str:
    """Make one partition unless it is there; attaching does not wait for readers and writers of the others."""
    name = f"{table}_y{month.replace('-', 'm')}"
    first, end = start_ms(month), start_ms(after(month))
    return f"""
DO $$ BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('pos-agent {_LOCK}', 0));
  IF to_regclass('{name}') IS NULL AND NOT EXISTS (
    SELECT 1 FROM pos_agent_floor WHERE table_name = '{table}' AND below_ms >= {end}) THEN
    CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
    ALTER TABLE {name} ADD CHECK (received_at_ms >= {first} AND received_at_ms < {end});
    ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end});
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pos_agent_floor WHERE table_name = '{table}') THEN
    CREATE TABLE {table}_before PARTITION OF {table} FOR VALUES FROM (MINVALUE) TO ({first});
    INSERT INTO pos_agent_floor (table_name, below_ms) VALUES ('{table}', {first});
  END IF;
END $$"""
