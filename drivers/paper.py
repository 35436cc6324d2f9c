"""The paper as text: draws a captured ESC/POS byte stream for a terminal, QR codes and pictures included.

Pure. Used by the demo and by people who look at what a printer really got. Works from bytes alone, so it shows the
truth of the encoder; it must never be fed the document instead.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from math import gcd
from typing import Final

from agent.wording import CHINESE, label
from drivers.escpos_layout import columns as text_columns
from drivers.escpos_tokens import Token, TokenKind, tokenize
from drivers.profiles import DOTS_PER_COLUMN
from drivers.qr_matrix import Matrix, matrix, with_quiet_zone

_HALF_BLOCKS: Final = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_INK_SHARE: Final = 0.4  # of the dots under one half-block
_INK, _PAPER = "\x1b[30;107m", "\x1b[0m"
_QR_LEVELS: Final = {48: "L", 49: "M", 50: "Q", 51: "H"}


@dataclass(slots=True)
class _Run:
    text: str
    scale: int
    ink: bool = False
    """Half-blocks of a picture, one cell each, not characters."""

    @property
    def columns(self) -> int:
        return len(self.text) if self.ink else text_columns(self.text) * self.scale


@dataclass(slots=True)
class _Sheet:
    """The printer's state while it prints, and the lines so far as (text, cells wide)."""

    columns: int
    language: int
    align: int = 0
    scale: int = 1
    line: list[_Run] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    qr_payload: bytes = b""
    qr_level: str = "M"

    def write(self, text: str) -> None:
        self.line.append(_Run(text, self.scale))

    def move_to(self, column: int) -> None:
        used = sum(run.columns for run in self.line)
        self.line.append(_Run(" " * max(0, column - used), 1))

    def feed(self) -> None:
        shown, used = "", 0
        for run in self.line:
            for char in run.text:
                wide = 1 if run.ink else text_columns(char) * run.scale
                if used + wide > self.columns:
                    self._place(shown, used)
                    shown, used = "", 0
                shown += char if run.ink else _cells(char, wide)
                used += wide
        self._place(shown, used)
        self.line.clear()

    def flush(self) -> None:
        if self.line:
            self.feed()

    def picture(self, rows: Matrix, *, align: int) -> None:
        self.flush()
        width = max((len(row) for row in rows), default=0)
        before, self.align = self.align, align
        for top in range(0, len(rows), 2):
            lower = rows[top + 1] if top + 1 < len(rows) else (False,) * width
            drawn = "".join(_HALF_BLOCKS[pair] for pair in zip(rows[top], lower, strict=True))
            self._place(drawn, width)
        self.align = before

    def _place(self, shown: str, used: int) -> None:
        room = max(0, self.columns - used)
        left = {1: room // 2, 2: room}.get(self.align, 0)
        self.lines.append(" " * left + shown + " " * (room - left))


def _cells(char: str, wide: int) -> str:
    """Draw one character in `wide` terminal cells: enlarged ANK as full-width forms, the rest padded."""
    if char.isascii() and wide > 1 and char != " ":
        return chr(ord(char) + 0xFEE0) + " " * (wide - 2)
    natural = 2 if _is_wide(char) else 1
    return char + " " * (wide - natural)


def _is_wide(char: str) -> bool:
    """Terminals draw these in two cells; other GBK characters such as “ and × in one, though paper gives them two."""
    from unicodedata import east_asian_width

    return east_asian_width(char) in ("W", "F")


def render(stream: bytes, *, columns: int = 32, ansi: bool = False, language: int = CHINESE) -> str:
    """Draw a stream on paper of so many columns; with `ansi`, black on white so that a phone reads the QR codes.

    The frame grows where a QR code, drawn one module per cell, is wider than the text.

    >>> print(render("\\x1b@\\x1ba\\x01水\\n\\x1dVB\\0".encode("gbk"), columns=8))
    ┌──────────┐
    │    水    │
    │ ───✂──── │
    └──────────┘
    """
    sheet = _Sheet(columns, language)
    for token in tokenize(stream):
        if token.kind is TokenKind.CHINESE:
            sheet.write(token.data.decode("gbk", "replace"))
        elif token.kind is TokenKind.TEXT:
            sheet.write(token.data.decode("ascii", "replace").replace("\ufffd", "?"))
        elif token.kind is TokenKind.CONTROL:
            if token.data == b"\n":
                sheet.feed()
            elif token.data == b"\t":
                sheet.write("    ")
        elif token.kind is TokenKind.COMMAND:
            _command(sheet, token)
    sheet.flush()
    return _framed(sheet.lines, columns, ansi=ansi)


def _framed(lines: list[str], columns: int, *, ansi: bool) -> str:
    def cells(line: str) -> int:
        return sum(2 if _is_wide(char) else 1 for char in line)

    inner = max([columns, *(cells(line) for line in lines)])
    ink, plain = (_INK, _PAPER) if ansi else ("", "")
    drawn = [f"{ink}┌{'─' * (inner + 2)}┐{plain}"]
    for line in lines:
        room = inner - cells(line)
        left = room // 2  # narrower lines stay together in the middle of a frame that a picture made wider
        drawn.append(f"{ink}│ {' ' * left}{line}{' ' * (room - left)} │{plain}")
    return "\n".join([*drawn, f"{ink}└{'─' * (inner + 2)}┘{plain}"])


def _command(sheet: _Sheet, token: Token) -> None:
    arguments = token.arguments
    match token.name:
        case b"\x1b@":
            sheet.flush()
            sheet.align, sheet.scale = 0, 1
        case b"\x1ba":
            sheet.align = arguments[0] % 48 if arguments[0] % 48 in (0, 1, 2) else 0
        case b"\x1d!":
            sheet.scale = (arguments[0] >> 4 & 7) + 1
        case b"\x1b!":
            sheet.scale = 2 if arguments[0] & 0x20 else 1
        case b"\x1bd":
            sheet.flush()
            for _ in range(arguments[0]):
                sheet.feed()
        case b"\x1b$":
            sheet.move_to(int.from_bytes(arguments[:2], "little") // DOTS_PER_COLUMN)
        case b"\x1dV" | b"\x1bi" | b"\x1bm":
            sheet.flush()
            half = sheet.columns // 2
            sheet.lines.append("─" * (half - 1) + "✂" + "─" * (sheet.columns - half))
        case b"\x1bp" | b"\x10\x14":
            sheet.flush()
            _remark(sheet, f"[{label('paper_drawer', sheet.language)}]")
        case b"\x1d(":
            _two_dimensional(sheet, arguments)
        case b"\x1dv":
            _raster(sheet, token.data)
        case b"\x1b*":
            _inline(sheet, arguments)


def _remark(sheet: _Sheet, text: str) -> None:
    before, sheet.align, scale, sheet.scale = sheet.align, 1, sheet.scale, 1
    sheet.write(text)
    sheet.feed()
    sheet.align, sheet.scale = before, scale


def _two_dimensional(sheet: _Sheet, arguments: bytes) -> None:
    """GS ( k for QR codes (cn 49): 169 level, 180 store, 181 print."""
    if arguments[:1] != b"k" or arguments[3:4] != b"1":
        return
    function, body = arguments[4:5], arguments[5:]
    if function == b"E" and body:
        sheet.qr_level = _QR_LEVELS.get(body[0], "L")
    elif function == b"P":
        sheet.qr_payload = body[1:]
    elif function == b"Q" and sheet.qr_payload:
        modules = matrix(sheet.qr_payload.decode("utf-8", "replace"), sheet.qr_level)
        sheet.picture(with_quiet_zone(modules), align=1)


def _raster(sheet: _Sheet, command: bytes) -> None:
    """GS v 0: drawn module for module when it is a QR code or the like, else scaled to the paper's columns."""
    row_bytes = int.from_bytes(command[4:6], "little")
    data = command[8:]
    rows = [data[at : at + row_bytes] for at in range(0, len(data), row_bytes or 1)]
    dots: Matrix = tuple(tuple(bool(byte >> bit & 1) for byte in row for bit in range(7, -1, -1)) for row in rows)
    module = _module(dots)
    if module > 1:
        inked = [at for row in dots for at, ink in enumerate(row) if ink]
        left, right = min(inked), max(inked) + 1
        top = next(at for at, row in enumerate(dots) if any(row))
        bottom = len(dots) - next(at for at, row in enumerate(reversed(dots)) if any(row))
        small = tuple(tuple(row[left:right:module]) for row in dots[top:bottom:module])
        sheet.picture(with_quiet_zone(small), align=1)
    else:
        sheet.picture(_scaled(dots, DOTS_PER_COLUMN), align=sheet.align)


def _inline(sheet: _Sheet, arguments: bytes) -> None:
    """ESC * with 24 dots a column stands in the line, as a drawn character does; two half-blocks high, scaled down."""
    if arguments[0] not in (32, 33):
        return
    columns = [int.from_bytes(arguments[at : at + 3], "big") for at in range(3, len(arguments), 3)]
    dots: Matrix = tuple(tuple(bool(column >> bit & 1) for column in columns) for bit in range(23, -1, -1))
    upper, lower = _scaled(dots, DOTS_PER_COLUMN)
    sheet.line.append(_Run("".join(_HALF_BLOCKS[pair] for pair in zip(upper, lower, strict=True)), 1, ink=True))


def _module(dots: Matrix) -> int:
    """The largest square that the inked part is made of: greatest common divisor of all runs between its edges."""
    common = 0
    for lines in (dots, tuple(zip(*dots, strict=True))):
        for line in lines:
            edges = [at for at in range(1, len(line)) if line[at] != line[at - 1]]
            for before, after in pairwise(edges):
                common = gcd(common, after - before)
            if common == 1:
                return 1
    return common


def _scaled(dots: Matrix, size: int) -> Matrix:
    height, width = len(dots), len(dots[0]) if dots else 0
    small: list[tuple[bool, ...]] = []
    for top in range(0, height, size):
        block = dots[top : top + size]
        shares = [sum(sum(row[left : left + size]) for row in block) for left in range(0, width, size)]
        small.append(tuple(share > _INK_SHARE * size * len(block) for share in shares))
    return tuple(small)
