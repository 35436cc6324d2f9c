"""Ways to a printer: what they share, and the character device; TCP, serial and file stand in modules of their own.

Blocking; used only inside a printer's own worker thread (drivers.escpos_printer), one open per job. Every wait has an
end. DeviceUnavailable means that no byte left; DeviceAmbiguous tells how many were taken. A transport never resends.
"""

import errno
import fcntl
import os
import select
import stat
import sys
import termios
from collections.abc import Callable
from typing import Final, Protocol

from agent import limits
from agent.domain.errors import DeviceAmbiguous, DeviceUnavailable
from agent.wording import sentence

CHUNK: Final = 4096  # LIMIT: one usblp transfer; a stuck printer is noticed after at most this much
POLL_S: Final = 0.02
FAST_BYTES_PER_S: Final = 20_000.0  # USB and network carry more; a printer that eats NULs may not
GONE: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL
CODES: Final = {
    errno.EACCES: "PRINTER_NO_PERMISSION",
    errno.EPERM: "PRINTER_NO_PERMISSION",
    errno.EBUSY: "PRINTER_BUSY",
    errno.EAGAIN: "PRINTER_BUSY",  # pyserial: the exclusive lock is taken
}


OnStall = Callable[[], bool]
"""Asked when no byte was taken for the byte timeout: True means that the printer said why, so wait on."""


class Transport(Protocol):
    """One way to one printer. After close() it may be opened again."""

    on_stall: OnStall | None
    bytes_per_s: float
    """What the line carries at least."""
    opens_freely: bool
    """Opening disturbs nobody, so that a look every second may do it for no more than to see whether it is there."""

    def open(self) -> None:
        """Take the device and forget what it said before; raises DeviceUnavailable."""
        ...

    def write(self, data: bytes) -> int:
        """Hand over all bytes and return their number.

        Raises DeviceAmbiguous(bytes_sent) when there is no progress for the byte timeout or the device goes away, and
        DeviceUnavailable when that happens before it took the first byte since open().
        """
        ...

    def read(self, timeout_s: float) -> bytes:
        """Give what has arrived within `timeout_s`, empty on silence; raises DeviceUnavailable when it is gone."""
        ...

    def finish(self) -> None:
        """Wait until the device has everything; raises DeviceAmbiguous when it stops taking it."""
        ...

    def close(self) -> None:
        """Let go; never raises, safe at any time."""
        ...


def unavailable(code: str, detail: str) -> DeviceUnavailable:
    """Nothing left us. The message begins with a code of agent.wording, the hint says what to do."""
    return DeviceUnavailable(f"{code}: {detail}", hint=sentence(code))


def ambiguous(code: str, detail: str, bytes_sent: int) -> DeviceAmbiguous:
    """Bytes may have left; a person decides about a reprint."""
    return DeviceAmbiguous(f"{code}: {detail}", bytes_sent=bytes_sent, hint=sentence(code))


def unsent(fd: int) -> int:
    """Count bytes the kernel still holds for a tty (TIOCOUTQ) or has not seen acknowledged by a socket's peer."""
    return int.from_bytes(fcntl.ioctl(fd, termios.TIOCOUTQ, bytes(4)), sys.byteorder)


def pause(seconds: float) -> None:
    """Wait in a worker thread, between two looks at something that cannot be selected on."""
    select.select([], [], [], seconds)


def wait_for(fd: int, events: int, timeout_s: float) -> int:
    """Wait for a descriptor; 0 on time-out. poll() knows no limit of 1024 descriptors as select() does."""
    waiting = select.poll()
    waiting.register(fd, events)
    seen = waiting.poll(timeout_s * 1000)
    return seen[0][1] if seen else 0


