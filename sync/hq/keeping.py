"""Background work that is begun again: what nobody foresaw is logged and ends no other work of HQ's.

Used by sync.hq.server for every loop that it starts, and by the loops themselves for how long they rest.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable

from sync.hq.bounds import BACKGROUND_PAUSE_S, BUSY_REST, BUSY_REST_S, RECOMPUTE_PAUSE_S

_log = logging.getLogger("pos_agent.hq")


def pause_after(step_s: float, *, busy: bool) -> float:
    """Seconds between two steps of what nobody waits for, the last of which took so long. `busy`: while stores wait.

    >>> pause_after(0.01, busy=False), pause_after(0.5, busy=True), pause_after(0.0, busy=True)
    (0.05, 4.5, 0.05)
    """
    return max(RECOMPUTE_PAUSE_S, min(BUSY_REST_S, BUSY_REST * step_s) if busy else 0.0)


async def kept(
    name: str, run: Callable[[], Awaitable[None]], pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Run a loop until it ends by itself; one that raises begins again after BACKGROUND_PAUSE_S.

    The log gets the error's class and place, not its text: an engine's error repeats the row it refused.
    """
    while True:
        try:
            await run()
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            what = f"{type(error).__name__} in {where.name}, {where.filename}:{where.lineno}"
            _log.error("%s failed and begins again in %s s: %s", name, BACKGROUND_PAUSE_S, what)
            await pause(BACKGROUND_PAUSE_S)
        else:
            return
