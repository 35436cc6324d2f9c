"""The store's risk budget (R13) over the real API: beyond leases with the cable out, every cap, HQ's verdict."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.demo import world as chain
from agent.domain.asks import Asks
from agent.domain.budget_rule import budget_rule
from agent.domain.digest import Json
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.rules import rule_set
from agent.domain.sale import TenderLine, TenderType
from tests.spending_world import JUICE, RULES, Rich, SpendingTill, refused, second, spending
from tests.till_world import cash

BUDGET: dict[str, Json] = {
    "store_day_fen": 4000, "tills": 2, "member_day_fen": 1200, "points": 500, "stored_value_fen": 1000, "coupons": True,
}  # fmt: skip


def switch(till: SpendingTill, version: int, budget: dict[str, Json] | None) -> None:
    more: dict[str, Json] = {} if budget is None else {"offline_budget": budget}
    till.run(till.world.server.hq.import_rules(chain.BRAND, {**RULES, "version": version, **more}))
    till.run(till.world.agent.puller.pull_all())


@pytest.fixture
def till(tmp_path: Path) -> Iterator[SpendingTill]:
    with spending(tmp_path) as found:
        switch(found, 3, BUDGET)
        yield found


@contextmanager
def cut_off(till: SpendingTill, who: Rich) -> Iterator[str]:
    """With the cable out, a member who showed a code issued before."""
    code = till.code(who)
    with till.offline():
        yield str(till.dynamic(who, code)["identification_id"])


def buy(till: SpendingTill, who: str, **asks: Any) -> dict[str, Any]:
    quote = till.quote(JUICE, who, **asks)
    return till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])


def findings(till: SpendingTill) -> list[tuple[str, str, str]]:
    sql = "SELECT workstation_id, code, detail FROM discrepancies WHERE place = 'budget' ORDER BY workstation_id, code"
    rows = till.run(till.world.server.hq._read(lambda c: c.execute(sql).fetchall()))
    return [(row["workstation_id"], row["code"], row["detail"]) for row in rows]


def status(till: SpendingTill) -> Any:
    return till.call("GET", "/v1/status").json()["offline_budget"]


def test_without_the_switch_nothing_is_spent_beyond_leases(till: SpendingTill) -> None:
    switch(till, 4, None)
    with cut_off(till, till.rich()) as who:
        refused(till, 409, "LEASE_SHORT", identification_id=who, points=100)
    assert status(till) is None


def test_points_a_coupon_and_stored_value_are_risked_and_told(till: SpendingTill) -> None:
    rich = till.rich()
    with cut_off(till, rich) as who:
        sale = buy(till, who, points=300, coupons=[rich.coupon("r5")], stored_value=400)
        assert sale["redeemed"]["points"] == 300
        assert status(till) | {"business_day": ""} == {
            "business_day": "", "till_day_fen": 2000, "member_day_fen": 1200, "used_fen": 1200, "left_fen": 800,
        }  # fmt: skip
    event = till.event(sale)
    assert event["budget"] == {"fen": 1200, "till_day_fen": 2000, "member_day_fen": 1200}
    spent = {one["account"]: one for one in event["postings"] if one["amount"] < 0}
    assert {one["lease"] for one in spent.values()} == {"budget"}
    assert {account: one["amount"] for account, one in spent.items()} == {
        "points": -300, "coupon": -1, "sv_principal": -400,
    }  # fmt: skip
    till.equal()
    assert findings(till) == [], "the member had it all: nothing was overdrawn"
    assert till.run(till.world.server.hq.differences()) == []


def test_each_cap_holds(till: SpendingTill) -> None:
    first, other, third = till.rich(), till.rich(), till.rich()
    codes = [till.code(one) for one in (first, other, third)]
    with till.offline():
        one, two, three = (
            till.dynamic(who, code)["identification_id"] for who, code in zip((first, other, third), codes, strict=True)
        )
        refused(till, 409, "LEASE_SHORT", "points", identification_id=one, points=600)  # more than a sale may
        refused(till, 409, "LEASE_SHORT", "stored_value", identification_id=one, stored_value=1001)
        refused(till, 409, "LEASE_SHORT", "count_card", identification_id=one, count_card={"card_id": first.card})
        refused(till, 409, "LEASE_SHORT", identification_id=one, points=100, hold=True)  # a promise needs a lease
        buy(till, one, stored_value=1000)
        refused(till, 409, "LEASE_SHORT", identification_id=one, stored_value=300)  # the member's day
        buy(till, one, stored_value=200)
        refused(till, 409, "LEASE_SHORT", identification_id=two, stored_value=900)  # the till's day: 8.00 are left
        buy(till, two, stored_value=800)
        refused(till, 409, "LEASE_SHORT", identification_id=three, coupons=[third.coupon("r5")])
        assert status(till)["left_fen"] == 0
    till.equal()


def test_most_is_cut_to_what_may_be_risked(till: SpendingTill) -> None:
    with cut_off(till, till.rich()) as who:
        sale = buy(till, who, points="max", stored_value="max")
    assert (sale["redeemed"]["points"], sale["prepaid"]["principal_fen"]) == (500, 700)


def test_two_quotes_together_never_pass_the_cap(till: SpendingTill) -> None:
    rich = till.rich()
    with cut_off(till, rich) as who:
        quotes = [till.quote(JUICE, who, stored_value=1000) for _ in range(2)]
        till.sell([cash(quotes[0]["due_fen"])], quote_id=quotes[0]["quote_id"])
        late = till.sell([cash(quotes[1]["due_fen"])], quote_id=quotes[1]["quote_id"])
        assert [one["code"] for one in late["discrepancies"]] == ["SPEND_NOT_BOOKED"]
        assert status(till)["used_fen"] == 1000
    till.equal()


def test_with_hq_in_reach_a_lease_is_asked_and_the_budget_is_left_alone(till: SpendingTill) -> None:
    sale = buy(till, till.dynamic(till.rich())["identification_id"], points=300)
    assert "budget" not in till.event(sale)
    assert status(till)["used_fen"] == 0


def test_what_was_risked_comes_back_with_the_goods(till: SpendingTill) -> None:
    rich = till.rich()
    with cut_off(till, rich) as who:
        sale = buy(till, who, points=300, coupons=[rich.coupon("r5")], stored_value=400)
        before = till.resolve(rich.number)["member"]["points"]
        path = f"/v1/sales/{sale['sale_id']}/void"
        void = till.call("POST", path, {"void_id": till.fresh("void")}).json()
    assert (void["points_returned"], void["coupons"]) == (300, [rich.coupon("r5")])
    assert void["stored_value"] == {"principal_fen": 400, "gift_fen": 0}
    assert void["points_balance"] == before + 300 - sale["points_earned"] == 3000
    till.equal()
    assert till.run(till.world.server.hq.differences()) == []


def test_two_tills_that_risk_the_same_are_judged_by_time(till: SpendingTill) -> None:
    """Both stand for their customers; the one that came second in the order of the books is named, with the amount."""
    switch(till, 4, {**BUDGET, "store_day_fen": 400_000, "member_day_fen": 100_000, "points": 2000})
    rich = till.rich()
    codes = [till.code(rich) for _ in range(2)]
    with second(till) as other:
        till.run(till.world.cable.pull())
        who = till.dynamic(rich, codes[0])["identification_id"]
        lines = [{"code": "10004", "qty": 20}]
        quote = till.quote(lines, who, points=2000, coupons=[rich.coupon("r5")])
        till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
        till.clock.ahead_s += 1

        async def at_the_other() -> None:
            by = await other.till.resolve(codes[1])
            asks = Asks(coupons=(rich.coupon("r5"),), points=2000)
            priced = await other.till.quote([OrderLine("10004", 20)], by.identification_id, asks)
            tender = TenderLine(TenderType.CASH, priced.cart.due_fen)
            await other.till.commit(SaleOrder("other-1", (tender,), quote_id=priced.quote_id, paper=Paper.NONE))

        till.run(at_the_other())
        till.run(till.world.cable.plug())
        till.run(other.pusher.push_all())  # the later sale arrives first
        assert findings(till) == []
        till.run(till.world.agent.pusher.push_all())
        found = findings(till)
    assert [(who, code) for who, code, _ in found] == [("S001-2", "COUPON_DOUBLE"), ("S001-2", "POINTS_OVERDRAWN")]
    assert "beyond" in found[1][2]


def test_what_a_manager_sees_names_the_members(till: SpendingTill) -> None:
    rich = till.rich()
    with cut_off(till, rich) as who:
        buy(till, who, points=300)

    async def ask() -> dict[str, Any]:
        transport = httpx.AsyncHTTPTransport(uds=str(till.world.settings.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            found: dict[str, Any] = (await client.get("/control/budget")).json()
            return found

    budget = till.run(ask())["offline_budget"]
    member_id = till.resolve(rich.number)["member"]["member_id"]
    assert budget["members"] == [{"member_id": member_id, "fen": 300, "sales": 1}]


@pytest.mark.parametrize(
    ("budget", "fault"),
    [
        ([], "offline_budget must be an object"),
        ({**BUDGET, "tills": 0}, "offline_budget.tills"),
        ({**BUDGET, "coupons": 1}, "offline_budget.coupons"),
        ({**BUDGET, "more": 1}, "offline_budget.more is not known"),
        ({"points": 5}, "offline_budget.store_day_fen"),
    ],
)
def test_every_fault_of_the_section_is_named(budget: Json, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        rule_set({**RULES, "offline_budget": budget})


def test_all_faults_come_at_once() -> None:
    faults: list[str] = []
    assert budget_rule({"tills": 0, "coupons": 3, "x": 1}, faults) is None
    assert len(faults) == 5
    rule = rule_set({**RULES, "offline_budget": BUDGET}).budget
    assert rule is not None
    assert dataclasses.replace(rule, tills=3).till_day_fen == 1333
