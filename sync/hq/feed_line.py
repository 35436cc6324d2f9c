"""The newest part of one brand's feed, cut into pages that all its tills are given; what it knows is in memory alone.

Pure; used by sync.hq.shared_feeds, which reads the pages.

A page holds the rows whose numbers are behind `start` and up to `end`, as they were when it was read. A row that moves
later is in a later page as well, because its new number is beyond every number that was given when the page was read.
So whoever applies pages in order from any page that holds their cursor ends with the newest rows, and a page may be
applied twice. Balances go with the watermarks of the same moment: each page keeps those that had moved since the one
before it.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sync.hq.bounds import FEED_LINE_BYTES, FEED_LINE_S, FEED_SHARED_CALLERS, FEED_SHARED_S

Watermarks = Mapping[str, int]
"""Epoch -> seq of one workstation."""
Marks = Mapping[str, Watermarks]
"""Workstation -> its watermarks."""
_NONE: Final[Watermarks] = {}


@dataclass(frozen=True, slots=True)
class Cut:
    """One page as it was read: its frame, and every workstation's watermarks of the same moment."""

    start: int
    end: int
    rows: int
    frame: bytes
    marks: Marks
    more: bool
    """Whether rows stood behind it."""


@dataclass(slots=True)
class _Kept:
    cut: Cut
    made_s: float
    marks: Marks
    is_whole: bool
    """Whether `marks` names every workstation, or those alone whose watermarks had moved since the page before."""


@dataclass(frozen=True, slots=True)
class Given:
    """Pages for one workstation, each with its watermarks."""

    cuts: list[Cut]
    marks: list[Watermarks]
    more: bool


@dataclass(slots=True)
class Line:
    """Pages that follow each other, oldest first, and who asked of late."""

    _kept: deque[_Kept] = field(default_factory=deque)
    start: int | None = None
    """The cursor from which on the pages hold every row; None where there are no pages."""
    _bytes: int = 0
    _last: Marks = field(default_factory=dict)
    _asked_s: dict[str, float] = field(default_factory=dict)
    """Who asked last, and when: the last to ask at the end."""

    @property
    def end(self) -> int:
        """The cursor behind the last page."""
        return self._kept[-1].cut.end

    @property
    def more(self) -> bool:
        """Whether rows stood behind the last page as it was read."""
        return self._kept[-1].cut.more

    def asked(self, who: str, now_s: float) -> None:
        """Somebody asks."""
        self._asked_s.pop(who, None)
        self._asked_s[who] = now_s
        if len(self._asked_s) > FEED_SHARED_CALLERS:
            del self._asked_s[next(iter(self._asked_s))]

    def is_asked_by_many(self, now_s: float) -> bool:
        """Whether so many ask that nobody needs to see the very end."""
        if len(self._asked_s) < FEED_SHARED_CALLERS:
            return False
        return now_s - next(iter(self._asked_s.values())) < FEED_SHARED_S

    def rests(self, now_s: float, rest_s: float) -> bool:
        """Whether nobody needs a page beyond the last one, which is younger than `rest_s`, yet."""
        if not self._kept or self.more or not self.is_asked_by_many(now_s):
            return False
        return now_s - self._kept[-1].made_s < max(FEED_SHARED_S, rest_s)

    def forget(self, now_s: float) -> None:
        """Let go of pages that are too old, or too many."""
        while self._kept and (now_s - self._kept[0].made_s > FEED_LINE_S or self._bytes > FEED_LINE_BYTES):
            gone = self._kept.popleft()
            self._bytes -= len(gone.cut.frame)
            self.start = gone.cut.end if self._kept else None
            if self._kept and not self._kept[0].is_whole:
                first = self._kept[0]
                first.marks, first.is_whole = {**gone.marks, **first.marks}, True

    def clear(self) -> None:
        """Begin anew."""
        self._kept.clear()
        self.start, self._bytes = None, 0

    def append(self, cut: Cut, now_s: float) -> None:
        """Take the page that follows the last one."""
        assert not self._kept or cut.start == self.end, "pages follow each other"
        if self._kept:
            marks = {who: seen for who, seen in cut.marks.items() if self._last.get(who) != seen}
            self._kept.append(_Kept(_without(cut), now_s, marks, is_whole=False))
        else:
            self._kept.append(_Kept(_without(cut), now_s, cut.marks, is_whole=True))
            self.start = cut.start
        self._last = cut.marks
        self._bytes += len(cut.frame)

    def prepend(self, start: int, cuts: list[Cut], now_s: float) -> None:
        """Take the pages, in order, that hold every row behind `start` up to the first page."""
        self.start = start
        for cut in reversed(cuts):
            self._kept.appendleft(_Kept(_without(cut), now_s, cut.marks, is_whole=True))
            self._bytes += len(cut.frame)

    def is_full(self, after: int, most_bytes: int, most_pages: int) -> bool:
        """Whether the pages from the one that holds a cursor on are as many as one answer takes."""
        behind = [len(kept.cut.frame) for kept in self._kept if kept.cut.end > after]
        return len(behind) >= most_pages or sum(behind) >= most_bytes

    def behind(self, after: int, who: str, most_bytes: int, most_pages: int) -> Given:
        """The pages from the one that holds a cursor on, as many as fit (one at least), with one's watermarks."""
        cuts: list[Cut] = []
        marks: list[Watermarks] = []
        seen, size = _NONE, 0
        for kept in self._kept:
            seen = kept.marks.get(who, _NONE if kept.is_whole else seen)
            if kept.cut.end <= after:
                continue
            size += len(kept.cut.frame)
            if cuts and (size > most_bytes or len(cuts) == most_pages):
                return Given(cuts, marks, more=True)
            cuts.append(kept.cut)
            marks.append(seen)
        return Given(cuts, marks, more=bool(cuts) and self.more)


def _without(cut: Cut) -> Cut:
    return Cut(cut.start, cut.end, cut.rows, cut.frame, {}, cut.more)
