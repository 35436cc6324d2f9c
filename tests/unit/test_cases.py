"""Every worked case of tests/cases, one test each, through the product's own functions; and the runner itself."""

import json
from pathlib import Path

import pytest

from tests.cases.__main__ import main
from tests.cases.runner import KINDS, Case, matches, read, run

FOLDER = Path(__file__).parents[1] / "cases"
LOYALTY = FOLDER / "loyalty.json"
FILES = (LOYALTY, FOLDER / "siblings.json", *sorted(FOLDER.glob("more*.json")))
CASES = [case for path in FILES for case in read(path)]
SHARED = Path(__file__).parents[3] / "shared" / "cases" / "loyalty.json"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['title']}")
def test_case(case: Case) -> None:
    ran = run(case)
    assert ran.passed, f"expected {case['expected']}, got {ran.got}"


OPTIONAL = {
    "cart": ("promo_fen", "floor_fen", "no_member_discount", "earn", "qty"),
    "promos": ("off_fen", "off_bp", "min_fen", "min_qty", "scope", "max_off_fen", "priority", "exclusive"),
    "coupons": ("min_fen", "min_qty", "scope", "max_off_fen", "priority", "exclusive"),
    "rules": ("promos", "coupons", "earn", "redeem", "event_mults_x100", "moling", "gift", "mode", "card_limit_fen"),
    "redeem": ("max_points",),
    "member": ("points", "tier_bp", "tier_mult_x100"),
    "buckets": ("expires",),
    "batches": ("points", "sv", "coupon", "of"),
}
WHOLE = ("caps", "rules", "coupons", "member", "redemption", "tender", "hq", "debt", "grace_days", "fmt", "tier_round")


def with_more(given: object, within: str = "") -> object:
    """The same input with a field nobody knows in every object, and null for every optional field it leaves out."""
    if isinstance(given, list):
        return [with_more(one, within) for one in given]
    if not isinstance(given, dict):
        return given
    absent = OPTIONAL.get(within, () if within else WHOLE)
    told = {name: value if name == "goods" else with_more(value, name) for name, value in given.items()}
    return {**dict.fromkeys(absent), "seen_nowhere": {"a": [1]}, **told}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_an_unknown_field_or_a_null_for_an_absent_one_changes_no_answer(case: Case) -> None:
    more: Case = {**case, "input": with_more(case["input"])}
    assert more["input"] != case["input"]
    assert run(more).got == run(case).got


def test_ids_are_unique_and_every_kind_has_a_case() -> None:
    assert len({case["id"] for case in CASES}) == len(CASES)
    assert {case["kind"] for case in CASES} == set(KINDS)


def test_the_cases_are_the_ones_handed_down() -> None:
    if not SHARED.exists():
        pytest.skip(f"no {SHARED}: the handed-down file is not beside this tree")
    assert LOYALTY.read_bytes() == SHARED.read_bytes()


@pytest.mark.parametrize(
    ("expected", "got", "answer"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, True),
        ({"a": 1}, {"b": 2}, False),
        ({"a": None}, {}, False),
        ([1, 2], [1, 2, 3], False),
        ([1, 2], [2, 1], False),
        ([{"a": 1}], [{"a": 1, "b": 2}], True),
        ([["k", True, [1]]], [("k", True, (1,))], True),
        (1, True, False),
        (0, False, False),
        ({}, [], False),
        ([], {}, False),
    ],
)
def test_matching_is_a_subset_for_objects_and_whole_for_lists(expected: object, got: object, answer: bool) -> None:
    assert matches(expected, got) is answer


def _run_file(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["tests.cases", str(path)])
    code = main()
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_failing_case_is_shown_with_what_was_expected_and_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"id": "g", "kind": "allocate", "input": {"weights": [1], "amount": 1}, "expected": {"shares": [1]}}
    wrong = {**good, "id": "w", "title": "one too many", "expected": {"shares": [2]}}
    raised = {**good, "id": "r", "input": {"weights": [-1], "amount": 1}}
    strange = {**good, "id": "s", "kind": "tea"}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"cases": [good, wrong, raised, strange]}), encoding="utf-8")
    code, out, _ = _run_file(path, monkeypatch, capsys)
    assert code == 1
    assert out.splitlines()[-1] == "1 passed, 3 failed"
    assert 'FAILED w (allocate) one too many\n  expected {"shares": [2]}\n  got      {"shares": [1]' in out
    assert "ValueError: allocate takes no negative amount" in out
    assert "no kind 'tea' is known" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("{}", "has no list of cases"),
        ('[{"id": "a"}]', "case 1 has no kind, input, expected"),
        ("[3]", "case 1 has no id, kind, input, expected"),
    ],
)
def test_unreadable_input_is_said_in_one_sentence(
    text: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cases.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    code, out, err = _run_file(path, monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.splitlines()) == 1
