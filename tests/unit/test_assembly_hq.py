"""The half of the agent that talks to headquarters: how it ends."""

import asyncio
from typing import Any

import pytest

from agent.assembly_hq import HqHalf
from agent.domain.errors import StorageError

_UNUSED: Any = None


class Part:
    """What is closed, and may fail at it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = 0
        self._error = error

    async def close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


def test_the_way_to_hq_is_closed_even_where_the_stage_of_snapshots_cannot_be() -> None:
    hq: Any = Part()
    stage: Any = Part(StorageError("the disk is gone"))
    half = HqHalf(hq, _UNUSED, _UNUSED, _UNUSED, _UNUSED, _UNUSED, stage)
    with pytest.raises(StorageError):
        asyncio.run(half.close())
    assert (stage.closed, hq.closed) == (1, 1)
