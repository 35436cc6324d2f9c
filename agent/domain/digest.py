"""Canonical JSON, event digests and the hash chain: the one fold both ends compute.

Pure. Canonical form is RFC 8785 restricted to what our events hold: objects with ASCII keys, strings, integers,
booleans, null and arrays. A float is a programming error, never a rounding. WIRE: frozen by deployed peers.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeAlias

from agent.domain.errors import InvariantViolation

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

MAX_INTEGER = 2**53 - 1  # WIRE: what every JSON reader keeps exact (RFC 8785)
_EVENT_TAG = b"pos-agent/event/1\n"
_GENESIS_TAG = b"pos-agent/genesis/1\n"
HASH_BYTES = 32


def canonical(value: Json) -> bytes:
    """Serialise to canonical UTF-8 JSON; raises InvariantViolation for floats, huge integers or non-ASCII keys.

    >>> canonical({"b": [1, True, None], "a": "水"}).decode()
    '{"a":"水","b":[1,true,null]}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        written = text.encode("utf-8")
        survived = _STRICT.decode(text)
    except (TypeError, ValueError) as error:  # a type JSON does not know, NaN, a lone surrogate
        raise InvariantViolation(f"this has no place in an event: {error}") from error
    if survived != value:  # a tuple, or a key that was no string: silently changed by the writing
        raise InvariantViolation("a value does not survive being written as JSON")
    return written


def _integer(digits: str) -> int:
    number = int(digits)
    if not -MAX_INTEGER <= number <= MAX_INTEGER:
        raise InvariantViolation(f"integer {digits} does not survive JSON")
    return number


def _refuse(number: str) -> NoReturn:
    raise InvariantViolation(f"{number} is no integer: a float has no place in an event")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    for key, _ in pairs:
        if not key.isascii():
            raise InvariantViolation(f"key {key!r} is not an ASCII string")
    return dict(pairs)


# Reading back what was written checks every value at the speed of C; this runs inside every commit.
_STRICT = json.JSONDecoder(parse_float=_refuse, parse_int=_integer, parse_constant=_refuse, object_pairs_hook=_object)


def event_digest(body: bytes) -> bytes:
    """Hash one event's canonical plaintext (32 bytes)."""
    return hashlib.sha256(_EVENT_TAG + body).digest()


def genesis(workstation_id: str, epoch: str) -> bytes:
    """Head of the empty chain of one epoch of one workstation."""
    return hashlib.sha256(_GENESIS_TAG + f"{workstation_id}\n{epoch}".encode()).digest()


def extend(head: bytes, digest: bytes) -> bytes:
    """Chain one event digest onto the head before it."""
    return hashlib.sha256(head + digest).digest()


def chain_head(workstation_id: str, epoch: str, bodies: Iterable[bytes]) -> tuple[int, bytes]:
    """Rehash event bodies from the first one; returns (count, head)."""
    head, count = genesis(workstation_id, epoch), 0
    for body in bodies:
        head, count = extend(head, event_digest(body)), count + 1
    return count, head


def first_difference(before: Mapping[str, Json], after: Mapping[str, Json], path: str = "") -> str | None:
    """Name the first field that differs between two JSON objects, in the order of `after`; None when they are equal.

    >>> first_difference({"lines": [{"qty": 1}]}, {"lines": [{"qty": 2}]})
    'lines.0.qty'
    """
    for key in [*after, *(key for key in before if key not in after)]:
        found = _difference(before.get(key), after.get(key), f"{path}{key}")
        if found is not None:
            return found
    return None


def _difference(before: Json, after: Json, path: str) -> str | None:
    if isinstance(before, dict) and isinstance(after, dict):
        return first_difference(before, after, f"{path}.")
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (left, right) in enumerate(zip(before, after, strict=True)):
            found = _difference(left, right, f"{path}.{index}")
            if found is not None:
                return found
        return None
    return None if before == after and type(before) is type(after) else path
