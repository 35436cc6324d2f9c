"""HQ -> replica: change feeds by cursor, applied in bounded jobs; one look first says which of them have moved.

Run by the composition root; also called by reconcile and by `pos-agent run` at start. It never touches books.db.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from agent.domain.errors import DiskLow, HqRejected, SyncError
from agent.limits import (
    BACKOFF_BASE_S,
    BACKOFF_CAP_S,
    LOOK_AGAIN_S,
    PULL_INTERVAL_S,
    PULL_SPREAD,
    SNAPSHOT_ASK_PAGES,
)
from agent.ports import Entropy, Hq
from agent.replica_ports import Replica
from sync.feed_rows import LATER_FEEDS
from sync.patience import asked, pause_s
from sync.protocol import Feed, FeedPage, LookAnswer, LookRequest

_NO_SUCH_CALL: Final = frozenset({"NOT_FOUND", "METHOD_NOT_ALLOWED"})
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
        self.ask: Callable[[Feed, int], Awaitable[Iterable[FeedPage]]] | None = None
        """Asks for pages in another way than HQ's `pull`, and without a look: these cursors acknowledge nothing."""
        self.ask_alone: Callable[[Feed, int], Awaitable[Iterable[FeedPage]]] | None = None
        """The same for one page as it is now; set together with `ask`."""
        self.on_recalls: Callable[[Sequence[str]], Awaitable[None]] = _nobody
        """Told the leases of this workstation that HQ wants back."""
        self.on_report: Callable[[str], Awaitable[None]] = _unheard
        """Told the restoration of HQ to which this workstation should answer."""
        self.far_behind: Callable[[], Awaitable[bool]] = _never
        """Asked in a long feed whether a snapshot is being taken in its place."""
        self.on_pulled: Callable[[], Awaitable[None]] = _nothing
        """Told that every feed was read to its end."""
        self.still = asyncio.Lock()
        """Held while rows and cursors change: whoever compares rows with what HQ says at a cursor takes it as well."""
        self._look_from_s = 0.0

    async def pull_all(self, *, to_end: bool = False) -> int:
        """Read every feed that is not at its end to it; how many rows were applied. Raises SyncError.

        `to_end`: even what HQ would leave to the next pull while many tills ask (ADR 0015).
        """
        async with self.still:
            return await self._pull_all(to_end=to_end)

    async def _pull_all(self, *, to_end: bool) -> int:
        look = await self._look()
        total, whole = 0, True
        for feed in [one for one in Feed if look is None or one in look.moved]:
            applied, ended = await self._pull(feed, shared=True)
            total, whole = total + applied, whole and ended
            if to_end and ended:
                applied, ended = await self._pull(feed, shared=False)
                total, whole = total + applied, whole and ended
        if look is not None and Feed.MEMBERS not in look.moved:  # ORDER: last, for what fails here must not keep prices
            await self._heed(look)
        if whole:
            await self.on_pulled()
        return total

    async def _look(self) -> LookAnswer | None:
        """Which feeds have moved; None where nobody can say, so that all are read."""
        now_s = asyncio.get_running_loop().time()
        if self.ask is not None or now_s < self._look_from_s:
            return None
        cursors = {feed.value: await self._replica.cursor(feed) for feed in Feed}
        try:
            return await self._hq.look(LookRequest(cursors=cursors))
        except HqRejected as error:
            if error.code not in _NO_SUCH_CALL:
                raise
            self._look_from_s = now_s + LOOK_AGAIN_S  # an HQ that is upgraded after its tills
            return None

    async def _heed(self, told: FeedPage | LookAnswer) -> None:
        if told.recalls:
            await self.on_recalls(told.recalls)
        if told.report:
            await self.on_report(told.report)

    async def _pull(self, feed: Feed, *, shared: bool) -> tuple[int, bool]:
        """Rows applied, and whether the feed was read to its end: not where a snapshot will bring the rest."""
        applied = pages = 0
        more = True
        while more:
            for page in await self._pages(feed, shared=shared):
                await self._heed(page)
                if page.rows:
                    await self._replica.apply(page)
                    applied += len(page.rows)
                    await self._on_rows(feed, applied)
                pages, more = pages + 1, page.more
                if more and pages == SNAPSHOT_ASK_PAGES and await self.far_behind():
                    return applied, False
        return applied, True

    async def _pages(self, feed: Feed, *, shared: bool) -> Iterable[FeedPage]:
        ask = (self.ask or self._hq.pull) if shared else (self.ask_alone or self._hq.pull_alone)
        try:
            return await ask(feed, await self._replica.cursor(feed))
        except HqRejected as error:
            if error.code == "FEED_UNKNOWN" and feed in LATER_FEEDS:  # an HQ that is upgraded after its tills
                return [FeedPage(feed=feed, rows=[], cursor=await self._replica.cursor(feed), more=False)]
            if error.code != "CURSOR_AHEAD":
                raise
            # HQ was restored from a backup: its feed is shorter than what we have read. Rows are upserts, so the
            # whole feed is read again; what HQ no longer knows is found by the downward check.
            return await ask(feed, 0)

    async def run(self, interval_s: float = PULL_INTERVAL_S) -> None:
        """Pull for ever, every `interval_s` or when woken; failures wait longer, up to the cap.

        What begins, fails or is woken here may do so at ten thousand tills at once, as HQ comes back: the pull after it
        comes at any moment of the interval, those that follow about an interval apart.
        """
        failures, together = 0, True
        while True:
            self.wake.clear()
            try:
                await self.pull_all()
                failures, pause = 0, self._entropy.uniform(*_next_s(interval_s, together=together))
                together = False
            except (SyncError, DiskLow) as error:  # the client tells whether HQ is there, the room of the disk
                failures, together = failures + 1, True
                pause = self._entropy.uniform(BACKOFF_BASE_S, min(BACKOFF_CAP_S, interval_s * 2 ** min(failures, 8)))
                if isinstance(error, SyncError) and asked(error):
                    pause = max(pause, pause_s(failures, error, self._entropy))
            try:
                async with asyncio.timeout(pause):
                    await self.wake.wait()
                together = True
            except TimeoutError:
                continue


def _next_s(interval_s: float, *, together: bool) -> tuple[float, float]:
    """Between how many seconds the next pull comes.

    >>> _next_s(60, together=True), _next_s(60, together=False)
    ((1.0, 60), (54.0, 66.0))
    """
    if together:
        return BACKOFF_BASE_S, interval_s
    return interval_s * (1 - PULL_SPREAD), interval_s * (1 + PULL_SPREAD)
