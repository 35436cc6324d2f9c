"""Printing the probe page and hearing what the printer says to it, or asking it without anything coming out.

Used by `pos-agent devices setup` and `probe`, one conversation an opening. What it finds out goes into drivers.probe's
choice of a profile, so that no person is asked what the printer can say itself.
"""

from dataclasses import dataclass
from typing import Final

from agent.device_ports import PrinterStatus
from agent.domain.errors import DeviceUnavailable
from agent.ports import Clock
from drivers.escpos_session import REPORT_CHANGES, Session
from drivers.escpos_status import Reply, ReplyKind, ReplyReader
from drivers.printer_patience import Patience
from drivers.probe import Completion, Overheard
from drivers.profiles import profile
from drivers.transports import Transport, unavailable

_NUMBER: Final = b"0271"
ANSWERS: Final = REPORT_CHANGES + b"\x1d(H\x06\x0000" + _NUMBER + b"\x1dr\x01" + b"\x1da\x00"
"""Behind a page: report changes (GS a), say that this number is done (GS ( H), answer in order (GS r), report no more.

A clone that lacks GS ( H prints its letters, which is why it stands on a page of samples and nowhere else."""
_NUMBER_DONE: Final = b"\x37\x22" + _NUMBER + b"\x00"
_ASKING: Final = profile("escpos-80")
_DEFAULT: Final = Patience(completion_s=8)  # beyond the page's own length: a person waits for it
_SETTLE_S: Final = 3.0  # GS r may be answered while the paper still moves, GS ( H when it stands


@dataclass(slots=True)
class _Heard:
    in_order: bool = False
    by_number: bool = False
    reports: bool = False

    def take(self, reply: Reply) -> None:
        self.in_order |= reply.kind is ReplyKind.GS_R
        self.by_number |= reply.data == _NUMBER_DONE
        self.reports |= reply.kind is ReplyKind.ASB

    @property
    def completion(self) -> Completion:
        return "gs_h" if self.by_number else "gs_r" if self.in_order else "none"


def print_page(transport: Transport, page: bytes, clock: Clock, *, patience: Patience = _DEFAULT) -> Overheard:
    """Send a page that ends with ANSWERS and hear how the printer takes it; raises DeviceError.

    A printer that says that it cannot print is sent nothing: DeviceUnavailable with the reason's code.
    """
    transport.open()
    try:
        status = _session(transport, clock, patience).ask_status()
        if status.trouble is not None:
            raise unavailable(status.trouble, "the printer says so")
        transport.write(page)
        # One that is silent to DLE EOT hardly answers anything else: a person need not wait long to find out.
        beyond_s = patience.completion_s if status.verified else min(patience.completion_s, _SETTLE_S)
        left_s = len(page) / transport.bytes_per_s + beyond_s
        heard = _listen(transport, clock, left_s)
        if heard.completion == "none":
            transport.finish()
        return Overheard(status.verified, heard.completion, asb=heard.reports and status.verified)
    finally:
        transport.close()


def print_blindly(transport: Transport, page: bytes) -> Overheard:
    """Send a page where nothing comes back (a file, CUPS); raises DeviceError."""
    transport.open()
    try:
        transport.write(page)
        transport.finish()
    finally:
        transport.close()
    return Overheard(False, "none")


def overhear(transport: Transport, clock: Clock, *, patience: Patience | None = None) -> Overheard:
    """Ask the printer what it can answer; nothing comes out of it. Raises DeviceUnavailable when it cannot be opened.

    A printer that answers neither is a write-only one. GS ( H is not asked, for a clone may print it as text: a printer
    that knows it is told apart by print_page.
    """
    waits = patience or Patience(completion_s=2)
    transport.open()
    try:
        session = _session(transport, clock, waits)
        if not session.ask_status().verified:
            return Overheard(status=False, completion="none")
        return Overheard(status=True, completion="gs_r" if session.answers_when_done() else "none")
    finally:
        transport.close()


def _session(transport: Transport, clock: Clock, patience: Patience) -> Session:
    def nobody(_: PrinterStatus) -> None: ...

    return Session("probe", transport, _ASKING, clock, patience, nobody)


def _listen(transport: Transport, clock: Clock, patience_s: float) -> _Heard:
    """What it says within the time; less once it has answered in order and had the time to answer by number too."""
    heard, reader = _Heard(), ReplyReader()
    end_s = clock.mono_s() + patience_s
    while not heard.by_number and (left_s := end_s - clock.mono_s()) > 0:
        before = heard.in_order
        try:
            said = transport.read(left_s)
        except DeviceUnavailable:
            break  # a network printer that closes its side has said everything
        for reply in reader.feed(said):
            heard.take(reply)
        if heard.in_order and not before:
            end_s = min(end_s, clock.mono_s() + _SETTLE_S)
    return heard
