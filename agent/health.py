"""What is up, since when and why not: one registry that the composition root makes and hands around.

Fed by the callbacks of agent.supervise and of the printers; read by GET /v1/status, the metrics and the doctor.
It must never decide anything, hold a code or a person's data, or keep a history.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.domain.digest import Json
from agent.ports import Clock

Counters = Callable[[], Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class ComponentState:
    """One component: `up` is None until it first reports and where nobody can tell; `since_at_ms` is of `up`."""

    up: bool | None
    since_at_ms: int
    reason: str = ""


class Health:
    """Component name -> state and counters. One thread (the event loop's) writes and reads it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._states: dict[str, ComponentState] = {}
        self._counters: dict[str, Counters] = {}

    def watch(self, name: str, counters: Counters | None = None) -> None:
        """List a component before it reports; `counters` is called at each snapshot and must not block."""
        self._states.setdefault(name, ComponentState(None, self._clock.now_ms()))
        if counters is not None:
            self._counters[name] = counters

    def report(self, name: str, *, up: bool | None, reason: str = "") -> bool:
        """Note that a component is up, or down and why; True on an edge (first report, or `up` changed).

        `up` None: it works as far as anybody can tell, but cannot be asked (a printer that never answers).
        """
        before = self._states.get(name)
        if before is not None and before.up is up:
            self._states[name] = ComponentState(up, before.since_at_ms, reason)
            return False
        self._states[name] = ComponentState(up, self._clock.now_ms(), reason)
        return True

    def state(self, name: str) -> ComponentState | None:
        """One component, None when nobody spoke of it."""
        return self._states.get(name)

    def all_up(self) -> bool:
        """Whether every listed component has reported itself up."""
        return all(state.up is True for state in self._states.values())

    def snapshot(self) -> dict[str, dict[str, Json]]:
        """Everything, sorted by name, as JSON: `up` (bool or null), `since_at_ms`, `reason`, `counters`."""
        return {
            name: {
                "up": state.up,
                "since_at_ms": state.since_at_ms,
                "reason": state.reason,
                "counters": dict(self._counters[name]()) if name in self._counters else {},
            }
            for name, state in sorted(self._states.items())
        }
