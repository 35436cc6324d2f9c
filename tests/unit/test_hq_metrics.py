"""Figures of S66: each view says what plain Python reckons of the same small world, and an export gives all of it."""

import hashlib
import random
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from agent.domain.errors import Refusal
from sync.claim_protocol import ClaimRequest, WechatIdentity
from sync.hq import metrics
from sync.hq.service import HqService
from tests.unit.hq_care_world import BRAND, REVIEW, CareWorld, play
from tests.unit.test_hq_importer import write

MONTHS = ("2026-07", "2026-08", "2026-09")
BATCHES = "batch_id,name,type,start,end,off_yuan\nb1,减5,amount_off,2026-07-01,2026-12-31,5\n"


async def figure(hq: HqService, metric: str, first: str = "2026-07-01", last: str = "2026-09-30") -> list[list[Any]]:
    """All pages of a figure."""
    found, place = [], ""
    while True:
        rows, place = await hq.members.figures(metric, BRAND, first, last, place)
        found += rows
        if not place:
            return found


class Plain:
    """The same world in plain Python: what was sold to whom, less what came back, booked on the day of the sale."""

    def __init__(self) -> None:
        self.sales: list[tuple[str, int | None, int, int, int]] = []
        """(day, member, fen left, points earned, points redeemed); a void leaves nothing."""
        self.claims: dict[str, int] = defaultdict(int)

    def month(self, month: str) -> list[tuple[str, int | None, int, int, int]]:
        return [one for one in self.sales if one[0].startswith(month)]

    def spend(self, month: str) -> dict[int, int]:
        """Member -> fen, over days whose sales exceed what came back of them."""
        days: dict[tuple[int, str], int] = defaultdict(int)
        for day, member, fen, _earned, _redeemed in self.month(month):
            if member is not None:
                days[member, day] += fen
        found: dict[int, int] = defaultdict(int)
        for (member, _day), fen in days.items():
            if fen > 0:
                found[member] += fen
        return dict(found)


