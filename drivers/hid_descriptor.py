"""Where the code stands in the reports of an HID scanner, by the device's own report descriptor. Pure.

Called by drivers.hid_pos and drivers.discovery. Sources: HID 1.11 chapter 6.2.2 (items), HID Point of Sale Usage Tables
1.02 (page 0x8C). Must never trust a length: a descriptor comes from a device and may be anything.
"""

from dataclasses import dataclass
from typing import Final

BAR_CODE_PAGE: Final = 0x8C
_SYMBOLOGY_USAGES: Final = (0x8C00FB, 0x8C00FC, 0x8C00FD)  # the three characters of an AIM identifier
_DATA: Final = 0x8C00FE
_CONTINUED: Final = 0x8C00FF
_BYTE_COUNT: Final = 0x01003B  # page Generic Desktop
_MAX_BITS: Final = 8 * 4096  # LIMIT: what the kernel takes as one report (HID_MAX_BUFFER_SIZE is 16 kB, scanners 64 B)
_MAX_USAGES: Final = 256  # LIMIT: of one item; a range beyond it is no scanner's
_MAIN, _GLOBAL, _LOCAL = 0, 1, 2


@dataclass(frozen=True, slots=True)
class ReportLayout:
    """One input report: offsets and lengths in bytes of the report as hidraw gives it, its id byte included."""

    report_id: int
    """0 when the device numbers no reports; then there is no id byte."""
    size: int
    data_at: int
    data_size: int
    count_at: int | None = None
    symbology_at: tuple[int, ...] = ()
    continued_bit: int | None = None
    """Bit offset of the flag that says that more of this code follows in the next report."""


@dataclass(slots=True)
class _Globals:
    page: int = 0
    bits: int = 0
    count: int = 0
    report_id: int = 0


class _Report:
    """What one input report holds so far: usage -> (bit offset, bits of one, how many)."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.fields: dict[int, tuple[int, int, int]] = {}

    def add(self, usages: list[int], bits: int, count: int) -> None:
        for place, usage in enumerate(usages[:count]):
            # HID 6.2.2.8: the last usage stands for all that remain.
            many = count - place if place == len(usages) - 1 else 1
            self.fields.setdefault(usage, (self.bits + place * bits, bits, many))
        self.bits += bits * count


def scanner_reports(descriptor: bytes) -> dict[int, ReportLayout]:
    """Give the layouts of the reports that carry decoded data, by report id; empty for what is no HID-POS scanner.

    >>> layout = scanner_reports(bytes.fromhex("058c0902a101850209fe150026ff007508953f8102c0"))[2]
    >>> layout.size, layout.data_at, layout.data_size
    (64, 1, 63)
    >>> scanner_reports(b"\\x05\\x01\\x09\\x06")
    {}
    """
    reports = _input_reports(descriptor)
    layouts: dict[int, ReportLayout] = {}
    for report_id, report in reports.items():
        layout = _layout(report_id, report)
        if layout is not None:
            layouts[report_id] = layout
    return layouts


def _layout(report_id: int, report: _Report) -> ReportLayout | None:
    data = report.fields.get(_DATA)
    if data is None or data[1] != 8 or data[0] % 8:
        return None
    marks = [report.fields.get(usage) for usage in _SYMBOLOGY_USAGES]
    count = report.fields.get(_BYTE_COUNT)
    continued = report.fields.get(_CONTINUED)
    return ReportLayout(
        report_id,
        size=-(-report.bits // 8),
        data_at=data[0] // 8,
        data_size=data[2],
        count_at=count[0] // 8 if count is not None and count[1] == 8 and count[0] % 8 == 0 else None,
        symbology_at=tuple(mark[0] // 8 for mark in marks if mark is not None and mark[1] == 8 and mark[0] % 8 == 0),
        continued_bit=continued[0] if continued is not None else None,
    )


def _input_reports(descriptor: bytes) -> dict[int, _Report]:
    now, stack = _Globals(), [_Globals()]
    usages: list[int] = []
    minimum = 0
    reports: dict[int, _Report] = {}
    for kind, tag, size, value in _items(descriptor):
        if kind == _GLOBAL:
            now = _on_global(now, stack, tag, value)
        elif kind == _LOCAL:
            # A usage of four bytes brings its page with it.
            full = value if size == 4 else now.page << 16 | value
            if tag == 0 and len(usages) < _MAX_USAGES:
                usages.append(full)
            elif tag == 1:
                minimum = full
            elif tag == 2:
                usages.extend(range(minimum, min(full + 1, minimum + _MAX_USAGES - len(usages))))
        else:
            if tag == 8:  # Input
                start = 8 if now.report_id else 0
                report = reports.setdefault(now.report_id, _Report(start))
                if report.bits + now.bits * now.count > _MAX_BITS:
                    return {}
                report.add(usages, now.bits, now.count)
            usages, minimum = [], 0
    return reports


def _on_global(now: _Globals, stack: list[_Globals], tag: int, value: int) -> _Globals:
    match tag:
        case 0:
            now.page = value
        case 7:
            now.bits = value
        case 8:
            now.report_id = value
        case 9:
            now.count = value
        case 10:  # Push
            stack.append(_Globals(now.page, now.bits, now.count, now.report_id))
        case 11:  # Pop
            return stack.pop() if len(stack) > 1 else now
    return now


def _items(descriptor: bytes) -> list[tuple[int, int, int, int]]:
    """List (kind, tag, size, value) of the short items; a long item, or one cut short, ends nothing else."""
    found: list[tuple[int, int, int, int]] = []
    at = 0
    while at < len(descriptor):
        head = descriptor[at]
        if head == 0xFE:  # a long item: its length stands in the next byte; nobody uses them
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        size = (0, 1, 2, 4)[head & 3]
        body = descriptor[at + 1 : at + 1 + size]
        if len(body) < size:
            break
        found.append((head >> 2 & 3, head >> 4, size, int.from_bytes(body, "little")))
        at += 1 + size
    return found
