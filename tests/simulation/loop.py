"""Virtual time: an event loop whose selector never waits but moves the clock to the next timer.

Run by tests.simulation.world. There are no sockets and no threads in the simulated world: a wake-up from a thread, a
default executor and a wait for nothing are mistakes and raise at once. (Same ready queue and timers as asyncio's own.)
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")


class NothingScheduled(RuntimeError):
    """Every task waits for something that nobody will ever do: a deadlock."""


class _Selector:
    def __init__(self, loop: "VirtualLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingScheduled(f"nothing is scheduled after {self._loop.time():.3f} s of virtual time")
        self._loop.now_s += max(0.0, timeout)
        return []

    def close(self) -> None:
        """Nothing is held."""


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio's own scheduling, in virtual seconds from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._selector = _Selector(self)
        self._clock_resolution = 1e-6  # above the rounding of a float that counts the seconds of years

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self.now_s

    def run_in_executor(self, *_: Any) -> NoReturn:  # type: ignore[override]
        """There are no threads here."""
        raise AssertionError("a thread was asked for in the simulated world")

    def _process_events(self, event_list: list[Any]) -> None:
        assert not event_list

    def _write_to_self(self) -> NoReturn:
        raise AssertionError("a thread woke the simulated world")


def run(work: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """Run `work` to its end in virtual time; what is still running then is cancelled."""
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(work)
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()
