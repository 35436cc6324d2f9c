"""Composition root of the store's agent: reads like a parts list. The only place where adapters meet.

agent.main runs what is built here.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from agent import front, logs
from agent.announce import Announcer
from agent.assembly_books import open_stores
from agent.assembly_hq import Shared, hq_half
from agent.assembly_paper import print_services
from agent.assembly_till import Counter, till_half
from agent.clock_trust import ClockTrust
from agent.config import Settings
from agent.daemon import Daemon, DaemonParts
from agent.db.access import AccessDb
from agent.db.books import BooksDb
from agent.db.drawers import DrawersDb
from agent.db.figures import FiguresDb
from agent.db.lease_list import LeaseListDb
from agent.db.modes import ModesDb
from agent.db.outbox import OutboxDb
from agent.db.people import OperatorsDb
from agent.db.print_jobs import PrintJobsDb
from agent.db.proofs import ProofsDb
from agent.db.replica import ReplicaDb
from agent.db.risk import RiskDb
from agent.db.snapshot import SnapshotDb
from agent.db.tokens import TokensDb
from agent.devices import Outside, make_passthrough, make_scanner
from agent.domain.errors import StorageError
from agent.domain.lease_event import LeasePlace
from agent.edges import Edges, Woken
from agent.figures import Figures
from agent.health import Health
from agent.keyring import FileKeyRing, load_enrolment
from agent.limits import MODE_QUIET_S
from agent.manager_desk import ManagerDesk, ManagerParts
from agent.mode import ModeDesk, ModeParts
from agent.mode_file import FileMode
from agent.notify import Notifier
from agent.pairing import Pairing
from agent.people import People
from agent.ports import Clock, Entropy
from agent.print_desk import PrintDesk
from agent.qr_svg import drawn
from agent.risk_desk import RiskDesk
from agent.risk_watch import RiskWatch
from agent.room import DiskRoom
from agent.sensitive import SensitiveReads
from agent.system import boot_id
from agent.training import NoWitness
from agent.turns import Turns
from agent.witness import FileWitness


class Assembly:
    """The parts of one agent: `open` builds them, `close` closes them in the reverse order."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        entropy: Entropy,
        *,
        notifier: Notifier | None = None,
        outside: Outside | None = None,
        turns: Turns | None = None,
    ) -> None:
        """`turns` is what one life hands on to the next where the mode may change; None: this run has one life."""
        self._settings = settings
        self._turns = turns if turns is not None else Turns()
        self._outside = outside if outside is not None else Outside()
        self._notifier = notifier if notifier is not None else Notifier()
        self._clock = clock
        self._entropy = entropy
        self._closing = AsyncExitStack()
        self._failed: asyncio.Future[Any] | None = None
        self.port = self.hw_proxy_port = 0

    async def open(self) -> None:
        """Build every part; raises ConfigError or StorageError."""
        settings = self._settings
        self._failed = asyncio.get_running_loop().create_future()
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.enrolment = load_enrolment(settings.keys)
        self._place = LeasePlace(self.enrolment.workstation_id, self.enrolment.store_id, self.enrolment.brand_id)
        self._keys = FileKeyRing(settings.keys, self._entropy)
        self._witness = NoWitness() if settings.workstation.training else FileWitness(settings.keys)
        self.health = Health(self._clock)
        self.health.watch("storage")
        self._room = DiskRoom(settings.state)
        self._room.begin()
        await self._open_stores()
        await self._open_books()
        await self._open_risk()
        self._open_devices()
        self._open_hq()
        self._open_till()
        self._open_daemon()
        url = "" if settings.workstation.training else self.enrolment.join_url
        join_svg = await self.slow.call(lambda: drawn(url)) if url else ""
        self.screen = front.screen(settings, self.enrolment, join_svg)
        self.daemon.has_rules = (await self.replica.rules()).version > 0

    async def _open_stores(self) -> None:
        stores = await open_stores(self._settings, self._outside, self._room, self._closing, self._on_storage_error)
        self._real_store, self._books_store, self._replica_store = stores.real, stores.books, stores.replica
        self._notices, self._after_training = stores.notices, stores.after_training

    async def _open_books(self) -> None:
        books_store, keys, clock = self._books_store, self._keys, self._clock
        workstation_id = self._place.workstation_id
        self.books = BooksDb(books_store, workstation_id, keys, clock, self._entropy)
        await self.books.ensure_epoch()
        forked = await self.books.heed(self._witness.read())
        if forked is not None:
            logs.get().warning("books.restored", epoch=forked)
        self.outbox = OutboxDb(books_store, workstation_id, self._witness)
        self.proofs = ProofsDb(books_store, workstation_id, keys)
        self.ledger = PrintJobsDb(books_store, keys)
        self.replica = ReplicaDb(self._replica_store, self._place.brand_id, keys)
        self.announcer = Announcer(self._notices, clock, on_notice=logs.notice_line)
        self.edges = Edges(self.health, self.announcer)
        self.tokens = TokensDb(self._real_store)

    async def _open_risk(self) -> None:
        """The clock, and what holds while nobody can be asked."""
        clock, risk_db = self._clock, RiskDb(self._books_store)
        self.trust = ClockTrust(
            risk_db, clock, self._outside.boot_id or boot_id(), on_skew=self.edges.skew, on_mark=self.edges.clock_mark
        )
        await self.trust.begin()
        self.books.on_booked = self.trust.booked
        self._snapshot = SnapshotDb(self._replica_store, self.trust)
        self.risk = RiskWatch(risk_db, self.replica, self._snapshot, self.trust)
        self.desk = RiskDesk(self.risk, self.trust, self._snapshot, self.health, self.announcer, clock)
        self.sensitive = SensitiveReads(self.replica, AccessDb(self._real_store), self.announcer, clock)

    def _open_devices(self) -> None:
        settings, clock = self._settings, self._clock
        self.scanners = [make_scanner(section, clock) for section in settings.scanner]
        self.passthrough = make_passthrough(settings.passthrough, self.edges.passthrough)
        if self.passthrough is not None:
            self._closing.callback(self.passthrough.close)
            self.health.watch("passthrough", self.passthrough.counters)
            self.passthrough.open()
        self.printing = print_services(
            settings, self._outside, front.language(settings), self.ledger, clock, self._entropy, self.health,
            self.edges, self._closing,
        )  # fmt: skip

    def _open_hq(self) -> None:
        self.health.watch("hq")
        half = hq_half(
            Shared(
                self._settings, self._outside, self._place, self.enrolment, self._keys, self._clock, self._entropy,
                self._witness, self._books_store, self._replica_store, self.books, self.outbox, self.proofs,
                self.replica, self._snapshot, self.edges,
            ),
            self.trust.heard,
            self._on_rules,
        )  # fmt: skip
        self._closing.push_async_callback(half.close)
        self.hq, self.pusher, self.puller, self.leasing = half.hq, half.pusher, half.puller, half.leasing
        self.snapshots, self._reconciler = half.snapshots, half.reconciler

    def _open_till(self) -> None:
        half = till_half(
            Counter(
                self._settings, self._place, front.shop_front(self._settings, self.enrolment), self._keys, self._clock,
                self._entropy, self._books_store, self.books, self.replica, self.hq, self.leasing, self.risk,
                self.announcer, self._wake_printing, self.pusher.wake.set,
            )
        )  # fmt: skip
        self.till, self.service_desk, self.tap_door = half.till, half.service_desk, half.tap_door
        self._quotes = half.quotes

    def _open_daemon(self) -> None:
        self.slow = self._outside.make_worker("slow")
        self._closing.callback(self.slow.close, 1)
        training = self._settings.workstation.training
        drawers = DrawersDb(self._books_store, self._keys, self._real_store if training else None)
        self.paper = PrintDesk(
            self.ledger, self.printing, drawers, self.announcer, self._clock, self._entropy,
            front.receipt_printer(self._settings),
        )  # fmt: skip
        self.modes = ModesDb(self._real_store)
        self.mode = ModeDesk(
            ModeParts(
                training, self._turns.fixed, FileMode(self._settings.state), self.modes, self._unfinished,
                self.announcer, self._clock, self.slow,
            )
        )  # fmt: skip
        self.daemon = Daemon(
            DaemonParts(
                self.enrolment, self.health, self.outbox, self.ledger, self.replica, self.pusher, self._reconciler,
                self.proofs, self.printing, self.announcer, self._clock, self._entropy, self.desk,
                self.mode,
            )
        )  # fmt: skip
        self.edges.woken = Woken(self.trust, self.desk, self.leasing, self.pusher, self.puller, self._reconcile_if_due)
        self.pairing = Pairing(self.tokens, self._clock, self._entropy)
        self.people = People(
            OperatorsDb(self._real_store, self._keys), self.pairing, self._clock, self._entropy,
            lambda: (self.trust.boot_id, self.trust.boot_ms()), self.slow, self._turns.locks,
        )  # fmt: skip
        self.manager = ManagerDesk(
            ManagerParts(
                self.daemon, Figures(FiguresDb(self._books_store)), self.outbox, LeaseListDb(self._books_store),
                self.paper, self.printing, self.scanners, self.health, self.pairing, self.people, self.desk,
                self.announcer, self._clock, self.mode,
            )
        )  # fmt: skip

    def turned_at(self, at_ms: int) -> None:
        """The mode that is was asked for then; 0: nobody ever switched."""
        if at_ms:
            self._quotes.turned((self._clock.now_ms() - at_ms) / 1000)

    async def close(self) -> None:
        """Close devices, HQ and the books, in the reverse order of opening; safe to call twice."""
        await self._closing.aclose()

    # --- edges ------------------------------------------------------------------------------------------------------
    def _on_storage_error(self, reason: str) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(StorageError(reason))

    async def _reconcile_if_due(self) -> None:
        if not self._settings.workstation.training:
            await self.daemon.reconcile_if_due()

    async def _unfinished(self, on: bool) -> str:
        """What a switch of the mode would cut short now; of a training only what somebody is being served with."""
        why = ["a customer is being served"] if self._quotes.is_busy(MODE_QUIET_S) else []
        if self.daemon.is_proving:
            why.append("a reconciliation is running")
        held, paper = await self.modes.unfinished(self._clock.now_ms()) if on else (0, 0)
        why += [f"{held} quotes hold rights"] if held else []
        why += [f"{paper} receipts are not on paper yet"] if paper else []
        return "; ".join(why)

    def _on_rules(self) -> None:
        self.daemon.has_rules = True

    def _wake_printing(self) -> None:
        for service in self.printing:
            service.wake()
