"""What is plugged in: scanners of every kind, serial ports and USB printers, with their stable names.

Reads /sys and the links under /dev only; opens no device and needs no root. Called by agent.cli.devices and its setup.
Which driver serves a device, its kind says; what is wrong with it, drivers.device_faults says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

from drivers.hid_descriptor import scanner_reports

Kind = Literal["serial", "keyboard", "hid_pos", "hid_other", "printer", "usb_printer"]
"""`hid_other` is a scanner in a mode of its maker's own, `usb_printer` a printer that usblp does not hold."""

SCANNER_MAKERS: Final = {
    "1eab": "Newland",
    "0c2e": "Honeywell",
    "0536": "Honeywell (Hand Held)",
    "05e0": "Zebra (Symbol)",
    "05f9": "Datalogic",
    "065a": "Opticon",
}
"""Makers of scanners by USB vendor number (USB ID repository); what they sell is a scanner whatever it calls itself."""
_SOUNDS_LIKE_ONE: Final = re.compile(r"scan|bar ?code|hid.?kbw|imager|qr", re.IGNORECASE)
_TYPING_KEYS: Final = (*range(2, 12), 28)  # the digits and Enter: without them no code can be typed
_USB_BUS: Final = 0x03
_PRINTER_CLASS: Final = "07"
_LINKS: Final = {
    "serial": ("serial/by-id", "serial/by-path"),
    "keyboard": ("input/by-id", "input/by-path"),
    "hid_pos": ("pos-agent/by-id", "pos-agent/by-path"),
    "hid_other": ("pos-agent/by-id", "pos-agent/by-path"),
    "printer": ("pos-agent/by-id", "pos-agent/by-path"),
    "usb_printer": (),
}


@dataclass(frozen=True, slots=True)
class Found:
    """One device. Numbers are four hex digits, empty for a port on the main board."""

    kind: Kind
    node: Path
    vendor_id: str = ""
    product_id: str = ""
    maker: str = ""
    product: str = ""
    serial: str = ""
    place: str = ""
    """Where it is plugged in, as the kernel counts ("1-4.2")."""
    path: Path = Path()
    """The name to configure: by id, by place for twins, the node itself when there is no better one."""
    twin: bool = False
    """Another device says the same of itself, so only the place tells them apart."""

    @property
    def stable(self) -> bool:
        """Whether it is found after a restart too: by its path, its numbers, or because main boards do not change."""
        return self.path != self.node or not self.vendor_id or self.kind == "usb_printer"

    @property
    def is_printer(self) -> bool:
        """Whether this is a receipt printer."""
        return self.kind in ("printer", "usb_printer")

    @property
    def is_scanner(self) -> bool:
        """Whether this is a scanner by its maker, its name or its own report descriptor."""
        named = _SOUNDS_LIKE_ONE.search(f"{self.maker} {self.product}") is not None
        return self.kind == "hid_pos" or self.vendor_id in SCANNER_MAKERS or (named and not self.is_printer)

    @property
    def title(self) -> str:
        """Maker and product for a person."""
        maker = self.maker or SCANNER_MAKERS.get(self.vendor_id, "")
        return " ".join(part for part in (maker, self.product) if part) or "serial port"


def discover(sys: Path = Path("/sys"), dev: Path = Path("/dev")) -> list[Found]:
    """List the devices, scanners first, in an order that stays the same while nothing is plugged."""
    found = [*_ttys(sys, dev), *_keyboards(sys, dev), *_hidraws(sys, dev), *_printers(sys, dev)]
    named = [replace(one, twin=_has_twin(one, found)) for one in found]
    named = [replace(one, path=_stable_path(one, dev)) for one in named]
    return sorted(named, key=lambda one: (one.is_printer, not one.is_scanner, one.kind, str(one.node)))


def _has_twin(one: Found, found: list[Found]) -> bool:
    said = (one.kind, one.vendor_id, one.product_id, one.serial)
    return bool(one.vendor_id) and any(
        (other.kind, other.vendor_id, other.product_id, other.serial) == said and other.place != one.place
        for other in found
    )


def _stable_path(one: Found, dev: Path) -> Path:
    folders = [dev / folder for folder in _LINKS[one.kind]]
    for folder in reversed(folders) if one.twin else folders:
        for link in sorted(folder.iterdir()) if folder.is_dir() else ():
            if link.resolve() == one.node.resolve():
                return link
    return one.node


def _ttys(sys: Path, dev: Path) -> Iterator[Found]:
    for entry in sorted((sys / "class/tty").glob("tty*")):
        if re.fullmatch(r"tty(ACM|USB)\d+", entry.name):
            yield _usb(Found("serial", dev / entry.name), entry)
        elif re.fullmatch(r"ttyS\d+", entry.name) and _text(entry / "type") not in ("", "0"):
            yield Found("serial", dev / entry.name, product=f"RS-232 port {entry.name}")


def _keyboards(sys: Path, dev: Path) -> Iterator[Found]:
    for entry in sorted((sys / "class/input").glob("event*")):
        device = entry / "device"
        keys = _bits(_text(device / "capabilities/key"))
        if _number(device / "id/bustype") == _USB_BUS and all(keys >> key & 1 for key in _TYPING_KEYS):
            yield _usb(Found("keyboard", dev / "input" / entry.name), entry)


def _hidraws(sys: Path, dev: Path) -> Iterator[Found]:
    for entry in sorted((sys / "class/hidraw").glob("hidraw*")):
        try:
            descriptor = (entry / "device/report_descriptor").read_bytes()
        except OSError:
            continue
        one = _usb(Found("hid_other", dev / entry.name), entry)
        if scanner_reports(descriptor):
            yield replace(one, kind="hid_pos")
        elif one.vendor_id in SCANNER_MAKERS and not list((entry / "device").glob("input*")):
            yield one


def _printers(sys: Path, dev: Path) -> Iterator[Found]:
    for entry in sorted((sys / "class/usbmisc").glob("lp*")):
        yield _usb(Found("printer", dev / "usb" / entry.name), entry)
    for interface in sorted((sys / "bus/usb/devices").glob("*:*")):
        if _text(interface / "bInterfaceClass") == _PRINTER_CLASS and not (interface / "usbmisc").is_dir():
            device = interface.resolve().parent
            bus, number = (_text(device / key).zfill(3) for key in ("busnum", "devnum"))
            yield _said(Found("usb_printer", dev / "bus/usb" / bus / number), device)


def _usb(one: Found, entry: Path) -> Found:
    """Fill in what the USB device above a class entry says of itself."""
    for folder in (entry / "device").resolve().parents:
        if (folder / "idVendor").exists():
            return _said(one, folder)
    return one


def _said(one: Found, folder: Path) -> Found:
    return replace(
        one,
        vendor_id=_text(folder / "idVendor"),
        product_id=_text(folder / "idProduct"),
        maker=_text(folder / "manufacturer"),
        product=_text(folder / "product"),
        serial=_text(folder / "serial"),
        place=folder.name,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _number(path: Path) -> int:
    try:
        return int(_text(path), 16)
    except ValueError:
        return 0


def _bits(words: str) -> int:
    """A capability bitmap: words of a machine word each, highest first.

    >>> _bits("1 0000000000000002") == 1 << 64 | 2
    True
    """
    value = 0
    for word in words.split():
        value = value << 64 | int(word, 16)
    return value
