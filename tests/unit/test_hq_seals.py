"""Seals at HQ over a restored copy: numbers belong to an epoch, places only go forward."""

import asyncio
from pathlib import Path

from sync.protocol import ProofRequest
from tests.unit.test_hq_world import HandClock, Till, enrol, open_world


def test_a_lost_seal_comes_back_and_is_read_again_by_the_same_cursor(tmp_path: Path) -> None:
    async def story() -> None:
        clock, till = HandClock(), Till()
        hq = await open_world(tmp_path / "hq", clock)
        await enrol(hq, till)
        till.book()
        await hq.ingest("S1-1", till.batch())
        asked = ProofRequest(epoch=till.epoch, count=1, head=till.head.hex())
        [lost] = (await hq.prove("S1-1", asked)).seals
        _, before = await hq.seals(0)
        await hq._write(lambda c: c.execute("DELETE FROM seals"))  # the copy is older than the seal
        clock.at_ms += 1

        other = Till(key=till.key, epoch="e2")
        other.book()
        await hq.ingest("S1-1", other.batch())
        [taken] = (await hq.prove("S1-1", ProofRequest(epoch="e2", count=1, head=other.head.hex()))).seals
        [read], cursor = await hq.seals(before)
        assert read == taken, "the cursor a reader had before the loss still finds what came after it"

        given_back = ProofRequest(epoch=till.epoch, after=1, count=1, head=till.head.hex(), seals=[lost])
        await hq.prove("S1-1", given_back)
        again = await hq.prove("S1-1", given_back)
        assert again.sealed == lost.last
        assert (await hq.seals(cursor))[0] == [lost]
        await hq.close()

    asyncio.run(story())
