"""HQ takes every event once, keeps it as it came, and lets none hold up another (promises 2 and 9)."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.digest import canonical
from agent.domain.errors import Refusal
from sync.hq import event_fields, member_counts
from sync.hq.service import HqService
from sync.protocol import BatchAnswer, PayerIdentity, ProofRequest, WireEvent
from tests.unit.test_hq_world import BRAND, NOW_MS, Till, enrol, import_members, open_world, query

World = tuple[HqService, Till, list[str]]


def in_world(path: Path, story: Callable[[HqService, Till, list[str]], Awaitable[None]], members: int = 2) -> None:
    async def play() -> None:
        hq, till = await open_world(path / "hq"), Till()
        try:
            await enrol(hq, till)
            await story(hq, till, await import_members(hq, path / "members.csv", members))
        finally:
            await hq.close()

    asyncio.run(play())


def said(answer: BatchAnswer) -> list[str]:
    return [f"{verdict.verdict.value}{':' if verdict.code else ''}{verdict.code}" for verdict in answer.verdicts]


async def balances(hq: HqService) -> dict[str, int]:
    rows = await query(hq, "SELECT member_id, balance FROM accounts WHERE account = 'points'")
    return {row["member_id"]: row["balance"] for row in rows}


def test_a_batch_is_booked_once_however_often_it_comes(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        till.book(member=ids[0], points=10)
        till.book(member=ids[0], points=-3)
        till.book(member=ids[1], points=5)
        first = await hq.ingest("S1-1", till.batch())
        assert (said(first), first.watermark, first.gaps) == (["created"] * 3, 3, [])
        again = await hq.ingest("S1-1", till.batch())
        assert (said(again), again.watermark) == (["exists"] * 3, 3)
        assert await balances(hq) == {ids[0]: 7, ids[1]: 5}
        [day] = (await hq.totals("S1-1")).days
        assert (day.business_day, day.events, day.payable_fen, day.points) == ("2026-09-21", 3, 3840, 12)

    in_world(tmp_path, story)


def test_bodies_are_kept_to_the_byte(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        texts = [till.book(note="\u2028🍵").body, till.book("{ }").body, till.book("\x00\x00").body]
        await hq.ingest("S1-1", till.batch())
        assert [row["body"] for row in await query(hq, "SELECT body FROM events ORDER BY seq")] == texts

    in_world(tmp_path, story)


def test_events_beyond_a_gap_wait_and_are_folded_when_it_fills(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        events = [till.book(member=ids[0], points=1) for _ in range(6)]
        await hq.ingest("S1-1", till.batch(events[:1]))
        answer = await hq.ingest("S1-1", till.batch([events[2], events[5]]))
        assert (said(answer), answer.watermark, answer.gaps) == (["created"] * 2, 1, [(2, 2), (4, 5)])
        assert await balances(hq) == {ids[0]: 1}
        answer = await hq.ingest("S1-1", till.batch([events[1]]))
        assert (answer.watermark, answer.gaps) == (3, [(4, 5)])
        assert await balances(hq) == {ids[0]: 3}
        answer = await hq.ingest("S1-1", till.batch([events[3], events[4]]))
        assert (answer.watermark, answer.gaps) == (6, [])
        assert await balances(hq) == {ids[0]: 6}

    in_world(tmp_path, story)


def test_a_gap_at_the_very_start_is_named(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        events = [till.book() for _ in range(3)]
        answer = await hq.ingest("S1-1", till.batch(events[2:]))
        assert (answer.watermark, answer.gaps) == (0, [(1, 2)])

    in_world(tmp_path, story)


def test_another_content_under_a_known_name_is_kept_beside_and_changes_nothing(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        till.book(member=ids[0], points=10)
        await hq.ingest("S1-1", till.batch())
        held = await query(hq, "SELECT * FROM events")
        twin = Till(key=till.key)
        twin.book(member=ids[0], points=99)
        for _ in range(2):
            answer = await hq.ingest("S1-1", twin.batch())
            assert (said(answer), answer.watermark) == (["conflict"], 1)
        assert await query(hq, "SELECT * FROM events") == held
        [kept] = await query(hq, "SELECT body FROM conflicts")
        assert kept["body"] == twin.events[0].body
        assert await balances(hq) == {ids[0]: 10}

    in_world(tmp_path, story)


def test_a_poison_event_blocks_no_other(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        till.book(member=ids[0], points=1)
        till.book('{"kind":1.5}')
        till.book(kind="raid", member=ids[0], points=100)
        till.book(member="m_nobody", points=100)
        till.book(seq=1, member=ids[0], points=100)
        till.book(member=ids[0], points=2)
        answer = await hq.ingest("S1-1", till.batch())
        assert said(answer) == [
            "created",
            "suspended:MALFORMED",
            "suspended:KIND_UNKNOWN",
            "suspended:MEMBER_UNKNOWN",
            "suspended:NAME_MISMATCH",
            "created",
        ]
        assert answer.watermark == 6
        assert await balances(hq) == {ids[0]: 3}
        again = await hq.ingest("S1-1", till.batch())
        assert said(again)[1:3] == ["suspended:MALFORMED", "suspended:KIND_UNKNOWN"]
        unknown, day = (await hq.totals("S1-1")).days
        assert (unknown.business_day, unknown.suspended) == ("", 1)
        assert (day.events, day.points, day.suspended, day.suspended_payable_fen) == (2, 3, 3, 3840)

    in_world(tmp_path, story)


def _with_nul(till: Till, owner: str) -> None:
    """Events whose texts no two databases measure alike, and one good event behind them."""
    for nul in ("\0", "\0" * 100, "a\0b", "\x1a"):
        for place in ("bucket", "lease", "expires", "owner"):
            posting = {"account": "coupon", "owner": owner, "amount": -1} | {place: nul}
            till.book(postings=[posting])
        till.book(transaction_id=nul[:64])
        till.book(kind="lease_close", leases=[{"lease": nul, "left": 0}], of_epoch="", after_seq=0)
        till.book(kind="lease_close", leases=[{"lease": "l", "left": 0}], of_epoch=nul[:64], after_seq=0)
        opened = {"lease": "l", "account": "points", "owner": owner, "amount": 1, "bucket": "", "expires": ""}
        till.book(kind="lease_open", leases=[{**opened, "usable_until_ms": 0, "bucket": nul}])
    till.book(member=owner, points=7)


def test_a_text_that_databases_measure_otherwise_waits_for_a_person(tmp_path: Path) -> None:
    """SQLite's length() ends at a NUL, PostgreSQL has none: such an event was refused for ever."""

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        _with_nul(till, ids[0])
        card = {"owner": ids[0], "card_id": "c\0", "name": "\0", "total": 5, "expires": ""}
        one = {"account": "count", "owner": ids[0], "amount": 5}
        till.book(kind="count_card_sale", postings=[one], card=card)
        answer = await hq.ingest("S1-1", till.batch())
        *hostile, good, sold = said(answer)
        assert (set(hostile), good, sold) == ({"suspended:MALFORMED"}, "created", "created")
        assert answer.watermark == len(till.events)
        assert said(await hq.ingest("S1-1", till.batch())) == [*hostile, "exists", "exists"]
        assert await balances(hq) == {ids[0]: 7}
        while await hq._write(lambda c: member_counts.step(c, hq._rules, NOW_MS)):
            pass
        assert (await query(hq, "SELECT earned FROM member_days")) == [{"earned": 7}]

    in_world(tmp_path, story)


