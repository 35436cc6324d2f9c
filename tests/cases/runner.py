"""Run case files through the product's own functions: find the kind, call it, match what came with what was expected.

Used by `python -m tests.cases` and by tests/unit/test_cases.py. No rule of the shop is written here a second time.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.domain.errors import Refusal
from tests.cases import ledger_kinds
from tests.cases.kinds import prices, sale

Case = dict[str, Any]
KINDS: dict[str, Callable[[Case], object]] = {**prices.KINDS, **sale.KINDS, **ledger_kinds.KINDS}


class UnreadableCases(Exception):
    """The file is no case file; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One case run. `got` is the answer, or what was raised."""

    case: Case
    got: object
    passed: bool


def read(path: Path) -> list[Case]:
    """Read a file of the format: an object with `cases`, or the list of them; raises UnreadableCases."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UnreadableCases(f"{path}: cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableCases(f"{path}: is not JSON: {error}") from error
    cases = document.get("cases") if isinstance(document, dict) else document
    if not isinstance(cases, list):
        raise UnreadableCases(f"{path}: has no list of cases")
    for number, case in enumerate(cases, start=1):
        missing = [
            name for name in ("id", "kind", "input", "expected") if not isinstance(case, dict) or name not in case
        ]
        if missing:
            raise UnreadableCases(f"{path}: case {number} has no {', '.join(missing)}")
    return cases


def without_nulls(given: Any) -> Any:
    """A field that is null says the same as an absent one."""
    if isinstance(given, dict):
        return {name: without_nulls(value) for name, value in given.items() if value is not None}
    return [without_nulls(value) for value in given] if isinstance(given, list) else given


def run(case: Case) -> Ran:
    """Run one case. A refusal or a fault of the input is an answer, shown as such; an unknown kind is a failure."""
    kind = KINDS.get(str(case["kind"]))
    if kind is None:
        return Ran(case, f"no kind {case['kind']!r} is known", passed=False)
    try:
        got = kind(without_nulls(case["input"]))
    except Refusal as refused:
        got = {"error": refused.code}
    except (ValueError, KeyError, TypeError, ArithmeticError, AttributeError, IndexError) as error:
        return Ran(case, f"{type(error).__name__}: {error}", passed=False)
    return Ran(case, got, matches(case["expected"], got))


def matches(expected: object, got: object) -> bool:
    """Match as documented: a dict is a subset; a list has the same length and order, each element matched in turn.

    Numbers match numbers and true matches true: 1 is not true.
    """
    if isinstance(expected, Mapping):
        return isinstance(got, Mapping) and all(key in got and matches(expected[key], got[key]) for key in expected)
    if isinstance(expected, list):
        if not isinstance(got, list | tuple) or len(expected) != len(got):
            return False
        return all(matches(one, other) for one, other in zip(expected, got, strict=True))
    return isinstance(expected, bool) == isinstance(got, bool) and expected == got
