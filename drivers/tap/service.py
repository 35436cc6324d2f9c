"""The tap as a process: listeners for the POS, one printer, one relay between them. Run by `pos-agent tap run`.

Lives without the daemon: it opens no database and no key, and asks the daemon over one socket. Must never raise
because of a POS or a printer; it ends when it is told to.
"""

import asyncio
import contextlib
from pathlib import Path
from typing import Any, Final

from agent import limits, logs
from agent.domain.errors import ConfigError, DeviceError, InvariantViolation
from agent.notify import Notifier
from drivers.pacing import Pacer
from drivers.serial_printer import Flow, SerialTransport
from drivers.tap.ends import Clock, Desk, PosEnd, PrinterEnd
from drivers.tap.job import NEVER
from drivers.tap.pos_ends import SerialPosEnd, TcpPosEnd
from drivers.tap.printer_ends import DescriptorPrinterEnd, TcpPrinterEnd
from drivers.tap.relay import Relay
from drivers.tap.report import Report
from drivers.tap.settings import TapSettings
from drivers.transports import CharDevice

_BUFFERED: Final = 16 * 1024  # what is read of a POS that waits for its turn; the rest waits in its own machine


def printer_end(settings: TapSettings, clock: Clock) -> PrinterEnd:
    """Give the way to the configured printer."""
    match settings.kind:
        case "tcp":
            return TcpPrinterEnd(settings.printer_host, settings.printer_port)
        case "serial":
            line = SerialTransport(settings.path, settings.baud, flow=Flow(settings.flow))
            pace = settings.pace_bytes_per_s
            pacer = Pacer(pace, settings.profile.buffer_bytes, clock.mono_s) if pace else None
            return DescriptorPrinterEnd(line, answers=True, pacer=pacer)
        case _:
            readable = settings.profile.status
            return DescriptorPrinterEnd(CharDevice(settings.path, readable=readable), answers=readable)


class Tap:
    """One printer with its listeners: whoever has something to print waits in one queue for its one owner."""

    def __init__(self, settings: TapSettings, desk: Desk, clock: Clock, notifier: Notifier) -> None:
        self._settings = settings
        self._relay = Relay(settings.rules, desk, clock, _log_job)
        self._printer = printer_end(settings, clock)
        self._notifier = notifier
        self._stop = asyncio.Event()
        self._queue: asyncio.Queue[PosEnd] = asyncio.Queue()
        self._serial_free = asyncio.Event()
        self._printer_up: bool | None = None
        self._server: asyncio.Server | None = None
        self.port = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then let the job under way end. Raises ConfigError when a port is taken."""
        settings, self._stop = self._settings, stop
        serial = SerialPosEnd(Path(settings.serial), for_all=settings.serial_for_all) if settings.serial else None
        server = self._server = await self._listen() if settings.host else None
        try:
            if serial is not None:
                serial.open()
            logs.get().info("tap.ready", port=self.port, device=settings.serial)
            self._notifier.ready()
            await self._until_stopped(serial)
            self._notifier.stopping()
        finally:
            if server is not None:
                server.close()
            if serial is not None:
                serial.close()
            self._printer.close()
            while not self._queue.empty():
                self._queue.get_nowait().abort()

    async def _until_stopped(self, serial: SerialPosEnd | None) -> None:
        owner = asyncio.create_task(self._own_printer(), name="tap-printer")
        watcher = asyncio.create_task(self._watch_serial(serial), name="tap-serial") if serial is not None else None
        stopping = asyncio.create_task(self._stop.wait())
        tasks: set[asyncio.Task[Any]] = {owner, stopping, *([watcher] if watcher is not None else [])}
        alive = asyncio.create_task(self._notifier.watch(self._prove_alive), name="watchdog")
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if owner in tasks and not owner.done():  # the stream under way ends by itself: the relay sees `stop`
            await asyncio.wait({owner}, timeout=limits.TAP_DRAIN_S + limits.PRINT_FINISH_S)
        tasks.add(alive)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def _prove_alive(self) -> None:
        """This loop turns, and a POS that connects is heard."""
        if self._server is not None and not self._server.is_serving():
            raise InvariantViolation("the tap's port is closed")

    async def _listen(self) -> asyncio.Server:
        settings = self._settings
        try:
            server = await asyncio.start_server(self._accept, settings.host, settings.port, limit=_BUFFERED)
        except OSError as error:
            raise ConfigError([f"cannot listen on {settings.host}:{settings.port}: {error.strerror}"]) from error
        self.port = server.sockets[0].getsockname()[1]
        return server

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pos = TcpPosEnd(reader, writer)
        if self._queue.qsize() >= limits.TAP_WAITING or self._stop.is_set():
            pos.abort()
        else:
            self._queue.put_nowait(pos)

    async def _own_printer(self) -> None:
        """Serve one stream after another: a printer has one POS at a time."""
        while not self._stop.is_set():
            waiting = asyncio.create_task(self._queue.get())
            stopping = asyncio.create_task(self._stop.wait())
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not waiting.done():
                waiting.cancel()
                return
            await self._serve(waiting.result())

    async def _serve(self, pos: PosEnd) -> None:
        serial = isinstance(pos, SerialPosEnd)
        # A serial line has no end: it gives the printer away when others may want it.
        leave_s = limits.TAP_LEAVE_S if serial and self._settings.host else NEVER
        try:
            await self._printer.open()
            self._tell(up=True)
            await self._relay.serve(pos, self._printer, stop=self._stop, leave_s=leave_s)
        except DeviceError as error:
            pos.abort()
            self._tell(up=False, reason=error.message)
            if serial:
                with contextlib.suppress(TimeoutError):  # what the POS sends meanwhile waits in its line
                    async with asyncio.timeout(limits.DEVICE_REOPEN_CAP_S):
                        await self._stop.wait()
        finally:
            self._printer.close()
            if serial:
                self._serial_free.set()

    async def _watch_serial(self, serial: SerialPosEnd) -> None:
        """Queue the serial line whenever its POS has sent something."""
        while True:
            serial.unread(await serial.read())
            self._serial_free.clear()
            self._queue.put_nowait(serial)
            await self._serial_free.wait()

    def _tell(self, *, up: bool, reason: str = "") -> None:
        """Log the edges, not every attempt."""
        if self._printer_up is not up:
            self._printer_up = up
            (logs.get().info if up else logs.get().warning)("tap.printer", up=up, reason=reason)


def _log_job(report: Report) -> None:
    logs.get().info(
        "tap.job", result=report.kind, payable_fen=report.total_fen, bytes=report.inserted_bytes, reason=report.why
    )
