"""A chain store as real processes with a short start: HQ and till are made in this process, then served by the command.

`async with ProcessWorld(folder) as world:` gives data directories, one enrolled till and a token; `serve()` and `run()`
start `pos-agent hq serve` and `pos-agent run` as often as a test kills them.
"""

import contextlib
import signal
import socket
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from agent.config import Settings, load
from agent.demo import world as chain
from agent.enrolling import enrol
from agent.grants import EVERYTHING, Grant
from agent.main import Agent
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from sync.hq.server import HqServer
from tests.processes import Daemon
from tests.till_world import fill


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def sale(number: int, prefix: str = "k") -> dict[str, Any]:
    """The n-th sale of a test; the same each time it is asked for, as a POS repeats it."""
    tenders = [{"type": "cash", "amount_fen": 1980}]
    return {"sale_id": f"{prefix}-{number}", "lines": [{"code": "10001"}], "tenders": tenders}


class ProcessWorld:
    """One HQ and one till on disk; whoever wants them to live starts them."""

    def __init__(self, folder: Path, *, state: Path | None = None, extra: str = "", scheme: str = "http") -> None:
        self.folder = folder
        self.state = state if state is not None else folder / "till"
        self.hq_data = folder / "hq"
        self.hq_port, self.api_port = free_port(), free_port()
        self.hq_url = f"{scheme}://127.0.0.1:{self.hq_port}"
        self.config = folder / "agent.toml"
        self._extra = extra
        self.daemons: list[Daemon] = []

    async def __aenter__(self) -> "ProcessWorld":
        clock, entropy = SystemClock(), SystemEntropy()
        server = HqServer(await open_hq(self.hq_data, clock, entropy))
        await fill(server, self.folder / "import")
        url = await server.start()
        code = await server.hq.add_workstation(chain.STORE, chain.WORKSTATION)
        await enrol(self.settings(url), code, entropy)
        agent = Agent(self.settings(url), clock, entropy)
        await agent.open()
        await agent.puller.pull_all()
        self.token, _ = await agent.pairing.issue(Grant("", "test POS", EVERYTHING))
        await agent.close()
        await server.stop()
        self.settings(self.hq_url)
        return self

    async def __aexit__(self, *_: object) -> None:
        for daemon in self.daemons:
            if daemon.process.returncode is None:
                await daemon.stop(signal.SIGKILL)

    def settings(self, hq_url: str) -> Settings:
        """Write the till's configuration for an HQ at this address, and read it as the till does."""
        text = f'state_dir = "{self.state}"\n[hq]\nurl = "{hq_url}"\n[api]\nport = {self.api_port}\n{self._extra}'
        self.config.write_text(text, encoding="utf-8")
        return load(self.config)

    async def serve(self) -> Daemon:
        """Start HQ."""
        arguments = ("hq", "serve", "--port", str(self.hq_port), "--data", str(self.hq_data))
        return await self._start("headquarters listens on", arguments)

    async def run(self, *before: str, until: str = "api.ready") -> Daemon:
        """Start the till and wait for a line with `until`; `before` goes before the command (strace, faketime)."""
        return await self._start(until, ("run", "--config", str(self.config)), before)

    async def _start(self, marker: str, arguments: Sequence[str], before: Sequence[str] = ()) -> Daemon:
        daemon = Daemon(*arguments, before=before)
        self.daemons.append(daemon)
        await daemon.start(marker, timeout_s=90)  # a starved machine that has no byte code yet is no fault of ours
        return daemon

    def pos(self) -> httpx.AsyncClient:
        """The paired POS; it outlives its till."""
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.api_port}",
            headers={"Authorization": f"Bearer {self.token}"},
            trust_env=False,
            timeout=10,
        )

    def booked(self) -> dict[str, int]:
        """What the till's books hold: caller id -> seq; checked to be sound and contiguous. The till must be down."""
        with contextlib.closing(sqlite3.connect(self.state / "books.db")) as books:
            assert books.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            seqs = [row[0] for row in books.execute("SELECT seq FROM events ORDER BY seq")]
            held = dict(books.execute("SELECT caller_id, seq FROM requests").fetchall())
        assert seqs == list(range(1, len(seqs) + 1)), "a gap, or two of the same number"
        assert sorted(held.values()) == seqs, "an event that nobody asked for, or asked for twice"
        return held

    def at_hq(self) -> dict[str, int]:
        """What HQ holds: sale id -> seq, each once. HQ must be down."""
        with contextlib.closing(sqlite3.connect(self.hq_data / "hq.db")) as books:
            assert books.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            sql = "SELECT json_extract(body, '$.sale_id'), seq FROM events WHERE state = 'ok'"
            rows = books.execute(sql).fetchall()
        assert len(rows) == len(dict(rows)), "a sale stands twice at HQ"
        return dict(rows)
