"""The proof trusts nothing that was computed at ingest: it rehashes bodies and signs what it found."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from agent.domain.digest import genesis
from sync.hq import prove
from sync.hq.bounds import AUDIT_PAUSE_S, PROOFS_CALM
from sync.hq.keys import verify
from sync.hq.service import HqService
from sync.protocol import ProofAnswer, ProofRequest, proof_signing_bytes
from tests.unit.test_hq_books import in_world
from tests.unit.test_hq_world import NOW_MS, Till, query


async def ask(hq: HqService, till: Till, count: int | None = None, head: bytes | None = None) -> ProofAnswer:
    asked = len(till.events) if count is None else count
    return await hq.prove("S1-1", ProofRequest(epoch=till.epoch, count=asked, head=(head or till.head).hex()))


async def alter(hq: HqService, sql: str) -> None:
    await hq._write(lambda c: c.execute(sql, {"zeros": bytes(32)}))


def test_equal_books_give_an_equal_signed_and_recorded_proof(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        for points in range(5):
            till.book(member=ids[0], points=points)
        till.book(kind="raid")
        await hq.ingest("S1-1", till.batch())
        answer = await ask(hq, till)
        assert (answer.equal, answer.count, answer.head) == (True, 6, till.head.hex())
        assert (answer.missing, answer.suspended, answer.at_ms) == ([], 1, NOW_MS)
        message = proof_signing_bytes("S1-1", "e1", 6, answer.head, True, NOW_MS)
        assert verify(hq.public_key, base64.b64decode(answer.signature), message)
        await ask(hq, till)
        records = await query(hq, "SELECT proof_no, equal, asked_count, held_count FROM proofs ORDER BY proof_no")
        assert [tuple(row.values()) for row in records] == [(1, 1, 6, 6), (2, 1, 6, 6)]

    in_world(tmp_path, story)


@pytest.mark.parametrize("step", [1, 2, 3, 5000])
def test_steps_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(prove, "PROOF_STEP_EVENTS", step)

    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        events = [till.book() for _ in range(6)]
        await hq.ingest("S1-1", till.batch([*events[:3], events[4]]))
        answer = await ask(hq, till)
        assert (answer.equal, answer.count, answer.missing) == (False, 3, [(4, 4), (6, 6)])
        assert answer.head == events[2].chain
        await hq.ingest("S1-1", till.batch())
        assert (await ask(hq, till)).equal

    in_world(tmp_path, story)


def test_a_body_altered_by_sql_makes_the_proof_unequal_and_is_named(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        for points in range(4):
            till.book(member=ids[0], points=points)
        await hq.ingest("S1-1", till.batch())
        await alter(hq, "UPDATE events SET body = replace(body, '\"amount\":2', '\"amount\":3') WHERE seq = 3")
        answer = await ask(hq, till)
        assert not answer.equal
        assert (answer.count, answer.missing) == (4, [])
        [record] = await query(hq, "SELECT detail FROM proofs")
        assert json.loads(record["detail"]) == {"altered": [3], "missing": []}
        # Whoever also covers the tracks in the digest and the chain is found by the head just the same.
        await alter(hq, "UPDATE events SET digest = :zeros, chain = :zeros")
        assert not (await ask(hq, till)).equal

    in_world(tmp_path, story)


def test_a_deleted_event_is_missing(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        for _ in range(3):
            till.book()
        await hq.ingest("S1-1", till.batch())
        await alter(hq, "DELETE FROM events WHERE seq = 2")
        answer = await ask(hq, till)
        assert (answer.equal, answer.count, answer.missing) == (False, 1, [(2, 2)])
        again = await hq.ingest("S1-1", till.batch())
        assert again.watermark == 3
        assert (await ask(hq, till)).equal

    in_world(tmp_path, story)


def test_an_altered_store_is_found_too(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        till.book()
        await hq.ingest("S1-1", till.batch())
        assert not (await ask(hq, till, head=bytes(32))).equal

    in_world(tmp_path, story)


def test_ranges_at_the_edges(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        empty = await ask(hq, till)
        assert (empty.equal, empty.count, empty.head) == (True, 0, genesis("S1-1", "e1").hex())
        nothing = await ask(hq, till, count=2**53 - 1)
        assert (nothing.equal, nothing.missing) == (False, [(1, 2**53 - 1)])
        first = till.book()
        till.book()
        await hq.ingest("S1-1", till.batch())
        earlier = await ask(hq, till, count=1, head=bytes.fromhex(first.chain))
        assert (earlier.equal, earlier.count) == (True, 1)

    in_world(tmp_path, story)


def test_the_more_prove_at_once_the_less_is_audited_beside_each() -> None:
    now_s = [100.0]
    crowd = prove.Crowd(lambda: now_s[0])
    calm = [crowd.one() for _ in range(PROOFS_CALM)]
    assert [one.__enter__() for one in calm] == [prove.Extent()] * PROOFS_CALM
    with crowd.one() as crowded:
        assert crowded == prove.Extent(own=False, wide=False)
    now_s[0] += AUDIT_PAUSE_S
    with crowd.one() as later, crowd.one() as next_one:
        assert later == prove.Extent(own=False, wide=True), "shared books are looked at all the same, every few seconds"
        assert not next_one.wide
    calm.pop().__exit__(None, None, None)
    with crowd.one() as again:
        assert again == prove.Extent()
    crowd.busy = lambda: True
    with crowd.one() as while_stores_wait:
        assert while_stores_wait == prove.Extent(own=False, wide=False)


def test_in_a_crowd_what_was_altered_in_a_store_is_found_all_the_same(tmp_path: Path) -> None:
    """What is proven is never cut short: only what is audited beside it."""

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        for points in range(8):
            till.book(member=ids[0], points=points)
        await hq.ingest("S1-1", till.batch(till.events[:4]))
        assert (await ask(hq, till, 4, bytes.fromhex(till.events[3].chain))).equal
        await hq.ingest("S1-1", till.batch())
        crowd = [hq.crowd.one() for _ in range(PROOFS_CALM + 1)]
        for one in crowd:
            one.__enter__()
        answers = await asyncio.gather(*(ask(hq, till) for _ in range(6)))
        assert [answer.equal for answer in answers] == [True] * 6
        assert all(answer.findings == [] for answer in answers)
        await alter(hq, "UPDATE chains SET head = :zeros")
        assert "chains" in {one.table for one in (await ask(hq, till)).findings}

    in_world(tmp_path, story)
