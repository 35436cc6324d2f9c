"""Limits over all workstations (S35, S48, S53): what no till can see alone, and what a supervisor allowed."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import Refusal
from sync.hq.service import HqService
from sync.lease_protocol import LeaseRequest, LeaseWant
from tests.unit.test_hq_world import BRAND, NOW_MS, RULES, Till, enrol, import_members, open_world, query

HOUR_MS = 3_600_000
NUMBER = "100000000000"
LIMITED: dict[str, Any] = {
    **RULES, "version": 2, "stored_value": True, "recharge": {"steps": [], "daily_limit_fen": 100_000},
    "risk": {"points_an_hour": 5000, "free_redemptions": 2, "redemption_window_min": 60},
}  # fmt: skip
Story = Callable[[HqService, Till, Till, str], Awaitable[None]]
DAY = "2026-09-21"


def play(folder: Path, story: Story) -> None:
    async def run() -> None:
        hq = await open_world(folder)
        try:
            await hq.import_rules(BRAND, LIMITED)
            one, two = Till(), Till("S1-2")
            for till in (one, two):
                await enrol(hq, till)
            [member] = await import_members(hq, folder / "members.csv", 1)
            await story(hq, one, two, member)
        finally:
            await hq.close()

    asyncio.run(run())


def earn(till: Till, member: str, points: int, at_ms: int = NOW_MS) -> None:
    till.book(member=member, points=points, at_ms=at_ms, rules_version=2)


def recharge(till: Till, member: str, fen: int, at_ms: int = NOW_MS) -> None:
    posted = [{"account": "sv_principal", "owner": member, "amount": fen}]
    till.book(kind="recharge", payable_fen=fen, postings=posted, at_ms=at_ms, rules_version=2)


async def reckon(hq: HqService, *tills: Till) -> list[tuple[str, int, str, str]]:
    """Send what the tills booked, in this order; what stands for a person: (workstation, seq, code, detail)."""
    for till in tills:
        await hq.ingest(till.workstation_id, till.batch())
        await hq.differences()
    codes = ("POINTS_OVER_HOUR", "RECHARGE_OVER_DAY", "REDEEMED_OFTEN", "OVERRIDE")
    found = [one for one in await hq.differences() if one.code in codes]
    return sorted((one.workstation_id, one.seq, one.code, one.detail) for one in found)


async def frozen(hq: HqService, member: str) -> bool:
    rows = await query(hq, "SELECT frozen FROM members WHERE member_id = :id", id=member)
    return bool(rows[0]["frozen"])


@pytest.mark.parametrize("backwards", [False, True])
def test_points_of_two_tills_in_one_hour_freeze_the_member_until_a_person_has_looked(
    tmp_path: Path, backwards: bool
) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        earn(one, me, 3000)
        earn(two, me, 2001, NOW_MS + HOUR_MS - 1)
        tills = (two, one) if backwards else (one, two)
        found = await reckon(hq, *tills)
        assert [(code, detail) for _who, _seq, code, detail in found] == [
            ("POINTS_OVER_HOUR", "5001 points in an hour, 5000 allowed")
        ]
        assert await frozen(hq, me)
        ask = LeaseRequest(
            request_id="r1", epoch="e1", last=1, member_id=me, wants=[LeaseWant(account="points", amount=1)]
        )
        with pytest.raises(Refusal, match="frozen"):
            await hq.leases.grant("S1-1", ask)
        await hq.freeze_member(BRAND, NUMBER, frozen=False, reason="a wedding")
        await hq.differences()
        assert not await frozen(hq, me), "what was looked at is not frozen again"

    play(tmp_path, story)


@pytest.mark.parametrize(("points", "after_ms"), [(2000, HOUR_MS - 1), (5000, HOUR_MS)])
def test_exactly_the_limit_and_what_is_an_hour_old_freeze_nobody(tmp_path: Path, points: int, after_ms: int) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        earn(one, me, 3000)
        earn(two, me, points, NOW_MS + after_ms)
        assert await reckon(hq, one, two) == []
        assert not await frozen(hq, me)

    play(tmp_path, story)


@pytest.mark.parametrize("backwards", [False, True])
def test_recharges_of_a_day_at_two_tills_are_judged_together_and_kept_as_they_are(
    tmp_path: Path, backwards: bool
) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        recharge(one, me, 60_000)
        recharge(two, me, 40_000, NOW_MS + 1)
        recharge(two, me, 1, NOW_MS + 2)
        found = await reckon(hq, *((two, one) if backwards else (one, two)))
        assert found == [("S1-2", 2, "RECHARGE_OVER_DAY", f"100001 fen recharged on {DAY}, 100000 allowed")]
        rows = await query(hq, "SELECT balance FROM accounts WHERE account = 'sv_principal'")
        assert [row["balance"] for row in rows] == [100_001], "kept as sold"

    play(tmp_path, story)


def test_another_day_and_another_member_are_not_counted(tmp_path: Path) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        recharge(one, me, 100_000)
        posted = [{"account": "sv_principal", "owner": me, "amount": 100_000}]
        two.book(kind="recharge", payable_fen=1, postings=posted, business_day="2026-09-22", rules_version=2)
        assert await reckon(hq, one, two) == []

    play(tmp_path, story)


def test_redemptions_at_one_till_are_that_tills_to_ask_about(tmp_path: Path) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        for place in range(4):
            use = [{"account": "count", "owner": me, "amount": -1, "bucket": "card-1"}]
            one.book(kind="count_use", payable_fen=0, postings=use, rules_version=2, at_ms=NOW_MS + place)
        assert await reckon(hq, one) == []

    play(tmp_path, story)


def test_uses_of_a_count_card_count_as_redemptions_over_all_tills(tmp_path: Path) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        use = [{"account": "count", "owner": me, "amount": -1, "bucket": "card-1"}]
        points = [{"account": "points", "owner": me, "amount": -5}]
        one.book(kind="count_use", payable_fen=0, postings=use, rules_version=2)
        one.book(postings=points, rules_version=2, at_ms=NOW_MS + 1)
        two.book(kind="count_use", payable_fen=0, postings=use, rules_version=2, at_ms=NOW_MS + 2)
        found = await reckon(hq, one, two)
        assert found == [("S1-2", 1, "REDEEMED_OFTEN", "3 redemptions in 60 min, 2 allowed")]

    play(tmp_path, story)


def test_what_a_supervisor_allowed_is_listed_with_who_and_why(tmp_path: Path) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        said = {"code": "PRICE_BELOW_70", "operator": "店长 王", "reason": "临期", "lines": [1]}
        one.book(overrides=[said], rules_version=2)
        two.book(rules_version=2)
        found = await reckon(hq, one, two)
        assert found == [("S1-1", 1, "OVERRIDE", "PRICE_BELOW_70 allowed by 店长 王: 临期")]

    play(tmp_path, story)


def test_whatever_order_events_come_in_the_same_is_found(tmp_path: Path) -> None:
    async def story(hq: HqService, one: Till, two: Till, me: str) -> None:
        outcomes = set()
        for place, order in enumerate(itertools.permutations(range(3))):
            tills = [Till(f"T{place}{n}") for n in range(3)]
            for number, till in enumerate(tills):
                await enrol(hq, till)
                earn(till, me, 2600, NOW_MS + place * 10 * HOUR_MS + number * 1_000)
                recharge(till, me, 60_000, NOW_MS + place * 10 * HOUR_MS + number)
                till.book(
                    kind="recharge", payable_fen=1, rules_version=2, business_day=f"2027-01-0{place + 1}",
                    at_ms=NOW_MS + number, postings=[{"account": "sv_principal", "owner": me, "amount": 60_000}],
                )  # fmt: skip
            found = await reckon(hq, *(tills[n] for n in order))
            mine = [one for one in found if one[0].startswith(f"T{place}") and "2027" in one[3]]
            outcomes.add(tuple((who[2:], code, detail[:6]) for who, _seq, code, detail in mine))
        assert len(outcomes) == 1, outcomes

    play(tmp_path, story)
