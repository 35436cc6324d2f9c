"""A large brand from HQ's database to the till: building a snapshot, the first load, look-ups, deltas, the check.

HQ is a process of its own (`pos-agent hq serve`), filled directly, for importing ten million rows would be another
figure. `measure` is `make bench`; tests/long/test_ten_million.py runs it with ten million members.
"""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import sqlite3
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from agent.limits import REPLICA_CHECK_ROWS
from agent.sqlite import Connection
from sync.downward import Downward
from sync.hq.bounds import SNAPSHOT_FROM_ROWS
from sync.protocol import Feed
from tests.bench.table import Figure, micro, percentile
from tests.process_world import free_port
from tests.processes import Daemon
from tests.processes import run as command
from tests.snapshot_world import TillReplica, code_of, enrol_till, index_key
from tests.unit.test_hq_world import BRAND, open_world

_INDEXES = ("members_feed", "identities_feed", "identities_member")
_MEMBER = (
    "INSERT INTO members (member_id, brand_id, tier_id, status, opening_points, masked, feed_no)"
    " SELECT member_id, :brand, CASE n % 5 WHEN 0 THEN 'gold' ELSE 'plain' END, 'active', n % 5000,"
    " '138****' || substr('0000' || (n % 10000), -4), n + 1 FROM staging.rows ORDER BY member_id"
)
_IDENTITY = (
    "INSERT INTO identities (brand_id, identity_index, kind, member_id, deleted, feed_no)"
    " SELECT :brand, identity, 'code', member_id, 0, n + 1 FROM staging.rows ORDER BY identity"
)


@dataclass
class Measured:
    """Seconds, bytes and samples (seconds each) of one run."""

    members: int
    fill_s: float = 0
    build_s: float = 0
    hq_meanwhile: list[float] = field(default_factory=list)
    size: int = 0
    packed: int = 0
    load_s: float = 0
    stages: dict[str, float] = field(default_factory=dict)
    looked_up: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    delta_rows: int = 0
    delta_s: float = 0
    looked_up_meanwhile: list[float] = field(default_factory=list)
    lag_meanwhile: list[float] = field(default_factory=list)
    check_s: float = 0
    looked_up_while_checked: list[float] = field(default_factory=list)
    repaired: dict[str, int] = field(default_factory=dict)
    repair_s: float = 0


async def run(folder: Path, members: int, deltas: int, count: int) -> Measured:
    """Do all of it once."""
    found = Measured(members)
    await prepare(found, folder)
    await live(found, folder, deltas, count)
    return found


async def prepare(found: Measured, folder: Path) -> None:
    """Make HQ's database and a till's keys."""
    hq = await open_world(folder / "hq")
    await enrol_till(hq, folder / "till")
    await hq.close()
    start = time.perf_counter()
    _fill(folder, found.members, index_key(folder / "till"))
    found.fill_s = time.perf_counter() - start


async def live(found: Measured, folder: Path, deltas: int, count: int) -> None:
    """Serve, and let the till do its part."""
    port = free_port()
    arguments = ("hq", "serve", "--port", str(port), "--data", str(folder / "hq"))
    daemon = Daemon(*arguments)
    await daemon.start("headquarters listens on", timeout_s=120)
    try:
        async with TillReplica(folder / "till", f"http://127.0.0.1:{port}") as till:
            await _build(found, till, folder / "hq", f"http://127.0.0.1:{port}")
            await _load(found, till)
            await _look_up(found, till, count)
            await _deltas(found, till, folder, deltas)
            await _check(found, till)
    finally:
        await daemon.stop(timeout_s=60)


