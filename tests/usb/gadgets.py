"""Virtual USB devices made with configfs and plugged into dummy_hcd: what a scanner or printer is to a real kernel."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from agent.system import SystemClock
from drivers.hid_pos import HidPosScanner
from drivers.keyboard import KeyboardScanner
from drivers.qr_scanner import SerialScanner
from drivers.scan_inbox import ScanSettings
from tests import hid_scanner, wedge
from tests.scanner_rigs import Rig

CONFIGFS: Final = Path("/sys/kernel/config/usb_gadget")
BOOT_KEYBOARD: Final = bytes.fromhex(
    "05010906a101050719e029e71500250175019508810295017508810395057501050819012905910295017503910395067508150025650507"
    "190029658100c0"
)
PATIENCE_S: Final = 20.0
_BURST: Final = 16


def wait_for(what: str, holds: Any) -> None:
    """Poll the kernel and udev until something holds; raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)


class Gadget:
    """One USB device with one function. `port` is which of the virtual host's ports it goes into."""

    def __init__(self, name: str, function: str, port: int, ids: tuple[int, int], texts: tuple[str, str, str]) -> None:
        self._folder = CONFIGFS / name
        self._port = f"dummy_udc.{port}"
        self.function = self._folder / "functions" / function
        for folder in (self._folder / "strings" / "0x409", self._folder / "configs" / "c.1", self.function):
            folder.mkdir(parents=True)
        for key, value in (("idVendor", ids[0]), ("idProduct", ids[1]), ("bcdUSB", 0x0200)):
            (self._folder / key).write_text(f"0x{value:04x}")
        for key, text in zip(("manufacturer", "product", "serialnumber"), texts, strict=True):
            if text:
                (self._folder / "strings" / "0x409" / key).write_text(text)

    def set(self, **values: int | bytes | str) -> None:
        """Attributes of the function; before the first plug."""
        for key, value in values.items():
            (self.function / key).write_bytes(value if isinstance(value, bytes) else str(value).encode())

    def finish(self) -> None:
        """Put the function into the configuration."""
        (self._folder / "configs" / "c.1" / self.function.name).symlink_to(self.function)

    def plug(self) -> None:
        """Push the plug in."""
        (self._folder / "UDC").write_text(self._port)

    def unplug(self) -> None:
        """Pull it."""
        (self._folder / "UDC").write_text("\n")

    def remove(self) -> None:
        """Take the device apart."""
        (self._folder / "configs" / "c.1" / self.function.name).unlink()
        for folder in (
            self.function,
            self._folder / "configs" / "c.1",
            self._folder / "strings" / "0x409",
            self._folder,
        ):
            folder.rmdir()


class GadgetRig(Rig):
    """A gadget that is a scanner."""

    gadget: Gadget

    def plug(self) -> None:
        self.gadget.plug()
        wait_for(f"{self.path} comes", self.path.exists)

    def unplug(self) -> None:
        node = self.path.resolve()
        self.gadget.unplug()
        # The link itself, not what it leads to: a link that udev has still to take away would name the next device.
        wait_for(f"{self.path} goes", lambda: not node.exists() and not self.path.is_symlink())

    def close(self) -> None:
        if self.path.exists():
            self.unplug()
        self.gadget.remove()


class GadgetSerial(GadgetRig):
    """A USB-CDC scanner."""

    def __init__(self, port: int, serial: str = "AC0001", *, by_path: bool = False) -> None:
        self.gadget = Gadget(f"acm{port}", f"acm.{port}", port, (0x1EAB, 0x1C06), ("Newland", "NLS-HR22 CDC", serial))
        self.gadget.finish()
        name = f"usb-Newland_NLS-HR22_CDC_{serial}-if00" if serial else "usb-Newland_NLS-HR22_CDC-if00"
        self.path = Path("/dev/serial/by-id") / name
        if by_path:
            self.path = Path(f"/dev/serial/by-path/platform-dummy_hcd.{port}-usb-0:1:1.0")
        self._number = (self.gadget.function / "port_num").read_text().strip()
        self.plug()

    def _send(self, data: bytes) -> None:
        port = os.open(f"/dev/ttyGS{self._number}", os.O_RDWR | os.O_NOCTTY)
        try:
            os.set_blocking(port, True)
            _raw(port)
            os.write(port, data)
        finally:
            os.close(port)  # waits until the host took it

    def scan(self, text: str) -> None:
        self._send(text.encode() + b"\r\n")

    def half(self, text: str) -> None:
        self._send(text.encode())

    def driver(self, **settings: Any) -> SerialScanner:
        return SerialScanner("scanner", str(self.path), clock=SystemClock(), settings=ScanSettings(**settings))


