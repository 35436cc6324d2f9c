"""One captured stream through the tap as it runs live: the same relay and session, with a file at each end.

Used by `pos-agent devices tap-file` and by tests.
"""

import asyncio
from collections.abc import Sequence

from agent.domain.receipt import Block, Document, Qr, Rule, Text
from drivers.tap.job import Rules
from drivers.tap.relay import Relay
from drivers.tap.report import Question, Report


def prompt_document(prompt: str) -> Document:
    """Set a prompt as the daemon would: a rule, the text line by line; a line that is an address becomes a QR code too.

    >>> prompt_document("扫码入会").blocks[1]
    Text(text='扫码入会', align='center', scale=1, bold=False)
    """
    blocks: list[Block] = [Rule()]
    for line in prompt.splitlines():
        blocks.append(Text(line, align="center"))
        if line.startswith(("http://", "https://")):
            blocks.append(Qr(line))
    return Document(tuple(blocks), cut=False)


async def through(stream: bytes, rules: Rules, document: Document | None) -> tuple[bytes, list[Report]]:
    """Give what the printer would get, and what was recognised; without a document nothing is appended."""
    printer, reports = _Sheet(), list[Report]()
    relay = Relay(rules, _Prompt(document), _NoTime(), reports.append)
    await relay.serve(_Stream(stream), printer)
    return bytes(printer.taken), reports


class _NoTime:
    """A file has no pauses."""

    def mono_s(self) -> float:
        return 0.0


class _Stream:
    """The POS: all its bytes at once, then the end."""

    def __init__(self, stream: bytes) -> None:
        self._left: Sequence[bytes] = [stream] if stream else []

    async def read(self) -> bytes:
        left, self._left = self._left, []
        return left[0] if left else b""

    def unread(self, data: bytes) -> None:
        """A file is read to its end."""

    def write(self, data: bytes) -> None:
        """Nothing comes back from a file."""

    def end(self) -> None:
        """Nothing to do."""

    def abort(self) -> None:
        """Nothing to do."""


class _Sheet:
    """The printer: keeps what it gets."""

    def __init__(self) -> None:
        self.taken = bytearray()
        self._over = asyncio.Event()

    async def open(self) -> None:
        """Nothing to do."""

    async def write(self, data: bytes) -> None:
        self.taken += data

    async def read(self) -> bytes:
        await self._over.wait()
        return b""

    async def finish(self) -> None:
        self._over.set()

    def close(self) -> None:
        """Nothing to do."""


class _Prompt:
    """The daemon that always says the same."""

    def __init__(self, document: Document | None) -> None:
        self._document = document

    async def ask(self, question: Question) -> Document | str:
        return self._document if self._document is not None else "no prompt was given"
