"""The scripted line of customers: seven kinds, over and over, each played through scanner, API and printer.

Called by agent.demo.run. Every customer really scans, pays and gets paper; nothing here reaches into the agent.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from agent.demo import wechat
from agent.demo.cable import Cable
from agent.demo.pos import Pos
from agent.demo.world import BRAND, DemoMember, cart, member, openid, pick
from agent.domain.business_day import local_time
from agent.ports import Clock
from drivers.simulated import SimulatedPrinter, SimulatedScanner
from sync.hq.service import HqService


@dataclass(frozen=True, slots=True)
class Counter:
    """What stands on the counter."""

    pos: Pos
    scanner: SimulatedScanner
    printer: SimulatedPrinter
    cable: Cable
    hq: HqService
    clock: Clock
    run: str
    """A mark that keeps ids of one run apart from those of another."""


@dataclass(slots=True)
class Served:
    """How a customer was served."""

    number: int
    scan_kind: str
    title: str
    sale: dict[str, Any]
    receipt: bytes
    remarks: list[str] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """One entry of summary.json."""
        keys = ("certainty", "list_fen", "payable_fen", "saved_fen", "collected_fen", "foregone_fen")
        return {
            "number": self.number,
            "scan_kind": self.scan_kind,
            **{key: self.sale[key] for key in keys},
            "points": self.sale["points_earned"],
            "points_balance": self.sale["points_balance"],
            "member": self.sale["member"],
            "join_prompt": self.sale["join"] is not None,
            "discrepancies": self.sale["discrepancies"],
            "event": self.sale["event"],
            "receipt": f"receipts/{self.number:03d}.bin",
            "remarks": self.remarks,
        }


async def serve(number: int, at: Counter) -> Served:
    """Serve the n-th customer (1 is the first)."""
    kind, title, script = _SCRIPTS[(number - 1) % len(_SCRIPTS)]
    at.pos.drain()
    sale, remarks = await script(number, at)
    receipt = await _receipt(at, sale)
    return Served(number, kind, title, sale, receipt, remarks)


async def _receipt(at: Counter, sale: dict[str, Any]) -> bytes:
    """Wait for the paper of this sale: the drawer's pulse, where there is one, comes before it as its own job."""
    marker = str(sale["sale_id"]).encode()
    seen = 0
    while True:
        seen += 1
        await at.printer.wait_job(seen, timeout=15)
        if marker in at.printer.jobs[seen - 1]:
            return at.printer.raw[seen - 1]


async def _scan_member(at: Counter, code: str) -> str:
    at.scanner.scan(code)
    return str((await at.pos.event("member.resolved"))["identification_id"])


async def _quote(at: Counter, number: int, identification_id: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {"lines": cart(number)}
    if identification_id is not None:
        body["identification_id"] = identification_id
    return await at.pos.ask("/v1/quotes", body)


def _sale(at: Counter, number: int, quote: dict[str, Any], tender: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "sale_id": f"{at.run}-{number:04d}",
        "quote_id": quote["quote_id"],
        "tenders": [tender],
        "operator": "小李",
        **more,
    }


def _cash(payable_fen: int) -> dict[str, Any]:
    return {"type": "cash", "amount_fen": payable_fen, "received_fen": (payable_fen + 1999) // 2000 * 2000}


def _someone(number: int) -> DemoMember:
    return member(pick("customer", number) % 3000)


async def _static(number: int, at: Counter) -> tuple[dict[str, Any], list[str]]:
    who = await _scan_member(at, _someone(number).number)
    quote = await _quote(at, number, who)
    return await at.pos.ask("/v1/sales", _sale(at, number, quote, _cash(quote["payable_fen"]))), []


async def _dynamic(number: int, at: Counter) -> tuple[dict[str, Any], list[str]]:
    code = await at.hq.issue_dynamic_code(BRAND, _someone(number).number)  # what the mini-program shows
    who = await _scan_member(at, code)
    quote = await _quote(at, number, who)
    tender = {"type": "alipay", "amount_fen": quote["payable_fen"]}
    return await at.pos.ask("/v1/sales", _sale(at, number, quote, tender)), ["signed code checked without the network"]


async def _wechat(number: int, at: Counter, result: Callable[..., str], payer: tuple[str, str]) -> dict[str, Any]:
    """Scan the payment code, charge it (here: WeChat always says yes), hand over WeChat's exact answer."""
    quote = await _quote(at, number, None)
    at.scanner.scan(f"13{pick('auth', at.run, number) % 10**16:016d}")
    await at.pos.event("scan.payment_code")
    transaction_id = f"42000{pick('transaction', at.run, number) % 10**14:014d}{number:09d}"
    order = f"{at.run}-{number:04d}"
    moment = local_time(at.clock.now_ms())
    raw = result(transaction_id, order, quote["payable_fen"], *payer, moment)
    who = await at.pos.ask("/v1/payments/wechat", {"raw": raw})
    tender = {"type": "wechat", "amount_fen": quote["payable_fen"]}
    sale = _sale(at, number, quote, tender, identification_id=who["identification_id"])
    return await at.pos.ask("/v1/sales", sale)


async def _wechat_v2(number: int, at: Counter) -> tuple[dict[str, Any], list[str]]:
    payer = _someone(number)
    sale = await _wechat(number, at, wechat.v2_result, (payer.openid, payer.sub_openid))
    return sale, ["payment alone found the member: earns, never reprices"]


async def _wechat_v3(number: int, at: Counter) -> tuple[dict[str, Any], list[str]]:
    payer = _someone(number)
    sale = await _wechat(number, at, wechat.v3_result, (payer.openid, payer.sub_openid))
    return sale, ["payment alone found the member: earns, never reprices"]


async def _stranger(number: int, at: Counter) -> tuple[dict[str, Any], list[str]]:
    payer = (openid("oStranger_", number), openid("oStrange_", number))
    return await _wechat(number, at, wechat.v2_result, payer), ["unknown payer: join prompt with a claim"]


async def _cut_off(number: int, at: Counter) -> tuple[dict[str, Any], list[str]]:
    await at.cable.pull()
    try:
        sale, _ = await _static(number, at)
    finally:
        await at.cable.plug()
    return sale, ["the cable was out from before the scan until after the paper"]


async def _twice(number: int, at: Counter) -> tuple[dict[str, Any], list[str]]:
    someone = _someone(number).number
    at.scanner.scan(someone)
    who = await _scan_member(at, someone)
    quote = await _quote(at, number, who)
    body = _sale(at, number, quote, _cash(quote["payable_fen"]))
    first = await at.pos.ask("/v1/sales", body)
    second = await at.pos.ask("/v1/sales", body)
    assert second["outcome"] == "exists"
    assert second["event"] == first["event"]
    return first, ["code read twice, pay pressed twice: one scan, one sale"]


_Script = Callable[[int, Counter], Awaitable[tuple[dict[str, Any], list[str]]]]
_SCRIPTS: tuple[tuple[str, str, _Script], ...] = (
    ("static_code", "shows the member card", _static),
    ("dynamic_code", "shows the dynamic code", _dynamic),
    ("wechat_v2", "pays by WeChat (v2 result)", _wechat_v2),
    ("wechat_v3", "pays by WeChat (v3 result)", _wechat_v3),
    ("non_member", "pays by WeChat, is no member", _stranger),
    ("network_cut", "comes while the network is cut", _cut_off),
    ("scanned_twice", "is scanned twice", _twice),
)
