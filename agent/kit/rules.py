"""The rules a POS is held to, in the order of the report, and how one was kept. Called by the scenes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RULES: Mapping[str, str] = {
    "pair.code": "hands the pairing code over, once, and gets its token",
    "pair.events": "follows the event stream",
    "sale.member": "sells to the member who was scanned",
    "sale.quoted": "names its quote in the sale, and tenders what the quote left due",
    "wechat.unchanged": "hands WeChat's text over as WeChat gave it",
    "wechat.payer": "names the payer and the WeChat transaction in the sale",
    "lost.same": "repeats the very same body when the answer to a sale is lost",
    "lost.once": "a lost answer makes one sale, not two",
    "busy.same": "repeats the very same body after 503",
    "busy.wait": "waits as long as Retry-After asks",
    "slow.once": "a slow answer makes one sale, not two",
    "in_flight.same": "repeats the very same body after 409 IN_FLIGHT",
    "conflict.new_id": "after 409 CONFLICT books its sale under another sale_id, once",
    "restart.token": "keeps its token when the agent restarts",
    "restart.resume": "goes on with Last-Event-ID when the agent restarts",
    "restart.lines": "sends the lines beside the quote, so that a sale outlives its quote",
    "price.kept": "charges what was quoted, even when the price changes before the sale",
    "refused.not_sold": "sells nothing when the price is refused",
    "refused.shown": "shows the cashier the sentence of a refusal",
    "newer.fields": "works with answers and events that have fields it does not know",
    "paper.once": "waits when paper is out: no second sale, no print of its own, no void",
    "return.same": "repeats the very same return when its answer is lost",
    "return.once": "books the return once, for the goods named",
    "void.once": "takes the whole sale back, once",
    "calls.valid": "sends nothing that does not fit the API, and its token with every call",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule kept, broken, or not tried. `request`: the exact request that was wrong."""

    rule: str
    kept: bool | None
    why: str = ""
    request: str = ""

    def row(self) -> dict[str, Any]:
        """One entry of the JSON report."""
        result = {None: "skipped", True: "pass", False: "fail"}[self.kept]
        return {"rule": self.rule, "says": RULES[self.rule], "result": result, "why": self.why, "request": self.request}
