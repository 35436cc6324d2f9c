"""HQ's ingest on PostgreSQL over HTTP, against bare COPY and INSERT of the very same rows in the same run.

HQ is a process of its own, the server is durable, batches are signed and compressed beforehand as tills do.
"""

import asyncio
import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import zstandard

from agent.domain.digest import Json, canonical
from agent.limits import BATCH_EVENTS
from agent.system import SystemEntropy
from sync.hq.db import dialect
from sync.hq.main import open_hq
from tests.bench.table import Figure
from tests.postgres import PostgresServer, binaries, running
from tests.processes import Daemon
from tests.unit.test_hq_world import BRAND, STORE, HandClock, Till, enrol, import_members

_TILLS: Final = 4
_TABLES: Final = ("event_names", "events", "postings", "claims", "leases", "day_totals", "chains")
"""What an ingest adds, a part of it with every batch."""
_MOVED: Final = {
    "accounts": "INSERT INTO accounts SELECT * FROM in_accounts WHERE true"
    " ON CONFLICT (member_id, account) DO UPDATE SET balance = accounts.balance + excluded.balance",
    "members": "UPDATE members SET feed_no = i.feed_no, month = i.month, month_spend_fen = i.month_spend_fen,"
    " ordered = i.ordered FROM in_members AS i WHERE members.member_id = i.member_id",
}
"""What an ingest moves; every batch here moves all of it, for it has sales of every member."""


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
        name = f"{till.workstation_id}.{till.epoch}.{number + 1}"
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
        said = _said(name, ids[number % len(ids)] if ids else "")
        till.book(canonical({**till.body(lines=lines, payable_fen=3840), **said}).decode())
    body = till.batch(till.events[first:]).model_dump_json().encode()
    packed = zstandard.ZstdCompressor(level=3).compress(body)
    request = till.request(client, "POST", f"/v1/workstations/{till.workstation_id}/batches", packed)
    request.headers["Content-Encoding"] = "zstd"
    return request


def _said(name: str, member_id: str) -> dict[str, Json]:
    """Of a member's sale: what was earned, which its till may spend at once. Else the claim printed on the receipt."""
    if not member_id:
        return {"claim_sha256": hashlib.sha256(name.encode()).hexdigest()}
    earned: Json = {
        "account": "points", "owner": member_id, "amount": 12, "bucket": name, "expires": "2028-12-31", "lease": name,
    }  # fmt: skip
    return {"member": {"member_id": member_id}, "postings": [earned]}


async def _push(client: httpx.AsyncClient, requests: list[httpx.Request]) -> None:
    for request in requests:
        answer = await client.send(request)
        assert answer.status_code == 200, answer.text
        assert answer.json()["watermark"] % BATCH_EVENTS == 0


def _bare(server: PostgresServer, url: str, count: int) -> float:
    """Seconds for the same rows into an HQ that has none of them, by one connection, a commit for every batch.

    The server, the tables with all their indexes, and the wait for the disk at each commit are those of the ingest.
    """
    settings: dict[str, Any] = {"autocommit": True, "context": dialect.adapters_context()}
    with psycopg.connect(url, **settings) as source, psycopg.connect(server.fresh().url, **settings) as target:
        for table in ("brands", "stores", "workstations", "members"):
            _copy(target, table, _rows(source, table))
        rows = {table: _rows(source, table) for table in (*_TABLES, *_MOVED)}
        for table in rows:
            target.execute(f"CREATE TEMP TABLE in_{table} (LIKE {table}) ON COMMIT DELETE ROWS".encode())
        batches = count // BATCH_EVENTS
        start = time.perf_counter()
        for number in range(batches):
            with target.transaction():
                for table in _TABLES:
                    share = len(rows[table]) / batches
                    part = rows[table][round(number * share) : round((number + 1) * share)]
                    _write(target, table, part, f"INSERT INTO {table} SELECT * FROM in_{table} ON CONFLICT DO NOTHING")
                for table, text in _MOVED.items():
                    _write(target, table, rows[table], text)
        return time.perf_counter() - start


def _rows(source: psycopg.Connection[Any], table: str) -> list[Any]:
    return source.execute(f"SELECT * FROM {table}".encode()).fetchall()


def _write(target: psycopg.Connection[Any], table: str, rows: list[Any], text: str) -> None:
    if rows:
        _copy(target, f"in_{table}", rows)
        target.execute(text.encode())


def _copy(target: psycopg.Connection[Any], table: str, rows: list[Any]) -> None:
    with target.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            copy.write_row(row)
