"""A person at a wrong POS: the report of `pos-agent conformance` without --url names what it broke."""

from tests.kit_wrong_pos import Careless
from tests.long.test_kit_person_right import BY_HAND, judged


def test_a_careless_pos_is_caught_by_hand_too() -> None:
    ended, found = judged(Careless())
    assert {rule for rule, result in found.items() if result == "skipped"} == BY_HAND
    assert ended == 1
    assert {"lost.same", "busy.same", "return.same"} <= {rule for rule, result in found.items() if result == "fail"}
