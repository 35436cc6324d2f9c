"""Lots that end at HQ (S27, R10): what is left goes off the balance, and when HQ gets round to it changes nothing."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.business_day import business_day
from agent.domain.lease import ClosedLease, Closing
from agent.domain.sale import Posting
from sync.hq import audit, expiry, lease_audit, lots, own_books
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station as HqStation
from sync.hq.judge import Judgement
from sync.hq.lease_book import LeaseBook, insert
from sync.hq.service import HqService
from tests.lease_world import Station, account_state
from tests.stand_ins import SteppingClock
from tests.unit.test_hq_world import BRAND, STORE, HandClock, import_members, open_world, query

DAY_MS = 86_400_000
Story = Callable[[HqService, HandClock, Station, str], Awaitable[None]]


def play(folder: Path, story: Story) -> None:
    async def run() -> None:
        clock, hand = SteppingClock(), HandClock()
        hand.at_ms = clock.ms
        hq = await open_world(folder / "hq", hand)
        till = Station(folder, hq, "S1-1", clock)
        try:
            [member] = await import_members(hq, folder / "members.csv", 1)
            await till.enrol()
            await story(hq, hand, till, member)
            for account in ("points", "sv_gift"):
                state = await account_state(hq, member, account)
                assert state["owned"] == state["lots"] + state["out"], (account, state)
            found = await hq._write(own_books.audit) + await hq._write(lease_audit.lots)
            assert found + await hq._write(audit.accounts) == []
        finally:
            await till.close()
            await hq.close()

    asyncio.run(run())


async def expire(hq: HqService) -> None:
    while await hq.expire_some():
        pass


async def shown(hq: HqService, member: str, account: str = "points") -> int:
    rows = await query(
        hq, "SELECT balance FROM accounts WHERE member_id = :id AND account = :account", id=member, account=account
    )
    return int(rows[0]["balance"]) if rows else 0


@pytest.mark.parametrize("account", ["points", "sv_gift"])
def test_what_is_left_of_a_lot_goes_off_the_balance_once_its_last_day_is_over(tmp_path: Path, account: str) -> None:
    async def story(hq: HqService, clock: HandClock, till: Station, me: str) -> None:
        today = business_day(clock.at_ms)
        await till.earn(me, 40, account, today)
        await till.earn(me, 7, account)
        await till.idle()
        await till.push()
        before = (await query(hq, "SELECT feed_no FROM members"))[0]["feed_no"]
        clock.at_ms += DAY_MS - clock.at_ms % DAY_MS - 8 * 3_600_000 - 1  # the last millisecond of its last day
        if business_day(clock.at_ms) != today:
            clock.at_ms -= DAY_MS
        assert business_day(clock.at_ms) == today
        assert not await hq.expire_some(), "usable through 23:59:59"
        clock.at_ms = next(ms for ms in range(clock.at_ms, clock.at_ms + 2 * DAY_MS, 1_000) if business_day(ms) > today)
        await expire(hq)
        assert await shown(hq, me, account) == 7
        assert (await query(hq, "SELECT feed_no FROM members"))[0]["feed_no"] > before, "tills hear of it"
        await expire(hq)
        assert await shown(hq, me, account) == 7, "once"

    play(tmp_path, story)


def test_what_an_open_lease_covers_stays_until_it_is_closed(tmp_path: Path) -> None:
    async def story(hq: HqService, clock: HandClock, till: Station, me: str) -> None:
        await till.earn(me, 40, "points", business_day(clock.at_ms))
        await till.spend(me, 15)
        await till.push()
        clock.at_ms += 2 * DAY_MS
        await expire(hq)
        assert await shown(hq, me) == 25, "the till may have spent it on the last day"
        till.clock.ms += 2 * DAY_MS
        await till.idle()
        await till.push()
        await expire(hq)
        assert await shown(hq, me) == 0

    play(tmp_path, story)


def test_a_spend_of_the_last_day_that_comes_after_the_end_makes_no_debt(tmp_path: Path) -> None:
    async def story(hq: HqService, clock: HandClock, till: Station, me: str) -> None:
        lot = await till.earn(me, 40, "points", business_day(clock.at_ms))
        await till.push()
        await hq.leases.write_off("S1-1")
        await till.spend(me, 15)
        clock.at_ms += 2 * DAY_MS
        await expire(hq)
        assert await shown(hq, me) == 0
        await till.push()
        assert await shown(hq, me) == 0, "15 were spent and 25 ended"
        ended = await hq._read(lambda c: expiry.sums(c, me, "points"))
        assert ended == {lot: 25}
        rows = await query(hq, "SELECT bucket FROM lots WHERE bucket = 'debt'")
        assert rows == []

    play(tmp_path, story)


def test_what_ended_unspent_counts_as_taken_back_and_is_not_owed(tmp_path: Path) -> None:
    """R12: a reversal takes the sale's bucket; what expired there unspent counts as reversed, no debt."""

    async def story(hq: HqService, clock: HandClock, till: Station, me: str) -> None:
        lot = await till.earn(me, 40, "points", business_day(clock.at_ms))
        await till.idle()
        await till.push()
        clock.at_ms += 2 * DAY_MS
        await expire(hq)
        till.clock.ms += 2 * DAY_MS
        await till.book([Posting("points", me, -40, lot)])
        await till.push()
        assert await shown(hq, me) == 0
        assert await query(hq, "SELECT 1 FROM lots WHERE bucket = 'debt'") == []

    play(tmp_path, story)


