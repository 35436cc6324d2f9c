"""Recharges and count cards over the real API of a running till, to the balances at a real HQ (R9, R18)."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.api.after_answers import (
    CardRefundView,
    CardReturnView,
    CardSaleView,
    CardUseView,
    RechargeCancelView,
    RechargeView,
    ReturnView,
    VoidView,
)
from agent.books_ports import EventDraft, Outcome
from agent.demo.world import BRAND, DemoMember
from agent.domain.lease import short
from agent.domain.validity import local_day
from agent.limits import LEASE_IDLE_S
from tests.after_till import RULES, AfterTill, after_till
from tests.api_till import codes, problem, someone
from tests.till_world import cash


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AfterTill]:
    with after_till(tmp_path_factory.mktemp("purses"), devices=True) as found:
        yield found


def recharge(till: AfterTill, who: DemoMember, amount_fen: int, **more: Any) -> dict[str, Any]:
    body = {
        "recharge_id": till.till.fresh("load"),
        "identification_id": till.member(who, dynamic=False),
        "amount_fen": amount_fen,
        "tenders": [cash(amount_fen)],
        **more,
    }
    return till.post("/v1/recharges", RechargeView, body)


def cancel(till: AfterTill, recharge_id: str, **more: Any) -> dict[str, Any]:
    body = {"cancel_id": till.till.fresh("cancel"), **more}
    return till.post(f"/v1/recharges/{recharge_id}/cancel", RechargeCancelView, body)


def card(till: AfterTill, who: DemoMember) -> dict[str, Any]:
    body = {
        "card_sale_id": till.till.fresh("card"),
        "identification_id": till.member(who, dynamic=False),
        "product": "coffee10",
        "tenders": [cash(18_000)],
    }
    return till.post("/v1/count-cards", CardSaleView, body)


def use(till: AfterTill, who: DemoMember, card_id: str, units: int) -> dict[str, Any]:
    body = {"use_id": till.till.fresh("use"), "identification_id": till.member(who), "units": units}
    return till.post(f"/v1/count-cards/{card_id}/use", CardUseView, body)


# --- stored value ---------------------------------------------------------------------------------------------------
def test_a_recharge_is_spent_here_at_once_with_the_cable_out_and_earns_nothing(till: AfterTill) -> None:
    gold = someone("gold")
    member_id, points = till.wallet(gold)["member_id"], till.wallet(gold)["points"]
    till.till.run(till.till.world.cable.pull())
    try:
        loaded = recharge(till, gold, 30_000, operator="小李")
        assert (loaded["principal_fen"], loaded["gift_fen"], loaded["gift_balance_fen"]) == (30_000, 5_000, 5_000)
        slip = till.slips()[-1]
        for words in (
            "储值充值单",
            "本金",
            "300.00",
            "50.00",
            loaded["gift_expires"],
            "建设银行成都分行",
            "本卡不找零",
        ):
            assert words in slip
        assert till.wallet(gold)["points"] == points
        sale = till.sell([{"code": "10003", "qty": 2}], till.member(gold), stored_value="max")
        assert till.till.event(sale)["prepaid"]["principal_fen"] == sale["payable_fen"] == 7_000
    finally:
        till.till.run(till.till.world.cable.plug())
    till.settle()
    assert (till.at_hq(member_id, "sv_principal"), till.at_hq(member_id, "sv_gift")) == (23_000, 5_000)
    back = till.post(
        "/v1/returns",
        ReturnView,
        {"return_id": till.till.fresh("ret"), "sale_id": sale["sale_id"], "lines": [{"line": 1, "qty": 2}]},
    )
    assert (back["stored_value"], back["tenders"][0]["by"]) == ({"principal_fen": 7_000, "gift_fen": 0}, "agent")
    undone = cancel(till, loaded["recharge_id"])
    assert (undone["cash_back_fen"], undone["principal_balance_fen"], undone["gift_balance_fen"]) == (30_000, 0, 0)
    assert "充值撤销单" in till.slips()[-1]
    till.settle()
    assert (till.at_hq(member_id, "sv_principal"), till.at_hq(member_id, "sv_gift")) == (0, 0)
    assert till.findings() == []


def test_a_cancelled_recharge_gives_back_what_r9_says_once_and_only_here(till: AfterTill) -> None:
    gold = someone("gold", 1)
    loaded = recharge(till, gold, 30_000)
    till.sell([{"code": "10005", "qty": 10}], till.member(gold), stored_value=10_000)
    path = f"/v1/recharges/{loaded['recharge_id']}/cancel"
    body = {"cancel_id": "cancel-once", "reason": "顾客改主意"}
    undone = till.post(path, RechargeCancelView, body)
    assert undone["cash_back_fen"] == 20_000  # 300 + 50 with 100 spent gives 200 back
    assert undone["tenders"] == [
        {"type": "cash", "amount_fen": 20_000, "to_payer_fen": 20_000, "transaction_id": None, "by": "cash"}
    ]
    assert till.post(path, RechargeCancelView, body, status=200) == {**undone, "outcome": "exists"}
    problem(till.till.call("POST", path, {"cancel_id": "cancel-twice"}), 409, "RECHARGE_CANCELLED")
    elsewhere = till.till.call("POST", "/v1/recharges/made-elsewhere/cancel", {"cancel_id": "c-3"})
    problem(elsewhere, 409, "RECHARGE_UNKNOWN")
    till.settle()


def test_gift_money_spent_is_clawed_back_and_a_void_gives_gift_to_gift(till: AfterTill) -> None:
    gold = someone("gold", 2)
    loaded = recharge(till, gold, 30_000)
    sale = till.sell([{"code": "10003", "qty": 9}], till.member(gold), stored_value=31_500)
    assert till.till.event(sale)["prepaid"]["gift_fen"] == 1_500
    undone = till.post(f"/v1/sales/{sale['sale_id']}/void", VoidView, {"void_id": till.till.fresh("void")})
    assert undone["stored_value"] == {"principal_fen": 30_000, "gift_fen": 1_500}
    again = till.sell([{"code": "10003", "qty": 9}], till.member(gold), stored_value=31_500)
    back = till.post(
        "/v1/returns",
        ReturnView,
        {"return_id": till.till.fresh("ret"), "sale_id": again["sale_id"], "lines": [{"line": 1, "qty": 9}]},
    )
    assert back["stored_value"] == {"principal_fen": 31_500, "gift_fen": 0}  # a return credits principal, never gift
    assert cancel(till, loaded["recharge_id"])["cash_back_fen"] == 30_000 - 1_500
    till.settle()
    assert till.findings() == []


def test_limits_and_merchants_that_take_none(till: AfterTill, tmp_path: Path) -> None:
    gold = someone("gold", 3)
    body = {"identification_id": till.member(gold, dynamic=False), "tenders": []}

    def ask(amount_fen: int, **more: Any) -> Any:
        return till.till.call(
            "POST", "/v1/recharges", {"recharge_id": till.till.fresh("no"), "amount_fen": amount_fen, **body, **more}
        )

    before = till.till.events()
    problem(ask(500_001, tenders=[cash(500_001)]), 422, "CARD_LIMIT", "amount_fen")
    problem(ask(100_001, tenders=[cash(100_001)]), 422, "DAILY_LIMIT", "amount_fen")
    problem(ask(30_000, tenders=[cash(29_999)]), 422, "TENDERS_INCOMPLETE", "tenders")
    problem(ask(30_000, identification_id="idn_gone"), 422, "IDENTIFICATION_EXPIRED", "identification_id")
    problem(ask(30_000, tenders=[{"type": "stored_value", "amount_fen": 30_000}]), 422, "INVALID_REQUEST")
    shown = ask(50_000, preview=True)
    assert (shown.status_code, shown.json()["gift_fen"], till.till.events()) == (200, 10_000, before)
    first = recharge(till, gold, 60_000)
    cancel(till, first["recharge_id"])
    problem(ask(40_001, tenders=[cash(40_001)]), 422, "DAILY_LIMIT")  # what was cancelled counts in its day
    recharge(till, gold, 40_000)
    transaction_id, _ = till.till.wechat(10_000)
    paid = [{"type": "wechat", "amount_fen": 10_000, "transaction_id": transaction_id}]
    recharge(till, someone("gold", 1), 10_000, tenders=paid)
    problem(ask(10_000, tenders=paid, identification_id=till.member(someone("silver"))), 409, "TRANSACTION_USED")
    transaction_id, raw = till.till.wechat(10_000, someone("gold", 1))
    payer = till.till.paid(raw)["identification_id"]
    more = [{"type": "wechat", "amount_fen": 20_000, "transaction_id": transaction_id}]
    problem(ask(20_000, tenders=more, identification_id=payer), 422, "PAYMENT_AMOUNT_DIFFERS", "tenders")
    with after_till(tmp_path) as other:
        hq = other.till.world.server.hq
        other.till.run(hq.import_rules(BRAND, {**RULES, "version": 8, "stored_value": False}))
        other.pull()
        answer = other.till.call(
            "POST",
            "/v1/recharges",
            {"recharge_id": "r", "identification_id": other.member(gold), "amount_fen": 100, "tenders": [cash(100)]},
        )
        problem(answer, 422, "STORED_VALUE_REFUSED", "amount_fen")


def test_a_paid_sale_is_recorded_though_a_recharge_used_its_payment_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with after_till(tmp_path) as till:
        transaction_id, _ = till.till.wechat(1_980)
        tenders = [{"type": "wechat", "amount_fen": 1_980, "transaction_id": transaction_id}]
        loads = [
            {"identification_id": till.member(someone("silver", place), dynamic=False), "tenders": tenders}
            for place in (2, 3)
        ]
        books, planned, loaded = till.till.world.agent.books, asyncio.Barrier(3), asyncio.Event()
        commit, commits = books.commit, []

        async def in_this_order(draft: EventDraft) -> Outcome:
            """All three have read that nobody used it; a recharge is the first to be booked, the sale the last."""
            commits.append(draft.kind)
            if len(commits) <= 3:
                await planned.wait()
            if draft.kind == "sale":
                await loaded.wait()
            return await commit(draft)

        async def load(body: dict[str, Any]) -> httpx.Response:
            answer = await till.till.client.post(
                "/v1/recharges", json={"recharge_id": till.till.fresh("load"), "amount_fen": 1_980, **body}
            )
            loaded.set()
            return answer

        async def at_once() -> list[httpx.Response]:
            sale = {"sale_id": till.till.fresh(), "lines": [{"code": "10001"}], "tenders": tenders}
            return await asyncio.gather(till.till.client.post("/v1/sales", json=sale), *map(load, loads))

        monkeypatch.setattr(books, "commit", in_this_order)
        sale, *answers = till.till.run(at_once())
        monkeypatch.undo()
        assert sorted(commits) == ["recharge", "recharge", "sale", "sale"]
        assert sorted(one.status_code for one in answers) == [201, 409]
        problem(next(one for one in answers if one.status_code == 409), 409, "TRANSACTION_USED", "tenders")
        assert (sale.status_code, codes(sale.json())) == (201, ["TRANSACTION_USED"])
        assert till.till.event(sale.json())["postings"] == []
        run = till.till.prove()
        counts = till.till.run(till.till.world.agent.outbox.outbox_counts())
        assert (run.result, counts.pending, counts.suspended) == ("equal", 0, 1), "the sale is for a person"


def test_a_recharge_is_cancelled_after_its_rights_went_back_to_hq_and_not_while_hq_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with after_till(tmp_path) as till:
        gold = someone("gold")
        loaded = recharge(till, gold, 30_000)
        till.settle()
        till.till.clock.ahead_s += LEASE_IDLE_S + 1
        leasing = till.till.world.agent.leasing
        leasing.on_contact(True)
        assert till.till.run(leasing.close_idle()) == 2
        till.settle()
        till.pull()
        till.till.run(till.till.world.cable.pull())
        path = f"/v1/recharges/{loaded['recharge_id']}/cancel"
        ask, asked = leasing.acquire, []

        async def counted(*args: Any) -> bool:
            asked.append(args)
            return await ask(*args)

        monkeypatch.setattr(leasing, "acquire", counted)
        problem(till.till.call("POST", path, {"cancel_id": "c-1"}), 409, "LEASE_SHORT")
        assert len(asked) == 1, "the cashier waits for HQ once"
        till.till.run(till.till.world.cable.plug())
        undone = till.post(path, RechargeCancelView, {"cancel_id": "c-1"})
        assert (undone["cash_back_fen"], undone["gift_fen"]) == (30_000, -5_000)
        till.settle()
        member_id = till.wallet(gold)["member_id"]
        assert (till.at_hq(member_id, "sv_principal"), till.at_hq(member_id, "sv_gift")) == (0, 0)
        assert till.findings() == []


def test_gift_money_that_was_spent_before_it_ended_is_clawed_back_and_what_ended_here_is_not(tmp_path: Path) -> None:
    with after_till(tmp_path) as till:
        leasing = till.till.world.agent.leasing
        spent, kept, voided = (someone("gold", place) for place in range(3))
        loads = {who.number: recharge(till, who, 30_000)["recharge_id"] for who in (spent, voided)}
        till.settle()
        till.till.clock.ahead_s += LEASE_IDLE_S + 1
        leasing.on_contact(True)
        assert till.till.run(leasing.close_idle()) == 4  # all goes back to HQ, and is spent by leases that HQ grants
        till.settle()
        till.pull()
        till.sell([{"code": "10003", "qty": 10}], till.member(spent), stored_value=35_000)
        sale = till.sell([{"code": "10003", "qty": 10}], till.member(voided), stored_value=35_000)
        back = till.post(f"/v1/sales/{sale['sale_id']}/void", VoidView, {"void_id": till.till.fresh("void")})
        assert back["stored_value"]["gift_fen"] == 5_000
        loads[kept.number] = recharge(till, kept, 30_000)["recharge_id"]
        recharge(till, spent, 29_900)
        till.till.clock.ahead_s += 32 * 86_400
        assert cancel(till, loads[spent.number])["cash_back_fen"] == 29_900 - 5_000
        assert cancel(till, loads[kept.number])["cash_back_fen"] == 30_000
        till.settle()
        leasing.on_contact(True)
        assert till.till.run(leasing.close_idle()) > 0  # what ended here is void, also once HQ has the lease back
        till.settle()
        till.pull()
        assert cancel(till, loads[voided.number])["cash_back_fen"] == 30_000
        till.settle()


# --- count cards ----------------------------------------------------------------------------------------------------
def test_a_card_is_sold_used_offline_taken_back_and_refunded(till: AfterTill) -> None:
    silver = someone("silver")
    member_id = till.wallet(silver)["member_id"]
    till.till.run(till.till.world.cable.pull())
    try:
        sold = card(till, silver)
        assert (sold["left"], sold["total"], sold["price_fen"], sold["name"]) == (10, 10, 18_000, "咖啡十杯卡")
        card_id = sold["card_id"]
        used = use(till, silver, card_id, 3)
        assert (used["units"], used["left"]) == (3, 7)
        assert "剩余次数" in till.slips()[-1]
        assert "7 / 10" in till.slips()[-1]
        till.till.reopen()
        path = f"/v1/count-cards/{card_id}/return"
        body = {"return_id": "back-1", "use_id": used["use_id"], "units": 1}
        back = till.post(path, CardReturnView, body)
        assert (back["units"], back["left"]) == (1, 8)
        assert till.post(path, CardReturnView, body, status=200)["outcome"] == "exists"
        more = {"return_id": "back-2", "use_id": used["use_id"], "units": 3}
        problem(till.till.call("POST", path, more), 409, "COUNT_NOT_USED", "units")
        strange = {"return_id": "back-3", "use_id": "used-elsewhere"}
        problem(till.till.call("POST", path, strange), 409, "COUNT_USE_UNKNOWN")
    finally:
        till.till.run(till.till.world.cable.plug())
    till.settle()
    till.pull()
    assert till.at_hq(member_id, "count") == 8
    assert next(one for one in till.wallet(silver)["count_cards"] if one["card_id"] == card_id)["left"] == 8
    gone = till.post(f"/v1/count-cards/{card_id}/refund", CardRefundView, {"refund_id": "refund-1"})
    assert (gone["cash_back_fen"], gone["left"]) == (18_000 - 18_000 * 2 // 10, 0)
    again = till.till.call("POST", f"/v1/count-cards/{card_id}/refund", {"refund_id": "refund-2"})
    problem(again, 409, "COUNT_CARD_CLOSED")
    late = {"return_id": "back-4", "use_id": used["use_id"]}
    problem(till.till.call("POST", f"/v1/count-cards/{card_id}/return", late), 409, "COUNT_CARD_CLOSED")
    till.settle()
    assert till.at_hq(member_id, "count") == 0
    assert till.findings() == []


def test_a_card_is_not_used_beyond_what_is_left_nor_by_a_static_code_nor_by_others(till: AfterTill) -> None:
    silver = someone("silver", 1)
    card_id = card(till, silver)["card_id"]
    path, before = f"/v1/count-cards/{card_id}/use", till.till.events()

    def ask(who: str, units: int = 1) -> Any:
        return till.till.call("POST", path, {"use_id": till.till.fresh("no"), "identification_id": who, "units": units})

    problem(ask(till.member(silver), 11), 422, "COUNT_INSUFFICIENT", "units")
    problem(ask(till.member(silver, dynamic=False)), 409, "SPENDING_NEEDS_DYNAMIC_CODE", "identification_id")
    problem(ask(till.member(someone("silver", 2))), 404, "COUNT_CARD_UNKNOWN")
    assert till.till.events() == before
    use(till, silver, card_id, 10)
    problem(ask(till.member(silver)), 422, "COUNT_INSUFFICIENT", "units")
    refund = till.till.call("POST", "/v1/count-cards/cc_elsewhere/refund", {"refund_id": "r-1"})
    problem(refund, 409, "COUNT_CARD_NOT_HERE")
    none = {"card_sale_id": "c-1", "identification_id": till.member(silver), "product": "tea", "tenders": [cash(1)]}
    problem(till.till.call("POST", "/v1/count-cards", none), 422, "COUNT_PRODUCT_UNKNOWN", "product")
    none |= {"product": "coffee10"}
    problem(till.till.call("POST", "/v1/count-cards", none), 422, "TENDERS_INCOMPLETE", "tenders")


def test_a_use_whose_lease_moved_meanwhile_is_planned_again(till: AfterTill, monkeypatch: pytest.MonkeyPatch) -> None:
    silver = someone("silver", 2)
    card_id = card(till, silver)["card_id"]
    books = till.till.world.agent.books
    commit, drafts = books.commit, []

    async def moved_once(draft: EventDraft) -> Outcome:
        drafts.append(draft)
        if len(drafts) == 1:
            raise short(1, 0)
        return await commit(draft)

    monkeypatch.setattr(books, "commit", moved_once)
    assert use(till, silver, card_id, 1)["left"] == 9
    assert [one.kind for one in drafts] == ["count_use", "count_use"]


def test_units_that_paid_in_a_sale_come_back_with_its_return(till: AfterTill) -> None:
    silver = someone("silver", 3)
    card_id = card(till, silver)["card_id"]
    lines: list[dict[str, Any]] = [{"code": "10005", "qty": 2}, {"code": "10001"}]
    sale = till.sell(lines, till.member(silver), count_card={"card_id": card_id, "units": 2, "line": 1})
    body = {"return_id": till.till.fresh("ret"), "sale_id": sale["sale_id"], "lines": [{"line": 1, "qty": 1}]}
    back = till.post("/v1/returns", ReturnView, body)
    assert (back["refund_fen"], back["counts"]) == (0, [{"card_id": card_id, "units": 1}])
    rest = till.post(f"/v1/sales/{sale['sale_id']}/void", VoidView, {"void_id": till.till.fresh("void")})
    assert rest["counts"] == [{"card_id": card_id, "units": 1}]
    assert rest["refund_fen"] == sale["due_fen"] > 0
    till.settle()
    assert till.at_hq(till.wallet(silver)["member_id"], "count") == 10
    assert till.findings() == []


@pytest.mark.parametrize("known_to_hq", [True, False])
def test_an_expired_card_is_not_refunded_and_the_till_says_why(tmp_path: Path, known_to_hq: bool) -> None:
    with after_till(tmp_path) as till:
        card_id = card(till, someone("silver"))["card_id"]
        if known_to_hq:
            till.settle()
            till.pull()
        till.till.clock.ahead_s += 366 * 86_400
        before, path = till.till.events(), f"/v1/count-cards/{card_id}/refund"
        for _ in range(2):
            problem(till.till.call("POST", path, {"refund_id": "late"}), 409, "COUNT_CARD_EXPIRED")
        assert till.till.events() == before


def test_a_card_is_refunded_on_its_last_day(tmp_path: Path) -> None:
    with after_till(tmp_path) as till:
        sold = card(till, someone("silver"))
        left_days = date.fromisoformat(sold["expires"]) - local_day(till.till.clock.now_ms())
        till.till.clock.ahead_s += left_days.days * 86_400
        path = f"/v1/count-cards/{sold['card_id']}/refund"
        assert till.post(path, CardRefundView, {"refund_id": "last-day"})["cash_back_fen"] == 18_000
