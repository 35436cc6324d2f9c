"""S32 over all tills and channels: tills are told, channels refused, and whoever could not know is named."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.domain.errors import Refusal
from agent.domain.rules import RuleFaults, rule_set
from tests.unit.hq_care_world import BRAND, TODAY, CareWorld, at_ms, play
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_referrals import ask
from tests.unit.test_hq_world import RULES, Till, enrol

COOLED = {"points_min": 30, "coupon_min": 60}
MINUTE_MS = 60_000
NOON = at_ms(TODAY)


def redeem(world: CareWorld, till: Till, minute: int, *, account: str = "points", version: int = 2) -> None:
    """A sale of the till that took something of the first member, so many minutes behind noon."""
    bucket = {"bucket": "c1"} if account == "coupon" else {}
    posted = [{"account": account, "owner": world.ids[0], "amount": -1, **bucket}]
    till.book(postings=posted, at_ms=NOON + minute * MINUTE_MS, business_day=TODAY, rules_version=version)


async def named(world: CareWorld) -> list[tuple[str, int]]:
    """(workstation, seq) of what stands for a person as redeemed too soon."""
    found = [one for one in await world.hq.differences() if one.code == "REDEEMED_TOO_SOON"]
    return sorted((one.workstation_id, one.seq) for one in found)


async def tills(world: CareWorld) -> Iterator[Till]:
    """The till of the world, and another one."""
    two = Till("S1-2")
    await enrol(world.hq, two)
    return iter((world.till, two))


def test_a_tills_redemption_is_told_to_all_tills_and_the_latest_stays(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(cooldown=COOLED)
        world.sell(0, 100, postings=[{"account": "points", "owner": world.ids[0], "amount": -5}])
        await world.push()
        row = await world.row(0)
        assert (row.points_spent_at_ms, row.coupon_used_at_ms) == (NOON, 0)
        redeem(world, world.till, -10)
        redeem(world, world.till, 365 * 24 * 60)
        await world.push()
        assert (await world.row(0)).points_spent_at_ms == NOON, "an earlier one, and one of a clock far ahead"
        assert (await world.row(1)).points_spent_at_ms == 0

    play(tmp_path, story)


def test_without_a_cool_down_rows_are_as_deployed_tills_know_them(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules()
        redeem(world, world.till, 0)
        await world.push()
        assert "spent_at" not in (await world.row(0)).model_dump_json()
        assert await world.all("SELECT * FROM redemptions") == []

    play(tmp_path, story)


@pytest.mark.parametrize(("minute", "wanted"), [(29, [("S1-2", 1)]), (30, [])])
def test_two_tills_that_could_not_know_of_each_other_are_named(
    tmp_path: Path, minute: int, wanted: list[tuple[str, int]]
) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(cooldown=COOLED)
        one, two = await tills(world)
        redeem(world, one, 0)
        redeem(world, two, minute)
        for till in (two, one):
            await world.hq.ingest(till.workstation_id, till.batch())
        assert await named(world) == wanted
        balance = await world.all("SELECT balance FROM accounts WHERE account = 'points'")
        assert balance == [(-2,)], "kept as sold"

    play(tmp_path, story)


def test_points_and_coupons_cool_apart_and_returns_are_no_redemptions(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(cooldown=COOLED)
        one, two = await tills(world)
        redeem(world, one, 0)
        redeem(world, two, 1, account="coupon")
        taken = [{"account": "points", "owner": world.ids[0], "amount": -1}]
        two.book(kind="return", postings=taken, at_ms=NOON + MINUTE_MS, payable_fen=-1, rules_version=2)
        for till in (one, two):
            await world.hq.ingest(till.workstation_id, till.batch())
        assert await named(world) == []

    play(tmp_path, story)


def test_whatever_order_events_come_in_the_same_are_named(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(cooldown=COOLED)
        outcomes = set()
        for place, order in enumerate(itertools.permutations(range(3))):
            three = [Till(f"T{place}{number}") for number in range(3)]
            for number, till in enumerate(three):
                await enrol(world.hq, till)
                redeem(world, till, place * 600 + number * 20)
            for number in order:
                await world.hq.ingest(three[number].workstation_id, three[number].batch())
                await world.hq.differences()
            outcomes.add(tuple(who[2:] for who, _seq in await named(world) if who.startswith(f"T{place}")))
        assert outcomes == {("1", "2")}

    play(tmp_path, story)


def test_a_channel_is_refused_until_the_time_is_over_and_the_same_request_is_not(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(cooldown=COOLED)
        await ask(world, "p1", "purchase", paid_fen=10_000)
        first = await ask(world, "s1", "spend_points", points=10)
        assert (await world.row(0)).points_spent_at_ms == NOON
        with pytest.raises(Refusal) as refused:
            await ask(world, "s2", "spend_points", points=10)
        assert (refused.value.code, refused.value.status) == ("REDEMPTION_COOLING", 409)
        assert "12:30:00+08:00" in refused.value.message
        assert await ask(world, "s1", "spend_points", points=10) == first
        world.clock.at_ms += 30 * MINUTE_MS
        assert (await ask(world, "s2", "spend_points", points=10)).balance == 80
        redeem(world, world.till, 45)
        await world.push()
        assert await named(world) == [("S1-1", 1)], "within half an hour of the one online"

    play(tmp_path, story)


def test_a_coupon_online_cools_too(tmp_path: Path) -> None:
    batches = "batch_id,name,type,start,end,off_yuan\nb1,减5,amount_off,2026-07-01,2026-12-31,5\n"

    async def story(world: CareWorld) -> None:
        await world.rules(cooldown=COOLED)
        await world.hq.import_batches(BRAND, write(tmp_path, batches))
        held = "".join(f"c00{n},100000000000,b1\n" for n in range(2))
        await world.hq.import_coupons(BRAND, write(tmp_path, f"coupon_id,member_number,batch_id\n{held}"))
        await ask(world, "u1", "use_coupon", coupon_id="c000")
        with pytest.raises(Refusal, match="redeem coupon again"):
            await ask(world, "u2", "use_coupon", coupon_id="c001")
        assert (await world.row(0)).coupon_used_at_ms == NOON

    play(tmp_path, story)


def test_every_fault_of_the_rule_is_named_at_once() -> None:
    with pytest.raises(RuleFaults) as found:
        rule_set({**RULES, "cooldown": {"points_min": "30", "coupon_min": 44_641, "hours": 1}})
    assert found.value.faults == (
        "cooldown.hours is not known",
        "cooldown.points_min must be an integer from 0 to 44640",
        "cooldown.coupon_min must be an integer from 0 to 44640",
    )
    with pytest.raises(RuleFaults, match="cooldown must be an object"):
        rule_set({**RULES, "cooldown": 30})