def _fill(folder: Path, members: int, key: bytes) -> None:
    """Fill hq.db as if `members` had been imported; without indexes first, for they are made faster afterwards."""
    with contextlib.closing(sqlite3.connect(folder / "hq" / "hq.db", isolation_level=None)) as c:
        for setting in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF", "cache_size=-400000"):
            c.execute(f"PRAGMA {setting}")
        c.execute("ATTACH ? AS staging", (str(folder / "staging.db"),))
        c.execute("PRAGMA staging.journal_mode=OFF")
        c.execute("PRAGMA staging.synchronous=OFF")
        c.execute("CREATE TABLE staging.rows (n INTEGER PRIMARY KEY, member_id TEXT, identity BLOB)")
        c.execute("BEGIN")
        c.executemany("INSERT INTO staging.rows VALUES (?, ?, ?)", _rows(members, key))
        dropped = [
            c.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0] for name in _INDEXES
        ]
        for name in _INDEXES:
            c.execute(f"DROP INDEX {name}")
        c.execute(_MEMBER, {"brand": BRAND})
        c.execute(_IDENTITY, {"brand": BRAND})
        for sql in dropped:
            c.execute(sql)
        c.execute(
            "UPDATE feed_counters SET last_no = ? WHERE brand_id = ? AND feed IN ('members', 'identities')",
            (members, BRAND),
        )
        c.execute("COMMIT")
        c.execute("DETACH staging")
    (folder / "staging.db").unlink()


