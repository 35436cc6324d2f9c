"""books.db: where a sale comes to exist. One transaction books the event and everything that follows from it.

Called by flow and identify through the Books port. It never talks to HQ, never prints, never decides a price.
"""

from collections.abc import Callable, Sequence

import orjson

from agent.books_ports import EventDraft, Outcome, OutcomeKind
from agent.db import lease_rows, payers, risk
from agent.db.book_rows import (
    current_epoch,
    end_in_force,
    insert_epoch,
    note_forks,
    open_answer,
    plain,
    require_epoch,
    seal_answer,
    use_up,
)
from agent.db.notices import insert_notice
from agent.db.print_jobs import doubt_queue, insert_job
from agent.db.store import Store
from agent.domain.digest import Json, canonical, event_digest, extend, first_difference
from agent.domain.errors import Refusal
from agent.domain.ids import EventName, random_id
from agent.domain.ledger import lot_name, named, posting_rows
from agent.ports import Clock, Entropy, KeyRing
from agent.sqlite import Connection, Row
from agent.witness_mark import Mark
from sync.protocol import PayerIdentity

_EPOCH_BYTES = 10
_PAYER_BYTES = 15


def _nobody(_: int) -> None:
    pass


class BooksDb:
    """The Books port over books.db."""

    def __init__(self, store: Store, workstation_id: str, keys: KeyRing, clock: Clock, entropy: Entropy) -> None:
        self._store = store
        self._workstation_id = workstation_id
        self._keys = keys
        self._clock = clock
        self._entropy = entropy
        self.on_booked: Callable[[int], None] = _nobody
        """Told when an event was booked, by its own clock."""

    async def ensure_epoch(self) -> str:
        """Mint the first epoch of a new file; give the epoch in force."""
        minted = random_id("ep", self._entropy.token(_EPOCH_BYTES))
        now_ms = self._clock.now_ms()

        def work(connection: Connection) -> str:
            if current_epoch(connection) is None:
                insert_epoch(connection, minted, now_ms)
            return require_epoch(connection)

        return await self._store.run(work)

    async def heed(self, mark: Mark | None) -> str | None:
        """Compare the books with their witness before the first sale; the new epoch when they are behind it.

        Books that lack the event HQ once acknowledged, or hold another one under its name, were restored or copied.
        """
        if mark is None:
            return None
        minted, now_ms = random_id("ep", self._entropy.token(_EPOCH_BYTES)), self._clock.now_ms()

        def work(connection: Connection) -> str | None:
            row = connection.execute(
                "SELECT chain FROM events WHERE epoch = :epoch AND seq = :seq", {"epoch": mark.epoch, "seq": mark.seq}
            ).fetchone()
            if row is not None and row["chain"].hex() == mark.chain:
                return None
            detail = "restored books: the witness knows an event they lack"
            noted = connection.execute(
                "SELECT 1 FROM discrepancies WHERE epoch = :epoch AND key = :key AND code = 'FORK'",
                {"epoch": mark.epoch, "key": str(mark.seq)},
            ).fetchone()
            if noted is not None:
                return None  # noticed at an earlier start: the epoch in force is already a new one
            note_forks(connection, mark.epoch, [mark.seq], now_ms, detail)
            insert_epoch(connection, minted, now_ms)
            doubt_queue(connection)
            return minted

        return await self._store.run(work)

    async def commit(self, draft: EventDraft) -> Outcome:
        """Book one event: created, or exists / conflict for a caller id that has one. DiskLow, TRANSACTION_USED."""
        if not self._store.has_room():
            earlier_answer = await self.answer(draft.kind, draft.caller_id, draft.request)
            if earlier_answer is not None:
                return earlier_answer
            self._store.require_room()

        def work(connection: Connection) -> Outcome:
            earlier = self._earlier(connection, draft.kind, draft.caller_id, draft.request)
            if earlier is not None:
                return earlier
            name = self._append(connection, draft)
            answer: dict[str, Json] = {
                **draft.answer,
                "event": {"workstation_id": name.workstation_id, "epoch": name.epoch, "seq": name.seq},
            }
            request = plain(draft.request)
            connection.execute(
                "INSERT INTO requests (kind, caller_id, epoch, seq, request, answer_sealed)"
                " VALUES (:kind, :caller, :epoch, :seq, :request, :answer_sealed)",
                {
                    "kind": draft.kind,
                    "caller": draft.caller_id,
                    "epoch": name.epoch,
                    "seq": name.seq,
                    "request": request,
                    "answer_sealed": self._keys.encrypt(
                        "requests", "answer_sealed", draft.caller_id, seal_answer(answer, request.encode())
                    ),
                },
            )
            notice = None
            if draft.told:
                told = {key: answer[key] for key in draft.told}
                notice = insert_notice(connection, f"{draft.kind}.recorded", told, draft.at_ms)
            return Outcome(OutcomeKind.CREATED, name, answer, notice=notice)

        outcome = await self._store.run(work)
        if outcome.kind is OutcomeKind.CREATED:
            self.on_booked(draft.at_ms)
        return outcome

    def _append(self, connection: Connection, draft: EventDraft) -> EventName:
        epoch, count, head = end_in_force(connection, self._workstation_id)
        if draft.in_epoch not in ("", epoch):
            raise Refusal("EPOCH_NOT_IN_FORCE", "a new epoch began meanwhile", hint="ask again", status=409)
        name = EventName(self._workstation_id, epoch, count + 1)
        event: dict[str, Json] = {**draft.body, "epoch": epoch, "seq": name.seq}
        postings = named(draft.postings, lot_name(name))
        if postings:  # a lot that this event opens is named after it
            event["postings"] = posting_rows(postings)
        body = canonical(event)
        digest = event_digest(body)
        where: dict[str, Json] = {"epoch": epoch, "seq": name.seq}
        connection.execute(
            "INSERT INTO events (epoch, seq, body, digest, chain) VALUES (:epoch, :seq, :body, :digest, :chain)",
            {**where, "body": body.decode(), "digest": digest, "chain": extend(head, digest)},
        )
        # ORDER: this sale's own promise ends first, so that what it was promised is there for it.
        for hold_id in draft.holds:
            connection.execute("DELETE FROM lease_holds WHERE hold_id = :id", {"id": hold_id})
            connection.execute("DELETE FROM held_quotes WHERE quote_id = :id", {"id": hold_id})
        lease_rows.book(connection, name, event, postings, draft.at_ms)
        risk.freeze(connection, name, postings, draft.at_ms)
        connection.execute("INSERT INTO outbox (epoch, seq) VALUES (:epoch, :seq)", where)
        for job in draft.print_jobs(name):
            insert_job(connection, self._keys, job, draft.at_ms, name=name)
        use_up(connection, draft.transaction_ids, where)
        for nonce in draft.nonces:
            connection.execute(
                "INSERT OR IGNORE INTO used_nonces (nonce, used_at_ms) VALUES (:nonce, :at)",
                {"nonce": nonce, "at": draft.at_ms},
            )
        return name

    async def answer(self, kind: str, caller_id: str, request: dict[str, Json]) -> Outcome | None:
        """The outcome of an earlier commit under this caller id."""
        return await self._store.read(lambda connection: self._earlier(connection, kind, caller_id, request))

    def _earlier(self, connection: Connection, kind: str, caller_id: str, request: dict[str, Json]) -> Outcome | None:
        row: Row | None = connection.execute(
            "SELECT epoch, seq, request, answer_sealed FROM requests WHERE kind = :kind AND caller_id = :caller",
            {"kind": kind, "caller": caller_id},
        ).fetchone()
        if row is None:
            return None
        name = EventName(self._workstation_id, row["epoch"], row["seq"])
        field = first_difference(orjson.loads(row["request"]), orjson.loads(orjson.dumps(request)))
        opened = self._keys.decrypt("requests", "answer_sealed", caller_id, row["answer_sealed"])
        answer, _ = open_answer(opened)
        return Outcome(OutcomeKind.EXISTS if field is None else OutcomeKind.CONFLICT, name, answer, field)

    async def is_used(self, *, transaction_id: str | None = None, nonce: str | None = None) -> bool:
        """Whether a WeChat transaction or a nonce is already in the books."""

        def work(connection: Connection) -> bool:
            found = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM used_transactions WHERE transaction_id = :transaction_id)"
                " OR EXISTS (SELECT 1 FROM used_nonces WHERE nonce = :nonce)",
                {"transaction_id": transaction_id, "nonce": nonce},
            ).fetchone()
            return bool(found[0])

        return await self._store.read(work)

    async def postings(self, account: str, owner: str) -> list[tuple[str, int, int]]:
        """(epoch, seq, amount) of every posting of one sub-account."""

        def work(connection: Connection) -> list[tuple[str, int, int]]:
            rows = connection.execute(
                "SELECT epoch, seq, amount FROM postings WHERE account = :account AND owner = :owner",
                {"account": account, "owner": owner},
            )
            return [(row["epoch"], row["seq"], row["amount"]) for row in rows]

        return await self._store.read(work)

    async def payer_ref(self, brand_id: str, pairs: Sequence[tuple[str, str]]) -> str:
        """The random reference of a provisional payer; later pairs of the same person join the same reference."""
        minted = random_id("pay", self._entropy.token(_PAYER_BYTES))
        now_ms = self._clock.now_ms()
        return await self._store.run(lambda c: payers.join(c, self._keys, brand_id, pairs, minted, now_ms))

    async def payers(self, refs: Sequence[str]) -> list[PayerIdentity]:
        """The identities behind payer references; erased ones are left out."""
        return await self._store.read(lambda c: payers.identities(c, self._keys, refs))
