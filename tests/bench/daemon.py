"""The daemon itself: cold start to ready, memory and CPU when idle. And HQ's ingest over HTTP on embedded SQLite."""

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

from agent.limits import BATCH_EVENTS
from tests.bench.table import Figure
from tests.contract.test_push import PushWorld
from tests.e2e.test_cli import headquarters
from tests.processes import Daemon
from tests.till_world import TillWorld

_IDLE_S = 10


async def measure() -> list[Figure]:
    """Start a real, enrolled daemon beside a real HQ and watch it do nothing."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        hq, _, config = await headquarters(Path(folder))
        first = Daemon("run", "--config", str(config))
        await first.start("sync.state")
        await first.stop()
        daemon = Daemon("run", "--config", str(config))
        start = time.perf_counter()
        await daemon.start("api.ready")
        ready_s = time.perf_counter() - start
        await daemon.line("sync.state")
        await asyncio.sleep(2)
        before = cpu_s(daemon.process.pid)
        await asyncio.sleep(_IDLE_S)
        share = (cpu_s(daemon.process.pid) - before) / _IDLE_S * 100
        memory_mb = rss_mb(daemon.process.pid)
        json.loads(daemon.lines[-1])
        await daemon.stop()
        await hq.stop()
    return [
        Figure("cold start to ready", f"{ready_s:.2f} s", "", ready_s, 1.5, 0.5, " s"),
        Figure("idle memory", f"{memory_mb:.0f} MB", "", memory_mb, 100, 50, " MB"),
        Figure("idle CPU", f"{share:.2f} %", "", share, 1, 0.1, " %"),
    ]


async def ingest(count: int) -> list[Figure]:
    """Push `count` real sales through the real client to the real HQ over HTTP."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with TillWorld(Path(folder)) as world:
            push = PushWorld(world)
            await push.sell(count)
            start = time.perf_counter()
            sent = await world.agent.pusher.push_all()
            seconds = time.perf_counter() - start
            traffic = world.agent.hq.traffic()
    rate = sent / seconds
    what = f"HQ ingest over HTTP, batches of {BATCH_EVENTS}"
    measured = f"{rate:.0f} sales/s, {traffic.bytes_up / sent:.0f} B a sale up"
    return [Figure(what, measured, "both ends in one process", rate, None, None, " sales/s", more_is_better=True)]


def cpu_s(pid: int) -> float:
    """Seconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Megabytes of a process that are in memory."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return 0.0
