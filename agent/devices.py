"""Which driver a configured device gets. Part of the composition root; knows configuration and drivers only."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.config import PrinterSection, ScannerSection
from agent.domain.errors import ConfigError
from agent.ports import Clock, Printer
from agent.worker import Worker
from drivers.escpos_printer import EscposPrinter
from drivers.file_printer import FileTransport
from drivers.framing import Ending
from drivers.profiles import Profile, profile
from drivers.qr_scanner import SerialScanner
from drivers.serial_printer import SerialTransport
from drivers.tcp_printer import TcpTransport
from drivers.transports import CharDevice, Transport


@dataclass(frozen=True, slots=True)
class Outside:
    """What the agent reaches outside its own objects: threads, HQ's network, paper. A simulation brings its own."""

    make_worker: Callable[[str], Worker] = Worker
    hq_transport: httpx.AsyncBaseTransport | None = None
    make_printer: "Callable[[PrinterSection, Clock], Printer] | None" = None
    boot_id: str = ""
    """Names the stretch of time in which the clock's monotonic side does not begin anew; empty: the machine's own."""


def make_scanner(section: ScannerSection, clock: Clock) -> SerialScanner:
    """A serial scanner as configured; opened later, by its supervisor."""
    return SerialScanner(
        section.name,
        section.path,
        clock=clock,
        baud=section.baud,
        prefix=section.prefix.encode(),
        ending=Ending(section.ending),
        idle_gap_ms=section.idle_gap_ms,
        duplicate_window_ms=section.duplicate_window_ms,
    )


def make_printer(section: PrinterSection, clock: Clock) -> EscposPrinter:
    """A printer as configured; opened for each job. Raises ConfigError for an unknown profile."""
    try:
        chosen = profile(section.profile)
    except (KeyError, ValueError) as error:
        raise ConfigError([f"printer {section.name}: {error.args[0] if error.args else error}"]) from error
    return EscposPrinter(section.name, chosen, _transport(section, chosen), clock)


def _transport(section: PrinterSection, chosen: Profile) -> Transport:
    match section.kind:
        case "chardev":
            return CharDevice(section.path, readable=chosen.status)
        case "serial":
            return SerialTransport(section.path, section.baud)
        case "tcp":
            return TcpTransport(section.host, section.port)
        case "file":
            return FileTransport(Path(section.path))
