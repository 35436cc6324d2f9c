"""books.db on real SQLite: one transaction, dense seq, chain, idempotency, facts that cannot be edited."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from agent.books_ports import JobKind, NewPrintJob, OutcomeKind
from agent.domain.digest import chain_head
from agent.domain.errors import Refusal, StorageError
from agent.grants import VENDOR, Grant
from agent.sqlite import IntegrityError
from tests.books_world import BooksWorld, in_books
from tests.stand_ins import paper, sale_draft


def test_commit_gives_dense_seq_and_a_chain_anyone_can_rehash(tmp_path: Path) -> None:
    async def work(world: BooksWorld) -> None:
        names = [(await world.books.commit(sale_draft(number))).name for number in range(1, 6)]
        assert [name.seq for name in names] == [1, 2, 3, 4, 5]
        epoch, events = await world.outbox.pending(10, 10**6)
        assert epoch == names[0].epoch
        count, head = chain_head("S001-1", epoch, [event.body for event in events])
        assert (count, head) == (5, events[-1].chain)
        unit = await world.proofs.unit(epoch)
        assert (unit.count, unit.head, unit.altered) == (5, head.hex(), [])

    asyncio.run(in_books(tmp_path, work))


def test_the_same_caller_id_gives_the_first_answer_again_even_after_a_restart(tmp_path: Path) -> None:
    """pains 2: response lost, asked again, booked once."""

    async def first(world: BooksWorld) -> object:
        outcome = await world.books.commit(sale_draft(7))
        assert outcome.kind is OutcomeKind.CREATED
        return outcome.answer

    async def again(world: BooksWorld) -> object:
        outcome = await world.books.commit(replace(sale_draft(7), answer={"sale_id": "made later"}))
        assert outcome.kind is OutcomeKind.EXISTS
        assert (await world.outbox.outbox_counts()).pending == 1
        return outcome.answer

    assert asyncio.run(in_books(tmp_path, first)) == asyncio.run(in_books(tmp_path, again))


def test_another_content_under_the_same_caller_id_is_a_conflict_that_names_the_field(tmp_path: Path) -> None:
    async def work(world: BooksWorld) -> None:
        await world.books.commit(sale_draft(7))
        other = replace(sale_draft(7), request={"number": 7, "tenders": [{"amount_fen": 1}]})
        outcome = await world.books.commit(other)
        assert (outcome.kind, outcome.field) == (OutcomeKind.CONFLICT, "tenders.0.amount_fen")

    asyncio.run(in_books(tmp_path, work))


def test_event_postings_outbox_receipt_and_secrets_commit_together_or_not_at_all(tmp_path: Path) -> None:
    """Rule 2 of the house: a payment that was used before takes the whole sale back with it."""

    async def work(world: BooksWorld) -> None:
        def jobs(_: object) -> list[NewPrintJob]:
            return [NewPrintJob("job_1", "p", JobKind.RECEIPT, paper(), 2**53)]

        draft = replace(sale_draft(1, points=9), nonces=("n1",), transaction_ids=("t1",), print_jobs=jobs)
        await world.books.commit(draft)
        assert await world.books.is_used(nonce="n1")
        assert await world.books.is_used(transaction_id="t1")
        assert await world.ledger.next_job("p") is not None
        broken = replace(sale_draft(2, points=9), nonces=("n2",), transaction_ids=("t1",))
        with pytest.raises(Refusal) as refused:
            await world.books.commit(broken)
        assert (refused.value.code, refused.value.status) == ("TRANSACTION_USED", 409)
        assert not await world.books.is_used(nonce="n2")
        assert len(await world.books.postings("points", "m_1")) == 1
        assert (await world.outbox.outbox_counts()).pending == 1
        assert (await world.books.commit(sale_draft(3))).name.seq == 2

    asyncio.run(in_books(tmp_path, work))


@pytest.mark.parametrize("statement", ["UPDATE events SET body = '{}'", "DELETE FROM events"])
def test_events_are_never_edited_or_deleted_by_our_own_code(tmp_path: Path, statement: str) -> None:
    async def work(world: BooksWorld) -> None:
        await world.books.commit(sale_draft(1))
        with pytest.raises(IntegrityError, match="never"):
            await world.store.run(lambda connection: connection.execute(statement))

    asyncio.run(in_books(tmp_path, work))


def test_rehash_names_the_event_that_somebody_altered_with_plain_sql(tmp_path: Path) -> None:
    async def fill(world: BooksWorld) -> str:
        for number in range(1, 6):
            await world.books.commit(sale_draft(number))
        return await world.outbox.epoch()

    epoch = asyncio.run(in_books(tmp_path, fill))
    with sqlite3.connect(tmp_path / "books.db") as alien:
        alien.execute("DROP TRIGGER events_are_facts")
        alien.execute("UPDATE events SET body = replace(body, '\"paid_fen\":93', '\"paid_fen\":3') WHERE seq = 3")
    alien.close()

    async def check(world: BooksWorld) -> list[int]:
        return (await world.proofs.unit(epoch)).altered

    assert asyncio.run(in_books(tmp_path, check))[0] == 3


def test_books_open_with_the_pragmas_of_the_design_and_for_one_process_only(tmp_path: Path) -> None:
    async def work(world: BooksWorld) -> None:
        def pragmas(connection: sqlite3.Connection) -> dict[str, object]:
            names = ("locking_mode", "journal_mode", "synchronous", "foreign_keys", "secure_delete")
            return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}

        assert await world.store.read(pragmas) == {
            "locking_mode": "exclusive",
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "secure_delete": 1,
        }
        await world.books.commit(sale_draft(1))
        other = BooksWorld(tmp_path)
        with pytest.raises(StorageError, match="locked"):
            await other.open()

    asyncio.run(in_books(tmp_path, work))


def test_books_of_a_newer_program_are_refused_with_the_cure(tmp_path: Path) -> None:
    async def nothing(_: BooksWorld) -> None:
        return None

    asyncio.run(in_books(tmp_path, nothing))
    with sqlite3.connect(tmp_path / "books.db") as alien:
        alien.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('books', 'm999_future', '')"
        )
    alien.close()
    with pytest.raises(StorageError, match="newer pos-agent"):
        asyncio.run(in_books(tmp_path, nothing))


def test_a_cancelled_caller_does_not_lose_a_commit_that_has_begun(tmp_path: Path) -> None:
    async def work(world: BooksWorld) -> None:
        task = asyncio.create_task(world.books.commit(sale_draft(1)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert (await world.books.commit(sale_draft(1))).kind is OutcomeKind.EXISTS

    asyncio.run(in_books(tmp_path, work))


def test_lines_and_tenders_are_views_of_the_hashed_body(tmp_path: Path) -> None:
    """No altered column can hide: there is no second copy of a line that a hash does not cover."""

    async def work(world: BooksWorld) -> None:
        await world.books.commit(sale_draft(4))
        rows = await world.store.read(
            lambda connection: connection.execute("SELECT sku, paid_fen FROM sale_lines").fetchall()
        )
        assert [tuple(row) for row in rows] == [("10001", 94)]
        tenders = await world.store.read(
            lambda connection: connection.execute("SELECT type, amount_fen FROM sale_tenders").fetchall()
        )
        assert [tuple(row) for row in tenders] == [("cash", 94)]

    asyncio.run(in_books(tmp_path, work))


def test_a_payer_keeps_one_reference_across_both_of_their_openids(tmp_path: Path) -> None:
    """facts/wechat.md E: one person, two openids; the second may come alone later."""

    async def work(world: BooksWorld) -> None:
        both = [("wxsub", "oSub1"), ("wxsp", "oSp1")]
        ref = await world.books.payer_ref("b1", both)
        assert await world.books.payer_ref("b1", [("wxsp", "oSp1")]) == ref
        assert await world.books.payer_ref("b2", both) != ref
        assert await world.books.payer_ref("b1", [("wxsp", "oOther")]) != ref
        (identity,) = await world.books.payers([ref, "pay_erased"])
        assert [tuple(pair) for pair in identity.pairs] == both

    asyncio.run(in_books(tmp_path, work))


def test_no_identity_stands_in_the_file_in_the_clear(tmp_path: Path) -> None:
    """R19: keyed index or sealed, from the first migration on; the claim on paper is sealed too."""

    async def work(world: BooksWorld) -> None:
        await world.books.payer_ref("b1", [("wxsub", "oCanaryOpenid0001")])
        job = NewPrintJob("job_1", "p", JobKind.RECEIPT, paper("claim-CANARY-secret"), 2**53)
        await world.ledger.add(job, 1)
        await world.tokens.add("token-CANARY", Grant("", "pos", VENDOR))

    asyncio.run(in_books(tmp_path, work))
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("books.db*"))
    assert b"oCanaryOpenid0001" not in stored
    assert b"CANARY" not in stored


def test_notices_replay_in_order_and_keep_a_bounded_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.db.notices.NOTICES_KEPT", 3)
    monkeypatch.setattr("agent.db.notices._PRUNE_EVERY", 1)

    async def work(world: BooksWorld) -> None:
        for number in range(1, 8):
            await world.notices.append("scan.item", {"text": str(number)}, number)
        kept = await world.notices.after(0, 100)
        assert [notice.id for notice in kept] == [5, 6, 7]
        assert [notice.data["text"] for notice in await world.notices.after(5, 1)] == ["6"]

    asyncio.run(in_books(tmp_path, work))
