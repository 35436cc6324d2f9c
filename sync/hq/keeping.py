"""Background work that is begun again: what nobody foresaw is logged and ends no other work of HQ's.

Used by sync.hq.server for every loop that it starts.
"""

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable

from sync.hq.bounds import BACKGROUND_PAUSE_S

_log = logging.getLogger("pos_agent.hq")


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
