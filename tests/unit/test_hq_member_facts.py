"""What else HQ knows of a member and tells stores: stored value, cards, birthday, growth, freezes; and its rules."""

from pathlib import Path
from typing import Any

import pytest

from agent.domain.digest import canonical
from agent.domain.errors import Refusal
from sync.hq import card_write
from sync.hq.service import HqService
from sync.protocol import Feed, MemberRow
from tests.unit.test_hq_coupons import filled, held, in_hq
from tests.unit.test_hq_feeds import page
from tests.unit.test_hq_importer import counts, reasons, write
from tests.unit.test_hq_world import BRAND, NOW_MS, RULES, Till, enrol, import_members, query

FACTS = """member_number,tier_id,points,sv_principal_yuan,sv_gift_yuan,expiring_points,expiring_day,\
month,month_spend_yuan,birthday,growth,next_tier_id,next_tier_growth,first_order
100000000000,plain,0,100,20.5,7,2026-12-31,2026-09,520.10,02-29,812,gold,1000,1
100000000001,plain,1,,,,,,,,,,,
"""


async def members(hq: HqService) -> list[MemberRow]:
    rows = (await page(hq, Feed.MEMBERS, 0)).rows
    return sorted((row for row in rows if isinstance(row, MemberRow)), key=lambda row: row.points)


def test_what_a_till_knows_of_a_member_comes_with_the_members_row(tmp_path: Path) -> None:
    async def story(hq: HqService, ids: list[str]) -> None:
        assert counts(await hq.import_members(BRAND, write(tmp_path, FACTS))) == (0, 1, 1, 0)
        rich, plain = await members(hq)
        assert rich.model_dump(exclude={"kind", "masked", "deleted"}) == {
            "member_id": ids[0], "tier_id": "plain", "points": 0, "sv_principal_fen": 10000, "sv_gift_fen": 2050,
            "expiring_points": 7, "expiring_day": "2026-12-31", "month": "2026-09", "month_spend_fen": 52010,
            "birthday": "02-29", "growth": 812, "next_tier_id": "gold", "next_tier_growth": 1000, "first_order": True,
        }  # fmt: skip
        assert set(plain.model_dump()) == {"kind", "member_id", "tier_id", "points", "masked", "deleted"}
        # A later file that does not speak of these columns leaves them as they are.
        await import_members(hq, tmp_path / "again.csv", 2)
        assert (await members(hq))[0] == rich
        await hq.members.erase(BRAND, ids[0], "顾客", "申请")
        [gone] = [row for row in await members(hq) if row.deleted]
        assert gone == MemberRow(member_id=ids[0], tier_id="plain", points=0, masked="", deleted=True)
        assert await query(hq, "SELECT birthday FROM members WHERE status = 'deleted'") == [{"birthday": ""}]

    in_hq(tmp_path, story)


def test_bad_facts_are_named_and_no_year_of_birth_is_taken(tmp_path: Path) -> None:
    async def story(hq: HqService, _ids: list[str]) -> None:
        rows = (
            "member_number,tier_id,points,sv_principal_yuan,expiring_points,expiring_day,month,month_spend_yuan,"
            "birthday,next_tier_id\n"
            "1,plain,0,-1,5,,2026-13,1,1990-02-03,\n"
            "2,plain,0,,,,,,02-30,\n"
            "3,plain,0,,,,,,,silver\n"
        )
        found = reasons(await hq.import_members(BRAND, write(tmp_path, rows)))
        assert found == {
            2: "sv_principal_yuan '-1': write yuan like 12.80; month '2026-13': write YYYY-MM; birthday: write month "
            "and day as MM-DD, without the year; expiring_points, expiring_day: fill both or neither",
            3: "birthday: write month and day as MM-DD, without the year",
            4: "next_tier_id 'silver' is not in the newest rule set",
        }

    in_hq(tmp_path, story)


