"""A snapshot of a brand whose books are on PostgreSQL, and the bare rows it is read as."""

from pathlib import Path

import psycopg
import pytest

from sync.hq.db import dialect
from sync.hq.db.postgres import PgConnection
from tests.contract.test_hq_schema import raw
from tests.unit import test_snapshot_load

__all__ = ["raw"]


@pytest.mark.usefixtures("on_postgres")
def test_what_a_snapshot_brings_is_what_the_feeds_bring(tmp_path: Path) -> None:
    test_snapshot_load.test_what_a_snapshot_brings_is_what_the_feeds_bring(tmp_path)


@pytest.mark.parametrize("text", ["", "\x00", "a\x1a0\x00b", "乌龙茶\U0001f375", "\\N\t\n"])
def test_bare_rows_are_what_was_written(raw: psycopg.Connection[dialect.PgRow], text: str) -> None:
    connection = PgConnection(raw)
    rows = [{"number": 1 << 40, "name": "x", "content": b"\x00\xff"}, {"number": -1, "name": text, "content": b""}]
    raw.execute('CREATE TABLE kept (number bigint, name text COLLATE "C", content bytea)')
    connection.bulk("INSERT INTO kept (number, name, content) SELECT number, name, content FROM incoming AS i", rows)
    found = connection.plain("SELECT number, name, content FROM kept WHERE number > :n ORDER BY number", {"n": -2})
    assert found == [(-1, text, b""), (1 << 40, "x", b"\x00\xff")]
    assert connection.plain("SELECT number FROM kept WHERE number = :n", {"n": 0}) == []
