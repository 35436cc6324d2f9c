"""Canonical form and chain: the same bytes on both ends, for ever. Golden values are frozen by deployed peers."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.digest import (
    Json,
    canonical,
    chain_head,
    event_digest,
    extend,
    first_difference,
    genesis,
    read_canonical,
)
from agent.domain.errors import InvariantViolation

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
_JSON: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_JSON)
def test_canonical_form_survives_a_round_trip(value: Json) -> None:
    text = canonical(value)
    written = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert text == written.encode(), "the same bytes as the standard library, which other implementations can repeat"
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@given(_JSON)
def test_canonical_bytes_are_read_and_no_others(value: Json) -> None:
    text = canonical(value)
    assert read_canonical(text) == value
    for other in (b" " + text, text + b" ", b"[" + text + b",1.0]", b'{"\xc3\xa9":' + text + b"}"):
        with pytest.raises(ValueError, match=r"."):
            read_canonical(other)


@pytest.mark.parametrize(
    "text",
    [b"1.0", b'{"a":0.5}', b"[[1e2]]", b"9007199254740992", b"-0", b'{"a":1,"a":1}', b'{"b":1,"a":2}', b'"\\u6c34"',
     b'"\\ud800"', b"NaN", b"", '[{"a":{"价":1}}]'.encode(), b"\xff", b"[" * 300 + b"]" * 300,
     '[{"a":[{"\\"价":1}]}]'.encode(), b'[["a",{"b":[1,2.5]}]]', '{"a":"价","b":[{"c":-1e-7}]}'.encode()],
)  # fmt: skip
def test_what_is_not_canonical_is_not_read(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_canonical(text)


@pytest.mark.parametrize(
    "value",
    [1.0, {"a": 0.5}, [float("nan")], 2**53, {"价": 1}, "\ud800", {1: 2}, b"x", (1, 2), 2**70, {"a": {"b": (1,)}}],
)
def test_what_would_not_survive_is_refused(value: object) -> None:
    with pytest.raises(InvariantViolation):
        canonical(value)  # type: ignore[arg-type]


def test_golden_digests() -> None:
    """WIRE: a change of these values breaks every deployed store."""
    body = canonical({"kind": "sale", "v": 1, "name": "水"})
    assert body == '{"kind":"sale","name":"水","v":1}'.encode()
    assert genesis("S001-1", "ep_a").hex() == GENESIS
    assert event_digest(body).hex() == DIGEST
    assert extend(genesis("S001-1", "ep_a"), event_digest(body)).hex() == HEAD


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=8), st.data())
def test_any_change_of_any_event_changes_the_head(bodies: list[bytes], data: st.DataObject) -> None:
    _, head = chain_head("w", "e", bodies)
    at = data.draw(st.integers(0, len(bodies) - 1))
    assert chain_head("w", "e", [*bodies[:at], bodies[at] + b"x", *bodies[at + 1 :]])[1] != head
    assert chain_head("w", "e", bodies[:at] + bodies[at + 1 :])[1] != head
    assert chain_head("w2", "e", bodies)[1] != head


@given(
    st.dictionaries(st.sampled_from("abc"), _JSON, max_size=3),
    st.dictionaries(st.sampled_from("abc"), _JSON, max_size=3),
)
def test_first_difference_is_none_exactly_for_equal_objects(left: dict[str, Json], right: dict[str, Json]) -> None:
    assert (first_difference(left, right) is None) is (canonical(left) == canonical(right))


def test_absent_is_not_null_at_any_depth() -> None:
    assert first_difference({"b": {}}, {"b": {"note": None}}) == "b.note"
    assert first_difference({"b": None}, {}) == "b"


GENESIS = "4e6ece12134768cb08e12974788ee35ee72e9c55fe7526808a900ea01eb0db08"
DIGEST = "7d08799f4efd6fff74eee1507e48a69d6ddb689be71d4aa782df33a88ebff171"
HEAD = "b2854142d9f3b6d90fcefbc2582a1f14f05725ce591132c7d01e2a3ae951ca87"
