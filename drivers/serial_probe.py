"""Finding how a printer on a serial line is set: its speed by its answers or by what a person can read, its ready line.

Used by `pos-agent devices setup`, for a port of which a person said that a printer is on it: elsewhere a question could
be a command.
"""

from typing import Final

from agent.domain.errors import DeviceError
from agent.ports import Clock
from drivers.escpos_status import is_real_time
from drivers.serial_printer import Flow, SerialTransport

SPEEDS: Final = (9600, 19200, 38400, 57600, 115200)
_LIKELY: Final = (9600, 115200, 19200, 38400, 57600)
_QUESTIONS: Final = b"\x10\x04\x01\x10\x04\x04\x10\x04\x02"
_ANSWERS: Final = 3
_ANSWER_S: Final = 1.0
_WRITE_S: Final = 3.0


def speed_by_answer(path: str, clock: Clock) -> int | None:
    """The speed at which it answers DLE EOT three times and says nothing else; None when it does at none.

    Noise of a wrong speed can look like one answer (one byte in 16 does), hardly like just three. Raises
    DeviceUnavailable when the port cannot be opened.
    """
    for baud in _LIKELY:
        way = SerialTransport(path, baud, byte_timeout_s=_WRITE_S)
        way.open()
        try:
            way.write(_QUESTIONS)
            said, end_s = b"", clock.mono_s() + _ANSWER_S
            while len(said) < _ANSWERS and (left_s := end_s - clock.mono_s()) > 0:
                said += way.read(left_s)
            if len(said) == _ANSWERS and all(map(is_real_time, said)):
                return baud
        except DeviceError:
            continue
        finally:
            way.close()
    return None


def print_speeds(path: str) -> None:
    """Print the number and name of each speed at that speed: only the right one can be read. Raises DeviceError."""
    for number, baud in enumerate(SPEEDS, start=1):
        way = SerialTransport(path, baud, byte_timeout_s=_WRITE_S)
        way.open()
        try:
            way.write(f"\n\n[{number}] {baud} bit/s\n\n\n".encode("ascii"))
            way.finish()
        finally:
            way.close()


def ready_line(path: str) -> Flow:
    """Which of our lines the printer holds up, when it is ready: CTS before DSR, for the kernel obeys that one itself.

    NONE where neither is up, or the port has no such lines. Raises DeviceUnavailable when it cannot be opened.
    """
    way = SerialTransport(path)
    way.open()
    try:
        return way.ready_line()
    finally:
        way.close()
