"""A five-line sale: in process and over loopback, against a bare SQLite transaction of the very same rows."""

import asyncio
import http.client
import json
import socket
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from agent.db.schema import books_migrations
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType
from agent.sqlite import open_database
from tests.bench.table import Figure, micro
from tests.e2e.test_cli import headquarters
from tests.processes import Daemon, pos_of
from tests.till_world import TillWorld

_LINES = ("10001", "10002", "10003", "10004", "10005")
_TABLES = ("events", "postings", "outbox", "requests", "print_jobs")
_WARM = 20


async def measure(count: int) -> list[Figure]:
    """Run both, then write the rows of both again with nothing but SQLite."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with TillWorld(Path(folder) / "inside", devices=True) as world:
            inside = await _in_process(world, count)
            books = world.settings.state / "books.db"
        (Path(folder) / "outside").mkdir()
        outside = await _over_loopback(Path(folder) / "outside", count)
        bare = _bare(Path(folder), _rows(books, count))
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
    return samples[_WARM:]


async def _over_loopback(folder: Path, count: int) -> list[float]:
    """The daemon, HQ and this client are three processes, as in a store. The client is the leanest at hand."""
    hq, _, config = await headquarters(folder)
    daemon = Daemon("run", "--config", str(config))
    await daemon.start("api.ready")
    client = await pos_of(daemon, config)
    await client.aclose()
    samples = await asyncio.to_thread(_sell, client.base_url, client.headers["authorization"], count + _WARM)
    await daemon.stop()
    await hq.stop()
    return samples[_WARM:]


def _sell(base: httpx.URL, token: str, count: int) -> list[float]:
    connection, samples = http.client.HTTPConnection(base.host, base.port), []
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        connection.request("POST", path, json.dumps(body), {"Authorization": token, "Content-Type": "application/json"})
        with connection.getresponse() as response:
            assert response.status < 300, response.read()
            return dict(json.load(response))

    for number in range(count):
        quote = post("/v1/quotes", {"lines": [{"code": code} for code in _LINES]})
        tender = {"type": "card", "amount_fen": quote["payable_fen"]}
        body = {"sale_id": f"out-{number}", "quote_id": quote["quote_id"], "tenders": [tender]}
        start = time.perf_counter()
        post("/v1/sales", body)
        samples.append(time.perf_counter() - start)
        time.sleep(0.04)  # below the API's rate limit of 50 calls a second
    connection.close()
    return samples


def _rows(books: Path, count: int) -> list[dict[str, list[tuple[Any, ...]]]]:
    """What the last `count` sales wrote, table by table."""
    connection = sqlite3.connect(books)
    last = connection.execute("SELECT max(seq) FROM events").fetchone()[0]

    def of(seq: int) -> dict[str, list[tuple[Any, ...]]]:
        rows = {name: connection.execute(f"SELECT * FROM {name} WHERE seq = ?", (seq,)) for name in _TABLES}
        return {name: cursor.fetchall() for name, cursor in rows.items()}

    sales = [of(seq) for seq in range(last - count + 1, last + 1)]
    connection.close()
    return sales


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
