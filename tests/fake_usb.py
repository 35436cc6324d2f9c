"""A pyusb backend (usb.backend.IBackend) with printers that are not there: descriptors, kernel driver, bulk pipes."""

from types import SimpleNamespace
from typing import Any

import usb.backend
import usb.core


class FakePrinter:
    """One USB printer: what was written, what it has to say, and who holds it."""

    def __init__(
        self, vendor: int = 0x0483, product: int = 0x5743, serial: str = "", *, interface_class: int = 7
    ) -> None:
        self.vendor, self.product, self.serial, self.interface_class = vendor, product, serial, interface_class
        self.paper = bytearray()
        self.said = bytearray()
        self.kernel_driver = True
        self.kernel_driver_by_us = 0
        self.claimed = False
        self.resets = 0
        self.room: int | None = None
        """Bytes it still takes; None for any number."""
        self.busy = False
        self.unplugged_after: int | None = None


class FakeUsb(usb.backend.IBackend):  # type: ignore[misc]
    """The machine's USB: a list of printers."""

    def __init__(self, *printers: FakePrinter) -> None:
        super().__init__()
        self.printers = list(printers)

    def enumerate_devices(self) -> Any:
        return iter(self.printers)

    def get_device_descriptor(self, dev: FakePrinter) -> Any:
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x0200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=dev.vendor, idProduct=dev.product, bcdDevice=0x0100, iManufacturer=0,
            iProduct=0, iSerialNumber=3 if dev.serial else 0, bNumConfigurations=1, address=1, bus=1,
            port_number=1, port_numbers=(1,), speed=3,
        )  # fmt: skip

    def get_configuration_descriptor(self, dev: FakePrinter, config: int) -> Any:
        if config:
            raise IndexError(config)
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=32, bNumInterfaces=1, bConfigurationValue=1,
            iConfiguration=0, bmAttributes=0xC0, bMaxPower=1, extra_descriptors=b"",
        )  # fmt: skip

    def get_interface_descriptor(self, dev: FakePrinter, intf: int, alt: int, config: int) -> Any:
        if intf or alt:
            raise IndexError(intf)
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=2,
            bInterfaceClass=dev.interface_class, bInterfaceSubClass=1, bInterfaceProtocol=2, iInterface=0,
            extra_descriptors=b"",
        )  # fmt: skip

    def get_endpoint_descriptor(self, dev: FakePrinter, ep: int, intf: int, alt: int, config: int) -> Any:
        address = (0x82, 0x03)[ep]  # in before out, and not where python-escpos looks (facts/devices.md)
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=address, bmAttributes=2, wMaxPacketSize=64, bInterval=0,
            bRefresh=0, bSynchAddress=0, extra_descriptors=b"",
        )  # fmt: skip

    def open_device(self, dev: FakePrinter) -> FakePrinter:
        return dev

    def close_device(self, dev_handle: FakePrinter) -> None:
        dev_handle.claimed = False

    def get_configuration(self, dev_handle: FakePrinter) -> int:
        return 1

    def ctrl_transfer(
        self, dev: FakePrinter, kind: int, request: int, value: int, index: int, data: Any, timeout: int
    ) -> int:
        """GET_DESCRIPTOR of a string: 0 the languages, 3 the serial number."""
        text = b"\x09\x04" if value & 0xFF == 0 else dev.serial.encode("utf-16-le")
        answer = bytes((len(text) + 2, 3)) + text
        data[: len(answer)] = type(data)("B", answer) if hasattr(data, "typecode") else answer
        return len(answer)

    def is_kernel_driver_active(self, dev_handle: FakePrinter, intf: int) -> bool:
        return dev_handle.kernel_driver

    def detach_kernel_driver(self, dev_handle: FakePrinter, intf: int) -> None:
        dev_handle.kernel_driver = False
        dev_handle.kernel_driver_by_us += 1

    def attach_kernel_driver(self, dev_handle: FakePrinter, intf: int) -> None:
        assert not dev_handle.claimed, "the kernel cannot take what we still hold"
        dev_handle.kernel_driver = True

    def claim_interface(self, dev_handle: FakePrinter, intf: int) -> None:
        if dev_handle.busy:
            raise usb.core.USBError("Resource busy", -6, 16)
        assert not dev_handle.kernel_driver
        dev_handle.claimed = True

    def release_interface(self, dev_handle: FakePrinter, intf: int) -> None:
        dev_handle.claimed = False

    def reset_device(self, dev_handle: FakePrinter) -> None:
        dev_handle.resets += 1

    def bulk_write(self, dev: FakePrinter, ep: int, intf: int, data: Any, timeout: int) -> int:
        assert ep == 0x03
        assert dev.claimed
        assert timeout > 0, "libusb takes 0 for ever"
        if dev.unplugged_after is not None and len(dev.paper) >= dev.unplugged_after:
            raise usb.core.USBError("No such device (it may have been disconnected)", -4, 19)
        size = len(data) if dev.room is None else min(len(data), dev.room)
        if size == 0:
            raise usb.core.USBTimeoutError("Operation timed out", -7, 110)
        if dev.room is not None:
            dev.room -= size
        dev.paper += bytes(data[:size])
        return size

    def bulk_read(self, dev: FakePrinter, ep: int, intf: int, buff: Any, timeout: int) -> int:
        assert ep == 0x82
        assert timeout > 0
        if not dev.said:
            raise usb.core.USBTimeoutError("Operation timed out", -7, 110)
        size = min(len(buff), len(dev.said))
        buff[:size] = type(buff)("B", bytes(dev.said[:size]))
        del dev.said[:size]
        return size
