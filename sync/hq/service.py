"""HQ as one object: an async facade over its database, whose only connection one thread owns.

Used by sync.hq.app, the command line, the demo and tests; built by sync.hq.main. When durability is gone (StorageError)
it stops serving for good: the process has to be restarted and the file looked at, never retried and acknowledged.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from agent.domain.digest import Json
from agent.domain.errors import DiskLow, Refusal, StorageError
from agent.ports import Clock, Entropy
from agent.sqlite import Connection, close_database, rewrite_header, transaction, translated
from agent.worker import Worker
from sync.hq import books, enrol, feeds, importer, locate, member_write, payers, prove, ranges, readers, seals
from sync.hq.bounds import ENROL_CODE_BYTES
from sync.hq.enrol import Station
from sync.hq.importer import ImportReport, Progress
from sync.hq.keys import HqKeys
from sync.hq.totals import Totals, totals
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

T = TypeVar("T")


class HqService:
    """Everything HQ does. Raises Refusal (the caller is wrong) or StorageError (HQ is ill)."""

    def __init__(self, worker: Worker, connection: Connection, keys: HqKeys, clock: Clock, entropy: Entropy) -> None:
        self._worker = worker
        self._connection = connection
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self._ill = False
        self.failed = asyncio.Event()
        """Set once durability is gone; the process should end."""

    @property
    def public_key(self) -> bytes:
        """HQ's Ed25519 public key."""
        return self._keys.public_key

    async def _read(self, work: Callable[[Connection], T]) -> T:
        def unless_failed() -> T:
            if self._ill:
                raise StorageError(
                    "headquarters stopped after a storage failure", hint="look at the disk, then restart"
                )
            try:
                with translated():
                    return work(self._connection)
            except StorageError:
                self._ill = True  # ORDER: in this thread; a batch that waits its turn must not be committed after it
                raise

        try:
            return await self._worker.call(unless_failed)
        except StorageError:
            self.failed.set()
            raise

    async def _write(self, work: Callable[[Connection], T]) -> T:
        def in_transaction(connection: Connection) -> T:
            with transaction(connection):
                return work(connection)

        return await self._read(in_transaction)

    # --- organisation -----------------------------------------------------------------------------------------------
    async def init_brand(self, brand_id: str, name: str, join_url: str) -> None:
        """Create a brand (1-32 of A-Z a-z 0-9 _ -), or update its name and join address."""
        key, now = self._entropy.token(32), self._clock.now_ms()
        await self._write(lambda c: enrol.init_brand(c, self._keys, brand_id, name, join_url, now, key))

    async def add_store(self, brand_id: str, store_id: str, name: str) -> None:
        """Create or rename a store."""
        await self._write(lambda c: enrol.add_store(c, brand_id, store_id, name))

    async def add_workstation(self, store_id: str, workstation_id: str) -> str:
        """Create a workstation (or let it enrol anew) and give its one-time enrolment code."""
        token, now = self._entropy.token(ENROL_CODE_BYTES), self._clock.now_ms()
        return await self._write(lambda c: enrol.add_workstation(c, store_id, workstation_id, token, now))

    async def revoke_workstation(self, workstation_id: str) -> None:
        """Refuse a workstation from now on."""
        await self._write(lambda c: enrol.revoke_workstation(c, workstation_id))

    async def redeem(self, request: EnrolRequest) -> EnrolAnswer:
        """Enrol a workstation; Refusal 403 when the code is not good."""
        now = self._clock.now_ms()
        return await self._write(lambda c: enrol.redeem(c, self._keys, request, now))

    async def issue_dynamic_code(self, brand_id: str, member_number: str) -> str:
        """Write a dynamic member code as of now; Refusal 404 MEMBER_UNKNOWN."""
        nonce, now = self._entropy.token(12), self._clock.now_ms()
        return await self._read(lambda c: enrol.issue_dynamic_code(c, self._keys, brand_id, member_number, now, nonce))

    # --- workstations -----------------------------------------------------------------------------------------------
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
                connection, station, batch, now, beside=lambda: payers.keep(connection, self._keys, station, batch, now)
            )

        answer = await self._read(work)
        if batch.proof is None:
            return answer
        # ORDER: the events are in and answered for before they are proven; a proof that fails costs none of them.
        asked = ProofRequest(epoch=batch.epoch, after=batch.proof.after, count=batch.last, head=batch.head)
        return answer.model_copy(update={"proof": await self.prove(workstation_id, asked)})

    async def feed(self, workstation_id: str, feed: Feed, after: int) -> FeedPage:
        """Give one page of a feed of the workstation's brand."""
        return await self._read(lambda c: feeds.page(c, self._known(c, workstation_id), feed, after))

    async def prove(self, workstation_id: str, request: ProofRequest) -> ProofAnswer:
        """Rehash what one epoch holds behind the last seal, in steps; sign, and seal it when it is equal."""
        station = await self._read(lambda c: self._known(c, workstation_id))
        rehash = prove.Rehash(station, request, self._keys.public_key, self._clock.now_ms())
        while not await self._read(rehash.step):
            pass
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
        return await self._read(lambda c: ranges.compare(c, self._known(c, workstation_id), request))

    # --- HQ's own systems -------------------------------------------------------------------------------------------
    async def seals(self, after: int) -> tuple[list[Seal], int]:
        """Seals of all workstations behind place `after`, oldest first, one page; and the place to ask from next."""
        return await self._read(lambda c: seals.page(c, after))

    async def add_reader(self, name: str) -> str:
        """Give a bearer token for `GET /v1/seals`; shown once, kept as a hash."""
        token, now = self._entropy.token(readers.TOKEN_BYTES), self._clock.now_ms()
        return await self._write(lambda c: readers.add(c, name, token, now))

    async def reader(self, token: str) -> str | None:
        """Whose token this is."""
        return await self._read(lambda c: readers.owner(c, token))

    async def totals(self, workstation_id: str) -> Totals:
        """Give a workstation's totals per business day."""
        return await self._read(lambda c: totals(c, workstation_id))

    # --- imports ----------------------------------------------------------------------------------------------------
    async def import_members(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import members from CSV (columns: sync.hq.member_csv)."""
        return await importer.members(self._write, self._keys, self._entropy, brand_id, path, skip_bad, progress)

    async def import_items(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import the pricebook from CSV (columns: sync.hq.item_csv)."""
        return await importer.items(self._write, brand_id, path, skip_bad, progress)

    async def import_merchants(
        self, brand_id: str, path: Path, *, skip_bad: bool = False, progress: Progress | None = None
    ) -> ImportReport:
        """Import merchant scopes from CSV (columns: sync.hq.item_csv)."""
        return await importer.merchants(self._write, brand_id, path, skip_bad, progress)

    async def import_rules(self, brand_id: str, source: Path | dict[str, Json]) -> bool:
        """Import a rule set from JSON; False when it is there already. Refusal RULES_INVALID or RULES_CHANGED."""
        now = self._clock.now_ms()
        body = source if isinstance(source, dict) else await self._read(lambda _c: _json_file(source))
        return await self._write(lambda c: importer.rules(c, brand_id, body, now))

    async def erase_member(self, brand_id: str, member_id: str) -> None:
        """Forget who a member is; the books keep the random id. Refusal 404 MEMBER_UNKNOWN."""
        await self._write(lambda c: member_write.erase(c, brand_id, member_id))

    # --- life -------------------------------------------------------------------------------------------------------
    async def ping(self) -> None:
        """Prove that the database answers; raises StorageError."""
        await self._read(lambda c: c.execute("SELECT 1").fetchone())

    async def touch(self) -> None:
        """Commit one page that changes nothing, for the watchdog; raises StorageError."""
        with contextlib.suppress(DiskLow):  # calls are answered 503; a restart makes no room
            await self._write(rewrite_header)

    async def close(self) -> None:
        """Finish queued work, fold the WAL into the file, close it."""
        await self._worker.call(lambda: close_database(self._connection, fold=not self.failed.is_set()))
        self._worker.close()


def _json_file(path: Path) -> dict[str, Json]:
    try:
        body = json.loads(path.read_bytes(), parse_float=_no_float)
    except (OSError, ValueError) as error:
        raise Refusal("RULES_INVALID", f"{path}: {error}") from error
    if not isinstance(body, dict):
        raise Refusal("RULES_INVALID", f"{path}: not an object")
    return body


def _no_float(text: str) -> Json:
    raise ValueError(f"{text} is not an integer: use basis points, hundredths or fen")
