"""What the bits of a serial line mean: eight data bits, or seven and a parity bit. Pure; used by drivers.qr_scanner.

The port always receives 8N1. A 7E1 or 7O1 character is as long on the wire and its parity arrives as bit 7, so nothing
has to be known when the port is opened, and a wrong parity is seen here.
"""

from enum import StrEnum
from typing import Final

SPOILED: Final = b"\x00"


class Line(StrEnum):
    """How the scanner is set."""

    N8 = "8N1"
    E7 = "7E1"
    O7 = "7O1"


def _table(ones_are_odd: bool) -> bytes:
    """For each byte as received: the character, or SPOILED where the parity is wrong."""
    return bytes(byte & 0x7F if byte.bit_count() % 2 == ones_are_odd else SPOILED[0] for byte in range(256))


_TABLES: Final = {Line.E7: _table(False), Line.O7: _table(True)}


def decode(data: bytes, line: Line) -> bytes:
    """Give what was sent; a character with a wrong parity becomes SPOILED, so that framing discards its code.

    >>> decode(b"\\xb1\\xb2\\x8d", Line.E7), decode(b"\\xb1\\x32", Line.E7), decode(b"12", Line.N8)
    (b'12\\r', b'1\\x00', b'12')
    """
    return data if line is Line.N8 else data.translate(_TABLES[line])
