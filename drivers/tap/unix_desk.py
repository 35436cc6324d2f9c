"""The daemon as the tap asks it: one line of JSON each way over a unix socket, within TAP_HOLD_MS, or nothing.

Used by drivers.tap.service; the other side is agent.tap_door. Whatever goes wrong is an answer in words: the tap then
forwards the POS's paper as it is.
"""

import asyncio
import json
from pathlib import Path

from agent import limits
from agent.domain.receipt import Document, from_json
from drivers.tap.report import Question


class UnixDesk:
    """Asks the daemon at `path`, one connection per question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self, question: Question) -> Document | str:
        """See Desk."""
        try:
            async with asyncio.timeout(limits.TAP_HOLD_MS / 1000):
                answer = await self._exchange(json.dumps(question.as_json()).encode() + b"\n")
        except TimeoutError:
            return "the daemon did not answer within 300 ms"
        except (OSError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            return "the daemon is not there"
        return _read(answer)

    async def _exchange(self, line: bytes) -> bytes:
        reader, writer = await asyncio.open_unix_connection(str(self._path), limit=limits.TAP_ANSWER_BYTES)
        try:
            writer.write(line)
            await writer.drain()
            return await reader.readuntil(b"\n")
        finally:
            writer.close()


def _read(line: bytes) -> Document | str:
    try:
        answer = json.loads(line)
        if answer["append"] is None:
            return str(answer["why"])
        return from_json(answer["append"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "the daemon's answer cannot be read"
