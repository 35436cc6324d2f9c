"""Ten thousand stores against one headquarters on PostgreSQL: real processes, real HTTP, a kill in the busiest minutes.

Run by tests.long.test_ten_thousand_stores, tests.bench.ten_thousand, and by hand: `python -m tests.thousands`.
"""

import asyncio
import csv
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from agent.domain.errors import HqUnreachable
from agent.system import SystemClock, SystemEntropy
from sync.hq.main import open_hq
from tests.postgres import PostgresServer
from tests.processes import Daemon, run
from tests.thousands.books import Books
from tests.thousands.hour import FastClock, Hour
from tests.thousands.meter import Meter, cpu_s, descriptors, measured, peak_mb
from tests.thousands.outcome import Outcome, Size
from tests.thousands.sales import BRAND, RULES, catalogue
from tests.thousands.shop import Shop
from tests.thousands.wire import Wire
from tests.unit.test_hq_world import members_file

_ENROL_TRIES = 3
_ENROL_AT_ONCE = 50
_PATIENCE_S = 7200


class Chain:
    """Headquarters and its stores."""

    def __init__(self, folder: Path, server: PostgresServer, size: Size, members: int | None = None) -> None:
        self._folder = folder
        self._members_wanted = max(50, size.stores // 2) if members is None else members
        self._server = server
        self.size = size
        self.clock = FastClock(size.faster)
        self.shops: list[Shop] = []
        self.outcome = Outcome(size)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self._port}"
        self.address = server.fresh()
        self._data = ("--data", str(folder / "hq"))
        self._hq: Daemon | None = None
        self._hq_spent_s = 0.0

    # --- headquarters -----------------------------------------------------------------------------------------------
    async def begin(self) -> None:
        """Brand, rules, members, stores with their codes; then every store enrols over HTTP."""
        (self._folder / "hq").mkdir()
        await _command("hq", "init", BRAND, "茶铺", "--database", self.address.url, *self._data)
        members = await self._members()
        names = [f"S{number:05}" for number in range(1, self.size.stores + 1)]
        plan, codes = self._folder / "stores.csv", self._folder / "codes.csv"
        with plan.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [("store_id", "store_name", "workstation_id"), *((one, f"门店 {one}", f"{one}-1") for one in names)]
            )
        await self.serve()
        start = time.perf_counter()
        await _command("hq", "enrol-file", str(plan), "--brand", BRAND, "--codes", str(codes), *self._data)
        self.outcome.codes_s = time.perf_counter() - start
        await self._enrol(codes, members)

    async def _members(self) -> list[str]:
        hq = await open_hq(self._folder / "hq", SystemClock(), SystemEntropy(), database=self.address)
        try:
            await hq.import_rules(BRAND, RULES)
            members_file(self._folder / "members.csv", self._members_wanted)
            report = await hq.import_members(BRAND, self._folder / "members.csv")
            assert not report.faults
            rows = await hq._read(lambda c: c.execute("SELECT member_id FROM members ORDER BY member_id").fetchall())
            return [row["member_id"] for row in rows]
        finally:
            await hq.close()

    async def serve(self) -> None:
        """Start headquarters."""
        self._hq = Daemon(
            "hq", "serve", "--port", str(self._port), "--connections", str(self.size.connections), *self._data
        )
        await self._hq.start("headquarters listens on", timeout_s=_PATIENCE_S)

    def spent_s(self) -> tuple[float, float]:
        """Seconds of a core that HQ, running now, and PostgreSQL have used."""
        return cpu_s(self._pid()), self._database_cpu_s()

    def _pid(self) -> int:
        assert self._hq is not None
        return self._hq.process.pid

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop headquarters, or kill it; what it cost is added up."""
        assert self._hq is not None
        if self._hq.process.returncode is None:
            self.outcome.peak_mb = max(self.outcome.peak_mb, peak_mb(self._pid()))
            self._hq_spent_s += cpu_s(self._pid())
        await self._hq.stop(number, timeout_s=_PATIENCE_S)

    # --- stores -----------------------------------------------------------------------------------------------------
    async def _enrol(self, codes: Path, members: Sequence[str]) -> None:
        sales, entropy = catalogue(), SystemEntropy()
        with codes.open(encoding="utf-8") as file:
            given = [(row["store_id"], row["workstation_id"], row["code"]) for row in csv.DictReader(file)]
        assert len(given) == self.size.stores
        for store_id, station_id, _code in given:
            shop = Shop(store_id, station_id, sales, members)
            shop.join(self.url, Meter(Wire()), self.clock, entropy)
            self.shops.append(shop)
        places = asyncio.Semaphore(_ENROL_AT_ONCE)

        async def one(shop: Shop, code: str) -> None:
            async with places:
                for left in reversed(range(_ENROL_TRIES)):
                    try:
                        await shop.enrol(code)
                        break
                    except HqUnreachable:  # as its installer would: the same code and key again
                        if not left:
                            raise

        start = time.perf_counter()
        await asyncio.gather(*(one(shop, code) for shop, (_, _, code) in zip(self.shops, given, strict=True)))
        self.outcome.enrol_s = time.perf_counter() - start

    # --- the hour ---------------------------------------------------------------------------------------------------
    async def live(self, told: Callable[[str], None] = lambda _: None) -> Outcome:
        """The hour with the kill in it, until HQ has every sale and answered every proof; then a second round."""
        out, hour = self.outcome, Hour(self.shops, self.clock, self.size.sales)
        hq_before, db_before, own_before = cpu_s(self._pid()), self._database_cpu_s(), time.process_time()
        pushing = [asyncio.create_task(shop.pusher.run()) for shop in self.shops]
        start = time.perf_counter()
        self.clock.begin()
        selling, proving = asyncio.create_task(hour.sell()), asyncio.create_task(hour.proofs(1))
        watching = asyncio.create_task(self._watch(told))
        with measured() as out.before:
            await asyncio.sleep((1800 + 150) / self.clock.faster)
            out.open_files = descriptors(self._pid())
        with measured() as out.away:
            await self.end(signal.SIGKILL)
            told("HQ was killed")
            await asyncio.sleep(self.size.down_s)
            marks = [shop.sold for shop in self.shops]
        with measured() as out.after:
            await self.serve()
            told("HQ is back")
            back = time.perf_counter()
            await self._within(hour.until_settled(marks))
            await self._within(asyncio.shield(proving))
            out.caught_up_s = time.perf_counter() - back
            told(f"caught up after {out.caught_up_s:.0f} s")
            await selling
            out.hour_s = time.perf_counter() - start
            await self._within(hour.until_settled([shop.sold for shop in self.shops]))
            out.drained_s = time.perf_counter() - start
        out.hq_cpu_s = self._hq_spent_s - hq_before + cpu_s(self._pid())
        out.db_cpu_s = self._database_cpu_s() - db_before
        out.stores_cpu_s = time.process_time() - own_before
        told(f"all sales drained after {out.drained_s:.0f} s; the second round")
        with measured() as out.second:
            self.clock.begin((self.clock.now_ms() // 3_600_000 + 1) * 3_600_000 - 1000)
            start = time.perf_counter()
            await self._within(hour.proofs(2))
            out.second_s = time.perf_counter() - start
        for task in (*pushing, watching):
            task.cancel()
        await asyncio.gather(*pushing, watching, return_exceptions=True)
        await self.end()
        out.strange = [f"{shop.station_id}: {one}" for shop in self.shops for one in shop.strange]
        out.unproven = sum(not _proven(shop) for shop in self.shops)
        out.books = Books.of(self.address.url, self.shops)
        await asyncio.gather(*(shop.hq.close() for shop in self.shops))
        return out

    def _database_cpu_s(self) -> float:
        process = self._server._process
        assert process is not None
        return cpu_s(process.pid, children=True)

    async def _within(self, work: Awaitable[object]) -> None:
        async with asyncio.timeout(_PATIENCE_S):
            await work

    async def _watch(self, told: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(10)
            phase, sold = Meter.phase, sum(shop.sold for shop in self.shops)
            waiting = sum(shop.waiting for shop in self.shops)
            proofs = sum(bool(shop.history and shop.history[0].result != "unreachable") for shop in self.shops)
            told(f"sold {sold}, waiting {waiting}, proven {proofs}; {phase.told()}")


async def _command(*arguments: str) -> None:
    code, out, err = await run(*arguments, timeout_s=_PATIENCE_S)
    assert code == 0, f"{arguments}: exit {code}\n{out}\n{err}"


def _proven(shop: Shop) -> bool:
    """Whether the latest proof found both books equal, with every sale in them."""
    latest = shop.history[0]
    return (latest.result, latest.count) == ("equal", shop.sold)
