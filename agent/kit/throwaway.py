"""A till to be thrown away: HQ, agent, simulated scanner and printer in one directory, for vendors to try against.

Called by the conformance kit and `--serve-faults`. Everything is the real thing but the devices, as in the demo; its
chain store is the demo's, its members and prices are made up.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from agent.config import parse
from agent.db.figures import FiguresDb
from agent.demo import world
from agent.domain.business_day import business_day
from agent.domain.digest import Json
from agent.domain.order import OrderLine, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from agent.enrolling import enrol
from agent.grants import VENDOR, Grant
from agent.main import Agent
from agent.ports import Clock, Entropy
from drivers.simulated import Fault, SimulatedPrinter, SimulatedScanner
from sync.hq.main import open_hq
from sync.hq.server import HqServer

MEMBERS = 40
_READY_S = 60
_LOOK_S = 0.25
_EVENTS = 10_000


class ReadableAgent(Agent):
    """The agent, whose books may be looked into."""

    async def booked(self) -> list[dict[str, Json]]:
        """The events of today, oldest first."""
        day = business_day(self._clock.now_ms())
        found = await FiguresDb(self._books_store).of_day(day, (0, 0), _EVENTS)
        return [body for _, body in found]

    def clock_ms(self) -> int:
        """What time it is at this till."""
        return self._clock.now_ms()

    async def whose(self, number: str) -> str:
        """The id of the member with this number; Refusal MEMBER_UNKNOWN."""
        found = await self.till.resolve(number)
        assert found.member is not None
        return found.member.member_id


class Throwaway:
    """`async with Throwaway(folder, clock, entropy) as till:` gives a till that is ready to sell."""

    def __init__(self, folder: Path, clock: Clock, entropy: Entropy, origins: tuple[str, ...] = ()) -> None:
        self._folder, self._clock, self._entropy, self._origins = folder, clock, entropy, origins
        self._closing = AsyncExitStack()
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self._port = 0
        self._text = ""

    async def __aenter__(self) -> "Throwaway":
        try:
            await self._open()
        except BaseException:
            await self._closing.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    @property
    def url(self) -> str:
        """Where the till itself is; a POS under test is given the relay's address instead."""
        return f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """End the agent as systemd would."""
        self._stop.set()
        if self._running is not None:
            running, self._running = self._running, None
            await running

    async def start(self) -> None:
        """Open the books and serve, on the same port each time."""
        self._stop = asyncio.Event()
        self.agent = ReadableAgent(parse(self._text), self._clock, self._entropy)
        await self.agent.open()
        await self.agent.puller.pull_all()
        ready = asyncio.Event()
        self._running = asyncio.create_task(self.agent.run(self._stop, on_ready=ready.set), name="agent")
        waiting = asyncio.create_task(ready.wait())
        async with asyncio.timeout(_READY_S):
            await asyncio.wait({self._running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._running.done():
            self._running.result()
        if not self._port:
            self._port = self.agent.port
            self._text = self._settings(self._port)

    async def restart(self) -> None:
        """The agent ends and comes back, with the same books."""
        await self.stop()
        await self.start()

    async def reprice(self, sku: str, list_yuan: str) -> None:
        """HQ publishes another price, and the till has it."""
        path = self._folder / "import" / "items.csv"
        rows = path.read_text(encoding="utf-8").splitlines()
        changed = [_repriced(row, sku, list_yuan) for row in rows]
        path.write_text("\n".join(changed) + "\n", encoding="utf-8")
        await self._server.hq.import_items(world.BRAND, path)
        await self.agent.puller.pull_all()

    def paper(self, *, out: bool) -> None:
        """Take the roll out, or put one in."""
        self.printer.fault = Fault.PAPER_OUT if out else Fault.NONE

    async def book_another(self, sale_id: str) -> None:
        """Book a sale of somebody else's under this id, so that the id is taken."""
        bag = OrderLine("10010", 1, None, 50)
        tender = TenderLine(TenderType.CASH, 50)
        await self.agent.till.commit(SaleOrder(sale_id=sale_id, lines=(bag,), tenders=(tender,)))

    @property
    def trigger(self) -> Path:
        """What is written into this file is scanned."""
        return self._folder / "dev" / "scan"

    async def follow_trigger(self) -> None:
        """Scan what is written there, until cancelled."""
        self.trigger.write_text("", encoding="ascii")
        while True:
            code = self.trigger.read_text(encoding="utf-8", errors="replace").strip()
            if code:
                self.trigger.write_text("", encoding="ascii")
                self.scanner.scan(code)
            await asyncio.sleep(_LOOK_S)

    async def token(self, app: str) -> str:
        """A token of a vendor's app, for the kit itself."""
        token, _ = await self.agent.pairing.issue(Grant("", app, VENDOR))
        return token

    async def _open(self) -> None:
        self._server = HqServer(await open_hq(self._folder / "hq", self._clock, self._entropy))
        self._closing.push_async_callback(self._server.stop)
        await self._fill()
        hq_url = await self._server.start()
        self.printer = SimulatedPrinter()
        await self.printer.start()
        self._closing.push_async_callback(self.printer.stop)
        self.scanner = SimulatedScanner(self._folder / "dev" / "scanner")
        self._closing.callback(self.scanner.close)
        self._hq_url = hq_url
        self._text = self._settings(0)
        code = await self._server.hq.add_workstation(world.STORE, world.WORKSTATION)
        await enrol(parse(self._text), code, self._entropy)
        self._closing.push_async_callback(self.stop)
        await self.start()

    async def _fill(self) -> None:
        hq = self._server.hq
        await hq.init_brand(world.BRAND, world.BRAND_NAME, world.JOIN_URL)
        await hq.add_store(world.BRAND, world.STORE, world.STORE_NAME)
        await hq.import_rules(world.BRAND, world.RULES)
        files = world.write_files(self._folder / "import", MEMBERS)
        await hq.import_items(world.BRAND, files["items"])
        await hq.import_merchants(world.BRAND, files["merchants"])
        await hq.import_members(world.BRAND, files["members"])

    def _settings(self, port: int) -> str:
        folder = self._folder.resolve()
        origins = ", ".join(f'"{one}"' for one in self._origins)
        return f"""\
state_dir = "{folder}/till"
[hq]
url = "{self._hq_url}"
[api]
port = {port}
allowed_origins = [{origins}]
[[scanner]]
name = "counter"
path = "{folder}/dev/scanner"
[[printer]]
name = "receipt"
kind = "tcp"
host = "127.0.0.1"
port = {self.printer.port}
profile = "escpos-80"
watch_s = 1
"""


def _repriced(row: str, sku: str, list_yuan: str) -> str:
    cells = row.split(",")
    return ",".join([*cells[:3], list_yuan, *cells[4:]]) if cells[0] == sku else row
