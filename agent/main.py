"""Composition root of the store's agent: reads like a parts list, then runs the parts in one TaskGroup.

Called by `pos-agent run` and by the demo. The only place where adapters meet. Stopping is ordered: no new work, paper
that is being printed, then the books.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from agent import limits, logs
from agent.aftersales import AfterSales
from agent.announce import Announcer
from agent.api.app import Services, create_app
from agent.api.door import DoorRules
from agent.booking import Booking, BookingPorts, Place
from agent.clock_trust import ClockMark, ClockTrust
from agent.config import PrinterSection, Settings
from agent.count_cards import CountCards
from agent.count_uses import CountUses
from agent.daemon import Daemon, DaemonParts
from agent.db.after_sales import AfterSalesDb
from agent.db.books import BooksDb
from agent.db.leases import LeasesDb
from agent.db.notices import NoticesDb, TokensDb, token_hash
from agent.db.outbox import OutboxDb
from agent.db.print_jobs import PrintJobsDb
from agent.db.proofs import ProofsDb
from agent.db.replica import ReplicaDb
from agent.db.replica_rows import ReplicaRowsDb
from agent.db.risk import RiskDb
from agent.db.schema import books_migrations, replica_migrations
from agent.db.snapshot import SnapshotDb
from agent.db.store import Store
from agent.db.wallets import WalletsDb
from agent.devices import Outside, make_printer, make_scanner
from agent.domain.digest import Json
from agent.domain.errors import ConfigError, DiskLow, StorageError
from agent.domain.lease_event import LeasePlace
from agent.flow import Till, TillPorts
from agent.health import Health
from agent.http_server import HttpServer, listen_tcp, listen_unix
from agent.identify import Identifier
from agent.keyring import FileKeyRing, load_enrolment, prepare_device_key, save_enrolment
from agent.leasing import Leasing
from agent.notify import Notifier
from agent.pairing import Pairing
from agent.paperwork import Paperwork, ShopFront
from agent.ports import Clock, Entropy, JobState
from agent.printing import PrintService
from agent.purses import Purses
from agent.quoting import Quoting
from agent.risk_desk import RiskDesk
from agent.risk_watch import RiskWatch
from agent.room import DiskRoom
from agent.service_desk import DeskPorts, ServiceDesk
from agent.slips import Slips
from agent.spending import Spending, SpendingPorts
from agent.sqlite import rewrite_header
from agent.supervise import supervise
from agent.system import boot_id
from agent.training import NoWitness, TrainingHq, TrainingPrinter, books_file
from agent.witness import FileWitness
from agent.wording import CHINESE, ENGLISH
from sync.client import HttpHq
from sync.downward import Downward
from sync.protocol import EnrolAnswer, EnrolRequest, Feed
from sync.pull import Puller
from sync.push import Pusher, PushPorts
from sync.reconcile import Reconciler
from sync.schedule import ClockWatcher, Waker


async def enrol(settings: Settings, code: str, entropy: Entropy) -> EnrolAnswer:
    """Make this machine a workstation: keys are made here, HQ's answer is kept beside them. Raises SyncError."""
    public_key = prepare_device_key(settings.keys, entropy)
    hq = HttpHq(settings.hq.url, verify=_tls(settings))
    try:
        answer = await hq.enrol(EnrolRequest(code=code, public_key=public_key))
    finally:
        await hq.close()
    save_enrolment(settings.keys, answer)
    return answer


