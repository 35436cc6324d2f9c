"""The life of the store's agent: serves in one TaskGroup until it is told to stop, then drains in order.

Called by `pos-agent run` and by the demo; agent.assembly builds the parts. Stopping is ordered: no new work, paper that
is being printed, then the books.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from agent import limits, logs
from agent.aftersales import AfterSales
from agent.api.app import Services
from agent.api_listen import api_servers, hw_proxy_servers
from agent.assembly import Assembly
from agent.books_ports import JobState
from agent.count_cards import CountCards
from agent.count_uses import CountUses
from agent.devices import passes
from agent.domain.errors import DiskLow
from agent.domain.scan import RawScan
from agent.http_server import HttpServer
from agent.purses import Purses
from agent.sqlite import rewrite_header
from agent.supervise import supervise
from sync.schedule import ClockWatcher, Waker


class Agent(Assembly):
    """The assembled agent: `open` builds, `run` serves until `stop` is set, and everything is closed behind it."""

    tells_mode = False
    """Whether those who listen may believe that it is in another mode than it is."""

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` is set; raises StorageError when durability is gone."""
        with contextlib.suppress(DiskLow):  # such a job stays "sending" until the next start: it is not printed either
            for job_id in await self.ledger.recover():
                await self.announcer.announce("print.state", {"job_id": job_id, "state": JobState.UNCONFIRMED})
        await self._tell_mode()
        servers = await self._open_api()
        waker = Waker(self._reconcile_if_due)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work, name=name) for name, work in self._tasks()]
                waker.start()
                self._notifier.ready()
                on_ready()
                await self._until(stop)
                waker.stop()
                await self._tell_end(stop)
                await asyncio.gather(*(server.stop() for server in servers))
                await self._finish_paper()
                for task in tasks:
                    task.cancel()
        finally:
            await self.close()

    @property
    def turned(self) -> bool:
        """Whether the agent ends, or ended, because the other books are to be opened."""
        return self.mode.turning.is_set()

    async def _tell_mode(self) -> None:
        """Tell in which mode this life is, where it may be another than before."""
        training = self._settings.workstation.training
        if training or self._after_training or self.tells_mode:
            await self.announcer.announce("mode.changed", {"training": training})

    def _tasks(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        tasks: list[tuple[str, Coroutine[Any, Any, None]]] = [
            ("pull", self.puller.run(self._settings.hq.pull_interval_s)),
            ("snapshots", self.snapshots.run()),
            ("leases", self.leasing.run()),
            ("clock", ClockWatcher(self._clock, self.edges.clock_jump).run()),
            ("room", self._room.watch(self.edges.room)),
            ("watchdog", self._notifier.watch(self._prove_alive)),
        ]
        if not self._settings.workstation.training:
            tasks.append(("push", self.pusher.run()))
        tasks += [(f"print-{service.printer.name}", service.run()) for service in self.printing]
        for scanner in self.scanners:
            self.health.watch(f"scanner {scanner.name}", scanner.counters)
            work = supervise(
                scanner,
                self._on_scan,
                clock=self._clock,
                entropy=self._entropy,
                on_edge=self.edges.scanner,
                on_attempt=self.edges.scanner_attempt,
            )
            tasks.append((f"scan-{scanner.name}", work))
        return tasks

    async def _on_scan(self, raw: RawScan) -> None:
        scan = await self.till.on_scan(raw)
        if self.passthrough is not None and passes(self._settings.passthrough, scan):
            self.passthrough.send(scan.text)

    async def _prove_alive(self) -> None:
        """One commit through the books' own thread and back to this loop: what a sale needs, and no less."""
        with contextlib.suppress(DiskLow):  # it refuses money calls but lives: a restart makes no room
            await self._books_store.run(rewrite_header)

    async def _until(self, stop: asyncio.Event) -> None:
        assert self._failed is not None
        ends: list[asyncio.Future[Any]] = [asyncio.ensure_future(one.wait()) for one in (stop, self.mode.turning)]
        await asyncio.wait([*ends, self._failed], return_when=asyncio.FIRST_COMPLETED)
        for one in ends:
            one.cancel()
        if self._failed.done():
            self._failed.result()

    async def _tell_end(self, stop: asyncio.Event) -> None:
        """Tell systemd and whoever listens; streams end by themselves, or they would hold up the drain."""
        if stop.is_set():
            self._notifier.stopping()
        else:
            self._notifier.turning()
        if self.turned:
            await self.mode.tell()
        self.announcer.end()

    async def _finish_paper(self) -> None:
        """Give paper that is being printed a moment; what is cut off is unconfirmed at the next start.

        Where a training follows, receipts that were only queued too: they would wait until its end.
        """
        try:
            async with asyncio.timeout(limits.DRAIN_S / 2):
                while True:
                    for service in self.printing:
                        await service.idle()
                    if not await self._receipts_wait():
                        return
                    await asyncio.sleep(limits.MODE_PAPER_LOOK_S)
        except TimeoutError:
            logs.get().warning("drain.paper_unfinished")

    async def _receipts_wait(self) -> bool:
        """Whether a training would begin while customers wait for receipts of the till's own books."""
        if not self.turned or self._settings.workstation.training:
            return False
        _held, paper = await self.modes.unfinished(self._clock.now_ms())
        return paper > 0

    async def _open_api(self) -> list[HttpServer]:
        services = self._services()
        self.port, servers = api_servers(self._settings, services, self.tokens)
        self.hw_proxy_port, more = hw_proxy_servers(self._settings, services, self.health)
        servers += more
        for server in servers:
            await server.start()
            self._closing.push_async_callback(server.stop)  # ORDER: whatever ends us, before what calls need is closed
        await self.tap_door.start()
        self._closing.push_async_callback(self.tap_door.stop)
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
            people=self.people,
            paper=self.paper,
            manager=self.manager,
            screen=self.screen,
            slow=self.slow,
            sensitive=self.sensitive,
            on_storage_error=self._on_storage_error,
        )
