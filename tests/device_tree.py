"""A /sys and a /dev as the kernel makes them, with devices of our choosing; nodes may be real ptys."""

from pathlib import Path

from tests.hid_scanner import DESCRIPTOR

TYPING = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"  # what a USB boot keyboard can press
POWER_BUTTON = "10000000000000 0"


class DeviceTree:
    """Plug devices in; `sys` and `dev` are the two roots."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.dev = folder / "sys", folder / "dev"
        for name in ("class/tty", "class/input", "class/hidraw", "class/usbmisc"):
            (self.sys / name).mkdir(parents=True)
        self.dev.mkdir()

    def usb(self, place: str, ids: str, maker: str = "", product: str = "", serial: str = "") -> Path:
        """A USB device; gives the folder of its first interface."""
        device = self.sys / "devices/pci0000:00/usb1" / place
        interface = device / f"{place}:1.0"
        interface.mkdir(parents=True)
        vendor_id, product_id = ids.split(":")
        said = {"idVendor": vendor_id, "idProduct": product_id, "manufacturer": maker, "product": product}
        for key, text in {**said, "serial": serial}.items():
            if text:
                (device / key).write_text(f"{text}\n")
        return interface

    def tty(self, name: str, interface: Path, node: Path | None = None) -> Path:
        """A serial port of a USB device."""
        return self._entry("tty", name, interface, self.dev / name, node)

    def port(self, name: str, kind: str) -> None:
        """A serial port of the main board; type 0 is one that is not there."""
        entry = self.sys / "class/tty" / name
        entry.mkdir()
        (entry / "type").write_text(f"{kind}\n")
        (self.dev / name).touch()

    def keyboard(self, name: str, interface: Path, node: Path | None = None, *, keys: str = TYPING) -> Path:
        """An input device of a USB device."""
        device = interface / "0003:1EAB:8203.0001/input/input7"
        (device / "capabilities").mkdir(parents=True)
        (device / "id").mkdir()
        (device / "capabilities/key").write_text(keys + "\n")
        (device / "id/bustype").write_text("0003\n")
        return self._entry("input", name, device, self.dev / "input" / name, node)

    def hidraw(self, name: str, interface: Path, descriptor: bytes = DESCRIPTOR) -> Path:
        """A raw HID device of a USB device."""
        device = interface / "0003:0C2E:0B81.0002"
        device.mkdir(parents=True, exist_ok=True)
        (device / "report_descriptor").write_bytes(descriptor)
        return self._entry("hidraw", name, device, self.dev / name, None)

    def printer(self, name: str, interface: Path) -> Path:
        """A USB printer."""
        return self._entry("usbmisc", name, interface, self.dev / "usb" / name, None)

    def raw_printer(self, interface: Path, bus: str, number: str) -> Path:
        """A USB printer that no kernel driver holds."""
        (interface / "bInterfaceClass").write_text("07\n")
        for key, value in (("busnum", bus), ("devnum", number)):
            (interface.parent / key).write_text(f"{value}\n")
        entry = self.sys / "bus/usb/devices" / interface.name
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.symlink_to(interface)
        node = self.dev / "bus/usb" / bus.zfill(3) / number.zfill(3)
        node.parent.mkdir(parents=True, exist_ok=True)
        node.touch()
        return node

    def link(self, name: str, node: Path) -> Path:
        """A stable name, as udev makes it: `serial/by-id/...`."""
        link = self.dev / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(node)
        return link

    def _entry(self, kind: str, name: str, device: Path, node: Path, real: Path | None) -> Path:
        entry = device / kind / name
        entry.mkdir(parents=True)
        (entry / "device").symlink_to(device)
        (self.sys / "class" / kind / name).symlink_to(entry)
        node.parent.mkdir(parents=True, exist_ok=True)
        if real is None:
            node.touch()
        else:
            node.symlink_to(real)
        return node
