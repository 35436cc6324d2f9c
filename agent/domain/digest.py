"""Canonical JSON, event digests and the hash chain: the one fold both ends compute.

Pure. Canonical form is RFC 8785 restricted to what our events hold: objects with ASCII keys, strings, integers,
booleans, null and arrays. A float is a programming error, never a rounding. WIRE: frozen by deployed peers.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import orjson

from agent.domain.errors import InvariantViolation

Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

MAX_INTEGER = 2**53 - 1  # WIRE: what every JSON reader keeps exact (RFC 8785)
_EVENT_TAG = b"pos-agent/event/1\n"
_GENESIS_TAG = b"pos-agent/genesis/1\n"
HASH_BYTES = 32
_EXACT = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER  # what is beyond MAX_INTEGER is refused


def canonical(value: Json) -> bytes:
    """Serialise to canonical UTF-8 JSON; raises InvariantViolation for floats, huge integers or non-ASCII keys.

    >>> canonical({"b": [1, True, None], "a": "水"}).decode()
    '{"a":"水","b":[1,true,null]}'
    """
    _check(value)
    try:
        return orjson.dumps(value, option=_EXACT)
    except TypeError as error:  # a lone surrogate, an integer that JSON readers do not keep
        raise InvariantViolation(f"this has no place in an event: {error}") from error


def read_canonical(body: bytes) -> Json:
    """Read canonical bytes; ValueError for any other, which are exactly those that canonical() cannot give.

    >>> read_canonical('{"a":"水","b":[1,true,null]}'.encode())
    {'a': '水', 'b': [1, True, None]}
    """
    value: Json = orjson.loads(body)
    try:
        same = orjson.dumps(value, option=_EXACT) == body
    except TypeError as error:  # a huge integer, or too deep
        raise ValueError("this is not canonical") from error
    if not same:
        raise ValueError("this is not canonical")
    _check_read(value)
    return value


def _check_read(top: Json) -> None:
    """Refuse what JSON can hold and canonical() does not write: floats, and keys that are not ASCII."""
    keys: list[str] = []
    nested: list[Iterable[Any]] = [[top]]
    for values in nested:  # grows as it is read
        for value in values:
            kind = type(value)
            if kind is str or kind is int:
                continue
            if kind is dict:
                keys += value
                nested.append(value.values())
            elif kind is list:
                nested.append(value)
            elif kind is float:
                raise ValueError("no floats near money")
    if not "".join(keys).isascii():
        raise ValueError("a key is not ASCII")


def _check(top: Json) -> None:
    """Refuse what JSON would change or lose silently; this runs inside every commit."""
    keys: list[Any] = []
    nested: list[Iterable[Any]] = [[top]]
    for values in nested:  # grows as it is read
        for value in values:
            kind = type(value)
            if kind is str or kind is int or kind is bool or value is None:
                continue
            if kind is dict:
                keys += value
                nested.append(value.values())
            elif kind is list:
                nested.append(value)
            elif not isinstance(value, str):  # a word of ours (StrEnum) is text
                raise InvariantViolation(f"a {kind.__name__} has no place in an event: {value!r}")
    try:
        are_ascii = "".join(keys).isascii()
    except TypeError:  # a key that is no text
        are_ascii = False
    if not are_ascii:
        wrong = next(key for key in keys if not isinstance(key, str) or not key.isascii())
        raise InvariantViolation(f"key {wrong!r} is not an ASCII string")


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

    A key that is absent differs from a key that is null: their canonical bytes do.

    >>> first_difference({"lines": [{"qty": 1}]}, {"lines": [{"qty": 2}]})
    'lines.0.qty'
    """
    for key in [*after, *(key for key in before if key not in after)]:
        if (key in before) is not (key in after):
            return f"{path}{key}"
        found = _difference(before[key], after[key], f"{path}{key}")
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
