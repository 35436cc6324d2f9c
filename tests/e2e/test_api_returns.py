"""Returns and voids over the real API of a running till, to the balances at a real HQ (R10, R12)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.after_ports import ReturnOrder
from agent.aftersales import AfterSales
from agent.api.after_answers import ReturnView, VoidView
from agent.config import parse
from agent.demo.world import STORE, DemoMember
from agent.domain.errors import Refusal
from agent.enrolling import enrol
from agent.limits import LEASE_IDLE_S
from agent.main import Agent
from tests.after_till import AfterTill, after_till
from tests.api_till import problem, someone
from tests.till_world import cash

KIWI = {"code": "10001", "qty": 3}


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AfterTill]:
    with after_till(tmp_path_factory.mktemp("returns"), devices=True) as found:
        yield found


def give_back(till: AfterTill, sale: dict[str, Any], lines: dict[int, int], **more: Any) -> dict[str, Any]:
    body = {
        "return_id": till.till.fresh("ret"),
        "sale_id": sale["sale_id"],
        "lines": [{"line": line, "qty": qty} for line, qty in lines.items()],
        **more,
    }
    return till.post("/v1/returns", ReturnView, body)


def refused(till: AfterTill, body: dict[str, Any], status: int, code: str, field: str | None = None) -> None:
    before = till.till.events()
    problem(till.till.call("POST", "/v1/returns", body), status, code, field)
    assert till.till.events() == before


def test_one_of_three_and_then_the_rest_is_the_same_as_all_at_once(till: AfterTill) -> None:
    gold = someone("gold")
    sales = [till.sell([KIWI, {"code": "10008", "grams": 842}], till.member(gold)) for _ in range(2)]
    whole = give_back(till, sales[0], {1: 3, 2: 1})
    parts = [give_back(till, sales[1], lines) for lines in ({1: 1}, {1: 1, 2: 1}, {1: 1})]
    assert whole["refund_fen"] == sales[0]["payable_fen"] == sum(one["refund_fen"] for one in parts)
    assert whole["points_reversed"] == sales[0]["points_earned"] == sum(one["points_reversed"] for one in parts)
    assert (whole["whole"], [one["whole"] for one in parts]) == (True, [False, False, True])
    assert parts[-1]["points_balance"] == till.wallet(gold)["points"]
    cash_back = {"type": "cash", "amount_fen": whole["refund_fen"], "to_payer_fen": whole["refund_fen"]}
    assert whole["tenders"] == [{**cash_back, "transaction_id": None, "by": "cash"}]


def test_a_return_is_an_event_with_its_own_slip_and_hq_follows(till: AfterTill) -> None:
    gold = someone("gold", 1)
    member_id = till.wallet(gold)["member_id"]
    before = till.wallet(gold)["points"]
    sale = till.sell([KIWI], till.member(gold))
    back = give_back(till, sale, {1: 2}, operator="小李", reason="有碰伤")
    event = till.till.event(back)
    assert (event["kind"], event["totals"]["payable_fen"], event["lines"][0]["qty"]) == (
        "return",
        -back["refund_fen"],
        -2,
    )
    assert (event["operator"], event["reason"], event["clock"]["trusted"]) == ("小李", "有碰伤", True)
    assert event["of"] == {"epoch": sale["event"]["epoch"], "seq": sale["event"]["seq"]}
    assert event["sale_day"] == till.till.event(sale)["business_day"]
    slip = till.slips()[-1]
    assert "退货单" in slip
    assert sale["sale_id"] in slip
    assert gold.phone not in slip
    till.settle()
    assert (
        till.at_hq(member_id, "points")
        == back["points_balance"]
        == before + sale["points_earned"] - back["points_reversed"]
    )
    assert till.findings() == []


def test_a_preview_says_what_a_return_does_and_books_nothing(till: AfterTill) -> None:
    sale = till.sell([KIWI])
    body = {"return_id": "preview-1", "sale_id": sale["sale_id"], "lines": [{"line": 1}]}
    before = till.till.events()
    shown = till.post("/v1/returns", ReturnView, {**body, "preview": True}, status=200)
    assert (shown["outcome"], till.till.events()) == ("preview", before)
    booked = till.post("/v1/returns", ReturnView, body)
    assert {**shown, "outcome": "created", "event": booked["event"]} == booked
    assert till.post("/v1/returns", ReturnView, body, status=200) == {**booked, "outcome": "exists"}
    till.till.reopen()
    assert till.post("/v1/returns", ReturnView, body, status=200) == {**booked, "outcome": "exists"}
    problem(till.till.call("POST", "/v1/returns", {**body, "reason": "x"}), 409, "CONFLICT", "reason")
    assert till.till.events() == before + 1


def test_a_void_leaves_nothing_and_comes_once(till: AfterTill) -> None:
    gold = someone("gold", 2)
    before = till.wallet(gold)["points"]
    sale = till.sell([KIWI, {"code": "10005"}], till.member(gold))
    part = give_back(till, sale, {1: 1})
    path = f"/v1/sales/{sale['sale_id']}/void"
    rest = till.post(path, VoidView, {"void_id": "void-1", "operator": "小李"})
    assert rest["refund_fen"] == sale["payable_fen"] - part["refund_fen"]
    assert rest["points_reversed"] == sale["points_earned"] - part["points_reversed"]
    assert (rest["whole"], rest["points_debt"], rest["points_balance"]) == (True, 0, before)
    assert "作废单" in till.slips()[-1]
    assert till.post(path, VoidView, {"void_id": "void-1", "operator": "小李"}, status=200)["outcome"] == "exists"
    problem(till.till.call("POST", path, {"void_id": "void-2"}), 409, "SALE_VOIDED")
    refused(till, {"return_id": "late-1", "sale_id": sale["sale_id"], "lines": [{"line": 2}]}, 409, "SALE_VOIDED")
    till.settle()


def test_what_cannot_come_back_is_refused_by_its_own_code(till: AfterTill) -> None:
    sale = till.sell([KIWI])
    body = {"return_id": "no-1", "sale_id": sale["sale_id"]}
    refused(till, {**body, "sale_id": "sold-elsewhere", "lines": [{"line": 1}]}, 409, "SALE_NOT_HERE", "sale_id")
    problem(till.till.call("POST", "/v1/sales/sold-elsewhere/void", {"void_id": "v"}), 409, "SALE_NOT_HERE", "sale_id")
    refused(till, {**body, "lines": [{"line": 2}]}, 422, "RETURN_LINE_UNKNOWN", "lines.0.line")
    refused(till, {**body, "lines": [{"line": 1, "qty": 4}]}, 422, "RETURN_EXCEEDS_SALE", "lines.0.qty")
    refused(till, {**body, "lines": [{"line": 1, "qty": 2}, {"line": 1, "qty": 2}]}, 422, "RETURN_EXCEEDS_SALE")
    refused(till, {**body, "lines": []}, 422, "INVALID_REQUEST")
    give_back(till, sale, {1: 3})
    refused(till, {**body, "lines": [{"line": 1}]}, 409, "SALE_RETURNED")
    problem(till.till.call("POST", f"/v1/sales/{sale['sale_id']}/void", {"void_id": "v"}), 409, "SALE_RETURNED")


def test_a_sale_of_another_workstation_is_not_here(till: AfterTill, tmp_path: Path) -> None:
    sale = till.sell([KIWI])
    world = till.till.world

    async def at_the_other_till() -> None:
        code = await world.server.hq.add_workstation(STORE, "S001-2")
        settings = parse(f'state_dir = "{tmp_path}/second"\n[hq]\nurl = "{world.cable.url}"\n[api]\nport = 0\n')
        await enrol(settings, code, world.entropy)
        agent = Agent(settings, world.clock, world.entropy)
        await agent.open()
        try:
            await agent.puller.pull_all()
            desk = AfterSales(agent.service_desk)
            order = ReturnOrder("return", "r-1", sale["sale_id"], ((1, 1),))
            for call in (desk.preview, desk.book):
                with pytest.raises(Refusal) as refused:
                    await call(order)
                assert (refused.value.code, refused.value.status) == ("SALE_NOT_HERE", 409)
        finally:
            await agent.close()

    till.till.run(at_the_other_till())
    assert give_back(till, sale, {1: 1})["refund_fen"] > 0


def test_at_most_fifty_partial_returns_within_a_year(tmp_path: Path) -> None:
    with after_till(tmp_path) as till:
        sale, old = till.sell([{"code": "10010", "qty": 60}]), till.sell([KIWI])
        for _ in range(50):
            give_back(till, sale, {1: 1}, paper="none")
        body = {"return_id": "no-51", "lines": [{"line": 1}]}
        refused(till, {**body, "sale_id": sale["sale_id"]}, 409, "RETURN_TOO_OFTEN")
        till.till.clock.ahead_s += 367 * 86_400
        refused(till, {**body, "sale_id": old["sale_id"]}, 409, "RETURN_TOO_LATE")


def test_two_returns_of_one_sale_at_once_never_give_back_more_than_was_sold(till: AfterTill) -> None:
    sale = till.sell([KIWI])

    async def all_at_once() -> list[tuple[int, str]]:
        bodies = [
            {"return_id": f"race-{n % 4}", "sale_id": sale["sale_id"], "lines": [{"line": 1, "qty": 2}]}
            for n in range(8)
        ]
        answers = await asyncio.gather(*(till.till.client.post("/v1/returns", json=body) for body in bodies))
        return [(one.status_code, one.json().get("code", "")) for one in answers]

    before = till.till.events()
    answers = till.till.run(all_at_once())
    assert answers.count((201, "")) == 1
    assert set(answers) <= {(201, ""), (200, ""), (409, "IN_FLIGHT"), (422, "RETURN_EXCEEDS_SALE")}
    assert till.till.events() == before + 1


def test_the_drawer_opens_for_cash_alone_and_paper_only_where_it_is_wanted(till: AfterTill) -> None:
    def jobs() -> list[str]:
        found = till.till.run(till.till.world.agent.ledger.jobs(1000))
        return [job.kind.value for job in reversed(found)]

    transaction_id, _ = till.till.wechat(5940)
    by_wechat = [{"type": "wechat", "amount_fen": 5940, "transaction_id": transaction_id}]
    sales = [till.till.sell(tenders, lines=[KIWI], paper="none") for tenders in ([cash(5940)], by_wechat)]
    before = len(jobs())
    give_back(till, sales[0], {1: 1})
    give_back(till, sales[1], {1: 1})
    give_back(till, sales[0], {1: 1}, paper="none")
    assert jobs()[before:] == ["drawer", "receipt", "receipt"]


def test_money_goes_back_to_the_tenders_it_came_from(till: AfterTill) -> None:
    transaction_id, _ = till.till.wechat(2000)
    tenders = [{"type": "wechat", "amount_fen": 2000, "transaction_id": transaction_id}, cash(3940)]
    sale = till.till.sell(tenders, lines=[KIWI])
    backs = [give_back(till, sale, {1: 1}) for _ in range(3)]
    paid_back = {
        kind: sum(t["amount_fen"] for b in backs for t in b["tenders"] if t["type"] == kind)
        for kind in ("wechat", "cash")
    }
    assert paid_back == {"wechat": 2000, "cash": 3940}
    assert backs[0]["tenders"][0] == {
        "type": "wechat", "amount_fen": 667, "to_payer_fen": 667, "transaction_id": transaction_id, "by": "pos",
    }  # fmt: skip
    recorded = till.till.event(backs[0])["tenders"][0]
    assert (recorded["amount_fen"], recorded["transaction_id"], recorded["evidence"]) == (
        -667,
        transaction_id,
        "asserted",
    )
    till.settle()


def test_a_sale_charged_otherwise_gives_back_what_was_collected(till: AfterTill) -> None:
    sale = till.till.sell([cash(5000)], lines=[{"code": "10001", "qty": 3}], total_fen=5000)
    assert sum(give_back(till, sale, {1: 1})["refund_fen"] for _ in range(3)) == 5000


def test_points_spent_come_back_to_their_lots_and_points_earned_are_taken_back(till: AfterTill) -> None:
    gold = someone("gold", 3)
    before = till.wallet(gold)
    sale = till.sell([KIWI], till.member(gold), points=min(500, before["points"]))
    spent = till.till.event(sale)["redeemed"]["points"]
    assert spent > 0
    backs = [give_back(till, sale, {1: 1}) for _ in range(3)]
    assert sum(one["points_returned"] for one in backs) == spent
    assert till.wallet(gold)["points"] == before["points"] == backs[-1]["points_balance"]
    till.settle()
    assert till.at_hq(before["member_id"], "points") == before["points"]
    assert till.findings() == []


def test_a_return_after_the_points_were_spent_makes_debt_and_the_next_earning_repays_it(till: AfterTill) -> None:
    who = someone("normal", 5)
    start = till.wallet(who)["points"]
    sale = till.sell([{"code": "10003", "qty": 20}], till.member(who))
    earned = sale["points_earned"]
    assert earned > 0
    other = till.sell([{"code": "10003", "qty": 20}], till.member(who), points=start + earned)
    regained = other["points_earned"]
    back = give_back(till, sale, {1: 20})
    assert back["points_reversed"] == earned
    assert back["points_debt"] == max(0, earned - regained)
    assert back["points_debt"] > 0
    assert back["points_balance"] == regained - earned == till.wallet(who)["points"]
    till.settle()
    member_id = till.wallet(who)["member_id"]
    assert till.at_hq(member_id, "points") == regained - earned
    again = till.sell([{"code": "10003", "qty": 2}], till.member(who))
    postings = [
        (one["bucket"], one["amount"]) for one in till.till.event(again)["postings"] if one["account"] == "points"
    ]
    owed = earned - regained
    assert postings[0] == ("debt", min(owed, again["points_earned"]))
    till.settle()
    assert till.at_hq(member_id, "points") == regained - earned + again["points_earned"]


def test_points_whose_right_went_back_to_hq_are_taken_from_their_own_lot_there(tmp_path: Path) -> None:
    with after_till(tmp_path) as till:
        gold = someone("gold")
        member_id, before = till.wallet(gold)["member_id"], till.wallet(gold)["points"]
        sale = till.sell([KIWI], till.member(gold))
        till.settle()
        till.till.clock.ahead_s += LEASE_IDLE_S + 1
        leasing = till.till.world.agent.leasing
        leasing.on_contact(True)
        assert till.till.run(leasing.close_idle()) == 1
        back = give_back(till, sale, {1: 3})
        assert (back["points_debt"], back["points_balance"]) == (0, before)
        lot = f"S001-1.{sale['event']['epoch']}.{sale['event']['seq']}"
        assert till.till.event(back)["postings"] == [
            {"account": "points", "owner": member_id, "amount": -sale["points_earned"], "bucket": lot}
        ]
        till.settle()
        assert till.at_hq(member_id, "points") == before
        assert till.findings() == []


def _with_a_coupon() -> tuple[DemoMember, str]:
    """Somebody who has a coupon of five yuan, and its id."""
    everyone = (someone("normal", number) for number in range(20))
    return next((one, coupon) for one in everyone for coupon, _, batch in one.coupons() if batch == "cp5")


def test_a_coupon_that_came_back_here_is_good_though_hq_has_heard_of_its_use_alone(tmp_path: Path) -> None:
    with after_till(tmp_path) as till:
        holder, coupon_id = _with_a_coupon()
        who = till.member(holder)
        sale = till.sell([{"code": "10003", "qty": 2}], who, coupons=[coupon_id])
        till.settle()
        till.pull()
        till.till.run(till.till.world.cable.pull())
        assert give_back(till, sale, {1: 2})["coupons"] == [coupon_id]
        again = till.sell([{"code": "10003", "qty": 2}], who, coupons=[coupon_id])
        assert any(one["id"] == coupon_id and one["booked"] for one in till.till.event(again)["coupons"])
        body = {"lines": [{"code": "10003", "qty": 2}], "identification_id": who, "coupons": [coupon_id]}
        problem(till.till.call("POST", "/v1/quotes", body), 422, "COUPON_USED", "coupons.0")
        till.till.run(till.till.world.cable.plug())
        till.settle()


def test_a_coupon_comes_back_only_with_the_whole_sale(till: AfterTill) -> None:
    holder, coupon_id = _with_a_coupon()
    sale = till.sell([{"code": "10003", "qty": 2}], till.member(holder), coupons=[coupon_id])
    assert any(one["id"] == coupon_id and one["booked"] for one in till.till.event(sale)["coupons"])
    assert give_back(till, sale, {1: 1})["coupons"] == []
    assert give_back(till, sale, {1: 1})["coupons"] == [coupon_id]
    again = till.sell([{"code": "10003", "qty": 2}], till.member(holder), coupons=[coupon_id])
    path = f"/v1/sales/{again['sale_id']}/void"
    assert till.post(path, VoidView, {"void_id": till.till.fresh("void")})["coupons"] == [coupon_id]
    till.settle()
