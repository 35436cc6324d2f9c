"""Spending offline without overspending: leases from HQ's grant to their closing, in real books on both sides."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from agent.books_ports import StoredEvent
from agent.db.book_rows import insert_epoch
from agent.db.lease_rows import PAGE
from agent.domain.errors import HqRejected, Refusal
from agent.domain.lease import plan_spend, spending
from agent.domain.ledger import DEBT_BUCKET, OWN_LOT
from agent.domain.sale import Posting
from agent.limits import LEASES_AN_EVENT
from sync.hq.schema import MIGRATIONS
from sync.hq.service import HqService
from sync.lease_protocol import LeaseAnswer, LeaseRequest, LeaseWant
from tests.lease_world import Station, account_state
from tests.stand_ins import SteppingClock
from tests.unit.test_hq_world import HandClock, import_members, open_world, query

Story = Callable[[HqService, Station, Station, list[str]], Awaitable[None]]
MEMBERS = 3
MANY = 2 * PAGE + 1


def play(folder: Path, story: Story) -> None:
    """Two workstations and an HQ whose members own 0, 1, 2 ... points, then 100 more for the last."""

    async def run() -> None:
        clock = SteppingClock()
        hq = await open_world(folder / "hq", HandClock(clock.ms))
        one, two = Station(folder, hq, "S1-1", clock), Station(folder, hq, "S1-2", clock)
        try:
            ids = await import_members(hq, folder / "members.csv", MEMBERS)
            await hq._write(lambda c: c.execute("UPDATE members SET opening_points = opening_points + 100"))
            for station in (one, two):
                await station.enrol()
            await story(hq, one, two, ids)
            for member in ids:
                state = await account_state(hq, member)
                assert state["owned"] == state["lots"] + state["out"], (member, state)
            for station in (one, two):
                assert await station.audit() == []
        finally:
            for station in (one, two):
                await station.close()
            await hq.close()

    asyncio.run(run())


async def state(hq: HqService, member: str) -> tuple[int, int, int]:
    found = await account_state(hq, member)
    return found["owned"], found["lots"], found["out"]


async def codes(hq: HqService) -> list[str]:
    rows = await query(hq, "SELECT code FROM discrepancies WHERE place = 'leases' ORDER BY epoch, key")
    return [row["code"] for row in rows]


def test_a_granted_lease_is_spent_with_the_cable_out_and_the_rest_comes_back(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        assert await till.acquire(me, 60)
        assert await till.free(me) == 60
        assert await state(hq, me) == (100, 40, 60)
        till.wire.mode = "down"
        await till.spend(me, 25)
        with pytest.raises(Refusal, match="36 wanted, 35") as refused:
            await till.spend(me, 36)
        assert refused.value.code == "LEASE_SHORT"
        assert await till.free(me) == 35
        till.wire.mode = "up"
        assert await till.idle() == 1
        assert await till.free(me) == 0
        assert await state(hq, me) == (100, 40, 60), "nothing comes back on a timeout"
        await till.push()
        assert await state(hq, me) == (75, 75, 0)
        assert await codes(hq) == []

    play(tmp_path, story)


def test_what_was_planned_twice_is_paid_once(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 60)
        lots = await till.lots(me)
        planned = spending(lots, plan_spend(lots, 40))
        await till.book(planned)
        count = (await till.leases.position())[1]
        with pytest.raises(Refusal, match="40 wanted, 20") as refused:
            await till.book([*planned, Posting("points", me, 5, OWN_LOT, "", OWN_LOT)])
        assert refused.value.code == "LEASE_SHORT"
        assert (await till.leases.position())[1] == count, "nothing of that sale was written"
        assert [lot.remaining for lot in await till.lots(me)] == [20]
        await till.push()
        assert await state(hq, me) == (60, 40, 20)

    play(tmp_path, story)


def test_a_sale_that_is_sent_while_hq_is_asked_does_not_look_like_a_copy(tmp_path: Path) -> None:
    async def story(_hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        ask = till.wire.lease
        sold: list[str] = []

        async def sell_first(request: LeaseRequest) -> LeaseAnswer:
            if not sold:
                sold.append(await till.earn(ids[0], 1))
                await till.push()
            return await ask(request)

        till.wire.lease = sell_first  # type: ignore[method-assign]
        assert await till.acquire(ids[0], 60)
        assert await till.free(ids[0]) == 61

    play(tmp_path, story)


def test_all_tries_to_reach_hq_share_one_deadline(tmp_path: Path) -> None:
    async def story(_hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        asked: list[int] = []

        async def slow_and_behind(request: LeaseRequest) -> LeaseAnswer:
            asked.append(request.last)
            await till.earn(ids[0], 1)
            await asyncio.sleep(0.6)
            raise HqRejected("HQ holds more", status=409, code="EPOCH_NOT_IN_FORCE")

        till.wire.lease = slow_and_behind  # type: ignore[method-assign]
        assert not await till.leasing.acquire(ids[0], [LeaseWant(account="points", amount=5)], 1.0)
        assert asked == [0, 1], "the second try has what the first left of the second, the third has nothing"

    play(tmp_path, story)


def test_many_open_leases_are_read_and_audited_in_short_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(_hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        everybody = [await till.earn(ids[place % MEMBERS], 2) for place in range(MANY)]
        jobs: list[int] = []
        read = till.store.read

        async def counted(work: Callable[[Any], Any]) -> Any:
            answer = await read(work)
            if isinstance(answer, tuple) and isinstance(answer[0], list):
                jobs.append(len(answer[0]))
            return answer

        monkeypatch.setattr(till.store, "read", counted)
        held = await till.leases.open_leases({})
        assert {one.lease.bucket for one in held} == set(everybody)
        assert (len(held), jobs) == (MANY, [PAGE, PAGE, 1])
        last = {"id": held[-1].lease.lease_id}
        await till.store.run(lambda c: c.execute("UPDATE leases SET remaining = 1 WHERE lease_id = :id", last))
        assert [(one.key, one.code) for one in await till.proofs.strangers()] == [(last["id"], "DOES_NOT_FOLLOW")]
        await till.store.run(lambda c: c.execute("UPDATE leases SET remaining = 2 WHERE lease_id = :id", last))
        old, count = await till.leases.position()
        assert await till.leases.suspended() == []
        await till.store.run(lambda c: insert_epoch(c, "ep_the_next_one", till.clock.ms))
        await till.earn(ids[0], 1)
        [closing] = await till.leases.suspended()
        assert (closing.of_epoch, closing.after_seq, len(closing.leases)) == (old, count, LEASES_AN_EVENT)

    play(tmp_path, story)


def test_every_closed_lease_is_audited(tmp_path: Path) -> None:
    async def story(_hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        for _place in range(MANY):
            await till.earn(ids[0], 1)
        assert await till.idle() == MANY
        _epoch, last = await till.leases.position()
        await till.earn(ids[0], 1)
        ours = {"of": last, "to": last + 1}
        moved = "UPDATE leases SET closed_seq = :to WHERE closed_seq = :of"
        assert await till.store.run(lambda c: c.execute(moved, ours).rowcount) == MANY - LEASES_AN_EVENT
        assert [one.code for one in await till.proofs.strangers()] == ["DOES_NOT_FOLLOW"]
        await till.store.run(lambda c: c.execute(moved, {"of": last + 1, "to": last}))

    play(tmp_path, story)


def test_points_from_before_there_were_lots_join_one_lot(tmp_path: Path) -> None:
    """The migration, on a database that a program without leases has filled."""
    database = Database(tmp_path / "hq.db")
    MIGRATIONS.apply(database, stop_before="m004_leases")
    database.execute("PRAGMA foreign_keys=OFF")
    for seq, (member, amount) in enumerate([("m_1", 30), ("m_1", 12), ("m_2", 5), ("m_2", -9)], start=1):
        database.execute(
            "INSERT INTO postings (workstation_id, epoch, seq, position, member_id, account, amount)"
            " VALUES ('w', 'e', ?, 0, ?, 'points', ?)",
            [seq, member, amount],
        )
    MIGRATIONS.apply(database)
    rows = database.execute("SELECT member_id, account, bucket, expires, available FROM lots ORDER BY member_id")
    assert rows.fetchall() == [("m_1", "points", "opening", "", 42), ("m_2", "points", "debt", "", -4)]
    lot = database.execute("SELECT DISTINCT bucket, expires, lease FROM postings").fetchall()
    assert lot == [("", "", "")]
    database.close()


def test_a_lease_is_granted_once_per_request_however_often_the_answer_is_lost(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        till.wire.mode = "deaf"
        for _time in range(3):
            assert not await till.acquire(me, 60)
        assert await state(hq, me) == (100, 40, 60)
        till.wire.mode = "up"
        assert await till.acquire(me, 60)
        assert (await till.free(me), await state(hq, me)) == (60, (100, 40, 60))

    play(tmp_path, story)


def test_a_grant_whose_answer_never_came_is_found_by_the_check_and_given_back(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        till.wire.mode = "deaf"
        assert not await till.acquire(me, 60)
        till.wire.mode = "up"
        await till.close()
        await till.open()
        assert await till.leasing.check() == []
        assert await till.free(me) == 60
        assert await till.idle() == 1
        await till.push()
        assert await state(hq, me) == (100, 100, 0)
        assert await till.leasing.check() == []

    play(tmp_path, story)


def test_what_another_till_holds_is_called_back_and_can_be_granted_then(tmp_path: Path) -> None:
    async def story(hq: HqService, one: Station, two: Station, ids: list[str]) -> None:
        me = ids[0]
        assert await one.acquire(me, "all")
        assert await two.acquire(me, 30)
        assert await two.free(me) == 0, "there is nothing left to grant"
        await one.leasing.check()
        assert await one.leasing.close_idle() == 1
        await one.push()
        assert await two.acquire(me, 30)
        assert (await two.free(me), await state(hq, me)) == (30, (100, 70, 30))

    play(tmp_path, story)


def test_a_lease_that_a_quote_holds_is_not_closed_and_not_promised_twice(tmp_path: Path) -> None:
    async def story(_hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 60)
        [lot] = await till.lots(me)
        until = till.clock.now_ms() + 7_200_000
        await till.leasing.hold(lot.lease_id, 40, "quote-1", until)
        with pytest.raises(Refusal, match="30 wanted, 20"):
            await till.leasing.hold(lot.lease_id, 30, "quote-2", until)
        await till.close()
        await till.open()
        assert await till.free(me) == 20, "a promise outlives a restart"
        with pytest.raises(Refusal):
            await till.spend(me, 21)
        assert await till.idle() == 0, "what a quote holds stays open"
        await till.book([Posting("points", me, -40, "opening", "", lot.lease_id)], holds=("quote-1",))
        assert await till.free(me) == 20
        await till.leasing.hold(lot.lease_id, 20, "quote-3", until)
        await till.leasing.release("quote-3")
        assert await till.free(me) == 20
        assert await till.idle() == 1

    play(tmp_path, story)


def test_points_earned_here_are_spendable_here_at_once_and_elsewhere_after_the_close(tmp_path: Path) -> None:
    async def story(hq: HqService, one: Station, two: Station, ids: list[str]) -> None:
        me = ids[0]
        lot = await one.earn(me, 50, expires="2027-12-31")
        assert [(x.lease_id, x.bucket, x.remaining) for x in await one.lots(me)] == [(lot, lot, 50)]
        await one.spend(me, 20)
        await one.push()
        assert await state(hq, me) == (30, 0, 30), "what HQ imported becomes lots when they are needed"
        await two.acquire(me, "all")
        assert await two.free(me) == 100
        await one.idle()
        await one.push()
        await two.acquire(me, "all")
        assert await two.free(me) == 130
        assert [x.expires for x in await two.lots(me)] == ["2027-12-31", ""], "what expires first is spent first"

    play(tmp_path, story)


def test_a_refund_reopens_the_right_while_the_lease_is_open_and_goes_to_hq_after(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 60)
        spent, later = await till.spend(me, 10), await till.spend(me, 5)
        await till.refund(spent)
        assert await till.free(me) == 55
        await till.idle()
        await till.refund(later)
        assert await till.free(me) == 0
        await till.push()
        assert await state(hq, me) == (100, 100, 0)
        assert await codes(hq) == []

    play(tmp_path, story)


def test_a_closing_waits_for_every_event_before_it(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 60)
        await till.spend(me, 20)
        await till.idle()
        await till.push()
        [batch] = till.wire.sent
        fresh = await _hq_with_same_members(hq, till, me)
        events = batch.events
        await fresh(events[2:])
        assert await state(hq, me) == (100, 40, 60), "the closing is there, the spend before it is not"
        await fresh(events[1:2])
        assert await state(hq, me) == (100, 40, 60)
        await fresh(events[:1])
        assert await state(hq, me) == (80, 80, 0)

    play(tmp_path, story)


async def _hq_with_same_members(hq: HqService, till: Station, me: str) -> Callable[[Any], Awaitable[None]]:
    """Let HQ forget the workstation's events (not its grant), and give a way to send them again in any order."""

    def forget(connection: Any) -> None:
        for table in ("events", "chains", "postings", "accounts", "lease_closings", "day_totals"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE leases SET state = 'open', settled = 0, seq = 0")
        connection.execute("UPDATE lots SET available = 40 WHERE member_id = :me AND bucket = 'opening'", {"me": me})

    await hq._write(forget)

    async def send(events: Any) -> None:
        epoch, _ = await till.leases.position()
        batch = await till.pusher._batch(epoch, [_stored(one) for one in events])
        await hq.ingest(till.workstation_id, batch)

    return send


def _stored(event: Any) -> Any:
    return StoredEvent(event.seq, event.body.encode(), bytes.fromhex(event.chain))


def test_a_restored_copy_cannot_spend_and_gives_back_in_a_new_epoch(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 60)
        await till.push()
        await till.back_up()
        await till.spend(me, 50)
        await till.push()
        await till.restore()
        assert await till.free(me) == 0, "the copy still holds 60, and must not spend it"
        with pytest.raises(Refusal):
            await till.book([Posting("points", me, -60, "opening", "", (await _lease_ids(till))[0])])
        await till.leasing.look()
        await till.push()
        assert await state(hq, me) == (50, 50, 0)
        assert await codes(hq) == []
        assert await till.acquire(me, "all")
        assert await till.free(me) == 50

    play(tmp_path, story)


async def _lease_ids(till: Station) -> list[str]:
    rows = await till.store.read(lambda c: c.execute("SELECT lease_id FROM leases ORDER BY lease_id").fetchall())
    return [row["lease_id"] for row in rows]


def test_a_lease_of_an_epoch_that_was_left_waits_for_the_events_of_that_epoch(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 60)
        await till.spend(me, 45)
        old, last = await till.leases.position()
        await till.store.run(lambda c: insert_epoch(c, "ep_the_next_one", till.clock.ms))
        assert await till.free(me) == 0
        await till.leasing.look()
        epoch, _last = await till.leases.position()
        event = await till.proofs.event(epoch, 1)
        assert event is not None
        assert json.loads(event.body)["of_epoch"] == old
        assert json.loads(event.body)["after_seq"] == last
        await hq.ingest(till.workstation_id, await till.pusher._batch(epoch, [event]))
        assert await state(hq, me) == (100, 40, 60), "the spend of the old epoch is not here yet"
        await till.push()
        assert await state(hq, me) == (55, 55, 0)
        assert await codes(hq) == []

    play(tmp_path, story)


def test_a_spend_that_hq_suspended_keeps_its_lease_from_being_granted_again(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, other: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, "all")
        [lot] = await till.lots(me)
        tenders = [{"type": "wechat", "transaction_id": "4200001"}] * 2
        await till.book(
            [Posting("points", me, -70, lot.bucket, "", lot.lease_id)], tenders, transaction_ids=("4200001",)
        )
        await till.idle()
        await till.push()
        assert await state(hq, me) == (100, 0, 100), "HQ has not folded the spend, but it was made"
        assert await codes(hq) == ["LEASE_LEFT_DIFFERS"]
        await other.acquire(me, 1)
        assert await other.free(me) == 0

    play(tmp_path, story)


def test_a_lease_row_that_was_deleted_is_named_and_not_taken_up_again(tmp_path: Path) -> None:
    async def story(_hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        await till.acquire(ids[0], 60)
        await till.push()
        kept = await till.store.run(lambda c: c.execute("SELECT * FROM leases").fetchone())
        await till.store.run(lambda c: c.execute("DELETE FROM leases").rowcount)
        [finding] = await till.leasing.check()
        assert (finding.table, finding.code) == ("leases", "ONLY_AT_HQ")
        assert await till.free(ids[0]) == 0
        marks = ", ".join("?" * len(tuple(kept)))
        await till.store.run(lambda c: c.execute(f"INSERT INTO leases VALUES ({marks})", tuple(kept)).rowcount)

    play(tmp_path, story)


def test_a_copy_without_a_witness_is_refused_new_leases_by_hq(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 10)
        await till.back_up()
        await till.spend(me, 5)
        await till.push()
        (till.folder / "keys" / "witness.json").unlink()
        await till.restore()
        assert await till.free(me) == 10, "nothing here can tell"
        assert not await till.acquire(me, 20), "HQ has seen more of this epoch than these books hold"
        assert await state(hq, me) == (95, 90, 5)

    play(tmp_path, story)


def test_a_clone_that_spends_after_its_lease_was_closed_is_a_discrepancy_with_the_amount(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, other: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, "all")
        await till.push()
        late = [(await till.book([Posting("points", me, -70, "opening", "", (await _lease_ids(till))[0])])).name]
        _, events = await till.outbox.pending(10, 10**6)
        batch = await till.pusher._batch(late[0].epoch, events)
        await hq.leases.write_off(till.workstation_id)
        assert await other.acquire(me, "all")
        await other.spend(me, 90)
        await other.push()
        await hq.ingest(till.workstation_id, batch)
        assert await codes(hq) == ["LEASE_CLOSED"]
        [row] = await query(hq, "SELECT detail FROM discrepancies WHERE code = 'LEASE_CLOSED'")
        assert row["detail"] == "70 points spent, 70 of it beyond the balance"
        owned, lots, out = await state(hq, me)
        assert (owned, lots, out) == (-60, -70, 10)
        await other.idle()
        await other.push()
        assert await state(hq, me) == (-60, -60, 0), "what comes back repays the debt first"

    play(tmp_path, story)


def test_a_written_off_lease_is_given_up_by_its_till_at_the_next_contact(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.acquire(me, 60)
        await till.push()
        [risk] = await hq.leases.at_risk()
        assert (risk.workstation_id, risk.account, risk.leases, risk.amount) == ("S1-1", "points", 1, 60)
        assert await hq.leases.write_off("S1-1") == [risk]
        assert await state(hq, me) == (100, 100, 0)
        assert [one.code for one in await till.leasing.check()] == ["NOT_OPEN_AT_HQ"]
        assert await till.free(me) == 0
        assert await till.leasing.check() == []
        with pytest.raises(Refusal, match="no workstation"):
            await hq.leases.write_off("S9-9")

    play(tmp_path, story)


def test_a_debt_is_repaid_by_what_is_earned_next(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.book([Posting("points", me, -130, DEBT_BUCKET)])
        await till.push()
        assert await state(hq, me) == (-30, -30, 0)
        await till.book([Posting("points", me, 50, DEBT_BUCKET)])
        await till.book([Posting("points", me, 10, OWN_LOT, "", OWN_LOT)])
        await till.push()
        assert await state(hq, me) == (30, 20, 10)

    play(tmp_path, story)


def test_a_lease_ends_with_its_lot_and_with_its_own_time(tmp_path: Path) -> None:
    async def story(_hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        await till.earn(me, 50, expires="2026-11-19")
        await till.acquire(me, 60)
        assert await till.free(me) == 110
        till.clock.ms += 2 * 24 * 3600 * 1000
        assert await till.free(me) == 60
        till.clock.ms += 6 * 24 * 3600 * 1000
        assert await till.free(me) == 0
        till.leasing.on_contact(False)
        assert await till.leasing.close_idle() == 2, "what ended is closed with the cable out, too"

    play(tmp_path, story)


def test_frozen_and_unknown_members_get_nothing(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        await hq._write(lambda c: c.execute("UPDATE members SET frozen = 1 WHERE member_id = :id", {"id": ids[1]}))
        for member, code in ((ids[1], "MEMBER_FROZEN"), ("m_nobody", "MEMBER_UNKNOWN")):
            with pytest.raises(Refusal) as refused:
                await till.acquire(member, 1)
            assert refused.value.code == code

    play(tmp_path, story)


def test_all_accounts_earn_and_spend_by_the_same_rules(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _: Station, ids: list[str]) -> None:
        me = ids[0]
        mine = [
            Posting("sv_principal", me, 30_000, "", "", OWN_LOT),
            Posting("sv_gift", me, 5_000, OWN_LOT, "2027-01-01", OWN_LOT),
            Posting("count", me, 10, "card-1", "", OWN_LOT),
        ]
        await till.book(mine)
        assert [await till.free(me, one.account) for one in mine] == [30_000, 5_000, 10]
        await till.spend(me, 12_000, "sv_principal")
        await till.spend(me, 1, "count")
        await till.push()
        for account, left in (("sv_principal", 18_000), ("sv_gift", 5_000), ("count", 9)):
            found = await account_state(hq, me, account)
            assert found == {"owned": left, "lots": 0, "out": left}
        await till.idle()
        await till.push()
        assert await account_state(hq, me, "count") == {"owned": 9, "lots": 9, "out": 0}

    play(tmp_path, story)
