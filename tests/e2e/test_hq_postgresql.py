"""The command line with PostgreSQL: books are made on the server, remembered by the directory, and served."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

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
