"""HQ as one object: an async facade over its database, which threads of an engine work on.

Used by sync.hq.app, the command line, the demo and tests; built by sync.hq.main. Work that is handed over is carried
through; what was not committed is never acknowledged.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from agent.domain.errors import Refusal
from agent.ports import Clock, Entropy
from sync.claim_protocol import ClaimAnswer, ClaimRequest
from sync.hq import (
    audit,
    books,
    clocks,
    enrol,
    feeds,
    locate,
    payers,
    prove,
    ranges,
    readers,
    restored,
    seals,
)
from sync.hq.channel_office import ChannelOffice
from sync.hq.db.seam import Connection, Engine
from sync.hq.desk import HqDesk
from sync.hq.enrol import Station
from sync.hq.erasures import ErasureWitness
from sync.hq.grant_witness import GrantWitness
from sync.hq.joining import Joining
from sync.hq.keys import HqKeys
from sync.hq.lease_office import LeaseOffice
from sync.hq.looking import Looking
from sync.hq.marking import Marking
from sync.hq.members_office import MembersOffice
from sync.hq.parts import Parts
from sync.hq.shared_feeds import SharedFeeds
from sync.hq.snapshot_shelf import Maker, Progress, Shelved
from sync.hq.totals import Totals, totals
from sync.hq.wechat import Wechat
from sync.hq.wechat_calls import Books
from sync.proof import LocateAnswer, LocateRequest, Seal
from sync.protocol import (
    Batch,
    BatchAnswer,
    EnrolAnswer,
    EnrolRequest,
    Feed,
    FeedPage,
    ProofAnswer,
    ProofRequest,
)
from sync.ranges import RangesAnswer, RangesRequest
from sync.snapshot import SnapshotManifest

T = TypeVar("T")


class HqService(HqDesk):
    """Everything HQ does. Raises Refusal (the caller is wrong) or StorageError (HQ is ill)."""

    def __init__(
        self,
        engine: Engine,
        keys: HqKeys,
        clock: Clock,
        entropy: Entropy,
        witness: GrantWitness,
        erased: ErasureWitness,
    ) -> None:
        super().__init__(keys, clock, entropy)
        self._engine = engine
        self.crowd = prove.Crowd(clock.mono_s)
        self.failed = engine.failed
        """Set once durability is gone; the process should end."""
        self.marking = Marking(Books(self._read, self._unmarked), clock, witness)
        self.parts = Parts(Books(self._read, self._write), keys, clock, entropy)
        """What desks beside this service are built from."""
        self.wechat = Wechat(self.parts.books, keys, clock, entropy)
        self.members = MembersOffice(self.parts, erased)
        self.looking = Looking(self.parts.books, self.members.acknowledge)
        self.shared_feeds = SharedFeeds(self.parts.books, clock.mono_s)
        self.leases = LeaseOffice(self.parts, witness, self._known, self.marking.witnessed)
        self.channels = ChannelOffice(self.parts, witness, self.leases.unless_forgotten, self.marking.witnessed)
        self.folded = asyncio.Event()
        """Set when events came in: there is something to reckon again."""
        self.snapshots: Maker | None = None
        """Builds and keeps snapshots; none where nobody keeps any."""

    @property
    def public_key(self) -> bytes:
        """HQ's Ed25519 public key."""
        return self._keys.public_key

    async def _read(self, work: Callable[[Connection], T]) -> T:
        return await self._engine.run(work)

    async def _write(self, work: Callable[[Connection], T]) -> T:
        done = await self._unmarked(work)
        self.marking.written.set()
        return done

    async def _unmarked(self, work: Callable[[Connection], T]) -> T:
        def in_transaction(connection: Connection) -> T:
            with connection.transaction():
                return work(connection)

        return await self._engine.run(in_transaction, again=True)

    def now_ms(self) -> int:
        """What HQ's clock shows, UTC milliseconds."""
        return self._clock.now_ms()

    def mono_s(self) -> float:
        """Monotonic seconds, to measure how long calls take."""
        return self._clock.mono_s()

    def heed(self, busy: Callable[[], bool]) -> None:
        """Learn how to ask whether stores wait: then audits are small and counting waits."""
        self.crowd.busy = self.members.busy = busy

    # --- workstations -----------------------------------------------------------------------------------------------
    async def redeem(self, request: EnrolRequest) -> EnrolAnswer:
        """Enrol a workstation; Refusal 403 when the code is not good."""
        now = self._clock.now_ms()
        return await self._write(lambda c: enrol.redeem(c, self._keys, request, now))

    async def station(self, workstation_id: str) -> Station | None:
        """Look a workstation up, for the door."""
        return await self._read(lambda c: enrol.station(c, workstation_id))

    def _known(self, connection: Connection, workstation_id: str) -> Station:
        found = enrol.station(connection, workstation_id)
        if found is None or found.state != "enrolled":
            raise Refusal("WORKSTATION_UNKNOWN", f"{workstation_id} is not enrolled", status=401)
        return found

    async def ingest(self, workstation_id: str, batch: Batch) -> BatchAnswer:
        """Take a batch in; Refusal 401 BATCH_SIGNATURE, 422 BATCH_SHAPE. Safe to repeat."""
        now = self._clock.now_ms()

        def work(connection: Connection) -> BatchAnswer:
            station = self._known(connection, workstation_id)
            books.check_batch(station, batch)
            payers.check(station, batch.payers)
            return books.ingest(
                connection,
                station,
                batch,
                now,
                beside=lambda: payers.keep(connection, self._keys, station, batch, now),
                on_strangers=lambda found: restored.notice_strangers(connection, self._keys, station, found, now),
            )

        answer = await self._engine.run(work, again=True)
        self.marking.written.set()
        self.folded.set()
        self.members.wake.set()
        self.wechat.desk.wake.set()
        if batch.proof is None:
            return answer
        # ORDER: the events are in and answered for before they are proven; a proof that fails costs none of them.
        asked = ProofRequest(epoch=batch.epoch, after=batch.proof.after, count=batch.last, head=batch.head)
        return answer.model_copy(update={"proof": await self.prove(workstation_id, asked)})

    async def note_clock(self, workstation_id: str, till_ms: int) -> None:
        """Keep it as a fact for a person when a till's clock is more than five minutes off; its books go on (R15)."""
        now = self._clock.now_ms()
        found = clocks.of_call(till_ms, now)
        if found is not None:
            await self._write(lambda c: audit.record(c, workstation_id, [found], now))

    async def feed(self, workstation_id: str, feed: Feed, after: int, *, staged: bool = False) -> FeedPage:
        """Give one page of a feed of the workstation's brand; `staged` for a replica that is not in use yet."""
        if not staged:
            await self.members.acknowledge(workstation_id, feed, after)
        return await self._read(lambda c: feeds.page(c, self._known(c, workstation_id), feed, after))

    async def prove(self, workstation_id: str, request: ProofRequest) -> ProofAnswer:
        """Rehash what one epoch holds behind the last seal, in steps; sign, and seal it when it is equal."""
        station = await self._read(lambda c: self._known(c, workstation_id))
        with self.crowd.one() as extent:
            rehash = prove.Rehash(station, request, self._keys, self._clock.now_ms(), self._rules, extent)
            while not await self._read(rehash.step):
                pass
            async with self.crowd.alone:
                now = self._clock.now_ms()
                return await self._read(lambda c: prove.conclude(c, self._keys, rehash, now))

    async def locate(self, workstation_id: str, request: LocateRequest) -> LocateAnswer:
        """Look closer at places of one epoch, in steps."""
        search = locate.Search(workstation_id, request)
        while not await self._read(search.step):
            pass
        return search.answer()

    async def ranges(self, workstation_id: str, request: RangesRequest) -> RangesAnswer:
        """Compare ranges of the workstation's replica with the brand's rows."""
        station = await self._read(lambda c: self._known(c, workstation_id))
        comparison = ranges.Comparison(station, request)
        while not await self._read(comparison.step):
            pass
        return comparison.answer()

    async def snapshot(self, brand_id: str, snapshot_id: str = "") -> Shelved | None:
        """Give the snapshot of that id while it is kept, else the brand's newest.

        None as well where it is ahead of the feeds: HQ was restored from a copy since it was taken.
        """
        shelf = self.snapshots.shelf if self.snapshots is not None else None
        found = (shelf.find(brand_id, snapshot_id) or shelf.newest(brand_id)) if shelf is not None else None
        if found is None:
            return None
        cursors = found.manifest.cursors
        return None if await self._read(lambda c: feeds.is_ahead(c, brand_id, cursors)) else found

    async def build_snapshot(self, brand_id: str, progress: Progress = lambda *_: None) -> SnapshotManifest:
        """Build a snapshot of a brand now; Refusal 404 BRAND_UNKNOWN, 409 IN_FLIGHT."""
        if self.snapshots is None:
            raise Refusal("NO_SNAPSHOTS", "this headquarters keeps no snapshots", status=404)
        return await self.snapshots.build(brand_id, progress)

    # --- HQ's own systems -------------------------------------------------------------------------------------------
    async def seals(self, after: int) -> tuple[list[Seal], int]:
        """Seals of all workstations behind place `after`, oldest first, one page; and the place to ask from next."""
        return await self._read(lambda c: seals.page(c, after))

    async def joiner(self, token: str) -> str | None:
        """The brand whose members this token may join."""
        return await self._read(lambda c: readers.join_brand(c, token))

    async def claim(self, brand_id: str, ask: ClaimRequest) -> ClaimAnswer:
        """Join by a receipt and credit its sale once; the same request gives the same answer."""
        now = self._clock.now_ms()
        return await self._write(lambda c: Joining(c, self._keys, self._entropy, brand_id, ask, now).run())

    async def reader(self, token: str) -> str | None:
        """Whose token this is."""
        return await self._read(lambda c: readers.owner(c, token))

    async def totals(self, workstation_id: str) -> Totals:
        """Give a workstation's totals per business day."""
        return await self._read(lambda c: totals(c, workstation_id))

    # --- life -------------------------------------------------------------------------------------------------------
    async def ping(self) -> None:
        """Prove that the database answers; raises StorageError."""
        await self._read(lambda c: c.execute("SELECT 1").fetchone())

    async def touch(self) -> None:
        """Prove that commits still work, for the watchdog; raises StorageError where a restart might help."""
        await self._engine.touch()

    async def close(self) -> None:
        """Finish work that has begun, let go of the database."""
        await self.wechat.close()
        await self.channels.close()
        await self.members.sms.sender.close()
        await self.marking.end()
        await self._engine.close()
