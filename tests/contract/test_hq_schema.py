"""PostgreSQL's schema is SQLite's, could be spread over machines, and is never used by a program that is older."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlite_utils

from agent.domain.errors import StorageError
from sync.hq.db import dialect, partitions
from sync.hq.db.distribution import BY_COLUMN, LOCAL, REFERENCE
from sync.hq.db.embedded import open_embedded
from sync.hq.db.migrations import STEPS, Step, migrate
from sync.hq.db.postgres import PgConnection
from sync.hq.db.seam import Connection
from sync.hq.schema import MIGRATIONS
from tests.postgres import PostgresServer

_TYPES = {"INTEGER": "bigint", "TEXT": "text", "BLOB": "bytea"}
_OURS_ALONE = {"event_names", "pos_agent_floor", "pos_agent_migrations"}
"""Tables that SQLite does not need."""
_COLUMNS_ALONE = {("postings", "received_at_ms")}


@pytest.fixture
def raw(postgres: PostgresServer) -> Iterator[psycopg.Connection[dialect.PgRow]]:
    with psycopg.connect(
        postgres.fresh().url, autocommit=True, row_factory=dialect.rows_of, context=dialect.adapters_context()
    ) as connection:
        yield connection


def _tables(raw: psycopg.Connection[Any]) -> set[str]:
    """Tables by their own names, months left out."""
    rows = raw.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND NOT relispartition"
    )
    return {row["relname"] for row in rows}


def test_both_engines_have_the_same_tables_and_columns(raw: psycopg.Connection[dialect.PgRow]) -> None:
    """A new migration of sync.hq.schema needs its step in sync.hq.db.migrations."""
    file = sqlite_utils.Database(memory=True)
    MIGRATIONS.apply(file)
    wanted = {
        (table.name, column.name, _TYPES[column.type], bool(column.notnull or column.is_pk))
        for table in file.tables
        if not table.name.startswith("_")
        for column in table.columns
    }
    rows = raw.execute(
        "SELECT c.relname, a.attname, a.atttypid::regtype::text AS type, a.attnotnull FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace"
        " AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"
    )
    held = {
        (row["relname"], row["attname"], row["type"], row["attnotnull"])
        for row in rows
        if row["relname"] not in _OURS_ALONE and (row["relname"], row["attname"]) not in _COLUMNS_ALONE
    }
    assert held == wanted


def test_texts_are_ordered_by_their_bytes_as_in_sqlite(raw: psycopg.Connection[dialect.PgRow]) -> None:
    """Ranges and cursors are compared by both ends; a database's own language would order them otherwise."""
    rows = raw.execute(
        "SELECT table_name || '.' || column_name AS place FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
        " AND table_name <> 'pos_agent_migrations'"
    )
    assert [row["place"] for row in rows] == []


def test_the_schema_could_be_spread_over_machines(raw: psycopg.Connection[dialect.PgRow]) -> None:
    """Citus: unique indexes hold the distribution column, foreign keys stay within a shard or go to reference tables,
    nothing is numbered by a sequence, nothing is done by a trigger."""
    tables = _tables(raw)
    assert tables == REFERENCE | BY_COLUMN.keys() | LOCAL
    indexes = raw.execute(
        "SELECT c.relname AS of, i.indexrelid::regclass::text AS name, ARRAY(SELECT a.attname::text FROM pg_attribute a"
        " WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)) AS columns FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indrelid WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace"
        " AND NOT c.relispartition"
    )
    found = [(row["of"], row["columns"]) for row in indexes]
    assert {of for of, _columns in found} == tables, "every table has a key"
    assert [(of, columns) for of, columns in found if of in BY_COLUMN and BY_COLUMN[of] not in columns] == []
    foreign = raw.execute(
        "SELECT c.relname AS of, t.relname AS to, ARRAY(SELECT a.attname::text FROM pg_attribute a"
        " WHERE a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey)) AS columns FROM pg_constraint k"
        " JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid WHERE k.contype = 'f'"
    )
    for row in foreign:
        if row["to"] in REFERENCE:
            continue
        assert BY_COLUMN.get(row["of"]) == BY_COLUMN[row["to"]], tuple(row)
        assert BY_COLUMN[row["to"]] in row["columns"], tuple(row)
    assert raw.execute("SELECT 1 FROM pg_class WHERE relkind = 'S'").fetchall() == []
    assert raw.execute("SELECT 1 FROM pg_trigger WHERE NOT tgisinternal").fetchall() == []


