"""A server that was put back, or another that took its place: HQ looks at it anew with each connection."""

import asyncio
from pathlib import Path

import psycopg
import pytest

from agent.domain.errors import StorageError
from sync.hq import restored
from sync.hq.db.seam import Connection
from sync.hq.service import HqService
from tests.hq_crowd import grant, play
from tests.postgres import PostgresServer
from tests.unit.test_hq_world import Till, query


def test_a_new_connection_finds_out_that_the_books_were_put_back(tmp_path: Path, postgres: PostgresServer) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = 100"))
        given = await asyncio.gather(*(grant(hq, till, ids[0], 1, "") for till in tills))
        assert given == [1] * len(tills), "grants side by side are no restoration"
        assert await hq.awaited() == []
        [granted] = await query(hq, "SELECT number FROM grants_made")
        await hq._write(_put_back)
        name = (await query(hq, "SELECT current_database() AS name"))[0]["name"]
        postgres.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}' AND"
            " pid <> pg_backend_pid()"
        )
        for _ in range(20):  # each connection finds out that it is gone, and is opened again
            try:
                assert len(await hq.awaited()) == len(tills)
                break
            except StorageError:
                continue
        else:
            raise AssertionError("it does not come back")
        [row] = await query(hq, "SELECT number FROM grants_made")
        assert row["number"] > granted["number"], "no number is given a second time"

    play(tmp_path, postgres.fresh(), story)


def _put_back(connection: Connection) -> None:
    connection.execute("UPDATE grants_made SET number = number - 1")
    assert restored.made(connection) > 0


def test_what_is_undone_in_part_is_held_no_longer_and_the_rest_stays(tmp_path: Path, postgres: PostgresServer) -> None:
    async def story(hq: HqService, _tills: list[Till], _ids: list[str]) -> None:
        def work(connection: Connection) -> int:
            connection.hold("before")
            connection.execute("INSERT INTO feed_counters VALUES ('tea', 'kept', 0)")
            with pytest.raises(psycopg.errors.UniqueViolation):
                _undone(connection)
            connection.hold("before", "within")
            locks = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            return int(connection.execute(locks).fetchone()[0])

        assert await hq._write(work) == 2
        assert await query(hq, "SELECT feed FROM feed_counters WHERE feed = 'kept'") == [{"feed": "kept"}]

    play(tmp_path, postgres.fresh(), story)


def _undone(connection: Connection) -> None:
    with connection.part():
        connection.hold("within")
        connection.execute("INSERT INTO feed_counters VALUES ('tea', 'kept', 0)")
