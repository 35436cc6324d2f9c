"""A five-line sale: in process and over loopback, against a bare SQLite transaction of the very same rows.

Sale and baseline take turns on the same disk at the same pace, so that both meet the same machine: a baseline written
in one go afterwards meets warm caches, an idle neighbour or a busy one, and says nothing about the sale.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from tests.bench.bare import Bare, Rows, rows_of
from tests.bench.table import Figure, micro
from tests.bench.till import LINES, PAUSE_S, Client, prepared
from tests.process_world import ProcessWorld
from tests.till_world import TillWorld

_WARM = 20


async def measure(count: int) -> list[Figure]:
    """Sell `count` times each way; a sale in process prints a receipt, one over loopback has no printer."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        inside, bare_inside, _ = await in_process(Path(folder) / "inside", count, printing=True)
        _, _, rows = await in_process(Path(folder) / "rows", count, printing=False)
        outside, bare_outside = await _over_loopback(Path(folder), rows)
    return [
        _figure("commit of a 5-line sale, in process", inside, bare_inside, 1.5, 1.1),
        _figure("POST /v1/sales over loopback", outside, bare_outside, 4, 2),
    ]


def _figure(what: str, taken_s: list[float], bare_s: list[float], floor: float, moonshot: float) -> Figure:
    ratio = statistics.median(taken_s) / statistics.median(bare_s)
    return Figure(what, micro(taken_s), f"bare SQLite, taking turns: {micro(bare_s)}", ratio, floor, moonshot)


async def in_process(folder: Path, count: int, *, printing: bool) -> tuple[list[float], list[float], list[Rows]]:
    """Seconds of every commit and of the same rows bare; and those rows."""
    taken_s, bare_s, kept = [], [], []
    async with TillWorld(folder, devices=printing) as world:
        bare, till = Bare(folder / "bare.db"), world.agent.till
        for number in range(count + _WARM):
            quote = await till.quote([OrderLine(code) for code in LINES], None)
            tender = TenderLine(TenderType.CARD, quote.cart.payable_fen)
            order = SaleOrder(f"in-{number}", (tender,), quote_id=quote.quote_id, paper=Paper.RECEIPT)
            start = time.perf_counter()
            outcome = await till.commit(order)
            taken_s.append(time.perf_counter() - start)
            seq = outcome.name.seq
            kept.append(await world.agent.books._store.read(lambda c, seq=seq: rows_of(c, seq)))  # type: ignore[misc]
            bare_s.append(bare.write(kept[-1]))
        bare.close()
    return taken_s[_WARM:], bare_s[_WARM:], kept


async def _over_loopback(folder: Path, rows: list[Rows]) -> tuple[list[float], list[float]]:
    """The daemon, HQ and this client are three processes, as in a store."""
    async with ProcessWorld(folder / "outside") as world:
        tokens = await prepared(world, 1)
        hq = await world.serve()
        daemon = await world.run(until="sync.state")
        bare = Bare(folder / "bare.db")
        taken_s, bare_s = await asyncio.to_thread(_in_turns, Client(world.api_port, tokens), bare, rows)
        bare.close()
        await daemon.stop()
        await hq.stop()
    return taken_s[_WARM:], bare_s[_WARM:]


def _in_turns(client: Client, bare: Bare, rows: list[Rows]) -> tuple[list[float], list[float]]:
    taken_s, bare_s = [], []
    for number, one in enumerate(rows):
        body = client.quoted(f"out-{number}")
        time.sleep(PAUSE_S)  # what a quote leaves behind is done, as it is when a customer has paid
        start = time.perf_counter()
        client.post("/v1/sales", body)
        taken_s.append(time.perf_counter() - start)
        time.sleep(PAUSE_S)  # the till pushes the sale, HQ books it: neither is in the way of the baseline
        bare_s.append(bare.write(one))
    client.close()
    return taken_s, bare_s
