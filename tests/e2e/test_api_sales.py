"""Sales over the real API of a running till (till-api; R6, pains 2): booked once, and always when they are paid."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from agent.api.answers_sale import SaleView
from agent.limits import IDENTIFICATION_TTL_S
from tests.api_till import CART, GOLD_FEN, ApiTill, checked, codes, problem, running, someone
from tests.till_world import cash


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("sales")) as found:
        yield found


# --- idempotency ----------------------------------------------------------------------------------------------------
def test_one_sale_id_is_one_sale_created_exists_conflict_even_across_a_restart(till: ApiTill) -> None:
    quote = till.quote(CART)
    body = {"sale_id": till.fresh(), "quote_id": quote["quote_id"], "tenders": [cash(quote["payable_fen"])]}
    first = till.call("POST", "/v1/sales", body)
    assert first.status_code == 201
    assert checked(first, SaleView)["outcome"] == "created"
    before = till.events()
    for restart in (False, True):
        if restart:
            till.reopen()
        again = till.call("POST", "/v1/sales", body)
        assert again.status_code == 200
        assert checked(again, SaleView) == {**first.json(), "outcome": "exists"}
        more = {**body, "tenders": [{**cash(quote["payable_fen"]), "received_fen": 20_000}]}
        other = till.call("POST", "/v1/sales", more)
        problem(other, 409, "CONFLICT", "tenders.0.received_fen")
        problem(till.call("POST", "/v1/sales", {**body, "operator": "小王"}), 409, "CONFLICT", "operator")
        assert str(body["sale_id"]) not in other.text
    assert till.events() == before


def test_two_posts_at_once_of_one_sale_are_one_event_pains_2(till: ApiTill) -> None:
    before = till.events()

    async def both(body: dict[str, Any]) -> list[int]:
        answers = await asyncio.gather(*(till.client.post("/v1/sales", json=body) for _ in range(6)))
        for answer in answers:
            if answer.status_code == 409:
                problem(answer, 409, "IN_FLIGHT", "sale_id")
        return sorted(answer.status_code for answer in answers)

    statuses = till.run(both({"sale_id": till.fresh(), "lines": [{"code": "10001"}], "tenders": [cash(1980)]}))
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}
    assert till.events() == before + 1


def test_one_quote_makes_one_sale_even_when_two_sales_take_it_at_once(till: ApiTill) -> None:
    quote = till.quote([{"code": "10001"}])
    bodies = [
        {"sale_id": till.fresh(), "quote_id": quote["quote_id"], "tenders": [cash(1980)], "lines": [{"code": "10001"}]}
        for _ in range(2)
    ]

    async def both() -> list[int]:
        answers = await asyncio.gather(*(till.client.post("/v1/sales", json=body) for body in bodies))
        return sorted(answer.status_code for answer in answers)

    if till.run(both()) == [201, 409]:
        retried = [till.call("POST", "/v1/sales", body) for body in bodies]
        assert sorted(one.status_code for one in retried) == [200, 201]
        assert sorted(len(codes(one.json())) for one in retried) == [0, 1]  # the later one's quote was used up


# --- always recorded ------------------------------------------------------------------------------------------------
def test_a_sale_whose_quote_is_gone_is_booked_from_its_own_lines(till: ApiTill) -> None:
    who = till.resolve(someone("gold").number)["identification_id"]
    sale = till.sell([cash(sum(GOLD_FEN))], quote_id="quo_gone", lines=CART, identification_id=who)
    assert codes(sale) == ["QUOTE_UNKNOWN"]
    assert sale["payable_fen"] == sum(GOLD_FEN)
    assert sale["points_earned"] > 0


def test_a_sale_whose_quote_and_lines_are_gone_is_one_unspecified_line(till: ApiTill) -> None:
    sale = till.sell([cash(4321)], quote_id="quo_gone")
    assert codes(sale) == ["QUOTE_UNKNOWN"]
    lines = till.event(sale)["lines"]
    assert [(line["sku"], line["paid_fen"], line["list_fen"], line["earns"]) for line in lines] == [
        ("UNSPECIFIED", 4321, 4321, False)
    ]
    assert (sale["join"]["saved_fen"], sale["join"]["points"]) == (0, 0)  # no promise on goods nobody knows


def test_an_unknown_item_is_booked_as_charged_and_reported_without_repeating_its_code(till: ApiTill) -> None:
    lines = [{"code": "10001"}, {"code": "new-item-7", "qty": 3, "charged_fen": 1000, "name": "新品"}]
    sale = till.sell([cash(2980)], lines=lines)
    assert codes(sale) == ["ITEM_UNKNOWN"]
    assert "new-item-7" not in str(sale["discrepancies"])
    assert sale["saved_fen"] == 0
    assert sale["list_fen"] == 2980
    unknown = till.event(sale)["lines"][1]
    assert (unknown["sku"], unknown["name"], unknown["paid_fen"], unknown["earns"]) == (
        "new-item-7",
        "新品",
        1000,
        False,
    )


def test_a_line_charged_otherwise_is_booked_as_sold_and_says_so(till: ApiTill) -> None:
    who = till.resolve(someone("gold").number)["identification_id"]
    lines = [{"code": "10001", "charged_fen": 1700}, {"code": "10003", "charged_fen": 3500}]
    sale = till.sell([cash(5200)], lines=lines, identification_id=who)
    sold = till.event(sale)["lines"]
    assert [(line["paid_fen"], line["source"]) for line in sold] == [(1700, "charged"), (3500, "member_fixed")]
    assert sale["discrepancies"] == [
        {"code": "PRICE_DIFFERS", "detail": "line 1: priced 1742 fen, charged 1700 fen"},
    ]
    dearer = till.sell([cash(2500)], lines=[{"code": "10001", "charged_fen": 2500}])
    assert (dearer["saved_fen"], codes(dearer)) == (0, ["PRICE_DIFFERS"])  # never "you saved -5.20"


def test_another_total_than_quoted_is_booked_as_charged_and_earns_on_what_came_in_r6(till: ApiTill) -> None:
    who = till.resolve(someone("normal").number)["identification_id"]
    quote = till.quote([{"code": "10005"}, {"code": "10007"}], who)  # 15.00 at 95 %; tobacco 23.00 earns nothing
    assert quote["payable_fen"] == 1425 + 2300
    less = till.sell([cash(3700)], quote_id=quote["quote_id"], total_fen=3700)
    assert codes(less) == ["PRICE_DIFFERS"]
    assert (less["payable_fen"], less["collected_fen"]) == (3725, 3700)
    assert till.event(less)["totals"]["base_fen"] == 1415  # 3700 * 1425 / 3725 = 1415.4
    quote = till.quote([{"code": "10005"}, {"code": "10007"}], who)
    more = till.sell([cash(9000)], quote_id=quote["quote_id"], total_fen=9000)
    assert till.event(more)["totals"]["base_fen"] == 1425  # money nobody explained earns nothing


@pytest.mark.parametrize("with_lines", [False, True])
def test_tenders_that_do_not_add_up_are_refused_and_nothing_is_stored(till: ApiTill, with_lines: bool) -> None:
    """The lines a POS sends along for an ended quote must not weaken the check while the quote lives."""
    before, quote = till.events(), till.quote(CART)
    body: dict[str, Any] = {"sale_id": till.fresh(), "quote_id": quote["quote_id"], "tenders": [cash(1000)]}
    if with_lines:
        body["lines"] = CART
    problem(till.call("POST", "/v1/sales", body), 422, "TENDERS_INCOMPLETE", "tenders")
    problem(till.call("POST", "/v1/sales", {**body, "total_fen": 1001}), 422, "TENDERS_INCOMPLETE", "tenders")
    assert till.events() == before
    body["tenders"] = [cash(1000), {"type": "alipay", "amount_fen": quote["payable_fen"] - 1000}]
    assert till.call("POST", "/v1/sales", body).status_code == 201  # the quote and the sale_id are still free


def test_an_identification_that_has_ended_is_recorded_but_names_nobody(till: ApiTill) -> None:
    who = till.resolve(someone("gold").number)["identification_id"]
    till.clock.ahead_s += IDENTIFICATION_TTL_S + 1
    problem(
        till.call("POST", "/v1/quotes", {"lines": CART, "identification_id": who}),
        422,
        "IDENTIFICATION_EXPIRED",
        "identification_id",
    )
    sale = till.sell([cash(1980)], lines=[{"code": "10001"}], identification_id=who)
    assert codes(sale) == ["IDENTIFICATION_EXPIRED"]
    assert (sale["member"], sale["points_earned"]) == (None, 0)


def test_card_terminals_number_anew_every_day_so_only_wechat_transactions_are_used_up(till: ApiTill) -> None:
    card = {"type": "card", "amount_fen": 1980, "transaction_id": "000123"}
    for _ in range(2):
        assert codes(till.sell([card], lines=[{"code": "10001"}])) == []


def test_a_payment_code_in_place_of_an_article_never_reaches_the_books(till: ApiTill) -> None:
    lines = [{"code": "134650061098828009", "charged_fen": 100}]
    sale = till.sell([cash(100)], lines=lines)
    assert codes(sale) == ["ITEM_UNKNOWN"]
    assert "134650061098828009" not in str(till.event(sale))


def test_a_till_without_a_printer_sells_and_queues_no_paper(till: ApiTill) -> None:
    sale = till.sell([cash(1980)], lines=[{"code": "10001"}], paper="receipt", open_drawer=True)
    assert sale["join"]["url"].startswith("https://join.example.com/")  # a screen can still show it
    assert till.run(till.world.agent.ledger.jobs(10)) == []


def test_everything_works_with_the_cable_out_rule_1(till: ApiTill) -> None:
    till.run(till.world.cable.pull())
    try:
        who = till.resolve(someone("gold").number)
        quote = till.quote(CART, who["identification_id"])
        sale = till.sell([cash(quote["payable_fen"])], quote_id=quote["quote_id"])
        assert sale["points_balance"] == who["member"]["points"] + sale["points_earned"]
        assert sale["discrepancies"] == []
    finally:
        till.run(till.world.cable.plug())
