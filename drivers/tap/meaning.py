"""What each piece does to the paper: prints, feeds, cuts, asks, pulses the drawer, or only sets something.

Pure data and look-up, used by drivers.tap.session. Source: Epson's command reference.
"""

from enum import StrEnum
from typing import Final

from drivers.tap.pieces import Piece, PieceKind


class Meaning(StrEnum):
    """What a piece does."""

    PRINT = "print"
    PICTURE = "picture"
    FEED = "feed"
    CUT = "cut"
    ASK = "ask"
    """A question that is answered in its turn (GS r, GS I ...): the POS may wait for the answer."""
    REAL_TIME = "real_time"
    """DLE ...: acted upon at once."""
    PULSE = "pulse"
    SETTING = "setting"


_PRINT: Final = frozenset(
    {b"\x1dk", b"\x1bZ", b"\x1b\x0c", b"\x1dc", b"\x1d^"}
)  # barcode, Chinese units' QR, page mode, counter, macro
_PICTURES: Final = frozenset({b"\x1b*", b"\x1dv", b"\x1d/", b"\x1dQ", b"\x1cp", b"\x1dD"})
_FEEDS: Final = frozenset({b"\x1bd", b"\x1bJ", b"\x1be", b"\x1bK", b"\x1d\x0c"})
_CUTS: Final = frozenset({b"\x1dV", b"\x1bi", b"\x1bm"})
_ASKS: Final = frozenset({b"\x1dr", b"\x1dI", b"\x1da", b"\x1bu", b"\x1bv", b"\x1dj", b"\x1d\x05", b"\x1cr"})
_FEED_ARGUMENT: Final = {b"\x1bd": 30, b"\x1bJ": 1}  # dots by which one unit of n feeds, at the usual line spacing
LINE_DOTS: Final = 30  # 1/6 inch at 180 dpi, the usual line


def meaning(piece: Piece) -> Meaning:
    """Say what a piece does. Data of a long command does what its first part did: it is a setting of its own here.

    >>> meaning(Piece(PieceKind.COMMAND, b"\\x1dV\\x00", b"\\x1dV")), meaning(Piece(PieceKind.TEXT, b"A"))
    (<Meaning.CUT: 'cut'>, <Meaning.PRINT: 'print'>)
    """
    if piece.kind is PieceKind.TEXT:
        return Meaning.PRINT
    if piece.kind is PieceKind.CONTROL:
        return {b"\n": Meaning.FEED, b"\r": Meaning.FEED, b"\x0c": Meaning.PRINT}.get(piece.data, Meaning.SETTING)
    if piece.kind is not PieceKind.COMMAND:
        return Meaning.SETTING
    if piece.name[:1] == b"\x10":
        return Meaning.REAL_TIME
    if piece.name == b"\x1bp":
        return Meaning.PULSE
    if piece.name in (b"\x1d(", b"\x1d8"):
        return _of_function(piece)
    for names, found in (
        (_PRINT, Meaning.PRINT),
        (_PICTURES, Meaning.PICTURE),
        (_FEEDS, Meaning.FEED),
        (_CUTS, Meaning.CUT),
        (_ASKS, Meaning.ASK),
    ):
        if piece.name in names:
            return found
    return Meaning.ASK if piece.data[:3] in (b"\x1dg2", b"\x1dg\x02") else Meaning.SETTING


def _of_function(piece: Piece) -> Meaning:
    """GS ( x pL pH cn fn and GS 8 L p1..p4 m fn."""
    group = piece.data[2:3]
    function = piece.data[8:9] if piece.name == b"\x1d8" else piece.data[6:7]
    if group == b"k":
        return Meaning.PRINT if function == b"Q" else Meaning.SETTING
    if group == b"L":
        return Meaning.PICTURE if function in (b"\x02", b"2", b"E", b"U") else Meaning.SETTING
    if group == b"A":
        return Meaning.PRINT  # a test page
    return Meaning.ASK if group in (b"H", b"E", b"C", b"M") else Meaning.SETTING


def picture_dots(piece: Piece) -> int:
    """Give the height in dots of a picture, 0 where the command does not tell it."""
    data = piece.data
    if piece.name == b"\x1dv" and len(data) >= 8:
        return int.from_bytes(data[6:8], "little")
    if piece.name == b"\x1b*" and len(data) >= 3:
        return 24 if data[2] in (32, 33) else 8
    if piece.name == b"\x1d(" and data[2:3] == b"L" and data[6:7] in (b"p", b"q") and len(data) >= 15:
        return int.from_bytes(data[13:15], "little")
    if piece.name == b"\x1d8" and data[8:9] in (b"p", b"q") and len(data) >= 17:
        return int.from_bytes(data[15:17], "little")
    return 0


def feed_dots(piece: Piece) -> int:
    """Give roughly how far a feed moves the paper."""
    if piece.data == b"\n":
        return LINE_DOTS
    return piece.data[2] * _FEED_ARGUMENT[piece.name] if piece.name in _FEED_ARGUMENT else 0


def feeds_itself(cut: Piece) -> bool:
    """Whether a cut feeds the paper to the cutter by itself (GS V 65, 66 and the like)."""
    return cut.name == b"\x1dV" and cut.data[2] in b"ABabgh"


def cut_words(cut: Piece) -> str:
    """Name a cut for the report.

    >>> cut_words(Piece(PieceKind.COMMAND, b"\\x1dV\\x42\\x00", b"\\x1dV"))
    'GS V 66 0'
    """
    if cut.name == b"\x1dV":
        return " ".join(["GS V", *(str(byte) for byte in cut.data[2:])])
    return {b"\x1bi": "ESC i", b"\x1bm": "ESC m"}[cut.name]