def test_nothing_ends_while_hq_waits_for_what_it_has_forgotten(tmp_path: Path) -> None:
    async def story(hq: HqService, clock: HandClock, till: Station, me: str) -> None:
        await till.earn(me, 40, "points", business_day(clock.at_ms))
        await till.idle()
        await till.push()
        clock.at_ms += 2 * DAY_MS
        await hq.declare_restored("a copy")
        await expire(hq)
        assert await shown(hq, me) == 40
        await till.pull()
        await expire(hq)
        assert await shown(hq, me) == 0

    play(tmp_path, story)


def test_an_import_takes_nothing_from_what_has_ended(tmp_path: Path) -> None:
    async def story(hq: HqService, clock: HandClock, till: Station, me: str) -> None:
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = 5"))
        await till.earn(me, 40, "points", business_day(clock.at_ms))
        await till.earn(me, 9, "points")
        await till.idle()
        await till.push()
        later = business_day(clock.at_ms + 2 * DAY_MS)
        await hq._write(lambda c: lots.follow_openings(c, me, later))
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = -3"))
        await hq._write(lambda c: lots.follow_openings(c, me, later))
        rows = await query(hq, "SELECT expires, available FROM lots WHERE account = 'points' AND available > 0")
        assert {row["expires"] != "": row["available"] for row in rows} == {True: 40, False: 6}

    play(tmp_path, story)


