"""Tiers at HQ: up at once where a rule says so, down only by a review, each change once and with its reason."""

import json
from pathlib import Path

import pytest

from agent.domain.errors import Refusal
from tests.unit.hq_care_world import BRAND, GROWTH, REVIEW, CareWorld, at_ms, play

CHANGES = "SELECT period, from_tier, to_tier, reason FROM tier_changes ORDER BY at_ms, period"


async def counted_since(world: CareWorld, day: str) -> None:
    """HQ knew everybody from a day on."""
    await world.hq._write(lambda c: c.execute("UPDATE members SET since_day = :day", {"day": day}))


def test_a_quarter_is_reviewed_by_amount_and_visits(tmp_path: Path) -> None:
    """S18: both are needed; the review goes up and down, runs once, and is caught up after HQ was down."""

    async def story(world: CareWorld) -> None:
        await world.rules(tier_review=REVIEW)
        (tmp_path / "gold.csv").write_text("member_number,tier_id,points\n100000000001,gold,1\n")
        await world.hq.import_members(BRAND, tmp_path / "gold.csv")
        for day in ("2026-08-01", "2026-08-02"):
            world.sell(0, 30_000, day)
        world.sell(2, 900_00, "2026-08-01")  # the amount alone
        await world.push()
        await counted_since(world, "2026-01-01")
        await world.day("2026-10-02")
        assert await world.all(CHANGES) == [], "tills that were offline are waited for"
        await world.day("2026-12-30")
        assert [(await world.row(one)).tier_id for one in range(3)] == ["silver", "plain", "plain"]
        assert sorted(await world.all(CHANGES)) == [
            ("2026Q3", "gold", "plain", "quarter"), ("2026Q3", "plain", "silver", "quarter"),
        ]  # fmt: skip
        (inputs,) = await world.all("SELECT inputs FROM tier_changes WHERE to_tier = 'silver'")
        assert json.loads(inputs[0])["quarter_spend_fen"] == 60_000
        await world.day("2026-12-31")
        assert len(await world.all(CHANGES)) == 2

    play(tmp_path, story)


def test_nobody_goes_down_by_a_quarter_that_hq_has_not_counted_whole(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(tier_review=REVIEW)
        (tmp_path / "gold.csv").write_text("member_number,tier_id,points\n100000000001,gold,1\n")
        await world.hq.import_members(BRAND, tmp_path / "gold.csv")
        await world.keep()
        await world.day("2026-10-04")
        assert (await world.row(1)).tier_id == "gold"
        await world.day("2027-01-04")
        assert (await world.row(1)).tier_id == "plain"

    play(tmp_path, story)


def test_a_shorter_way_raises_at_once_and_holds_through_the_review(tmp_path: Path) -> None:
    """S20: by spend, in the middle of the quarter; the sale itself was priced by the tier before it (R14)."""

    async def story(world: CareWorld) -> None:
        await world.rules(tier_review=REVIEW)
        await world.keep()
        await counted_since(world, "2026-01-01")
        world.sell(0, 900_000)
        await world.push()
        assert (await world.row(0)).tier_id == "gold"
        assert await world.all(CHANGES) == [("up gold 2026-07-01", "plain", "gold", "spend_fen")]
        await world.day("2026-10-04")
        assert (await world.row(0)).tier_id == "gold", "one visit is not gold, but the quarter gave it"
        await world.day("2027-01-04")
        assert (await world.row(0)).tier_id == "plain"

    play(tmp_path, story)


def test_growth_raises_at_once_and_is_reviewed_each_month(tmp_path: Path) -> None:
    """S15: 999 is plain, 1000 is silver; S16: what is older than twelve months counts no more."""

    async def story(world: CareWorld) -> None:
        await world.rules(growth={**GROWTH, "visit": 0})
        await world.keep()
        await counted_since(world, "2025-01-01")
        world.sell(0, 99_999)
        await world.push()
        assert (await world.row(0)).tier_id == "plain"
        world.sell(0, 1)
        await world.push()
        assert (await world.row(0)).tier_id == "silver"
        await world.day("2027-09-05")
        assert (await world.row(0)).tier_id == "silver", "August: the sale is in the window"
        await world.day("2027-10-05")
        assert (await world.row(0)).tier_id == "plain"
        assert [row[0] for row in await world.all(CHANGES)] == ["up silver 2026-09", "2027-09"]

    play(tmp_path, story)


def test_a_person_may_look_first(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        with pytest.raises(Refusal, match="review no tiers"):
            await world.hq.members.review(BRAND, dry_run=True)
        await world.rules(tier_review=REVIEW)
        for day in ("2026-08-01", "2026-08-02"):
            world.sell(0, 30_000, day)
        await world.push()
        world.clock.at_ms = at_ms("2026-10-01", 1)
        wanted = {"period": "2026Q3", "moves": [{"member_id": world.ids[0], "from": "plain", "to": "silver"}]}
        assert await world.hq.members.review(BRAND, dry_run=True) == wanted
        assert await world.all(CHANGES) == []
        assert await world.hq.members.review(BRAND, dry_run=False) == wanted
        assert await world.hq.members.review(BRAND, dry_run=False) == wanted
        assert len(await world.all(CHANGES)) == 1

    play(tmp_path, story)


def test_a_first_order_raises_once_in_a_life(tmp_path: Path) -> None:
    """S20: from silver to gold by the first order; a later review that takes it is not undone by the next order."""

    async def story(world: CareWorld) -> None:
        way = {"tier_id": "gold", "by": "first_order", "from": "silver"}
        await world.rules(tier_review={**REVIEW, "ways_up": [way]})
        (tmp_path / "silver.csv").write_text("member_number,tier_id,points\n100000000000,silver,0\n")
        await world.hq.import_members(BRAND, tmp_path / "silver.csv")
        await world.keep()
        world.sell(0, 100)
        await world.push()
        assert (await world.row(0)).tier_id == "gold"
        await world.hq.import_members(BRAND, tmp_path / "silver.csv")
        world.sell(0, 100)
        await world.push()
        assert (await world.row(0)).tier_id == "silver"

    play(tmp_path, story)
