"""What happens when something goes up or down: health is told, listeners hear it, whoever slept is woken.

Built by agent.main, which joins the parts that are made later (`Woken`). Edges only: whoever calls knows that something
has changed. Nothing here waits; work that has to wait is started beside.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from agent.announce import Announcer
from agent.books_ports import JobState
from agent.clock_trust import ClockMark, ClockTrust
from agent.domain.digest import Json
from agent.health import Health
from agent.leasing import Leasing
from agent.risk_desk import RiskDesk
from sync.pull import Puller
from sync.push import Pusher


@dataclass(slots=True)
class Woken:
    """The parts that edges wake; HQ is first heard when all of them are there."""

    trust: ClockTrust
    desk: RiskDesk
    leasing: Leasing
    pusher: Pusher
    puller: Puller
    reconcile_if_due: Callable[[], Coroutine[Any, Any, None]]


class Edges:
    """One method for each kind of edge."""

    def __init__(self, health: Health, announcer: Announcer) -> None:
        self._health = health
        self._announcer = announcer
        self._running: set[asyncio.Task[Any]] = set()
        self.woken: Woken | None = None

    @property
    def _parts(self) -> Woken:
        assert self.woken is not None, "joined before anything is reached"
        return self.woken

    # --- devices ----------------------------------------------------------------------------------------------------
    def scanner(self, name: str, up: bool, reason: str) -> None:
        """A scanner came or went."""
        self._health.report(f"scanner {name}", up=up, reason=reason)
        self.announce("device.ready" if up else "device.lost", {"device": name, "reason": reason})

    def scanner_attempt(self, name: str, up: bool, reason: str) -> None:
        """A scanner was tried again; only its reason may be new."""
        self._health.report(f"scanner {name}", up=up, reason=reason)

    def passthrough(self, up: bool, reason: str) -> None:
        """Codes begin or cease to reach the POS on its virtual serial port."""
        self._health.report("passthrough", up=up, reason=reason)
        self.announce("device.ready" if up else "device.lost", {"device": "passthrough", "reason": reason})

    async def printer(self, name: str, up: bool | None, reason: str) -> None:
        """A printer came or went, says something new (its roll is nearly used up), or cannot be asked (None)."""
        self._health.report(f"printer {name}", up=up, reason=reason)
        self.announce("device.lost" if up is False else "device.ready", {"device": name, "reason": reason})

    async def print_state(self, job_id: str, state: JobState, note: str) -> None:
        """A print job moved on."""
        await self._announcer.announce("print.state", {"job_id": job_id, "state": state, "reason": note})

    def room(self, low: bool, reason: str) -> None:
        """The disk got full, or has room again."""
        known = self._health.state("storage")
        self._health.report("storage", up=not low, reason=reason)
        if low or (known is not None and known.up is False):
            self.announce("storage.low" if low else "storage.ok", {"reason": reason})

    # --- HQ ---------------------------------------------------------------------------------------------------------
    def hq_contact(self, reached: bool, reason: str) -> None:
        """HQ answered, or did not; told with every call."""
        if not self._health.report("hq", up=reached, reason=reason):
            return
        parts = self._parts
        parts.leasing.on_contact(reached)
        self.announce("sync.state", {"up": reached, "reason": reason})
        self._start(parts.desk.look())
        if reached:
            parts.pusher.reached.set()
            parts.puller.wake.set()

    def fork(self, old: str, new: str) -> None:
        """HQ holds other books under this epoch's name; selling goes on in a new one."""
        self.announce("sync.fork", {"epoch": old, "new_epoch": new})

    # --- the clock --------------------------------------------------------------------------------------------------
    def skew(self, skew_ms: int | None) -> None:
        """The wall clock went off HQ's, or is right again (None)."""
        self._start(self._parts.desk.tell_skew(skew_ms))
        self._start(self._parts.desk.look())

    async def clock_jump(self) -> None:
        """The wall clock moved otherwise than monotonic time."""
        await self._parts.desk.look()
        await self._parts.reconcile_if_due()

    def clock_mark(self, mark: ClockMark) -> None:
        """HQ said what time it is."""
        self._start(self._parts.trust.keep(mark))

    # --- telling ----------------------------------------------------------------------------------------------------
    def announce(self, kind: str, data: dict[str, Json]) -> None:
        """Tell listeners, beside what is going on."""
        self._start(self._announcer.announce(kind, data))

    def _start(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
