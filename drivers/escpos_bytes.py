"""A receipt document as ESC/POS bytes for one printer profile.

Pure but for the fonts behind `draw`. Called by drivers.escpos_printer. Every job starts with ESC @ and ends with plain
style, so nothing leaks into the next one. Text is strict GBK (drivers.escpos_layout), what GBK lacks goes as dots
(ESC *); no byte of a name can become a command.
"""

from typing import Final

from agent.domain.receipt import Block, Columns, Document, Drawer, Feed, Pair, Picture, Qr, Rule, Text
from drivers.escpos_layout import column_lines, columns, in_gbk, pair_lines, printable, wrap
from drivers.escpos_picture import picture_raster
from drivers.glyphs import Draw, code_point_box
from drivers.profiles import DOTS_PER_COLUMN, Profile
from drivers.qr_matrix import EPSON_LEVELS, QUIET_MODULES, Matrix, matrix, with_quiet_zone

INITIALISE: Final = b"\x1b@"  # ESC @
CHINESE_ON: Final = b"\x1c&"  # FS &
LF: Final = b"\n"
_ALIGN: Final = {"left": 0, "center": 1, "right": 2}
_MAX_SCALE: Final = 4
_BEEPS: Final = {"none": b"", "esc_b": b"\x1bB\x02\x02", "esc_paren_a": b"\x1b(A\x04\x0001\x02\x02"}
_QR_LEVEL: Final = "M"  # LIMIT: survives a crease and a thumb on thermal paper; L would save one version
_QR_MIN_MODULE: Final = 3  # LIMIT: below this a phone does not read thermal print; the payload is printed as text


def encode(document: Document, profile: Profile, draw: Draw = code_point_box) -> bytes:
    """Write a document as one print job for a printer of this profile; never raises for a document of ours.

    `draw` makes the dots of characters that the printer lacks; by default a box with the code point.

    A document of nothing but Drawer blocks is the bare pulse (ESC p): it touches neither style nor paper.

    >>> from agent.domain.receipt import Document, Drawer, Text
    >>> from drivers.profiles import profile
    >>> encode(Document((Drawer(),), cut=False), profile("generic-58")).hex(" ")
    '1b 70 00 32 64'
    >>> encode(Document((Text("水 ¥4"),), cut=False), profile("generic-58")).hex(" ")
    '1b 40 1c 26 cb ae 20 a3 a4 34 0a'
    """
    if document.blocks and all(isinstance(block, Drawer) for block in document.blocks):
        return b"".join(_pulse(profile) for _ in document.blocks)
    job = _Job(profile, draw)
    for block in document.blocks:
        job.put(block)
    job.end(cut=document.cut)
    return bytes(job.out)


