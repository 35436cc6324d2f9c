"""What a debit takes: a coupon or card answers for itself alone (R5, R18), and nothing is paid with what has ended."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.domain.business_day import business_day
from agent.domain.ledger import DEBT_BUCKET, PENDING_ACCOUNT
from agent.domain.sale import Posting
from sync.hq import lease_audit, lots, own_books
from sync.hq.own_rows import OwnPosting
from sync.hq.service import HqService
from tests.lease_world import Station, account_state
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_world import BRAND, query
from tests.unit.test_leases import codes, play, state

_BATCH = """batch_id,name,type,start,end,off_yuan,min_yuan
B5,满30减5,amount_off,2026-01-01,2030-12-31,5,30
"""
DAY_MS = 86_400_000
NUMBER = "100000000000"
Story = Callable[[HqService, Station, Station, str], Awaitable[None]]


async def held(hq: HqService, member: str, account: str) -> dict[str, int]:
    rows = await query(
        hq,
        "SELECT bucket, available FROM lots WHERE member_id = :id AND account = :account",
        id=member,
        account=account,
    )
    return {row["bucket"]: row["available"] for row in rows}


def tell(folder: Path, story: Story) -> None:
    """The first member holds two coupons and two cards with ten units each."""

    async def begin(hq: HqService, one: Station, two: Station, ids: list[str]) -> None:
        await hq.import_batches(BRAND, write(folder, _BATCH))
        rows = "".join(f"CPN000{n},100000000000,B5\n" for n in (1, 2))
        done = await hq.import_coupons(BRAND, write(folder, f"coupon_id,member_number,batch_id\n{rows}"))
        assert done.created == 2, done
        rows = "".join(f"card-{n},100000000000,十次卡,10,10\n" for n in (1, 2))
        await hq.import_cards(BRAND, write(folder, f"card_id,member_number,name,total,left\n{rows}"))
        await hq._write(lambda c: lots.follow_openings(c, ids[0], "2026-11-22"))
        await story(hq, one, two, ids[0])
        for account in ("coupon", "count"):
            state = await account_state(hq, ids[0], account)
            assert state["owned"] == state["lots"] + state["out"], (account, state)
        assert "debt" not in {**await held(hq, ids[0], "coupon"), **await held(hq, ids[0], "count")}
        assert await hq._write(lease_audit.lots) == []

    play(folder, begin)


def test_a_leased_coupon_that_is_withdrawn_takes_no_other_and_comes_back_as_nothing(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, other: Station, me: str) -> None:
        await till.acquire(me, 1, "coupon", "CPN0001")
        assert await hq.withdraw_coupon(BRAND, "CPN0001")
        await other.acquire(me, 1, "coupon", "CPN0002")
        assert await other.free(me, "coupon") == 1
        assert await held(hq, me, "coupon") == {"CPN0001": -1, "CPN0002": 0}
        await till.idle()
        await till.push()
        assert (await held(hq, me, "coupon"))["CPN0001"] == 0
        assert await codes(hq) == []

    tell(tmp_path, story)


def test_a_withdrawn_coupon_that_was_used_offline_is_told_by_its_own_lot(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, other: Station, me: str) -> None:
        await till.acquire(me, 1, "coupon", "CPN0001")
        await till.spend(me, 1, "coupon")
        await hq.withdraw_coupon(BRAND, "CPN0001")
        await other.acquire(me, 1, "coupon", "CPN0002")
        await till.push()
        assert await held(hq, me, "coupon") == {"CPN0001": -1, "CPN0002": 0}
        await other.spend(me, 1, "coupon")
        await other.push()
        assert await held(hq, me, "coupon") == {"CPN0001": -1, "CPN0002": 0}

    tell(tmp_path, story)


@pytest.mark.parametrize(("account", "bucket"), [("coupon", "CPN0001"), ("count", "card-1")])
def test_what_is_spent_beyond_a_lease_comes_off_its_own_lot(tmp_path: Path, account: str, bucket: str) -> None:
    async def story(hq: HqService, till: Station, other: Station, me: str) -> None:
        before = await held(hq, me, account)
        await till.acquire(me, "all", account, bucket)
        (lot,) = await till.lots(me, account)
        await till.spend(me, lot.remaining, account)
        await hq.leases.write_off(till.workstation_id)  # given up for dead, and it had spent
        await other.acquire(me, "all", account, bucket)
        await other.spend(me, lot.remaining, account)
        await till.push()
        await other.push()
        after = await held(hq, me, account)
        assert after.pop(bucket) == -before.pop(bucket)
        assert after == before, "the others are whole"
        assert await codes(hq) == ["LEASE_CLOSED"]

    tell(tmp_path, story)


def test_a_return_fills_the_lot_that_went_below_zero_and_no_other(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _other: Station, me: str) -> None:
        use = Posting("count", me, -12, "card-1")  # two more than it had, without a lease
        await till.book([use])
        await till.push()
        assert await held(hq, me, "count") == {"card-1": -2, "card-2": 10}
        await till.book([Posting("count", me, 5, "card-2")])
        await till.push()
        assert await held(hq, me, "count") == {"card-1": -2, "card-2": 15}
        await till.book([Posting("count", me, 5, "card-1")])
        await till.push()
        assert await held(hq, me, "count") == {"card-1": 3, "card-2": 15}

    tell(tmp_path, story)


# --- points ---------------------------------------------------------------------------------------------------------
def test_a_claw_back_is_not_paid_with_points_that_have_ended_but_by_the_lot_it_names(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _other: Station, ids: list[str]) -> None:
        me, today = ids[0], business_day(till.clock.now_ms())
        lot = await till.earn(me, 40, expires=today)
        await till.idle()
        await till.acquire(me, 100, bucket="opening")
        await till.spend(me, 100)
        await till.push()
        assert await held(hq, me, "points") == {"opening": 0, lot: 40}
        await till.book([Posting("points", me, -15, DEBT_BUCKET)])
        await till.push()
        assert await held(hq, me, "points") == {"opening": 0, lot: 25}, "it may be spent through its last day"
        till.clock.ms += DAY_MS
        await till.book([Posting("points", me, -10, DEBT_BUCKET)])
        await till.push()
        assert await held(hq, me, "points") == {"opening": 0, lot: 25, "debt": -10}
        await till.book([Posting("points", me, -5, lot, today)])
        await till.push()
        assert await held(hq, me, "points") == {"opening": 0, lot: 20, "debt": -10}

    play(tmp_path, story)


def test_hq_takes_none_of_its_own_off_points_that_have_ended(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _other: Station, ids: list[str]) -> None:
        me, today = ids[0], business_day(till.clock.now_ms())
        lot = await till.earn(me, 40, expires=today)
        await till.idle()
        await till.push()
        late = till.clock.now_ms() + DAY_MS
        taken = OwnPosting(BRAND, "claim_return", "back-1", me, "points", -120, "", late)
        assert await hq._write(lambda c: own_books.post(c, taken))
        assert await held(hq, me, "points") == {"opening": 0, lot: 40, "debt": -20}

    play(tmp_path, story)


async def begin(hq: HqService, till: Station, *amounts: int) -> str:
    """Points held back at the first member, who has 100; gives the member's id."""
    (member,) = await query(hq, "SELECT member_id FROM members ORDER BY opening_points LIMIT 1")
    await hq._write(lambda c: lots.follow_openings(c, member["member_id"], "2026-11-22"))
    for amount in amounts:
        await till.book([Posting(PENDING_ACCOUNT, member["member_id"], amount)])
    await till.push()
    return str(member["member_id"])


