"""The downward check: the replica against HQ by digests over ranges of keys, repaired by range. Run by sync.reconcile.

A bounded number of rows per hour and feed, round robin. It compares only at HQ's own cursor; while HQ's feed moves on
it pulls and asks again, and leaves a feed that will not stand still to the next hour.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from agent.domain.errors import HqRejected
from agent.limits import FEED_PAGE_ROWS, RANGE_ROWS, RANGES_ASKED, REPLICA_CHECK_ROWS, SMALL_RANGE_ROWS
from agent.ports import Hq
from agent.proof_ports import ReplicaRows
from sync.feed_rows import LATER_FEEDS
from sync.proof import Finding
from sync.protocol import Feed, FeedRow
from sync.ranges import KeyRange, RangesAnswer, RangesRequest, digest_of, key_of, range_of

_ROUNDS = 3
_LACKING_ASKED = 20  # LIMIT: pages of rows fetched for what is lacking, in one check of a feed; beyond it all is loaded
_TABLE = {
    Feed.RULES: "rule_sets",
    Feed.ITEMS: "items",
    Feed.MERCHANTS: "merchants",
    Feed.MEMBERS: "members",
    Feed.IDENTITIES: "identities",
    Feed.COUPONS: "coupons",
}


async def _nobody(_: Feed) -> None:
    pass


class Pull(Protocol):
    """What reads the feeds (sync.pull)."""

    still: asyncio.Lock

    async def pull_all(self, *, to_end: bool = False) -> int:
        """Read every feed to its end; `to_end` is needed while many tills pull. It holds `still`."""
        ...


class Downward:
    """Checks and repairs the replica."""

    def __init__(
        self,
        replica: ReplicaRows,
        hq: Hq,
        puller: Pull,
        leases: Callable[[], Awaitable[list[Finding]]] | None = None,
    ) -> None:
        self._replica = replica
        self._hq = hq
        self._puller = puller
        self._leases = leases
        self._lacking = 0
        self.too_different: Callable[[Feed], Awaitable[None]] = _nobody
        """Told a feed of which so much differs that all of it should be loaded again."""

    async def check(self) -> list[Finding]:
        """Check the next part of every feed; what was missing, extra or altered (and is repaired). Raises SyncError."""
        await self._puller.pull_all(to_end=True)
        found: list[Finding] = []
        for feed in Feed:
            try:
                found += await self._feed(feed)
            except HqRejected as error:
                if error.code != "BODY_INVALID" or feed not in LATER_FEEDS:  # an HQ that does not know the feed yet
                    raise
        if self._leases is not None:
            found += await self._leases()
        return found

    async def _feed(self, feed: Feed) -> list[Finding]:
        for _ in range(_ROUNDS):
            ranges = (await self._replica.key_ranges(feed, RANGE_ROWS, REPLICA_CHECK_ROWS))[:RANGES_ASKED]
            answer = await self._ask(feed, ranges, rows=False)
            if answer is None:
                await self._puller.pull_all(to_end=True)
                continue
            found: list[Finding] = []
            self._lacking = 0
            for place in answer.differing:
                found += await self._range(feed, ranges[place])
                if self._lacking > _LACKING_ASKED:
                    await self.too_different(feed)
                    break
            await self._replica.checked(feed, ranges[-1].until)
            return found
        return []

    async def _ask(self, feed: Feed, ranges: list[KeyRange], *, rows: bool) -> RangesAnswer | None:
        """HQ's answer, None when it stands at another cursor."""
        cursor = await self._replica.cursor(feed)
        answer = await self._hq.ranges(RangesRequest(feed=feed, cursor=cursor, rows=rows, ranges=ranges))
        return answer if answer.cursor == cursor else None

    async def _range(self, feed: Feed, wide: KeyRange) -> list[Finding]:
        small = await self._replica.split(feed, wide, SMALL_RANGE_ROWS)
        found: list[Finding] = []
        while small and self._lacking <= _LACKING_ASKED:
            part = small[:RANGES_ASKED]
            # ORDER: no page comes between HQ's rows and their way in: an older row would stay under a newer cursor.
            async with self._puller.still:
                answer = await self._ask(feed, part, rows=True)
                if answer is None:
                    return found
                small = await self._settle(feed, small, part, answer, found)
        return found

    async def _settle(
        self, feed: Feed, small: list[KeyRange], part: list[KeyRange], answer: RangesAnswer, found: list[Finding]
    ) -> list[KeyRange]:
        """Repair what the answer shows; the ranges that are to be asked for next."""
        if len(answer.rows) == FEED_PAGE_ROWS and len(answer.differing) == 1:
            # More than fits: this is the beginning of the first range that differs; its rest is asked for next.
            self._lacking += 1
            [place] = answer.differing
            until = key_of(answer.rows[-1])
            found += await self._repair(feed, part[place].model_copy(update={"until": until}), answer)
            rest = await self._replica.rows(feed, until, part[place].until)
            return [range_of(rows=rest, after=until, until=part[place].until), *small[place + 1 :]]
        for place in answer.differing:
            found += await self._repair(feed, part[place], answer)
        # HQ leaves off before a range whose rows do not fit any more: behind the last one named, ask again.
        return small[answer.differing[-1] + 1 :] if answer.differing else small[len(part) :]

    async def _repair(self, feed: Feed, span: KeyRange, answer: RangesAnswer) -> list[Finding]:
        ours = {key_of(row): row for row in await self._replica.rows(feed, span.after, span.until)}
        theirs = {
            key_of(row): row
            for row in answer.rows
            if key_of(row) > span.after and (not span.until or key_of(row) <= span.until)
        }
        gone = [row for key, row in ours.items() if key not in theirs]
        fresh = [row for key, row in theirs.items() if key not in ours or digest_of(ours[key]) != digest_of(row)]
        await self._replica.repair(feed, gone, fresh, dict(answer.watermarks))
        return [_named(feed, row, "EXTRA") for row in gone] + [
            _named(feed, row, "ALTERED" if key_of(row) in ours else "MISSING") for row in fresh
        ]


def _named(feed: Feed, row: FeedRow, code: str) -> Finding:
    key = key_of(row).replace("\n", "/")
    return Finding(side="store", table=_TABLE[feed], epoch="replica", key=key, code=code, detail="HQ's row was taken",
                   heals=True)  # fmt: skip
