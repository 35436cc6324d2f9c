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
_MARK_BYTES: Final = 400  # of memory, for a workstation named by a page


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
    leapt: int = 0
    """Of sync.hq.feeds.End, at the same moment."""


@dataclass(slots=True)
class _Kept:
    end: int
    frame: bytes
    made_s: float
    marks: Marks
    """Of every workstation on the first page; on others where they are not those of the page before."""

    @property
    def size(self) -> int:
        return len(self.frame) + _MARK_BYTES * len(self.marks)


@dataclass(frozen=True, slots=True)
class Given:
    """Pages for one workstation, each with its watermarks."""

    frames: list[bytes]
    marks: list[Watermarks]
    cursor: int
    """Behind the last of them."""
    more: bool


@dataclass(slots=True)
class Line:
    """Pages that follow each other, in the order of the feed, and who asked of late."""

    _kept: deque[_Kept] = field(default_factory=deque)
    start: int | None = None
    """The cursor from which on the pages hold every row; None where there are no pages."""
    _bytes: int = 0
    _last: Marks = field(default_factory=dict)
    """Every workstation's watermarks as of the last page."""
    _more: bool = False
    _asked_s: dict[str, float] = field(default_factory=dict)
    """Who asked last, and when: the last to ask at the end."""

    @property
    def end(self) -> int:
        """The cursor behind the last page."""
        return self._kept[-1].end

    def is_past(self, last_no: int) -> bool:
        """Whether the pages go on beyond what was said to be the feed's end."""
        return bool(self._kept) and self.end > last_no

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
        if not self._kept or self._more or not self.is_asked_by_many(now_s):
            return False
        return now_s - self._kept[-1].made_s < max(FEED_SHARED_S, rest_s)

    def forget(self, now_s: float) -> None:
        """Let go of pages that are too old, or too many."""
        while self._kept and (now_s - self._kept[0].made_s > FEED_LINE_S or self._bytes > FEED_LINE_BYTES):
            gone = self._kept.popleft()
            self._bytes -= gone.size
            self.start = gone.end if self._kept else None
            if self._kept:
                self._replace_first({**gone.marks, **self._kept[0].marks})
            else:
                self._last = {}

    def clear(self) -> None:
        """Begin anew."""
        self._kept.clear()
        self.start, self._bytes, self._last = None, 0, {}

    def append(self, cut: Cut, now_s: float) -> None:
        """Take the page that follows the last one."""
        if self.start is None:
            self.start = cut.start
        assert not self._kept or cut.start == self.end, "pages follow each other"
        kept = _Kept(cut.end, cut.frame, now_s, _moved(self._last, cut.marks))
        self._kept.append(kept)
        self._bytes += kept.size
        self._last, self._more = cut.marks, cut.more

    def prepend(self, start: int, before: "Line") -> None:
        """Take the pages of another line: they hold every row behind `start` up to our first page, and are as old."""
        self.start = start
        if not before._kept:
            return
        first = self._kept[0]
        self._replace_first(_moved(before._last, first.marks))
        for kept in reversed(before._kept):
            kept.made_s = first.made_s
            self._kept.appendleft(kept)
        self._bytes += before._bytes

    def _replace_first(self, marks: Marks) -> None:
        first = self._kept[0]
        self._bytes -= first.size
        first.marks = marks
        self._bytes += first.size

    def is_full(self, after: int, most_bytes: int, most_pages: int) -> bool:
        """Whether the pages from the one that holds a cursor on are as many as one answer takes."""
        behind = [len(kept.frame) for kept in self._kept if kept.end > after]
        return len(behind) >= most_pages or sum(behind) >= most_bytes

    def behind(self, after: int, who: str, most_bytes: int, most_pages: int) -> Given:
        """The pages from the one that holds a cursor on, as many as fit (one at least), with one's watermarks."""
        frames: list[bytes] = []
        marks: list[Watermarks] = []
        seen, size, cursor = _NONE, 0, after
        for kept in self._kept:
            seen = kept.marks.get(who, seen)
            if kept.end <= after:
                continue
            size += len(kept.frame)
            if frames and (size > most_bytes or len(frames) == most_pages):
                return Given(frames, marks, cursor, more=True)
            frames.append(kept.frame)
            marks.append(seen)
            cursor = kept.end
        return Given(frames, marks, cursor, more=bool(frames) and self._more)


def _moved(before: Marks, after: Marks) -> Marks:
    """The workstations whose watermarks differ, with those of `after`: which may also be the earlier moment."""
    there = {who: seen for who, seen in after.items() if before.get(who) != seen}
    return there | dict.fromkeys(before.keys() - after.keys(), _NONE)
