"""Where a spend ends badly, over the real API and HQ: nothing paid, a quote that ended, a lease that is gone."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from agent.domain.asks import Planned
from agent.domain.sale import Posting
from agent.limits import QUOTE_TTL_S
from agent.logs import ALLOWED, notice_line
from tests.api_till import codes, problem
from tests.spending_world import GIFT_FEN, JUICE, POINTS, PRINCIPAL_FEN, Rich, SpendingTill, spending
from tests.till_world import cash

TEA = [{"code": "20002", "qty": 13}]  # 130.00, gold pays 114.40: more than half of the stored value


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpendingTill]:
    with spending(tmp_path_factory.mktemp("ends")) as found:
        yield found


def _seen(till: SpendingTill, who: Rich) -> str:
    return str(till.dynamic(who)["identification_id"])


def _left(till: SpendingTill, who: Rich) -> tuple[int, int]:
    """Points and stored value (fen) of a member."""
    member = till.resolve(who.number)["member"]
    return member["points"], member["stored_value"]["total_fen"]


def _spent(till: SpendingTill, sale: dict[str, Any]) -> dict[str, int]:
    """What left the member's accounts, of whatever lots."""
    spent: Counter[str] = Counter()
    for one in till.event(sale)["postings"]:
        spent[one["account"]] += max(0, -one["amount"])
    return {account: amount for account, amount in spent.items() if amount}


def _body(till: SpendingTill, quote: dict[str, Any], *tenders: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"sale_id": till.fresh(), "quote_id": quote["quote_id"], "tenders": list(tenders), **more}


def _sales(till: SpendingTill) -> int:
    store = till.world.agent.books._store
    count = "SELECT count(*) FROM requests WHERE kind = 'sale'"
    return int(till.run(store.read(lambda c: c.execute(count).fetchone()))[0])


def _not_booked(till: SpendingTill, body: dict[str, Any], status: int, code: str, field: str | None = None) -> None:
    before = (_sales(till), till.moved())
    problem(till.call("POST", "/v1/sales", body), status, code, field)
    assert (_sales(till), till.moved()) == before, "nothing is booked"


# --- nothing was tendered -------------------------------------------------------------------------------------------
def test_goods_for_nothing_are_refused_where_the_stored_value_is_gone(till: SpendingTill) -> None:
    who = till.rich()
    seen = _seen(till, who)
    first, late = (till.quote(TEA, seen, stored_value="max") for _ in range(2))
    assert (first["due_fen"], late["due_fen"]) == (0, 0)
    paid = _body(till, first)
    assert till.call("POST", "/v1/sales", paid).status_code == 201
    _not_booked(till, _body(till, late), 409, "LEASE_SHORT")
    _not_booked(till, _body(till, late, cash(0)), 409, "LEASE_SHORT")
    with till.offline():
        _not_booked(till, _body(till, late), 409, "LEASE_SHORT")
    assert till.call("POST", "/v1/sales", paid).status_code == 200, "what was booked before is answered as it was"
    money = till.sell([cash(late["payable_fen"])], quote_id=late["quote_id"], total_fen=late["payable_fen"])
    assert codes(money) == ["PRICE_DIFFERS", "SPEND_NOT_BOOKED"], "with money beside it is recorded"
    till.equal()


@pytest.mark.parametrize("tenders", [[], [cash(0)]])
def test_goods_for_nothing_are_refused_where_the_quote_is_gone(
    till: SpendingTill, tenders: list[dict[str, Any]]
) -> None:
    who = till.rich()
    seen = _seen(till, who)
    quote = till.quote(TEA, seen, stored_value="max", hold=True)
    never = {"quote_id": "quo_nothing"}
    _not_booked(till, _body(till, never, *tenders, lines=TEA), 409, "QUOTE_UNKNOWN", "quote_id")
    till.clock.ahead_s += QUOTE_TTL_S + 1
    _not_booked(till, _body(till, quote, *tenders, lines=TEA), 409, "QUOTE_UNKNOWN", "quote_id")
    assert _left(till, who) == (POINTS, PRINCIPAL_FEN + GIFT_FEN)


@pytest.mark.parametrize("total", [{}, {"total_fen": 0}])
def test_what_is_due_cannot_be_said_to_be_nothing(till: SpendingTill, total: dict[str, int]) -> None:
    quote = till.quote(JUICE)
    _not_booked(till, _body(till, quote, **total), 422, "TENDERS_INCOMPLETE", "tenders")


# --- the quote ended, and the customer had paid ---------------------------------------------------------------------
@pytest.mark.parametrize("hold", [True, False])
def test_a_late_sale_is_booked_as_quoted_with_its_spends(till: SpendingTill, hold: bool) -> None:
    who = till.rich()
    asks: dict[str, Any] = {"stored_value": 3000, "points": 500, "coupons": [who.coupon("r5")]}
    quote = till.quote(JUICE, _seen(till, who), **asks, hold=hold)
    till.clock.ahead_s += QUOTE_TTL_S + 1
    late = _body(till, quote, cash(quote["due_fen"]), lines=JUICE)
    answer = till.call("POST", "/v1/sales", late)
    assert answer.status_code == 201, answer.text
    sale = answer.json()
    assert codes(sale) == ["QUOTE_ENDED"]
    for key in ("payable_fen", "due_fen", "prepaid", "redeemed", "coupons"):
        assert sale[key] == quote[key], key
    assert sale["collected_fen"] == quote["payable_fen"]
    assert _left(till, who) == (POINTS - 500 + sale["points_earned"], PRINCIPAL_FEN + GIFT_FEN - 3000)
    assert till.call("POST", "/v1/sales", late).status_code == 200
    again = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert codes(again) == ["QUOTE_UNKNOWN"], "an ended quote is sold once"
    till.equal()


