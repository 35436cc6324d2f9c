"""Files that the commands make are for their user alone, whatever umask they were started with."""

import asyncio
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli import headquarters
from tests.processes import Daemon


@pytest.fixture
def careless() -> Iterator[None]:
    """A shell's usual umask, which lets everybody read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless")
def test_books_keys_and_sockets_of_both_sides_are_private(tmp_path: Path) -> None:
    async def story() -> None:
        hq, _, config = await headquarters(tmp_path)
        daemon = Daemon("run", "--config", str(config))
        await daemon.start("api.ready")
        found = [path for side in ("hq", "till") for path in (tmp_path / side).rglob("*") if not path.is_dir()]
        assert {"books.db", "replica.db", "agent.sock", "hq.db", "hq.key"} <= {path.name for path in found}
        open_to_others = [path for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]
        folders = [path for side in ("hq", "till") for path in (tmp_path / side, *(tmp_path / side).rglob("*/"))]
        open_to_others += [path for path in folders if path.is_dir() and stat.S_IMODE(path.stat().st_mode) & 0o077]
        assert await daemon.stop() == 0
        assert await hq.stop() == 0
        assert open_to_others == []

    asyncio.run(story())
