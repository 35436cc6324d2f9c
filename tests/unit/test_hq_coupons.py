"""Coupons at HQ: versions are frozen, stock is never exceeded, every fault is named, and stores get what is held."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from agent.domain.coupon_batch import faults
from agent.domain.errors import Refusal
from sync.hq import coupon_write
from sync.hq.batch_write import threshold_warning
from sync.hq.service import HqService
from sync.protocol import CouponRow, Feed
from tests.unit.test_hq_feeds import page
from tests.unit.test_hq_importer import counts, reasons, write
from tests.unit.test_hq_world import BRAND, NOW_MS, Till, enrol, import_members, open_world, query

BATCHES = """batch_id,name,type,start,end,off_yuan,off_bp,min_yuan,scope,max_off_yuan,stackable,released
B5,满30减5,amount_off,2026-09-01,2026-12-31,5,,30,,,1,2
P8,八折券,percent_off,2026-09-01,2026-12-31,,2000,,A1;A2,20.5,,
G1,礼品券,gift,2026-09-01,2026-12-31,,,,A3,,,
"""
COUPONS = """coupon_id,member_number,batch_id,start,end,claimed,void
CPN0001,100000000000,B5,,,2026-09-02,
CPN0002,100000000001,P8,2026-10-01,2026-10-15,,
"""
GOOD: dict[str, Any] = {"type": "amount_off", "name": "减5", "off_fen": 500, "start": "2026-11-01", "end": "2026-11-15"}


def in_hq(path: Path, story: Callable[[HqService, list[str]], Awaitable[None]], members: int = 2) -> None:
    async def play() -> None:
        hq = await open_world(path / "hq")
        try:
            await enrol(hq, Till())
            await story(hq, await import_members(hq, path / "members.csv", members))
        finally:
            await hq.close()

    asyncio.run(play())


async def held(hq: HqService, after: int = 0) -> dict[str, CouponRow]:
    """The coupons feed from a cursor, by coupon id."""
    rows = (await page(hq, Feed.COUPONS, after)).rows
    return {row.coupon_id: row for row in rows if isinstance(row, CouponRow)}


async def filled(hq: HqService, path: Path) -> None:
    assert counts(await hq.import_batches(BRAND, write(path, BATCHES))) == (3, 0, 0, 0)
    assert counts(await hq.import_coupons(BRAND, write(path, COUPONS))) == (2, 0, 0, 0)


def test_a_held_coupon_carries_the_offer_it_was_issued_under(tmp_path: Path) -> None:
    async def story(hq: HqService, ids: list[str]) -> None:
        await filled(hq, tmp_path)
        found = await held(hq)
        assert json.loads(found["CPN0001"].body) == {
            "type": "amount_off", "name": "满30减5", "start": "2026-09-01", "end": "2026-12-31", "off_fen": 500,
            "min_fen": 3000, "stackable": True,
        }  # fmt: skip
        first, second = found["CPN0001"], found["CPN0002"]
        assert (first.member_id, first.version, first.state) == (ids[0], 1, "issued")
        assert (first.start_day, first.end_day) == ("2026-09-01", "2026-12-31")
        assert first.claimed_at_ms == 1_788_278_400_000  # 2026-09-01T16:00:00Z is midnight in Shanghai
        assert (second.start_day, second.end_day, second.claimed_at_ms) == ("2026-10-01", "2026-10-15", NOW_MS)
        # A changed batch is a new version for new coupons; what is held stays what it was (S46).
        changed = BATCHES.replace("amount_off,2026-09-01,2026-12-31,5,", "amount_off,2026-09-01,2026-12-31,6,")
        assert counts(await hq.import_batches(BRAND, write(tmp_path, changed))) == (0, 1, 2, 0)
        assert counts(await hq.import_coupons(BRAND, write(tmp_path, COUPONS))) == (0, 0, 2, 0)
        assert (await held(hq))["CPN0001"] == first
        newer = await hq.issue_coupon(BRAND, "B5", "100000000001")
        row = (await held(hq))[newer]
        assert (row.version, json.loads(row.body)["off_fen"]) == (2, 600)

    in_hq(tmp_path, story)


def test_importing_again_changes_nothing_and_moves_nothing(tmp_path: Path) -> None:
    async def story(hq: HqService, _ids: list[str]) -> None:
        await filled(hq, tmp_path)
        assert counts(await hq.import_batches(BRAND, write(tmp_path, BATCHES))) == (0, 0, 3, 0)
        assert counts(await hq.import_coupons(BRAND, write(tmp_path, COUPONS))) == (0, 0, 2, 0)
        assert (await page(hq, Feed.COUPONS, 2)).rows == []
        assert await query(hq, "SELECT count(*) AS n FROM coupon_batches") == [{"n": 3}]
        more = BATCHES.replace(",1,2\n", ",1,9\n")
        assert counts(await hq.import_batches(BRAND, write(tmp_path, more))) == (0, 1, 2, 0)
        assert await query(hq, "SELECT count(*) AS n FROM coupon_batches") == [{"n": 3}]  # stock is no new version

    in_hq(tmp_path, story)


def test_every_fault_of_a_batch_is_reported_at_once(tmp_path: Path) -> None:
    async def story(hq: HqService, _ids: list[str]) -> None:
        rows = (
            "batch_id,name,type,start,end,off_yuan,off_bp,min_yuan,scope,exclusive,stackable,released\n"
            "B1,,percent_off,2026-11-01,2026-11-14,,8000,,,,,\n"
            "B 2,x,amount_off,2026-13-01,2026-11-14,-1,,,,,,x\n"
            "B3,x,gift,2026-11-30,2026-11-01,1,,,,1,1,\n"
            "B4,x,amount_off,2026-11-01,2026-11-15,30,,20,,,,\n"
            "B5,x,amount_off,2026-11-01,2026-11-15,5,,20,,,,\n"
            "B5,x,amount_off,2026-11-01,2026-11-15,5,,20,,,,\n"
        )
        report = await hq.import_batches(BRAND, write(tmp_path, rows))
        found = reasons(report)
        assert (report.rejected, sorted(found)) == (True, [2, 3, 4, 5, 7])
        assert found[2] == (
            "name: needs 1 to 200 printable characters; it goes on receipts; "
            "end: valid for 14 natural days, at least 15 (S44); "
            "off_bp: takes 1000 to 5000 off 10000: 9折 to 5折 (S41); 8折 is 2000"
        )
        assert [part.partition(":")[0].partition(" ")[0] for part in found[3].split("; ")] == [
            "batch_id", "off_yuan", "released", "start",
        ]  # fmt: skip
        assert [part.partition(":")[0] for part in found[4].split("; ")] == ["end", "off_yuan", "stackable", "scope"]
        assert found[5] == "off_yuan: more than min_yuan, and no change is given (R5)"
        assert found[7] == "batch_id B5 is on line 6 already"
        assert await query(hq, "SELECT 1 FROM coupon_batches") == []

    in_hq(tmp_path, story)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "free"}, "type"),
        ({"colour": 1}, "colour"),
        ({"off_fen": 0}, "off_fen"),
        ({"off_fen": True}, "off_fen"),
        ({"off_bp": 2000}, "off_bp"),
        ({"max_off_fen": 5}, "max_off_fen"),
        ({"min_qty": 0}, "min_qty"),
        ({"min_fen": -1}, "min_fen"),
        ({"priority": 1001}, "priority"),
        ({"exclusive": 1}, "exclusive"),
        ({"scope": []}, "scope"),
        ({"scope": ["A", "A"]}, "scope"),
        ({"scope": [1]}, "scope"),
        ({"start": "20261101"}, "start"),
        ({"end": None}, "end"),
        ({"name": "a\nb"}, "name"),
    ],
)
def test_a_fault_names_its_field(change: dict[str, Any], field: str) -> None:
    assert faults(GOOD) == []
    assert [fault.partition(":")[0] for fault in faults({**GOOD, **change})] == [field]


@pytest.mark.parametrize(("off_bp", "good"), [(999, False), (1000, True), (5000, True), (5001, False)])
def test_percent_coupons_are_9_to_5_zhe(off_bp: int, good: bool) -> None:
    """S41."""
    body = {**GOOD, "type": "percent_off", "off_bp": off_bp}
    del body["off_fen"]
    assert (faults(body) == []) == good


def test_fifteen_natural_days_count_both_ends() -> None:
    """S44."""
    assert faults({**GOOD, "start": "2026-02-20", "end": "2026-03-06"}) == []
    assert faults({**GOOD, "end": "2026-11-14"}) == ["end: valid for 14 natural days, at least 15 (S44)"]


def test_coupons_that_cannot_be_issued_are_named(tmp_path: Path) -> None:
    async def story(hq: HqService, _ids: list[str]) -> None:
        await filled(hq, tmp_path)
        rows = (
            "coupon_id,member_number,batch_id,start,end,void\n"
            "CPN0001,100000000001,B5,,,\n"
            "CPN0001,100000000000,B5,,,\n"
            "CPN0002,100000000001,P8,,2026-10-30,\n"
            "NEW1,100000000009,B9,,,\n"
            "NEW2,100000000000,P8,2026-08-01,2026-08-14,\n"
            "NEW3,100000000000,B5,,,\n"
            "NEW4,100000000000,B5,,,\n"
            "NEW5,100000000000,P8,,,1\n"
            "x,100000000000,P8,,,\n"
        )
        found = reasons(await hq.import_coupons(BRAND, write(tmp_path, rows)))
        assert found == {
            2: "member_number: an issued coupon never changes (S46)",
            3: "coupon_id CPN0001 is on line 2 already",
            4: "end: an issued coupon never changes (S46)",
            5: "member_number: no such member; batch_id: B9 is no batch of this brand",
            6: "start, end: not within the batch's 2026-09-01 to 2026-12-31; "
            "end: valid for 14 natural days, at least 15 (S44)",
            8: "batch_id: B5 has 2 released and 1 issued (S47)",
            9: "coupon_id: NEW5 was never issued, so it cannot be withdrawn",
            10: "coupon_id 'x': use 4 to 64 of A-Z a-z 0-9 . _ -",
        }
        assert len(await held(hq)) == 2

    in_hq(tmp_path, story)


def test_released_stock_is_never_exceeded_nor_lowered_below_what_is_out(tmp_path: Path) -> None:
    """S47."""

    async def story(hq: HqService, _ids: list[str]) -> None:
        await filled(hq, tmp_path)
        await hq.issue_coupon(BRAND, "B5", "100000000000", "CPN0003")
        await hq.issue_coupon(BRAND, "B5", "100000000000", "CPN0003")  # the same again is no second coupon
        with pytest.raises(Refusal, match="2 released and 2 issued"):
            await hq.issue_coupon(BRAND, "B5", "100000000000")
        report = await hq.import_batches(BRAND, write(tmp_path, BATCHES.replace(",1,2\n", ",1,1\n")))
        assert reasons(report) == {2: "released 1: 2 are issued already (S47)"}

    in_hq(tmp_path, story)


def test_a_coupon_id_belongs_to_one_brand_for_ever(tmp_path: Path) -> None:
    """S46: globally unique."""

    async def story(hq: HqService, _ids: list[str]) -> None:
        await filled(hq, tmp_path)
        await hq.init_brand("coffee", "咖啡", "")
        await import_members(hq, tmp_path / "coffee.csv", 1, "coffee")
        await hq.import_batches("coffee", write(tmp_path, BATCHES))
        with pytest.raises(Refusal, match="coupon_id"):
            await hq.issue_coupon("coffee", "B5", "100000000000", "CPN0001")
        for coupon_id in ("CPN0001", "NONE0001"):
            with pytest.raises(Refusal, match="no such coupon"):
                await hq.withdraw_coupon("coffee", coupon_id)
        assert (await held(hq))["CPN0001"].state == "issued"

    in_hq(tmp_path, story)


def test_uses_and_returns_commute_and_a_withdrawn_coupon_stays_withdrawn(tmp_path: Path) -> None:
    async def story(hq: HqService, _ids: list[str]) -> None:
        await filled(hq, tmp_path)

        async def move(coupon_id: str, amount: int) -> str:
            await hq._write(lambda c: coupon_write.move(c, BRAND, {coupon_id: amount, "unknown": -1}))
            return (await held(hq))[coupon_id].state

        assert [await move("CPN0001", amount) for amount in (1, -1, -1, 1)] == ["issued", "issued", "used", "issued"]
        assert await hq.withdraw_coupon(BRAND, "CPN0001")
        assert not await hq.withdraw_coupon(BRAND, "CPN0001")
        assert [await move("CPN0001", amount) for amount in (-1, 1)] == ["void", "void"]
        assert await move("CPN0002", -1) == "used"
        assert not await hq.withdraw_coupon(BRAND, "CPN0002")

    in_hq(tmp_path, story)


def test_an_erased_member_leaves_tombstones(tmp_path: Path) -> None:
    async def story(hq: HqService, ids: list[str]) -> None:
        await filled(hq, tmp_path)
        await hq.members.erase(BRAND, ids[0], "顾客", "申请")
        assert list(await held(hq, 2)) == ["CPN0001"]
        [row] = (await held(hq, 2)).values()
        assert (row.deleted, row.body) == (True, "")
        report = await hq.import_coupons(BRAND, write(tmp_path, COUPONS))
        assert reasons(report) == {2: "member_number: an issued coupon never changes (S46)"}

    in_hq(tmp_path, story)


@pytest.mark.parametrize(("least", "warned"), [(5999, True), (6000, False), (7500, False), (7501, True), (0, False)])
def test_thresholds_are_compared_with_the_average_ticket(least: int, warned: bool) -> None:
    """S42: 1.2 to 1.5 times 50 yuan."""
    assert bool(threshold_warning(least, 5000)) == warned
    assert threshold_warning(least, 0) == ""