def test_count_cards_are_held_by_one_member_and_follow_events(tmp_path: Path) -> None:
    """R18, S39: what is left is the opening plus what events moved."""

    async def story(hq: HqService, ids: list[str]) -> None:
        rows = (
            "card_id,member_number,name,total,left,price_yuan,expires\nK1,100000000000,咖啡十杯,10,8,180,2027-01-31\n"
        )
        assert counts(await hq.import_cards(BRAND, write(tmp_path, rows))) == (1, 0, 0, 0)
        assert counts(await hq.import_cards(BRAND, write(tmp_path, rows))) == (0, 0, 1, 0)

        def event(connection: Any) -> None:
            with connection.transaction():
                card_write.sell(connection, ids[0], "K0", "洗车五次", 5, 9900, "")
                card_write.move(connection, {(ids[0], "K1"): -3, (ids[0], "K0"): 5, (ids[1], "K1"): -1})

        await hq._read(event)
        await hq._write(lambda c: card_write.move(c, {(ids[0], "K1"): -6}))
        [first, second] = (await members(hq))[0].cards
        assert first.model_dump() == {
            "card_id": "K0", "name": "洗车五次", "left": 5, "total": 5, "price_fen": 9900, "expires": "",
        }  # fmt: skip
        assert (second.card_id, second.left, second.total, second.expires) == ("K1", -1, 10, "2027-01-31")
        bad = (
            "card_id,member_number,name,total,left,expires\nK1,100000000001,x,10,8,\nK2,9,x,10,8,\n"
            "K3,100000000000,x,10,11,\nK4,100000000000,,1,1,\nK5,100000000000,x,1,1,2026-1-1\nK5,100000000000,x,0,0,\n"
        )
        assert reasons(await hq.import_cards(BRAND, write(tmp_path, bad))) == {
            2: "card_id K1 belongs to another member",
            3: "member_number: no such member",
            4: "left 11: more than total 10",
            5: "name needs 1 to 200 printable characters",
            6: "expires '2026-1-1': write a date as YYYY-MM-DD",
            7: "total '0': at least 1",
        }

    in_hq(tmp_path, story)


def posting(account: str, owner: str, amount: int, bucket: str) -> dict[str, Any]:
    return {"account": account, "owner": owner, "amount": amount, "bucket": bucket}


def test_folded_events_use_coupons_and_sell_cards(tmp_path: Path) -> None:
    async def story(hq: HqService, ids: list[str]) -> None:
        till = Till(workstation_id="S1-2")
        await enrol(hq, till)
        await filled(hq, tmp_path)
        await hq.import_members(BRAND, write(tmp_path, FACTS))
        card = {"owner": ids[0], "card_id": "K7", "name": "咖啡十杯", "total": 10, "price_fen": 18000, "expires": ""}
        before = (await page(hq, Feed.MEMBERS, 0)).cursor
        till.book(postings=[posting("coupon", ids[0], -1, "CPN0001")])
        till.book(kind="count_card_sale", card=card, postings=[posting("count", ids[0], 10, "K7")])
        till.book(postings=[posting("count", ids[0], -1, "K7")])
        till.book(kind="count_card_sale", card={**card, "total": 0}, postings=[posting("count", ids[1], 5, "K8")])
        answer = await hq.ingest("S1-2", till.batch())
        assert [one.code for one in answer.verdicts] == [""] * 4
        assert (await held(hq))["CPN0001"].state == "used"
        rows = (await page(hq, Feed.MEMBERS, before)).rows
        moved = {row.member_id: row for row in rows if isinstance(row, MemberRow)}
        assert [(one.card_id, one.left, one.price_fen) for one in moved[ids[0]].cards] == [("K7", 9, 18000)]
        assert moved[ids[1]].cards == []
        assert (moved[ids[0]].month, moved[ids[0]].month_spend_fen) == ("2026-09", 52010)
        till.book(kind="return", postings=[posting("coupon", ids[0], 1, "CPN0001")])
        await hq.ingest("S1-2", till.batch(till.events[-1:]))
        assert (await held(hq))["CPN0001"].state == "issued"

    in_hq(tmp_path, story)


