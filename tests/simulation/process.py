"""One process of the simulated world, and how it dies: at a commit boundary, at any other moment, with its files kept.

A killed process's objects are dropped: whatever of them still runs gets `Killed` at its next step outside memory. What
its databases had written to disk stays, exactly as it was at that moment, and the next start finds it.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from agent.sqlite import Connection
from agent.worker import InlineWorker

T = TypeVar("T")
Moment = Literal["before", "torn", "after"]
Image = dict[str, bytes]
"""Suffix -> content of a database file and its WAL."""


class Killed(BaseException):
    """This process is dead: nothing of it may do anything any more."""


@dataclass(slots=True)
class Cut:
    """Die at the `commits`-th commit from now: before it, in the middle of writing it, or right after it."""

    moment: Moment
    commits: int


def image_of(path: Path) -> Image:
    """Read a database as it lies on disk, without SQLite's help."""
    files = {suffix: path.with_name(path.name + suffix) for suffix in ("", "-wal")}
    return {suffix: file.read_bytes() for suffix, file in files.items() if file.exists()}


def put_image(path: Path, image: Image) -> None:
    """Lay a database down as it was."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    for suffix, content in image.items():
        path.with_name(path.name + suffix).write_bytes(content)


class Process:
    """One life of one program."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.chance = chance
        self.dead = asyncio.Event()
        self.cause = ""
        self.disks: dict[str, Disk] = {}

    def check(self) -> None:
        """Raise Killed in a dead process."""
        if self.dead.is_set():
            raise Killed(self.name)

    def make_worker(self, name: str) -> "Disk":
        """The worker of one database: a seam of agent.db.store and sync.hq.main."""
        self.disks[name] = Disk(self, name)
        return self.disks[name]

    def kill(self, cause: str) -> None:
        """End at once (SIGKILL): connections go, what was written stays."""
        if self.dead.is_set():
            return
        self.cause = cause
        self.dead.set()
        for disk in self.disks.values():
            disk.drop()


class Disk(InlineWorker):
    """The owner of one database file; its connection runs inline, and may be cut at a commit."""

    def __init__(self, process: Process, name: str) -> None:
        super().__init__(name)
        self._process = process
        self._image: Image | None = None
        self._busy_until_s = 0.0
        self.cut: Cut | None = None
        self.connection: Connection | None = None
        self.path = Path()

    async def call(self, work: Callable[[], T]) -> T:
        """Wait for the turn, work, wait for the answer to come back; die on the way if a cut says so."""
        process = self._process
        process.check()
        # In order of submission, as in the thread this stands for.
        now_s = asyncio.get_running_loop().time()
        self._busy_until_s = max(now_s, self._busy_until_s) + process.chance.uniform(0.0001, 0.002)
        await asyncio.sleep(self._busy_until_s - now_s)
        process.check()
        result = await super().call(work)
        if isinstance(result, Connection):
            self._take(result)
        elif isinstance(result, tuple) and result and isinstance(result[0], Connection):
            self._take(result[0])
        if self._image is not None and self.cut is not None:
            process.kill(f"cut {self.cut.moment} a commit of {self.path.name}")
        await asyncio.sleep(0)
        process.check()
        return result

    def _take(self, connection: Connection) -> None:
        self.connection = connection
        self.path = Path(connection.execute("PRAGMA database_list").fetchone()[2])

    def arm(self, cut: Cut) -> None:
        """Plan a cut; a later plan replaces an earlier one."""
        self.cut = cut
        if self.connection is not None:
            self.connection.set_trace_callback(self._on_statement)

    def _on_statement(self, statement: str) -> None:
        """SQLite is about to run a statement; before the fatal COMMIT the files are copied as they are."""
        if statement != "COMMIT" or self.cut is None:
            return
        self.cut.commits -= 1
        if self.cut.commits == 0:
            self._image = image_of(self.path)

    def drop(self) -> None:
        """Close the dead process's connection and leave the files as the cut found them."""
        if self.connection is None:
            return
        after = image_of(self.path)
        image = after
        if self._image is not None and self.cut is not None:
            image = _at(self.cut.moment, self._image, after, self._process.chance)
        self.connection.set_trace_callback(None)
        self.connection.close()
        self.connection = None
        put_image(self.path, image)

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Look into the database from outside the simulated world, for invariants."""
        assert self.connection is not None
        assert not self.connection.in_transaction
        return self.connection.execute(statement, parameters).fetchall()


def _at(moment: Moment, before: Image, after: Image, chance: random.Random) -> Image:
    """The files at one moment of a commit; `torn` ends somewhere inside what the commit appended to the WAL."""
    if moment == "after":
        return after
    length, full = len(before.get("-wal", b"")), len(after.get("-wal", b""))
    if moment == "torn" and before.get("") == after.get("") and full > length:
        return {**before, "-wal": after["-wal"][: chance.randrange(length, full)]}
    return before
