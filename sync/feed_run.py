"""Several pages of a feed in one answer: what HQ wrote once for all tills of a brand, and what concerns one of them.

Pure; written by sync.hq.shared_feeds, read by sync.client. On the wire: a FeedRun as JSON, a line feed, then its pages,
each a FeedPage as JSON in a zstd frame of its own, `sizes` bytes long. An answer without a line feed is one FeedPage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Self

import zstandard
from pydantic import Field

from agent.domain.errors import HqUnreachable
from agent.limits import FEED_PAGE_ROWS, FEED_RUN_PAGES, LEASES_RECALLED
from sync.message import Count, Message
from sync.protocol import Feed, FeedPage

MEDIA_TYPE: Final = "application/x-feed-run"
_END: Final = b"\n"


class Mark(Message):
    """So many pages that balances speak of the same events of the asking workstation."""

    pages: Annotated[int, Field(ge=1, le=FEED_RUN_PAGES)]
    watermarks: dict[str, Count]
    """As of FeedPage."""


class FeedRun(Message):
    """What stands before the pages."""

    feed: Annotated[Feed, Field(strict=False)]
    sizes: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1, max_length=FEED_RUN_PAGES)]
    """Bytes of each page's frame, in order."""
    marks: list[Mark]
    """For all pages of the members feed, in order; none for other feeds."""
    cursor: Count
    """Behind the last page."""
    more: bool
    recalls: Annotated[list[str], Field(max_length=LEASES_RECALLED)]
    report: str


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """What HQ answered: pages of a run are unpacked one by one, for each costs the till's loop some milliseconds."""

    head: FeedRun | FeedPage
    frames: bytes

    @classmethod
    def model_validate_json(cls, content: bytes) -> Self:
        """Read an answer. Raises ValueError where it is none."""
        head, end, frames = content.partition(_END)
        return cls((FeedRun if end else FeedPage).model_validate_json(head), frames)

    def __iter__(self) -> Iterator[FeedPage]:
        """Each page, neighbours that speak of the same events as one. Raises HqUnreachable where it cannot be read."""
        if isinstance(self.head, FeedPage):
            yield self.head
            return
        try:
            yield from self._joined(self.head)
        except (ValueError, zstandard.ZstdError) as error:
            raise HqUnreachable("what HQ sent of a feed does not speak our protocol") from error

    def _joined(self, head: FeedRun) -> Iterator[FeedPage]:
        held: FeedPage | None = None
        for page in self._marked(head):
            if held is not None and held.watermarks == page.watermarks and _fit(held, page):
                held = page.model_copy(update={"rows": [*held.rows, *page.rows]})
                continue
            if held is not None:
                yield held
            held = page
        assert held is not None, "a run has pages"
        if held.cursor != head.cursor:
            raise ValueError("the last page is another")
        yield held.model_copy(update={"recalls": head.recalls, "report": head.report, "more": head.more})

    def _marked(self, head: FeedRun) -> Iterator[FeedPage]:
        marks = [mark.watermarks for mark in head.marks for _ in range(mark.pages)]
        if len(marks) != (len(head.sizes) if head.feed is Feed.MEMBERS else 0):
            raise ValueError("watermarks of other pages")
        if sum(head.sizes) != len(self.frames):
            raise ValueError("pages are missing")
        start, unpack = 0, zstandard.ZstdDecompressor()
        for place, size in enumerate(head.sizes):
            page = FeedPage.model_validate_json(unpack.decompress(self.frames[start : start + size]))
            yield page.model_copy(update={"watermarks": marks[place] if marks else {}, "more": True})
            start += size


def _fit(one: FeedPage, other: FeedPage) -> bool:
    return len(one.rows) + len(other.rows) <= FEED_PAGE_ROWS


def written(head: FeedRun, frames: list[bytes]) -> bytes:
    """The answer as it travels."""
    return b"".join([head.model_dump_json().encode(), _END, *frames])


def packed(page: FeedPage) -> bytes:
    """One page as a frame of a run; what it says of one workstation is left to the head."""
    return zstandard.ZstdCompressor(level=3).compress(page.model_dump_json().encode())
