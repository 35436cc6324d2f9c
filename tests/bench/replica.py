"""A large brand from HQ's database to the till: building a snapshot, the first load, look-ups, deltas, the check.

HQ is a process of its own (`pos-agent hq serve`), filled directly, for importing ten million rows would be another
figure. `measure` is `make bench`; tests/long/test_ten_million.py runs it with ten million members.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from sync.hq.bounds import SNAPSHOT_FROM_ROWS
from sync.hq.db.address import Address
from tests.bench import replica_till
from tests.bench.replica_figures import Measured, figures
from tests.bench.replica_till import ALTERED, succeed
from tests.bench.table import Figure, micro
from tests.many_members import brand_of, fill
from tests.process_world import free_port
from tests.processes import Daemon
from tests.snapshot_world import TillReplica, enrol_till, index_key
from tests.unit.test_hq_world import BRAND, open_world

_SAY_S: Final = 15
Told = Callable[[str], None]


def _silent(_what: str) -> None:
    pass


async def run(
    folder: Path, members: int, deltas: int, count: int, database: Address | None = None, told: Told = _silent
) -> Measured:
    """Do all of it once; HQ's books are a file, or in `database`."""
    found = Measured(members, engine="a file" if database is None else "PostgreSQL")
    await prepare(found, folder, database, told)
    await live(found, folder, deltas, count, database, told)
    return found


async def prepare(found: Measured, folder: Path, database: Address | None = None, told: Told = _silent) -> None:
    """Make HQ's database and a till's keys."""
    told(f"filling HQ with {found.members:,} members")
    start = time.perf_counter()
    hq = await open_world(folder / "hq", database=database)
    await enrol_till(hq, folder / "till")
    await hq.close()
    fill(folder / "hq", database, brand_of(folder / "hq", BRAND, index_key(folder / "till")), found.members, told)
    found.fill_s = time.perf_counter() - start
    told(f"filled in {found.fill_s:.0f} s")


async def live(
    found: Measured,
    folder: Path,
    deltas: int,
    count: int,
    database: Address | None = None,
    told: Told = _silent,
) -> None:
    """Serve, and let the till do its part."""
    port = free_port()
    at = () if database is None else ("--database", database.url)
    daemon = Daemon("hq", "serve", "--port", str(port), "--data", str(folder / "hq"), *at)
    await daemon.start("headquarters listens on", timeout_s=120)
    try:
        async with TillReplica(folder / "till", f"http://127.0.0.1:{port}") as till:
            await _build(found, till, folder / "hq", f"http://127.0.0.1:{port}", told)
            found.build_cpu_s, found.build_peak = _spent(daemon.process.pid)
            told(f"built in {found.build_s:.0f} s, {found.build_cpu_s:.0f} s of CPU, {found.build_peak / 1e6:.0f} MB")
            await replica_till.load(found, till)
            told(f"loaded: {found.stages}")
            await replica_till.look_up(found, till, count)
            told(f"looked up: ours {micro(found.looked_up)}, bare {micro(found.bare)}")
            await replica_till.deltas(found, till, folder, deltas, database)
            told(f"{found.delta_rows} rows pulled in {found.delta_s:.1f} s")
            await replica_till.check(found, till)
            told(f"checked in {found.check_s:.1f} s, with {ALTERED} altered rows {found.repair_s:.1f} s")
            told(f"repaired {found.repaired} in {found.refill_s:.1f} s")
    finally:
        await daemon.stop(timeout_s=60)


def _megabytes(data: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size // 10**6 for path in data.glob("snapshots/*/*.new/*")}


def _spent(pid: int) -> tuple[float, int]:
    """Seconds of CPU and the most memory (bytes) of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks = int(fields[11]) + int(fields[12])
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return ticks / os.sysconf("SC_CLK_TCK"), int(peak.split()[1]) * 1024


async def _build(found: Measured, till: TillReplica, data: Path, url: str, told: Told) -> None:
    """HQ makes a large brand's snapshot by itself; a small one's when it is asked."""
    asking = None
    start = said = time.perf_counter()
    if 2 * found.members < SNAPSHOT_FROM_ROWS:
        asking = asyncio.create_task(succeed("hq", "snapshot", BRAND, "--data", str(data)))
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        while (await till.hq.snapshot()).manifest is None:
            if asking is not None and asking.done():
                await asking
            for _ in range(20):
                asked = time.perf_counter()
                assert (await client.get("/healthz")).status_code == 200
                found.hq_meanwhile.append(time.perf_counter() - asked)
                await asyncio.sleep(0.02)
            if time.perf_counter() - said > _SAY_S:
                said = time.perf_counter()
                told(f"building since {said - start:.0f} s: {_megabytes(data)}")
    found.build_s = time.perf_counter() - start
    if asking is not None:
        await asking
    manifest = (await till.hq.snapshot()).manifest
    assert manifest is not None
    assert manifest.rows["members"] == manifest.rows["identities"] == found.members
    found.size, found.packed = manifest.size, manifest.packed


async def measure(folder: Path, members: int, deltas: int, count: int) -> list[Figure]:
    """Run it in `folder` and give the figures."""
    return figures(await run(folder, members, deltas, count))
