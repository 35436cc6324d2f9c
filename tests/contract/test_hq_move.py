"""An embedded headquarters moves to PostgreSQL: every row, proven, or nothing; and no second headquarters."""

import asyncio
import contextlib
import shutil
import sqlite3
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from agent.domain.errors import AgentError, ConfigError, StorageError
from agent.system import SystemEntropy
from sync.hq import claims_audit, lease_audit, own_books
from sync.hq.audit import accounts
from sync.hq.db import move_rows, moved
from sync.hq.db.address import Address, settled
from sync.hq.db.move_rows import Table, Tally
from sync.hq.grant_witness import FILE as WITNESS
from sync.hq.main import open_hq
from sync.hq.move import Moved, move
from sync.hq.service import HqService
from tests.hq_crowd import grant
from tests.postgres import PostgresServer
from tests.unit.test_hq_world import BRAND, NOW_MS, HandClock, Till, enrol, import_members, open_world, query

_DAY_MS = 86_400_000


async def to_server(
    data: Path, address: Address, steps: list[str] | None = None, *, replace_nul: bool = False
) -> Moved:
    def progress(what: str, table: str, rows: int) -> None:
        if steps is not None and rows:
            steps.append(f"{what} {table} {rows}")

    return await move(data, address, HandClock(), SystemEntropy(), progress, replace_nul=replace_nul)


async def audited(hq: HqService, brand_id: str) -> None:
    for audit in (accounts, lease_audit.lots, own_books.audit, lambda c: claims_audit.claims(c, brand_id)):
        assert await hq._write(audit) == []


# --- what is moved, and what is refused -----------------------------------------------------------------------------
def play(folder: Path, story: Callable[[Path, Till, list[str]], Awaitable[None]]) -> None:
    """A file with one till's sales of three months, a suspended one among them, and a grant; then the story."""

    async def run() -> None:
        clock = HandClock(NOW_MS - 60 * _DAY_MS)
        hq, till = await open_world(folder / "hq", clock), Till()
        await enrol(hq, till)
        ids = await import_members(hq, folder / "members.csv", 3)
        for _month in range(3):
            till.book(member=ids[1], points=7, sale_id=f"茶\t\\ {len(till.events)}")
            till.book('{"kind":"sale", "name":"\x00"}')
            await hq.ingest(till.workstation_id, till.batch(till.events[-2:]))
            clock.at_ms += 30 * _DAY_MS
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = 100"))
        assert await grant(hq, till, ids[0], 4, "") == 4
        await hq.close()
        await story(folder / "hq", till, ids)

    asyncio.run(run())


def test_rows_arrive_to_the_byte_and_events_in_the_month_they_came(tmp_path: Path, postgres: PostgresServer) -> None:
    address = postgres.fresh()

    async def story(data: Path, till: Till, _ids: list[str]) -> None:
        steps: list[str] = []
        done = await to_server(data, address, steps)
        assert (done.tables["events"].rows, done.tables["event_names"].rows, done.findings) == (6, 6, [])
        assert {"copying events 6", "comparing events 6"} <= set(steps)
        hq = await open_hq(data, HandClock(), SystemEntropy(), database=address)
        try:
            bodies = await query(hq, "SELECT body FROM events ORDER BY seq")
            assert [row["body"] for row in bodies] == [event.body for event in till.events]
            months = await query(hq, "SELECT DISTINCT tableoid::regclass::text AS name FROM events ORDER BY 1")
            assert [row["name"] for row in months] == ["events_y2026m07", "events_y2026m08", "events_y2026m09"]
            late = await query(hq, "SELECT 1 FROM postings p JOIN events e USING (workstation_id, epoch, seq)"
                                   " WHERE p.received_at_ms <> e.received_at_ms")  # fmt: skip
            assert late == []
            assert (await hq.ingest("S1-1", till.batch())).watermark == 6, "the same again changes nothing"
            await audited(hq, BRAND)
        finally:
            await hq.close()

    play(tmp_path, story)


