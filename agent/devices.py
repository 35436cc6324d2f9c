"""Which driver a configured device gets. Part of the composition root; knows configuration and drivers only."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.config_printer import PrinterSection
from agent.config_scanner import PassthroughSection, ScannerSection
from agent.device_ports import Printer
from agent.domain.scan import CodeKind, Scan
from agent.ports import Clock
from agent.worker import Worker
from drivers.framing import Ending
from drivers.hid_pos import HidPosScanner
from drivers.key_decoder import AltCodes
from drivers.keyboard import KeyboardScanner
from drivers.passthrough import ENDINGS, OnEdge, Passthrough
from drivers.qr_scanner import SerialScanner
from drivers.scan_inbox import ScanSettings
from drivers.serial_line import Line
from drivers.speed import Setting


@dataclass(frozen=True, slots=True)
class Outside:
    """What the agent reaches outside its own objects: threads, HQ's network, paper. A simulation brings its own."""

    make_worker: Callable[[str], Worker] = Worker
    hq_transport: httpx.AsyncBaseTransport | None = None
    make_printer: "Callable[[PrinterSection, Clock], Printer] | None" = None
    boot_id: str = ""
    """Names the stretch of time in which the clock's monotonic side does not begin anew; empty: the machine's own."""


def make_scanner(section: ScannerSection, clock: Clock) -> SerialScanner | KeyboardScanner | HidPosScanner:
    """A scanner as configured; opened later, by its supervisor."""
    settings = ScanSettings(
        prefix=section.prefix.encode(),
        ending=Ending(section.ending),
        idle_gap_ms=section.gap_ms,
        duplicate_window_ms=section.duplicate_window_ms,
    )
    match section.kind:
        case "serial":
            setting = None if section.baud == "auto" else Setting(section.baud, Line(section.line))
            return SerialScanner(section.name, section.path, clock=clock, setting=setting, settings=settings)
        case "keyboard":
            codes = AltCodes(section.alt_codes)
            return KeyboardScanner(section.name, section.path, clock=clock, settings=settings, alt_codes=codes)
        case "hid_pos":
            return HidPosScanner(section.name, section.path, clock=clock, settings=settings)


def make_passthrough(section: PassthroughSection, on_edge: OnEdge) -> Passthrough | None:
    """The virtual serial port as configured, not made yet; None without one."""
    if not section.path:
        return None
    return Passthrough(Path(section.path), ENDINGS[section.ending], group=section.group, on_edge=on_edge)


def passes(section: PassthroughSection, scan: Scan) -> bool:
    """Whether the POS gets this code on its port: what may be an article, and payment codes where it asks for them."""
    return scan.kind is CodeKind.ITEM or (section.payment_codes and scan.kind.is_payment)
