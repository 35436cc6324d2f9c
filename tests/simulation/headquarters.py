"""HQ in the simulated world: the real service and application, killed, restarted and restored from old copies.

Called by the network for every request that arrives, and by the world for what HQ's own people do (imports, codes).
"""

import asyncio
import csv
from collections.abc import Callable
from pathlib import Path

import httpx

from agent.demo import world as chain
from sync.hq.app import create_app
from sync.hq.grant_witness import FILE
from sync.hq.main import open_hq
from sync.hq.places import DATABASE
from sync.hq.service import HqService
from tests.simulation import wealth
from tests.simulation.chance import SeededEntropy, VirtualClock, generator
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Down
from tests.simulation.process import Disk, Image, Killed, Process, image_of, put_image
from tests.simulation.trace import Trace

MAIN_DISK = "hq-db"
_WHOLE_MACHINE = 0.4
"""How often a restore puts the witness back too."""


class Headquarters:
    """HQ's machine."""

    def __init__(self, folder: Path, seed: int, loop: VirtualLoop, trace: Trace) -> None:
        self._folder = folder
        self._trace = trace
        self._chance = generator(seed, "hq process")
        self._entropy = SeededEntropy(seed, "hq")
        self.clock = VirtualClock(loop)
        self.process = Process("hq", self._chance)
        self.service: HqService | None = None
        self.up = asyncio.Event()
        self._transport: httpx.ASGITransport | None = None
        self._backups: list[tuple[Image, bytes]] = []
        self.on_restored: Callable[[], None] = lambda: None
        """Told that HQ goes on from an old copy: it hears of some things again, and grants nothing until it has."""
        self._undeclared = False

    @property
    def disk(self) -> Disk:
        """HQ's database, of the living process."""
        return self.process.disks[MAIN_DISK]

    async def start(self) -> None:
        """Open the database as it lies there, and listen."""
        self.process = Process("hq", self._chance)
        self.service = await open_hq(self._folder, self.clock, self._entropy, make_worker=self.process.make_worker)
        if self._undeclared:
            await self.service.declare_restored("the whole machine was put back")
            self._undeclared = False
        self._transport = httpx.ASGITransport(create_app(self.service))
        self.up.set()
        self._trace.note("hq", "started")

    async def run(self) -> None:
        """Serve for ever: whenever the process dies it is started again, after a while."""
        while True:
            await self.process.dead.wait()
            self._down()
            await asyncio.sleep(self._chance.choice((2.0, 20.0, 600.0, 5400.0)) * self._chance.random())
            await self.start()

    def _down(self) -> None:
        if self.up.is_set():
            self._trace.note("hq", "died", self.process.cause)
        self.up.clear()
        self.service = self._transport = None

    async def serve(self, request: httpx.Request) -> httpx.Response:
        """Answer one request; Down when the process is not there, or dies over it."""
        transport, process = self._transport, self.process
        if transport is None or process.dead.is_set():
            raise Down
        try:
            response = await transport.handle_async_request(request)
            process.check()
        except Killed:
            raise Down from None
        return response

    # --- backups ----------------------------------------------------------------------------------------------------
    def back_up(self) -> None:
        """Keep a copy of the database as of now."""
        self._backups = [*self._backups[-2:], (image_of(self.disk.path), (self._folder / FILE).read_bytes())]

    def restore(self) -> bool:
        """The disk is lost: the process dies and finds an earlier copy when it comes back."""
        if not self._backups or not self.up.is_set():
            return False
        self.process.kill("restored from a copy")
        image, witness = self._chance.choice(self._backups)
        put_image(self._folder / DATABASE, image)
        whole = self._chance.random() < _WHOLE_MACHINE
        if whole:  # the witness is as old as the copy: nothing on this machine can know, so its operator says so
            (self._folder / FILE).write_bytes(witness)
            self._undeclared = True
        self.on_restored()
        self._trace.note("hq", "hq restored", "with its witness" if whole else "without its witness")
        return True

    # --- HQ's people ------------------------------------------------------------------------------------------------
    async def fill(self, folder: Path, stores: int, members: int) -> None:
        """Create the brand, its stores, prices, rules and members."""
        hq = self.service
        assert hq is not None
        await hq.init_brand(chain.BRAND, chain.BRAND_NAME, chain.JOIN_URL)
        files = wealth.write_files(folder, members)
        with files["merchants"].open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("mch_id", "sub_mch_id", "store_id"))
            for number in range(stores):
                await hq.add_store(chain.BRAND, store_id(number), f"{number + 1} 号店")
                writer.writerow((chain.MCH_ID, chain.SUB_MCH_ID, store_id(number)))
        await hq.import_rules(chain.BRAND, wealth.RULES)
        await hq.import_items(chain.BRAND, files["items"])
        await hq.import_merchants(chain.BRAND, files["merchants"])
        await hq.import_members(chain.BRAND, files["members"])
        await hq.import_batches(chain.BRAND, files["batches"])
        await hq.import_coupons(chain.BRAND, files["coupons"])
        await hq.import_cards(chain.BRAND, files["cards"])

    async def dynamic_code(self, member_number: str) -> str | None:
        """What a customer's mini-program shows; None while HQ is down."""
        if self.service is None:
            return None
        try:
            return await self.service.issue_dynamic_code(chain.BRAND, member_number)
        except Killed:
            return None


def store_id(number: int) -> str:
    """The n-th store, from 0."""
    return f"S{number + 1:03d}"
