"""The scripted line of customers: thirteen kinds, over and over, each played through scanner, API and printer.

Called by agent.demo.run. Every customer really scans, pays and gets paper; nothing here reaches into the agent.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from agent.demo import spenders, wechat
from agent.demo.counter import Counter, Served, Step, cash, sale_step, someone
from agent.demo.world import BRAND, openid, pick
from agent.domain.business_day import local_time

_Done = tuple[list[Step], list[str]]
"""What was booked, and remarks."""
_ASKED: Final = 5
"""Times a customer shows a new code where WeChat did not answer within the till's 800 ms."""


async def serve(number: int, at: Counter) -> Served:
    """Serve the n-th customer (1 is the first)."""
    kind, title, script = _SCRIPTS[(number - 1) % len(_SCRIPTS)]
    at.pos.drain()
    steps, remarks = await script(number, at)
    paper = b"".join([await at.paper(step.number) for step in steps])
    served = Served(number, kind, title, steps, paper, remarks, _whose(at, steps))
    at.sold[kind] = served
    return served


def _whose(at: Counter, steps: list[Step]) -> dict[str, object] | None:
    """Whom it was booked for; goods come back for whoever bought them."""
    last = steps[-1].answer
    if "member" in last:
        found: dict[str, object] | None = last["member"]
        return found
    return next(one.member for one in at.sold.values() if last["sale_id"] in (step.number for step in one.steps))


async def _static(number: int, at: Counter) -> _Done:
    who = await at.scan(someone(number).number)
    quote = await at.quote(number, who["identification_id"])
    return [await at.sell(at.sale(number, quote, cash(quote["due_fen"])))], []


async def _dynamic(number: int, at: Counter) -> _Done:
    code = await at.hq.issue_dynamic_code(BRAND, someone(number).number)  # what the mini-program shows
    who = await at.scan(code)
    quote = await at.quote(number, who["identification_id"])
    tender = {"type": "alipay", "amount_fen": quote["due_fen"]}
    return [await at.sell(at.sale(number, quote, tender))], ["signed code checked without the network"]


async def _wechat(number: int, at: Counter, result: Callable[..., str], payer: tuple[str, str]) -> list[Step]:
    """Scan the payment code when all is rung up, charge it."""
    quote = await at.quote(number, None)
    code = await _shown(number, at, payer)
    return await _charged(number, at, quote, code, result)


async def _shown(number: int, at: Counter, payer: tuple[str, str], again: int = 0) -> str:
    """The payment code on the customer's phone, scanned."""
    code = at.wechat.show(f"13{pick('auth', at.run, number, again) % 10**16:016d}", *payer)
    at.scanner.scan(code)
    await at.pos.event("scan.payment_code")
    return code


async def _charged(
    number: int, at: Counter, quote: dict[str, Any], code: str, result: Callable[..., str]
) -> list[Step]:
    """Charge it (here: WeChat always says yes), hand over WeChat's exact answer, book the sale."""
    transaction_id = f"42000{pick('transaction', at.run, number) % 10**14:014d}{number:09d}"
    order = f"{at.run}-{number:04d}"
    payer = at.wechat.charge(code, transaction_id, order, quote["due_fen"])
    raw = result(transaction_id, order, quote["due_fen"], *payer, local_time(at.clock.now_ms()))
    who = await at.pos.ask("/v1/payments/wechat", {"raw": raw})
    tender = {"type": "wechat", "amount_fen": quote["due_fen"]}
    return [await at.sell(at.sale(number, quote, tender, identification_id=who["identification_id"]))]


async def _payment_code(number: int, at: Counter) -> _Done:
    """The payment code comes first: HQ asks WeChat whose it is, and the tier price stands before anything is paid."""
    payer, who, tries = someone(number), None, 0
    while who is None:
        code = await _shown(number, at, (payer.openid, payer.sub_openid), tries)
        status, answer = await at.pos.call("POST", "/v1/members/resolve", {"auth_code": code})
        tries += 1
        if status == 200:
            who = answer["identification_id"]
        elif answer["code"] != "PAYMENT_CODE_NEEDS_NETWORK" or tries == _ASKED:
            raise RuntimeError(f"a payment code was not resolved: {answer['code']} {answer['detail']}")
    quote = await at.quote(number, who)
    steps = await _charged(number, at, quote, code, wechat.v2_result)
    return steps, ["HQ asked WeChat whose code it is: the tier price applies before payment"]


async def _wechat_v2(number: int, at: Counter) -> _Done:
    payer = someone(number)
    steps = await _wechat(number, at, wechat.v2_result, (payer.openid, payer.sub_openid))
    return steps, ["payment alone found the member: earns, never reprices"]


async def _wechat_v3(number: int, at: Counter) -> _Done:
    payer = someone(number)
    steps = await _wechat(number, at, wechat.v3_result, (payer.openid, payer.sub_openid))
    return steps, ["payment alone found the member: earns, never reprices"]


async def _stranger(number: int, at: Counter) -> _Done:
    payer = (openid("oStranger_", number), openid("oStrange_", number))
    return await _wechat(number, at, wechat.v2_result, payer), ["unknown payer: join prompt with a claim"]


async def _cut_off(number: int, at: Counter) -> _Done:
    await at.cable.pull()
    try:
        steps, _ = await _static(number, at)
        await at.paper(steps[-1].number)
    finally:
        await at.cable.plug()
    return steps, ["the cable was out from before the scan until after the paper"]


async def _twice(number: int, at: Counter) -> _Done:
    code = someone(number).number
    at.scanner.scan(code)
    who = await at.scan(code)
    quote = await at.quote(number, who["identification_id"])
    body = at.sale(number, quote, cash(quote["due_fen"]))
    first = await at.pos.ask("/v1/sales", body)
    second = await at.pos.ask("/v1/sales", body)
    assert second["outcome"] == "exists"
    assert second["event"] == first["event"]
    return [sale_step(first)], ["code read twice, pay pressed twice: one scan, one sale"]


_Script = Callable[[int, Counter], Awaitable[_Done]]
_SCRIPTS: tuple[tuple[str, str, _Script], ...] = (
    ("static_code", "shows the member card", _static),
    ("dynamic_code", "shows the dynamic code", _dynamic),
    ("wechat_v2", "pays by WeChat (v2 result)", _wechat_v2),
    ("wechat_v3", "pays by WeChat (v3 result)", _wechat_v3),
    ("payment_code", "shows the payment code before payment", _payment_code),
    ("non_member", "pays by WeChat, is no member", _stranger),
    ("network_cut", "comes while the network is cut", _cut_off),
    ("scanned_twice", "is scanned twice", _twice),
    ("spends_offline", "uses coupon and points while the network is cut", spenders.offline),
    ("stored_value", "recharges and pays from it", spenders.stored_value),
    ("count_card", "buys a count card and uses it", spenders.count_card),
    ("return", "brings a piece back", spenders.brings_back),
    ("void", "wants the whole sale undone", spenders.voided),
)
KINDS = len(_SCRIPTS)
"""How many customers show it all."""