def test_a_lot_that_was_emptied_before_it_was_held_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection may take the rest of a lot between the look and the hold."""

    async def story(hq: HqService, clock: HandClock, till: Station, me: str) -> None:
        lot = await till.earn(me, 40, "points", business_day(clock.at_ms))
        await till.earn(me, 7, "sv_gift", business_day(clock.at_ms))
        await till.idle()
        await till.push()
        clock.at_ms += 2 * DAY_MS

        def held(connection: Connection, *members: str) -> None:
            row = {"member_id": me, "account": "points", "bucket": lot, "expires": ""}
            if expiry._left(connection, row):
                expiry._post(connection, BRAND, row, -40, clock.at_ms)

        monkeypatch.setattr(expiry, "hold_member", held)
        await expire(hq)
        assert [await shown(hq, me, account) for account in ("points", "sv_gift")] == [0, 0]

    play(tmp_path, story)


# --- when HQ gets round to it changes nothing -----------------------------------------------------------------------
NOW_MS = 1_795_000_000_000
SOON, LATER = business_day(NOW_MS - 3 * DAY_MS), business_day(NOW_MS - DAY_MS)
EARLY, MIDDLE = business_day(NOW_MS - 5 * DAY_MS), business_day(NOW_MS - 2 * DAY_MS)
ENDS = {"soon": SOON, "later": LATER, "never": ""}
_member = itertools.count()

_lot = st.sampled_from(sorted(ENDS))
_amount = st.integers(1, 60)
_day = st.sampled_from((EARLY, MIDDLE))
STEP = st.one_of(
    st.tuples(st.just("debit"), _lot, _amount, _day),
    st.tuples(st.just("refund"), _lot, _amount, _day),
    st.tuples(st.just("spend"), _lot, _amount, _day),
    st.tuples(st.just("close"), _lot, st.just(0), _day),
)


Lots = tuple[dict[str, int], int]
Live = Callable[[Callable[[Connection], Lots]], Lots]


@pytest.fixture(scope="module")
def in_books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Does work on the connection of an HQ."""
    with asyncio.Runner() as runner:
        hq = runner.run(open_world(tmp_path_factory.mktemp("expiry")))
        runner.run(hq.add_workstation(STORE, "S1-1"))
        yield lambda work: runner.run(hq._read(work))
        runner.run(hq.close())


def live(connection: Connection, steps: list[tuple[str, str, int, str]], looks: frozenset[int]) -> Lots:
    """Lots at the end, and what ended in all. HQ looks for what has ended before the steps named in `looks`."""
    me = f"m{next(_member)}"
    book = LeaseBook(connection, HqStation("S1-1", STORE, BRAND, b"", "enrolled"), f"e{me}", NOW_MS)
    with connection.transaction():
        connection.execute(
            "INSERT INTO members (member_id, brand_id, tier_id, status, opening_points, masked, feed_no)"
            " VALUES (:me, :brand, 'plain', 'active', 0, '', :feed_no)",
            {"me": me, "brand": BRAND, "feed_no": 1_000_000 + next(_member)},
        )
        for place, (bucket, expires) in enumerate(ENDS.items()):
            lots.credit(connection, me, "points", bucket, 80, expires=expires, at_ms=place)
            lots.take(connection, me, "points", bucket, 30)
            lease = {
                "lease_id": f"{me}.{bucket}", "epoch": book.epoch, "member_id": me, "account": "points",
                "bucket": bucket, "expires": expires, "amount": 30, "usable_until_ms": 1,
            }  # fmt: skip
            insert(connection, "S1-1", "", lease)
        for seq, (what, bucket, amount, day) in enumerate(steps, start=1):
            if seq in looks:
                expiry.step(connection, NOW_MS)
            lease_id = f"{me}.{bucket}" if what == "spend" else ""
            signed = amount if what == "refund" else -amount
            moved = (Posting("points", me, signed, bucket, ENDS[bucket], lease_id),) if what != "close" else ()
            closing = Closing((ClosedLease(f"{me}.{bucket}", 60),)) if what == "close" else None
            book.fold(seq, Judgement(business_day=day, postings=moved, kind="sale", closing=closing))
        while expiry.step(connection, NOW_MS):
            pass
    rows = connection.execute("SELECT bucket, available FROM lots WHERE member_id = :me", {"me": me}).fetchall()
    return {row["bucket"]: row["available"] for row in rows}, sum(expiry.sums(connection, me, "points").values())


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, max_size=8), looks=st.frozensets(st.integers(1, 8)))
def test_when_hq_looks_for_what_has_ended_changes_nothing(
    in_books: Live, steps: list[tuple[str, str, int, str]], looks: frozenset[int]
) -> None:
    assert in_books(lambda c: live(c, steps, looks)) == in_books(lambda c: live(c, steps, frozenset()))
