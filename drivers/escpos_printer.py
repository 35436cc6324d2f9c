"""One ESC/POS receipt printer behind the Printer port: encode, ask, send, and say honestly how it ended.

Owns one worker thread; opens the device for each job, so that the same process prints again after a power cycle. Must
never send a job twice, and never call a silent printer fine.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from agent.device_ports import PrinterStatus, PrintVerdict
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.domain.receipt import Document
from agent.ports import Clock
from agent.worker import Worker
from drivers.escpos_bytes import encode
from drivers.escpos_pieces import Debt
from drivers.escpos_session import Session
from drivers.glyphs import Draw, code_point_box
from drivers.printer_patience import Patience
from drivers.profiles import Profile
from drivers.transports import Transport

T = TypeVar("T")
_UNKNOWN = PrinterStatus(verified=False)


class EscposPrinter:
    """Implements agent.device_ports.Printer. `draw` makes the characters that the printer's font lacks."""

    def __init__(
        self,
        name: str,
        profile: Profile,
        transport: Transport,
        clock: Clock,
        *,
        draw: Draw = code_point_box,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self.name = name
        self._profile = profile
        self._transport = transport
        self._clock = clock
        self._draw = draw
        self._patience = patience
        self._worker = Worker(f"printer-{name}")
        self._busy = False
        self._heard = _UNKNOWN
        self._debt: Debt | None = None
        self._number = clock.now_ms() % 10_000  # another one than before a restart

    async def print(self, document: Document) -> PrintVerdict:
        """Put a document on paper.

        CONFIRMED when the printer itself said that the job was done, SENT when this profile cannot ask. Raises
        DeviceUnavailable (nothing of the job left: safe to try again) or DeviceAmbiguous (bytes may have left: never
        tried again by itself). A printer that says that its paper ended is waited for.
        """
        self._busy, self._heard = True, _UNKNOWN
        try:
            return await self._worker.call(partial(self._opened, partial(self._print, document)))
        finally:
            self._busy = False

    async def status(self) -> PrinterStatus:
        """Ask with DLE EOT; not verified where the profile cannot or the printer stays silent (pains 19).

        While a job is on its way: what it said last. Raises DeviceUnavailable when it cannot be reached.
        """
        if self._busy:
            return self._heard
        if not self._profile.status and not self._transport.opens_freely:
            return _UNKNOWN
        return await self._worker.call(partial(self._opened, lambda session: session.ask_status()))

    def distrust(self, document: Document) -> None:
        """An earlier process may have broken off in this job: end what it may have begun before anything else."""
        self._debt = Debt.of(encode(document, self._profile, self._draw), answers=1, sent=0)

    def close(self) -> None:
        """Abandon the device and its thread; a job that hangs in a write is left to its daemon thread."""
        self._worker.close(0)

    def _opened(self, work: Callable[[Session], T]) -> T:
        self._transport.open()
        session = Session(self.name, self._transport, self._profile, self._clock, self._patience, self._hear)
        session.number = self._number
        try:
            return work(session)
        finally:
            self._number = session.number
            self._transport.close()

    def _hear(self, status: PrinterStatus) -> None:
        self._heard = status

    def _print(self, document: Document, session: Session) -> PrintVerdict:
        job = encode(document, self._profile, self._draw)
        if self._profile.status:
            session.check_ready()
        self._pay(session)
        try:
            session.send(job)
            return self._ended(session)
        except DeviceAmbiguous as error:
            self._debt = Debt.of(job, answers=session.unanswered, sent=error.bytes_sent)
            raise

    def _pay(self, session: Session) -> None:
        """Before a job: what an earlier one left behind."""
        if self._debt is None:
            return
        try:
            session.back_in_step(self._debt)
        except DeviceUnavailable:
            self._debt = replace(self._debt, answers=session.unanswered)
            raise
        self._debt = None

    def _ended(self, session: Session) -> PrintVerdict:
        if self._profile.completion != "none":
            session.await_done()  # everything was processed: finish() has nothing left to wait for
            return PrintVerdict.CONFIRMED
        if self._profile.status:
            session.hold()
        self._transport.finish()
        return PrintVerdict.SENT
