"""POSes that break one rule each: what tests.e2e.test_kit_conformance and the long run hold against the kit."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import tostring

import httpx
import pytest
from defusedxml.ElementTree import fromstring

from agent.kit import scenes_sale, scenes_trouble
from agent.kit.pos_agent.client import PosAgent, Refused
from tests.kit_pos import Order, ReferencePos


class PairsTwice(ReferencePos):
    def pair(self, order: Order) -> None:
        super().pair(order)
        with pytest.raises(Refused):
            self.till.pair(order["code"], "again")


class Deaf(ReferencePos):
    def follow(self) -> None:
        pass


class SellsToNobody(ReferencePos):
    def who(self, order: Order) -> str | None:
        return None


class OwnPrices(ReferencePos):
    def due(self, quote: Any) -> int:
        return int(quote["list_fen"])

    def lines(self, order: Order, quote: Any) -> list[Order]:
        return list(order["lines"])


class RewritesXml(ReferencePos):
    def raw(self, text: str) -> str:
        return tostring(fromstring(text), encoding="unicode")


class ForgetsThePayer(ReferencePos):
    def sale(self, order: Order, quote: Any) -> Order:
        body = super().sale(order, quote)
        body.pop("identification_id", None)
        return body


class Careless(ReferencePos):
    """Posts once and takes whatever comes for done."""

    def book(self, body: Order) -> Any:
        self.post("/v1/sales", body)

    def give_back(self, body: Order) -> Any:
        self.post("/v1/returns", body)


class NewIdEachTime(ReferencePos):
    """Takes a fresh id for each attempt: pains 16, and double sales."""

    def book(self, body: Order) -> Any:
        self._again("/v1/sales", "sale_id", body)

    def give_back(self, body: Order) -> Any:
        self._again("/v1/returns", "return_id", body)

    def _again(self, path: str, name: str, body: Order) -> None:
        for _ in range(4):
            answer = self.post(path, {**body, name: self.new_id()})
            if answer is not None and answer.status_code < 400:
                return


class Impatient(ReferencePos):
    """Does not wait for a slow answer, and sells again."""

    def book(self, body: Order) -> Any:
        headers = {"Authorization": f"Bearer {self.till.token}"}
        url = f"{self.till._http.base_url}/v1/sales"
        try:
            return httpx.post(url, json=body, headers=headers, timeout=0.2)
        except httpx.TimeoutException:
            return httpx.post(url, json={**body, "sale_id": self.new_id()}, headers=headers, timeout=10)


class HammersBusy(ReferencePos):
    def book(self, body: Order) -> Any:
        for _ in range(4):
            answer = self.post("/v1/sales", body)
            if answer is not None and answer.status_code < 400:
                return


class GivesUpOnConflict(ReferencePos):
    def sell(self, order: Order) -> Order:
        body = self.sale(order, self.quote({"lines": order["lines"]}))
        self.book(body)
        return {}


class PairsAgain(ReferencePos):
    def quote(self, body: Order) -> Any:
        found = super().quote(body)
        if self.till.hello()["ready"]:
            with pytest.raises(Refused):
                self.till.pair("12345678", "again")
        return found


class ForgetsWhereItWas(ReferencePos):
    def read(self, reader: PosAgent) -> None:
        reader._mark = lambda number: None  # type: ignore[method-assign]
        super().read(reader)


class NoLines(ReferencePos):
    def lines(self, order: Order, quote: Any) -> list[Order]:
        return []


class Requotes(ReferencePos):
    """Asks again at the till's present price after the customer was told another."""

    def sale(self, order: Order, quote: Any) -> Order:
        later = self.quote({"lines": order["lines"]})
        return {**super().sale(order, quote), "tenders": [{"type": "cash", "amount_fen": self.due(later)}]}


class SellsAnyway(ReferencePos):
    def quote(self, body: Order) -> Any:
        try:
            return super().quote(body)
        except Refused:
            return {"quote_id": None, "due_fen": 1280, "lines": [{"payable_fen": 1280}]}


class Silent(ReferencePos):
    def show(self, sentence: str) -> None:
        pass


class ShowsTheCode(ReferencePos):
    def show(self, sentence: str) -> None:
        super().show("PRICE_BELOW_70")


class StrictReader(ReferencePos):
    def quote(self, body: Order) -> Any:
        found = super().quote(body)
        assert "x_newer_version" not in found
        return found

    def do(self, order: Order) -> Order:
        try:
            return super().do(order)
        except AssertionError:
            return {}


class PrintsItself(ReferencePos):
    def book(self, body: Order) -> Any:
        sold = super().book(body)
        self.till.print({"print_id": body["sale_id"], "blocks": [{"kind": "text", "text": "小票"}]})
        return sold


class ReturnsAll(ReferencePos):
    def give_back(self, body: Order) -> Any:
        return super().give_back({**body, "lines": [{"line": 1, "qty": 2}]})


class NeverVoids(ReferencePos):
    def void(self, order: Order) -> None:
        pass


class FloatMoney(ReferencePos):
    def book(self, body: Order) -> Any:
        self.post("/v1/sales", {**body, "total_fen": 12.5})
        return super().book(body)


class NoToken(ReferencePos):
    def book(self, body: Order) -> Any:
        httpx.post(f"{self.till._http.base_url}/v1/sales", json=body)
        return super().book(body)


SALE, TROUBLE = scenes_sale, scenes_trouble
WRONG: list[tuple[type[ReferencePos], Callable[..., Any], str]] = [
    (PairsTwice, SALE.pair, "pair.code"),
    (Deaf, SALE.pair, "pair.events"),
    (SellsToNobody, SALE.scanned, "sale.member"),
    (OwnPrices, SALE.scanned, "sale.quoted"),
    (RewritesXml, SALE.paid_by_wechat, "wechat.unchanged"),
    (ForgetsThePayer, SALE.paid_by_wechat, "wechat.payer"),
    (Careless, TROUBLE.lost_answer, "lost.same"),
    (NewIdEachTime, TROUBLE.lost_answer, "lost.same"),
    (NewIdEachTime, TROUBLE.lost_answer, "lost.once"),
    (Careless, TROUBLE.unavailable, "busy.same"),
    (HammersBusy, TROUBLE.unavailable, "busy.wait"),
    (Impatient, TROUBLE.slow, "slow.once"),
    (NewIdEachTime, TROUBLE.in_flight, "in_flight.same"),
    (GivesUpOnConflict, TROUBLE.conflict, "conflict.new_id"),
    (PairsAgain, TROUBLE.restart, "restart.token"),
    (ForgetsWhereItWas, TROUBLE.restart, "restart.resume"),
    (NoLines, TROUBLE.restart, "restart.lines"),
    (Requotes, SALE.price_changes, "price.kept"),
    (SellsAnyway, SALE.refused, "refused.not_sold"),
    (Silent, SALE.refused, "refused.shown"),
    (ShowsTheCode, SALE.refused, "refused.shown"),
    (StrictReader, SALE.newer_version, "newer.fields"),
    (PrintsItself, TROUBLE.paper_out, "paper.once"),
    (Careless, TROUBLE.give_back, "return.same"),
    (ReturnsAll, TROUBLE.give_back, "return.once"),
    (NeverVoids, TROUBLE.give_back, "void.once"),
    (FloatMoney, TROUBLE.paper_out, "calls.valid"),
    (NoToken, TROUBLE.paper_out, "calls.valid"),
]
