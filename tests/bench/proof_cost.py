"""What the hourly proof costs on the wire: bytes and requests for d differences among n events, by the real code.

`python -m tests.bench.proof_cost 1000000` shows other sizes than `make bench`. It fills both books by SQL with the same
real event, renumbered, and then alters or deletes rows at HQ behind its back. Bytes are of HTTP bodies, both ways, of
the proof and the looks that locate; the heads of HTTP come on top.
"""

import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agent.db.book_rows import seal_answer
from agent.domain.digest import canonical, event_digest, extend, genesis
from agent.sqlite import Connection
from tests.bench.table import Figure, show
from tests.e2e.test_reconcile import sell
from tests.till_world import TillWorld

WHO = "S001-1"


async def fill(world: TillWorld, count: int) -> str:
    """Sell once for real, then make `count` events of it on both sides, unsealed."""
    await sell(world.agent.till, 1)
    await world.agent.pusher.push_all()
    epoch = await world.agent.outbox.epoch()
    first = await world.agent.proofs.event(epoch, 1)
    assert first is not None
    template: dict[str, Any] = json.loads(first.body)

    def rows() -> Any:
        head = first.chain
        for seq in range(2, count + 1):
            body = canonical({**template, "seq": seq, "sale_id": f"sale-{seq}"})
            digest = event_digest(body)
            head = extend(head, digest)
            yield seq, body.decode(), digest, head

    def at_store(c: Connection) -> None:
        keys = world.agent.pusher._ports.keys
        for seq, body, digest, head in rows():
            c.execute("INSERT INTO events (epoch, seq, body, digest, chain) VALUES (?, ?, ?, ?, ?)",
                      (epoch, seq, body, digest, head))  # fmt: skip
            c.execute("INSERT INTO outbox (epoch, seq, state) VALUES (?, ?, 'acknowledged')", (epoch, seq))
            name = f"sale-{seq}"
            answer = seal_answer({"event": {"workstation_id": WHO, "epoch": epoch, "seq": seq}}, b"{}")
            sealed = keys.encrypt("requests", "answer_sealed", name, answer)
            c.execute("INSERT INTO requests VALUES ('sale', ?, ?, ?, '{}', ?)", (name, epoch, seq, sealed))

    def at_hq(c: Any) -> None:
        head = genesis(WHO, epoch)
        for seq, body, digest, head in rows():
            c.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, 'ok', '', 0)", (WHO, epoch, seq, body, digest, head)
            )
        c.execute("UPDATE chains SET watermark = ?, head = ?, sent_head = ?", (count, head, head))
        c.execute("UPDATE day_totals SET events = ?, payable_fen = payable_fen * ?", (count, count))

    await world.agent.books._store.run(at_store)
    await world.server.hq._write(at_hq)
    return epoch


@dataclass(frozen=True, slots=True)
class Cost:
    """What one proof cost: bytes of bodies both ways, requests, seconds; and what it found."""

    named: int
    healed: int
    requests: int
    up: int
    down: int
    seconds: float


async def measure(world: TillWorld, work: Any) -> Cost:
    """Alter, prove with the real reconciler's parts, put back."""
    saved = await world.server.hq._read(_copy)
    await world.server.hq._write(work)
    seen: list[tuple[str, int, int]] = []
    hq = world.agent.hq

    async def count(response: httpx.Response) -> None:
        await response.aread()
        path = str(response.request.url.path).rsplit("/", 1)[1]
        seen.append((path, len(response.request.content), response.num_bytes_downloaded))

    hq._client.event_hooks["response"] = [count]
    reconciler = world.agent.daemon._parts.reconciler
    clock = world.clock.mono_s()
    proof = await reconciler._prove(await world.agent.outbox.epoch(), None)
    took = world.clock.mono_s() - clock
    hq._client.event_hooks["response"] = []
    await world.server.hq._read(lambda c: saved.backup(c))
    await world.agent.books._store.run(lambda c: c.execute("DELETE FROM seals"))
    proving = [one for one in seen if one[0] in ("proof", "locate")]
    return Cost(
        named=sum(one.seq is not None for one in proof.differences),
        healed=sum(b - a + 1 for a, b in proof.healed),
        requests=len(proving),
        up=sum(one[1] for one in proving),
        down=sum(one[2] for one in proving),
        seconds=took,
    )


def _copy(connection: Any) -> Any:
    kept = type(connection)(":memory:", check_same_thread=False)
    connection.backup(kept)
    return kept


async def riding() -> Figure:
    """What an hour's proof adds to its last push: bytes both ways of a batch with the proof, less one without."""
    with tempfile.TemporaryDirectory() as folder:
        async with TillWorld(Path(folder)) as world:
            sizes: list[tuple[int, int]] = []

            async def count(response: httpx.Response) -> None:
                await response.aread()
                if response.request.url.path.endswith("batches"):
                    sizes.append((len(response.request.content), response.num_bytes_downloaded))

            world.agent.hq._client.event_hooks["response"] = [count]
            for number in range(4):
                await sell(world.agent.till, number)
                await (world.agent.daemon.prove() if number % 2 else world.agent.pusher.push_all())
            plain, ridden = sizes[2], sizes[3]
            up, down = ridden[0] - plain[0], ridden[1] - plain[1]
    measured = f"{up} B up, {down} B down with HQ's signed seal, no request of its own"
    return Figure("hourly proof riding on the last push, up", measured, "", up, 64, None, " B")


async def figures(count: int) -> list[Figure]:
    """Every case among `count` events that no seal covers yet."""

    def alter(d: int) -> Any:
        return lambda c: [
            c.execute("UPDATE events SET body = replace(body, '\"qty\":1', '\"qty\":9') WHERE seq = ?", (seq,))
            for seq in range(7, count, count // d)[:d]
        ]

    def delete(d: int) -> Any:
        return lambda c: [
            c.execute("DELETE FROM events WHERE seq = ?", (seq,)) for seq in range(7, count, count // d)[:d]
        ]

    cases: list[tuple[str, Any, float | None]] = [
        ("nothing differs", lambda _c: None, None),
        ("10 missing", delete(10), 64),
    ]
    cases += [(f"{d} altered", alter(d), 18_000 if d == 10 else None) for d in (10, 100, 1000) if d < count / 3]
    found = [await riding()]
    with tempfile.TemporaryDirectory() as folder:
        async with TillWorld(Path(folder)) as world:
            await fill(world, count)
            for label, work, floor in cases:
                cost = await measure(world, work)
                measured = (
                    f"{cost.up:,} B up, {cost.down:,} B down, {cost.requests} requests, {cost.seconds:.1f} s;"
                    f" named {cost.named}, healed {cost.healed}"
                )
                found.append(
                    Figure(f"proof of {count:,} events, {label}", measured, "", cost.up + cost.down, floor, None, " B")
                )
    return found


if __name__ == "__main__":
    show(asyncio.run(figures(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)))
