"""Facts HQ counts of members' days (S16-S18, R14): exact, once, in any order, and the same when counted anew."""

import random
from pathlib import Path

from tests.unit.hq_care_world import BRAND, GROWTH, REVIEW, TODAY, CareWorld, play

FACTS = "SELECT member_id, business_day, spend_fen, earned, redeemed FROM member_days ORDER BY member_id, business_day"
STORES = "SELECT * FROM store_days ORDER BY store_id, business_day"


def test_tills_are_told_of_the_quarter_once_hq_counts_it(tmp_path: Path) -> None:
    """S18: days with a purchase count, not purchases; what came back is booked on the day of its sale."""

    async def story(world: CareWorld) -> None:
        await world.push()
        assert (await world.row(0)).quarter == "", "the rules review nothing: rows stay as they were"
        await world.rules(tier_review=REVIEW)
        sale = world.sell(0, 30_000, "2026-09-01")
        world.sell(0, 1_000, "2026-09-01")
        world.sell(0, 5_000, "2026-06-30")
        world.sell(0, 700, "2026-09-02")
        await world.push()
        row = await world.row(0)
        assert (row.quarter, row.quarter_spend_fen, row.quarter_visits) == ("2026-07-01", 31_700, 2)
        world.give_back(4, 0, 700, "2026-09-02", kind="void")
        world.give_back(sale, 0, 10_000, "2026-09-01", business_day="2026-09-20")
        await world.push()
        row = await world.row(0)
        assert (row.quarter_spend_fen, row.quarter_visits) == (21_000, 1)
        assert await world.all("SELECT last_day FROM members WHERE member_id = :id", id=world.ids[0]) == [
            ("2026-09-01",)
        ]

    play(tmp_path, story)


def test_members_who_never_bought_are_told_of_once_and_nobody_is_told_twice(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(tier_review=REVIEW)
        await world.keep()
        assert (await world.row(2)).quarter == "2026-07-01"
        before = await world.all("SELECT feed_no FROM members ORDER BY member_id")
        await world.keep()
        await world.day("2026-09-22")
        assert await world.all("SELECT feed_no FROM members ORDER BY member_id") == before

    play(tmp_path, story)


def test_growth_is_of_twelve_months_with_its_activity(tmp_path: Path) -> None:
    """S16, R14: one a yuan, five a day with a purchase; what was imported is added."""

    async def story(world: CareWorld) -> None:
        (tmp_path / "growth.csv").write_text("member_number,tier_id,points,growth\n100000000000,plain,0,7\n")
        await world.hq.import_members(BRAND, tmp_path / "growth.csv")
        await world.rules(growth=GROWTH)
        world.sell(0, 40_050, "2025-09-22")
        world.sell(0, 99_999, "2025-09-21")  # twelve months ago to the day: outside
        await world.push()
        row = await world.row(0)
        assert (row.growth, row.next_tier_id, row.next_tier_growth) == (7 + 400 + 5, "silver", 1000)

    play(tmp_path, story)


def test_counting_as_events_come_is_counting_anew(tmp_path: Path) -> None:
    """One fold: a random history in random pushes gives what a recount gives, and what plain reckoning gives."""

    async def story(world: CareWorld) -> None:
        dice = random.Random(7)
        spent: dict[tuple[str, str], int] = {}
        sold: list[tuple[int, int, int, str]] = []
        for _ in range(60):
            if sold and dice.random() < 0.3:
                seq, member, fen, day = sold.pop(dice.randrange(len(sold)))
                world.give_back(seq, member, fen, day, points=-fen // 100, business_day=TODAY)
                spent[world.ids[member], day] -= fen
            else:
                member, fen, day = dice.randrange(3), dice.randrange(100, 90_000), f"2026-0{dice.randrange(1, 10)}-11"
                sold.append((world.sell(member, fen, day, points=fen // 100), member, fen, day))
                spent[world.ids[member], day] = spent.get((world.ids[member], day), 0) + fen
            if dice.random() < 0.2:
                await world.push()
        await world.push()
        counted, stores = await world.all(FACTS), await world.all(STORES)
        assert {row[:2]: row[2] for row in counted} == spent
        assert await world.hq.members.recount(BRAND, lambda *_: None) == 60
        assert (await world.all(FACTS), await world.all(STORES)) == (counted, stores)
        await world.hq.ingest(world.till.workstation_id, world.till.batch())
        await world.keep()
        assert await world.all(FACTS) == counted, "what comes again counts once"

    play(tmp_path, story)
