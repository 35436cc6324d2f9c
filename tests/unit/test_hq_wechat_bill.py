"""The trade bill against the books: what is missing at either side, amounts, and what heals (S62, wire.md)."""

from pathlib import Path

import pytest

from agent.domain.errors import Refusal
from sync.wechat.failures import WechatRefused
from tests.unit import hq_wechat_world
from tests.unit.hq_wechat_world import DAY, PAID, WechatWorld, play
from tests.unit.test_hq_world import query
from tests.unit.wechat_bills import bill, row
from tests.wechat_stand_in import WechatStandIn

SECOND, THIRD = "4200001234202609210000000002", "4200001234202609210000000003"


wechat_server, wechat = hq_wechat_world.wechat_server, hq_wechat_world.wechat


async def check(world: WechatWorld, day: str = DAY) -> list[tuple[str, str]]:
    """Check a day; (transaction, code) of what differs in it."""
    report = await world.hq.wechat.office.check_bill(world.wechat.mch_id, day)
    return sorted((one["transaction_id"], one["code"]) for one in report.differences)


def test_equal_books_differ_in_nothing(tmp_path: Path, wechat: WechatStandIn) -> None:
    wechat.bills[DAY] = bill(row(PAID, "12.80"), row(SECOND, "0.05"), row(PAID, "0.00", refund=("50300001", "2.00")))

    async def story(world: WechatWorld) -> None:
        world.sell()
        world.sell(SECOND, 5)
        await world.push()
        report = await world.hq.wechat.office.check_bill(wechat.mch_id, DAY)
        assert report.differences == []
        assert (report.payments, report.total_fen, report.refunds, report.refund_fen) == (2, 1285, 1, 200)
        assert (report.booked, report.booked_fen) == (2, 1285)

    play(tmp_path, story, wechat)


def test_missing_on_either_side_amounts_merchants_and_reversals(tmp_path: Path, wechat: WechatStandIn) -> None:
    fourth, fifth = "4200001234202609210000000004", "4200001234202609210000000005"
    wechat.bills[DAY] = bill(
        row(PAID, "12.81"),
        row(SECOND, "1.00"),
        row(fourth, "12.80", sub="1900000999"),
        row(fifth, "12.80"),
        row(fifth, "0.00", kind="REVOKED"),
    )

    async def story(world: WechatWorld) -> None:
        for transaction_id in (PAID, THIRD, fourth, fifth):
            world.sell(transaction_id)
        await world.push()
        wanted = [
            (PAID, "BILL_AMOUNT_DIFFERS"),
            (SECOND, "BILL_NOT_IN_BOOKS"),
            (THIRD, "BOOKS_NOT_IN_BILL"),
            (fourth, "BILL_MERCHANT_DIFFERS"),
            (fifth, "BILL_REVERSED"),
        ]
        assert await check(world) == wanted
        assert await check(world) == wanted, "again is the same, and nothing is doubled"
        rows = {one["code"]: one for one in await world.hq.wechat.office.differences(wechat.mch_id, DAY)}
        assert "12.80" in str(rows["BILL_AMOUNT_DIFFERS"]["ours"])
        assert "12.81" in str(rows["BILL_AMOUNT_DIFFERS"]["theirs"])
        assert rows["BILL_NOT_IN_BOOKS"]["ours"] == "not in the books"
        assert rows["BOOKS_NOT_IN_BILL"]["theirs"] == "not in the bill"
        assert "S1-1" in str(rows["BOOKS_NOT_IN_BILL"]["ours"])

    play(tmp_path, story, wechat)


def test_a_store_that_was_offline_heals_its_day(tmp_path: Path, wechat: WechatStandIn) -> None:
    wechat.bills[DAY] = bill(row(PAID, "12.80"))

    async def story(world: WechatWorld) -> None:
        assert await check(world) == [(PAID, "BILL_NOT_IN_BOOKS")]
        world.sell()
        await world.push()
        assert await check(world) == []
        assert await world.codes() == []

    play(tmp_path, story, wechat)


def test_a_payment_of_the_next_days_bill_heals_the_day_of_the_sale(tmp_path: Path, wechat: WechatStandIn) -> None:
    wechat.bills |= {DAY: bill(), "2026-09-22": bill(row(PAID, "12.80", day="2026-09-22"))}

    async def story(world: WechatWorld) -> None:
        world.sell()
        await world.push()
        assert await check(world) == [(PAID, "BOOKS_NOT_IN_BILL")]
        assert await check(world, "2026-09-22") == []
        assert await world.codes() == []

    play(tmp_path, story, wechat)


def test_a_day_without_payments_has_no_bill(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        assert await check(world) == []
        world.sell()
        await world.push()
        assert await check(world) == [(PAID, "BOOKS_NOT_IN_BILL")]
        wechat.mischief = "refuse:NO_AUTH/403"
        with pytest.raises(WechatRefused):
            await check(world)

    play(tmp_path, story, wechat)


def test_a_bill_that_is_not_this_ones_is_not_taken(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        office = world.hq.wechat.office
        file = tmp_path / "bill.csv"
        for content, code in (
            (bill(row(PAID, "1.00", mch="1900000777")), "WECHAT_BILL_OTHER"),
            (bill(row(PAID, "1.00", day="2026-09-20")), "WECHAT_BILL_OTHER"),
            (b"nonsense", "WECHAT_BILL_UNREADABLE"),
        ):
            file.write_bytes(content)
            with pytest.raises(Refusal) as caught:
                await office.check_bill(wechat.mch_id, DAY, file)
            assert caught.value.code == code
        for day, path, code in (
            ("21.9.2026", None, "WECHAT_DAY_INVALID"),
            (DAY, tmp_path / "none.csv", "WECHAT_BILL_UNREADABLE"),
        ):
            with pytest.raises(Refusal) as caught:
                await office.check_bill(wechat.mch_id, day, path)
            assert caught.value.code == code
        assert await query(world.hq, "SELECT * FROM wechat_bills") == []
        file.write_bytes(bill(row(PAID, "1.00")))
        report = await office.check_bill(wechat.mch_id, DAY, file)
        assert [one["code"] for one in report.differences] == ["BILL_NOT_IN_BOOKS"]

    play(tmp_path, story, wechat)
