"""WeChat's v3 JSON as plain objects, read so strictly that two readers cannot differ.

Pure; called by results. Duplicate keys, NaN and infinities are refused. Floats are kept apart as floats, so that a
reader of money can refuse them by type: nothing here turns one number into another.
"""

import json
from typing import NoReturn


class NotStrict(Exception):
    """The text is no strict JSON object. The message names the rule that was broken, never the content."""


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise NotStrict("a key comes twice")
    return table


def _no_constant(_name: str) -> NoReturn:
    raise NotStrict("it holds NaN or an infinity")


def read(text: str) -> dict[str, object]:
    """Read a JSON object. Raises NotStrict, nothing else.

    >>> read('{"amount": {"total": 100}}')
    {'amount': {'total': 100}}
    """
    value: object = None
    fault = ""
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except ValueError:
        fault = "it is not JSON"
    except RecursionError:
        fault = "it is nested too deep"
    if not fault and not isinstance(value, dict):
        fault = "it is not an object"
    if fault:  # Raised out here, so that no exception chain carries the text along.
        raise NotStrict(fault)
    assert isinstance(value, dict)
    return value
