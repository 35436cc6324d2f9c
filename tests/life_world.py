"""A till whose manager may switch it to a training and back: TillWorld's store, lived by agent.life. For tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from agent.life import Life
from agent.notify import Notifier
from agent.people import Role
from tests.till_world import TillWorld

PIN = "482913"
SECONDS = 20


class Living:
    """A running life and the POS that was paired with it; `pos` stays whatever is turned."""

    def __init__(self, life: Life, pos: httpx.AsyncClient, ready: asyncio.Event) -> None:
        self.life, self.pos, self._ready = life, pos, ready

    async def turn(self, on: bool, client: httpx.AsyncClient | None = None) -> None:
        """Ask for a mode as whoever may, and wait until the till is back in it."""
        self._ready.clear()
        answer = await (client or self.pos).post("/v1/manage/training", json={"on": on, "by": "900"})
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"training": on, "changing": True}
        async with asyncio.timeout(SECONDS):
            await self._ready.wait()
        assert (await self.pos.get("/v1/hello")).json()["training"] is on

    async def signed_in(self, operator: str, pin: str = PIN) -> httpx.Response:
        """Somebody signs in."""
        async with httpx.AsyncClient(base_url=self.pos.base_url, trust_env=False, timeout=10) as page:
            return await page.post("/v1/sign-in", json={"operator": operator, "pin": pin})

    async def status(self) -> dict[str, Any]:
        """What the till says of its mode."""
        told: dict[str, Any] = (await self.pos.get("/v1/status")).json()["mode"]
        return told


@asynccontextmanager
async def living(world: TillWorld, notifier: Notifier | None = None) -> AsyncIterator[Living]:
    """Serve the world's till by a Life until the block ends."""
    await world.agent.close()
    life = Life(world.settings, world.clock, world.entropy, notifier=notifier)
    await life.open()
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(life.run(stop, on_ready=ready.set))
    try:
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if running.done():
            running.result()
        world.agent = life.agent
        await life.agent.people.put("900", "店长", Role.MANAGER, PIN)
        await life.agent.people.put("101", "小王", Role.CASHIER, PIN)
        async with await world.paired() as pos:
            yield Living(life, pos, ready)
    finally:
        stop.set()
        await running
        await life.close()
