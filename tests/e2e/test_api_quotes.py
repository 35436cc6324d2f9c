"""Quotes over the real API of a running till (R3, R11, S07): each line has its reason, and the quoted is the booked."""

from collections.abc import Iterator
from typing import Any

import pytest

from agent.demo.world import BRAND
from agent.domain.business_day import local_time
from tests.api_till import CART, GOLD_FEN, LIST_FEN, ApiTill, problem, running, someone
from tests.till_world import cash


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("quotes")) as found:
        yield found


def test_every_line_of_a_quote_says_why_it_costs_what_it_costs_r3(till: ApiTill) -> None:
    gold = till.resolve(someone("gold").number)
    assert (gold["by"], gold["certainty"], gold["may_price"], gold["may_spend"]) == ("member_code", "code", True, False)
    assert gold["member"]["masked"].count("*") == 4
    quote = till.quote([*CART, {"code": "10002"}], gold["identification_id"])
    assert [line["payable_fen"] for line in quote["lines"]] == [*GOLD_FEN, 2279]
    reasons = [line["reason"] for line in quote["lines"]]
    assert reasons == ["tier", "member_fixed", "tier", "list", "tier"]  # 88 % of 25.90 beats the promo of 22.90
    assert quote["payable_fen"] == sum(GOLD_FEN) + 2279
    assert quote["saved_fen"] == quote["list_fen"] - quote["payable_fen"]
    member_day_x100 = 200 if local_time(till.clock.now_ms()).day == 8 else 100
    base_fen = quote["payable_fen"] - 2300  # R11: tobacco earns nothing, and there is one floor for the order
    assert quote["points_to_earn"] == base_fen * 150 * member_day_x100 // 1_000_000


def test_without_a_member_a_quote_is_at_list_or_promo_and_shows_what_a_member_would_pay_s07(till: ApiTill) -> None:
    quote = till.quote([*CART, {"code": "10002"}])
    assert [line["payable_fen"] for line in quote["lines"]] == [*LIST_FEN, 2290]
    assert [line["reason"] for line in quote["lines"]][-1] == "promo"
    assert quote["points_to_earn"] == 0
    assert quote["as_member"]["payable_fen"] < quote["payable_fen"]
    assert quote["as_member"]["points"] > 0


@pytest.mark.parametrize("dynamic", [False, True], ids=["static code", "dynamic code"])
def test_what_was_quoted_is_what_is_booked_with_points_and_balance(till: ApiTill, dynamic: bool) -> None:
    silver = someone("silver", 1 if dynamic else 0)
    number = silver.number
    if dynamic:
        number = till.run(till.world.server.hq.issue_dynamic_code(BRAND, number))
    who = till.resolve(number)
    assert (who["certainty"], who["may_spend"]) == (("dynamic", True) if dynamic else ("code", False))
    assert who["member"]["points"] == silver.points
    quote = till.quote(CART, who["identification_id"])
    sale = till.sell([cash(quote["payable_fen"])], quote_id=quote["quote_id"])
    assert (sale["payable_fen"], sale["list_fen"]) == (quote["payable_fen"], quote["list_fen"])
    assert sale["points_earned"] == quote["points_to_earn"] > 0
    assert sale["points_balance"] == silver.points + sale["points_earned"]
    assert sale["discrepancies"] == []
    assert sale["join"] is None
    event = till.event(sale)
    assert [line["paid_fen"] for line in event["lines"]] == [line["payable_fen"] for line in quote["lines"]]
    assert [line["source"] for line in event["lines"]] == [line["reason"] for line in quote["lines"]]
    lot = ".".join(str(sale["event"][name]) for name in ("workstation_id", "epoch", "seq"))
    (posting,) = event["postings"]  # a lot of its own, spendable here at once
    assert posting == {
        "account": "points", "owner": who["member"]["member_id"], "amount": sale["points_earned"],
        "bucket": lot, "lease": lot,
    }  # fmt: skip
    assert event["clock"]["trusted"] is True
    assert event["claim_sha256"] is None
    assert till.resolve(silver.number)["member"]["points"] == sale["points_balance"]
    if dynamic:
        again = till.call("POST", "/v1/members/resolve", {"code": number})
        problem(again, 409, "DYNAMIC_CODE_REPLAYED")


def test_a_quote_that_was_cancelled_or_used_is_gone(till: ApiTill) -> None:
    quote = till.quote(CART)
    path = f"/v1/quotes/{quote['quote_id']}"
    assert till.call("DELETE", path).status_code == 204
    problem(till.call("DELETE", path), 404, "QUOTE_UNKNOWN")
    used = till.quote(CART)
    till.sell([cash(used["payable_fen"])], quote_id=used["quote_id"])
    problem(till.call("DELETE", f"/v1/quotes/{used['quote_id']}"), 404, "QUOTE_UNKNOWN")


@pytest.mark.parametrize(
    ("line", "code", "field"),
    [
        ({"code": "no-such-item"}, "ITEM_UNKNOWN", "lines.1.code"),
        ({"code": "10008"}, "WEIGHT_MISSING", "lines.1.grams"),
        ({"code": "10001", "grams": 500}, "NOT_BY_WEIGHT", "lines.1.grams"),  # else half a packet at half the price
    ],
)
def test_a_quote_refuses_a_line_it_cannot_price_and_names_it(
    till: ApiTill, line: dict[str, Any], code: str, field: str
) -> None:
    response = till.call("POST", "/v1/quotes", {"lines": [{"code": "10001"}, line]})
    problem(response, 422, code, field)
    assert "no-such-item" not in response.text