async def pending(hq: HqService, member: str) -> int:
    rows = await query(
        hq, "SELECT balance FROM accounts WHERE member_id = :id AND account = 'points_pending'", id=member
    )
    return int(rows[0]["balance"])


async def release(hq: HqService) -> None:
    await hq.freeze_member(BRAND, NUMBER, frozen=False, reason="looked at: honest")


def test_a_return_after_a_release_takes_the_released_points_once(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, _other: Station, _ids: list[str]) -> None:
        me = await begin(hq, till, 60)
        await release(hq)
        assert (await pending(hq, me), await state(hq, me)) == (0, (160, 160, 0))
        await till.book([Posting(PENDING_ACCOUNT, me, -20)])
        await till.book([Posting(PENDING_ACCOUNT, me, -40)])
        await till.push()
        assert (await pending(hq, me), await state(hq, me)) == (0, (100, 100, 0))
        await till.push()
        await release(hq)
        assert (await pending(hq, me), await state(hq, me)) == (0, (100, 100, 0))
        assert await hq._write(own_books.audit) == await hq._write(lease_audit.lots) == []

    play(tmp_path, story)


def test_released_points_that_were_spent_before_the_return_become_debt(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Station, other: Station, _ids: list[str]) -> None:
        me = await begin(hq, till, 60)
        await release(hq)
        assert await other.acquire(me, "all")
        await other.spend(me, 160)
        await other.push()
        await till.book([Posting(PENDING_ACCOUNT, me, -60)])
        await till.push()
        assert (await pending(hq, me), await state(hq, me)) == (0, (-60, -60, 0))
        assert (await held(hq, me, "points"))["debt"] == -60

    play(tmp_path, story)


@pytest.mark.parametrize("together", [True, False])
def test_points_still_held_back_are_reversed_where_they_are_and_later_ones_stay(tmp_path: Path, together: bool) -> None:
    async def story(hq: HqService, till: Station, _other: Station, _ids: list[str]) -> None:
        me = await begin(hq, till, 60, -10)
        assert (await pending(hq, me), await state(hq, me)) == (50, (100, 100, 0))
        await release(hq)
        assert await state(hq, me) == (150, 150, 0)
        for amount in (-50, 30):
            await till.book([Posting(PENDING_ACCOUNT, me, amount)])
            if not together:
                await till.push()
        await till.push()
        assert (await pending(hq, me), await state(hq, me)) == (30, (100, 100, 0))

    play(tmp_path, story)
