"""Who tells the POS under test what to do: its test hook over HTTP, or a person at its keyboard. Called by scenes."""

import sys
from collections.abc import Callable
from typing import Any, Protocol

import httpx

from agent.domain.errors import AgentError
from agent.worker import Worker

Order = dict[str, Any]


class Driver(Protocol):
    """Gives one order and waits until the POS has done with it."""

    can_pay_wechat: bool

    async def do(self, order: Order) -> Order:
        """What the POS told: `sale_id`, and in `shown` the sentences the cashier saw."""
        ...


class Hook:
    """The vendor's test hook: POST {"do": ...}; 200 with JSON once the POS is done, whatever came of it."""

    can_pay_wechat = True

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = url
        self._http = httpx.AsyncClient(timeout=timeout_s, trust_env=False)

    async def do(self, order: Order) -> Order:
        """Raises AgentError where no hook answers at all; a hook that fails or hangs told nothing."""
        try:
            answer = await self._http.post(self._url, json=order)
            told = answer.json()
        except httpx.ConnectError as error:
            raise AgentError(f"no hook answers at {self._url}", hint="start the POS under test first") from error
        except (httpx.HTTPError, ValueError):
            return {}
        return told if isinstance(told, dict) else {}

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()


class Person:
    """Prints what somebody should do at the POS, and waits for Enter."""

    can_pay_wechat = False

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._keyboard = Worker("keyboard")

    async def do(self, order: Order) -> Order:
        """The answers typed: the sale's id and the sentence shown, where the scene needs them."""
        self._say(_instruction(order))
        told: Order = {}
        if order.get("expects") == "refusal":
            self._say("  What did the POS show the cashier? Type it, then Enter:")
            told["shown"] = [(await self._keyboard.call(sys.stdin.readline)).strip()]
        else:
            self._say("  Enter when done:")
            await self._keyboard.call(sys.stdin.readline)
        return told

    async def close(self) -> None:
        """Let go of the keyboard."""
        self._keyboard.close(0)


def _instruction(order: Order) -> str:
    lines = ", ".join(f"{one.get('qty', 1)} x {one['code']}" for one in order.get("lines", ()) if "code" in one)
    match order["do"]:
        case "pair":
            return f"* Set the POS's till address to {order['base_url']} and pair it with the code {order['code']}"
        case "sell":
            who = "the member who was just scanned" if order.get("member") == "scanned" else "nobody"
            return f"* Sell {lines} to {who}, paid in cash"
        case "return":
            back = ", ".join(f"{one['qty']} of line {one['line']}" for one in order["lines"])
            return f"* Take back {back} of sale {order['sale_id']}"
        case _:
            return f"* Void sale {order['sale_id']}"