def test_what_grows_is_led_by_workstation_or_member(raw: psycopg.Connection[dialect.PgRow]) -> None:
    rows = raw.execute(
        "SELECT c.relname AS of, a.attname AS first FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]"
        " WHERE i.indisprimary AND NOT c.relispartition"
    )
    leads = {row["of"]: row["first"] for row in rows if BY_COLUMN.get(row["of"]) in ("workstation_id", "member_id")}
    others = {of: first for of, first in leads.items() if first not in ("workstation_id", "member_id")}
    assert others == {"restoration_answers": "restoration_id"}


def test_months_are_made_ahead_and_a_clock_that_went_back_has_its_place(
    raw: psycopg.Connection[dialect.PgRow],
) -> None:
    connection = PgConnection(raw)
    before = _months(raw)
    september = partitions.start_ms("2026-09")
    assert before == ["events_before", "events_y2026m09", "events_y2026m10", "events_y2026m11"]
    assert partitions.ensure(connection, september) == {"2026-09", "2026-10", "2026-11"}
    assert _months(raw) == before, "what is there is left alone"
    partitions.ensure(connection, partitions.start_ms("2027-02"))
    assert _months(raw)[-3:] == ["events_y2027m02", "events_y2027m03", "events_y2027m04"]
    partitions.ensure(connection, partitions.start_ms("2025-01"))
    assert len(_months(raw)) == 7, "what is older than the first month needs none of its own"
    key = {"workstation_id": "S1-1", "epoch": "e1", "digest": bytes(32), "chain": bytes(32), "state": "ok"}
    times = [0, september, september - 1, partitions.start_ms("2027-04")]
    rows = [{**key, "seq": n, "body": "{}", "code": "", "received_at_ms": at} for n, at in enumerate(times, 1)]
    with connection.transaction():
        assert connection.add_events(rows) == {1, 2, 3, 4}
        assert connection.add_events(rows) == frozenset(), "a name is taken once, in whatever month"


def _months(raw: psycopg.Connection[Any]) -> list[str]:
    rows = raw.execute("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'events'::regclass")
    return sorted(row["name"] for row in rows)


def test_a_newer_database_is_refused_and_an_older_one_brought_up(raw: psycopg.Connection[dialect.PgRow]) -> None:
    connection = PgConnection(raw)
    more = (*STEPS, Step("p999_later", "CREATE TABLE later (id bigint PRIMARY KEY);"))
    migrate(connection, more)
    migrate(connection, more)
    names = [row["name"] for row in raw.execute("SELECT name FROM pos_agent_migrations ORDER BY name")]
    assert names == [step.name for step in more]
    with pytest.raises(StorageError, match=r"newer pos-agent \(p999_later\)"):
        migrate(connection)


def test_a_step_that_fails_leaves_nothing_behind(raw: psycopg.Connection[dialect.PgRow]) -> None:
    bad = Step("p999_bad", "CREATE TABLE half (id bigint); CREATE TABLE half (id bigint);")
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate(PgConnection(raw), (*STEPS, bad))
    assert "half" not in _tables(raw)


