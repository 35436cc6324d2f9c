"""What the database refuses of an event only when it is folded is set aside, whoever makes it be folded (promise 9)."""

from pathlib import Path

import pytest

from agent.domain.ids import EventName
from agent.domain.ledger import lot_name, own_lease
from agent.limits import BATCH_EVENTS
from sync.hq.service import HqService
from sync.protocol import ProofRequest, WireEvent
from tests.unit.test_hq_books import balances, in_world, said
from tests.unit.test_hq_world import Till, enrol, query


def _refused_when_folded(till: Till, owner: str) -> list[WireEvent]:
    """Five sales of one point each; the fourth earns into a lease that the second claims to have been granted."""
    lot = lot_name(EventName("S1-1", "e1", 4))
    own = own_lease("points", lot)
    said_to_be_granted = {"lease": own, "account": "points", "owner": owner, "amount": 1, "bucket": "", "expires": ""}
    till.book(member=owner, points=1)
    till.book(kind="lease_open", leases=[{**said_to_be_granted, "usable_until_ms": 0}])
    till.book(member=owner, points=1)
    earns = {"account": "points", "owner": owner, "amount": 1, "lease": own, "bucket": lot}
    till.book(postings=[earns], transaction_id="4200001")
    till.book(member=owner, points=1)
    return till.events


@pytest.mark.parametrize("first", [[0, 1, 2, 3, 4], [1, 2, 3, 4, 0], [4, 3, 2, 1, 0], [3, 0, 1, 2, 4]])
def test_what_the_database_refuses_only_when_it_is_folded_is_set_aside_whenever_that_is(
    tmp_path: Path, first: list[int]
) -> None:
    """Behind a gap an event is kept unfolded: who fills the gap is answered, and their till goes on."""

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        events = _refused_when_folded(till, ids[0])
        for place in first:
            answer = await hq.ingest("S1-1", till.batch([events[place]]))
        assert (answer.watermark, await balances(hq)) == (5, {ids[0]: 3})
        again = await hq.ingest("S1-1", till.batch())
        assert said(again) == ["exists", "exists", "exists", "suspended:MALFORMED", "exists"]
        found = await query(hq, "SELECT key, detail FROM discrepancies WHERE code = 'EVENT_UNREADABLE'")
        assert [(row["key"], row["detail"][:32]) for row in found] == [("4", "event 4 cannot be worked on here")]
        other = Till(workstation_id="S1-2")
        await enrol(hq, other)
        other.book(transaction_id="4200001")
        assert said(await hq.ingest("S1-2", other.batch())) == ["created"], "what is set aside claims no payment"
        answer = await hq.ingest("S1-1", till.batch([till.book(member=ids[0], points=1)]))
        assert (said(answer), answer.watermark) == (["created"], 6)
        proof = await hq.prove("S1-1", ProofRequest(epoch="e1", count=6, head=till.head.hex()))
        assert (proof.equal, proof.findings, [seal.last for seal in proof.seals]) == (True, [], [6])

    in_world(tmp_path, story)


def test_a_lease_of_what_is_owed_is_given_back_and_stops_nobody_else(tmp_path: Path) -> None:
    """A closing waits for its epoch: were it refused, whatever comes of that epoch would pay for it."""

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        owed = {"lease": "l", "account": "points", "owner": ids[0], "amount": 5, "bucket": "debt", "expires": ""}
        till.book(kind="lease_open", leases=[{**owed, "usable_until_ms": 0}])
        till.book(member=ids[0], points=1)
        assert said(await hq.ingest("S1-1", till.batch(till.events[:1]))) == ["created"]
        later = Till(key=till.key, epoch="e2")
        later.book(kind="lease_close", leases=[{"lease": "l", "left": 5}], of_epoch="e1", after_seq=2)
        assert said(await hq.ingest("S1-1", later.batch())) == ["created"]
        assert said(await hq.ingest("S1-1", till.batch(till.events[1:]))) == ["created"]
        assert await query(hq, "SELECT state FROM leases") == [{"state": "closed"}]
        lots = await query(hq, "SELECT bucket, available FROM lots WHERE available <> 0")
        assert lots == [{"bucket": "opening", "available": 1}]

    in_world(tmp_path, story)


def test_among_many_behind_a_gap_the_refused_one_alone_is_set_aside(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        first, *rest = _refused_when_folded(till, ids[0])
        rest += [till.book(member=ids[1], points=1) for _ in range(BATCH_EVENTS + 7)]
        for start in range(0, len(rest), BATCH_EVENTS):
            await hq.ingest("S1-1", till.batch(rest[start : start + BATCH_EVENTS]))
        answer = await hq.ingest("S1-1", till.batch([first]))
        assert (said(answer), answer.watermark, answer.gaps) == (["created"], len(till.events), [])
        assert await balances(hq) == {ids[0]: 3, ids[1]: BATCH_EVENTS + 7}
        assert [row["seq"] for row in await query(hq, "SELECT seq FROM events WHERE state = 'suspended'")] == [4]
        proof = await hq.prove("S1-1", ProofRequest(epoch="e1", count=len(till.events), head=till.head.hex()))
        assert (proof.equal, proof.findings) == (True, [])

    in_world(tmp_path, story)
