"""Finding a member among a million: the replica's look-up against the bare index look-up of the same file."""

import hashlib
import statistics
import struct
import tempfile
import time
from pathlib import Path

from agent.db.replica import ReplicaDb
from agent.db.schema import replica_migrations
from agent.db.store import Store
from agent.sqlite import Connection
from tests.bench.table import Figure, micro, percentile
from tests.books_world import make_keys


async def measure(members: int, count: int) -> list[Figure]:
    """Fill a replica with `members`, then look some of them up both ways."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        keys = make_keys(Path(folder) / "keys")
        store = await Store.open(Path(folder) / "replica.db", replica_migrations, durable=False, with_reader=True)
        replica = ReplicaDb(store, "b1", keys)
        codes = [f"{180000000000 + number:012d}" for number in range(members)]
        await store.run(lambda connection: _fill(connection, [keys.blind_index("code", code) for code in codes]))
        picked = [codes[int(hashlib.sha256(str(n).encode()).hexdigest()[:8], 16) % members] for n in range(count)]
        ours = []
        for code in picked:
            start = time.perf_counter()
            found = await replica.by_code(code)
            ours.append(time.perf_counter() - start)
            assert found is not None

        def bare(connection: Connection) -> list[float]:
            samples = []
            for code in picked:
                index = keys.blind_index("code", code)
                start = time.perf_counter()
                connection.execute(
                    "SELECT m.* FROM identities i JOIN members m USING (member_no) WHERE i.head = ? AND i.tail = ?",
                    (struct.unpack(">q", index[:8])[0], index[8:]),
                ).fetchone()
                samples.append(time.perf_counter() - start)
            return samples

        plain = await store.read(bare)
        await store.close()
    ratio = percentile(ours, 0.99) / percentile(plain, 0.99)
    assert statistics.median(ours) > 0
    return [Figure(f"resolve a code among {members:,} members (p99)", micro(ours), f"bare look-up {micro(plain)}",
                   ratio, 2, 1.2)]  # fmt: skip


def _fill(connection: Connection, indexes: list[bytes]) -> None:
    connection.executemany(
        "INSERT INTO members (member_no, member_id, tier_id, points, masked, known) VALUES (?, ?, 'gold', 1, '*', 1)",
        ((number, f"m_{number:016d}") for number in range(len(indexes))),
    )
    connection.executemany(
        "INSERT INTO identities (head, tail, member_no) VALUES (?, ?, ?)",
        ((struct.unpack(">q", index[:8])[0], index[8:], number) for number, index in enumerate(indexes)),
    )
