"""A five-line sale: in process and over loopback, against a bare SQLite transaction of the very same rows."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from agent.db.schema import books_migrations
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from agent.sqlite import open_database
from tests.bench.table import Figure, micro
from tests.till_world import TillWorld

_LINES = ("10001", "10002", "10003", "10004", "10005")
_TABLES = ("events", "postings", "outbox", "requests", "print_jobs", "notices")
_WARM = 20


async def measure(count: int) -> list[Figure]:
    """Run both, then write the rows of both again with nothing but SQLite."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with TillWorld(Path(folder), devices=True) as world:
            client = await world.start()
            try:
                inside = await _in_process(world, count)
                outside = await _over_loopback(client, count)
            finally:
                await client.aclose()
            rows = await _rows(world, count)
        bare = _bare(Path(folder), rows)
    base = statistics.median(bare)
    return [
        Figure("commit of a 5-line sale, in process", micro(inside), f"bare SQLite {micro(bare)}",
               statistics.median(inside) / base, 1.5, 1.1),
        Figure("POST /v1/sales over loopback", micro(outside), f"bare SQLite {micro(bare)}",
               statistics.median(outside) / base, 4, 2),
    ]  # fmt: skip


async def _in_process(world: TillWorld, count: int) -> list[float]:
    till, samples = world.agent.till, []
    for number in range(count + _WARM):
        quote = await till.quote([OrderLine(code) for code in _LINES], None)
        tender = TenderLine(TenderType.CARD, quote.cart.payable_fen)
        order = SaleOrder(f"in-{number}", (tender,), quote_id=quote.quote_id, paper=Paper.RECEIPT)
        start = time.perf_counter()
        await till.commit(order)
        samples.append(time.perf_counter() - start)
        await asyncio.sleep(0.002)  # a till is not a loop: let the printer's and the pusher's work go by
    return samples[_WARM:]


async def _over_loopback(client: Any, count: int) -> list[float]:
    samples = []
    for number in range(count + _WARM):
        quote = (await client.post("/v1/quotes", json={"lines": [{"code": code} for code in _LINES]})).json()
        body = {
            "sale_id": f"out-{number}",
            "quote_id": quote["quote_id"],
            "tenders": [{"type": "card", "amount_fen": quote["payable_fen"]}],
        }
        start = time.perf_counter()
        answer = await client.post("/v1/sales", json=body)
        samples.append(time.perf_counter() - start)
        assert answer.status_code == 201, answer.text
        await asyncio.sleep(0.03)  # below the API's rate limit of 50 calls a second
    return samples[_WARM:]


async def _rows(world: TillWorld, count: int) -> list[dict[str, list[tuple[Any, ...]]]]:
    """What the last `count` sales wrote, table by table."""

    def work(connection: sqlite3.Connection) -> list[dict[str, list[tuple[Any, ...]]]]:
        last = connection.execute("SELECT max(seq) FROM events").fetchone()[0]
        sales = []
        for seq in range(last - count + 1, last + 1):
            sale = {}
            for table in ("events", "postings", "outbox", "requests", "print_jobs"):
                sale[table] = [
                    tuple(row) for row in connection.execute(f"SELECT * FROM {table} WHERE seq = :seq", {"seq": seq})
                ]
            sales.append(sale)
        return sales

    return await world.agent.books._store.read(work)


def _bare(folder: Path, sales: list[dict[str, list[tuple[Any, ...]]]]) -> list[float]:
    connection = open_database(folder / "bare.db", books_migrations)
    epoch = sales[0]["events"][0][0]
    connection.execute("INSERT INTO epochs (epoch, number, created_at_ms) VALUES (?, 1, 0)", (epoch,))
    samples = []
    for sale in sales:
        start = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for table, rows in sale.items():
            for row in rows:
                cells = row[:5] if table == "events" else row
                names = "(epoch, seq, body, digest, chain)" if table == "events" else ""
                connection.execute(f"INSERT INTO {table} {names} VALUES ({', '.join('?' * len(cells))})", cells)
        connection.execute("COMMIT")
        samples.append(time.perf_counter() - start)
    connection.close()
    return samples
