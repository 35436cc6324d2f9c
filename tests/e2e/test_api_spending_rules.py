"""Who may spend what, and what does not fit, over the real API (R4, R5, R8, R9, R15, R16, R17, R18, S48, S53)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.domain.risk import RiskRule
from agent.domain.validity import local_day, months_on
from agent.risk_ports import ClockState
from drivers.paper import render
from tests.api_till import codes, problem
from tests.spending_world import (
    CUSTODIAN,
    GIFT_FEN,
    JUICE,
    KNOWN,
    MANY,
    POINTS,
    PRINCIPAL_FEN,
    UNITS,
    SpendingTill,
    refused,
    spending,
)
from tests.till_world import cash

_SKUS = ["10001", "10002", "10003", "10004", "10005", "10006", "10007", "10009", "10010"]


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpendingTill]:
    with spending(tmp_path_factory.mktemp("spending-rules")) as found:
        yield found


# --- cards and vouchers ---------------------------------------------------------------------------------------------
def test_a_count_card_and_a_group_voucher_pay_for_goods_and_earn_nothing(till: SpendingTill) -> None:
    who = till.rich()
    seen = till.dynamic(who)["identification_id"]
    card = {"card_id": who.card, "units": 2}
    quote = till.quote(JUICE, seen, count_card=card, coupons=[who.coupon("rset")])
    assert quote["prepaid"]["counts"] == [{"id": who.card, "units": 2, "amount_fen": 2640}]
    assert quote["prepaid"]["vouchers"] == [{"id": who.coupon("rset"), "units": 1, "amount_fen": 1320}]
    assert (quote["payable_fen"], quote["due_fen"]) == (5280, 1320)
    sale = till.sell([cash(1320)], quote_id=quote["quote_id"])
    assert sale["points_earned"] == 1320 * 150 // 10_000
    assert sale["after"]["count_card"]["left"] == UNITS - 2
    types = [(one["type"], one["amount_fen"]) for one in till.event(sale)["tenders"]]
    assert sorted(types) == [("cash", 1320), ("count_card", 2640), ("voucher", 1320)]
    till.equal()


def test_gift_money_is_drawn_after_principal_and_earns_nothing_r9(till: SpendingTill) -> None:
    who = till.rich()
    seen = till.dynamic(who)["identification_id"]
    quote = till.quote([{"code": "10005", "qty": 9}], seen, stored_value="max")  # 118.80
    assert (quote["prepaid"]["principal_fen"], quote["prepaid"]["gift_fen"]) == (PRINCIPAL_FEN, 1880)
    sale = till.sell([], quote_id=quote["quote_id"])
    assert sale["points_earned"] == PRINCIPAL_FEN * 150 // 10_000
    assert sale["after"]["gift_fen"] == GIFT_FEN - 1880


# --- who may --------------------------------------------------------------------------------------------------------
def test_only_who_showed_a_dynamic_code_may_spend(till: SpendingTill) -> None:
    who = till.rich()
    static = till.resolve(who.number)["identification_id"]
    asks: list[dict[str, Any]] = [
        {"points": 100},
        {"stored_value": "max"},
        {"coupons": [who.coupon("r5")]},
        {"count_card": {"card_id": who.card}},
    ]
    for asked in asks:
        refused(till, 409, "SPENDING_NEEDS_DYNAMIC_CODE", "identification_id", identification_id=static, **asked)
        refused(till, 422, "SPENDING_NEEDS_MEMBER", "identification_id", **asked)


def test_a_frozen_member_is_refused_by_hq(till: SpendingTill) -> None:
    who = till.rich()
    seen = till.dynamic(who)["identification_id"]
    till.run(till.world.server.hq.freeze_member("shuguo", who.number, frozen=True, reason="test"))
    refused(till, 409, "MEMBER_FROZEN", identification_id=seen, points=100)


def test_a_clock_nobody_trusts_takes_no_dated_offer_and_spends_nothing_r15(
    till: SpendingTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    melon = [{"code": "10004"}]
    assert till.quote(melon)["due_fen"] == 1180
    seen = till.dynamic(till.rich())["identification_id"]
    monkeypatch.setattr(till.world.agent.trust, "state", lambda: ClockState(trusted=False, why="test"))
    quote = till.quote(melon)
    assert quote["due_fen"] == 1280, "which day is it?"
    event = till.event(till.sell([cash(1280)], quote_id=quote["quote_id"]))
    assert event["clock"] == {"trusted": False, "why": "test"}
    refused(till, 409, "CLOCK_NOT_TRUSTED", identification_id=seen, points=100)


def test_frequent_redemption_asks_for_a_second_confirmation_s48(till: SpendingTill) -> None:
    seen = till.dynamic(till.rich())["identification_id"]
    for _ in range(RiskRule().free_redemptions):
        quote = till.quote(JUICE, seen, points=100)
        till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    refused(till, 409, "REDEMPTION_NEEDS_CONFIRMATION", "confirmed", identification_id=seen, points=100)
    assert till.quote(JUICE, seen, points=100, confirmed=True)["redeemed"]["points"] == 100
    assert till.quote(JUICE, seen)["due_fen"] > 0, "buying alone needs no confirmation"


def test_a_view_says_what_the_tier_gives_what_is_to_come_and_what_ends_soon(till: SpendingTill) -> None:
    seen = till.resolve(KNOWN)
    member, day = seen["member"], (local_day(till.clock.now_ms()) + timedelta(days=10)).isoformat()
    assert member["tier"] == {
        "tier_id": "normal", "name": "普通会员", "pay_rate_bps": 9500, "earn_mult_x100": 100,
    }  # fmt: skip
    assert member["next_tier"] == {
        "tier_id": "silver", "name": "银卡会员", "pay_rate_bps": 9000, "earn_mult_x100": 120, "growth": 830,
        "at_growth": 1000,
    }  # fmt: skip
    assert member["points_expiring"] == {"points": 120, "day": day}
    assert (member["birthday_today"], member["spending_refused"], member["masked"].count("*")) == (True, None, 4)
    assert not {"phone", "birthday", "name"} & member.keys()


# --- bad input ------------------------------------------------------------------------------------------------------
def test_what_does_not_fit_has_its_own_code_and_changes_nothing(till: SpendingTill) -> None:
    who, other = till.rich(), till.rich()
    seen = till.dynamic(who)["identification_id"]
    cases: list[tuple[int, str, str | None, dict[str, Any]]] = [
        (422, "COUPON_UNKNOWN", "coupons.0", {"coupons": ["no-such-coupon"]}),
        (422, "COUPON_NOT_YOURS", "coupons.1", {"coupons": [who.coupon("r5"), other.coupon("r5")]}),
        (422, "COUPON_NOT_STARTED", "coupons.0", {"coupons": [who.coupon("rsoon")]}),
        (422, "COUPON_EXPIRED", "coupons.0", {"coupons": [who.coupon("rpast")]}),
        (422, "COUPON_TWICE", "coupons.1", {"coupons": [who.coupon("r5"), f"CP.{who.coupon('r5')}"]}),
        (422, "POINTS_NOT_MULTIPLE", "points", {"points": 150}),
        (422, "POINTS_INSUFFICIENT", "points", {"points": POINTS + 100}),
        (422, "POINTS_INSUFFICIENT", "points", {"points": 1_000_000_000}),
        (422, "POINTS_OVER_CAP", "points", {"points": 2900}),
        (422, "POINTS_INSUFFICIENT", "points", {"points": POINTS + 100, "lines": MANY}),
        (422, "SV_INSUFFICIENT", "stored_value", {"stored_value": 13_001, "lines": MANY}),
        (404, "COUNT_CARD_UNKNOWN", "count_card.card_id", {"count_card": {"card_id": other.card}}),
        (422, "COUNT_INSUFFICIENT", "count_card.units", {"count_card": {"card_id": who.card, "units": UNITS + 1}}),
        (422, "COUNT_LINE_MISSING", "count_card.line", {"count_card": {"card_id": who.card, "line": 2}}),
        (422, "VOUCHER_SET_INCOMPLETE", None, {"count_card": {"card_id": who.card, "units": 5}}),
        (422, "INVALID_REQUEST", None, {"points": -100}),
        (422, "INVALID_REQUEST", None, {"points": 1.5}),
        (422, "INVALID_REQUEST", None, {"stored_value": 10**15}),
        (422, "INVALID_REQUEST", None, {"stored_value": "all"}),
        (422, "INVALID_REQUEST", None, {"coupons": ["x"] * 11}),
        (422, "INVALID_REQUEST", None, {"count_card": {"card_id": who.card, "units": 0}}),
    ]
    for status, code, field, asked in cases:
        refused(till, status, code, field, identification_id=seen, **asked)
    member = till.dynamic(who)["member"]
    assert (member["points"], member["stored_value"]["total_fen"]) == (POINTS, PRINCIPAL_FEN + GIFT_FEN)


def test_a_coupon_that_is_not_applied_is_not_spent_and_says_why(till: SpendingTill) -> None:
    who = till.rich()
    seen = till.dynamic(who)["identification_id"]
    quote = till.quote([{"code": "10005"}], seen, coupons=[who.coupon("r5")])
    assert (quote["coupons"][0]["applied"], quote["coupons"][0]["why"]) == (False, "threshold")
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert [one["account"] for one in till.event(sale)["postings"]] == ["points"]


def test_the_cash_rest_alone_is_rounded_down_r17(till: SpendingTill) -> None:
    lines = [{"code": "10008", "grams": 842}]  # 9.77 at list
    assert till.quote(lines)["due_fen"] == 977
    quote = till.quote(lines, cash=True)
    assert (quote["due_fen"], quote["rounding_off_fen"], quote["lines"][0]["rounding_off_fen"]) == (970, 7, 7)
    assert codes(till.sell([cash(970)], quote_id=quote["quote_id"])) == []
    quote = till.quote(lines, cash=True)
    wechat = {"type": "wechat", "amount_fen": 970}
    assert codes(till.sell([wechat], quote_id=quote["quote_id"])) == ["ROUNDED_WITHOUT_CASH"]


# --- a supervisor's word --------------------------------------------------------------------------------------------
def test_a_price_under_70_percent_needs_a_supervisor_and_hq_is_told_r4(till: SpendingTill) -> None:
    cheap = [{"code": "20001"}]
    problem(till.call("POST", "/v1/quotes", {"lines": cheap}), 422, "PRICE_BELOW_70", "lines.0")
    quote = till.quote(cheap, override={"operator": "店长王", "reason": "临期"})
    assert (quote["below_market"], quote["due_fen"]) == ([1], 600)
    sale = till.sell([cash(600)], quote_id=quote["quote_id"])
    assert codes(sale) == []
    overrides = [{"code": "PRICE_BELOW_70", "operator": "店长王", "reason": "临期", "lines": [1]}]
    assert till.event(sale)["overrides"] == overrides
    unasked = till.sell([cash(600)], lines=cheap)
    assert codes(unasked) == ["PRICE_BELOW_70"], "sold already: recorded, never refused"
    ordinary = till.quote(JUICE, override={"operator": "店长王", "reason": "没有必要"})
    assert "overrides" not in till.event(till.sell([cash(ordinary["due_fen"])], quote_id=ordinary["quote_id"]))


# --- points that wait, points owed ----------------------------------------------------------------------------------
def test_too_many_points_in_an_hour_wait_for_a_person_and_nothing_is_spent_meanwhile_s53(till: SpendingTill) -> None:
    who = till.rich()
    seen = till.dynamic(who)["identification_id"]
    quote = till.quote([{"code": "10005", "qty": 300}], seen)  # 3,960 yuan: 5,940 points
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert (codes(sale), sale["points_pending"], sale["points_balance"]) == (["POINTS_FROZEN"], True, POINTS)
    assert [one["account"] for one in till.event(sale)["postings"]] == ["points_pending"]
    refused(till, 409, "MEMBER_FROZEN", identification_id=seen, points=100)
    assert till.dynamic(who)["member"]["spending_refused"] == "MEMBER_FROZEN"


def test_points_say_their_last_day_r10(till: SpendingTill) -> None:
    who = till.rich()
    quote = till.quote(JUICE, till.dynamic(who)["identification_id"])
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    (posting,) = till.event(sale)["postings"]
    assert posting["expires"] == sale["points_expire"] == months_on(local_day(till.clock.now_ms()), 12).isoformat()


# --- paper ----------------------------------------------------------------------------------------------------------
def test_the_paper_explains_what_was_used_and_what_is_left(tmp_path: Path) -> None:
    with spending(tmp_path, devices=True) as shop:
        who = shop.rich()
        seen = shop.dynamic(who)["identification_id"]
        asks: dict[str, Any] = {"coupons": [who.coupon("r5")], "points": 500, "stored_value": 3000}
        quote = shop.quote(JUICE, seen, **asks, count_card={"card_id": who.card})
        sale = shop.sell([{"type": "wechat", "amount_fen": quote["due_fen"]}], quote_id=quote["quote_id"])
        shop.run(shop.world.printer.wait_job(1))
        paper = render(shop.world.printer.raw[0], columns=48)
    for words in (
        "券 满30减5元券", "积分抵扣 500积分", "储值支付", "本金 30.00", "本  卡  不  找  零", f"资金存管：{CUSTODIAN}",
        "次卡 鲜榨果汁十次卡 x1", "剩余9次", "使用积分", "-500", f"有效期至 {sale['points_expire']}",
    ):  # fmt: skip
        assert words in paper, paper
    assert "解释权" not in paper


def test_what_was_spent_this_month_multiplies_points_and_is_recorded_as_an_input(till: SpendingTill) -> None:
    who = till.resolve(KNOWN)
    quote = till.quote([{"code": "20002", "qty": 2}], who["identification_id"])
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    event = till.event(sale)
    assert (event["member"]["earn_mult_x100"], event["member"]["month_spend_fen"]) == (150, 60_000)
    event_x100 = event["member"]["event_x100"]
    assert sale["points_earned"] == quote["due_fen"] * 150 * event_x100 // 1_000_000
    till.equal()
