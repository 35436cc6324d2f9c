"""The life of a device: open, serve, lose, wait a little longer each time, open again; for ever.

Run as one task per device by the composition root; ends only by cancellation, or by an exception that is not the
device's (ours, the books', or whatever `deliver` raises). It announces edges, not attempts, and never logs a code.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar

from agent.domain.errors import AgentError, ConfigError, InvariantViolation, StorageError
from agent.limits import DEVICE_REOPEN_BASE_S, DEVICE_REOPEN_CAP_S, DEVICE_STABLE_S
from agent.ports import Clock, Entropy

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

OnState = Callable[[str, bool, str], object]
"""`(name, up, reason)` of a device; the reason is empty while it is up."""


class Source(Protocol[T_co]):
    """A device that gives things, as `ports.Scanner` gives scans."""

    name: str

    async def open(self) -> None:
        """Take the device; raises DeviceUnavailable."""
        ...

    async def read(self) -> T_co:
        """Wait for the next thing; raises DeviceError when the device is lost."""
        ...

    def close(self) -> None:
        """Let go of the device; safe at any time."""
        ...


@dataclass(frozen=True, slots=True)
class _Ill:
    """Why a device does not serve."""

    reason: str


async def supervise(
    source: Source[T],
    deliver: Callable[[T], Awaitable[None]],
    *,
    clock: Clock,
    entropy: Entropy,
    on_edge: OnState,
    on_attempt: OnState | None = None,
) -> NoReturn:
    """Keep a device open for ever and hand over what it gives, one by one, in order.

    Any exception of the driver counts as an ill device, because selling goes on; what `deliver` or `on_edge` raises
    does not, and goes up after the device is closed. A device that flaps waits as long as one that is missing; one
    that held for DEVICE_STABLE_S starts again from the shortest wait. `on_edge` hears when the device is first known
    to be up or down and at each change after that; `on_attempt` hears every attempt, so that health shows today's
    reason ("permission denied") and not that of the edge ("hung up").
    """
    announced: bool | None = None
    failures = 0

    def announce(up: bool, reason: str = "") -> None:
        nonlocal announced
        if on_attempt is not None:
            on_attempt(source.name, up, reason)
        if announced is not up:
            announced = up
            on_edge(source.name, up, reason)

    try:
        while True:
            ill = await _ask(source.open)
            if ill is None:
                announce(True)
                up_since_s = clock.mono_s()
                ill = await _serve(source, deliver)
                if clock.mono_s() - up_since_s >= DEVICE_STABLE_S:
                    failures = 0
            source.close()  # ORDER: before waiting; a descriptor kept open makes the device come back elsewhere
            announce(False, ill.reason)
            await asyncio.sleep(reopen_delay_s(failures, entropy))
            failures += 1
    finally:
        source.close()


def reopen_delay_s(failures: int, entropy: Entropy) -> float:
    """Seconds to wait after `failures` earlier failures: half to all of the doubled step, capped."""
    step_s = min(DEVICE_REOPEN_CAP_S, DEVICE_REOPEN_BASE_S * 2.0 ** min(failures, 16))
    return entropy.uniform(step_s / 2, step_s)


async def _serve(source: Source[T], deliver: Callable[[T], Awaitable[None]]) -> _Ill:
    while True:
        given = await _ask(source.read)
        if isinstance(given, _Ill):
            return given
        await deliver(given)


async def _ask(call: Callable[[], Awaitable[T]]) -> T | _Ill:
    """Ask the driver; an unexpected exception is named by its type only, for its text may quote a code."""
    try:
        return await call()
    except (ConfigError, InvariantViolation, StorageError):
        raise
    except AgentError as error:
        return _Ill(f"{error.message} ({error.hint})" if error.hint else error.message)
    except Exception as error:
        return _Ill(f"unexpected {type(error).__name__} in the driver")
