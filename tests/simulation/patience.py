"""How a cashier goes on after a cut: the same call again until the till answers, as the API's callers are told to."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.books_ports import Outcome
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.ids import EventName
from agent.domain.member import Identification
from agent.worker import WorkerClosed
from tests.simulation.chance import HOUR_S
from tests.simulation.process import Killed
from tests.simulation.store import SimulatedStore

T = TypeVar("T")
_PATIENCE_S = 4 * HOUR_S


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Something that was booked and whose caller got an answer. `request` is what makes two calls the same."""

    store: str
    kind: str
    caller_id: str
    request: dict[str, Json]
    name: EventName
    answer: dict[str, Json]
    tenders_fen: tuple[int, ...] = ()
    """What the customer paid, tender by tender, beside what was paid before (stored value, cards)."""
    dynamic_code: str | None = None


@dataclass(frozen=True, slots=True)
class Quoted:
    """What a cashier keeps of a quote."""

    quote_id: str
    due_fen: int
    shown: Identification | None
    spends: bool


class GaveUp(Exception):
    """The agent was down for too long: the customer left without paying."""


@dataclass(slots=True)
class Patience:
    """Calls to one till, and what came of them."""

    store: SimulatedStore
    acknowledged: list[Acknowledged] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    async def ask(self, call: Callable[[], Awaitable[T]], *, for_ever: bool = False) -> T | None:
        """Call the till until it answers; a refusal is None. Raises GaveUp when it is down too long."""
        store, loop = self.store, asyncio.get_running_loop()
        until_s = loop.time() + _PATIENCE_S
        while True:
            process = store.process
            try:
                return await call()
            except Refusal as refusal:
                store.trace.note(store.name, "refused", refusal.code)
                self.refused[refusal.code] += 1
                if refusal.code != "IN_FLIGHT":
                    return None
                await asyncio.sleep(0.5)
            except (Killed, WorkerClosed):
                pass
            except Exception:
                if not process.dead.is_set():  # else a call that died with its process in whatever way
                    raise
            if loop.time() > until_s and not for_ever:
                raise GaveUp
            await store.up.wait()
            await asyncio.sleep(0.2)

    def note(self, kind: str, caller_id: str, request: dict[str, Json], outcome: Outcome, **more: Any) -> None:
        """Write down what was acknowledged: it must be in the books for ever."""
        store = self.store
        store.trace.note(store.name, kind, caller_id, outcome.kind, outcome.name.epoch, outcome.name.seq)
        self.acknowledged.append(
            Acknowledged(store.name, kind, caller_id, request, outcome.name, outcome.answer, **more)
        )
