"""The demo's counter, what a customer did at it, and how that stands in summary.json.

Called by agent.demo.customers and agent.demo.spenders, which play customers through scanner, API and printer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.demo.cable import Cable
from agent.demo.pos import Pos
from agent.demo.simulated_wechat import SimulatedWechat
from agent.demo.world import DemoMember, cart, member, pick
from agent.ports import Clock
from drivers.simulated import SimulatedPrinter, SimulatedScanner
from sync.hq.service import HqService

OPERATOR = "小李"


@dataclass(frozen=True, slots=True)
class Step:
    """One booked call: its kind as events name it, the caller's number, the answer, and what it moved (signed)."""

    kind: str
    number: str
    answer: Mapping[str, Any]
    payable_fen: int
    points: int

    def row(self) -> dict[str, Any]:
        """One entry of `steps` in summary.json."""
        return {
            "kind": self.kind,
            "id": self.number,
            "payable_fen": self.payable_fen,
            "points": self.points,
            "event": self.answer["event"],
        }


@dataclass(slots=True)
class Served:
    """How a customer was served: usually one sale, sometimes more; the last step is what they came for."""

    number: int
    scan_kind: str
    title: str
    steps: list[Step]
    receipt: bytes
    """All paper the customer got, one after the other."""
    remarks: list[str]
    member: dict[str, Any] | None

    def of(self, key: str) -> int:
        """The sum over the sales of one figure of their answers."""
        return sum(int(step.answer[key]) for step in self.steps if step.kind == "sale")

    @property
    def certainty(self) -> str | None:
        """How sure the till was who it is; None for nobody, and for goods that come back."""
        found: str | None = self.steps[-1].answer.get("certainty")
        return found

    @property
    def payable_fen(self) -> int:
        """What it all came to, as both books count it."""
        return sum(step.payable_fen for step in self.steps)

    @property
    def points(self) -> int:
        """By how much the balance of points moved."""
        return sum(step.points for step in self.steps)

    @property
    def outside_fen(self) -> int:
        """Money taken, or handed back, outside the sales: recharges, cards, refunds."""
        return sum(step.payable_fen for step in self.steps if step.kind != "sale")

    def summary(self) -> dict[str, Any]:
        """One entry of summary.json. `points` and `payable_fen` are signed, and add up to the totals of both books."""
        last = self.steps[-1].answer
        return {
            "number": self.number,
            "scan_kind": self.scan_kind,
            "certainty": self.certainty,
            "list_fen": self.of("list_fen") + max(0, self.outside_fen),
            "payable_fen": self.payable_fen,
            "saved_fen": self.of("saved_fen"),
            "collected_fen": self.of("collected_fen") + self.outside_fen,
            "foregone_fen": self.of("foregone_fen"),
            "points": self.points,
            "points_balance": last["points_balance"],
            "member": self.member,
            "join_prompt": last.get("join") is not None,
            "discrepancies": [one for step in self.steps for one in step.answer.get("discrepancies", [])],
            "event": last["event"],
            "receipt": f"receipts/{self.number:03d}.bin",
            "remarks": self.remarks,
            "steps": [step.row() for step in self.steps],
        }


@dataclass(frozen=True, slots=True)
class Counter:
    """What stands on the counter, and what a cashier looks up in the drawer of old receipts."""

    pos: Pos
    scanner: SimulatedScanner
    printer: SimulatedPrinter
    cable: Cable
    hq: HqService
    wechat: SimulatedWechat
    clock: Clock
    run: str
    """A mark that keeps ids of one run apart from those of another."""
    sold: dict[str, Served] = field(default_factory=dict)
    """The latest customer of each kind."""

    async def paper(self, number: str) -> bytes:
        """Wait for the paper with this number; the drawer's pulse, where there is one, comes first, as its own job."""
        marker = number.encode()
        seen = 0
        while True:
            seen += 1
            await self.printer.wait_job(seen, timeout=15)
            if marker in self.printer.jobs[seen - 1]:
                return self.printer.raw[seen - 1]

    async def scan(self, code: str) -> dict[str, Any]:
        """Hold a member's code under the scanner; the identification."""
        self.scanner.scan(code)
        return await self.pos.event("member.resolved")

    async def quote(self, number: int, identification_id: str | None, **more: Any) -> dict[str, Any]:
        """Price the n-th customer's cart, or the `lines` given."""
        body: dict[str, Any] = {"lines": cart(number), **more}
        if identification_id is not None:
            body["identification_id"] = identification_id
        return await self.pos.ask("/v1/quotes", body)

    def sale(self, number: int, quote: dict[str, Any], *tenders: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The body of the n-th customer's sale."""
        return {
            "sale_id": f"{self.run}-{number:04d}",
            "quote_id": quote["quote_id"],
            "tenders": list(tenders),
            "operator": OPERATOR,
            **more,
        }

    async def sell(self, body: dict[str, Any]) -> Step:
        """Book a sale."""
        return sale_step(await self.pos.ask("/v1/sales", body))


def sale_step(answer: dict[str, Any]) -> Step:
    """A sale as a step: points earned, less points spent."""
    moved = answer["points_earned"] - answer["redeemed"]["points"]
    return Step("sale", answer["sale_id"], answer, answer["payable_fen"], moved)


def cash(payable_fen: int) -> dict[str, Any]:
    """Paid with notes of 20 yuan."""
    return {"type": "cash", "amount_fen": payable_fen, "received_fen": (payable_fen + 1999) // 2000 * 2000}


def someone(number: int) -> DemoMember:
    """Who the n-th customer is."""
    return member(pick("customer", number) % 3000)
