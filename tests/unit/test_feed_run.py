"""Several pages in one answer: read as single pages would be, and refused whole where they cannot be."""

from typing import Any

import pytest
from pydantic import ValidationError

from agent.domain.errors import HqUnreachable
from agent.limits import FEED_PAGE_ROWS
from sync.feed_run import FeedAnswer, FeedRun, Mark, packed, written
from sync.protocol import Feed, FeedPage, FeedRow, ItemRow, MemberRow


def members(first: int, count: int, cursor: int) -> FeedPage:
    rows: list[FeedRow] = [
        MemberRow(member_id=f"m{first + n}", tier_id="plain", points=n, masked="") for n in range(count)
    ]
    return FeedPage(feed=Feed.MEMBERS, rows=rows, cursor=cursor, more=True)


def head(frames: list[bytes], marks: list[Mark], **changes: Any) -> FeedRun:
    told: dict[str, Any] = {
        "feed": Feed.MEMBERS,
        "cursor": 9,
        "more": False,
        "recalls": ["ls_1"],
        "report": "r1",
        **changes,
    }
    return FeedRun.model_validate({"sizes": [len(frame) for frame in frames], "marks": marks, **told})


def run(pages: list[FeedPage], marks: list[Mark], **changes: Any) -> FeedAnswer:
    frames = [packed(page) for page in pages]
    return FeedAnswer.model_validate_json(written(head(frames, marks, **changes), frames))


def test_a_page_is_an_answer() -> None:
    page = members(0, 2, 5)
    assert list(FeedAnswer.model_validate_json(page.model_dump_json().encode())) == [page]


def test_pages_have_their_watermarks_and_the_last_one_says_the_rest() -> None:
    pages = [members(0, 1, 3), members(1, 2, 6), members(3, 1, 9)]
    marks = [Mark(pages=1, watermarks={"e1": 4}), Mark(pages=2, watermarks={"e1": 7})]
    first, last = run(pages, marks)
    assert (first.rows, first.cursor, first.more, first.watermarks) == (pages[0].rows, 3, True, {"e1": 4})
    assert (first.recalls, first.report) == ([], "")
    assert last.rows == [*pages[1].rows, *pages[2].rows], "neighbours that speak of the same events are one"
    assert (last.cursor, last.more, last.watermarks) == (9, False, {"e1": 7})
    assert (last.recalls, last.report) == (["ls_1"], "r1")
    assert [page.more for page in run(pages, marks, more=True)] == [True, True]


def test_no_page_grows_beyond_what_a_page_may_have() -> None:
    half = FEED_PAGE_ROWS // 2
    pages = [members(0, half, 3), members(half, half, 6), members(2 * half, 1, 9)]
    assert [len(page.rows) for page in run(pages, [Mark(pages=3, watermarks={})])] == [2 * half, 1]


def test_other_feeds_have_no_watermarks() -> None:
    item = ItemRow(sku="A", barcode="", name="乌龙茶", list_fen=100)
    page = FeedPage(feed=Feed.ITEMS, rows=[item], cursor=9, more=True)
    [read] = run([page], [], feed=Feed.ITEMS)
    assert (read.rows, read.watermarks, read.more) == ([item], {}, False)


@pytest.mark.parametrize("content", [b"", b"<html>\n<body>sign in</body></html>", b"{}", b"{}\n", b"\n", b"null\nx"])
def test_what_is_neither_is_refused_at_once(content: bytes) -> None:
    with pytest.raises(ValidationError):
        FeedAnswer.model_validate_json(content)


def test_pages_that_cannot_be_read_are_no_answer_of_hq() -> None:
    frame = packed(members(0, 1, 9))
    mark = [Mark(pages=1, watermarks={})]
    whole = written(head([frame], mark), [frame])
    for broken in (
        whole[:-1],
        whole[:-3] + b"xyz",
        written(head([frame], []), [frame]),
        written(head([frame], [Mark(pages=2, watermarks={})]), [frame]),
        written(head([b"{}"], mark), [b"{}"]),
    ):
        with pytest.raises(HqUnreachable):
            list(FeedAnswer.model_validate_json(broken))
