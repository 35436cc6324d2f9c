"""Which books this till books into, its own or those of a training (S40), and a manager's switch between them.

Called by the API and agent.daemon. It opens no books: it refuses what would be lost, notes who asked, marks the new
mode durably and sets `turning`; agent.main then drains, and agent.life opens the other books.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from agent.announce import Announcer
from agent.domain.errors import Refusal
from agent.ports import Clock

T = TypeVar("T")


class Fixed(StrEnum):
    """What decides the mode, so that no manager can."""

    NO = ""
    FILE = "file"
    """`training = true` in the configuration."""
    RUN = "run"
    """How this process was started."""


@dataclass(frozen=True, slots=True)
class ModeMark:
    """What the next start goes by. `number` is the row of the audit, 0 where a start went back by itself."""

    training: bool
    number: int
    at_ms: int
    operator: str


@dataclass(frozen=True, slots=True)
class ModeChange:
    """One row of the audit: who asked for what; `begun_at_ms` is None while the till did not open those books."""

    number: int
    at_ms: int
    training: bool
    operator: str
    app: str
    begun_at_ms: int | None


class ModeMarks(Protocol):
    """One small file in the state directory."""

    def write(self, mark: ModeMark) -> None:
        """Replace it durably; raises DiskLow, StorageError."""
        ...


class ModeAudit(Protocol):
    """Kept in the till's own books, whatever the mode."""

    async def asked(self, at_ms: int, training: bool, operator: str, app: str) -> int:
        """Note who asks; the number of the row. Raises DiskLow."""
        ...

    async def latest(self, limit: int) -> list[ModeChange]:
        """Newest first."""
        ...

    async def waiting(self) -> int:
        """Events of the till's own books that HQ has not acknowledged."""
        ...


class Reckoner(Protocol):
    """A thread of its own for what takes long."""

    async def call(self, work: Callable[[], T]) -> T:
        """Run it there."""
        ...


@dataclass(frozen=True, slots=True)
class ModeParts:
    """What the switch needs. `busy` names what would be lost now, as MODE_BUSY tells it; empty: nothing."""

    training: bool
    fixed: Fixed
    marks: ModeMarks
    audit: ModeAudit
    busy: Callable[[bool], Awaitable[str]]
    announcer: Announcer
    clock: Clock
    slow: Reckoner


class ModeDesk:
    """The mode of one life of the agent; it ends with the switch."""

    def __init__(self, parts: ModeParts) -> None:
        self._parts = parts
        self._asked: ModeMark | None = None
        self.turning = asyncio.Event()
        """The new mode is marked: finish what runs, close, open the other books."""

    @property
    def training(self) -> bool:
        """Whether this is a training."""
        return self._parts.training

    async def status(self) -> dict[str, object]:
        """What `/v1/status` tells: what decides, whether it changes now, how many real events wait for HQ."""
        parts = self._parts
        return {
            "training": parts.training,
            "fixed_by": parts.fixed.value or None,
            "changing": self._asked is not None,
            "real_waiting": await parts.audit.waiting(),
        }

    async def changes(self, limit: int) -> list[ModeChange]:
        """Who switched, newest first."""
        return await self._parts.audit.latest(limit)

    async def switch(self, on: bool, operator: str, app: str) -> dict[str, object]:
        """Turn to the other books; asked for the mode that is, it does nothing.

        Refusal MODE_FIXED, MODE_CHANGING, MODE_BUSY (409 each). Raises DiskLow; then nothing has changed.
        """
        parts = self._parts
        if parts.fixed:
            raise Refusal("MODE_FIXED", f"decided by the {parts.fixed}", hint=_CURE[parts.fixed], status=409)
        asked = self._asked
        if asked is not None and not (self.turning.is_set() and asked.training is on):
            raise Refusal("MODE_CHANGING", "the other mode is being opened", hint="wait a few seconds", status=409)
        if asked is None and on is not parts.training:
            await self._turn(ModeMark(on, 0, parts.clock.now_ms(), operator), app)
        return {"training": on, "changing": self._asked is not None}

    async def _turn(self, asked: ModeMark, app: str) -> None:
        self._asked = asked  # ORDER: before anything is awaited, so that two managers do not turn it twice
        try:
            why = await self._parts.busy(asked.training)
            if why:
                raise Refusal("MODE_BUSY", why, hint="finish it, then ask again", status=409)
            # ORDER: the audit, then the mark. Killed in between, the till stays as it was and a row says who wished.
            number = await self._parts.audit.asked(asked.at_ms, asked.training, asked.operator, app)
            mark = ModeMark(asked.training, number, asked.at_ms, asked.operator)
            await self._parts.slow.call(lambda: self._parts.marks.write(mark))
        except BaseException:
            self._asked = None
            raise
        self.turning.set()

    async def tell(self) -> None:
        """Tell whoever listens that these books are about to be closed; told in them, before they are."""
        assert self._asked is not None, "told once it was asked"
        asked = self._asked
        await self._parts.announcer.announce("mode.changing", {"training": asked.training, "operator": asked.operator})


_CURE = {
    Fixed.FILE: "training = false under [workstation] in the configuration, then restart",
    Fixed.RUN: "start the agent without --training, as its service does",
}