def _raw(port: int) -> None:
    import tty

    tty.setraw(port)


class HidRig(GadgetRig):
    """A gadget that sends HID reports."""

    def _hid(self, number: int, size: int, protocol: int, descriptor: bytes) -> None:
        self.gadget.set(protocol=protocol, subclass=protocol, report_length=size, report_desc=descriptor)
        self.gadget.finish()
        major_minor = (self.gadget.function / "dev").read_text().strip()
        self._node = Path(f"/dev/hidg{major_minor.split(':')[1]}")
        self.plug()

    def _send(self, reports: list[bytes]) -> None:
        node = os.open(self._node, os.O_WRONLY)
        try:
            for report in reports:
                os.write(node, report)
        finally:
            os.close(node)


class GadgetKeyboard(HidRig):
    """A scanner that types."""

    exclusive = "held by"

    def __init__(self, port: int) -> None:
        ids, texts = (0x1EAB, 0x8203), ("Newland", "NLS-HR22 HIDKBW", "KB0001")
        self.gadget = Gadget(f"kbd{port}", f"hid.{port}", port, ids, texts)
        self.path = Path("/dev/input/by-id/usb-Newland_NLS-HR22_HIDKBW_KB0001-event-kbd")
        self._hid(port, 8, 1, BOOT_KEYBOARD)

    def press(self, done: list[wedge.Stroke]) -> None:
        """Send strokes as boot keyboard reports, never more at once than the kernel keeps for a reader (64 events).

        A guest whose reader's processor is taken away for 40 ms loses keys as no machine of a shop does.
        """
        reports = wedge.boot_reports(done)
        for at in range(0, len(reports), _BURST):
            self._send(reports[at : at + _BURST])
            time.sleep(0.03)

    def scan(self, text: str) -> None:
        self.press(wedge.strokes(text + "\r"))

    def half(self, text: str) -> None:
        self.press(wedge.strokes(text))

    def driver(self, **settings: Any) -> KeyboardScanner:
        # In a virtual machine without KVM two keys may be half a second apart; a scanner's are some milliseconds.
        chosen = replace(ScanSettings(idle_gap_ms=2000), **settings)
        return KeyboardScanner("scanner", str(self.path), clock=SystemClock(), settings=chosen)


class GadgetHidPos(HidRig):
    """An HID-POS scanner."""

    def __init__(self, port: int) -> None:
        ids, texts = (0x0C2E, 0x0B81), ("Honeywell", "HID-POS scanner", "HP0001")
        self.gadget = Gadget(f"hidpos{port}", f"hid.{port}", port, ids, texts)
        self.path = Path("/dev/pos-agent/by-id/usb-Honeywell_HID-POS_scanner_HP0001-if00-hidraw")
        self._hid(port, hid_scanner.SIZE, 0, hid_scanner.DESCRIPTOR)

    def scan(self, text: str) -> None:
        aim, code = (text[:3], text[3:]) if text.startswith("]") else ("", text)
        self._send(hid_scanner.reports(code, aim))

    def half(self, text: str) -> None:
        self._send(hid_scanner.reports(text.ljust(57, "0"))[:1])

    def driver(self, **settings: Any) -> HidPosScanner:
        return HidPosScanner("scanner", str(self.path), clock=SystemClock(), settings=ScanSettings(**settings))


class GadgetPrinter:
    """A USB receipt printer: what the host writes to /dev/usb/lp0 is read here."""

    def __init__(self, port: int) -> None:
        self.gadget = Gadget(f"prn{port}", "printer.0", port, (0x0483, 0x5743), ("Xprinter", "XP-58", "PR0001"))
        self.gadget.set(pnp_string="MFG:Xprinter;MDL:XP-58;CMD:ESC/POS;CLS:PRINTER;")
        self.gadget.finish()
        self.path = Path("/dev/pos-agent/by-id/usb-Xprinter_XP-58_PR0001-if00-lp")
        self.gadget.plug()
        wait_for("printer", self.path.exists)

    def read(self, size: int) -> bytes:
        """What was printed."""
        node = os.open("/dev/g_printer0", os.O_RDWR)
        try:
            return os.read(node, size)
        finally:
            os.close(node)

    def close(self) -> None:
        self.gadget.unplug()
        wait_for("printer gone", lambda: not self.path.exists())
        self.gadget.remove()
