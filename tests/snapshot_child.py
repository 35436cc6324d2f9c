"""A till's process that loads a snapshot and dies at the n-th step that could be seen on disk. For kill tests.

`python -m tests.snapshot_child FOLDER URL N`: prints what the replica held at the start, then loads; N 0 lives.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agent.db import replica_stage
from agent.sqlite import Connection
from tests.snapshot_world import TillReplica

_steps = 0


def _deadly(work: Callable[..., Any], at: int) -> Callable[..., Any]:
    """Count every call; be killed right before or right behind the n-th."""

    def counted(*arguments: Any, **named: Any) -> Any:
        global _steps
        _steps += 1
        if _steps == at and at % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        done = work(*arguments, **named)
        if _steps == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    return counted


def arm(at: int) -> None:
    """Count what changes files: fsync, rename, replace, unlink, rmtree; and the writes of watermarks and local rows."""
    os.fsync = _deadly(os.fsync, at)
    shutil.rmtree = _deadly(shutil.rmtree, at)  # type: ignore[assignment]
    for name in ("rename", "replace", "unlink"):
        setattr(Path, name, _deadly(getattr(Path, name), at))
    for name in ("_stamp", "_carry", "_hash", "is_sound"):
        setattr(replica_stage, name, _deadly(getattr(replica_stage, name), at))


def _sound(connection: Connection) -> str:
    return str(connection.execute("PRAGMA integrity_check").fetchone()[0])


async def live(folder: Path, url: str) -> None:
    """Open, tell, load, tell."""
    async with TillReplica(folder, url) as till:
        print("found", (await till.replica.counts())["members"], await till.store.read(_sound), flush=True)
        till.loader._insisted = True
        assert await till.loader.load()
        print("loaded", (await till.replica.counts())["members"], await till.store.read(_sound), flush=True)
    print("steps", _steps, flush=True)


if __name__ == "__main__":
    arm(int(sys.argv[3]))
    asyncio.run(live(Path(sys.argv[1]), sys.argv[2]))
