"""What the hourly proof costs on the wire: bytes and requests for d differences among n events, by the real code.

`python -m tests.bench.proof_cost 100000` fills both books by SQL with the same real event, renumbered, and then alters
or deletes rows at HQ behind its back. Bytes are of HTTP messages, heads included; bodies alone are printed beside.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from agent.db.books import seal_answer
from agent.domain.digest import canonical, event_digest, extend, genesis
from agent.sqlite import Connection
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

    def at_hq(c: Connection) -> None:
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


async def measure(world: TillWorld, label: str, work: Any) -> None:
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
    before = hq.traffic()
    reconciler = world.agent.daemon._parts.reconciler
    clock = world.clock.mono_s()
    proof = await reconciler._prove(await world.agent.outbox.epoch(), None)
    took = world.clock.mono_s() - clock
    after = hq.traffic()
    named = sum(one.seq is not None for one in proof.differences)
    healed = sum(b - a + 1 for a, b in proof.healed)
    proving = [one for one in seen if one[0] in ("proof", "locate")]
    print(
        f"{label:>14}: equal={proof.equal!s:5} named={named:5} healed={healed:5}"
        f" requests={after.requests - before.requests} up={sum(one[1] for one in proving)}"
        f" down={sum(one[2] for one in proving)} bodies,"
        f" all with heads={after.bytes_up + after.bytes_down - before.bytes_up - before.bytes_down} {took:.1f} s",
        flush=True,
    )
    await world.server.hq._read(lambda c: saved.backup(c))
    await world.agent.books._store.run(lambda c: c.execute("DELETE FROM seals"))


def _copy(connection: Connection) -> Connection:
    kept = type(connection)(":memory:", check_same_thread=False)
    connection.backup(kept)
    return kept


async def main(count: int) -> None:
    """All cases."""
    with tempfile.TemporaryDirectory() as folder:
        async with TillWorld(Path(folder)) as world:
            await fill(world, count)
            print(f"n = {count}")

            def alter(d: int) -> Any:
                return lambda c: [
                    c.execute("UPDATE events SET body = replace(body, '\"qty\":1', '\"qty\":9') WHERE seq = ?", (seq,))
                    for seq in range(7, count, count // d)[:d]
                ]

            def delete(d: int) -> Any:
                return lambda c: [
                    c.execute("DELETE FROM events WHERE seq = ?", (seq,)) for seq in range(7, count, count // d)[:d]
                ]

            await measure(world, "d = 0", lambda _c: None)
            await measure(world, "10 missing", delete(10))
            for d in (10, 100, 1000):
                await measure(world, f"{d} altered", alter(d))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
