"""The few words of IPP (RFC 8010, 8011) that printing through CUPS takes: requests written, answers read.

Pure; used by drivers.cups_printer. An answer that is no IPP raises ValueError.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

Value: TypeAlias = "int | str | bool | None"
"""None: the printer has no value for it ("no-value", "unknown")."""

PRINT_JOB: Final = 0x0002
CANCEL_JOB: Final = 0x0008
GET_JOB_ATTRIBUTES: Final = 0x0009
GET_PRINTER_ATTRIBUTES: Final = 0x000B
CUPS_GET_PRINTERS: Final = 0x4002

INTEGER: Final = 0x21
KEYWORD: Final = 0x44
URI: Final = 0x45
NAME: Final = 0x42
MIME_TYPE: Final = 0x49
_CHARSET: Final = 0x47
_LANGUAGE: Final = 0x48
_BOOLEAN: Final = 0x22
_ENUM: Final = 0x23
_OUT_OF_BAND: Final = range(0x10, 0x20)
_LAST_GROUP: Final = 0x0F
_OPERATION_GROUP: Final = b"\x01"
_PRINTER_GROUP: Final = 0x04
_END: Final = b"\x03"
_VERSION: Final = b"\x01\x01"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status (below 0x0100 is success) and all attributes, by name, with all their values."""

    status: int
    attributes: dict[str, list[Value]]

    @property
    def fine(self) -> bool:
        """The operation was carried out."""
        return self.status < 0x0100

    def first(self, name: str) -> Value:
        """The first value of an attribute, None where there is none."""
        return next(iter(self.attributes.get(name, [])), None)


def request(operation: int, number: int, attributes: Sequence[tuple[int, str, int | str | Sequence[str]]]) -> bytes:
    """Write a request; `attributes` are (tag, name, value or values) of the operation, in order.

    >>> request(GET_PRINTER_ATTRIBUTES, 1, [(URI, "printer-uri", "ipp://localhost/printers/pos")])[:8].hex()
    '0101000b00000001'
    """
    head = [(_CHARSET, "attributes-charset", "utf-8"), (_LANGUAGE, "attributes-natural-language", "en")]
    body = bytearray(_VERSION + operation.to_bytes(2, "big") + number.to_bytes(4, "big") + _OPERATION_GROUP)
    for tag, name, value in [*head, *attributes]:
        values = [value] if isinstance(value, int | str) else value
        for index, one in enumerate(values):
            raw = one.to_bytes(4, "big") if isinstance(one, int) else one.encode()
            called = name.encode() if index == 0 else b""
            body += bytes([tag]) + len(called).to_bytes(2, "big") + called + len(raw).to_bytes(2, "big") + raw
    return bytes(body + _END)


def answer(data: bytes) -> Answer:
    """Read an answer; raises ValueError."""
    merged: dict[str, list[Value]] = {}
    for _, attributes in _groups(data):
        for name, values in attributes.items():
            merged.setdefault(name, []).extend(values)
    return Answer(int.from_bytes(data[2:4], "big"), merged)


def printers(data: bytes) -> list[dict[str, list[Value]]]:
    """Read an answer that tells of several printers: the attributes of each; raises ValueError."""
    return [attributes for tag, attributes in _groups(data) if tag == _PRINTER_GROUP]


def _groups(data: bytes) -> list[tuple[int, dict[str, list[Value]]]]:
    found: list[tuple[int, dict[str, list[Value]]]] = []
    at, name = 8, ""
    try:
        while data[at] != _END[0]:
            tag = data[at]
            at += 1
            if tag <= _LAST_GROUP:
                found.append((tag, {}))
                continue
            size = int.from_bytes(data[at : at + 2], "big")
            name = data[at + 2 : at + 2 + size].decode() or name
            at += 2 + size
            size = int.from_bytes(data[at : at + 2], "big")
            found[-1][1].setdefault(name, []).append(_value(tag, data[at + 2 : at + 2 + size]))
            at += 2 + size
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("no IPP answer") from error
    return found


def _value(tag: int, raw: bytes) -> Value:
    if tag in _OUT_OF_BAND:
        return None
    if tag == _BOOLEAN:
        return raw != b"\x00"
    if tag in (INTEGER, _ENUM):
        return int.from_bytes(raw, "big", signed=True)
    return raw.decode(errors="replace")