class DescriptorTransport:
    """What all transports on a non-blocking file descriptor share: progress-timed writes, timed reads."""

    opens_freely = False
    bytes_per_s: float = FAST_BYTES_PER_S

    def __init__(self, where: str, *, byte_timeout_s: float = limits.PRINT_BYTE_TIMEOUT_S) -> None:
        self.where = where
        self._byte_timeout_s = byte_timeout_s
        self.on_stall: OnStall | None = None
        self._fd = -1
        self._sent = 0

    def fileno(self) -> int:
        """The open descriptor, for who waits on it with an event loop; -1 when closed."""
        return self._fd

    def write(self, data: bytes) -> int:
        """See Transport."""
        view = memoryview(data)
        done = 0
        while done < len(view):
            if not self._writable():
                if self.on_stall is not None and self.on_stall():
                    continue
                raise self._broken(f"{self.where} took no byte for {self._byte_timeout_s:g} s")
            try:
                taken = self._send(view[done : done + CHUNK])
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._broken(f"{self.where}: {error}") from error
            done += taken
            self._sent += taken
        return done

    def read(self, timeout_s: float) -> bytes:
        """See Transport."""
        seen = wait_for(self._fd, select.POLLIN, timeout_s)
        if not seen:
            return b""
        try:
            said = self._receive()
            if not said and seen & GONE:
                raise ConnectionAbortedError("hung up")
            return said
        except BlockingIOError:
            return b""
        except OSError as error:
            raise unavailable("PRINTER_UNREACHABLE", f"{self.where}: {error}") from error

    def _drain_input(self) -> None:
        """Throw away what the printer said before this job: a stale byte must not be taken for an answer."""
        stray = 0
        while said := self.read(0):
            stray += len(said)
            if stray > limits.PRINT_STRAY_BYTES:
                self.close()
                raise unavailable("PRINTER_NOT_A_PRINTER", f"{self.where} talks without end")

    def close(self) -> None:
        """See Transport."""
        raise NotImplementedError

    def _writable(self) -> bool:
        return bool(wait_for(self._fd, select.POLLOUT, self._byte_timeout_s))

    def _broken(self, detail: str) -> DeviceUnavailable | DeviceAmbiguous:
        if self._sent == 0:
            return unavailable("PRINTER_UNREACHABLE", detail)
        return ambiguous("PRINT_INTERRUPTED", detail, self._sent)

    def _send(self, part: memoryview) -> int:
        return os.write(self._fd, part)

    def _receive(self) -> bytes:
        return os.read(self._fd, CHUNK)


class CharDevice(DescriptorTransport):
    """A printer behind a character device such as /dev/usb/lp0 (usblp), opened without O_CREAT.

    python-escpos opens it with "wb": with the printer unplugged root then creates a plain file that swallows every
    receipt and shadows the device after re-plug (facts/devices.md). Here a plain file is refused.
    """

    opens_freely = True

    def __init__(
        self, path: str, *, readable: bool = False, byte_timeout_s: float = limits.PRINT_BYTE_TIMEOUT_S
    ) -> None:
        super().__init__(path, byte_timeout_s=byte_timeout_s)
        self._readable = readable

    def open(self) -> None:
        """See Transport."""
        mode = os.O_RDWR if self._readable else os.O_WRONLY
        try:
            self._fd = os.open(self.where, mode | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise unavailable(CODES.get(error.errno or 0, "PRINTER_UNREACHABLE"), f"{self.where}: {error}") from error
        self._sent = 0
        if not stat.S_ISCHR(os.fstat(self._fd).st_mode):
            self.close()
            raise unavailable("PRINTER_NOT_A_DEVICE", f"{self.where} is not a character device")
        if self._readable:
            self._drain_input()

    def read(self, timeout_s: float) -> bytes:
        """See Transport. An empty packet is silence (some USB printers send them), so the caller is made to wait."""
        said = super().read(timeout_s) if self._readable else b""
        if not said and timeout_s > 0:
            pause(POLL_S)
        return said

    def finish(self) -> None:
        """usblp is writable again when its last transfer has ended."""
        seen = wait_for(self._fd, select.POLLOUT, self._byte_timeout_s)
        if self._sent and (not seen or seen & GONE):
            raise self._broken(f"{self.where} did not take the last bytes")

    def close(self) -> None:
        """See Transport."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
