"""`python -m tests.thousands`: the whole hour by hand; POS_AGENT_STORES and its like make it smaller."""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.postgres import running
from tests.thousands.outcome import Size
from tests.thousands.world import Chain


async def _run(size: Size) -> int:
    with running(durable=True) as server, tempfile.TemporaryDirectory(prefix="chain-") as folder:
        chain = Chain(Path(folder), server, size)
        start = time.perf_counter()

        def told(line: str) -> None:
            print(f"{time.perf_counter() - start:6.0f} s  {line}", flush=True)

        told("headquarters, members, codes, enrolment")
        await chain.begin()
        told(f"{size.stores} stores are enrolled")
        outcome = await chain.live(told)
        for line in outcome.lines():
            print(line)
        faults = outcome.books.faults(chain.shops)
        print(f"faults: {faults}; strange: {outcome.strange[:5]}; not proven equal: {outcome.unproven}")
        return 1 if faults or outcome.strange or outcome.unproven else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_run(Size.of_environment())))