async def lived(world: CareWorld) -> Plain:
    """Three months of sales, returns, points and claims."""
    dice, plain = random.Random(3), Plain()
    for number in range(80):
        day = f"{dice.choice(MONTHS)}-{dice.randrange(1, 21):02d}"
        member = dice.choice([None, 0, 1, 2])
        fen, earned, redeemed = dice.randrange(100, 50_000), dice.randrange(50), dice.randrange(20)
        if member is None:
            world.sell(None, fen, day, claim_sha256=f"{number:064x}")
            plain.claims[day[:7]] += 1
            plain.sales.append((day, None, fen, 0, 0))
            continue
        owner = world.ids[member]
        postings = [
            {"account": "points", "owner": owner, "amount": amount}
            for amount in (earned, -redeemed)
            if amount
        ]  # fmt: skip
        seq = world.sell(member, fen, day, postings=postings)
        back = dice.choice([0, 0, 0, fen // 3])
        if back:
            world.give_back(seq, member, back, day, business_day="2026-09-20")
        plain.sales.append((day, member, fen - back, earned, redeemed))
    await world.push()
    return plain


def test_each_view_says_what_plain_reckoning_says(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        plain = await lived(world)
        await world.hq._write(lambda c: c.execute("UPDATE members SET since_day = '2026-08-15'"))
        for place, month in enumerate(MONTHS):
            sold, spend = plain.month(month), plain.spend(month)
            ours = [one for one in sold if one[1] is not None]
            paid, own = sum(one[2] for one in sold), sum(one[2] for one in ours)
            earned, redeemed = sum(one[3] for one in ours), sum(one[4] for one in ours)
            assert (await figure(world.hq, "tickets"))[place] == [
                month, len(sold), paid, paid // len(sold), len(ours), own, own // len(ours),
            ]  # fmt: skip
            assert (await figure(world.hq, "arpu"))[place] == [
                month, len(spend), sum(spend.values()), sum(spend.values()) // len(spend),
            ]  # fmt: skip
            members = 3 if month >= "2026-08" else 0
            rate = len(spend) * 10_000 // members if members else None
            assert (await figure(world.hq, "active"))[place] == [month, members, len(spend), rate]
            assert (await figure(world.hq, "exchange"))[place] == [month, earned, redeemed, redeemed * 10_000 // earned]
            assert (await figure(world.hq, "joins"))[place] == [month, plain.claims[month], 0, 0]
        assert [row[0] for row in await figure(world.hq, "tickets", "2026-08-20", "2026-08-21")] == ["2026-08"]

    play(tmp_path, story)


def test_rfm_and_sleepers_come_by_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "REPORT_PAGE_ROWS", 2)

    async def story(world: CareWorld) -> None:
        plain = await lived(world)
        wanted = {}
        for member, member_id in enumerate(world.ids):
            days: dict[str, int] = defaultdict(int)
            for day, who, fen, _earned, _redeemed in plain.sales:
                days[day] += fen if who == member else 0
            bought = {day: fen for day, fen in days.items() if fen > 0}
            wanted[member_id] = [max(bought), len(bought), sum(bought.values())]
        assert {row[0]: row[1:] for row in await figure(world.hq, "rfm")} == wanted
        assert await figure(world.hq, "rfm", "2020-01-01", "2020-12-31") == []
        await world.day("2026-10-25")
        assert [row[0] for row in await figure(world.hq, "dormant30")] == sorted(world.ids)
        assert await figure(world.hq, "dormant90") == []
        await world.day("2027-01-25")
        assert [row[0] for row in await figure(world.hq, "dormant90")] == sorted(world.ids)
        with pytest.raises(Refusal, match="a figure is one of joins"):
            await figure(world.hq, "profit")

    play(tmp_path, story)


def test_coupons_and_tier_changes(tmp_path: Path) -> None:
    """S50: of what was issued and not withdrawn, how much was used."""

    async def story(world: CareWorld) -> None:
        await world.hq.import_batches(BRAND, write(tmp_path, BATCHES))
        for number in range(5):
            await world.hq.issue_coupon(BRAND, "b1", "100000000000", f"CPN{number}")
        await world.hq.withdraw_coupon(BRAND, "CPN4")
        world.sell(0, 100, postings=[{"account": "coupon", "owner": world.ids[0], "amount": -1, "bucket": "CPN0"}])
        await world.push()
        assert await figure(world.hq, "coupons") == [["b1", "2026-07-01", "2026-12-31", 5, 1, 1, 2_500]]
        await world.rules(tier_review=REVIEW)
        world.sell(1, 900_000)
        await world.push()
        (row,) = await figure(world.hq, "tiers")
        assert row[:6] == [world.ids[1], "up gold 2026-07-01", "2026-09-21", "plain", "gold", "spend_fen"]

    play(tmp_path, story)


def test_how_long_after_its_issue_a_coupon_is_used(tmp_path: Path) -> None:
    """S50, S66: within 48, 72 and 120 hours, to the millisecond; one that came back counts by its last use."""
    hour_ms = 3_600_000

    async def story(world: CareWorld) -> None:
        await world.hq.import_batches(BRAND, write(tmp_path, BATCHES))
        for number in range(7):
            await world.hq.issue_coupon(BRAND, "b1", "100000000000", f"CPN{number}")
        issued = world.clock.now_ms()

        def move(number: int, after_ms: int, amount: int = -1) -> None:
            posting = {"account": "coupon", "owner": world.ids[0], "amount": amount, "bucket": f"CPN{number}"}
            world._book(world.ids[0], 0, payable_fen=100, at_ms=issued + after_ms, postings=[posting])

        for number, after_ms in enumerate((0, 48 * hour_ms, 48 * hour_ms + 1, 72 * hour_ms, 120 * hour_ms + 1)):
            move(number, after_ms)
        move(5, hour_ms)
        move(5, 2 * hour_ms, amount=1)
        move(6, hour_ms)
        move(6, 2 * hour_ms, amount=1)
        move(6, 100 * hour_ms)
        await world.push()
        wanted = [["b1", "2026-07-01", "2026-12-31", 6, 2, 4, 5, 3_333, 6_666, 8_333]]
        assert await figure(world.hq, "cycle") == wanted
        await world.hq._write(lambda c: c.execute("DELETE FROM coupon_uses"))
        assert await figure(world.hq, "cycle") == []
        await world.hq.members.recount(BRAND, lambda *_: None)
        assert await figure(world.hq, "cycle") == wanted

    play(tmp_path, story)


def test_who_joined_by_a_receipt_counts_on_the_day_of_its_sale(tmp_path: Path) -> None:
    """S66: join conversion, whether the sale came before somebody joined by it or after."""

    async def story(world: CareWorld) -> None:
        texts = [f"{number:022d}" for number in range(4)]
        for text in texts[:3]:
            world.sell(None, 1_000, claim_sha256=hashlib.sha256(text.encode()).hexdigest())
        await world.push()
        for text in (texts[0], texts[3]):
            who = WechatIdentity(appid="wx1", openid=f"o{text}")
            await world.hq.claim(BRAND, ClaimRequest(request_id=f"j{text}", claim=text, identities=[who]))
        assert await figure(world.hq, "joins") == [["2026-09", 3, 1, 3_333]]
        world.sell(None, 1_000, claim_sha256=hashlib.sha256(texts[3].encode()).hexdigest())
        await world.push()
        joined = [["2026-09", 4, 2, 5_000]]
        assert await figure(world.hq, "joins") == joined
        await world.hq.members.recount(BRAND, lambda *_: None)
        assert await figure(world.hq, "joins") == joined

    play(tmp_path, story)
