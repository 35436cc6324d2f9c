"""A till that is upgraded before HQ does without the feeds that HQ does not know yet, and with all others."""

import asyncio
from pathlib import Path

import pytest

from agent.domain.errors import HqRejected
from agent.system import SystemEntropy
from sync.downward import Downward
from sync.feed_rows import LATER_FEEDS
from sync.hq import ranges
from sync.protocol import Feed, FeedPage, LookAnswer, LookRequest
from sync.pull import Puller
from sync.ranges import RangesAnswer, RangesRequest
from tests.unit.test_hq_feeds import page
from tests.unit.test_replica import Pair, in_pair


class OlderHq:
    """The HQ of a Pair as it was before `unknown` feeds; only what pull and the downward check ask of it."""

    def __init__(self, pair: Pair, unknown: frozenset[Feed]) -> None:
        self._hq = pair.hq
        self._unknown = unknown

    async def pull(self, feed: Feed, cursor: int) -> list[FeedPage]:
        if feed in self._unknown:
            raise HqRejected(f"no such feed: {feed}", status=404, code="FEED_UNKNOWN")
        return [await page(self._hq, feed, cursor)]

    async def pull_alone(self, feed: Feed, cursor: int) -> list[FeedPage]:
        return await self.pull(feed, cursor)

    async def look(self, request: LookRequest) -> LookAnswer:
        raise HqRejected("no such call", status=404, code="NOT_FOUND")

    async def ranges(self, request: RangesRequest) -> RangesAnswer:
        if request.feed in self._unknown:
            raise HqRejected("feed", status=422, code="BODY_INVALID")
        return await self._hq._read(lambda c: ranges.compare(c, self._hq._known(c, "S1-1"), request))


async def _nothing(_feed: Feed, _rows: int) -> None:
    await asyncio.sleep(0)


@pytest.mark.parametrize("unknown", [LATER_FEEDS, frozenset({Feed.MEMBERS})])
def test_only_feeds_that_came_later_may_be_missing(tmp_path: Path, unknown: frozenset[Feed]) -> None:
    async def story(pair: Pair) -> None:
        hq = OlderHq(pair, unknown)
        puller = Puller(pair.replica, hq, SystemEntropy(), _nothing)  # type: ignore[arg-type]
        downward = Downward(pair.rows, hq, puller)  # type: ignore[arg-type]
        if unknown != LATER_FEEDS:
            with pytest.raises(HqRejected):
                await puller.pull_all()
            return
        assert await downward.check() == []
        counted = await pair.replica.counts()
        assert (counted["members"], counted["items"], counted["coupons"]) == (2, 2, 0)
        later = Puller(pair.replica, OlderHq(pair, frozenset()), SystemEntropy(), _nothing)  # type: ignore[arg-type]
        await later.pull_all()
        assert (await pair.replica.counts())["coupons"] == 2

    in_pair(tmp_path, story)
