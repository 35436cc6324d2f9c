"""Commands of headquarters import no more than they need: half of the program would cost a second each time."""

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sync.hq.places import SOCKET
from sync.hq.server import HqServer
from tests.unit.test_hq_world import open_world

HEAVY = ("cryptography", "fastapi", "orjson", "psycopg", "sqlite_utils", "starlette", "structlog", "uvicorn")
"""What only answering takes. (pydantic is not among them: typer itself imports it.)"""
_ALLOWED = {"sync.hq", "sync.hq.bounds", "sync.hq.places", "sync.wechat", "sync.wechat.cards"}


def imported(words: Sequence[str]) -> set[str]:
    """Every module a command imports, as Python itself counts them."""
    command = [sys.executable, "-X", "importtime", "-m", "agent", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    assert len(lines) > 100, "it is counted"
    return {line.rpartition("|")[2].strip() for line in lines}


def needless(found: set[str]) -> list[str]:
    """Of these, what no asking command needs."""
    heavy = {name for name in found if name.partition(".")[0] in HEAVY}
    ours = {name for name in found if name.startswith(("sync.", "agent.api", "agent.db", "agent.config", "drivers"))}
    return sorted(heavy | (ours - _ALLOWED))


def test_the_help_of_all_commands_imports_none_of_what_answers() -> None:
    assert needless(imported(["hq", "--help"])) == []


def test_what_only_asks_a_serving_headquarters_imports_none_of_it(tmp_path: Path) -> None:
    async def story() -> set[str]:
        server = HqServer(await open_world(tmp_path / "hq"), admin_socket=tmp_path / "hq" / SOCKET)
        await server.start()
        try:
            asking = ("hq", "leases", "--data", str(tmp_path / "hq"))
            return await asyncio.get_running_loop().run_in_executor(None, imported, asking)
        finally:
            await server.stop()

    found = asyncio.run(story())
    assert needless(found) == []
    assert "httpx" in found, "it was asked over the socket"
