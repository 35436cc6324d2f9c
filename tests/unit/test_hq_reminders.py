"""Reminders (S26, S27, S51, S52): once each, in their windows, at most four of a month for marketing."""

from pathlib import Path
from typing import Any

from agent.domain.business_day import local_time
from sync.hq.reminders_page import Reminder
from tests.unit.hq_care_world import BRAND, CareWorld, play
from tests.unit.test_hq_importer import write

CARE: dict[str, Any] = {"reminders": True}
BATCHES = """batch_id,name,type,start,end,off_yuan
bday,生日,amount_off,2026-01-01,2026-12-31,5
back,回来,amount_off,2026-01-01,2026-12-31,5
"""


def told(found: list[Reminder]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(one.reminder_id, local_time(one.send_from_ms).strftime("%m-%d %H"), one.facts) for one in found]


def test_points_are_told_of_fifteen_days_ahead_in_the_evening_once(tmp_path: Path) -> None:
    """S27: what ends on 10-06 is told of from 09-21 on, between 19 and 21 h."""

    async def story(world: CareWorld) -> None:
        await world.rules(care=CARE)
        for number, (day, points) in enumerate((("2026-10-06", 30), ("2026-10-07", 40))):
            lot = {"bucket": f"lot{number}", "expires": day}
            posting = {"account": "points", "owner": world.ids[0], "amount": points, **lot}
            world.sell(0, 100 * points, postings=[posting], sale_id=f"s{number}")
        await world.push()
        found = await world.hq.members.reminders(0)
        assert told(found) == [("points_end.2026-10-06", "09-21 19", {"points": 30, "last_day": "2026-10-06"})]
        assert (found[0].member_id, found[0].marketing, found[0].to) == (world.ids[0], False, [])
        await world.day("2026-09-22", 22)
        found = await world.hq.members.reminders(found[0].number)
        assert told(found) == [("points_end.2026-10-07", "09-23 19", {"points": 40, "last_day": "2026-10-07"})]
        await world.day("2026-10-05")
        assert await world.hq.members.reminders(found[0].number) == []

    play(tmp_path, story)


def test_birthdays_come_three_days_ahead_with_a_coupon_once_a_year(tmp_path: Path) -> None:
    """S26; who was born on a leap day is not forgotten in other years."""

    async def story(world: CareWorld) -> None:
        await world.hq.import_batches(BRAND, write(tmp_path, BATCHES))
        rows = "member_number,tier_id,points,birthday\n100000000000,plain,0,09-24\n100000000001,plain,1,09-25\n"
        await world.hq.import_members(BRAND, write(tmp_path, rows + "100000000002,plain,2,02-29\n"))
        await world.rules(care={**CARE, "birthday_batch_id": "bday"})
        await world.keep()
        (one,) = await world.hq.members.reminders(0)
        assert (one.member_id, one.kind, one.marketing) == (world.ids[0], "birthday", True)
        (coupon,) = await world.all("SELECT coupon_id, member_id FROM coupons")
        assert coupon == (one.facts["coupon_id"], world.ids[0])
        await world.day("2026-09-24")
        assert [row.member_id for row in await world.hq.members.reminders(0)] == world.ids[:2]
        await world.day("2027-02-25")
        assert [row.member_id for row in await world.hq.members.reminders(0)][2:] == world.ids[2:]

    play(tmp_path, story)


def test_sleepers_are_told_after_thirty_and_ninety_days_once_each_sleep(tmp_path: Path) -> None:
    """S51."""

    async def story(world: CareWorld) -> None:
        await world.rules(care=CARE)
        world.sell(0, 100, "2026-09-20")
        await world.push()
        found = []
        for day in ("2026-10-19", "2026-10-20", "2026-10-21", "2026-12-19", "2026-12-30"):
            await world.day(day, 9)
            found.append(told(await world.hq.members.reminders(0)))
        facts = {"last_purchase": "2026-09-20"}
        first, second = ("dormant_30.2026-09-20", "10-20 10", facts), ("dormant_90.2026-09-20", "12-19 10", facts)
        assert found == [[], [first], [first], [first, second], [first, second]]
        world.sell(0, 100, "2026-12-30")
        await world.push()
        await world.day("2027-01-29", 13)
        assert told(await world.hq.members.reminders(0))[2][:2] == ("dormant_30.2026-12-30", "01-29 15")

    play(tmp_path, story)


def test_a_fifth_message_of_a_month_is_withheld_with_its_coupon(tmp_path: Path) -> None:
    """S52."""

    async def story(world: CareWorld) -> None:
        await world.hq.import_batches(BRAND, write(tmp_path, BATCHES))
        await world.rules(care={**CARE, "birthday_batch_id": "bday"})
        for number in range(4):
            await world.hq._write(
                lambda c, n=number: c.execute(  # type: ignore[misc]
                    "INSERT INTO reminders (member_id, reminder_id, number, brand_id, kind, marketing, state, body,"
                    " business_day, from_ms, until_ms) VALUES (:id, :what, :n, :brand, 'x', 1, 'given', '{}',"
                    " '2026-09-02', 1, 2)",
                    {"id": world.ids[0], "what": f"x{n}", "n": n + 1, "brand": BRAND},
                )
            )
        rows = "member_number,tier_id,points,birthday\n100000000000,plain,0,09-24\n"
        await world.hq.import_members(BRAND, write(tmp_path, rows))
        await world.keep()
        assert len(await world.hq.members.reminders(0)) == 4
        assert await world.all("SELECT state FROM reminders WHERE kind = 'birthday'") == [("withheld",)]
        assert await world.all("SELECT 1 AS one FROM coupons") == []

    play(tmp_path, story)


def test_more_members_than_one_step_are_all_reminded_and_nobody_twice(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        rows = "".join(f"{100_000_000_000 + number},plain,{number},09-22\n" for number in range(230))
        await world.hq.import_members(BRAND, write(tmp_path, "member_number,tier_id,points,birthday\n" + rows))
        await world.rules(care=CARE)
        await world.keep()
        found = await world.hq.members.reminders(0)
        assert sorted(one.member_id for one in found) == sorted(world.ids)
        assert [one.number for one in found] == list(range(1, 231))

    play(tmp_path, story, members=230)
