"""The command line with PostgreSQL: books are made on the server, remembered by the directory, and served."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from agent.cli.whole import app
from sync.hq.grant_witness import FileGrantWitness
from tests.postgres import PostgresServer, running
from tests.processes import Daemon, run, succeed


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A server of our own."""
    with running() as made:
        yield made


def test_headquarters_are_made_and_served_on_a_server(tmp_path: Path, server: PostgresServer) -> None:
    async def story() -> None:
        data, url = ("--data", str(tmp_path / "hq")), server.fresh().url
        said = await succeed("hq", "init", "tea", "茶铺", "--database", url, *data)
        assert said.startswith(f"brand tea 茶铺 in {url}; keep ")
        assert not (tmp_path / "hq" / "hq.db").exists()
        code = await succeed("hq", "enrol", "S1", "S1-1", "--name", "一号店", "--brand", "tea", *data)
        assert len(code) == 19, "the directory remembers its server"
        hq = Daemon("hq", "serve", "--port", "0", *data)
        base = (await hq.start("headquarters listens on")).rsplit(" ", 1)[1]
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            assert (await client.get("/healthz")).json()["status"] == "ok"
        assert await hq.stop() == 0
        refused, _, err = await run("hq", "serve", *data, "--database", "postgresql://hq@127.0.0.1:1/hq")
        assert (refused, "does not answer" in err, "Traceback" in err) == (1, True, False)

    asyncio.run(story())


# --- commands in this process: what they open and refuse, without the seconds of a start -----------------------------
def hq(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["hq", *words])
    assert done.exit_code == code, (words, done.output, done.exception)
    return done.output


def test_headquarters_move_by_command_and_are_served_from_the_server(tmp_path: Path, server: PostgresServer) -> None:
    data, url = ("--data", str(tmp_path / "hq")), server.fresh().url
    hq("init", "tea", "茶铺", *data)
    code = hq("enrol", "S1", "S1-1", "--name", "一号店", "--brand", "tea", *data)
    assert len(code.strip()) == 19
    said = hq("move", "--to", url, *data)
    assert "workstations\t1\t" in said
    assert f"the books were moved to {url}; " in said
    assert f"the books had been moved to {url}; " in hq("move", "--to", url, *data), "once more is no harm"
    hq("enrol", "S1", "S1-2", *data)
    assert f"brand tea 茶铺 in {url}" in hq("init", "tea", "茶铺", *data)
    (tmp_path / "hq" / "hq.database").unlink()
    assert "was moved to PostgreSQL" in hq("leases", *data, code=1), "the file alone is nobody's books"
    assert "begins with postgresql://" in hq("move", "--to", "mysql://x", *data, code=78)


def test_a_second_process_serves_only_when_its_operator_says_what_it_is(tmp_path: Path, server: PostgresServer) -> None:
    """Taken for a restored headquarters it would stop the grants of the first."""
    url = server.fresh().url
    hq("init", "tea", "茶铺", "--data", str(tmp_path / "one"), "--database", url)
    with psycopg.connect(url) as raw:
        raw.execute("UPDATE grants_made SET number = 5")
    for name in ("two", "lost"):
        (tmp_path / name).mkdir(mode=0o700)
        shutil.copy2(tmp_path / "one" / "hq.key", tmp_path / name / "hq.key")
    FileGrantWitness(tmp_path / "one" / "hq.grants").write(5)
    two = ("serve", "--port", "0", "--data", str(tmp_path / "two"), "--database", url)

    async def story() -> None:
        refused, _, said = await run("hq", *two)
        assert (refused, "no witness of them (hq.grants)" in said, "--new-process" in said) == (1, True, True)
        assert not (tmp_path / "two" / "hq.grants").exists()
        second = Daemon("hq", *two, "--new-process")
        await second.start("headquarters listens on")
        assert await second.stop() == 0

    asyncio.run(story())
    assert (FileGrantWitness(tmp_path / "two" / "hq.grants").read() or 0) > 5, "from now on it is known"
    assert "no workstation is waited for" in hq("restored", "--data", str(tmp_path / "one"))
    (tmp_path / "lost" / "hq.database").write_text(url + "\n")
    assert "no witness of them" in hq("restored", "--data", str(tmp_path / "lost"), code=1)
    with psycopg.connect(url) as raw:
        assert raw.execute("SELECT COUNT(*) FROM restorations").fetchone() == (0,), "who is refused stops nobody"
    hq("restored", "--yes", "--data", str(tmp_path / "lost"))
    with psycopg.connect(url) as raw:
        assert raw.execute("SELECT COUNT(*) FROM restorations").fetchone() == (1,)