def test_the_file_stays_as_it_is_and_nobody_serves_it_again(tmp_path: Path, postgres: PostgresServer) -> None:
    address = postgres.fresh()

    async def story(data: Path, _till: Till, _ids: list[str]) -> None:
        held = _rows(data / "hq.db")
        await to_server(data, address)
        assert _rows(data / "hq.db") == held
        with pytest.raises(StorageError, match=r"was moved to PostgreSQL"):
            await open_hq(data, HandClock(), SystemEntropy())
        other = tmp_path / "elsewhere"
        shutil.copytree(data, other, ignore=shutil.ignore_patterns("hq.database"))
        with pytest.raises(StorageError, match=r"was moved to PostgreSQL"):
            await open_hq(other, HandClock(), SystemEntropy())
        _application_id(other / "hq.db", 0)
        with pytest.raises(StorageError, match=r"newer pos-agent \(moved to postgresql://"):
            await open_hq(other, HandClock(), SystemEntropy())  # as a program from before there was such a mark
        again = await to_server(data, address)
        assert again.tables == {}, "what is there is not moved twice"
        with pytest.raises(StorageError, match=r"was moved to postgresql://.*"):
            await to_server(data, postgres.fresh())

    play(tmp_path, story)


def test_a_backup_put_back_over_the_marked_file_is_not_served(tmp_path: Path, postgres: PostgresServer) -> None:
    """Its events would be a second truth beside the server's."""
    address = postgres.fresh()

    async def story(data: Path, _till: Till, _ids: list[str]) -> None:
        shutil.copy(data / "hq.db", tmp_path / "backup")
        await to_server(data, address)
        assert settled(data, "", {}) is not None
        shutil.copy(tmp_path / "backup", data / "hq.db")
        with pytest.raises(ConfigError, match="holds books already"):
            settled(data, "", {})

    play(tmp_path, story)


