"""The way to a USB printer through libusb, for machines where usblp is absent or another program needs it gone.

Chosen by `vendor:product[:serial]`; /dev/usb/lp0 (drivers.transports.CharDevice) is the better way where it exists. The
kernel's driver is put aside while we hold the printer and given back after each job. Must never reset the device: then
/dev/usb/lp0 vanishes and does not come back (facts/devices.md).
"""

import contextlib
import errno
from dataclasses import dataclass
from typing import Any, Final

from agent import limits
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from drivers.transports import CHUNK, CODES, FAST_BYTES_PER_S, OnStall, ambiguous, unavailable

_PRINTER_CLASS: Final = 7
_SHORTEST_MS: Final = 1  # libusb takes 0 for "wait for ever"


@dataclass(frozen=True, slots=True)
class UsbName:
    """Which printer: ids as lsusb shows them, and a serial number where two of one make are plugged in."""

    vendor: int
    product: int
    serial: str = ""

    @classmethod
    def parse(cls, text: str) -> "UsbName":
        """Read `04b8:0202` or `04b8:0202:SERIAL`; raises ValueError.

        >>> UsbName.parse("04b8:0202:A1")
        UsbName(vendor=1208, product=514, serial='A1')
        """
        vendor, _, rest = text.partition(":")
        product, _, serial = rest.partition(":")
        if len(vendor) != 4 or len(product) != 4:
            raise ValueError(f"{text!r} is not vendor:product[:serial] as lsusb shows them, such as 04b8:0202")
        return cls(int(vendor, 16), int(product, 16), serial)

    def __str__(self) -> str:
        tail = f":{self.serial}" if self.serial else ""
        return f"{self.vendor:04x}:{self.product:04x}{tail}"


class UsbTransport:
    """See Transport. `backend` is pyusb's (usb.backend.IBackend); None takes libusb 1.0."""

    opens_freely = False  # taking it away from usblp each second would disturb whoever uses that
    bytes_per_s = FAST_BYTES_PER_S

    def __init__(
        self, name: UsbName, *, backend: Any = None, byte_timeout_s: float = limits.PRINT_BYTE_TIMEOUT_S
    ) -> None:
        self.on_stall: OnStall | None = None
        self._name = name
        self._backend = backend
        self._byte_timeout_s = byte_timeout_s
        self._device: Any = None
        self._interface = -1
        self._out: Any = None
        self._in: Any = None
        self._detached = False
        self._sent = 0

    def open(self) -> None:
        """See Transport."""
        import usb.core

        try:
            self._device = self._found()
            self._take()
        except usb.core.NoBackendError as error:
            raise unavailable("PRINTER_UNREACHABLE", "libusb is missing: apt install libusb-1.0-0") from error
        except usb.core.USBError as error:
            self.close()
            code = CODES.get(error.errno or 0, "PRINTER_UNREACHABLE")
            raise unavailable(code, f"{self._name}: {error}") from error
        self._sent = 0
        stray = 0
        while said := self.read(0):
            stray += len(said)
            if stray > limits.PRINT_STRAY_BYTES:
                self.close()
                raise unavailable("PRINTER_NOT_A_PRINTER", f"{self._name} talks without end")

    def write(self, data: bytes) -> int:
        """See Transport. A transfer that ends otherwise than by time-out is never called "nothing left us"."""
        import usb.core

        done = 0
        while done < len(data):
            try:
                taken = self._out.write(data[done : done + CHUNK], timeout=int(self._byte_timeout_s * 1000))
            except usb.core.USBTimeoutError:
                taken = 0
            except usb.core.USBError as error:
                # pyusb counts what went over only when the time is up: of this transfer at least a byte may have.
                self._sent += 1
                raise self._broken(str(error)) from error
            if not taken and not (self.on_stall is not None and self.on_stall()):
                raise self._broken(f"took no byte for {self._byte_timeout_s:g} s")
            done += taken
            self._sent += taken
        return done

    def read(self, timeout_s: float) -> bytes:
        """See Transport."""
        import usb.core

        if self._in is None:
            return b""
        try:
            return bytes(self._in.read(CHUNK, timeout=max(_SHORTEST_MS, int(timeout_s * 1000))))
        except usb.core.USBTimeoutError:
            return b""
        except usb.core.USBError as error:
            if error.errno == errno.EOVERFLOW:  # it said more than we asked for: noise
                return b""
            raise unavailable("PRINTER_UNREACHABLE", f"{self._name}: {error}") from error

    def finish(self) -> None:
        """Each transfer has ended when write() returns: nothing is left to wait for."""

    def close(self) -> None:
        """See Transport. The kernel's driver gets the printer back, so that /dev/usb/lp0 returns."""
        import usb.core
        import usb.util

        device, self._device, self._out, self._in = self._device, None, None, None
        if device is None:
            return
        with contextlib.suppress(usb.core.USBError):
            usb.util.release_interface(device, self._interface)
        if self._detached:
            self._detached = False
            with contextlib.suppress(usb.core.USBError, NotImplementedError):
                device.attach_kernel_driver(self._interface)
        with contextlib.suppress(usb.core.USBError):
            usb.util.dispose_resources(device)

    def _found(self) -> Any:
        import usb.core

        name = self._name
        devices = usb.core.find(find_all=True, idVendor=name.vendor, idProduct=name.product, backend=self._backend)
        matching = [one for one in devices or () if not name.serial or _serial(one) == name.serial]
        if not matching:
            raise unavailable("PRINTER_UNREACHABLE", f"{name} is not plugged in")
        if len(matching) > 1:
            raise unavailable(
                "PRINTER_UNREACHABLE", f"{name} is plugged in {len(matching)} times: add the serial number"
            )
        return matching[0]

    def _take(self) -> None:
        """Find the printer's interface (class 7) and its bulk endpoints; claim it from the kernel."""
        import usb.util

        device = self._device
        interface = usb.util.find_descriptor(device.get_active_configuration(), bInterfaceClass=_PRINTER_CLASS)
        if interface is None:
            self._device = None
            raise unavailable("PRINTER_NOT_A_PRINTER", f"{self._name} is no printer")
        self._interface = interface.bInterfaceNumber
        with contextlib.suppress(NotImplementedError):
            if device.is_kernel_driver_active(self._interface):
                device.detach_kernel_driver(self._interface)
                self._detached = True
        usb.util.claim_interface(device, self._interface)
        bulk = [one for one in interface if usb.util.endpoint_type(one.bmAttributes) == usb.util.ENDPOINT_TYPE_BULK]
        for one in bulk:
            if usb.util.endpoint_direction(one.bEndpointAddress) == usb.util.ENDPOINT_OUT:
                self._out = self._out or one
            else:
                self._in = self._in or one
        if self._out is None:
            self.close()
            raise unavailable("PRINTER_NOT_A_PRINTER", f"{self._name} takes no data")

    def _broken(self, detail: str) -> DeviceUnavailable | DeviceAmbiguous:
        if self._sent == 0:
            return unavailable("PRINTER_UNREACHABLE", f"{self._name}: {detail}")
        return ambiguous("PRINT_INTERRUPTED", f"{self._name}: {detail}", self._sent)


def _serial(device: Any) -> str:
    """The serial number; empty for a device that has none or may not be asked."""
    import usb.core

    try:
        return str(device.serial_number or "")
    except (usb.core.USBError, ValueError, NotImplementedError):
        return ""
