"""A shop in which somebody pulls plugs: a POS sells for real while both processes are killed again and again.

Used by tests/e2e/test_sigkill.py and tests/long. The POS does what ours asks of it: on any doubt it repeats the very
same body until it is answered. Instants come from a seed; what the machine does with them is its own affair.
"""

import asyncio
import random
import re
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import httpx

from agent.demo import world as chain
from drivers.simulated import SimulatedPrinter
from tests.process_world import ProcessWorld, sale
from tests.processes import succeed
from tests.till_world import MEMBERS


def with_printer(printer: SimulatedPrinter) -> str:
    """The configuration of a till that prints there."""
    return f'[[printer]]\nname = "receipt"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {printer.port}\n'


class Shop:
    """One till, one HQ, one POS, one printer, and what the POS was told."""

    def __init__(self, world: ProcessWorld, printer: SimulatedPrinter, seed: int) -> None:
        self.world, self.printer = world, printer
        self._chance = random.Random(seed)
        self.told: dict[str, int] = {}
        """Acknowledged: sale id -> seq."""
        self.found_again = 0
        """Sales whose first answer was lost with the process although they were booked: the window this is about."""
        self._open = True
        self._up = asyncio.Event()
        self._sold = asyncio.Event()

    async def open(self, till_kills: int, hq_kills: int) -> None:
        """Sell while both ends die as often as asked, then let them finish in peace and compare."""
        self._hq, self._till = await asyncio.gather(self.world.serve(), self.world.run())
        self._up.set()
        async with asyncio.TaskGroup() as group:
            selling = group.create_task(self._sell())
            killing = [group.create_task(self._kill_tills(till_kills)), group.create_task(self._kill_hqs(hq_kills))]
            await asyncio.wait(killing)
            self._open = False
            await selling
        table = await succeed("reconcile", "--config", str(self.world.config))
        assert "Both books are equal" in table, table
        assert await self._till.stop() == 0
        assert await self._hq.stop() == 0
        self._compare()

    def _compare(self) -> None:
        assert self.world.booked() == self.told, "an acknowledged sale was lost, moved or doubled"
        assert self.world.at_hq() == self.told, "HQ holds other sales than the POS was told of"
        printed = Counter(re.findall(rb"k-\d+", b"".join(self.printer.jobs)))
        assert printed, "nothing was printed at all"
        assert max(printed.values()) == 1, f"printed twice by itself: {printed.most_common(3)}"

    async def _sell(self) -> None:
        number = 0
        async with self.world.pos() as pos:
            while self._open:
                body = sale(number)
                if number % 2:
                    body["identification_id"] = await self._scanned(pos, number)
                answer = await self._until_answered(pos, "/v1/sales", body)
                seq = int(answer["event"]["seq"])
                self.found_again += answer["outcome"] == "exists"
                self.told[body["sale_id"]] = seq
                self._sold.set()
                number += 1

    async def _scanned(self, pos: httpx.AsyncClient, number: int) -> str:
        code = chain.member(number % MEMBERS).number
        return str((await self._until_answered(pos, "/v1/members/resolve", {"code": code}))["identification_id"])

    async def _until_answered(self, pos: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
        while True:
            await self._up.wait()
            try:
                response = await pos.post(path, json=body)
            except httpx.TransportError:
                await asyncio.sleep(0)  # the killer may not have run yet
                continue
            assert response.status_code in (200, 201), response.text
            found: dict[str, Any] = response.json()
            return found

    async def _kill_tills(self, kills: int) -> None:
        for kill in range(kills):
            if kill % 8:
                self._sold.clear()
                await self._sold.wait()  # it lives and sells; the blow falls within its next dozen sales
            await asyncio.sleep(self._chance.uniform(0, 0.15))
            self._up.clear()
            await self._till.stop(signal.SIGKILL)
            if kill % 8 == 7:  # and now and then one that is not even up again
                early = await self.world.run(until="agent.starting")
                await asyncio.sleep(self._chance.uniform(0, 0.3))
                await early.stop(signal.SIGKILL)
            self._till = await self.world.run()
            self._up.set()

    async def _kill_hqs(self, kills: int) -> None:
        for _ in range(kills):
            await asyncio.sleep(self._chance.uniform(0, 0.6))
            await self._hq.stop(signal.SIGKILL)
            self._hq = await self.world.serve()


async def mayhem(folder: Path, seed: int, *, till_kills: int, hq_kills: int) -> Shop:
    """One shop, from its first sale to the proof that nothing was lost."""
    async with SimulatedPrinter() as printer, ProcessWorld(folder, extra=with_printer(printer)) as world:
        shop = Shop(world, printer, seed)
        await shop.open(till_kills, hq_kills)
        return shop
