"""The worked cases of tests/cases/more_ledgers.json, by hand for kinds loyalty.json has few of, through the product."""

from pathlib import Path

import pytest

from tests.cases import ledger_kinds
from tests.cases.runner import Case, read, run

CASES = read(Path(__file__).parents[1] / "cases" / "more_ledgers.json")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['title']}")
def test_case(case: Case) -> None:
    ran = run(case)
    assert ran.passed, f"expected {case['expected']}, got {ran.got}"


def test_every_case_has_its_own_id_and_a_kind_of_this_file() -> None:
    ids = [case["id"] for case in CASES]
    assert len(set(ids)) == len(ids)
    assert {case["kind"] for case in CASES} <= set(ledger_kinds.KINDS)
