"""A whole new replica from HQ's snapshot, loaded beside the one in use and swapped in while the till sells.

Woken by sync.pull where feeds are far behind and by sync.downward where too much differs; run by the composition root.
It goes on where it was cut off, never touches books.db, and leaves the replica in use alone until another is whole,
checked and as new as HQ.
"""

import asyncio
import base64
from collections.abc import Callable
from typing import Final

from agent.domain.errors import DiskLow, HqRejected, HqUnreachable, StorageError, SyncError
from agent.limits import (
    BACKOFF_BASE_S,
    SNAPSHOT_BEHIND_ROWS,
    SNAPSHOT_RANGE_BYTES,
    SNAPSHOT_RETRY_S,
    SNAPSHOT_SPARE_BYTES,
)
from agent.ports import Entropy, KeyRing
from sync.protocol import Feed
from sync.pull import Puller
from sync.snapshot import SnapshotAnswer, SnapshotManifest, snapshot_signing_bytes
from sync.snapshot_ports import Renewable, SnapshotHq, Staging

BULKY: Final = (Feed.MEMBERS, Feed.IDENTITIES, Feed.COUPONS)
_TRIES: Final = 3
OnState = Callable[[str, str], object]
"""`(state, reason)`: loading, ready, swapped, failed, none."""


