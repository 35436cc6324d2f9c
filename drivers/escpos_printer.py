"""One ESC/POS receipt printer behind the Printer port: encode, ask, send, and say honestly how it ended.

Owns one worker thread; opens the device for each job, so that the same process prints again after a power cycle. Must
never send a job twice, and never call a silent printer fine.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from agent import limits
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.domain.receipt import Document
from agent.ports import Clock, PrinterStatus, PrintVerdict
from agent.worker import Worker
from drivers.escpos_bytes import COMPLETION_QUERY, encode
from drivers.escpos_status import ReplyKind, ReplyReader, status_of, trouble
from drivers.profiles import Profile
from drivers.transports import Transport, ambiguous, unavailable

T = TypeVar("T")
_QUESTION_BYTES = 9  # DLE EOT 1, 2 and 4, three bytes each


class EscposPrinter:
    """Implements agent.ports.Printer."""

    def __init__(
        self,
        name: str,
        profile: Profile,
        transport: Transport,
        clock: Clock,
        *,
        status_s: float = limits.PRINT_STATUS_S,
        completion_s: float = limits.PRINT_COMPLETION_S,
    ) -> None:
        self.name = name
        self._profile = profile
        self._transport = transport
        self._clock = clock
        self._status_s, self._completion_s = status_s, completion_s
        self._worker = Worker(f"printer-{name}")

    async def print(self, document: Document) -> PrintVerdict:
        """Put a document on paper.

        CONFIRMED when the printer answered GS r 1 behind the job, SENT when this profile cannot ask. Raises
        DeviceUnavailable (nothing of the job left: safe to try again) or DeviceAmbiguous (bytes may have left: never
        tried again by itself).
        """
        return await self._worker.call(partial(self._session, partial(self._print, document)))

    async def status(self) -> PrinterStatus:
        """Ask with DLE EOT 1, 2 and 4; not verified where the profile cannot or the printer stays silent (pains 19)."""
        return await self._worker.call(partial(self._session, lambda: self._ask_status()[0]))

    def close(self) -> None:
        """Abandon the device and its thread; a job that hangs in a write is left to its daemon thread."""
        self._worker.close(0)

    def _session(self, work: Callable[[], T]) -> T:
        self._transport.open()
        try:
            return work()
        finally:
            self._transport.close()

    def _print(self, document: Document) -> PrintVerdict:
        job = encode(document, self._profile)
        asked = 0
        if self._profile.status:
            self._check_ready()
            asked = _QUESTION_BYTES
        try:
            self._transport.write(job)
        except DeviceAmbiguous as error:
            detail = error.message.partition(": ")[2]
            if error.bytes_sent <= asked:
                raise unavailable("PRINTER_UNREACHABLE", detail) from error
            raise ambiguous("PRINT_INTERRUPTED", detail, error.bytes_sent - asked) from error
        if self._profile.completion == "none":
            self._transport.finish()
            return PrintVerdict.SENT
        self._await_completion(len(job))  # everything was processed: finish() has nothing left to wait for
        return PrintVerdict.CONFIRMED

    def _check_ready(self) -> None:
        status, offline = self._ask_status()
        if not status.verified:
            raise unavailable("PRINTER_SILENT", f"{self.name} does not answer DLE EOT")
        code = trouble(status, offline)
        if code is not None:
            raise unavailable(code, self.name)

    def _ask_status(self) -> tuple[PrinterStatus, int | None]:
        """Ask what this profile can answer; also gives the raw DLE EOT 2 answer, which tells of faults."""
        if not self._profile.status:
            return PrinterStatus(verified=False), None
        printer = self._ask(1)
        if printer is None:
            return PrinterStatus(verified=False), None
        offline, paper = self._ask(2), self._ask(4)
        return status_of(printer, offline, paper), offline

    def _ask(self, question: int) -> int | None:
        """Send DLE EOT n and wait for a byte with its bit pattern; whatever else arrives is not its answer."""
        reader = ReplyReader()
        while said := self._transport.read(0):
            reader.feed(said)  # said before we asked
        try:
            self._transport.write(b"\x10\x04" + bytes([question]))
        except DeviceAmbiguous as error:  # only questions were sent: nothing of the job
            raise unavailable("PRINTER_SILENT", error.message.partition(": ")[2]) from error
        reply = self._await(reader, ReplyKind.REAL_TIME, self._status_s)
        return reply[0] if reply else None

    def _await_completion(self, job_bytes: int) -> None:
        """Wait for the answer to GS r 1, which comes after everything before it was processed."""
        reader = ReplyReader()
        try:
            while said := self._transport.read(0):
                reader.feed(said)  # an answer before the question belongs to an earlier job
            self._transport.write(COMPLETION_QUERY)
            patience_s = self._completion_s + job_bytes / limits.PRINT_SLOWEST_BYTES_PER_S
            answered = self._await(reader, ReplyKind.GS_R, patience_s)
        except DeviceUnavailable as error:
            raise ambiguous("PRINT_INTERRUPTED", error.message.partition(": ")[2], job_bytes) from error
        if not answered:
            raise ambiguous("PRINT_UNCONFIRMED", f"{self.name} did not answer GS r", job_bytes)

    def _await(self, reader: ReplyReader, kind: ReplyKind, patience_s: float) -> bytes:
        deadline = self._clock.mono_s() + patience_s
        while (left := deadline - self._clock.mono_s()) > 0:
            for reply in reader.feed(self._transport.read(left)):
                if reply.kind is kind:
                    return reply.data
        return b""
