"""One piece of paper: what was printed between two cuts, and what kind of paper that makes it.

Pure; used by drivers.tap.session.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from agent import limits
from drivers.tap.lines import Lines
from drivers.tap.meaning import Meaning, picture_dots
from drivers.tap.pieces import Piece, PieceKind
from drivers.tap.recognise import Recognised, TapTender, recognise
from drivers.tap.state import PrinterState
from drivers.tap.templates import Templates

_MOVES: Final = (b"\x1b$", b"\x1b\\")
_BLANKS: Final = b" \xa1"  # a full-width space is A1 A1
_ENDS_LINE: Final = (Meaning.FEED, Meaning.PICTURE, Meaning.CUT)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a paper is, and `why_not` nothing may be added to it; empty when something may."""

    kind: str
    why_not: str
    total_fen: int | None = None
    tenders: Sequence[TapTender] = ()
    transaction_ids: Sequence[str] = ()


@dataclass(slots=True)
class Segment:
    """What was printed since the last cut."""

    lines: Lines = field(default_factory=Lines)
    dots: int = 0
    """Height of all pictures."""
    printed: bool = False
    visible: bool = False
    """Something else than blanks was printed."""
    moved: bool = False
    """Something was printed or fed."""
    pulses: int = 0
    asks: int = 0

    def take(self, piece: Piece, meaning: Meaning, state: PrinterState) -> None:
        """Follow one piece, printed in this state."""
        if piece.kind is PieceKind.TEXT:
            self.lines.write(piece.data, chinese=state.chinese, code_page=state.code_page)
        elif piece.data == b"\t" or piece.name in _MOVES:
            self.lines.gap()
        elif piece.data != b"\r" and (meaning in _ENDS_LINE or meaning is Meaning.PRINT or piece.name == b"\x1b@"):
            self.lines.end_line()
        self.dots += picture_dots(piece)
        printed = meaning in (Meaning.PRINT, Meaning.PICTURE)
        self.printed |= printed
        self.visible |= printed and (piece.kind is not PieceKind.TEXT or bool(piece.data.strip(_BLANKS)))
        self.moved |= printed or meaning is Meaning.FEED
        self.pulses += meaning is Meaning.PULSE or piece.data[:3] == b"\x10\x14\x01"
        self.asks += meaning in (Meaning.ASK, Meaning.REAL_TIME) and piece.data[:2] != b"\x10\x14"

    def judge(self, templates: Templates, *, utf8: bool, pictures: bool) -> Verdict:
        """Say what this paper is; `pictures` allows to add to papers that are one picture."""
        lines = self.lines.read(utf8=utf8)
        if self.lines.too_long:
            return Verdict("text", f"more than {limits.TAP_TEXT_BYTES} bytes of text on one paper")
        if any(char.isalnum() for line in lines for char in line):
            return _of_text(recognise(lines, templates))
        if self.dots >= limits.TAP_PICTURE_DOTS:
            return Verdict("picture", "" if pictures else "nothing is added to pictures here (settings)")
        if self.printed:
            return Verdict("text", "no text and no picture of a receipt's size")
        if self.pulses:
            return Verdict("drawer", "only the drawer is opened")
        return Verdict("status", "only questions are asked") if self.asks else Verdict("settings", "nothing is printed")


def _of_text(read: Recognised) -> Verdict:
    why_not = {"receipt": read.doubt and f"in doubt: {read.doubt}", "text": "no total was found"}.get(
        read.paper, f"this is a {read.paper.replace('_', ' ')} and no customer's receipt"
    )
    return Verdict(read.paper, why_not, read.total_fen, read.tenders, read.transaction_ids)