class SnapshotLoader:
    """Decides whether a snapshot is worth taking, and takes it."""

    def __init__(
        self,
        stage: Staging,
        replica: Renewable,
        hq: SnapshotHq,
        keys: KeyRing,
        entropy: Entropy,
        *,
        brand_id: str,
        key_version: int,
        migrations: frozenset[str],
        on_state: OnState = lambda _, __: None,
        behind_rows: int = SNAPSHOT_BEHIND_ROWS,
        range_bytes: int = SNAPSHOT_RANGE_BYTES,
    ) -> None:
        self._stage = stage
        self._replica = replica
        self._hq = hq
        self._keys = keys
        self._entropy = entropy
        self._brand_id = brand_id
        self._key_version = key_version
        self._migrations = migrations
        self._on_state = on_state
        self._behind_rows = behind_rows
        self._range_bytes = range_bytes
        self._wake = asyncio.Event()
        self._insisted = False
        self._resting = False
        self._arrived = bytearray()
        self._have: tuple[str, int] = ("", 0)
        self.busy = False
        """A load is wanted or under way: feeds need not be read to their end."""
        self.on_swapped: Callable[[], object] = lambda: None
        """Told that another replica is in use."""

    # --- deciding ---------------------------------------------------------------------------------------------------
    async def worth(self) -> bool:
        """Whether a snapshot is being taken or will be, as feeds are far behind. Raises SyncError."""
        if self.busy:
            return True
        if self._resting or await self._offered() is None:
            return False
        self._begin()
        return True

    async def renew(self, feed: Feed) -> None:
        """Too much of a feed differs: take a snapshot, or where HQ has none read the feed again. Raises SyncError."""
        self._insisted = True
        if self.busy:
            return
        if await self._offered() is None:
            self._insisted = False
            await self._replica.rewind(feed)
            return
        self._begin()

    def _begin(self) -> None:
        self.busy = True
        self._wake.set()

    async def _offered(self) -> SnapshotAnswer | None:
        """HQ's snapshot where this till can use it and it brings enough; the one begun before comes first."""
        begun = await self._stage.begun()
        named = begun.manifest.snapshot_id if begun is not None and begun.manifest is not None else ""
        try:
            answer = await self._hq.snapshot(named)
        except HqRejected as error:
            if error.status == 404:  # an HQ that is upgraded after its tills
                return None
            raise
        manifest = answer.manifest
        if manifest is None or not self._usable(manifest):
            return None
        if not self._insisted:
            ahead = [manifest.cursors.get(feed.value, 0) - await self._replica.cursor(feed) for feed in BULKY]
            if sum(max(0, rows) for rows in ahead) < self._behind_rows:
                return None
        return answer

    def _usable(self, manifest: SnapshotManifest) -> bool:
        """Signed by HQ, of our brand and key, and written by no newer program than ours."""
        signature = base64.b64decode(manifest.signature)
        return (
            self._keys.verify_hq(signature, snapshot_signing_bytes(manifest))
            and (manifest.brand_id, manifest.index_key_version) == (self._brand_id, self._key_version)
            and self._migrations.issuperset(manifest.migrations)
            and -(-manifest.size // manifest.part_size) == len(manifest.parts)
        )

    # --- taking -----------------------------------------------------------------------------------------------------
    async def run(self) -> None:
        """Load whenever it is worth it, for ever; first what was begun before a restart."""
        if self._stage.pending():
            self._begin()
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.load()
                self.busy = False
                continue
            except (SyncError, DiskLow, StorageError) as error:
                self._on_state("failed", error.message)
                await self._stage.rest()
                unreachable = isinstance(error, HqUnreachable)
            # Cut off: what is being loaded is still wanted. Anything else: feeds do what they can meanwhile.
            self.busy, self._resting = unreachable, not unreachable
            longest_s = SNAPSHOT_RETRY_S / 10 if unreachable else SNAPSHOT_RETRY_S
            try:
                async with asyncio.timeout(self._entropy.uniform(BACKOFF_BASE_S, longest_s)):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._resting = False
            if self._stage.pending() or self._insisted:
                self._begin()

    async def load(self) -> bool:
        """Take HQ's snapshot, whatever of it is here already; False when there is none worth taking.

        Raises SyncError, DiskLow (no room for it) or StorageError (it came out damaged); what has come is kept.
        """
        if self._stage.ready() and not await self._still_newer():
            await self._stage.drop()
        if not self._stage.ready():
            answer = await self._offered()
            if answer is None:
                await self._stage.drop()
                self._insisted = False
                self._on_state("none", "")
                return False
            await self._gather(answer)
        fresh = await self._stage.open()
        self._on_state("ready", "")
        puller = Puller(fresh, self._hq, self._entropy, _unheard)
        # ORDER: what the replica in use still holds is acknowledged after the swap.
        puller.ask, puller.ask_alone = self._hq.pull_staged, self._hq.pull_staged_alone
        await puller.pull_all(to_end=True)
        await self._stage.swap()
        self._insisted = False
        self._on_state("swapped", "")
        self.on_swapped()
        return True

    async def _still_newer(self) -> bool:
        """Whether what waits (perhaps since long) is not behind what is in use."""
        if self._insisted:
            return True
        fresh = await self._stage.open()
        return any([await fresh.cursor(feed) > await self._replica.cursor(feed) for feed in BULKY])

    async def _gather(self, answer: SnapshotAnswer) -> None:
        manifest = answer.manifest
        assert manifest is not None
        begun = await self._stage.begun()
        known = begun is not None and begun.manifest == manifest
        have = 0
        if known:
            have = self._have[1] if self._have[0] == manifest.snapshot_id else await self._stage.parts(manifest)
        if self._have != (manifest.snapshot_id, have):
            self._arrived.clear()
        need = manifest.size - have * manifest.part_size + SNAPSHOT_SPARE_BYTES
        if self._stage.free_bytes() < need:
            raise DiskLow(f"a replica of {manifest.size} bytes needs {need} more bytes of disk", hint="free space")
        if not known:
            await self._stage.begin(answer)
        self._on_state("loading", f"{have} of {len(manifest.parts)} parts are here")
        offsets = [0]
        for part in manifest.parts:
            offsets.append(offsets[-1] + part.size)
        tries = 0
        while have < len(manifest.parts):
            came = await self._range(manifest, offsets, have)
            tries = 0 if came > have else tries + 1
            have = came
            if tries == _TRIES:
                raise StorageError("a part of the snapshot is damaged at every try", hint="make another snapshot at HQ")
        self._have = ("", 0)
        if not await self._stage.finish(answer):
            raise StorageError("the snapshot came out damaged", hint="it is loaded again; look at this disk")

    async def _range(self, manifest: SnapshotManifest, offsets: list[int], have: int) -> int:
        """Ask for the next parts; how many are here then. What a broken answer brought is kept, to the byte."""
        end = have + 1
        while end < len(manifest.parts) and offsets[end + 1] - offsets[have] <= self._range_bytes:
            end += 1
        broken: HqUnreachable | None = None
        try:
            start = offsets[have] + len(self._arrived)
            await self._hq.snapshot_bytes(manifest.snapshot_id, start, offsets[end], self._arrived.extend)
        except HqUnreachable as error:
            broken = error
        while have < end and len(self._arrived) >= manifest.parts[have].size:
            size = manifest.parts[have].size
            sealed = bytes(self._arrived[:size])
            if not await self._stage.add(manifest, have, sealed):
                self._arrived.clear()
                break
            del self._arrived[:size]
            have += 1
        self._have = (manifest.snapshot_id, have)
        if broken is not None:
            raise broken
        return have


async def _unheard(_feed: Feed, _rows: int) -> None:
    pass
