"""All tills of a chain follow what all of them change, by pages that HQ reads once (ADR 0015).

500 tills by default (some four minutes). Ten thousand: `POS_AGENT_STORES=10000 python -m tests.thousands.reading`.
"""

import asyncio
from pathlib import Path

from agent.limits import PULL_INTERVAL_S
from tests.postgres import running
from tests.thousands.outcome import Size
from tests.thousands.reading import Readings, live
from tests.thousands.world import Chain

TILLS, ROWS_S = 500, 100.0


def test_every_till_follows_at_every_pull_and_a_page_is_read_once(tmp_path: Path) -> None:
    async def story() -> Readings:
        with running(durable=True) as server:
            chain = Chain(tmp_path, server, Size(stores=TILLS), members=20_000)
            await chain.begin()
            try:
                return await live(chain, ROWS_S, 2)
            finally:
                await chain.end()

    readings = asyncio.run(story())
    print(*readings.lines(), sep="\n")
    assert set(readings.calls.failed) <= {"CancelledError"}, "of calls under way when the measure ended"
    assert len(readings.between_s) >= TILLS
    assert readings.rows == 0, "everybody shares"
    assert readings.behind[-1] < 2 * PULL_INTERVAL_S * ROWS_S, "nobody missed two pulls in a row"
