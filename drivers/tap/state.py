"""What the POS has set in the printer: tracked from its bytes, so that a block can be printed plain and all of it put
back afterwards, without ESC @.

Pure; fed by drivers.tap.session, read by drivers.tap.block. Each setting is remembered as the bytes that made it, and
put back by sending those again in their order. A setting that was never seen since the last ESC @ has the printer's
default; one that was never seen at all is unknown and is left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from drivers.tap.meaning import Meaning
from drivers.tap.pieces import Piece, PieceKind

SIZE, BOLD, ALIGN = b"\x1d!", b"\x1bE", b"\x1ba"
_LINE = b"\x1b3"
_PRINT_WIDTH = b"\x1dW"
_UNITS = b"\x1dP"
# Command -> what makes it plain. All work at the beginning of a line, which is where a block is printed.
_PLAIN: Final[dict[bytes, bytes]] = {
    ALIGN: b"\x1ba\x00",
    b"\x1b!": b"\x1b!\x00",
    SIZE: b"\x1d!\x00",
    BOLD: b"\x1bE\x00",
    b"\x1bG": b"\x1bG\x00",
    b"\x1b-": b"\x1b-\x00",
    b"\x1bM": b"\x1bM\x00",
    b"\x1bV": b"\x1bV\x00",
    b"\x1b{": b"\x1b{\x00",
    b"\x1dB": b"\x1dB\x00",
    b"\x1br": b"\x1br\x00",
    b"\x1bR": b"\x1bR\x00",
    b"\x1b%": b"\x1b%\x00",
    b"\x1b ": b"\x1b \x00",
    _LINE: b"\x1b2",
    b"\x1c!": b"\x1c!\x00",
    b"\x1cW": b"\x1cW\x00",
    b"\x1c-": b"\x1c-\x00",
    b"\x1cS": b"\x1cS\x00\x00",
    b"\x1dL": b"\x1dL\x00\x00",
    _PRINT_WIDTH: b"",  # the paper's own width, known to whoever prints
}
_WITHIN_LINE: Final = (b"\x1b*", b"\x1b$", b"\x1b\\")
_NEW_LINE: Final = (Meaning.FEED, Meaning.CUT, Meaning.PRINT, Meaning.PICTURE)
_SAME_AS: Final = {b"\x1b2": _LINE}
_ASCII_ZERO: Final = frozenset({ALIGN, b"\x1b-", b"\x1c-", b"\x1bM", b"\x1bV", b"\x1br", b"\x1cW"})  # n is 0 or "0"
_LOWEST_BIT: Final = frozenset({BOLD, b"\x1bG", b"\x1b{", b"\x1dB", b"\x1b%"})
QR_DEFAULTS: Final = {  # GS ( k functions 165, 167 and 169 as a printer starts
    b"A": b"\x1d(k\x04\x001A2\x00",
    b"C": b"\x1d(k\x03\x001C\x03",
    b"E": b"\x1d(k\x03\x001E0",
}


@dataclass(slots=True)
class PrinterState:
    """The printer as its bytes left it. `chinese_start` is the mode it powers up in and returns to at ESC @."""

    chinese_start: bool = True
    initialised: bool = False
    """An ESC @ was seen, so that everything not set since is known to be the default."""
    chinese: bool = True
    utf8: bool = False
    code_page: int = 0
    at_line_start: bool = True
    page_mode: bool = False
    selected: bool = True
    in_macro: bool = False
    symbol_stored: bool = False
    """The POS has stored a QR code of its own, which a native one of ours would replace."""
    settings: dict[bytes, bytes] = field(default_factory=dict)
    """Command -> its bytes, in the order in which they were last sent."""
    qr_settings: dict[bytes, bytes] = field(default_factory=dict)
    """Function of GS ( k for QR codes -> its bytes."""

    def __post_init__(self) -> None:
        self.chinese = self.chinese_start

    def copy(self) -> "PrinterState":
        """The state as it is now, to be kept."""
        kept = replace(self, settings=dict(self.settings), qr_settings=dict(self.qr_settings))
        kept.chinese = self.chinese
        return kept

    def take(self, piece: Piece, meaning: Meaning) -> None:
        """Follow one piece."""
        if piece.kind is PieceKind.COMMAND:
            self._command(piece.name, piece.data)
        self._position(piece, meaning)

    def unsafe(self) -> str:
        """Why nothing can be printed between here and the next byte; empty when it can."""
        if self.page_mode:
            return "the printer is in page mode"
        if not self.selected:
            return "the printer is deselected (ESC =)"
        if self.in_macro:
            return "a macro is being defined (GS :)"
        if _PRINT_WIDTH in self.settings and self.settings.get(_UNITS, b"\x1dP\x00\x00") != b"\x1dP\x00\x00":
            return "the printing area is set in units of the POS's own (GS P, GS W)"
        return ""

    def may_use(self, command: bytes) -> bool:
        """Whether a setting can be changed and put back: it was seen, or is known to be the default."""
        return self.initialised or command in self.settings

    def odd(self) -> list[bytes]:
        """Commands that were set to something else than plain, in the order of their last use."""
        return [name for name, data in self.settings.items() if name in _PLAIN and not _is_plain(name, data)]

    def plain(self, width_dots: int) -> bytes:
        """What makes everything plain that is not."""
        return b"".join(_PLAIN[name] or name + width_dots.to_bytes(2, "little") for name in self.odd())

    def back(self) -> bytes:
        """What puts everything back that `plain` changed. Settings overlap (ESC ! and GS !), so all go in order."""
        if not self.odd():
            return b""
        return b"".join(data for name, data in self.settings.items() if name in _PLAIN)

    def qr_back(self) -> Iterator[bytes]:
        """What puts the settings of QR codes back."""
        for function, default in QR_DEFAULTS.items():
            yield self.qr_settings.get(function, default)

    def _command(self, name: bytes, data: bytes) -> None:
        if name == b"\x1b@":
            self.initialised, self.chinese, self.code_page = True, self.chinese_start, 0
            self.page_mode = self.symbol_stored = self.in_macro = False
            self.selected = True
            self.settings.clear()
            self.qr_settings.clear()
        elif name in (b"\x1c&", b"\x1c."):
            self.chinese = name == b"\x1c&"
        elif name in (b"\x1bL", b"\x1bS"):
            self.page_mode = name == b"\x1bL"
        elif name == b"\x1b=":
            self.selected = bool(data[2] & 1)
        elif name == b"\x1bt":
            self.code_page = data[2]
        elif name == b"\x1d:":
            self.in_macro = not self.in_macro
        elif name == b"\x1b9":
            self.utf8 = data[2] in (1, 0x31)
        elif name == b"\x1c(":
            if data[2:3] == b"C" and data[5:6] == b"0":
                self.utf8 = data[6:7] in (b"\x02", b"2")
        elif name == b"\x1d(" and data[2:3] == b"k" and data[5:6] == b"1":
            self._qr(data)
        else:
            key = _SAME_AS.get(name, name)
            if key in _PLAIN or key == _UNITS:
                self.settings.pop(key, None)
                self.settings[key] = data

    def _qr(self, data: bytes) -> None:
        function = data[6:7]
        if function in QR_DEFAULTS:
            self.qr_settings[function] = data
        elif function == b"P":
            self.symbol_stored = True

    def _position(self, piece: Piece, meaning: Meaning) -> None:
        if piece.data == b"\x0c":
            self.page_mode = False  # FF prints the page and returns to standard mode
            self.at_line_start = True
        elif piece.kind is PieceKind.TEXT or piece.data == b"\t" or piece.name in _WITHIN_LINE:
            self.at_line_start = False
        elif piece.data != b"\r" and (piece.name == b"\x1b@" or meaning in _NEW_LINE):
            self.at_line_start = True


def _is_plain(name: bytes, data: bytes) -> bool:
    if name == _LINE:
        return data == b"\x1b2"
    if name == _PRINT_WIDTH:
        return False
    if name in _LOWEST_BIT:
        return not data[2] & 1
    arguments = data[2:]
    return not any(arguments) or (name in _ASCII_ZERO and arguments == b"0")
