"""What is appended, as bytes: printed plain in whatever state the POS left the printer, and that state put back.

Pure; called by drivers.tap.session. Never contains ESC @, which would wipe what some POS set once at its start, and
never a cut or a drawer pulse. A setting whose present value is unknown is not touched: centred text is then padded.
"""

from typing import Final

from agent import limits
from agent.domain.receipt import Block, Columns, Document, Feed, Pair, Qr, Rule, Text
from drivers.escpos_bytes import native_qr, qr_raster
from drivers.escpos_layout import column_lines, columns, pair_lines, printable, wrap
from drivers.profiles import Profile
from drivers.qr_matrix import QUIET_MODULES, matrix
from drivers.tap.state import ALIGN, BOLD, SIZE, PrinterState

_LF: Final = b"\n"
_CHINESE_ON, _CHINESE_OFF = b"\x1c&", b"\x1c."
_QR_LEVEL: Final = "M"
_MAX_SCALE: Final = 4
_ALIGNED: Final = {"left": 0, "center": 1, "right": 2}


def block(document: Document, profile: Profile, state: PrinterState, *, feed_lines: int = 0) -> bytes:
    """Write a document for this place of the stream, fed by `feed_lines` at its end; drawers in it are left out.

    Raises ValueError when it would be too long.

    >>> from drivers.profiles import profile
    >>> state = PrinterState(initialised=True, settings={b"\\x1ba": b"\\x1ba\\x01"})
    >>> block(Document((Text("A"),)), profile("generic-80"), state)
    b'\\x1ba\\x00A\\n\\x1ba\\x01'
    """
    writer = _Writer(profile, state)
    for one in document.blocks:
        writer.put(one)
    writer.style("left", 1, bold=False)
    head = b"" if state.at_line_start else _LF
    switch = state.utf8 is False and state.chinese is False
    written = b"".join(
        (
            head,
            state.plain(profile.width_dots),
            _CHINESE_ON if switch else b"",
            bytes(writer.out),
            b"\x1bd" + bytes([feed_lines]) if feed_lines else b"",
            _CHINESE_OFF if switch else b"",
            state.back(),
        )
    )
    if len(written) > limits.TAP_BLOCK_BYTES:
        raise ValueError(f"{len(written)} bytes to append are too many")
    return written


class _Writer:
    """The bytes so far, and the style they leave the printer in."""

    def __init__(self, profile: Profile, state: PrinterState) -> None:
        self._profile, self._state = profile, state
        self._codec = "utf-8" if state.utf8 else "gbk"
        self.out = bytearray()
        self._align, self._scale, self._bold = "left", 1, False

    def put(self, one: Block) -> None:
        """Append one block."""
        width = self._profile.columns
        match one:
            case Text():
                scale = min(max(1, one.scale), _MAX_SCALE) if self._state.may_use(SIZE) else 1
                self.style(one.align, scale, bold=one.bold)
                for paragraph in one.text.split("\n"):
                    for line in wrap(printable(paragraph), width // scale):
                        self._line(self._padded(line, one.align, width // scale))
            case Pair():
                self.style("left", 1, bold=one.bold)
                self._lines(pair_lines(printable(one.left), printable(one.right), width))
            case Columns():
                self.style("left", 1, bold=one.bold)
                self._lines(column_lines([printable(cell) for cell in one.cells], one.shares, width))
            case Rule():
                self.style("left", 1, bold=False)
                char = (printable(one.char) or "-")[0]
                self._line(char * (width // columns(char)))
            case Qr():
                self._qr(one.payload)
            case Feed():
                self.out += _LF * min(max(0, one.lines), 20)
            case _:  # a drawer is never opened by what we append
                pass

    def style(self, align: str, scale: int, *, bold: bool) -> None:
        """Change to a style, as far as the printer's settings are known."""
        align = align if align in _ALIGNED and self._state.may_use(ALIGN) else "left"
        bold = bold and self._state.may_use(BOLD)
        if align != self._align:
            self.out += ALIGN + bytes([_ALIGNED[align]])
        if scale != self._scale:
            self.out += SIZE + bytes([(scale - 1) << 4 | (scale - 1)])
        if bold != self._bold:
            self.out += BOLD + bytes([bold])
        self._align, self._scale, self._bold = align, scale, bold

    def _padded(self, line: str, wanted: str, width: int) -> str:
        room = max(0, width - columns(line))
        if wanted == self._align or wanted == "left":
            return line
        return " " * (room if wanted == "right" else room // 2) + line

    def _lines(self, lines: list[str]) -> None:
        for line in lines:
            self._line(line)

    def _line(self, line: str) -> None:
        self.out += line.encode(self._codec) + _LF

    def _qr(self, payload: str) -> None:
        try:
            modules = matrix(payload, _QR_LEVEL)
        except ValueError:
            modules = ()
        size = min(self._profile.qr_module, self._profile.width_dots // (len(modules) + 2 * QUIET_MODULES))
        if not modules or size < 3:
            self.put(Text(payload, align="center"))
        elif self._profile.native_qr and self._state.initialised and not self._state.symbol_stored:
            self.style("center", 1, bold=False)
            self.out += _LF + native_qr(payload, size) + b"".join(self._state.qr_back()) + _LF
        else:
            self.style("left", 1, bold=False)
            self.out += qr_raster(modules, size, self._profile.width_dots)