class _Job:
    """The bytes so far, and the style they leave the printer in."""

    def __init__(self, profile: Profile, draw: Draw) -> None:
        self._profile = profile
        self._draw = draw
        self.out = bytearray(INITIALISE)
        if profile.chinese == "fs":
            self.out += CHINESE_ON
        self._align, self._scale, self._bold = 0, 1, False

    def put(self, block: Block) -> None:
        """Append one block."""
        width = self._profile.columns
        match block:
            case Text():
                scale = min(max(1, block.scale), _MAX_SCALE)
                self._style(_ALIGN.get(block.align, 0), scale, block.bold)
                for paragraph in block.text.split("\n"):
                    self._print(wrap(printable(paragraph), width // scale))
            case Pair():
                self._style(0, 1, block.bold)
                self._print(pair_lines(printable(block.left), printable(block.right), width))
            case Columns():
                self._style(0, 1, block.bold)
                self._print(column_lines([printable(cell) for cell in block.cells], block.shares, width))
            case Rule():
                self._style(0, 1, False)
                char = (printable(block.char) or "-")[0]
                self._print([char * (width // columns(char))])
            case Qr():
                self._qr(block.payload)
            case Feed():
                self.out += LF * min(max(0, block.lines), 20)
            case Picture():
                self._style(0, 1, False)
                self.out += picture_raster(block, self._profile.width_dots)
            case Drawer():
                self.out += _pulse(self._profile)

    def end(self, *, cut: bool) -> None:
        """Return to plain style; cut (GS V 66 0 feeds to the cutter first) or feed to the tear bar."""
        self._style(0, 1, False)
        if cut:
            if self._profile.feed_lines:
                self.out += b"\x1bd" + bytes([self._profile.feed_lines])  # ESC d n
            if self._profile.cutter:
                self.out += b"\x1dVB\x00"  # GS V 66 0
            self.out += _BEEPS[self._profile.beeper]

    def _style(self, align: int, scale: int, bold: bool) -> None:
        if align != self._align:
            self.out += b"\x1ba" + bytes([align])  # ESC a n
        if scale != self._scale:
            self.out += b"\x1d!" + bytes([(scale - 1) << 4 | (scale - 1)])  # GS ! n: ANK and Chinese alike
        if bold != self._bold:
            self.out += b"\x1bE" + bytes([bold])  # ESC E n
        self._align, self._scale, self._bold = align, scale, bold

    def _print(self, lines: list[str]) -> None:
        for line in lines:
            try:
                self.out += self._text(line)
            except UnicodeEncodeError:
                self.out += b"".join(self._char(char) for char in line)
            self.out += LF

    def _text(self, line: str) -> bytes:
        return line.encode("gbk" if self._profile.chinese != "image" else "ascii")

    def _char(self, char: str) -> bytes:
        """One character: as text, or as ESC * 33 with 24 dots a column in the middle of the line.

        GS ! does not enlarge pictures, so one in enlarged text is drawn at its height and spread to its width.
        """
        if char.isascii() or (self._profile.chinese != "image" and in_gbk(char)):
            return char.encode("gbk")
        dots = self._draw(char, columns(char) * DOTS_PER_COLUMN)
        wide = b"".join(dots[at : at + 3] * self._scale for at in range(0, len(dots), 3))
        return b"\x1b*\x21" + (len(wide) // 3).to_bytes(2, "little") + wide

    def _qr(self, payload: str) -> None:
        try:
            modules = matrix(payload, _QR_LEVEL)
        except ValueError:
            modules = ()
        room = self._profile.width_dots // (len(modules) + 2 * QUIET_MODULES)
        size = min(self._profile.qr_module, room)
        if not modules or size < _QR_MIN_MODULE:
            self.put(Text(payload, align="center"))
        elif self._profile.native_qr:
            self._style(1, 1, False)
            self.out += LF + native_qr(payload, size) + LF
        else:
            # The margin is drawn into the image: not every unit applies ESC a to GS v 0.
            self._style(0, 1, False)
            self.out += qr_raster(modules, size, self._profile.width_dots)


def native_qr(payload: str, size: int) -> bytes:
    """Write GS ( k functions 165 (model 2), 167 (size in dots), 169 (level), 180 (store) and 181 (print)."""
    data = payload.encode("utf-8")
    return b"".join(
        (
            b"\x1d(k\x04\x001A2\x00",
            b"\x1d(k\x03\x001C" + bytes([size]),
            b"\x1d(k\x03\x001E" + bytes([EPSON_LEVELS[_QR_LEVEL]]),
            b"\x1d(k" + (len(data) + 3).to_bytes(2, "little") + b"1P0" + data,
            b"\x1d(k\x03\x001Q0",
        )
    )


def qr_raster(modules: Matrix, size: int, width_dots: int) -> bytes:
    """Draw a QR code with its quiet zone as GS v 0, centred by a left margin, never wider than the paper."""
    framed = with_quiet_zone(modules)
    drawn = len(framed) * size
    margin = (width_dots - drawn) // 2
    row_bytes = -(-(margin + drawn) // 8)
    spare = row_bytes * 8 - margin - drawn
    rows = bytearray()
    for row in framed:
        bits = "0" * margin + "".join("1" * size if ink else "0" * size for ink in row) + "0" * spare
        rows += int(bits, 2).to_bytes(row_bytes, "big") * size
    height = len(framed) * size
    return b"\x1dv0\x00" + row_bytes.to_bytes(2, "little") + height.to_bytes(2, "little") + bytes(rows)


def _pulse(profile: Profile) -> bytes:
    """ESC p m t1 t2, times in units of 2 ms."""
    return b"\x1bp" + bytes([profile.drawer_pin, profile.drawer_on_ms // 2, profile.drawer_off_ms // 2])