@pytest.mark.parametrize("text", ["\x00", "a\x1a0\x00b\x1a1", "\x1a", "\x1a\x1a0", "乌龙茶\U0001f375", "it's %(x)s :y"])
def test_texts_come_back_to_the_byte(raw: psycopg.Connection[dialect.PgRow], text: str) -> None:
    """PostgreSQL keeps no NUL, and a malformed event may hold one."""
    row = PgConnection(raw).execute("SELECT :text AS text, 'a:b%' AS plain", {"text": text}).fetchone()
    assert (row["text"], row["plain"]) == (text, "a:b%")


@pytest.mark.parametrize(
    "text", ["", "NULL", '"', "\\", '{"a":"\\n,\\\\"}', " ", "{}", "\x00\x1a", "乌龙茶", "a\r\n\tb"]
)
def test_many_rows_are_written_as_they_are(raw: psycopg.Connection[dialect.PgRow], text: str) -> None:
    raw.execute('CREATE TABLE kept (name text COLLATE "C" PRIMARY KEY, number bigint NOT NULL, content bytea NOT NULL)')
    rows: list[dict[str, Any]] = [
        {"name": f"{number}{text}" if number else text, "number": number - 2, "content": content}
        for number, content in enumerate([b"", b"\\x00", bytes(range(256)), b'",{}'])
    ]
    connection = PgConnection(raw)
    add = (
        "INSERT INTO kept (name, number, content) SELECT name, number, content FROM incoming AS i WHERE true"
        " ON CONFLICT (name) DO UPDATE SET number = kept.number + excluded.number"
    )
    assert (connection.bulk(add, rows), connection.bulk(add, rows), connection.bulk(add, [])) == (4, 4, 0)
    kept = [dict(row) for row in raw.execute("SELECT * FROM kept ORDER BY number")]
    assert kept == [{**row, "number": 2 * row["number"]} for row in rows]


@pytest.mark.parametrize("text", ["", "NULL", '"', "\\", "{}", "\x00\x1a", "乌龙茶", "it's %(x)s :y"])
def test_a_value_that_all_rows_have_is_written_as_it_is(raw: psycopg.Connection[dialect.PgRow], text: str) -> None:
    raw.execute("CREATE TABLE kept (place bigint, said text, number bigint, content bytea)")
    same: dict[str, Any] = {"said": text, "number": -7, "content": b"\x00\\"}
    rows = [{"place": place, **same} for place in range(3)]
    connection = PgConnection(raw)
    add = "INSERT INTO kept (said, place, number, content) SELECT said, place, number, content FROM incoming AS i"
    assert (connection.bulk(add, rows), connection.bulk(add, rows[:1]), connection.bulk(add, [rows[2]] * 2)) == (
        3,
        1,
        2,
    )
    kept = [dict(row) for row in raw.execute("SELECT * FROM kept ORDER BY place")]
    assert kept == [rows[0], rows[0], rows[1], rows[2], rows[2], rows[2]]


@pytest.mark.parametrize("engine", ["postgresql", "sqlite"])
def test_one_of_many_texts_is_found(raw: psycopg.Connection[dialect.PgRow], engine: str, tmp_path: Path) -> None:
    connection: Connection = PgConnection(raw)
    if engine == "sqlite":
        connection = open_embedded(tmp_path / "hq.db", MIGRATIONS)
    texts = ["", '"', "\\", "{}", "a,b", "\x00\x1a", "乌龙茶", "NULL", *(f"m_{number}" for number in range(2000))]
    connection.execute("CREATE TABLE kept (name text)")
    connection.bulk("INSERT INTO kept (name) SELECT name FROM incoming AS i", [{"name": text} for text in texts])
    for wanted in (texts, texts[:8], texts[5:6], [], ["none"]):
        found, key = connection.any_of("name", wanted)
        rows = connection.execute(f"SELECT name FROM kept WHERE name {found}", key).fetchall()
        assert {row["name"] for row in rows} == set(wanted) & set(texts)


def test_steps_are_written_portably() -> None:
    """Names of months end up in SQL; nothing else may."""
    assert all(re.fullmatch(r"p\d{3}_[a-z]+", step.name) for step in STEPS)