def test_books_in_use_or_older_or_of_other_keys_or_a_copy_are_not_moved(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    address = postgres.fresh()

    async def refused(data: Path, why: str) -> None:
        with pytest.raises(AgentError, match=why):
            await to_server(data, address)
        assert not moved.is_moved(data / "hq.db")
        assert not (data / "hq.database").exists()

    async def story(data: Path, _till: Till, _ids: list[str]) -> None:
        hq = await open_hq(data, HandClock(), SystemEntropy())
        await refused(data, "database is locked")
        await hq.close()
        with _kept(data / "hq.key", tmp_path):
            (data / "hq.key").unlink()
            await (await open_hq(tmp_path / "alien", HandClock(), SystemEntropy())).close()
            shutil.copy(tmp_path / "alien" / "hq.key", data / "hq.key")
            await refused(data, "belongs to another database")
        with _kept(data / WITNESS, tmp_path):
            (data / WITNESS).unlink()
            await refused(data, r"have mark \d+, their witness \(hq.grants\) none: a copy")
        with _kept(data / "hq.db", tmp_path):
            _run(data / "hq.db", "UPDATE grants_made SET number = 0")
            await refused(data, r"have mark 0, their witness \(hq.grants\) \d+: a copy")
        with _kept(data / "hq.db", tmp_path):
            _run(data / "hq.db", "DELETE FROM _sqlite_migrations WHERE name = 'm012_console'")
            await refused(data, r"older than this program \(m012_console\)")
        with _kept(data / "hq.db", tmp_path):
            _run(data / "hq.db", "INSERT INTO _sqlite_migrations (migration_set, name) VALUES ('hq', 'm999_later')")
            await refused(data, r"newer pos-agent \(m999_later\)")
        await refused(tmp_path, r"hq\.db does not exist")

    play(tmp_path, story)
    _nothing_is_there(address)


def test_a_database_that_holds_anything_is_left_alone(tmp_path: Path, postgres: PostgresServer) -> None:
    address = postgres.fresh()

    async def story(data: Path, _till: Till, _ids: list[str]) -> None:
        hq = await open_hq(tmp_path / "another", HandClock(), SystemEntropy(), database=address)
        await hq.close()
        with pytest.raises(StorageError, match="not empty: there are rows in hq_identity"):
            await to_server(data, address)
        with psycopg.connect(address.url, autocommit=True) as raw:
            raw.execute("DELETE FROM hq_identity")
            raw.execute("CREATE TABLE guests (name text)")
        with pytest.raises(StorageError, match="tables of file and server differ: guests"):
            await to_server(data, address)
        assert not moved.is_moved(data / "hq.db")

    play(tmp_path, story)


@pytest.mark.parametrize("fault", ["a row less", "another value", "books that do not add up"])
def test_what_is_not_equal_is_not_moved(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The server alters what it is sent: it holds nothing of it in the end, and the file serves on."""
    address = postgres.fresh()
    statement = {
        "a row less": "DELETE FROM members WHERE opening_points = (SELECT MAX(opening_points) FROM members)",
        "another value": "UPDATE brands SET name = name || ' '",
        "books that do not add up": "UPDATE accounts SET balance = balance + 1",
    }[fault]
    read_back = move_rows.read_back
    if fault == "books that do not add up":  # even were the digests blind
        monkeypatch.setattr(move_rows, "read_back", lambda _target, table, _step: sent[table.name])
    sent: dict[str, Tally] = {}
    copy = move_rows.copy

    def altered(source: Any, target: Any, table: Table, step: Any, change: Any) -> Tally:
        sent[table.name] = copy(source, target, table, step, change)
        if table.name == "event_names":
            target.script("SET session_replication_role = replica; " + statement)
        return sent[table.name]

    monkeypatch.setattr(move_rows, "copy", altered)

    async def story(data: Path, _till: Till, _ids: list[str]) -> None:
        with pytest.raises(StorageError, match=r"(members|brands) differs|do not add up"):
            await to_server(data, address)
        _nothing_is_there(address)
        await (await open_hq(data, HandClock(), SystemEntropy())).close()
        monkeypatch.setattr(move_rows, "copy", copy)
        monkeypatch.setattr(move_rows, "read_back", read_back)
        assert (await to_server(data, address)).tables["events"].rows == 6

    play(tmp_path, story)


def test_a_move_cut_off_at_the_last_moment_is_made_again(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Marked, and the server died before its commit: nobody serves the file, and the same call moves it."""
    address = postgres.fresh()
    put = moved.put

    def cut(source: Any, where: str) -> None:
        put(source, where)
        raise KeyboardInterrupt

    async def story(data: Path, _till: Till, _ids: list[str]) -> None:
        monkeypatch.setattr(moved, "put", cut)
        with pytest.raises(KeyboardInterrupt):
            await to_server(data, address)
        _nothing_is_there(address)
        assert moved.is_moved(data / "hq.db")
        monkeypatch.setattr(moved, "put", put)
        assert (await to_server(data, address)).tables["events"].rows == 6
        hq = await open_hq(data, HandClock(), SystemEntropy(), database=settled(data, "", {}))
        await audited(hq, BRAND)
        await hq.close()

    play(tmp_path, story)


def test_books_that_did_not_add_up_before_move_and_are_named(tmp_path: Path, postgres: PostgresServer) -> None:
    address = postgres.fresh()

    async def story(data: Path, _till: Till, ids: list[str]) -> None:
        _run(data / "hq.db", "UPDATE accounts SET balance = balance + 1")
        found = (await to_server(data, address)).findings
        assert {(one.table, one.key.split()[0]) for one in found} == {("accounts", ids[1]), ("lots", ids[1])}

    play(tmp_path, story)


def test_a_row_the_server_refuses_is_told_of_without_its_words(tmp_path: Path, postgres: PostgresServer) -> None:
    """Books from before headquarters suspended events with a NUL in a text that it keeps in a column."""
    address = postgres.fresh()

    async def story(data: Path, _till: Till, ids: list[str]) -> None:
        _run(data / "hq.db", f"UPDATE postings SET bucket = '{ids[1]}' || char(0) || '" + "secret" * 30 + "'"
                             " WHERE seq = 1")  # fmt: skip
        said = r"refuses a row of postings.* 1 rows of postings hold a text with a NUL: S1-1 e1 1 0"
        with pytest.raises(StorageError, match=said) as told:
            await to_server(data, address)
        assert "--replace-nul" in (told.value.hint or "")
        said = "".join(traceback.format_exception(told.value))
        assert ids[1] not in said
        assert "secret" not in said
        assert not moved.is_moved(data / "hq.db")
        await (await open_hq(data, HandClock(), SystemEntropy())).close()

    play(tmp_path, story)
    _nothing_is_there(address)


def test_rows_with_a_nul_move_under_another_text_when_asked_and_what_they_said_is_kept(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    """Lot and posting stay one lot; the event that brought the name keeps its bytes and its digest."""
    address, text = postgres.fresh(), "cp" + "\0" * 100

    async def story(data: Path, till: Till, ids: list[str]) -> None:
        lot = f"(SELECT 'cp' || replace(hex(zeroblob(50)), '0', char(0)) FROM members WHERE member_id = '{ids[1]}')"
        _run(data / "hq.db", f"UPDATE postings SET bucket = {lot} WHERE seq = 1")
        _run(data / "hq.db", f"UPDATE lots SET bucket = {lot} WHERE member_id = '{ids[1]}' AND account = 'points'")
        with pytest.raises(StorageError, match="refuses a row"):
            await to_server(data, address)
        done = await to_server(data, address, replace_nul=True)
        assert [(one.table, one.key, bytes.fromhex(one.original).decode()) for one in done.replaced] == [
            ("lots", f"{ids[1]} points", text), ("postings", "S1-1 e1 1 0", text),
        ]  # fmt: skip
        assert done.findings == []
        hq = await open_hq(data, HandClock(), SystemEntropy(), database=address)
        try:
            for table in ("lots", "postings"):
                sql = f"SELECT bucket FROM {table} WHERE bucket LIKE 'cp%'"
                assert await query(hq, sql) == [{"bucket": text.replace("\0", "\ufffd")}]
            bodies = await query(hq, "SELECT body FROM events ORDER BY seq")
            assert [row["body"] for row in bodies] == [event.body for event in till.events]
            kept = await query(hq, "SELECT place, key, detail FROM discrepancies WHERE code = 'TEXT_REPLACED'")
            assert {row["place"]: row["key"] for row in kept} == {
                "lots": f"{ids[1]} points bucket", "postings": "S1-1 e1 1 0 bucket",
            }  # fmt: skip
            assert {row["detail"] for row in kept} == {f"was, in hex: {text.encode().hex()}"}
            await audited(hq, BRAND)
        finally:
            await hq.close()

    play(tmp_path, story)


def test_a_nul_in_what_headquarters_has_signed_is_not_replaced(tmp_path: Path, postgres: PostgresServer) -> None:
    address = postgres.fresh()

    async def story(data: Path, _till: Till, ids: list[str]) -> None:
        _run(data / "hq.db", "INSERT INTO hq_postings (seq, brand_id, kind, reference, member_id, account, amount,"
                             f" bucket, expires, at_ms, digest) VALUES (1, '{BRAND}', 'expire', 'r', '{ids[1]}',"
                             " 'points', -1, 'a' || char(0), '', 1, zeroblob(32))")  # fmt: skip
        with pytest.raises(StorageError, match="their digests cover it"):
            await to_server(data, address, replace_nul=True)
        assert not moved.is_moved(data / "hq.db")

    play(tmp_path, story)
    _nothing_is_there(address)


# --- looking behind its back ----------------------------------------------------------------------------------------
def _rows(path: Path) -> dict[str, list[Any]]:
    with contextlib.closing(sqlite3.connect(path)) as raw:
        names = [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: raw.execute(f"SELECT * FROM {name}").fetchall() for name in names if name[0] != "_"}


def _run(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as raw, raw:
        raw.execute(statement)


def _application_id(path: Path, number: int) -> None:
    _run(path, f"PRAGMA application_id = {number}")
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextlib.contextmanager
def _kept(path: Path, beside: Path) -> Any:
    shutil.copy2(path, beside / "kept")
    yield
    shutil.copy2(beside / "kept", path)


def _nothing_is_there(address: Address) -> None:
    with psycopg.connect(address.url) as raw:
        for table in ("hq_identity", "members", "events", "event_names", "chains"):
            assert raw.execute(f"SELECT COUNT(*) FROM {table}".encode()).fetchone() == (0,)
