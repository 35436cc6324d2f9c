"""One conversation with an open printer: ask, listen, bring it back into step, hand over a job, hear that it is done.

Used by drivers.escpos_printer inside that printer's thread, one session per opening. Each reply is told apart by its
bits and by what was asked (drivers.escpos_status). Must never ask in the middle of a command: a question would land
in the picture or the QR code that is being sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agent import limits
from agent.device_ports import PrinterStatus
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.ports import Clock
from drivers.escpos_pieces import Debt, pieces
from drivers.escpos_status import Reply, ReplyKind, ReplyReader, status_of, status_of_asb
from drivers.printer_patience import Patience
from drivers.profiles import Profile
from drivers.transports import Transport, ambiguous, unavailable

REPORT_CHANGES: Final = b"\x1da\x0e"  # GS a: on-line, faults, paper
_LOOK_S: Final = 1.0  # between two looks at a printer that holds a job
_SETTLE_S: Final = 3.0  # between two answers of a printer that feeds and cuts meanwhile
_INITIALISE: Final = b"\x1b@"
_SLOWEST: Final = limits.PRINT_SLOWEST_BYTES_PER_S


@dataclass(slots=True)
class Session:
    """The talk between open() and close() of a transport."""

    name: str
    transport: Transport
    profile: Profile
    clock: Clock
    patience: Patience
    heard: Callable[[PrinterStatus], None]
    """Told whatever the printer says of itself, as it says it."""
    number: int = 0
    """Of the last question behind a job; counts on from session to session."""
    _reader: ReplyReader = field(default_factory=ReplyReader)
    _inbox: list[Reply] = field(default_factory=list)
    _status: PrinterStatus | None = None
    _mute: bool = False
    """A question stayed unanswered: its answer may come late, and would be taken for that of the next one."""
    _job_bytes: int = 0
    _other_bytes: int = 0
    """Questions and fill, which are no part of the job."""
    _line_bytes: int = 0
    """Written since it last answered: a slow line still carries them when we ask."""
    _stalled_s: float | None = None
    unanswered: int = 0
    """Completion questions without an answer."""

    # --- asking -----------------------------------------------------------------------------------------------------
    def ask_status(self) -> PrinterStatus:
        """Ask DLE EOT 1, 4 and 2, one at a time; what was not answered is not claimed (pains 19)."""
        if not self.profile.status:
            return self._tell(PrinterStatus(verified=False))
        printer = self._ask(1)
        paper = self._ask(4) if printer is not None else None
        offline = self._ask(2) if paper is not None else None
        return self._tell(status_of(printer, offline, paper))

    def check_ready(self) -> None:
        """Raise DeviceUnavailable when the printer is silent or says that it cannot print."""
        status = self.ask_status()
        if not status.verified:
            raise unavailable("PRINTER_SILENT", f"{self.name} does not answer DLE EOT")
        code = status.trouble
        if code is not None:
            raise unavailable(code, self.name)

    def _ask(self, question: int) -> int | None:
        if self._mute:
            return None
        self._forget(ReplyKind.REAL_TIME)
        self._write(b"\x10\x04" + bytes([question]))
        patience_s = self.patience.status_s + self._line_bytes / _SLOWEST
        reply = self._await(lambda said: said.kind is ReplyKind.REAL_TIME, patience_s)
        self._mute = reply is None
        return reply.data[0] if reply is not None else None

    # --- a job ------------------------------------------------------------------------------------------------------
    def back_in_step(self, debt: Debt) -> None:
        """End whatever command an earlier job broke off in, so that it does not eat the next one (facts, e).

        NULs complete the command, ESC @ clears, and half a receipt is cut from the next (pains 21). A printer that
        answers is believed only when it does; raises DeviceUnavailable when it stays silent.
        """
        cut = b"\n\x1dVB\x00" if self.profile.cutter else b"\n\x1bd\x04"
        self._write(bytes(debt.fill_bytes) + _INITIALISE + (cut if debt.cut else b""))
        self.unanswered = debt.answers
        if self.profile.completion == "none":
            return
        wanted = debt.answers + 1
        question, is_answer = self._completion()
        self._write(question)
        self.unanswered = wanted
        line_s = self._line_bytes / self.transport.bytes_per_s
        left_s = self.patience.completion_s + line_s
        # Earlier answers may come first, or never, when the printer was switched off: then silence says so.
        while self.unanswered and self._await(is_answer, left_s) is not None:
            self.unanswered = 0 if self.profile.completion == "gs_h" else self.unanswered - 1
            left_s = min(self.patience.completion_s, _SETTLE_S) + line_s
        if self.unanswered == wanted:
            raise unavailable("PRINTER_STUCK", f"{self.name} does not come back after a broken-off job")
        self.unanswered = 0

    def send(self, job: bytes) -> None:
        """Hand over a job, in pieces that the printer's memory holds and that end where a command ends.

        The next piece goes when the last one is done, so that a printer whose paper ends can still be asked.

        Raises DeviceUnavailable while nothing of it left, DeviceAmbiguous after.
        """
        if self.profile.asb:  # ORDER: behind ESC @, which ends the reports
            begin = len(_INITIALISE) if job.startswith(_INITIALISE) else 0
            job = job[:begin] + REPORT_CHANGES + job[begin:]
        self.transport.on_stall = self._worth_waiting
        try:
            for piece in pieces(job, self.profile.buffer_bytes):
                if self._job_bytes:
                    self._between()
                self._job_bytes += self.transport.write(piece)
                self._line_bytes += len(piece)
        except DeviceAmbiguous as error:
            sent = self._job_bytes or error.bytes_sent - self._other_bytes
            if sent <= 0:
                raise unavailable("PRINTER_UNREACHABLE", _detail(error)) from error
            raise ambiguous("PRINT_INTERRUPTED", _detail(error), sent) from error
        except DeviceUnavailable as error:
            if not self._job_bytes:
                raise
            raise ambiguous("PRINT_INTERRUPTED", _detail(error), self._job_bytes) from error
        finally:
            self.transport.on_stall = None

    def await_done(self) -> None:
        """Ask to be told when everything before was processed, and wait; raises DeviceAmbiguous.

        While the printer says that it lacks paper or is open, it is waited for: the job lies in its memory.
        """
        question, is_answer = self._completion()
        patience_s = self.patience.completion_s + self._line_bytes / _SLOWEST
        code: str | None = None
        try:
            self._forget(ReplyKind.GS_R)
            self.unanswered += 1
            self._write(question)
            now_s = self.clock.mono_s()
            deadline_s, last_s = now_s + patience_s, now_s + self.patience.hold_s
            while (left_s := min(deadline_s, last_s) - self.clock.mono_s()) > 0:
                if self._await(is_answer, min(left_s, _LOOK_S)) is not None:
                    self.unanswered = 0
                    return
                code = self._ill()
                if code is not None:
                    deadline_s = self.clock.mono_s() + patience_s
        except (DeviceAmbiguous, DeviceUnavailable) as error:
            raise ambiguous("PRINT_INTERRUPTED", _detail(error), self._job_bytes) from error
        if code is not None:
            raise ambiguous("PRINT_INTERRUPTED", f"{code} for {self.patience.hold_s:g} s", self._job_bytes)
        raise ambiguous("PRINT_UNCONFIRMED", f"{self.name} did not say that it was done", self._job_bytes)

    def answers_when_done(self) -> bool:
        """Ask with nothing before it whether this printer answers the question behind a job."""
        question, is_answer = self._completion()
        self._forget(ReplyKind.GS_R)
        self._write(question)
        return self._await(is_answer, self.patience.completion_s) is not None

    def _completion(self) -> tuple[bytes, Callable[[Reply], bool]]:
        """The question behind a job, and how to know its answer."""
        self.number += 1
        if self.profile.completion == "gs_h":
            name = f"{self.number % 10_000:04d}".encode()
            return b"\x1d(H\x06\x0000" + name, lambda said: said.data == b"\x37\x22" + name + b"\x00"
        return b"\x1dr\x01", lambda said: said.kind is ReplyKind.GS_R

    def _between(self) -> None:
        if self.profile.completion != "none":
            self.await_done()
        elif self.profile.status:
            self.hold()

    def hold(self) -> None:
        """Where a command has ended: wait while the printer says that it cannot print; raises DeviceAmbiguous."""
        last_s = self.clock.mono_s() + self.patience.hold_s
        try:
            while (code := self._ill()) is not None:
                if self.clock.mono_s() >= last_s:
                    raise ambiguous("PRINT_INTERRUPTED", f"{code} for {self.patience.hold_s:g} s", self._job_bytes)
                self._listen(_LOOK_S)
        except DeviceUnavailable as error:
            raise ambiguous("PRINT_INTERRUPTED", _detail(error), self._job_bytes) from error

    def _ill(self) -> str | None:
        """What keeps it from printing, as it says now; None also where it says nothing."""
        self._listen(0)
        known = self._status is not None and self._status.trouble is not None
        if self._mute or not self.profile.status or (self.profile.asb and not known):
            return None
        if not known and (answer := self._ask(1)) is not None and not answer & 0x08:
            return None
        return self.ask_status().trouble

    def _worth_waiting(self) -> bool:
        """Asked when the printer takes no more bytes; no question is possible, but it may have said why by itself."""
        now_s = self.clock.mono_s()
        self._stalled_s = now_s if self._stalled_s is None else self._stalled_s
        try:
            self._listen(0)
        except DeviceUnavailable:
            return False
        ill = self.profile.asb and self._status is not None and self._status.trouble is not None
        return ill and now_s - self._stalled_s < self.patience.hold_s

    # --- listening --------------------------------------------------------------------------------------------------
    def _await(self, wanted: Callable[[Reply], bool], patience_s: float) -> Reply | None:
        deadline_s = self.clock.mono_s() + patience_s
        while True:
            found = next((reply for reply in self._inbox if wanted(reply)), None)
            if found is not None:
                self._inbox.remove(found)
                self._line_bytes = 0
                return found
            left_s = deadline_s - self.clock.mono_s()
            if left_s <= 0:
                return None
            self._listen(left_s)

    def _listen(self, timeout_s: float) -> None:
        """Take in what has arrived, or arrives first within the time."""
        for reply in self._reader.feed(self.transport.read(timeout_s)):
            if reply.kind is ReplyKind.ASB:
                self._tell(status_of_asb(reply.data))
            elif reply.kind is not ReplyKind.NOISE:
                self._inbox.append(reply)

    def _forget(self, kind: ReplyKind) -> None:
        """What came before a question is not its answer."""
        self._listen(0)
        self._inbox = [reply for reply in self._inbox if reply.kind is not kind]

    def _tell(self, status: PrinterStatus) -> PrinterStatus:
        self._status = status
        self.heard(status)
        return status

    def _write(self, data: bytes) -> None:
        """Send what is no part of the job; a failure before the job began means that nothing of it left."""
        try:
            self.transport.write(data)
        except DeviceAmbiguous as error:
            if self._job_bytes:
                raise ambiguous("PRINT_INTERRUPTED", _detail(error), self._job_bytes + self._other_bytes) from error
            raise unavailable("PRINTER_SILENT", _detail(error)) from error
        self._other_bytes += len(data)
        self._line_bytes += len(data)


def _detail(error: Exception) -> str:
    return str(error).partition(": ")[2]
