"""One store of the simulated world: the real agent, put together by its own composition root, killed and restarted.

What a process does outside memory goes through `Process`, so a dead one can do nothing more. Only the HTTP API and
APScheduler stay out: the cashier calls the till directly, and the hourly proof is asked for every minute or so.
"""

import asyncio
import contextlib
import shutil
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from agent.devices import Outside
from agent.domain.errors import AgentError
from agent.flow import Till
from agent.keyring import prepare_device_key, save_enrolment
from agent.main import Agent
from agent.service_desk import ServiceDesk
from agent.witness import FileWitness
from sync.hq.service import HqService
from sync.protocol import EnrolRequest
from tests.simulation.chance import SeededEntropy, VirtualClock, generator
from tests.simulation.files import BOOKS, REPLICA, ask_books, rights_held, settings_of
from tests.simulation.headquarters import store_id
from tests.simulation.loop import VirtualLoop
from tests.simulation.network import Link, Network, StoreTransport
from tests.simulation.printer import Paper, SimulatedPrinter
from tests.simulation.process import Disk, Image, Killed, Process, image_of, put_image
from tests.simulation.trace import Trace

Name = tuple[str, str, int]
"""(workstation, epoch, seq)."""
_PULL_S = 1800
_PROOF_LOOK_S = 600.0


