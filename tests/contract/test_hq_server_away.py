"""PostgreSQL killed in the middle of ingest: nothing acknowledged is lost, HQ stays up, tills resend, equal books."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest

from agent.domain.errors import ConfigError, StorageError
from agent.system import SystemClock, SystemEntropy
from sync.hq.app import create_app
from sync.hq.db.address import CREDENTIAL, address_of, record, settled
from sync.hq.db.seam import DatabaseAway
from sync.hq.main import open_hq
from sync.hq.service import HqService
from sync.protocol import ProofRequest
from tests.postgres import PostgresServer, running
from tests.unit.test_hq_world import BRAND, RULES, STORE, HandClock, Till, enrol, import_members, query

_KILLS = 2
_TILLS = 4


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    """A server whose commits are on disk."""
    with running(durable=True) as server:
        yield server


def play(
    folder: Path, server: PostgresServer, story: Callable[[HqService, list[Till], list[str]], Awaitable[None]]
) -> None:
    async def run() -> None:
        hq = await open_hq(folder / "hq", HandClock(), SystemEntropy(), database=server.fresh())
        try:
            await hq.init_brand(BRAND, "茶铺", "")
            await hq.add_store(BRAND, STORE, "一号店")
            await hq.import_rules(BRAND, RULES)
            tills = [Till(workstation_id=f"S1-{number}") for number in range(1, _TILLS + 1)]
            for till in tills:
                await enrol(hq, till)
            await story(hq, tills, await import_members(hq, folder / "members.csv", 3))
        finally:
            await hq.close()

    asyncio.run(run())


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(tmp_path: Path, durable: PostgresServer) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        loop, app = asyncio.get_running_loop(), httpx.ASGITransport(create_app(hq))
        client = httpx.AsyncClient(transport=app, base_url="http://hq")
        acknowledged: set[tuple[str, int]] = set()
        refused = 0
        up, enough, over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        up.set()

        async def sell(till: Till) -> None:
            """Book and push for ever; after a refusal send the same again once the server is back."""
            nonlocal refused
            sent = 0
            while not over.is_set() or sent < len(till.events):
                while not over.is_set() and len(till.events) < sent + 5:
                    till.book(member=ids[len(till.events) % len(ids)], points=1)
                try:
                    answer = await hq.ingest(till.workstation_id, till.batch(till.events[sent:]))
                except DatabaseAway:
                    refused += 1
                    await up.wait()
                    continue
                acknowledged.update((till.workstation_id, verdict.seq) for verdict in answer.verdicts)
                sent = answer.watermark
                enough.set()

        selling = [asyncio.create_task(sell(till)) for till in tills]
        for _ in range(_KILLS):
            enough.clear()
            await enough.wait()  # ORDER: all four are in the middle of something
            up.clear()
            await loop.run_in_executor(None, durable.kill)
            answer = await client.get("/healthz")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
            await loop.run_in_executor(None, durable.start)
            assert (await client.get("/healthz")).status_code == 200
            up.set()
        over.set()
        await asyncio.gather(*selling)
        assert not hq.failed.is_set(), "a server that is away ends nothing"
        assert refused > 0
        held = {
            (row["workstation_id"], row["seq"]) for row in await query(hq, "SELECT workstation_id, seq FROM events")
        }
        assert acknowledged <= held
        [row] = await query(hq, "SELECT SUM(balance) AS points FROM accounts")
        assert row["points"] == sum(len(till.events) for till in tills), "and none is booked twice"
        for till in tills:
            asked = ProofRequest(epoch=till.epoch, count=len(till.events), head=till.head.hex())
            proof = await hq.prove(till.workstation_id, asked)
            assert (proof.equal, proof.findings) == (True, [])

    play(tmp_path, durable, story)


# --- clear errors ---------------------------------------------------------------------------------------------------
def _open(folder: Path, url: str) -> None:
    async def run() -> None:
        hq = await open_hq(folder, SystemClock(), SystemEntropy(), database=address_of(url, {}))
        await hq.close()

    asyncio.run(run())


def test_a_server_that_is_not_there_is_said_so(tmp_path: Path, postgres: PostgresServer) -> None:
    url = re.sub(r":\d+/", ":1/", postgres.url("hq"))
    with pytest.raises(DatabaseAway, match="does not answer") as told:
        _open(tmp_path, url)
    assert "is the server up?" in told.value.hint
    assert not (tmp_path / "hq.key").exists()


def test_a_database_that_is_not_there_is_said_so(tmp_path: Path, postgres: PostgresServer) -> None:
    with pytest.raises(StorageError, match='database "nowhere" does not exist'):
        _open(tmp_path, postgres.url("nowhere"))


def test_a_role_without_rights_is_told_what_it_needs(tmp_path: Path, postgres: PostgresServer) -> None:
    postgres.execute("CREATE ROLE guest LOGIN", "CREATE DATABASE closed TEMPLATE template0")
    with pytest.raises(StorageError, match="refuses us: permission denied") as told:
        _open(tmp_path, postgres.url("closed", "guest"))
    assert "docs/operations.md" in told.value.hint


def test_an_encoding_that_cannot_hold_our_texts_is_refused(tmp_path: Path, postgres: PostgresServer) -> None:
    postgres.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(StorageError, match="encoded in LATIN1"):
        _open(tmp_path, postgres.url("latin"))


def test_keys_of_another_headquarters_are_refused(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.fresh().url
    _open(tmp_path / "one", url)
    _open(tmp_path / "one", url)
    with pytest.raises(StorageError, match=r"hq\.key"):
        _open(tmp_path / "two", url)
    assert not (tmp_path / "two" / "hq.key").exists(), "a database whose keys are gone is never given new ones"
    _open(tmp_path / "three", postgres.fresh().url)
    with pytest.raises(StorageError, match="belongs to another database"):
        _open(tmp_path / "three", url)


def test_one_more_process_is_let_in_by_its_operator_and_stops_no_grants(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    address = postgres.fresh()

    async def run() -> None:
        one = await open_hq(tmp_path / "one", SystemClock(), SystemEntropy(), database=address)
        try:
            await one.init_brand(BRAND, "茶铺", "")
            await one._write(lambda c: c.execute("UPDATE grants_made SET number = 5"))
            (tmp_path / "two").mkdir()
            (tmp_path / "two" / "hq.key").write_bytes((tmp_path / "one" / "hq.key").read_bytes())
            (tmp_path / "two" / "hq.key").chmod(0o600)
            with pytest.raises(StorageError, match=r"no witness of them \(hq.grants\)") as told:
                await open_hq(tmp_path / "two", SystemClock(), SystemEntropy(), database=address)
            assert "--new-process" in told.value.hint
            assert await query(one, "SELECT 1 FROM restorations") == [], "who is refused stops nobody"
            for new_process in (True, False):
                two = await open_hq(
                    tmp_path / "two", SystemClock(), SystemEntropy(), database=address, new_process=new_process
                )
                await two.close()
            assert await query(one, "SELECT 1 FROM restorations") == []
        finally:
            await one.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://x", "begins with postgresql://"),
        ("postgresql://hq:secret@db/hq", "holds a password"),
        ("postgresql://db/hq?password=secret", "holds a password"),
        ("postgresql://db/hq?nonsense=1", "cannot be read"),
    ],
)
def test_an_address_is_read_before_anything_is_made(url: str, said: str) -> None:
    with pytest.raises(ConfigError) as told:
        address_of(url, {})
    assert said in told.value.mistakes[0]
    assert "secret" not in told.value.mistakes[0]


def test_the_password_comes_from_a_credential_and_shows_nowhere(tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL).write_text("hush\n")
    address = address_of("postgresql://hq@db/hq", MappingProxyType({"CREDENTIALS_DIRECTORY": str(tmp_path)}))
    assert address.password == "hush"
    assert "hush" not in repr(address)


def test_a_directory_remembers_its_server_and_never_begins_other_books(tmp_path: Path) -> None:
    assert settled(tmp_path, "", {}) is None
    address = settled(tmp_path, "postgresql://hq@db/hq", {})
    record(tmp_path, address)
    assert settled(tmp_path, "", {}) == address
    (tmp_path / "hq.db").touch()
    with pytest.raises(ConfigError, match=r"hq\.db"):
        settled(tmp_path, "", {})
