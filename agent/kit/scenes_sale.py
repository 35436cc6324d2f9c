"""Scenes in which all goes well, and the POS must do the right thing: pair, scan, pay, prices, newer answers.

Called by agent.kit.conformance in the order of its list.
"""

from datetime import datetime
from typing import Any

from agent.demo import wechat, world
from agent.domain.business_day import local_time
from agent.kit.faults import Act, Kind
from agent.kit.record import Exchange
from agent.kit.stage import SALES, Stage
from agent.wording import sentence

CART: list[dict[str, Any]] = [{"code": "10001", "qty": 2}, {"code": "6901028000031", "qty": 1}]
_GOLD = 3
_PAYER = 11
_REFUSAL = sentence("PRICE_BELOW_70")


async def pair(stage: Stage) -> None:
    """The POS gets a code and the address."""
    code = stage.till.agent.pairing.new_code()
    await stage.driver.do({"do": "pair", "base_url": stage.relay.url, "code": code})
    await stage.until(lambda: bool(_following(stage)))
    tried = stage.calls("POST", "/v1/pair")
    good = [one for one in tried if one.till_status == 200]
    kept = len(tried) == 1 and len(good) == 1
    why = f"{len(tried)} calls of /v1/pair, {len(good)} of them good"
    stage.check("pair.code", kept, why, tried[-1] if tried else None)
    stage.check("pair.events", bool(_following(stage)), "GET /v1/events was never opened with a good token")


async def scanned(stage: Stage) -> None:
    """A member's code is scanned, then the POS sells."""
    member = world.member(_GOLD)
    stage.till.scanner.scan(member.number)
    await stage.sell(CART, member="scanned")
    sent = stage.calls("POST", SALES)
    sales = await stage.booked("sale")
    whose = [one["member"] for one in sales]
    kept = (
        len(sales) == 1
        and whose[0] is not None
        and whose[0]["member_id"] == await stage.till.agent.whose(member.number)
    )
    stage.check("sale.member", kept, f"the books have the sale for {whose}", sent[-1] if sent else None)
    _quoted(stage, "sale.quoted")


async def paid_by_wechat(stage: Stage) -> None:
    """The POS takes a WeChat payment of a member whom nobody scanned, and gets WeChat's text."""
    if not stage.driver.can_pay_wechat:
        for rule in ("wechat.unchanged", "wechat.payer"):
            stage.skip(rule, "needs the hook: WeChat's text comes from the kit")
        return
    transaction_id, total_fen = "4200009999202609210000000001", 1980
    raw = _raw(transaction_id, total_fen, local_time(stage.till.agent.clock_ms()))
    order = {"raw": raw, "transaction_id": transaction_id, "total_fen": total_fen}
    await stage.sell([{"code": "10001", "qty": 1}], wechat=order)
    handed = stage.calls("POST", "/v1/payments/wechat")
    kept = bool(handed) and all(one.sent == {"raw": raw} for one in handed)
    stage.check("wechat.unchanged", kept, "the text differs from what WeChat gave", handed[-1] if handed else None)
    sent, sales = stage.calls("POST", SALES), await stage.booked("sale")
    tenders = [one for sale in sales for one in sale["tenders"]]
    payer = [sale["payer_member_id"] or (sale["member"] or {}).get("member_id") for sale in sales]
    mine = await stage.till.agent.whose(world.member(_PAYER).number)
    kept = payer == [mine] and [one["transaction_id"] for one in tenders] == [transaction_id]
    stage.check("wechat.payer", kept, f"the books have payer {payer}, {tenders}", sent[-1] if sent else None)


async def price_changes(stage: Stage) -> None:
    """HQ publishes another price between quote and sale; the customer pays what was quoted."""

    async def change(_: Exchange) -> None:
        await stage.till.reprice("10004", "14.80")

    stage.plan.put("POST", "/v1/quotes", Act(after=change))
    await stage.sell([{"code": "10004", "qty": 1}])
    _quoted(stage, "price.kept")


async def refused(stage: Stage) -> None:
    """The price is refused: the cashier reads why, and nothing is sold."""
    refusal = Act(Kind.PROBLEM, status=422, code="PRICE_BELOW_70")
    stage.plan.put("POST", "/v1/quotes", *[refusal] * 5)
    told = await stage.sell([{"code": "10004", "qty": 1}], expects="refusal")
    sent = stage.calls("POST", SALES)
    asked = stage.calls("POST", "/v1/quotes")
    sold = sent[-1] if sent else None
    stage.check("refused.not_sold", not sent and bool(asked), "a sale came after the refusal", sold)
    shown = [str(one) for one in told.get("shown", ())]
    why = f"the cashier saw {shown}, not: {_REFUSAL}"
    stage.check("refused.shown", any(_REFUSAL in one for one in shown), why, asked[-1] if asked else None)


async def newer_version(stage: Stage) -> None:
    """Every answer and event has fields of a later version."""
    stage.relay.newer = True
    try:
        await stage.sell([{"code": "10005", "qty": 1}])
    finally:
        stage.relay.newer = False
    last = stage.calls("POST", "")
    sales = await stage.booked("sale")
    why = "no sale was booked while answers had a field that the POS does not know"
    stage.check("newer.fields", len(sales) == 1, why, last[-1] if last else None)


def quoted_wrongly(stage: Stage) -> tuple[str, Exchange] | None:
    """The first sale of the scene that does not fit its quote, and why."""
    due = {one.said["quote_id"]: one.said["due_fen"] for one in stage.calls("POST", "/v1/quotes") if _answered(one)}
    for one in stage.calls("POST", SALES):
        body = one.sent if isinstance(one.sent, dict) else {}
        wanted = due.get(body.get("quote_id"))
        if wanted is None:
            return "the sale names no quote of this POS", one
        tendered = sum(tender["amount_fen"] for tender in body.get("tenders", ()))
        if tendered != wanted:
            return f"tendered {tendered} fen, the quote left {wanted} due", one
    return None


def _quoted(stage: Stage, rule: str) -> None:
    if not stage.calls("POST", SALES):
        stage.check(rule, False, "no sale came")
        return
    wrong = quoted_wrongly(stage)
    stage.check(rule, wrong is None, *(wrong or ("",)))


def _answered(one: Exchange) -> bool:
    return one.till_status == 200 and isinstance(one.said, dict)


def _following(stage: Stage) -> list[Exchange]:
    return [one for one in stage.relay.record.calls("GET", "/v1/events") if one.pos_status == 200]


def _raw(transaction_id: str, total_fen: int, at: datetime) -> str:
    """A text that does not survive being read and written again: CDATA, empty fields, a trailing newline."""
    payer = world.member(_PAYER)
    return wechat.v2_result(transaction_id, "kit-order-1", total_fen, payer.openid, payer.sub_openid, at) + "\n"