class SimulatedStore:
    """A cashier PC, its printer and its line."""

    def __init__(
        self, number: int, folder: Path, seed: int, loop: VirtualLoop, network: Network, *, fault_rate: float,
        suffix: str = "",
    ) -> None:  # fmt: skip
        self.workstation_id = f"{store_id(number)}-1"
        self.name = f"{store_id(number)}{suffix}"
        self.trace: Trace = network.trace
        self.clock = VirtualClock(loop)
        self.chance = generator(seed, self.name, "process")
        self.link = Link(self.name, generator(seed, self.name, "line"), fault_rate)
        self.paper = Paper(self.name, self.trace, generator(seed, self.name, "paper"), fault_rate / 4)
        self.process = Process(self.name, self.chance)
        self.up = asyncio.Event()
        self.closed = False
        """For ever: nobody is served here any more."""
        self.up_since_s = 0.0
        self.agent: Agent | None = None
        self.settings = settings_of(folder)
        self.holds = 0
        """Quotes that were asked to hold what they spend."""
        self.lost: dict[Name, str] = {}
        """Events that the books held before they were restored, and do not hold any more."""
        self.wrongs: list[str] = []
        """What a background task died of, other than being killed."""
        self.on_copied: Callable[[list[Any]], None] = lambda _leases: None
        """Told of rights that are in two places from now on."""
        self.doubled = False
        """Two machines sold under this name for a while."""
        self._shared: set[Name] = set()
        self._kept: list[Any] = []
        self._make_twin = partial(SimulatedStore, number, seed=seed, loop=loop, network=network, suffix=" twin")
        self._network = network
        self._entropy = SeededEntropy(seed, self.name)
        self._tasks: list[asyncio.Task[None]] = []
        self._copies: list[Image] = []

    @property
    def books(self) -> Disk:
        """books.db of the living process."""
        return self.process.disks["db-books"]

    @property
    def replica(self) -> Disk:
        """replica.db of the living process."""
        return self.process.disks["db-replica"]

    def replica_changes(self) -> int:
        """How many rows of the replica this process has written."""
        return self.replica.connection.total_changes if self.replica.connection is not None else -1

    @property
    def till(self) -> Till:
        """The till; Killed where nobody answers."""
        if self.agent is None or not self.up.is_set():
            raise Killed(self.name)
        return self.agent.till

    @property
    def desk(self) -> ServiceDesk:
        """The service desk; Killed where nobody answers."""
        if self.agent is None or not self.up.is_set():
            raise Killed(self.name)
        return self.agent.service_desk

    async def enrol(self, hq: HqService) -> None:
        """Become a workstation."""
        code = await hq.add_workstation(self.name, self.workstation_id)
        public_key = prepare_device_key(self.settings.keys, self._entropy)
        save_enrolment(self.settings.keys, await hq.redeem(EnrolRequest(code=code, public_key=public_key)))

    # --- life and death ---------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Start the agent on the files as they lie there."""
        process = self.process = Process(self.name, self.chance)
        outside = Outside(
            make_worker=process.make_worker,
            hq_transport=StoreTransport(self._network, self.link, process),
            make_printer=lambda _section, _clock: SimulatedPrinter(self.paper, process),
            boot_id="the one virtual loop",
        )
        agent = self.agent = Agent(self.settings, self.clock, self._entropy, outside=outside)
        await agent.open()
        recovered = await agent.ledger.recover()
        works: list[tuple[str, Coroutine[Any, Any, None]]] = [
            ("push", agent.pusher.run()),
            ("pull", agent.puller.run(_PULL_S)),
            ("leases", agent.leasing.run()),
            ("proof", self._prove_hourly(agent)),
            *((f"print {one.printer.name}", one.run()) for one in agent.printing),
        ]
        self._tasks = [asyncio.create_task(self._guarded(name, work, process)) for name, work in works]
        self.up.set()
        self.up_since_s = asyncio.get_running_loop().time()
        self.trace.note(self.name, "started", len(recovered))

    async def run(self) -> None:
        """Live for ever: systemd starts the agent again whenever it died."""
        while True:
            await self.process.dead.wait()
            if self.closed:
                return
            await self._bury()
            await asyncio.sleep(self.chance.choice((2.0, 15.0, 1800.0)) * self.chance.uniform(0.2, 1.0))
            await self.start()

    async def _bury(self) -> None:
        self.up.clear()
        self.trace.note(self.name, "died", self.process.cause)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks, self.agent = [], None

    async def stop_in_order(self) -> None:
        """What SIGTERM does: tasks end, files are closed; the process is then started again as after any death."""
        agent, process = self.agent, self.process
        if agent is None:
            return
        self.up.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Killed):
            await agent.close()
            for disk in process.disks.values():
                disk.connection = None
        process.kill("stopped in order")

    async def _prove_hourly(self, agent: Agent) -> None:
        while True:
            await asyncio.sleep(_PROOF_LOOK_S)
            with contextlib.suppress(AgentError):
                await agent.daemon.reconcile_if_due()

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None], process: Process) -> None:
        try:
            await work
        except (Killed, asyncio.CancelledError):
            raise
        except BaseException as error:
            if not process.dead.is_set():
                self.wrongs.append(f"{self.name}: task {name!r} died of {error!r}")
                raise

    # --- files ------------------------------------------------------------------------------------------------------
    def back_up(self) -> None:
        """Keep a copy of the books as of now."""
        self._copies = [*self._copies[-1:], image_of(self.books.path)]

    def restore_books(self) -> bool:
        """The books are lost: the process dies and finds an earlier copy when it comes back."""
        if not self._copies or not self.up.is_set():
            return False
        self.process.kill("books restored from a copy")
        before, copy = self._events(), self.chance.choice(self._copies)
        put_image(self.settings.state / BOOKS, copy)
        held = self._events()
        mark = FileWitness(self.settings.keys).read()
        noticed = mark is not None and (self.workstation_id, mark.epoch, mark.seq) not in held
        if len(before) > len(held) and not noticed:
            # HQ may hold what it never told this till of: then the copy spends again what was spent (a fork).
            self.on_copied(rights_held(self.settings.state))
        self.lost = {name: body for name, body in {**before, **self.lost}.items() if held.get(name) != body}
        self.trace.note(self.name, "books restored", len(before), len(held))
        return True

    def postings(self) -> list[Any]:
        """All postings of these books that no twin has too: account, owner, amount, bucket, lease."""
        rows = (
            self._kept if self.closed
            else self.books.rows("SELECT epoch, seq, account, owner, amount, bucket, lease FROM postings")
        )  # fmt: skip
        return [row for row in rows if (self.workstation_id, row["epoch"], row["seq"]) not in self._shared]

    def twin(self, folder: Path) -> "SimulatedStore":
        """The whole disk is copied, careless of what runs on it: two machines now think they are this workstation."""
        self.process.kill("disk copied")
        shutil.copytree(self.settings.state, folder)
        twin = self._make_twin(folder=folder, fault_rate=self.link.fault_rate)
        self.doubled = twin.doubled = True
        twin._shared = set(twin._events())
        self.on_copied(rights_held(self.settings.state))
        self.trace.note(self.name, "disk copied", len(twin._shared))
        return twin

    async def end(self) -> None:
        """A person found the twin: it is switched off for ever."""
        self._kept = self.postings()
        self.closed = True
        self.process.kill("switched off")
        await self._bury()

    def _events(self) -> dict[Name, str]:
        """The events of the books as they lie on disk."""
        rows = ask_books(self.settings.state, "SELECT epoch, seq, body FROM events")
        return {(self.workstation_id, row["epoch"], row["seq"]): row["body"] for row in rows}

    def lose_replica(self) -> None:
        """The replica can be rebuilt: it is simply gone at the next start."""
        self.process.kill("replica lost")
        put_image(self.settings.state / REPLICA, {})