def bought(till: Till, member_id: str, day: str, fen: int, kind: str = "sale", sale_day: str = "") -> None:
    """A purchase that moves no points; what is given back is negative."""
    more: dict[str, Any] = {"sale_day": sale_day} if sale_day else {}
    body = till.body(payable_fen=fen, business_day=day, kind=kind, **more)
    till.book(canonical({**body, "member": {"member_id": member_id}}).decode())


def test_what_a_member_spent_this_month_follows_events_in_any_order(tmp_path: Path) -> None:
    """S17, R14: what is given back counts in the month of its sale; the file's figure is what came before events."""

    async def spend(hq: HqService, place: int) -> tuple[str, int, bool]:
        row = (await members(hq))[place]
        return row.month, row.month_spend_fen, row.first_order

    async def story(hq: HqService, ids: list[str]) -> None:
        await hq.import_members(BRAND, write(tmp_path, FACTS))
        assert await spend(hq, 0) == ("2026-09", 52010, True)
        till = Till(workstation_id="S1-2")
        await enrol(hq, till)
        bought(till, ids[0], "2026-09-30", 1000)
        bought(till, ids[1], "2026-10-01", 5000)
        bought(till, ids[1], "2026-09-30", 700)
        bought(till, ids[1], "2026-10-02", -300, "return", "2026-09-30")
        bought(till, ids[1], "2026-10-02", -400, "return", "2026-10-01")
        bought(till, "m_stranger", "2026-10-02", 1)
        answer = await hq.ingest("S1-2", till.batch())
        assert [one.code for one in answer.verdicts] == [""] * 6
        assert await spend(hq, 0) == ("2026-09", 53010, False)
        assert await spend(hq, 1) == ("2026-10", 4600, False)
        assert counts(await hq.import_members(BRAND, write(tmp_path, FACTS))) == (0, 0, 2, 0)
        assert await spend(hq, 0) == ("2026-09", 53010, False)
        bought(till, ids[0], "2026-10-03", 90)
        await hq.ingest("S1-2", till.batch(till.events[-1:]))
        assert await spend(hq, 0) == ("2026-10", 90, False)

    in_hq(tmp_path, story)


def test_freezes_and_releases_reach_stores_with_the_member_and_are_kept(tmp_path: Path) -> None:
    """S53: a person decides; the order of decisions holds even when the clock does not move."""

    async def story(hq: HqService, ids: list[str]) -> None:
        await hq.freeze_member(BRAND, "100000000001", frozen=True, reason="5001 points in an hour")
        row = (await members(hq))[1]
        assert (row.member_id, row.frozen, row.frozen_at_ms) == (ids[1], True, NOW_MS)
        await hq.freeze_member(BRAND, "100000000001", frozen=False, reason="looked at, honest")
        row = (await members(hq))[1]
        assert (row.frozen, row.frozen_at_ms) == (False, NOW_MS + 1)
        kept = await query(hq, "SELECT frozen, reason FROM freezes ORDER BY decided_at_ms")
        assert kept == [{"frozen": 1, "reason": "5001 points in an hour"}, {"frozen": 0, "reason": "looked at, honest"}]
        with pytest.raises(Refusal, match="say why"):
            await hq.freeze_member(BRAND, "100000000001", frozen=True, reason=" ")
        with pytest.raises(Refusal, match="no such member"):
            await hq.freeze_member(BRAND, "9", frozen=True, reason="x")

    in_hq(tmp_path, story)


def test_rules_of_small_merchants_have_no_stored_value_and_all_faults_come_at_once(tmp_path: Path) -> None:
    """S38."""

    async def story(hq: HqService, _ids: list[str]) -> None:
        body: dict[str, Any] = {
            **RULES, "version": 2, "merchant_kind": "micro", "stored_value": True,
            "join_tier_id": "nobody", "member_day": 40,
        }  # fmt: skip
        with pytest.raises(Refusal) as refused:
            await hq.import_rules(BRAND, body)
        for part in ("join_tier_id", "member_day", "stored_value: small merchants"):
            assert part in refused.value.message

    in_hq(tmp_path, story)
