"""The deep search of the till's API by schemathesis: made-up values and sequences of calls, from several seeds."""

from pathlib import Path

import pytest

from tests.api_fuzz import Plan, fuzzed
from tests.browser import served_till


@pytest.mark.parametrize(("phase", "examples"), [("fuzzing", 120), ("stateful", 40)])
def test_no_value_and_no_sequence_of_calls_gets_past_the_document(tmp_path: Path, phase: str, examples: int) -> None:
    (tmp_path / "till").mkdir()
    with served_till(tmp_path / "till", life_s=1_600) as served:
        found = fuzzed(served, tmp_path, Plan((phase,), examples=examples, deadline_s=1_500))
    assert found.code == 0, found.said
    print({call: dict(met) for call, met in sorted(found.met.items())})
