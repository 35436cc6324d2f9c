"""Every planted bug of the catalogue still fits the tree: checked with each change, for `make mutants` runs seldom."""

from pathlib import Path

import pytest

from tests.mutants.catalogue import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_what_it_replaces_stands_exactly_once(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert text.count(mutant.before) == 1
    if mutant.also is not None:
        assert text.count(mutant.also[0]) == 1
    for killer in [] if mutant.killer.startswith("sim ") else mutant.killer.split():
        assert (ROOT / killer.partition("::")[0]).exists()


def test_no_two_have_one_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
