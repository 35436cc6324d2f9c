"""Real processes of the command line: started, watched, killed. For end-to-end tests."""

import asyncio
import ctypes
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

COMMAND = (sys.executable, "-m", "agent")
_PR_SET_PDEATHSIG = 1


def _die_with_us() -> None:
    """Runs in the child before exec: a test that fails leaves no daemon behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


async def run(*arguments: str, timeout_s: float = 60) -> tuple[int, str, str]:
    """Run a command to its end: (exit code, stdout, stderr)."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, preexec_fn=_die_with_us
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def succeed(*arguments: str) -> str:
    """Run a command that must succeed; its stdout."""
    code, out, err = await run(*arguments)
    assert code == 0, f"{arguments}: exit {code}\n{out}\n{err}"
    return out.strip()


class Daemon:
    """A long-running process whose stdout is read line by line."""

    def __init__(self, *arguments: str, before: Sequence[str] = ()) -> None:
        self._arguments = arguments
        self._before = before
        self.lines: list[str] = []
        self._grown = asyncio.Condition()

    async def start(self, marker: str, timeout_s: float = 30) -> str:
        """Start and wait for a line that contains `marker`."""
        self.process = await asyncio.create_subprocess_exec(
            *self._before,
            *COMMAND,
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            preexec_fn=_die_with_us,
        )
        self._reader = asyncio.create_task(self._read())
        return await self.line(marker, timeout_s)

    async def line(self, marker: str, timeout_s: float = 30) -> str:
        """Wait for a line with `marker` among all that were and will be printed."""
        found: list[str] = []

        def there() -> bool:
            found[:] = [line for line in self.lines if marker in line]
            if not found and self._reader.done():
                raise AssertionError(f"{self._arguments} ended without {marker!r}:\n" + "\n".join(self.lines[-20:]))
            return bool(found)

        async with asyncio.timeout(timeout_s), self._grown:
            await self._grown.wait_for(there)
        return found[0]

    async def stop(self, number: signal.Signals = signal.SIGTERM, timeout_s: float = 15) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(timeout_s):
            code = await self.process.wait()
        await self._reader
        return code

    async def drained(self) -> None:
        """Wait until all it said has been read."""
        await self._reader

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            async with self._grown:
                self.lines.append(line.decode().rstrip())
                self._grown.notify_all()
        async with self._grown:
            self._grown.notify_all()


async def pos_of(daemon: Daemon, config: Path) -> httpx.AsyncClient:
    """Pair a POS with a running daemon, as a vendor would."""
    port = json.loads(await daemon.line("api.ready"))["port"]
    code = await succeed("pair", "--config", str(config))
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10)
    answer = await client.post("/v1/pair", json={"code": code, "app": "test"})
    answer.raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['token']}"
    return client


async def post(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST that must succeed."""
    response = await client.post(path, json=body)
    assert response.status_code < 300, response.text
    return dict(response.json())
