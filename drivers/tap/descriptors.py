"""Waiting for a descriptor on the event loop, without a thread. Used by the ends of the tap."""

import asyncio
from collections.abc import Callable


async def ready(fd: int, add: Callable[[int, Callable[[], None]], None], remove: Callable[[int], object]) -> None:
    """Wait until a descriptor can be read or written: `add` and `remove` are the loop's add_reader and remove_reader,
    or its writer twins."""
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def now() -> None:
        if not waiting.done():
            waiting.set_result(None)

    add(fd, now)
    try:
        await waiting
    finally:
        remove(fd)
