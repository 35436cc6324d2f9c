"""HQ -> replica: change feeds by cursor, applied in bounded jobs.

Run by the composition root; also called by reconcile and by `pos-agent run` at start. It never touches books.db.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from agent.domain.errors import DiskLow, HqRejected, SyncError
from agent.limits import BACKOFF_BASE_S, BACKOFF_CAP_S, PULL_INTERVAL_S
from agent.ports import Entropy, Hq, Replica
from sync.feed_rows import LATER_FEEDS
from sync.protocol import Feed, FeedPage

OnRows = Callable[[Feed, int], Awaitable[None]]


async def _nobody(_: Sequence[str]) -> None:
    pass


async def _nothing() -> None:
    pass


class Puller:
    """Keeps the replica up to date."""

    def __init__(self, replica: Replica, hq: Hq, entropy: Entropy, on_rows: OnRows) -> None:
        self._replica = replica
        self._hq = hq
        self._entropy = entropy
        self._on_rows = on_rows
        self.wake = asyncio.Event()
        self.on_recalls: Callable[[Sequence[str]], Awaitable[None]] = _nobody
        """Told the leases of this workstation that HQ wants back."""
        self.on_pulled: Callable[[], Awaitable[None]] = _nothing
        """Told that every feed was read to its end."""

    async def pull_all(self) -> int:
        """Read every feed to its end; how many rows were applied. Raises SyncError."""
        total = 0
        for feed in Feed:
            total += await self._pull(feed)
        await self.on_pulled()
        return total

    async def _pull(self, feed: Feed) -> int:
        applied = 0
        while True:
            page = await self._page(feed)
            if page.recalls:
                await self.on_recalls(page.recalls)
            if page.rows:
                await self._replica.apply(page)
                applied += len(page.rows)
                await self._on_rows(feed, applied)
            if not page.more:
                return applied

    async def _page(self, feed: Feed) -> FeedPage:
        try:
            return await self._hq.pull(feed, await self._replica.cursor(feed))
        except HqRejected as error:
            if error.code == "FEED_UNKNOWN" and feed in LATER_FEEDS:  # an HQ that is upgraded after its tills
                return FeedPage(feed=feed, rows=[], cursor=await self._replica.cursor(feed), more=False)
            if error.code != "CURSOR_AHEAD":
                raise
            # HQ was restored from a backup: its feed is shorter than what we have read. Rows are upserts, so the
            # whole feed is read again; what HQ no longer knows is found by the downward check.
            return await self._hq.pull(feed, 0)

    async def run(self, interval_s: float = PULL_INTERVAL_S) -> None:
        """Pull for ever, every `interval_s` or when woken; failures wait longer, up to the cap."""
        failures = 0
        while True:
            self.wake.clear()
            try:
                await self.pull_all()
                failures, pause = 0, interval_s
            except (SyncError, DiskLow):  # the client tells whether HQ is there, the room whether the disk is full
                failures += 1
                pause = self._entropy.uniform(BACKOFF_BASE_S, min(BACKOFF_CAP_S, interval_s * 2 ** min(failures, 8)))
            try:
                async with asyncio.timeout(pause):
                    await self.wake.wait()
            except TimeoutError:
                continue
