"""S30: gifts for points: a catalogue near the brand's mix, stocks that never go below zero, each exchange once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain.errors import Refusal
from agent.domain.gift_rule import GiftMix
from agent.domain.rules import RuleFaults, rule_set
from sync.hq.app import create_app
from sync.hq.csv_file import Fault
from sync.hq.gift_csv import GiftEntry, gift_entries
from sync.hq.gift_write import GiftTable
from sync.lease_protocol import LeaseRequest, LeaseWant
from tests.unit.hq_care_world import BRAND, TODAY, CareWorld, play
from tests.unit.test_hq_channels import sound
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_play import BATCH, refusal
from tests.unit.test_hq_referrals import ask
from tests.unit.test_hq_world import RULES

HEAD = "gift_id,name,kind,points,stock,batch_id,off\n"
GIFTS = HEAD + (
    "cup,杯子,physical,50,2,,\nicon,头像框,virtual,10,,,\ncoupon5,减5元券,virtual,20,,b1,\nold,旧礼品,physical,1,,,1\n"
)
MIX = {"virtual": 7, "physical": 3}


async def stocked(world: CareWorld, folder: Path, **more: Any) -> None:
    """A catalogue, and 200 points for the first member."""
    await world.rules(gift_mix=MIX, **more)
    await world.hq.import_batches(BRAND, write(folder, BATCH))
    report = await world.hq.import_gifts(BRAND, write(folder, GIFTS))
    assert (report.created, report.faults, report.warnings) == (4, [], [])
    await ask(world, "p1", "purchase", paid_fen=20_000)


def test_points_are_exchanged_once_per_request_and_counted_by_kind(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        first = await ask(world, "x1", "exchange", gift_id="cup")
        assert (first.points, first.balance) == (-50, 150)
        assert first.gift is not None
        assert (first.gift.kind, first.gift.coupon_id) == ("physical", "")
        assert await ask(world, "x1", "exchange", gift_id="cup") == first
        virtual = await ask(world, "x2", "exchange", gift_id="coupon5")
        assert virtual.gift is not None
        held = await world.all("SELECT coupon_id, state FROM coupons")
        assert held == [(virtual.gift.coupon_id, "issued")]
        rows, _place = await world.hq.members.figures("gifts", BRAND, TODAY, TODAY, "")
        assert rows == [[TODAY[:7], 1, 1, 70, 5000]]
        rows, _place = await world.hq.members.figures("exchange", BRAND, TODAY, TODAY, "")
        assert rows == [[TODAY[:7], 200, 70, 3500]]
        await sound(world)

    play(tmp_path, story)


def test_an_exchange_is_undone_whole_and_once(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        await ask(world, "x1", "exchange", gift_id="cup")
        await ask(world, "x2", "exchange", gift_id="coupon5")
        back = await ask(world, "b1", "exchange_return", of="x1")
        assert (back.points, back.balance) == (50, 180)
        assert await ask(world, "b1", "exchange_return", of="x1") == back
        assert await refusal(world, "b2", "exchange_return", of="x1") == "NOTHING_TO_RETURN"
        assert (await ask(world, "b3", "exchange_return", of="x2")).balance == 200
        assert await world.all("SELECT DISTINCT state FROM coupons") == [("void",)]
        assert await world.all("SELECT gift_id FROM gifts WHERE given <> 0") == []
        rows, _place = await world.hq.members.figures("gifts", BRAND, TODAY, TODAY, "")
        assert rows == []
        facts = "SELECT member_id, business_day, spend_fen, earned, redeemed FROM member_days"
        counted = await world.all(facts)
        assert [row[4] for row in counted] == [0]
        await world.hq.members.recount(BRAND, lambda *_: None)
        assert await world.all(facts) == counted
        await sound(world)

    play(tmp_path, story)


def test_an_exchange_whose_coupon_a_till_may_spend_is_not_undone(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        given = (await ask(world, "x1", "exchange", gift_id="coupon5")).gift
        assert given is not None
        want = LeaseWant(account="coupon", bucket=given.coupon_id, amount=1)
        lease = LeaseRequest(request_id="l1", epoch="e1", last=0, member_id=world.ids[0], wants=[want])
        assert len((await world.hq.leases.grant("S1-1", lease)).leases) == 1
        assert await refusal(world, "b1", "exchange_return", of="x1") == "COUPON_NOT_FREE"
        assert await world.all("SELECT returned FROM exchanges") == [(0,)]
        assert await world.all("SELECT given FROM gifts WHERE gift_id = 'coupon5'") == [(1,)]

    play(tmp_path, story)


def test_a_stock_never_goes_below_zero_however_many_ask_at_once(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        for member in (1, 2):
            await ask(world, f"p{member + 1}", "purchase", member, paid_fen=20_000)
        asked = [ask(world, f"x{number}", "exchange", number % 3, gift_id="cup") for number in range(9)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one.code for one in answers if isinstance(one, Refusal)]
        assert refused == ["GIFT_GONE"] * 7
        assert await world.all("SELECT stock, given FROM gifts WHERE gift_id = 'cup'") == [(2, 2)]
        taken = await world.all("SELECT SUM(amount) FROM hq_postings WHERE kind = 'channel_use'")
        assert taken == [(-100,)]
        await sound(world)

    play(tmp_path, story)


def test_what_cannot_be_exchanged_is_refused_and_takes_nothing(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path, cooldown={"points_min": 30})
        assert await refusal(world, "x1", "exchange", gift_id="none") == "GIFT_UNKNOWN"
        assert await refusal(world, "x2", "exchange", gift_id="old") == "GIFT_UNKNOWN"
        assert await refusal(world, "x3", "exchange", 1, gift_id="icon") == "POINTS_INSUFFICIENT"
        for number in range(3):
            await ask(world, f"c{number}", "exchange", gift_id="coupon5")
            world.clock.at_ms += 30 * 60_000
        assert await refusal(world, "c3", "exchange", gift_id="coupon5") == "GIFT_GONE"
        await ask(world, "i1", "exchange", gift_id="icon")
        assert await refusal(world, "i2", "exchange", gift_id="icon") == "REDEMPTION_COOLING"
        assert await refusal(world, "i3", "spend_points", points=1) == "REDEMPTION_COOLING"

    play(tmp_path, story)


def test_a_file_names_every_fault_and_a_catalogue_far_from_the_mix_is_taken_with_a_warning(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        await ask(world, "x1", "exchange", gift_id="cup")
        bad = HEAD + "a b,,toy,0,-1,b1,x\ncup,杯子,physical,50,0,,\nx,x,virtual,1,,none,\nx,x,physical,1,,b1,\n"
        report = await world.hq.import_gifts(BRAND, write(tmp_path, bad))
        assert report.rejected
        assert report.faults == [
            Fault(2, "gift_id 'a b': use 1 to 64 of A-Z a-z 0-9 . _ : -; name needs 1 to 200 printable characters;"
                     " kind 'toy': write virtual or physical; points '0': at least 1; stock '-1': at least 0;"
                     " off 'x': write 1 or 0"),
            Fault(3, "stock 0: 1 went out already (S30)"),
            Fault(4, "batch_id: there is no batch none"),
            Fault(5, "batch_id: a coupon is a virtual gift"),
        ]  # fmt: skip
        more = HEAD + "bag,袋子,physical,30,,,\n"
        report = await world.hq.import_gifts(BRAND, write(tmp_path, more))
        why = "kind: 2 virtual to 2 physical gifts are 50 % virtual, and 7:3 is wanted (S30)"
        assert (report.created, report.warnings) == (1, [Fault(1, why)])
        again = await world.hq.import_gifts(BRAND, write(tmp_path, more))
        assert (again.created, again.updated, again.unchanged) == (0, 0, 1)
        dearer = await world.hq.import_gifts(BRAND, write(tmp_path, HEAD + "bag,袋子,physical,40,,,1\n"))
        assert (dearer.updated, dearer.warnings) == (1, [])

    play(tmp_path, story)


def test_a_stock_is_not_put_below_what_goes_out_while_a_file_is_read(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        books, file = world.hq.parts.books, write(tmp_path, HEAD + "cup,杯子,physical,50,0,,\n")
        table = await books.write(lambda c: GiftTable.of(c, BRAND, GiftMix()))
        [entry] = [one for one in gift_entries(file) if isinstance(one, GiftEntry)]
        assert await books.write(lambda c: table.check(c, [entry])) == []
        await ask(world, "x1", "exchange", gift_id="cup")
        with pytest.raises(Refusal, match="1 went out already") as found:
            await books.write(lambda c: table.write(c, [entry]))
        assert found.value.code == "IMPORT_OVERTAKEN"

    play(tmp_path, story)


def test_a_channel_shows_the_catalogue(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await stocked(world, tmp_path)
        await ask(world, "x1", "exchange", gift_id="cup")
        given = await world.hq.channels.add("shop", BRAND, "")
        headers = {"Authorization": f"Bearer {given.token}"}
        transport = httpx.ASGITransport(app=create_app(world.hq))
        async with httpx.AsyncClient(transport=transport, base_url="http://hq", headers=headers) as client:
            found = (await client.get("/v1/channels/shop/gifts")).json()["gifts"]
        assert [(one["gift_id"], one["left"]) for one in found] == [("coupon5", None), ("cup", 1), ("icon", None)]

    play(tmp_path, story)


def test_every_fault_of_the_mix_is_named_at_once() -> None:
    with pytest.raises(RuleFaults) as found:
        rule_set({**RULES, "gift_mix": {"virtual": -1, "physical": "3", "both": 1}})
    assert found.value.faults == (
        "gift_mix.both is not known",
        "gift_mix.virtual must be an integer from 0 to 1000",
        "gift_mix.physical must be an integer from 0 to 1000",
    )
    with pytest.raises(RuleFaults, match="one of virtual and physical is more than 0"):
        rule_set({**RULES, "gift_mix": {"virtual": 0, "physical": 0}})