def test_a_held_quote_that_ended_is_sold_late_over_a_restart_too_with_the_cable_out(tmp_path: Path) -> None:
    with spending(tmp_path) as till:
        quote = till.quote(JUICE, _seen(till, till.rich()), points=500, stored_value=3000, hold=True)
        with till.offline():
            till.reopen()
            till.clock.ahead_s += QUOTE_TTL_S + 1
            sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
        assert codes(sale) == ["QUOTE_ENDED"]
        assert (sale["prepaid"], sale["redeemed"]) == (quote["prepaid"], quote["redeemed"])
        assert _spent(till, sale) == {"points": 500, "sv_principal": 3000}


def test_a_late_sale_drops_only_what_is_gone_and_other_money_is_no_payment_of_it(till: SpendingTill) -> None:
    who = till.rich()
    asks: dict[str, Any] = {"stored_value": 1000, "points": 500, "coupons": [who.coupon("r5")]}
    quote = till.quote(JUICE, _seen(till, who), **asks, hold=True)
    other = till.quote(JUICE, _seen(till, who), points=300)
    till.clock.ahead_s += QUOTE_TTL_S + 1
    fresh = till.quote(JUICE, _seen(till, who), coupons=[who.coupon("r5")])
    till.sell([cash(fresh["due_fen"])], quote_id=fresh["quote_id"])
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert codes(sale) == ["QUOTE_ENDED", "SPEND_NOT_BOOKED"]
    assert sale["discrepancies"][1]["detail"] == f"coupon {who.coupon('r5')} 1"
    assert _spent(till, sale) == {"points": 500, "sv_principal": 1000}
    more = till.sell([cash(other["due_fen"] + 300)], quote_id=other["quote_id"], lines=JUICE)
    assert "QUOTE_UNKNOWN" in codes(more)
    assert _spent(till, more) == {}, "charged anew: nothing is taken"
    till.equal()


# --- a lease that falls short twice ---------------------------------------------------------------------------------
def test_what_fits_is_kept_where_another_spend_falls_short_twice(
    till: SpendingTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = till.rich()
    seen = _seen(till, who)
    quote = till.quote(JUICE, seen, points=1000, stored_value=2000, coupons=[who.coupon("r5")])
    coupon = till.quote(JUICE, seen, coupons=[who.coupon("r5")])
    till.sell([cash(coupon["due_fen"])], quote_id=coupon["quote_id"])
    gone = Planned((Posting("points", who.number, -1000, "opening", "", "ls_gone.1"),))

    async def raced(*_: object) -> Planned:
        return gone

    monkeypatch.setattr(till.world.agent.till._ports.spending, "planned_again", raced)
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert codes(sale) == ["SPEND_NOT_BOOKED"]
    assert sale["discrepancies"][0]["detail"] == f"coupon {who.coupon('r5')} 1"
    assert _spent(till, sale) == {"points": 1000, "sv_principal": 2000}
    till.equal()


def test_a_paid_sale_is_booked_even_where_nothing_can_be_planned(
    till: SpendingTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    quote = till.quote(JUICE, _seen(till, till.rich()), points=1000)
    gone = Planned((Posting("points", "m", -1000, "opening", "", "ls_gone.1"),))

    async def raced(*_: object) -> Planned:
        return gone

    for name in ("planned_again", "planned_here"):
        monkeypatch.setattr(till.world.agent.till._ports.spending, name, raced)
    till.clock.ahead_s += QUOTE_TTL_S + 1
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert codes(sale) == ["QUOTE_ENDED", "SPEND_NOT_BOOKED"]
    assert "points 1000" in sale["discrepancies"][1]["detail"]
    till.equal()


# --- a supervisor's word --------------------------------------------------------------------------------------------
def test_an_override_is_named_in_the_answer_and_the_event_stream_without_its_reason(
    till: SpendingTill,
) -> None:
    quote = till.quote([{"code": "20001"}], override={"operator": "店长王", "reason": "临期"})
    before = till.run(till.world.agent.announcer.replay(0, 100_000))[-1].id
    sale = till.sell([cash(600)], quote_id=quote["quote_id"])
    allowed = [{"code": "PRICE_BELOW_70", "operator": "店长王"}]
    assert sale["overrides"] == allowed
    notices = till.run(till.world.agent.announcer.replay(before, 100))
    told = [one.data for one in notices if one.kind == "sale.recorded"]
    assert [one["overrides"] for one in told] == [allowed]
    assert "临期" not in str(told)
    with structlog.testing.capture_logs() as logged:
        notice_line(next(one for one in notices if one.kind == "sale.recorded"))
    assert logged[0]["overrides"] == ["PRICE_BELOW_70 店长王"]
    assert "overrides" in ALLOWED
    ordinary = till.sell([cash(6000)], lines=JUICE)
    assert ordinary["overrides"] == []
