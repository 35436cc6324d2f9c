"""A store with everything real but the hardware: HQ over HTTP, the agent's own parts, real SQLite. For tests.

`async with TillWorld(tmp_path) as world:` gives an enrolled agent that has pulled members, prices and rules.
"""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from agent.config import Settings, parse
from agent.demo import world as chain
from agent.demo.cable import Cable
from agent.enrolling import enrol
from agent.grants import EVERYTHING, Grant
from agent.main import Agent
from agent.system import SystemClock, SystemEntropy
from drivers.simulated import SimulatedPrinter, SimulatedScanner
from sync.hq.db.postgres import PgConnection
from sync.hq.main import open_hq
from sync.hq.server import HqServer
from tests.unit.test_hq_world import Databases

MEMBERS = 40


class TillWorld:
    """One HQ, one store, one workstation; `start()` also runs the daemon."""

    def __init__(self, folder: Path, *, devices: bool = False, extra: str = "") -> None:
        self.folder = folder
        self.clock, self.entropy = SystemClock(), SystemEntropy()
        self._devices = devices
        self._extra = extra
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "TillWorld":
        data = self.folder / "hq"
        self.server = HqServer(await open_hq(data, self.clock, self.entropy, database=Databases.of(data)))
        await fill(self.server, self.folder / "import")
        self.cable = Cable(await self.server.start())
        await self.cable.plug()
        self.printer = SimulatedPrinter()
        await self.printer.start()
        self.scanner = SimulatedScanner(self.folder / "dev" / "scanner")
        self.settings = self._settings()
        self.code = await self.server.hq.add_workstation(chain.STORE, chain.WORKSTATION)
        await enrol(self.settings, self.code, self.entropy)
        self.agent = Agent(self.settings, self.clock, self.entropy)
        await self.agent.open()
        await self.agent.puller.pull_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.halt()
        await self.agent.close()
        self.scanner.close()
        await self.printer.stop()
        await self.cable.pull()
        await self.server.stop()

    async def start(self) -> httpx.AsyncClient:
        """Run the daemon; give a client that is paired with its API."""
        ready = asyncio.Event()
        self._running = asyncio.create_task(self.agent.run(self._stop, on_ready=ready.set))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, self._running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            self._running.result()
        return await self.paired()

    async def paired(self) -> httpx.AsyncClient:
        """A client with a token of its own."""
        token, _ = await self.agent.pairing.issue(Grant("", "test POS", EVERYTHING))
        return self.client({"Authorization": f"Bearer {token}"})

    def client(self, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
        """A client of the running daemon's TCP API."""
        base = f"http://127.0.0.1:{self.agent.port}"
        return httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=10)

    async def halt(self) -> None:
        """Stop the daemon in order."""
        self._stop.set()
        if self._running is not None:
            running, self._running = self._running, None
            await running

    async def reopen(self) -> None:
        """Stop the daemon and open the same books again, as after a restart."""
        await self.halt()
        await self.agent.close()
        self._stop = asyncio.Event()
        self.agent = Agent(self.settings, self.clock, self.entropy)
        await self.agent.open()

    def _settings(self) -> Settings:
        devices = f"""
[[scanner]]
name = "counter"
path = "{self.folder}/dev/scanner"
[[printer]]
name = "receipt"
kind = "tcp"
host = "127.0.0.1"
port = {self.printer.port}
profile = "escpos-80"
"""
        text = f"""
state_dir = "{self.folder}/till"
[hq]
url = "{self.cable.url}"
[api]
port = 0
{devices if self._devices else ""}
{self._extra}
"""
        return parse(text)


async def fill(server: HqServer, folder: Path) -> None:
    """Give HQ the demo's chain store with a few members."""
    hq = server.hq
    await hq.init_brand(chain.BRAND, chain.BRAND_NAME, chain.JOIN_URL)
    await hq.add_store(chain.BRAND, chain.STORE, chain.STORE_NAME)
    await hq.import_rules(chain.BRAND, chain.RULES)
    files = chain.write_files(folder, MEMBERS)
    await hq.import_items(chain.BRAND, files["items"])
    await hq.import_merchants(chain.BRAND, files["merchants"])
    await hq.import_members(chain.BRAND, files["members"])
    await hq.import_batches(chain.BRAND, files["batches"])
    await hq.import_coupons(chain.BRAND, files["coupons"])


def cash(amount_fen: int) -> dict[str, Any]:
    """A cash tender."""
    return {"type": "cash", "amount_fen": amount_fen}


def triggers_of(connection: Any) -> list[str]:
    """What guards a file's tables against being altered; a server's tables have no such thing."""
    if isinstance(connection, PgConnection):
        return []
    return [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()]
