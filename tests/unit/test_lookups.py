"""The default executor of a service: answers like any other, and holds up nobody's end (reliability promise 6)."""

import asyncio
import subprocess
import sys

import pytest

from agent.worker import Lookups

_SCRIPT = """
import asyncio, threading
from agent.cli.common import run_service
async def main():
    asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
    await asyncio.sleep(0.05)
    print("stopping", flush=True)
run_service(main())
"""


def test_it_gives_results_and_raises_errors() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(Lookups())
        assert await asyncio.gather(*(loop.run_in_executor(None, divmod, n, 2) for n in range(9))) == [
            divmod(n, 2) for n in range(9)
        ]
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, divmod, 1, 0)

    asyncio.run(story())


def test_a_service_ends_while_a_look_up_hangs() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopping\n", "")
