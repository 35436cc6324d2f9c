"""What the relay does to a request, and when: a plan written by a scenario, or dice with a seed. Pure but for hooks.

Called by agent.kit.relay. Faults are those of a till on a cashier PC: the answer is lost, the agent is stopping, it is
slow, it is still booking, its answers have fields of a newer version.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from agent.kit.record import Exchange

Hook = Callable[[Exchange], Awaitable[None]]


class Kind(StrEnum):
    """What is done."""

    PASS = "pass"  # noqa: S105 - no password: the request is passed on
    LOST = "lost"
    """The till books; its answer never arrives."""
    RESET = "reset"
    """Neither the till nor the POS gets anything."""
    PROBLEM = "problem"
    """The relay answers itself; the till is not asked."""
    SLOW = "slow"
    """Passed on at once; the answer comes late."""


@dataclass(frozen=True, slots=True)
class Act:
    """One fault. `before` runs before the till is asked, `after` before the POS is answered."""

    kind: Kind = Kind.PASS
    status: int = 503
    code: str = "STOPPING"
    retry_after_s: int | None = None
    delay_s: float = 0.0
    before: Hook | None = None
    after: Hook | None = None


PASS = Act()
Decide = Callable[[Exchange], Act]


class Plan:
    """Acts for the next matching requests, in order; whatever matches none passes."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str, str, Act]] = []

    def put(self, method: str, path_end: str, *acts: Act) -> None:
        """Do these to the next requests of this method whose path ends so."""
        self._waiting += [(method, path_end, act) for act in acts]

    def clear(self) -> None:
        """Forget what was not met."""
        self._waiting.clear()

    def __call__(self, exchange: Exchange) -> Act:
        for index, (method, path_end, act) in enumerate(self._waiting):
            if exchange.method == method and exchange.path.endswith(path_end):
                del self._waiting[index]
                return act
        return PASS


@dataclass(frozen=True, slots=True)
class Odds:
    """How often each fault falls, in percent of all calls but the event stream; the same seed, the same run.

    >>> dice = Odds(lost=10, stopping=10, slow=10, slow_s=3, seed="7")
    >>> [dice.kind(number) for number in range(1, 8)]
    ['pass', 'lost', 'pass', 'pass', 'pass', 'pass', 'pass']
    """

    lost: int
    stopping: int
    slow: int
    slow_s: float
    seed: str

    def kind(self, number: int) -> str:
        """What falls on the n-th request."""
        drawn = int.from_bytes(hashlib.sha256(f"{self.seed}:{number}".encode()).digest()[:6], "big") % 100
        for kind, share in ((Kind.LOST, self.lost), (Kind.PROBLEM, self.stopping), (Kind.SLOW, self.slow)):
            if drawn < share:
                return str(kind)
            drawn -= share
        return str(Kind.PASS)

    def __call__(self, exchange: Exchange) -> Act:
        if exchange.path == "/v1/events":
            return PASS
        kind = Kind(self.kind(exchange.number))
        return Act(kind, retry_after_s=1 if kind is Kind.PROBLEM else None, delay_s=self.slow_s)
