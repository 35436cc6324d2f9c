"""A real Chromium against a till of this machine: started once, closed by the test; sees nothing but loopback.

`with chromium() as browser:` then `browser.new_page()`; playwright's synchronous side, so the till runs in a thread of
its own (`served_till`).
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from playwright.sync_api import Browser, expect, sync_playwright

from tests.api_till import ApiTill, running

T = TypeVar("T")
CHROMIUM = "/usr/bin/chromium"
PATIENCE_MS = 30_000
"""What a page may take on a machine that has other things to do."""
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A headless Chromium; `more` are further arguments."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*_ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


class ServedTill:
    """A till in a thread of its own, driven from the test's thread."""

    def __init__(self, till: ApiTill, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        self.till = till
        self.loop = loop
        self._stop = stop

    async def halt(self) -> None:
        """Stop the daemon in order; its pages lose their line."""
        await self.till.client.aclose()
        await self.till.world.halt()

    async def start_again(self) -> None:
        """Open the same books again, on the same port, as after a restart of the daemon."""
        world = self.till.world
        port = world.agent.port
        world.settings = world.settings.model_copy(update={"api": world.settings.api.model_copy(update={"port": port})})
        await world.reopen()
        self.till.client = await world.start()

    def end(self) -> None:
        """Let the thread's loop end."""
        self.loop.call_soon_threadsafe(self._stop.set)

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.till.world.agent.port}"

    def run(self, work: Coroutine[Any, Any, T], deadline_s: float = 60) -> T:
        """Run a coroutine on the till's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, deadline_s), self.loop).result(deadline_s + 5)

    def call(self, work: Callable[[], T]) -> T:
        """Run a plain function on the till's loop."""

        async def wrapped() -> T:
            return work()

        return self.run(wrapped())


@contextmanager
def served_till(folder: Path, *, devices: bool = True, extra: str = "", life_s: float = 600) -> Iterator[ServedTill]:
    """A running till whose loop turns in a thread of its own until the block ends, or `life_s` passed."""
    ready: threading.Event = threading.Event()
    held: list[ServedTill] = []
    failed: list[BaseException] = []

    def serve() -> None:
        try:
            with running(folder, devices=devices, extra=extra) as till:
                stop = asyncio.Event()
                loop = till.loop()
                held.append(ServedTill(till, loop, stop))
                ready.set()
                till.run(_until(stop), deadline_s=life_s)
        except BaseException as error:
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=serve, name="till")
    thread.start()
    ready.wait()
    if failed:
        raise failed[0]
    try:
        yield held[0]
    finally:
        held[0].end()
        thread.join(60)
    if failed:
        raise failed[0]


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