class Agent:
    """The assembled agent. `open` builds, `run` serves until `stop` is set, and everything is closed behind it."""

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
        self._edges: set[asyncio.Task[Any]] = set()
        self.port = 0

    async def open(self) -> None:
        """Build every part; raises ConfigError or StorageError."""
        settings, clock, entropy = self._settings, self._clock, self._entropy
        training = settings.workstation.training
        self._failed = asyncio.get_running_loop().create_future()
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.enrolment = enrolment = load_enrolment(settings.keys)
        keys = FileKeyRing(settings.keys, entropy)
        self.health = Health(clock)
        self.health.watch("storage")
        self._room = DiskRoom(settings.state)
        self._room.begin()

        # books and replica
        self._books_store = books_store = await Store.open(
            books_file(settings.state, training=training),
            books_migrations,
            make_worker=self._outside.make_worker,
            room=self._room,
            on_failed=self._on_storage_error,
        )
        self._closing.push_async_callback(books_store.close)
        replica_store = await Store.open(
            settings.state / "replica.db",
            replica_migrations,
            durable=False,
            with_reader=True,
            make_worker=self._outside.make_worker,
            on_failed=self._on_storage_error,
        )
        self._closing.push_async_callback(replica_store.close)
        self.books = BooksDb(books_store, enrolment.workstation_id, keys, clock, entropy)
        await self.books.ensure_epoch()
        witness = NoWitness() if training else FileWitness(settings.keys)
        forked = await self.books.heed(witness.read())
        if forked is not None:
            logs.get().warning("books.restored", epoch=forked)
        self.outbox = OutboxDb(books_store, enrolment.workstation_id, witness)
        self.proofs = ProofsDb(books_store, enrolment.workstation_id, keys)
        self.ledger = PrintJobsDb(books_store, keys)
        self.replica = ReplicaDb(replica_store, enrolment.brand_id, keys)
        self.announcer = Announcer(NoticesDb(books_store), clock, on_notice=logs.notice_line)

        # the clock, and what holds while nobody can be asked
        risk_db = RiskDb(books_store)
        self.trust = ClockTrust(
            risk_db, clock, self._outside.boot_id or boot_id(), on_skew=self._on_skew, on_mark=self._on_clock_mark
        )
        await self.trust.begin()
        self.books.on_booked = self.trust.booked
        snapshot = SnapshotDb(replica_store, self.trust)
        self.risk = RiskWatch(risk_db, self.replica, snapshot, self.trust)
        self.desk = RiskDesk(self.risk, self.trust, snapshot, self.health, self.announcer, clock)

        # devices
        self.scanners = [make_scanner(section, clock) for section in settings.scanner]
        self.printing = [self._print_service(section) for section in settings.printer]
        for service in self.printing:
            self._closing.callback(service.printer.close)

        # HQ
        self.health.watch("hq")
        self.hq = HttpHq(
            settings.hq.url,
            workstation_id=enrolment.workstation_id,
            keys=keys,
            verify=_tls(settings),
            transport=self._outside.hq_transport,
            on_contact=self._on_hq_contact,
            on_time=self.trust.heard,
            clock=clock,
        )
        self._closing.push_async_callback(self.hq.close)
        hq = TrainingHq(self.hq, self.replica, clock, entropy) if training else self.hq
        ports = PushPorts(self.outbox, self.books, hq, keys, clock, entropy)
        self.pusher = Pusher(ports, enrolment.workstation_id)
        self.puller = Puller(self.replica, hq, entropy, self._on_rows)
        self.pusher.on_fork = self._on_fork
        self.leasing = Leasing(
            LeasePlace(enrolment.workstation_id, enrolment.store_id, enrolment.brand_id), self.books,
            LeasesDb(books_store, witness), hq, clock, entropy, self.pusher.wake.set,
        )  # fmt: skip
        self.puller.on_recalls = self.leasing.on_recalls
        self.puller.on_pulled = snapshot.pulled
        rows = ReplicaRowsDb(replica_store, self.replica)
        downward = Downward(rows, hq, self.puller.pull_all, self.leasing.check)
        reconciler = Reconciler(
            self.outbox, self.proofs, self.pusher, hq, keys, clock, entropy, enrolment.workstation_id, downward
        )

        # the till
        place = Place(enrolment.workstation_id, enrolment.store_id, enrolment.brand_id)
        identifier = Identifier(
            self.replica, self.books, keys, clock, entropy,
            pricebook=self.replica, brand_id=place.brand_id, store_id=place.store_id,
        )  # fmt: skip
        wallets = WalletsDb(books_store, keys)
        spending = Spending(SpendingPorts(self.replica, wallets, self.leasing, self.risk, clock))
        booking = Booking(
            place, BookingPorts(identifier, self.replica, self.books, spending, self.risk, clock, entropy)
        )
        quoting = Quoting(booking, spending, wallets, self.replica, clock)
        paperwork = Paperwork(_shop_front(settings, enrolment), entropy)
        self.till = Till(
            TillPorts(
                identifier=identifier,
                pricebook=self.replica,
                booking=booking,
                quoting=quoting,
                spending=spending,
                books=self.books,
                paperwork=paperwork,
                announcer=self.announcer,
                entropy=entropy,
                wake_printing=self._wake_printing,
                wake_push=self.pusher.wake.set,
            )
        )
        self.service_desk = ServiceDesk(
            DeskPorts(
                LeasePlace(place.workstation_id, place.store_id, place.brand_id), identifier, self.replica, self.books,
                AfterSalesDb(books_store, place.workstation_id), self.leasing, self.risk,
                Slips(_shop_front(settings, enrolment), place.store_id, entropy), self.announcer, clock, entropy,
                self._wake_printing, self.pusher.wake.set,
            )
        )  # fmt: skip
        self.daemon = Daemon(
            DaemonParts(
                enrolment, self.health, self.outbox, self.ledger, self.replica, self.pusher, reconciler,
                self.proofs, self.printing, self.announcer, clock, entropy, self.desk, training,
            )
        )  # fmt: skip
        self.daemon.has_rules = (await self.replica.rules()).version > 0
        self.tokens = TokensDb(books_store)
        self.pairing = Pairing(self.tokens, clock, entropy)

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set; raises StorageError when durability is gone."""
        with contextlib.suppress(DiskLow):  # such a job stays "sending" until the next start: it is not printed either
            for job_id in await self.ledger.recover():
                await self.announcer.announce("print.state", {"job_id": job_id, "state": JobState.UNCONFIRMED})
        servers = await self._open_api()
        waker = Waker(self._reconcile_if_due)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work, name=name) for name, work in self._tasks()]
                waker.start()
                self._notifier.ready()
                on_ready()
                await self._until(stop)
                self._notifier.stopping()
                waker.stop()
                await asyncio.gather(*(server.stop() for server in servers))
                await self._finish_paper()
                for task in tasks:
                    task.cancel()
        finally:
            await self.close()

    async def close(self) -> None:
        """Close devices, HQ and the books, in the reverse order of opening; safe to call twice."""
        await self._closing.aclose()

    # --- running ----------------------------------------------------------------------------------------------------
    def _tasks(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        tasks: list[tuple[str, Coroutine[Any, Any, None]]] = [
            ("pull", self.puller.run(self._settings.hq.pull_interval_s)),
            ("leases", self.leasing.run()),
            ("clock", ClockWatcher(self._clock, self._on_clock_jump).run()),
            ("room", self._room.watch(self._on_room)),
            ("watchdog", self._notifier.watch(self._prove_alive)),
        ]
        if not self._settings.workstation.training:
            tasks.append(("push", self.pusher.run()))
        tasks += [(f"print-{service.printer.name}", service.run()) for service in self.printing]
        for scanner in self.scanners:
            self.health.watch(f"scanner {scanner.name}", scanner.counters)
            work = supervise(
                scanner,
                self.till.on_scan,
                clock=self._clock,
                entropy=self._entropy,
                on_edge=self._on_scanner,
                on_attempt=self._on_scanner_attempt,
            )
            tasks.append((f"scan-{scanner.name}", work))
        return tasks

    async def _prove_alive(self) -> None:
        """One commit through the books' own thread and back to this loop: what a sale needs, and no less."""
        with contextlib.suppress(DiskLow):  # it refuses money calls but lives: a restart makes no room
            await self._books_store.run(rewrite_header)

    async def _until(self, stop: asyncio.Event) -> None:
        assert self._failed is not None
        stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
        await asyncio.wait([stopping, self._failed], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._failed.done():
            self._failed.result()

    async def _finish_paper(self) -> None:
        """Give paper that is being printed a moment; what is cut off is unconfirmed at the next start."""
        try:
            async with asyncio.timeout(limits.DRAIN_S / 2):
                for service in self.printing:
                    await service.idle()
        except TimeoutError:
            logs.get().warning("drain.paper_unfinished")

    async def _open_api(self) -> list[HttpServer]:
        api, listener = self._settings.api, listen_tcp(self._settings.api.host, self._settings.api.port)
        self.port = listener.getsockname()[1]
        names = ("127.0.0.1", "localhost") if api.host == "127.0.0.1" else ("[::1]", "localhost")
        hosts = {f"{name}:{self.port}" for name in names}
        origins = {f"http://{host}" for host in hosts} | set(api.allowed_origins)
        rules = DoorRules(hosts, origins, self.tokens.active, token_hash, self._clock)
        local = DoorRules({"localhost"}, set(), self.tokens.active, token_hash, self._clock, trusted=True)
        servers = [
            HttpServer(create_app(self._services(), rules), [listener]),
            HttpServer(create_app(self._services(), local), [listen_unix(self._settings.socket)]),
        ]
        for server in servers:
            await server.start()
            self._closing.push_async_callback(server.stop)  # ORDER: whatever ends us, before what calls need is closed
        logs.get().info("api.ready", port=self.port, socket=str(self._settings.socket))
        return servers

    def _services(self) -> Services:
        return Services(
            till=self.till,
            announcer=self.announcer,
            pairing=self.pairing,
            clock=self._clock,
            hello=self.daemon.hello,
            status=self.daemon.status,
            control=self.daemon,
            risk_desk=self.desk,
            aftersales=AfterSales(self.service_desk),
            purses=Purses(self.service_desk),
            count_cards=CountCards(self.service_desk),
            count_uses=CountUses(self.service_desk),
            on_storage_error=self._on_storage_error,
        )

    # --- edges ------------------------------------------------------------------------------------------------------
    def _on_storage_error(self, reason: str) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(StorageError(reason))

    def _on_fork(self, old: str, new: str) -> None:
        self._announce("sync.fork", {"epoch": old, "new_epoch": new})

    def _on_scanner(self, name: str, up: bool, reason: str) -> None:
        self.health.report(f"scanner {name}", up=up, reason=reason)
        self._announce("device.ready" if up else "device.lost", {"device": name, "reason": reason})

    def _on_scanner_attempt(self, name: str, up: bool, reason: str) -> None:
        self.health.report(f"scanner {name}", up=up, reason=reason)

    async def _on_printer(self, name: str, up: bool, reason: str) -> None:
        self.health.report(f"printer {name}", up=up, reason=reason)
        self._announce("device.ready" if up else "device.lost", {"device": name, "reason": reason})

    async def _on_print_state(self, job_id: str, state: JobState, note: str) -> None:
        await self.announcer.announce("print.state", {"job_id": job_id, "state": state, "reason": note})

    def _on_room(self, low: bool, reason: str) -> None:
        known = self.health.state("storage")
        self.health.report("storage", up=not low, reason=reason)
        if low or (known is not None and known.up is False):
            self._announce("storage.low" if low else "storage.ok", {"reason": reason})

    def _on_hq_contact(self, reached: bool, reason: str) -> None:
        if not self.health.report("hq", up=reached, reason=reason):
            return
        self.leasing.on_contact(reached)
        self._announce("sync.state", {"up": reached, "reason": reason})
        self._spawn(self.desk.look())
        if reached:
            self.pusher.reached.set()
            self.puller.wake.set()

    def _on_skew(self, skew_ms: int | None) -> None:
        self._spawn(self.desk.tell_skew(skew_ms))
        self._spawn(self.desk.look())

    async def _on_clock_jump(self) -> None:
        await self.desk.look()
        await self._reconcile_if_due()

    async def _reconcile_if_due(self) -> None:
        if not self._settings.workstation.training:
            await self.daemon.reconcile_if_due()

    def _on_clock_mark(self, mark: ClockMark) -> None:
        self._spawn(self.trust.keep(mark))

    async def _on_rows(self, feed: Feed, _: int) -> None:
        if feed is Feed.RULES:
            self.daemon.has_rules = True

    def _announce(self, kind: str, data: dict[str, Json]) -> None:
        self._spawn(self.announcer.announce(kind, data))

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._edges.add(task)
        task.add_done_callback(self._edges.discard)

    # --- making devices ---------------------------------------------------------------------------------------------
    def _wake_printing(self) -> None:
        for service in self.printing:
            service.wake()

    def _print_service(self, section: PrinterSection) -> PrintService:
        self.health.watch(f"printer {section.name}")
        printer = (self._outside.make_printer or make_printer)(section, self._clock)
        return PrintService(
            TrainingPrinter(printer, _language(self._settings)) if self._settings.workstation.training else printer,
            self.ledger,
            self._clock,
            self._entropy,
            on_state=self._on_print_state,
            on_health=self._on_printer,
        )


def _shop_front(settings: Settings, enrolment: EnrolAnswer) -> ShopFront:
    receipt = settings.receipt
    return ShopFront(
        store_name=f"{enrolment.brand_name} {enrolment.store_name}".strip(),
        join_url="" if settings.workstation.training else enrolment.join_url,
        receipt_printer=receipt.printer or (settings.printer[0].name if settings.printer else ""),
        language=_language(settings),
        footer=receipt.footer,
        open_drawer_on_cash=receipt.open_drawer_on_cash,
    )


def _language(settings: Settings) -> int:
    return CHINESE if settings.receipt.language == "zh" else ENGLISH


def _tls(settings: Settings) -> ssl.SSLContext | bool:
    if not settings.hq.ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=settings.hq.ca_file)
    except OSError as error:
        raise ConfigError([f"hq.ca_file {settings.hq.ca_file} cannot be read: {error}"]) from error
