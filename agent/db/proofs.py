"""The store's half of the proof over books.db: walking, seals, discrepancies, where the rolling audit stands.

Called by sync.reconcile through the ProofBooks port. Reads come in short jobs, so that a sale never waits for a proof.
"""

import base64
from collections.abc import Sequence
from functools import partial

from agent.books_ports import StoredEvent
from agent.db import discrepancies, lease_rows
from agent.db.book_rows import insert_epoch
from agent.db.proof_rows import audit_place, event_digests, keep_audit_place, odd_codes, seal_gaps, seal_of_row
from agent.db.store import Store
from agent.db.walk import StoreWalk, strangers
from agent.domain.buckets import BUCKET_EVENTS, Sums, add
from agent.domain.digest import Json, genesis
from agent.limits import AUDIT_EVENTS, PROOF_STEP_EVENTS, PROOF_UNIT_EVENTS, SUSPENSIONS
from agent.ports import KeyRing
from agent.proof_ports import Difference, Unit
from agent.sqlite import Connection
from sync.proof import Finding, Seal, seal_signing_bytes

_ASTRAY = 100  # LIMIT: so many leases of a kind show well enough that something is wrong


class ProofsDb:
    """The ProofBooks port over books.db."""

    def __init__(self, store: Store, workstation_id: str, keys: KeyRing) -> None:
        self._store = store
        self._workstation_id = workstation_id
        self._keys = keys

    # --- walking
    async def unit(self, epoch: str, after: int | None = None, most: int = PROOF_UNIT_EVENTS) -> Unit:
        """Rehash at most `most` events of an epoch behind its last good seal (or `after`, a sealed end or 0)."""
        seals = await self.seals(epoch, 0)
        good = next((seal for seal in reversed(seals) if self.is_hqs(seal)), None)
        if after is not None:
            good = next((seal for seal in seals if seal.last == after and self.is_hqs(seal)), None)
        walk = self._walk_from(epoch, good, good.last if good is not None else 0)
        begin, last = walk.count, walk.count + most
        while not (ended := await self._store.read(lambda c: walk.step(c, PROOF_STEP_EVENTS, last))):
            if walk.count >= last:
                break
        more = bool(ended or walk.count >= last) and await self._goes_on(epoch, walk.count)
        head, findings = walk.head.hex(), walk.findings
        return Unit(epoch, begin, walk.count, head, walk.altered, findings, walk.sums, walk.book.rows(), more)

    async def _goes_on(self, epoch: str, seq: int) -> bool:
        found = await self._store.read(
            lambda c: c.execute(
                "SELECT EXISTS (SELECT 1 FROM events WHERE epoch = :epoch AND seq > :seq)", {"epoch": epoch, "seq": seq}
            ).fetchone()
        )
        return bool(found[0])

    def _walk_from(self, epoch: str, seal: Seal | None, sealed: int) -> StoreWalk:
        head = genesis(self._workstation_id, epoch) if seal is None else bytes.fromhex(seal.head)
        count = 0 if seal is None else seal.last
        return StoreWalk(self._workstation_id, epoch, self._keys, head, count, sealed)

    def is_hqs(self, seal: Seal) -> bool:
        """Whether our HQ signed it, for this workstation."""
        try:
            signature = base64.b64decode(seal.signature, validate=True)
        except ValueError:
            return False
        return seal.workstation_id == self._workstation_id and self._keys.verify_hq(signature, seal_signing_bytes(seal))

    async def roll(self, epoch: str) -> list[Finding]:
        """Re-prove old sealed ranges of an epoch from rows, AUDIT_EVENTS at most, round robin; what does not follow."""
        seals = await self.seals(epoch, 0)
        place = await self._store.read(lambda connection: audit_place(connection, epoch))
        found = [one for seal in seals for one in self._seal_row(seal)]
        found += seal_gaps(epoch, seals)
        budget, ahead = AUDIT_EVENTS, [seal for seal in seals if seal.last > place]
        for seal in [*ahead, *seals[: len(seals) - len(ahead)]]:
            if budget <= 0:
                break
            found += await self._reprove(seal, seals)
            budget -= seal.last - seal.first + 1
            place = seal.last
        await self._store.run(lambda connection: keep_audit_place(connection, epoch, place))
        return found

    def _seal_row(self, seal: Seal) -> list[Finding]:
        if self.is_hqs(seal):
            return []
        key = str(seal.last)
        return [Finding(side="store", table="seals", epoch=seal.epoch, key=key, code="SIGNATURE")]

    async def _reprove(self, seal: Seal, seals: Sequence[Seal]) -> list[Finding]:
        before = next((one for one in seals if one.last == seal.first - 1), None)
        if not self.is_hqs(seal) or (before is None and seal.first > 1) or (before and not self.is_hqs(before)):
            return []
        walk = self._walk_from(seal.epoch, before, seals[-1].last)
        while walk.count < seal.last:
            reached = walk.count
            await self._store.read(lambda connection: walk.step(connection, PROOF_STEP_EVENTS, seal.last))
            if walk.count == reached:
                break
        if walk.head.hex() != seal.head:
            walk.find("events", f"{seal.first}-{seal.last}", "SEALED_HEAD", "rows no longer give the sealed head")
        return walk.findings

    async def strangers(self) -> list[Finding]:
        """Rows that belong to no epoch or no event, leases that do not follow from theirs."""
        found = await self._store.read(strangers)
        for audit in (lease_rows.astray, lease_rows.unclosed):
            place: lease_rows.Place | None = lease_rows.START
            odd: list[Finding] = []
            while place is not None and len(odd) < _ASTRAY:
                page, place = await self._store.read(partial(audit, after=place))
                odd += page
            found += odd[:_ASTRAY]
        return found

    async def sums(self, epoch: str, places: Sequence[int], size: int, count: int) -> dict[int, Sums]:
        """Bucket sums of places (numbers of `size` events each), from bodies, nothing beyond `count`."""
        sums: dict[int, Sums] = {}
        for seq, h in (await self.digests(epoch, places, size, count)).items():
            add(sums, seq, h, size)
        return sums

    async def digests(self, epoch: str, places: Sequence[int], size: int, count: int) -> dict[int, int]:
        """42 bits of each event's digest, by seq, from bodies."""
        found: dict[int, int] = {}
        share = max(1, BUCKET_EVENTS // size)
        for start in range(0, len(places), share):
            part = places[start : start + share]
            found |= await self._store.read(lambda c, part=part: event_digests(c, epoch, part, size, count))  # type: ignore[misc]
        return found

    async def event(self, epoch: str, seq: int) -> StoredEvent | None:
        """One event as the books hold it now."""

        def work(connection: Connection) -> StoredEvent | None:
            row = connection.execute(
                "SELECT seq, body, chain FROM events WHERE epoch = :epoch AND seq = :seq", {"epoch": epoch, "seq": seq}
            ).fetchone()
            return None if row is None else StoredEvent(row["seq"], row["body"].encode(), row["chain"])

        return await self._store.read(work)

    # --- seals
    async def seals(self, epoch: str, after: int) -> list[Seal]:
        """Seals of an epoch that end behind `after`, oldest first; the row's own columns are part of what is read."""

        def work(connection: Connection) -> list[Seal]:
            rows = connection.execute(
                "SELECT epoch, first, last, seal FROM seals WHERE epoch = :epoch AND last > :after ORDER BY last",
                {"epoch": epoch, "after": after},
            )
            return [seal_of_row(row["seal"], row["epoch"], row["first"], row["last"]) for row in rows]

        return await self._store.read(work)

    async def keep_seals(self, seals: Sequence[Seal]) -> None:
        """Store seals; those that are there stay as they are."""
        await self._store.run(
            lambda connection: connection.executemany(
                "INSERT INTO seals (epoch, first, last, seal) VALUES (:epoch, :first, :last, :seal)"
                " ON CONFLICT DO NOTHING",
                [
                    {"epoch": one.epoch, "first": one.first, "last": one.last, "seal": one.model_dump_json()}
                    for one in seals
                ],
            )
        )

    async def last_seq(self, epoch: str) -> int:
        """The last event of an epoch, 0 when there is none."""
        row = await self._store.read(
            lambda c: c.execute("SELECT MAX(seq) FROM events WHERE epoch = :epoch", {"epoch": epoch}).fetchone()
        )
        return int(row[0] or 0)

    async def chain_at(self, epoch: str, seq: int) -> str:
        """The stored chain hash after an event, hex; empty when it is not there."""
        event = await self.event(epoch, seq)
        return "" if event is None else event.chain.hex()

    # --- forks, suspensions, discrepancies
    async def leave_epoch(self, epoch: str, held: int, fresh: str, at_ms: int) -> bool:
        """Mint `fresh` if `epoch` is in force and HQ holds more of it than these books; whether it did."""

        def work(connection: Connection) -> bool:
            current = connection.execute("SELECT epoch FROM epochs ORDER BY number DESC LIMIT 1").fetchone()
            top = connection.execute("SELECT MAX(seq) FROM events WHERE epoch = :epoch", {"epoch": epoch}).fetchone()[0]
            if current["epoch"] != epoch or (top or 0) >= held:
                return False
            insert_epoch(connection, fresh, at_ms)
            return True

        return await self._store.run(work)

    async def learn_suspensions(self, epoch: str, said: Sequence[tuple[int, str]], upto: int) -> list[Finding]:
        """Take over what HQ holds suspended; name outbox rows that say otherwise. `said` is complete up to `upto`."""

        def work(connection: Connection) -> list[Finding]:
            rows = connection.execute(
                "SELECT seq, code FROM outbox INDEXED BY outbox_odd WHERE state IN ('suspended', 'conflict')"
                " AND state = 'suspended' AND epoch = :epoch",
                {"epoch": epoch},
            )
            here, there = {row["seq"]: row["code"] for row in rows}, dict(said)
            for seq in there.keys() - here.keys():
                connection.execute(
                    "UPDATE outbox SET state = 'suspended', code = :code"
                    " WHERE epoch = :epoch AND seq = :seq AND state = 'acknowledged'",
                    {"epoch": epoch, "seq": seq, "code": there[seq]},
                )
            first = min(there, default=0) if len(said) >= SUSPENSIONS else 0  # HQ named the newest ones only
            wrong = [
                seq
                for seq, code in here.items()
                if first <= seq <= upto and not code.startswith("HQ_") and there.get(seq) != code
            ]
            return [
                Finding(
                    side="store",
                    table="outbox",
                    epoch=epoch,
                    key=str(seq),
                    code="NOT_WHAT_HQ_SAYS",
                    detail=f"{here[seq]}, HQ says {there.get(seq, 'not suspended')}",
                )
                for seq in sorted(wrong)
            ] + odd_codes(connection, epoch)

        return await self._store.run(work)

    async def record(self, differences: Sequence[Difference], at_ms: int) -> list[Difference]:
        """Keep what was found; give those a person has explained and that are still the same."""
        return await self._store.run(lambda connection: discrepancies.record(connection, differences, at_ms))

    async def listed(self, *, everything: bool) -> list[dict[str, Json]]:
        """Discrepancies as plain JSON, newest first: the open ones, or all of them."""
        rows = await self._store.read(lambda connection: discrepancies.listed(connection, everything=everything))
        return [
            {name: row[name].hex() if isinstance(row[name], bytes) else row[name] for name in row.keys()}  # noqa: SIM118
            for row in rows
        ]

    async def explain(self, number: int, by: str, why: str, at_ms: int) -> None:
        """Note a person's explanation; raises Refusal for an unknown number."""
        await self._store.run(lambda connection: discrepancies.explain(connection, number, by, why, at_ms))
