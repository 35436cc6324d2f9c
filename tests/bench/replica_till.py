"""The till's part of tests.bench.replica: first load, look-ups, deltas, the downward check and its repairs."""

import asyncio
import contextlib
import hashlib
import sqlite3
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from agent.sqlite import Connection
from sync.downward import Downward
from sync.hq.db.address import Address
from sync.protocol import Feed
from tests.bench.replica_figures import Measured
from tests.many_members import change
from tests.processes import run
from tests.snapshot_world import TillReplica, code_of
from tests.unit.test_hq_world import BRAND

ALTERED: Final = 3


async def succeed(*arguments: str) -> None:
    """Run a command that may take an hour."""
    code, out, err = await run(*arguments, timeout_s=3600)
    assert code == 0, (arguments, out, err)


async def load(found: Measured, till: TillReplica) -> None:
    start = time.perf_counter()

    def told(state: str, _reason: str) -> None:
        found.stages[state] = time.perf_counter() - start

    till.loader._on_state = told
    till.loader._range_bytes = 8 * 1024 * 1024
    await till.puller.pull_all()
    assert till.loader.busy
    assert await till.loader.load()
    till.loader.busy = False
    found.load_s = time.perf_counter() - start


def _picked(members: int, count: int, salt: str = "") -> list[str]:
    return [code_of(int(hashlib.sha256(f"{salt}{n}".encode()).hexdigest()[:12], 16) % members) for n in range(count)]


async def look_up(found: Measured, till: TillReplica, count: int) -> None:
    """The replica's look-up and the bare one in turn, each of members nobody has asked for yet."""
    bare = sqlite3.connect(f"file:{till.store.path}?mode=ro", uri=True)
    for code, other in zip(_picked(found.members, count), _picked(found.members, count, "bare"), strict=True):
        start = time.perf_counter()
        assert await till.replica.by_code(code) is not None
        found.looked_up.append(time.perf_counter() - start)
        index = till.keys.blind_index("code", other)
        start = time.perf_counter()
        row = bare.execute(
            "SELECT m.* FROM identities i JOIN members m USING (member_no) WHERE i.head = ? AND i.tail = ?",
            (struct.unpack(">q", index[:8])[0], index[8:]),
        ).fetchone()
        found.bare.append(time.perf_counter() - start)
        assert row is not None
    bare.close()


@contextlib.asynccontextmanager
async def _looking(till: TillReplica, members: int, samples: list[float], lags: list[float]) -> AsyncIterator[None]:
    """A cashier who looks somebody up every few milliseconds."""
    open_ = True

    async def sell() -> None:
        codes = _picked(members, 500, "meanwhile")
        number = 0
        while open_:
            slept = time.perf_counter()
            await asyncio.sleep(0.005)
            start = time.perf_counter()
            lags.append(max(0.0, start - slept - 0.005))
            assert await till.replica.by_code(codes[number % len(codes)]) is not None
            samples.append(time.perf_counter() - start)
            number += 1

    task = asyncio.create_task(sell())
    try:
        yield
    finally:
        open_ = False
        await task


async def deltas(found: Measured, till: TillReplica, folder: Path, deltas: int, database: Address | None) -> None:
    """Members whose tier and points changed, pulled by the feeds; a file is HQ's alone, so there they are imported."""
    if database is None:
        file = folder / "changed.csv"
        file.write_text("member_number,tier_id,points\n" + "".join(f"{code_of(n)},gold,7\n" for n in range(deltas)))
        await succeed("hq", "import", "members", str(file), "--brand", BRAND, "--data", str(folder / "hq"))
    else:
        change(database, BRAND, found.members, deltas)
    start = time.perf_counter()
    async with _looking(till, found.members, found.looked_up_meanwhile, found.lag_meanwhile):
        found.delta_rows = await till.puller.pull_all()
    found.delta_s = time.perf_counter() - start
    assert found.delta_rows == deltas
    one = await till.replica.by_code(code_of(deltas - 1))
    assert one is not None
    assert (one.member.tier_id, one.member.points) == ("gold", 7)


async def check(found: Measured, till: TillReplica) -> None:
    """One hour's check; then damaged rows and a range of indexes that is gone, where the next one looks."""
    far: list[Feed] = []

    async def too_different(feed: Feed) -> None:
        far.append(feed)

    downward = Downward(till.rows, till.hq, till.puller)
    downward.too_different = too_different
    start = time.perf_counter()
    async with _looking(till, found.members, found.looked_up_while_checked, []):
        assert await downward.check() == []
    found.check_s = time.perf_counter() - start
    await till.store.run(_alter)
    found.repair_s, repaired = await _repaired(downward)
    assert repaired == {"members ALTERED": ALTERED}
    lost = max(1, min(3000, found.members // 20))
    await till.store.run(lambda connection: _lose(connection, lost))
    found.refill_s, found.repaired = await _repaired(downward)
    assert found.repaired == {"identities MISSING": lost}
    assert far == []


async def _repaired(downward: Downward) -> tuple[float, dict[str, int]]:
    start = time.perf_counter()
    repaired = Counter(f"{finding.table} {finding.code}" for finding in await downward.check())
    return time.perf_counter() - start, dict(repaired)


def _alter(connection: Connection) -> None:
    """Members' points, where the next check looks."""
    at = connection.execute("SELECT until FROM checks WHERE feed = 'members'").fetchone()["until"]
    connection.execute(
        "UPDATE members SET points = points + 1 WHERE member_id IN"
        " (SELECT member_id FROM members WHERE member_id > ? ORDER BY member_id LIMIT ?)",
        (at, ALTERED),
    )


def _lose(connection: Connection, lost: int) -> None:
    """A range of indexes, where the next check looks."""
    at = connection.execute("SELECT until FROM checks WHERE feed = 'identities'").fetchone()["until"]
    head = struct.unpack(">q", bytes.fromhex(at)[:8])[0] if at else 0
    connection.execute(
        "DELETE FROM identities WHERE (head, tail) IN"
        " (SELECT head, tail FROM identities WHERE head > ? ORDER BY head, tail LIMIT ?)",
        (head, lost),
    )
