"""Customers who use what they own: coupon and points offline, stored value, a count card; and what comes back.

Called by agent.demo.customers; numbers of these calls carry a letter, so that no number is the beginning of another.
"""

from functools import cache
from typing import Any

from agent.demo.counter import OPERATOR, Counter, Step, cash, someone
from agent.demo.world import BRAND, COUNT_CARD, MEMBERS, DemoMember, member

_LINES = [{"code": "10005", "qty": 3}, {"code": "10006", "qty": 1}]
_POINTS = 500
_RECHARGE_FEN = 30_000

Done = tuple[list[Step], list[str]]


@cache
def savers() -> tuple[DemoMember, ...]:
    """Members who hold a coupon of 5 yuan off 30 and enough points."""
    everyone = (member(number) for number in range(MEMBERS))
    return tuple(one for one in everyone if one.points >= _POINTS and any(row[2] == "cp5" for row in one.coupons()))


async def _spender(number: int, at: Counter, who: DemoMember) -> dict[str, Any]:
    """The member's phone shows a fresh code, with or without the till's network."""
    return await at.scan(await at.hq.issue_dynamic_code(BRAND, who.number))


async def offline(number: int, at: Counter) -> Done:
    """Coupon and points, planned while the cable is in, spent while it is out."""
    who = savers()[number // 12 % len(savers())]
    found = await _spender(number, at, who)
    held = found["member"]
    asks: dict[str, Any] = {
        "lines": _LINES,
        "coupons": [one["coupon_id"] for one in held["coupons"] if one["type"] == "amount_off"][:1],
        "points": min(_POINTS, held["points"] // 100 * 100),
        "cash": True,
    }
    first = await at.quote(number, found["identification_id"], **asks)
    await at.pos.call("DELETE", f"/v1/quotes/{first['quote_id']}")
    await at.cable.pull()
    try:
        again = await _spender(number, at, who)
        quote = await at.quote(number, again["identification_id"], **asks, hold=True)
        step = await at.sell(at.sale(number, quote, cash(quote["due_fen"])))
        await at.paper(step.number)
    finally:
        await at.cable.plug()
    return [step], [
        "HQ leased coupon and points to this till at a first quote; then the cable was out until after the paper"
    ]


async def stored_value(number: int, at: Counter) -> Done:
    """Money onto stored value, then a purchase paid from it."""
    who = someone(number)
    found = await at.scan(who.number)
    wish: dict[str, Any] = {
        "recharge_id": f"{at.run}-C{number:04d}",
        "identification_id": found["identification_id"],
        "amount_fen": _RECHARGE_FEN,
        "operator": OPERATOR,
    }
    promised = await at.pos.ask("/v1/recharges", {**wish, "preview": True})
    answer = await at.pos.ask("/v1/recharges", {**wish, "tenders": [cash(_RECHARGE_FEN)]})
    load = Step("recharge", wish["recharge_id"], answer, answer["amount_fen"], 0)
    again = await _spender(number, at, who)
    quote = await at.quote(number, again["identification_id"], stored_value="max")
    due = [cash(quote["due_fen"])] if quote["due_fen"] else []
    sale = await at.sell(at.sale(number, quote, *due))
    return [load, sale], [
        f"asked first: {promised['gift_fen'] // 100} yuan come on top; then money and books",
        "the purchase was paid from it, principal first",
    ]


async def count_card(number: int, at: Counter) -> Done:
    """A card of ten juices, and the first of them in a purchase."""
    who = someone(number)
    found = await at.scan(who.number)
    card: dict[str, Any] = {
        "card_sale_id": f"{at.run}-K{number:04d}",
        "identification_id": found["identification_id"],
        "product": COUNT_CARD["id"],
        "tenders": [{"type": "alipay", "amount_fen": COUNT_CARD["price_fen"]}],
        "operator": OPERATOR,
    }
    answer = await at.pos.ask("/v1/count-cards", card)
    bought = Step("count_card_sale", card["card_sale_id"], answer, answer["price_fen"], 0)
    again = await _spender(number, at, who)
    lines = [{"code": "10005", "qty": 1}, {"code": "10001", "qty": 1}]
    use = {"card_id": answer["card_id"], "units": 1, "line": 1}
    quote = await at.quote(number, again["identification_id"], lines=lines, count_card=use)
    tender = {"type": "alipay", "amount_fen": quote["due_fen"]}
    return [bought, await at.sell(at.sale(number, quote, tender))], ["one use paid for the juice"]


async def brings_back(number: int, at: Counter) -> Done:
    """One piece of what the latest saver bought comes back: money, points and coupon as they were recorded."""
    sale_id = at.sold["spends_offline"].steps[-1].number
    wish: dict[str, Any] = {
        "return_id": f"{at.run}-R{number:04d}",
        "sale_id": sale_id,
        "lines": [{"line": 1, "qty": 1}],
        "operator": OPERATOR,
        "reason": "包装破损",
    }
    answer = await at.pos.ask("/v1/returns", wish)
    return [_given_back("return", wish["return_id"], answer)], [f"one piece of {sale_id}; nothing is priced again"]


async def voided(number: int, at: Counter) -> Done:
    """The sale that was paid twice by mistake is taken back whole."""
    sale_id = at.sold["scanned_twice"].steps[-1].number
    void_id = f"{at.run}-V{number:04d}"
    wish = {"void_id": void_id, "operator": OPERATOR, "reason": "顾客取消"}
    answer = await at.pos.ask(f"/v1/sales/{sale_id}/void", wish)
    return [_given_back("void", void_id, answer)], [f"all of {sale_id}, and the points it had earned"]


def _given_back(kind: str, number: str, answer: dict[str, Any]) -> Step:
    return Step(kind, number, answer, -answer["refund_fen"], answer["points_returned"] - answer["points_reversed"])
