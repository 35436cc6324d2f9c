"""Which printers `pos-agent devices setup` can offer: USB, serial ports without a scanner, queues of CUPS, an address.

Opens no device; CUPS is asked on this machine only.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent.config import Settings
from agent.config_printer import PrinterSection
from agent.config_write import Value
from drivers.cups_queues import queues
from drivers.discovery import Found

CUPS_SOCKET: Final = Path("/run/cups/cups.sock")
RAW_PORT: Final = 9100
_LABEL: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_WHERE: Final = ("path", "usb", "host", "port", "queue")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A printer that may be meant. `way` is kind and place as [[printer]] says them."""

    title: str
    way: Mapping[str, Value]

    @property
    def kind(self) -> str:
        """The kind of [[printer]]."""
        return str(self.way["kind"])

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return ":".join(str(self.way[key]) for key in _WHERE if key in self.way)


def candidates(found: Sequence[Found], settings: Settings, cups: str = "") -> list[Candidate]:
    """What is plugged in and what CUPS has, the surest first; a port on which a scanner is configured is left out.

    `cups` is its socket or address; empty: the usual socket where there is one.
    """
    scanners = {Path(part.path).resolve() for part in settings.scanner}
    listed = [one for one in map(_plugged_in, found) if one is not None]
    listed = [one for one in listed if Path(str(one.way.get("path", ""))).resolve() not in scanners]
    server = cups or (str(CUPS_SOCKET) if CUPS_SOCKET.exists() else "")
    for queue in queues(server) if server else []:
        way: dict[str, Value] = {"kind": "cups", "queue": queue.name}
        if server != str(CUPS_SOCKET):
            way |= {"server": server}
        listed.append(Candidate(queue.device, way))
    return listed


def _plugged_in(one: Found) -> Candidate | None:
    if one.kind == "printer":
        return Candidate(one.title, {"kind": "chardev", "path": str(one.path)})
    if one.kind == "usb_printer":
        tail = f":{one.serial}" if one.serial else ""
        return Candidate(one.title, {"kind": "usb", "usb": f"{one.vendor_id}:{one.product_id}{tail}"})
    if one.kind == "serial" and not one.is_scanner:
        return Candidate(one.title, {"kind": "serial", "path": str(one.path)})
    return None


def at_address(text: str) -> Candidate | None:
    """A network printer by its address, with or without a port; None when that is no address.

    >>> at_address("192.168.1.87:9101").way["port"], at_address("[fe80::1]").way["host"], at_address("7")
    (9101, 'fe80::1', None)
    """
    host, port = text, ""
    bracketed = re.fullmatch(r"\[([^\]]+)\](?::(\d{1,5}))?", text)
    if bracketed:
        host, port = bracketed[1], bracketed[2] or ""
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 1 << 16):
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # A single word is rather a slip of the hand than the name of a printer, unless a port follows.
        if not _HOST.fullmatch(host) or re.fullmatch(r"[\d.]+", host) or not (port or "." in host):
            return None
    way: dict[str, Value] = {"kind": "tcp", "host": host}
    if port and int(port) != RAW_PORT:
        way |= {"port": int(port)}
    return Candidate(host, way)


def same_place(section: PrinterSection, one: Candidate) -> bool:
    """Whether a configured printer is this one."""
    if section.kind != one.kind:
        return False
    match one.kind:
        case "chardev" | "serial":
            return Path(section.path).resolve() == Path(str(one.way["path"])).resolve()
        case "usb":
            return section.usb.lower() == str(one.way["usb"]).lower()
        case "tcp":
            return (section.host, section.port) == (one.way["host"], one.way.get("port", RAW_PORT))
        case _:
            return section.queue == one.way["queue"]


def free_name(settings: Settings, one: Candidate) -> str:
    """The name the printer has already, that of one which is not there any more, or the first that is free."""
    for section in settings.printer:
        if same_place(section, one):
            return section.name
    for section in settings.printer:
        if section.kind in ("chardev", "serial") and not Path(section.path).exists():
            return section.name
    taken = {section.name for section in settings.printer}
    return next(name for name in ("receipt", *(f"receipt-{number}" for number in range(2, 99))) if name not in taken)
