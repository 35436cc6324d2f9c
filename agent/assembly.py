"""Composition root of the store's agent: reads like a parts list. The only place where adapters meet.

agent.main runs what is built here.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from agent import front, logs
from agent.announce import Announcer
from agent.assembly_hq import Shared, hq_half
from agent.booking import Booking, BookingPorts, Place
from agent.clock_trust import ClockTrust
from agent.config import Settings
from agent.config_printer import PrinterSection
from agent.daemon import Daemon, DaemonParts
from agent.db.access import AccessDb
from agent.db.after_sales import AfterSalesDb
from agent.db.books import BooksDb
from agent.db.drawers import DrawersDb
from agent.db.figures import FiguresDb
from agent.db.lease_list import LeaseListDb
from agent.db.notices import NoticesDb
from agent.db.outbox import OutboxDb
from agent.db.people import OperatorsDb
from agent.db.print_jobs import PrintJobsDb
from agent.db.proofs import ProofsDb
from agent.db.replica import ReplicaDb
from agent.db.replica_swap import REPLICA, ReplicaStore
from agent.db.risk import RiskDb
from agent.db.schema import books_migrations
from agent.db.snapshot import SnapshotDb
from agent.db.store import Store
from agent.db.tokens import TokensDb
from agent.db.wallets import WalletsDb
from agent.devices import Outside, make_passthrough, make_scanner
from agent.domain.errors import StorageError
from agent.domain.lease_event import LeasePlace
from agent.edges import Edges, Woken
from agent.figures import Figures
from agent.flow import Till, TillPorts
from agent.health import Health
from agent.identify import Identifier
from agent.keyring import FileKeyRing, load_enrolment
from agent.manager_desk import ManagerDesk, ManagerParts
from agent.notify import Notifier
from agent.pairing import Pairing
from agent.paperwork import Paperwork
from agent.payment_code import PaymentCodes
from agent.people import People
from agent.ports import Clock, Entropy
from agent.print_desk import PrintDesk
from agent.printer_devices import make_printer
from agent.printing import PrintService
from agent.qr_svg import drawn
from agent.quoting import Quoting
from agent.risk_desk import RiskDesk
from agent.risk_watch import RiskWatch
from agent.room import DiskRoom
from agent.sensitive import SensitiveReads
from agent.service_desk import DeskPorts, ServiceDesk
from agent.slips import Slips
from agent.spending import Spending, SpendingPorts
from agent.system import boot_id
from agent.tap_desk import TapDesk
from agent.tap_door import TapDoor
from agent.training import NoWitness, TrainingPrinter, books_file
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
    ) -> None:
        self._settings = settings
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
        settings = self._settings
        self._books_store = await Store.open(
            books_file(settings.state, training=settings.workstation.training),
            books_migrations,
            make_worker=self._outside.make_worker,
            room=self._room,
            on_failed=self._on_storage_error,
        )
        self._closing.push_async_callback(self._books_store.close)
        self._replica_store = await ReplicaStore.open(
            settings.state / REPLICA,
            make_worker=self._outside.make_worker,
            on_failed=self._on_storage_error,
        )
        self._closing.push_async_callback(self._replica_store.close)

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
        self.announcer = Announcer(NoticesDb(books_store), clock, on_notice=logs.notice_line)
        self.edges = Edges(self.health, self.announcer)
        self.tokens = TokensDb(books_store)

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
        self.sensitive = SensitiveReads(self.replica, AccessDb(self._books_store), self.announcer, clock)

    def _open_devices(self) -> None:
        settings, clock = self._settings, self._clock
        self.scanners = [make_scanner(section, clock) for section in settings.scanner]
        self.passthrough = make_passthrough(settings.passthrough, self.edges.passthrough)
        if self.passthrough is not None:
            self._closing.callback(self.passthrough.close)
            self.health.watch("passthrough", self.passthrough.counters)
            self.passthrough.open()
        self.printing = [self._print_service(section) for section in settings.printer]
        for service in self.printing:
            self._closing.callback(service.printer.close)

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
        clock, entropy, books_store = self._clock, self._entropy, self._books_store
        place = Place(self._place.workstation_id, self._place.store_id, self._place.brand_id)
        identifier = Identifier(
            self.replica, self.books, self._keys, clock, entropy,
            pricebook=self.replica, brand_id=place.brand_id, store_id=place.store_id,
            payment_codes=None if self._settings.workstation.training
            else PaymentCodes(self.hq, self.replica, clock, entropy),
        )  # fmt: skip
        wallets = WalletsDb(books_store, self._keys)
        spending = Spending(SpendingPorts(self.replica, wallets, self.leasing, self.risk, clock))
        booking = Booking(
            place, BookingPorts(identifier, self.replica, self.books, spending, self.risk, clock, entropy)
        )
        quoting = Quoting(booking, spending, wallets, self.replica, clock)
        shop = front.shop_front(self._settings, self.enrolment)
        self.till = Till(
            TillPorts(
                identifier=identifier,
                pricebook=self.replica,
                booking=booking,
                quoting=quoting,
                spending=spending,
                books=self.books,
                paperwork=Paperwork(shop, entropy),
                announcer=self.announcer,
                entropy=entropy,
                wake_printing=self._wake_printing,
                wake_push=self.pusher.wake.set,
            )
        )
        self.service_desk = ServiceDesk(
            DeskPorts(
                self._place, identifier, self.replica, self.books,
                AfterSalesDb(books_store, place.workstation_id), self.leasing, self.risk,
                Slips(shop, place.store_id, entropy), self.announcer, clock, entropy,
                self._wake_printing, self.pusher.wake.set,
            )
        )  # fmt: skip
        self.tap_door = TapDoor(self._settings.socket.with_name("tap.sock"), TapDesk(shop, identifier, self.replica))

    def _open_daemon(self) -> None:
        self.slow = self._outside.make_worker("slow")
        self._closing.callback(self.slow.close, 1)
        drawers = DrawersDb(self._books_store, self._keys)
        self.paper = PrintDesk(
            self.ledger, self.printing, drawers, self.announcer, self._clock, self._entropy,
            front.receipt_printer(self._settings),
        )  # fmt: skip
        self.daemon = Daemon(
            DaemonParts(
                self.enrolment, self.health, self.outbox, self.ledger, self.replica, self.pusher, self._reconciler,
                self.proofs, self.printing, self.announcer, self._clock, self._entropy, self.desk,
                self._settings.workstation.training,
            )
        )  # fmt: skip
        self.edges.woken = Woken(self.trust, self.desk, self.leasing, self.pusher, self.puller, self._reconcile_if_due)
        self.pairing = Pairing(self.tokens, self._clock, self._entropy)
        self.people = People(
            OperatorsDb(self._books_store, self._keys), self.pairing, self._clock, self._entropy,
            lambda: (self.trust.boot_id, self.trust.boot_ms()), self.slow,
        )  # fmt: skip
        self.manager = ManagerDesk(
            ManagerParts(
                self.daemon, Figures(FiguresDb(self._books_store)), self.outbox, LeaseListDb(self._books_store),
                self.paper, self.printing, self.scanners, self.health, self.pairing, self.people, self.desk,
                self.announcer, self._clock,
            )
        )  # fmt: skip

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

    def _on_rules(self) -> None:
        self.daemon.has_rules = True

    # --- making devices ---------------------------------------------------------------------------------------------
    def _wake_printing(self) -> None:
        for service in self.printing:
            service.wake()

    def _print_service(self, section: PrinterSection) -> PrintService:
        self.health.watch(f"printer {section.name}")
        printer = (self._outside.make_printer or make_printer)(section, self._clock)
        return PrintService(
            TrainingPrinter(printer, front.language(self._settings))
            if self._settings.workstation.training
            else printer,
            self.ledger,
            self._clock,
            self._entropy,
            on_state=self.edges.print_state,
            on_health=self.edges.printer,
            watch_s=section.watch_s,
        )