def _rows(members: int, key: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Ids as random as real ones, and the indexes of the member numbers."""
    for number in range(members):
        name = base64.b32encode(hashlib.blake2b(number.to_bytes(8, "big"), digest_size=10).digest()).decode().lower()
        yield number, f"m_{name}", hmac.digest(key, f"code:{code_of(number)}".encode(), "sha256")[:16]


async def _command(*arguments: str) -> None:
    code, out, err = await command(*arguments, timeout_s=3600)
    assert code == 0, (arguments, out, err)


async def _build(found: Measured, till: TillReplica, data: Path, url: str) -> None:
    """HQ makes a large brand's snapshot by itself; a small one's when it is asked."""
    asking = None
    start = time.perf_counter()
    if 2 * found.members < SNAPSHOT_FROM_ROWS:
        asking = asyncio.create_task(_command("hq", "snapshot", BRAND, "--data", str(data)))
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        while (await till.hq.snapshot()).manifest is None:
            if asking is not None and asking.done():
                await asking
            for _ in range(20):
                asked = time.perf_counter()
                assert (await client.get("/healthz")).status_code == 200
                found.hq_meanwhile.append(time.perf_counter() - asked)
                await asyncio.sleep(0.02)
    found.build_s = time.perf_counter() - start
    if asking is not None:
        await asking
    manifest = (await till.hq.snapshot()).manifest
    assert manifest is not None
    assert manifest.rows["members"] == manifest.rows["identities"] == found.members
    found.size, found.packed = manifest.size, manifest.packed


async def _load(found: Measured, till: TillReplica) -> None:
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


async def _look_up(found: Measured, till: TillReplica, count: int) -> None:
    """The replica's look-up and the bare one, each of members nobody has asked for yet."""
    for code in _picked(found.members, count):
        start = time.perf_counter()
        assert await till.replica.by_code(code) is not None
        found.looked_up.append(time.perf_counter() - start)
    bare = sqlite3.connect(f"file:{till.store.path}?mode=ro", uri=True)
    for code in _picked(found.members, count, "bare"):
        index = till.keys.blind_index("code", code)
        start = time.perf_counter()
        row = bare.execute(
            "SELECT m.* FROM identities i JOIN members m USING (member_no) WHERE i.head = ? AND i.tail = ?",
            (struct.unpack(">q", index[:8])[0], index[8:]),
        ).fetchone()
        found.bare.append(time.perf_counter() - start)
        assert row is not None
    bare.close()


@contextlib.asynccontextmanager
async def _looking(till: TillReplica, members: int, samples: list[float], lags: list[float]):  # type: ignore[no-untyped-def]
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


async def _deltas(found: Measured, till: TillReplica, folder: Path, deltas: int) -> None:
    """Members whose tier changed, imported at HQ and pulled by the feeds."""
    file = folder / "changed.csv"
    file.write_text("member_number,tier_id,points\n" + "".join(f"{code_of(n)},gold,7\n" for n in range(deltas)))
    await _command("hq", "import", "members", str(file), "--brand", BRAND, "--data", str(folder / "hq"))
    start = time.perf_counter()
    async with _looking(till, found.members, found.looked_up_meanwhile, found.lag_meanwhile):
        found.delta_rows = await till.puller.pull_all()
    found.delta_s = time.perf_counter() - start
    assert found.delta_rows == deltas
    one = await till.replica.by_code(code_of(deltas - 1))
    assert one is not None
    assert (one.member.tier_id, one.member.points) == ("gold", 7)


async def _check(found: Measured, till: TillReplica) -> None:
    """One hour's check; then a damaged row and a range of indexes that is gone, where the next one looks."""
    far: list[Feed] = []

    async def too_different(feed: Feed) -> None:
        far.append(feed)

    downward = Downward(till.rows, till.hq, till.puller.pull_all)
    downward.too_different = too_different
    start = time.perf_counter()
    async with _looking(till, found.members, found.looked_up_while_checked, []):
        assert await downward.check() == []
    found.check_s = time.perf_counter() - start
    lost = max(1, min(3000, found.members // 20))

    def harm(connection: Connection) -> None:
        at = connection.execute("SELECT until FROM checks WHERE feed = 'members'").fetchone()["until"]
        connection.execute(
            "UPDATE members SET points = points + 1 WHERE member_id ="
            " (SELECT member_id FROM members WHERE member_id > ? ORDER BY member_id LIMIT 1)",
            (at,),
        )
        at = connection.execute("SELECT until FROM checks WHERE feed = 'identities'").fetchone()["until"]
        head = struct.unpack(">q", bytes.fromhex(at)[:8])[0] if at else 0
        connection.execute(
            "DELETE FROM identities WHERE (head, tail) IN"
            " (SELECT head, tail FROM identities WHERE head > ? ORDER BY head, tail LIMIT ?)",
            (head, lost),
        )

    await till.store.run(harm)
    start = time.perf_counter()
    for finding in await downward.check():
        found.repaired[f"{finding.table} {finding.code}"] = found.repaired.get(f"{finding.table} {finding.code}", 0) + 1
    found.repair_s = time.perf_counter() - start
    assert found.repaired == {"members ALTERED": 1, "identities MISSING": lost}, found.repaired
    assert far == []


def figures(found: Measured) -> list[Figure]:
    """The table's rows."""
    many = f"{found.members:,} members"
    ratio = percentile(found.looked_up, 0.99) / percentile(found.bare, 0.99)
    meanwhile = f"HQ answers meanwhile: p50 {_ms(found.hq_meanwhile, 0.5)}, p99 {_ms(found.hq_meanwhile, 0.99)}"
    size = f"{found.size / 1e6:,.0f} MB, {found.packed / 1e6:,.0f} MB on the way"
    deltas = f"look-ups meanwhile p50 {_ms(found.looked_up_meanwhile, 0.5)}, p99 {_ms(found.looked_up_meanwhile, 0.99)}"
    checked = f"look-ups meanwhile p99 {_ms(found.looked_up_while_checked, 0.99)}"
    check = f"{checked}; {found.repaired} in {found.repair_s:.1f} s"
    stages = " ".join(f"{state} {at_s:.1f} s" for state, at_s in found.stages.items())
    return [
        Figure(f"build a snapshot of {many}", f"{found.build_s:.1f} s; {size}", meanwhile,
               found.members * 2 / found.build_s, None, None, " rows/s", more_is_better=True),
        Figure(f"first load of {many}", f"{found.load_s:.1f} s", stages,
               found.size / 1e6 / found.load_s, None, None, " MB/s", more_is_better=True),
        Figure(f"resolve a code among {many} (p99)", micro(found.looked_up), f"bare SQLite {micro(found.bare)}",
               ratio, None, None),
        Figure(f"deltas into a replica of {many}", f"{found.delta_rows:,} rows in {found.delta_s:.1f} s", deltas,
               found.delta_rows / found.delta_s, None, None, " rows/s", more_is_better=True),
        Figure(f"downward check, {REPLICA_CHECK_ROWS:,} rows a feed", f"{found.check_s:.1f} s", check,
               found.check_s, None, None, " s"),
    ]  # fmt: skip


def _ms(samples: list[float], share: float) -> str:
    return f"{percentile(samples, share) * 1000:.2f} ms" if samples else "-"


async def measure(folder: Path, members: int, deltas: int, count: int) -> list[Figure]:
    """Run it in `folder` and give the figures."""
    return figures(await run(folder, members, deltas, count))
