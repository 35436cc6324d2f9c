"""The list of the longest test files names files that exist."""

from pathlib import Path

from tests.conftest import LONGEST


def test_every_file_that_goes_first_exists() -> None:
    root = Path(__file__).parents[2]
    assert [file for file in LONGEST if not (root / file).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