def test_what_the_database_refuses_of_one_event_suspends_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even were nothing known of NULs: no value of an event ever stops its till."""

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        monkeypatch.setattr(event_fields, "is_keepable", lambda _text: True)
        till.book(member=ids[0], points=1)
        till.book(transaction_id="\0" * 64)
        till.book(member=ids[0], points=2, transaction_id="4200001")
        payer = PayerIdentity(payer_ref="pr_1", brand_id=BRAND, pairs=[("wx1", "oAAA")])
        answer = await hq.ingest("S1-1", till.batch(payers=[payer]))
        assert said(answer) == ["created", "suspended:MALFORMED", "created"]
        assert (answer.watermark, await balances(hq)) == (3, {ids[0]: 3})
        again = await hq.ingest("S1-1", till.batch())
        assert said(again) == ["exists", "suspended:MALFORMED", "exists"]
        assert await balances(hq) == {ids[0]: 3}
        assert [row["payer_ref"] for row in await query(hq, "SELECT payer_ref FROM payers")] == ["pr_1"]
        assert (await hq.totals("S1-1")).days[0].suspended_payable_fen == 1280
        proof = await hq.prove("S1-1", ProofRequest(epoch="e1", count=3, head=till.head.hex()))
        assert (proof.equal, proof.findings) == (True, []), "a person was told; it follows"

    in_world(tmp_path, story)


def test_coupons_of_older_books_whose_name_has_a_nul_stop_no_counting(tmp_path: Path) -> None:
    """Lots and leases that were taken in before keep their names; what spends from them is counted without them."""

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        till.book(
            postings=[{"account": "coupon", "owner": ids[0], "amount": 1, "bucket": "cp", "lease": "S1-1.e1.1.coupon"}]
        )
        till.book(postings=[{"account": "coupon", "owner": ids[0], "amount": -1, "lease": "S1-1.e1.1.coupon"}])
        till.book(postings=[{"account": "coupon", "owner": ids[0], "amount": -1, "bucket": "cp_old"}])
        till.book(member=ids[1], points=7)
        assert said(await hq.ingest("S1-1", till.batch())) == ["created"] * 4
        old = canonical({**json.loads(till.events[2].body), "postings": [
            {"account": "coupon", "owner": ids[0], "amount": -1, "bucket": "\0"}]}).decode()  # fmt: skip
        await hq._write(lambda c: c.execute("UPDATE events SET body = :body WHERE seq = 3", {"body": old}))
        await hq._write(lambda c: c.execute("UPDATE leases SET bucket = :lot", {"lot": "\0"}))
        while await hq._write(lambda c: member_counts.step(c, hq._rules, NOW_MS)):
            pass
        assert await query(hq, "SELECT coupon_id, amount FROM coupon_uses") == [{"coupon_id": "cp", "amount": 1}]
        assert await query(hq, "SELECT earned FROM member_days") == [{"earned": 7}]

    in_world(tmp_path, story)


def test_an_altered_body_breaks_its_own_link_only(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        events = [till.book(member=ids[0], points=1) for _ in range(4)]
        forged = events[1].model_copy(update={"body": events[1].body.replace('"amount":1', '"amount":9')})
        answer = await hq.ingest("S1-1", till.batch([events[0], forged, *events[2:]]))
        assert said(answer) == ["created", "suspended:CHAIN_MISMATCH", "created", "created"]
        assert await balances(hq) == {ids[0]: 3}
        assert said(await hq.ingest("S1-1", till.batch([forged]))) == ["suspended:CHAIN_MISMATCH"]

    in_world(tmp_path, story)


def test_a_wrong_chain_value_suspends_one_event(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        events = [till.book(member=ids[0], points=1) for _ in range(3)]
        wrong = events[1].model_copy(update={"chain": "ab" * 32})
        answer = await hq.ingest("S1-1", till.batch([events[0], wrong, events[2]]))
        assert said(answer) == ["created", "suspended:CHAIN_MISMATCH", "created"]

    in_world(tmp_path, story)


def test_a_chain_of_another_epoch_is_noticed_behind_a_gap_too(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        first = till.book(member=ids[0], points=1)
        second = till.book(member=ids[0], points=1)
        stray = second.model_copy(update={"chain": "cd" * 32})
        assert said(await hq.ingest("S1-1", till.batch([stray]))) == ["created"]
        assert said(await hq.ingest("S1-1", till.batch([first]))) == ["created"]
        assert await balances(hq) == {ids[0]: 1}
        [row] = await query(hq, "SELECT state, code FROM events WHERE seq = 2")
        assert row == {"state": "suspended", "code": "CHAIN_MISMATCH"}

    in_world(tmp_path, story)


def test_a_wechat_transaction_counts_once_in_the_brand(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        other = Till(workstation_id="S1-2")
        await enrol(hq, other)
        till.book(member=ids[0], points=1, transaction_id="42000")
        assert said(await hq.ingest("S1-1", till.batch())) == ["created"]
        other.book(member=ids[1], points=1, transaction_id="42000")
        other.book(member=ids[1], points=1, transaction_id="42001")
        twice = {"type": "wechat", "amount_fen": 1, "transaction_id": "42002"}
        other.book(tenders=[twice, twice])
        other.book(transaction_id="42002")
        assert said(await hq.ingest("S1-2", other.batch())) == [
            "suspended:TRANSACTION_USED",
            "created",
            "suspended:TRANSACTION_USED",
            "created",
        ]
        assert said(await hq.ingest("S1-1", till.batch())) == ["exists"]
        assert await balances(hq) == {ids[0]: 1, ids[1]: 1}

    in_world(tmp_path, story)


def test_a_member_of_another_brand_is_unknown(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        await hq.init_brand("coffee", "咖啡", "")
        await hq.add_store("coffee", "C1", "店")
        stranger = Till(workstation_id="C1-1", store_id="C1", brand_id="coffee")
        await enrol(hq, stranger)
        stranger.book(member=ids[0], points=1)
        assert said(await hq.ingest("C1-1", stranger.batch())) == ["suspended:MEMBER_UNKNOWN"]

    in_world(tmp_path, story)


def test_epochs_are_books_of_their_own(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        till.book(member=ids[0], points=1)
        await hq.ingest("S1-1", till.batch())
        till.new_epoch("e2")
        till.book(member=ids[0], points=2)
        answer = await hq.ingest("S1-1", till.batch())
        assert answer.watermark == 1
        assert await balances(hq) == {ids[0]: 3}
        assert (await hq.totals("S1-1")).watermarks == {"e1": 1, "e2": 1}

    in_world(tmp_path, story)


def test_payers_are_sealed_and_another_brands_are_refused(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        till.book(payer_ref="p_1")
        payer = PayerIdentity(payer_ref="p_1", brand_id=BRAND, pairs=[("wxapp", "oSECRET")])
        await hq.ingest("S1-1", till.batch(payers=[payer]))
        [row] = await query(hq, "SELECT * FROM payers")
        assert b"oSECRET" not in row["pairs_sealed"]
        assert hq._keys.open("payers", "pairs", "S1-1/p_1", row["pairs_sealed"]) == b'[["wxapp", "oSECRET"]]'
        alien = payer.model_copy(update={"brand_id": "coffee"})
        with pytest.raises(Refusal, match="payers must belong"):
            await hq.ingest("S1-1", till.batch(payers=[alien]))

    in_world(tmp_path, story)


def test_batches_that_contradict_themselves_are_refused_whole(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        for _ in range(3):
            till.book()
        good = till.batch()
        for changes in (
            {"first": 2},
            {"last": 9},
            {"head": "00" * 32},
            {"events": good.events[::-1]},
            {"events": [good.events[0], *good.events]},
            {"signature": "no base64"},
            {"signature": ("B" if good.signature[0] == "A" else "A") + good.signature[1:]},
            {"epoch": "e2"},
            {"protocol": 2},
        ):
            with pytest.raises(Refusal):
                await hq.ingest("S1-1", good.model_copy(update=changes))
        with pytest.raises(Refusal) as refused:
            await hq.ingest("S1-1", till.batch(head="00" * 32))
        assert refused.value.code == "BATCH_SHAPE"
        with pytest.raises(Refusal) as refused:
            await hq.ingest("S1-1", Till().batch([till.events[0]]))
        assert (refused.value.code, refused.value.status) == ("BATCH_SIGNATURE", 401)
        assert await query(hq, "SELECT count(*) AS n FROM events") == [{"n": 0}]

    in_world(tmp_path, story)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_order_and_repetition_gives_the_same_books(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Promise 2: duplicates, reordering and lost answers change neither balances nor heads."""
    path = tmp_path_factory.mktemp("hq")

    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        amounts = data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(-9, 9)), min_size=1, max_size=8))
        events: list[WireEvent] = [till.book(member=ids[who], points=amount) for who, amount in amounts]
        spans = st.tuples(st.integers(0, len(events) - 1), st.integers(1, len(events)))
        for start, length in [*data.draw(st.lists(spans, max_size=8)), (0, len(events))]:
            answer = await hq.ingest("S1-1", till.batch(events[start : start + length]))
            rows = await query(hq, "SELECT seq FROM events")
            held = {row["seq"] for row in rows}
            prefix = next(n for n in itertools.count() if n + 1 not in held)
            assert answer.watermark == prefix
            named = {seq for first, last in answer.gaps for seq in range(first, last + 1)}
            assert named == set(range(1, max(held) + 1)) - held
            expected = {who: 0 for who, _ in amounts[:prefix]}
            for who, amount in amounts[:prefix]:
                expected[who] += amount
            assert await balances(hq) == {ids[who]: amount for who, amount in expected.items()}
        [chain] = await query(hq, "SELECT head FROM chains")
        assert chain["head"] == till.head

    in_world(path, story)


def test_now_is_recorded(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, _ids: list[str]) -> None:
        till.book()
        await hq.ingest("S1-1", till.batch())
        assert await query(hq, "SELECT received_at_ms FROM events") == [{"received_at_ms": NOW_MS}]

    in_world(tmp_path, story)
