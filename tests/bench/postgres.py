"""HQ's ingest on PostgreSQL over HTTP, against bare COPY and INSERT of the very same rows in the same run.

HQ is a process of its own, the server is durable, batches are signed and compressed beforehand as tills do.
"""

import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import zstandard

from agent.limits import BATCH_EVENTS
from agent.system import SystemEntropy
from sync.hq.db import dialect
from sync.hq.main import open_hq
from tests.bench.table import Figure
from tests.postgres import PostgresServer, binaries, running
from tests.processes import Daemon
from tests.unit.test_hq_world import BRAND, STORE, HandClock, Till, enrol, import_members

_TILLS: Final = 4
_TABLES: Final = ("event_names", "events", "postings", "transactions", "claims", "day_totals", "chains")
"""What an ingest writes, in the order of what depends on what. Members' own rows are few and left out."""


async def figures(batches: int) -> list[Figure]:
    """Push `batches` full batches from each of four tills: sales that nobody earns on, then members' sales."""
    if binaries() is None:
        return []
    found = []
    for what, members in (("anonymous sales", 0), ("members' sales", 200)):
        with running(durable=True) as server, tempfile.TemporaryDirectory(prefix="bench-") as folder:
            found.append(await _one(server, Path(folder), batches, what, members))
    return found


async def _one(server: PostgresServer, folder: Path, batches: int, what: str, members: int) -> Figure:
    address = server.fresh()
    hq = await open_hq(folder / "hq", HandClock(), SystemEntropy(), database=address)
    await hq.init_brand(BRAND, "茶铺", "")
    await hq.add_store(BRAND, STORE, "一号店")
    tills = [Till(workstation_id=f"S1-{number}") for number in range(_TILLS)]
    for till in tills:
        await enrol(hq, till)
    ids = await import_members(hq, folder / "members.csv", members) if members else []
    await hq.close()
    serving = Daemon("hq", "serve", "--port", "0", "--data", str(folder / "hq"), "--database", address.url)
    url = (await serving.start("headquarters listens on")).rsplit(" ", 1)[1]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as client:
        sent = [[_request(client, till, ids) for _ in range(batches)] for till in tills]
        start = time.perf_counter()
        await asyncio.gather(*(_push(client, requests) for requests in sent))
        seconds = time.perf_counter() - start
    await serving.stop()
    count = _TILLS * batches * BATCH_EVENTS
    bare_s = _bare(server, address.url, count)
    return Figure(
        f"HQ ingest over HTTP on PostgreSQL, {what}",
        f"{count / seconds:.0f} sales/s, {_TILLS} tills, batches of {BATCH_EVENTS}",
        f"bare COPY + INSERT of the same rows {count / bare_s:.0f} sales/s",
        bare_s / seconds,
        None if members else 0.5,
        None if members else 1,
        more_is_better=True,
    )


def _request(client: httpx.AsyncClient, till: Till, ids: list[str]) -> httpx.Request:
    first = len(till.events)
    for number in range(first, first + BATCH_EVENTS):
        lines = [
            {
                "line": line,
                "sku": f"{line}{number % 97}",
                "qty": 1,
                "paid_fen": 1280,
                "name": "乌龙茶 500g",
                "earns": True,
            }
            for line in range(1, 4)
        ]
        changes: dict[str, Any] = {"member": ids[number % len(ids)], "points": 12} if ids else {}
        till.book(lines=lines, payable_fen=3840, **changes)
    body = till.batch(till.events[first:]).model_dump_json().encode()
    packed = zstandard.ZstdCompressor(level=3).compress(body)
    request = till.request(client, "POST", f"/v1/workstations/{till.workstation_id}/batches", packed)
    request.headers["Content-Encoding"] = "zstd"
    return request


async def _push(client: httpx.AsyncClient, requests: list[httpx.Request]) -> None:
    for request in requests:
        answer = await client.send(request)
        assert answer.status_code == 200, answer.text
        assert answer.json()["watermark"] % BATCH_EVENTS == 0


def _bare(server: PostgresServer, url: str, count: int) -> float:
    """Seconds for the same rows into an empty HQ, by one connection, a commit for every batch."""
    settings: dict[str, Any] = {"autocommit": True, "context": dialect.adapters_context()}
    with psycopg.connect(url, **settings) as source, psycopg.connect(server.fresh().url, **settings) as target:
        rows = {table: source.execute(f"SELECT * FROM {table}".encode()).fetchall() for table in _TABLES}
        for table in ("brands", "stores", "workstations"):
            _copy(target, table, source.execute(f"SELECT * FROM {table}".encode()).fetchall())
        for table in _TABLES:
            target.execute(f"CREATE TEMP TABLE in_{table} (LIKE {table}) ON COMMIT DELETE ROWS".encode())
        batches = count // BATCH_EVENTS
        start = time.perf_counter()
        for number in range(batches):
            with target.transaction():
                for table in _TABLES:
                    share = len(rows[table]) / batches
                    part = rows[table][round(number * share) : round((number + 1) * share)]
                    if part:
                        _copy(target, f"in_{table}", part)
                        text = f"INSERT INTO {table} SELECT * FROM in_{table} ON CONFLICT DO NOTHING"
                        target.execute(text.encode())
        return time.perf_counter() - start


def _copy(target: psycopg.Connection[Any], table: str, rows: list[Any]) -> None:
    with target.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
