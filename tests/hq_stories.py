"""HQ's own tests by name, so that they can be told once more on another engine."""

from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any


def stories(modules: Sequence[ModuleType], *, searching: bool) -> Iterator[tuple[str, Any]]:
    """(name, test) of every test of the modules; `searching`: those of hypothesis too, which take their time."""
    for module in modules:
        short = module.__name__.rpartition("test_")[2].removeprefix("hq_")
        for name, story in vars(module).items():
            search = getattr(story, "is_hypothesis_test", False)
            if name.startswith("test_") and callable(story) and (searching or not search):
                yield f"test_{short}_{name.removeprefix('test_')}", story
