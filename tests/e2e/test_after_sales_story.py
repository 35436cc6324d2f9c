"""A long, seeded story of one till: sales that spend, returns, voids, recharges, cards, cable cuts, restarts.

After it the till, HQ and the sums of all answers agree on every balance, both books are equal, and no person is needed.
"""

import random
from collections import Counter
from pathlib import Path
from typing import Any

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
from agent.demo.world import WORKSTATION
from agent.limits import LEASE_IDLE_S
from tests.after_till import AfterTill, after_till
from tests.api_till import someone
from tests.till_world import cash

STEPS = 70
REFUSED = {
    "LEASE_SHORT",
    "SV_INSUFFICIENT",
    "POINTS_INSUFFICIENT",
    "COUNT_INSUFFICIENT",
    "DAILY_LIMIT",
    "CLOCK_NOT_TRUSTED",  # the story moves the clock, and may restart the till before HQ is reached again
}
"""What the shop may say in such a story; anything else is a fault."""


class Story:
    """What happened so far, as the till's answers told it."""

    def __init__(self, till: AfterTill, seed: int) -> None:
        self.till, self.chance = till, random.Random(seed)
        self.people = [someone("gold", 0), someone("silver", 1), someone("normal", 2)]
        self.ids = [till.wallet(one)["member_id"] for one in self.people]
        self.owned: Counter[tuple[str, str]] = Counter()
        for place, one in enumerate(self.people):
            self.owned[self.ids[place], "points"] = till.wallet(one)["points"] or one.points
        self.sales: list[tuple[int, dict[str, Any], dict[int, int]]] = []
        self.recharges: list[tuple[int, str]] = []
        self.cards: list[tuple[int, str]] = []
        self.uses: list[tuple[int, str, str]] = []
        self.online = True
        self.money_fen = 0
        """What was sold, loaded and given back, in all."""

    def add(self, who: int, account: str, amount: int) -> None:
        self.owned[self.ids[who], account] += amount

    def call(self, path: str, model: Any, body: dict[str, Any]) -> dict[str, Any] | None:
        response = self.till.till.call("POST", path, body)
        if response.status_code == 201:
            return self.till.post(path, model, body, status=200)  # said again, it is answered as it was
        assert response.json()["code"] in REFUSED, response.text
        return None

    # --- steps
    def sell(self) -> None:
        who = self.chance.randrange(3)
        lines: list[dict[str, Any]] = [
            {"code": code, "qty": self.chance.randint(1, 4)}
            for code in self.chance.sample(["10001", "10003", "10005"], 2)
        ]
        asks: dict[str, Any] = {}
        if self.chance.random() < 0.5:
            asks["points"] = self.chance.choice([50, 300, "max"])
        if self.chance.random() < 0.5:
            asks["stored_value"] = self.chance.choice([1_000, "max"])
        mine = [card for owner, card in self.cards if owner == who]
        if mine and self.chance.random() < 0.3:
            asks["count_card"] = {"card_id": self.chance.choice(mine), "units": 1, "line": 1}
        body = {"lines": lines, "identification_id": self.till.member(self.people[who]), "confirmed": True, **asks}
        response = self.till.till.call("POST", "/v1/quotes", body)
        if response.status_code != 200:
            assert response.json()["code"] in REFUSED | {"POINTS_OVER_CAP", "COUNT_CARD_UNKNOWN"}, response.text
            return
        quote = response.json()
        sale = self.till.till.sell([cash(quote["due_fen"])] if quote["due_fen"] else [], quote_id=quote["quote_id"])
        for one in self.till.till.event(sale)["postings"]:
            self.add(who, one["account"], one["amount"])
        assert sale["discrepancies"] == []
        self.money_fen += sale["payable_fen"]
        self.sales.append((who, sale, {place + 1: line["qty"] for place, line in enumerate(lines)}))

    def take_back(self) -> None:
        if not self.sales:
            return
        place = self.chance.randrange(len(self.sales))
        who, sale, left = self.sales[place]
        lines = {line: self.chance.randint(1, qty) for line, qty in left.items() if qty and self.chance.random() < 0.7}
        if self.chance.random() < 0.25 or not lines:
            number = self.till.till.fresh("void")
            back = self.call(f"/v1/sales/{sale['sale_id']}/void", VoidView, {"void_id": number})
            lines = dict(left)
        else:
            body = {
                "return_id": self.till.till.fresh("ret"),
                "sale_id": sale["sale_id"],
                "lines": [{"line": line, "qty": qty} for line, qty in lines.items()],
            }
            back = self.call("/v1/returns", ReturnView, body)
        assert back is not None
        self.money_fen -= back["refund_fen"]
        self.add(who, "points", back["points_returned"] - back["points_reversed"])
        self.add(who, "sv_principal", back["stored_value"]["principal_fen"])
        self.add(who, "sv_gift", back["stored_value"]["gift_fen"])
        self.add(who, "count", sum(one["units"] for one in back["counts"]))
        left = {line: qty - lines.get(line, 0) for line, qty in left.items()}
        if any(left.values()):
            self.sales[place] = (who, sale, left)
        else:
            assert back["whole"]
            del self.sales[place]

    def recharge(self) -> None:
        who, number = self.chance.randrange(3), self.till.till.fresh("load")
        amount = self.chance.choice([5_000, 30_000])
        who_id = self.till.member(self.people[who], dynamic=False)
        body = {"recharge_id": number, "identification_id": who_id, "amount_fen": amount, "tenders": [cash(amount)]}
        done = self.call("/v1/recharges", RechargeView, body)
        if done is not None:
            self.add(who, "sv_principal", done["principal_fen"])
            self.add(who, "sv_gift", done["gift_fen"])
            self.money_fen += amount
            self.recharges.append((who, number))

    def cancel(self) -> None:
        if self.recharges:
            who, number = self.recharges[self.chance.randrange(len(self.recharges))]
            body = {"cancel_id": self.till.till.fresh("cancel")}
            done = self.call(f"/v1/recharges/{number}/cancel", RechargeCancelView, body)
            if done is not None:
                self.add(who, "sv_principal", done["principal_fen"])
                self.add(who, "sv_gift", done["gift_fen"])
                self.money_fen -= done["cash_back_fen"]
                self.recharges.remove((who, number))

    def card(self) -> None:
        who = self.chance.randrange(3)
        body = {
            "card_sale_id": self.till.till.fresh("card"),
            "identification_id": self.till.member(self.people[who], dynamic=False),
            "product": "coffee10",
            "tenders": [cash(18_000)],
        }
        done = self.call("/v1/count-cards", CardSaleView, body)
        assert done is not None
        self.add(who, "count", done["units"])
        self.money_fen += done["price_fen"]
        self.cards.append((who, done["card_id"]))

    def use(self) -> None:
        if self.cards:
            who, card_id = self.chance.choice(self.cards)
            number, person = self.till.till.fresh("use"), self.till.member(self.people[who])
            body = {"use_id": number, "identification_id": person, "units": self.chance.randint(1, 3)}
            done = self.call(f"/v1/count-cards/{card_id}/use", CardUseView, body)
            if done is not None:
                self.add(who, "count", -done["units"])
                self.uses.append((who, card_id, number))

    def unuse(self) -> None:
        if self.uses:
            who, card_id, number = self.uses.pop(self.chance.randrange(len(self.uses)))
            body = {"return_id": self.till.till.fresh("back"), "use_id": number}
            done = self.call(f"/v1/count-cards/{card_id}/return", CardReturnView, body)
            assert done is not None
            self.add(who, "count", done["units"])

    def refund(self) -> None:
        unused = [one for one in self.cards if all(use[1] != one[1] for use in self.uses)]
        if unused and self.chance.random() < 0.5 and not self.sales:
            who, card_id = self.chance.choice(unused)
            done = self.call(f"/v1/count-cards/{card_id}/refund", CardRefundView, {"refund_id": card_id})
            if done is not None:
                self.add(who, "count", -done["units"])
                self.money_fen -= done["cash_back_fen"]
                self.cards.remove((who, card_id))

    def cable(self) -> None:
        world = self.till.till.world
        self.till.till.run(world.cable.pull() if self.online else world.cable.plug())
        self.online = not self.online

    def idle(self) -> None:
        """A quiet quarter of an hour: rights that nobody used go back."""
        self.till.till.clock.ahead_s += LEASE_IDLE_S + 1
        agent = self.till.till.world.agent
        agent.leasing.on_contact(self.online)
        self.till.till.run(agent.leasing.close_idle())
        if self.online:
            self.till.settle()
            self.till.pull()

    def restart(self) -> None:
        self.till.till.reopen()

    def run(self) -> None:
        often = [self.sell, self.sell, self.sell, self.take_back, self.take_back, self.recharge, self.cancel]
        others = [self.card, self.use, self.use, self.unuse, self.refund, self.cable, self.idle, self.restart]
        for _ in range(STEPS):
            self.chance.choice(often + others)()
        if not self.online:
            self.cable()

    def check(self) -> None:
        self.till.settle()
        assert self.till.findings() == []
        self.till.pull()
        totals = self.till.till.run(self.till.till.world.server.hq.totals(WORKSTATION))
        assert sum(day.payable_fen for day in totals.days) == self.money_fen
        assert sum(day.suspended for day in totals.days) == 0
        for place, member_id in enumerate(self.ids):
            for account in ("points", "sv_principal", "sv_gift", "count"):
                assert self.till.at_hq(member_id, account) == self.owned[member_id, account], (member_id, account)
            assert self.till.wallet(self.people[place])["points"] == self.owned[member_id, "points"]


@pytest.mark.parametrize("seed", [0, 9, 24])
def test_whatever_happens_till_and_hq_agree_on_every_balance(tmp_path: Path, seed: int) -> None:
    with after_till(tmp_path) as till:
        story = Story(till, seed)
        story.run()
        story.check()
