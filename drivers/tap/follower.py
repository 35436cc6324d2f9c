"""Follows the pieces of a stream: keeps the printer's state, fills papers, and marks where something could be inserted.

Pure; the lower half of drivers.tap.session, which decides when a job ends. Marks a place before the feed that leads to
a cut, because paper that was fed to the cutter is no place to print on.
"""

from dataclasses import replace

from agent import limits
from agent.domain.receipt import Document
from drivers.tap.held import Held
from drivers.tap.job import Action, Chosen, Job, Place, Rules, question
from drivers.tap.meaning import LINE_DOTS, Meaning, cut_words, feed_dots, feeds_itself, meaning
from drivers.tap.pieces import Piece, PieceKind, PieceReader
from drivers.tap.segment import Segment, Verdict
from drivers.tap.state import PrinterState


class Follower:
    """One stream as far as it was read. `state` is what an earlier stream left in the same printer."""

    def __init__(self, rules: Rules, state: PrinterState | None = None) -> None:
        self._rules = rules
        self.state = state if state is not None else PrinterState(rules.chinese_start)
        self._reader = PieceReader(rules.extra_commands)
        self._held = Held()
        self._pos = 0
        self._job = Job(0)
        self._doubt = ""
        self._unknown_bytes = 0
        self._tickets = 0
        self._answers: dict[int, Document | str] = {}
        self._last_s = 0.0
        self._actions: list[Action] = []
        self.closed = False

    def _take(self, piece: Piece, now_s: float) -> None:
        job, what = self._job, meaning(piece)
        if piece.kind is PieceKind.UNKNOWN:
            self._lose(f"unknown command {piece.data.hex(' ')} at {self._pos}", piece)
            return
        if piece.kind is PieceKind.DATA or what in (Meaning.PRINT, Meaning.PICTURE):
            job.tail = None
            if job.ending != "close":
                job.ending = ""
        elif what is Meaning.CUT:
            self._cut(piece)
        elif what in (Meaning.ASK, Meaning.REAL_TIME):
            job.tail = None
            if job.chosen is not None and not job.ending:
                patience_ms = limits.TAP_REAL_TIME_HOLD_MS if what is Meaning.REAL_TIME else limits.TAP_HOLD_MS
                job.ending, job.limit_s = "asked", now_s + patience_ms / 1000
        else:
            self._quiet(piece)
        self._job.segment.take(piece, what, self.state)
        self.state.take(piece, what)
        job.hash.update(piece.data)
        self._pos += len(piece.data)

    def _quiet(self, piece: Piece) -> None:
        """Nothing is printed: from here on it may all be the tail before a cut."""
        job = self._job
        ends_line = piece.data in (b"\n", b"\r") and not self.state.at_line_start
        here = self._pos >= self._held.start  # else a part of it was forwarded before it was whole
        if job.tail is None and job.segment.printed and not ends_line and here:
            job.tail = Place(self._pos, self.state.copy())
        if job.tail is not None:
            job.tail.dots += feed_dots(piece)

    def _cut(self, piece: Piece) -> None:
        job = self._job
        place = job.tail or Place(self._pos, self.state.copy())
        feed_lines = 0 if feeds_itself(piece) else max(0, limits.TAP_FEED_LINES - place.dots // LINE_DOTS)
        words = f"before the last cut ({cut_words(piece)})"
        if not job.segment.visible:
            # Blank paper between two cuts: the later one is the last. Two cuts in a row are one, written twice.
            if job.segment.moved and job.chosen is not None and place.offset >= self._held.start:
                job.chosen = replace(job.chosen, place=place, feed_lines=feed_lines, words=words)
            job.segment, job.tail = Segment(), None
            return
        verdict = self._judge()
        # A kitchen ticket behind the customer's receipt leaves the receipt's place as it is.
        if job.verdict is None or not verdict.why_not or job.verdict.why_not:
            job.verdict = verdict
        if not verdict.why_not and job.inserted_at is None:
            self._choose(place, verdict, feed_lines, words)
        job.segment, job.tail = Segment(), None

    def _judge(self) -> Verdict:
        rules = self._rules
        return self._job.segment.judge(rules.templates, utf8=self.state.utf8, pictures=rules.pictures)

    def _choose(
        self, place: Place, verdict: Verdict, feed_lines: int, words: str, *, only_at_close: bool = False
    ) -> None:
        gone = "" if place.offset >= self._held.start else "a part of the cut was forwarded before it was whole"
        self._job.why = place.state.unsafe() or gone
        if self._job.why:
            return
        self._tickets += 1
        self._job.chosen = Chosen(place, verdict, feed_lines, words, self._tickets, only_at_close)
        self._job.ending = "close" if self.closed else ""
        self._actions.append(question(self._tickets, self._job, verdict))

    def _lose(self, why: str, piece: Piece) -> None:
        """From here on nothing is understood: all of it is forwarded as it comes.

        But for a driver's last words: behind a feed to the cutter, with the stream's end right behind them. Whatever
        they do, it is done to a paper that is complete, and what is inserted stands in front of that feed.
        """
        self._doubt = why
        job, place = self._job, self._job.tail
        job.tail = job.chosen = None
        if place is None or place.dots < limits.TAP_FEED_LINES * LINE_DOTS or not job.segment.visible:
            return
        verdict = self._judge()
        if not verdict.why_not:
            job.verdict = verdict
            words = f"before the last feed (an unknown end, {piece.data.hex(' ')})"
            self._choose(place, verdict, 0, words, only_at_close=True)
