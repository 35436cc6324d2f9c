"""The puller asks once what has moved, reads that and no more, and loses nothing that pages used to bring."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from agent.domain.errors import HqRejected, HqUnreachable
from agent.limits import LOOK_AGAIN_S, PULL_INTERVAL_S
from agent.training import TrainingHq
from sync.protocol import Feed, FeedPage, FeedRow, LookAnswer, LookRequest, RulesRow
from sync.pull import Puller
from tests.simulation.loop import VirtualLoop, run

ALL = [feed.value for feed in Feed]


class Headquarters:
    """Feeds that end at `ends`; `said` is what it was asked."""

    def __init__(self) -> None:
        self.ends = dict.fromkeys(Feed, 5)
        self.said: list[str] = []
        self.recalls: list[str] = []
        self.report = ""
        self.fault: Exception | None = None
        """What a look is answered with."""
        self.at_s: list[float] = []

    async def look(self, request: LookRequest) -> LookAnswer:
        self.said.append("look")
        self.at_s.append(asyncio.get_running_loop().time())
        if self.fault is not None:
            raise self.fault
        moved = [feed for feed in Feed if request.cursors[feed.value] != self.ends[feed]]
        return LookAnswer(moved=moved, recalls=self.recalls, report=self.report)

    async def pull_alone(self, feed: Feed, cursor: int) -> list[FeedPage]:
        self.said.append("alone:")
        return await self.pull(feed, cursor)

    async def pull(self, feed: Feed, cursor: int) -> list[FeedPage]:
        self.said.append(feed.value)
        end = self.ends[feed]
        if cursor > end:
            raise HqRejected("ahead", status=409, code="CURSOR_AHEAD")
        rows: list[FeedRow] = [RulesRow(version=end, body="{}")] if cursor < end else []
        members: dict[str, Any] = {"recalls": self.recalls, "report": self.report} if feed is Feed.MEMBERS else {}
        return [FeedPage(feed=feed, rows=rows, cursor=end, more=False, **members)]


class Replica:
    """Cursors alone."""

    def __init__(self) -> None:
        self.cursors = dict.fromkeys(Feed, 5)

    async def cursor(self, feed: Feed) -> int:
        return self.cursors[feed]

    async def apply(self, page: FeedPage) -> None:
        self.cursors[page.feed] = page.cursor


class Dice:
    """The lower or the upper end, as a test says."""

    def __init__(self) -> None:
        self.high = False

    def uniform(self, low: float, high: float) -> float:
        return high if self.high else low


class Pulled:
    """A puller with all that it tells."""

    def __init__(self) -> None:
        self.hq, self.replica, self.dice = Headquarters(), Replica(), Dice()
        replica: Any = self.replica
        hq: Any = self.hq
        dice: Any = self.dice
        self.puller = Puller(replica, hq, dice, self._on_rows)
        self.puller.on_recalls = self._on_recalls
        self.puller.on_report = self._on_report
        self.puller.on_pulled = self._on_pulled
        self.recalled: list[str] = []
        self.reported: list[str] = []
        self.whole = 0

    async def _on_rows(self, _feed: Feed, _rows: int) -> None:
        pass

    async def _on_recalls(self, lease_ids: Sequence[str]) -> None:
        self.recalled += lease_ids

    async def _on_report(self, restoration: str) -> None:
        self.reported.append(restoration)

    async def _on_pulled(self) -> None:
        self.whole += 1

    async def asked(self) -> list[str]:
        """Pull once; what HQ was asked."""
        self.hq.said.clear()
        await self.puller.pull_all()
        return list(self.hq.said)


def play(story: Callable[[Pulled], Awaitable[None]]) -> None:
    async def whole() -> None:
        await story(Pulled())

    run(whole(), VirtualLoop())


def test_where_nothing_has_moved_one_call_says_so_and_every_feed_is_at_its_end() -> None:
    async def story(at: Pulled) -> None:
        assert await at.asked() == ["look"]
        assert at.whole == 1

    play(story)


def test_only_what_has_moved_is_read_in_the_order_of_feeds() -> None:
    async def story(at: Pulled) -> None:
        at.hq.ends |= {Feed.COUPONS: 7, Feed.ITEMS: 6}
        assert await at.asked() == ["look", "items", "coupons"]
        assert (at.replica.cursors, at.whole) == (at.hq.ends, 1)
        assert await at.asked() == ["look"]

    play(story)


def test_recalls_and_the_question_after_a_restoration_ride_on_the_look_and_are_told_once() -> None:
    async def story(at: Pulled) -> None:
        at.hq.recalls, at.hq.report = ["ls_1.1"], "rs_1"
        assert await at.asked() == ["look"]
        assert (at.recalled, at.reported) == (["ls_1.1"], ["rs_1"])
        at.hq.ends[Feed.MEMBERS] = 6
        assert await at.asked() == ["look", "members"]
        assert (at.recalled, at.reported) == (["ls_1.1"] * 2, ["rs_1"] * 2), "by the page, of the later moment"

    play(story)


def test_an_answer_to_a_restoration_that_fails_keeps_no_price_from_the_till() -> None:
    async def story(at: Pulled) -> None:
        async def fails(_: str) -> None:
            raise HqUnreachable("away again")

        at.puller.on_report = fails
        at.hq.report, at.hq.ends[Feed.ITEMS] = "rs_1", 6
        with pytest.raises(HqUnreachable):
            await at.puller.pull_all()
        assert (at.replica.cursors[Feed.ITEMS], at.whole) == (6, 0)

    play(story)


def test_a_cursor_ahead_of_a_restored_hq_reads_that_feed_again_from_its_start() -> None:
    async def story(at: Pulled) -> None:
        at.hq.ends[Feed.MEMBERS] = 3
        assert await at.asked() == ["look", "members", "members"]
        assert (at.replica.cursors[Feed.MEMBERS], at.whole) == (3, 1)
        assert await at.asked() == ["look"]

    play(story)


@pytest.mark.parametrize(("status", "code"), [(404, "NOT_FOUND"), (405, "METHOD_NOT_ALLOWED")])
def test_an_hq_of_before_is_read_page_by_page_and_asked_again_after_an_hour(status: int, code: str) -> None:
    async def story(at: Pulled) -> None:
        at.hq.fault = HqRejected("no such call", status=status, code=code)
        assert await at.asked() == ["look", *ALL]
        await asyncio.sleep(LOOK_AGAIN_S - 1)
        assert await at.asked() == ALL
        assert at.whole == 2
        at.hq.fault = None  # upgraded
        await asyncio.sleep(2)
        assert await at.asked() == ["look"]

    play(story)


def test_any_other_no_is_no_older_hq() -> None:
    async def story(at: Pulled) -> None:
        for fault in (HqRejected("revoked", status=401, code="WORKSTATION_REVOKED"), HqUnreachable("busy")):
            at.hq.fault = fault
            with pytest.raises(type(fault)):
                await at.puller.pull_all()
            assert at.hq.said == ["look"]
            at.hq.said.clear()
        assert at.whole == 0

    play(story)


def test_to_the_very_end_is_read_behind_what_many_share() -> None:
    async def story(at: Pulled) -> None:
        at.hq.ends |= {Feed.ITEMS: 6}
        await at.puller.pull_all(to_end=True)
        assert at.hq.said == ["look", "items", "alone:", "items"]
        assert (at.replica.cursors, at.whole) == (at.hq.ends, 1)

    play(story)


def test_a_replica_that_is_not_in_use_is_filled_without_a_look() -> None:
    async def story(at: Pulled) -> None:
        at.puller.ask = at.hq.pull
        assert await at.asked() == ALL

    play(story)


def test_tills_that_begin_fail_or_are_woken_together_do_not_come_back_together() -> None:
    async def first_pauses(*, high: bool) -> list[float]:
        at = Pulled()
        at.dice.high = high
        running = asyncio.create_task(at.puller.run())
        await asyncio.sleep(5 * PULL_INTERVAL_S)
        at.puller.wake.set()
        await asyncio.sleep(2.5 * PULL_INTERVAL_S)
        running.cancel()
        times = at.hq.at_s
        woken = next(place for place, time in enumerate(times) if time - times[0] == 5 * PULL_INTERVAL_S)
        return [times[1] - times[0], times[2] - times[1], times[woken + 1] - times[woken]]

    async def story(_: Pulled) -> None:
        assert await first_pauses(high=False) == pytest.approx([1, 54, 1])
        assert await first_pauses(high=True) == pytest.approx([60, 66, 60])

    play(story)


def test_a_till_in_training_leaves_alone_what_concerns_its_real_books() -> None:
    async def story(at: Pulled) -> None:
        unused: Any = None
        hq: Any = at.hq
        at.hq.recalls, at.hq.report, at.hq.ends[Feed.ITEMS] = ["ls_1.1"], "rs_1", 6
        cursors = {feed.value: no for feed, no in at.replica.cursors.items()}
        training = TrainingHq(hq, unused, unused, unused)
        assert await training.look(LookRequest(cursors=cursors)) == LookAnswer(moved=[Feed.ITEMS])

    play(story)
