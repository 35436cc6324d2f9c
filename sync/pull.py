"""HQ -> replica: change feeds by cursor, applied in bounded jobs.

Run by the composition root; also called by reconcile and by `pos-agent run` at start. It never touches books.db.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from agent.domain.errors import DiskLow, HqRejected, SyncError
from agent.limits import BACKOFF_BASE_S, BACKOFF_CAP_S, PULL_INTERVAL_S, SNAPSHOT_ASK_PAGES
from agent.ports import Entropy, Hq
from agent.replica_ports import Replica
from sync.feed_rows import LATER_FEEDS
from sync.patience import asked, pause_s
from sync.protocol import Feed, FeedPage

OnRows = Callable[[Feed, int], Awaitable[None]]


async def _nobody(_: Sequence[str]) -> None:
    pass


async def _unheard(_: str) -> None:
    pass


async def _nothing() -> None:
    pass


async def _never() -> bool:
    return False


class Puller:
    """Keeps the replica up to date."""

    def __init__(self, replica: Replica, hq: Hq, entropy: Entropy, on_rows: OnRows) -> None:
        self._replica = replica
        self._hq = hq
        self._entropy = entropy
        self._on_rows = on_rows
        self.wake = asyncio.Event()
        self.ask: Callable[[Feed, int], Awaitable[FeedPage]] | None = None
        """Asks for a page in another way than HQ's `pull`."""
        self.on_recalls: Callable[[Sequence[str]], Awaitable[None]] = _nobody
        """Told the leases of this workstation that HQ wants back."""
        self.on_report: Callable[[str], Awaitable[None]] = _unheard
        """Told the restoration of HQ to which this workstation should answer."""
        self.far_behind: Callable[[], Awaitable[bool]] = _never
        """Asked in a long feed whether a snapshot is being taken in its place."""
        self.on_pulled: Callable[[], Awaitable[None]] = _nothing
        """Told that every feed was read to its end."""

    async def pull_all(self) -> int:
        """Read every feed to its end; how many rows were applied. Raises SyncError."""
        total, whole = 0, True
        for feed in Feed:
            applied, ended = await self._pull(feed)
            total, whole = total + applied, whole and ended
        if whole:
            await self.on_pulled()
        return total

    async def _pull(self, feed: Feed) -> tuple[int, bool]:
        """Rows applied, and whether the feed was read to its end: not where a snapshot will bring the rest."""
        applied = pages = 0
        while True:
            page = await self._page(feed)
            if page.recalls:
                await self.on_recalls(page.recalls)
            if page.report:
                await self.on_report(page.report)
            if page.rows:
                await self._replica.apply(page)
                applied += len(page.rows)
                await self._on_rows(feed, applied)
            pages += 1
            if not page.more:
                return applied, True
            if pages == SNAPSHOT_ASK_PAGES and await self.far_behind():
                return applied, False

    async def _page(self, feed: Feed) -> FeedPage:
        ask = self.ask or self._hq.pull
        try:
            return await ask(feed, await self._replica.cursor(feed))
        except HqRejected as error:
            if error.code == "FEED_UNKNOWN" and feed in LATER_FEEDS:  # an HQ that is upgraded after its tills
                return FeedPage(feed=feed, rows=[], cursor=await self._replica.cursor(feed), more=False)
            if error.code != "CURSOR_AHEAD":
                raise
            # HQ was restored from a backup: its feed is shorter than what we have read. Rows are upserts, so the
            # whole feed is read again; what HQ no longer knows is found by the downward check.
            return await ask(feed, 0)

    async def run(self, interval_s: float = PULL_INTERVAL_S) -> None:
        """Pull for ever, every `interval_s` or when woken; failures wait longer, up to the cap."""
        failures = 0
        while True:
            self.wake.clear()
            try:
                await self.pull_all()
                failures, pause = 0, interval_s
            except (SyncError, DiskLow) as error:  # the client tells whether HQ is there, the room of the disk
                failures += 1
                pause = self._entropy.uniform(BACKOFF_BASE_S, min(BACKOFF_CAP_S, interval_s * 2 ** min(failures, 8)))
                if isinstance(error, SyncError) and asked(error):
                    pause = max(pause, pause_s(failures, error, self._entropy))
            try:
                async with asyncio.timeout(pause):
                    await self.wake.wait()
            except TimeoutError:
                continue
