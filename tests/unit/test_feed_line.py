"""What HQ keeps of a feed for all tills: pages from any cursor on, each with the watermarks of its own moment."""

from typing import Any

from sync.hq.bounds import FEED_LINE_BYTES, FEED_LINE_S, FEED_SHARED_CALLERS, FEED_SHARED_S
from sync.hq.feed_line import Cut, Line

EVERYTHING = 2**40


def cut(start: int, end: int, *, more: bool = False, size: int = 10, **seqs: int) -> Cut:
    """A page; `seqs` are the workstations' watermarks of one epoch."""
    marks = {who: {"e": seq} for who, seq in seqs.items()}
    return Cut(
        start=start, end=end, rows=end - start, frame=end.to_bytes(4, "big") + bytes(size - 4), marks=marks, more=more
    )


def ends(line: Line, after: int, most_bytes: int = EVERYTHING, most_pages: int = 99) -> list[int]:
    given = line.behind(after, "a", most_bytes, most_pages)
    found = [int.from_bytes(frame[:4], "big") for frame in given.frames]
    assert given.cursor == (found[-1] if found else after)
    return found


def seen(line: Line, after: int, who: str) -> list[int]:
    """The watermark of each page, 0 for none."""
    return [marks.get("e", 0) for marks in line.behind(after, who, EVERYTHING, 99).marks]


def three() -> Line:
    line = Line()
    line.append(cut(10, 20, a=1), 0)
    line.append(cut(20, 30, a=2, b=5), 1)
    line.append(cut(30, 40, a=2, b=6), 2)
    return line


def test_pages_begin_with_the_one_that_holds_the_cursor() -> None:
    line = three()
    assert (line.start, line.end) == (10, 40)
    assert [ends(line, after) for after in (10, 19, 20, 25, 39, 40, 50)] == [
        [20, 30, 40], [20, 30, 40], [30, 40], [30, 40], [40], [], []
    ]  # fmt: skip


def test_every_page_has_the_watermarks_of_its_own_moment() -> None:
    line = three()
    assert seen(line, 10, "a") == [1, 2, 2]
    assert seen(line, 10, "b") == [0, 5, 6]
    assert seen(line, 30, "a") == [2], "known from a page that is not among them"
    assert seen(line, 10, "nobody") == [0, 0, 0]


def test_watermarks_outlive_the_page_they_came_with() -> None:
    line = three()
    line.forget(FEED_LINE_S + 1.5)
    assert (line.start, ends(line, 10)) == (30, [40])
    assert (seen(line, 30, "a"), seen(line, 30, "b")) == ([2], [6])
    line.forget(FEED_LINE_S + 3)
    assert (line.start, ends(line, 10)) == (None, [])
    line.append(cut(70, 80, b=7), 900)
    assert (line.start, seen(line, 70, "a"), seen(line, 70, "b")) == (70, [0], [7])


def test_pages_before_the_first_are_of_a_later_moment_and_change_nothing_behind_them() -> None:
    line = three()
    before = Line()
    before.append(cut(2, 6, a=9, b=9), 3)
    before.append(cut(6, 10, a=9), 3)
    line.prepend(2, before)
    assert (line.start, ends(line, 3)) == (2, [6, 10, 20, 30, 40])
    assert seen(line, 2, "a") == [9, 9, 1, 2, 2]
    assert seen(line, 2, "b") == [9, 0, 0, 5, 6]
    line.append(cut(40, 50, a=3, b=6), 4)
    assert seen(line, 30, "a") == [2, 3]
    line.forget(FEED_LINE_S + 0.5)
    assert (line.start, seen(line, 20, "b")) == (20, [5, 6, 6]), "they are as old as the page they stand before"


def test_no_rows_before_the_first_page_is_known_as_well() -> None:
    line = three()
    line.prepend(5, Line())
    assert (line.start, ends(line, 5)) == (5, [20, 30, 40])


def test_an_answer_has_as_many_pages_as_fit_and_one_at_least() -> None:
    line = three()
    assert ends(line, 10, most_bytes=20) == [20, 30]
    assert ends(line, 10, most_bytes=1) == [20]
    assert ends(line, 10, most_pages=2) == [20, 30]
    assert line.behind(10, "a", 20, 99).more
    assert not line.behind(10, "a", 30, 99).more
    assert [line.is_full(10, 30, 99), line.is_full(10, 31, 99), line.is_full(10, 99, 3), line.is_full(20, 99, 3)] == [
        True, False, True, False
    ]  # fmt: skip
    line.append(cut(40, 50, more=True), 3)
    assert line.behind(10, "a", EVERYTHING, 99).more, "the feed goes on behind the last page"
    assert not line.behind(50, "a", EVERYTHING, 99).more, "what goes on is not among these"


def test_what_is_too_much_is_forgotten_from_the_front() -> None:
    line = Line()
    for place in range(3):
        line.append(cut(place, place + 1, size=FEED_LINE_BYTES // 2), place)
    line.forget(3)
    assert (line.start, ends(line, 0)) == (1, [2, 3])


def test_what_is_kept_of_workstations_counts_as_well() -> None:
    line = Line()
    many: dict[str, Any] = {f"w{number}": number for number in range(1000)}
    for place in range(4):
        line.append(cut(100 + place, 101 + place, **{**many, "w0": place}), place)
    before = line._bytes
    assert before == sum(kept.size for kept in line._kept)
    other = Line()
    for place in range(3):
        other.append(cut(97 + place, 98 + place, **many), 9)
    line.prepend(97, other)
    assert line._bytes == sum(kept.size for kept in line._kept)
    assert line._bytes < before * 1.1, "each page but the first names those that moved"
    line.forget(FEED_LINE_S + 1.5)
    assert line._bytes == sum(kept.size for kept in line._kept)


def test_many_askers_share_a_young_page_and_few_see_the_very_end() -> None:
    line = three()
    for number in range(FEED_SHARED_CALLERS - 1):
        line.asked(f"till {number}", 2.0)
        line.asked("till 0", 2.0)
    assert not line.rests(2.1, 0), "one till that asks often is not many"
    line.asked("one more", 2.2)
    assert line.rests(2.3, 0)
    assert not line.rests(2 + FEED_SHARED_S, 0), "the page is old"
    for number in range(FEED_SHARED_CALLERS):
        line.asked(f"till {number}", 4.0)
    assert not line.rests(4.0, 0)
    assert line.rests(4.0, 3.0), "a page that took long serves longer"
    line.append(cut(40, 50, more=True), 4.0)
    assert not line.rests(4.0, 3.0), "there is more already"


def test_nobody_shares_what_is_not_there() -> None:
    line = Line()
    for number in range(FEED_SHARED_CALLERS):
        line.asked(f"till {number}", 0)
    assert not line.rests(0, 9)
    assert ends(line, 0) == []
    line.clear()
    assert line.start is None
