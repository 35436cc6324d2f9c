"""docs/rules.md: its example is a rule set as it stands, and it names every key that the reader knows."""

import json
import re
from pathlib import Path

import pytest

from agent.domain import offer_rules, purse_rules, redemption, rules
from agent.domain.rules import rule_set

DOCUMENT = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


def test_the_example_is_taken_as_it_stands() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT, re.S)
    found = rule_set(json.loads(example))
    assert (found.version, len(found.tiers), len(found.promos), found.stored_value) == (3, 2, 2, True)


@pytest.mark.parametrize("module", [rules, purse_rules, redemption, offer_rules])
def test_every_key_is_in_the_document(module: object) -> None:
    source = Path(str(module.__file__)).read_text(encoding="utf-8")  # type: ignore[attr-defined]
    keys = set(re.findall(r"(?:body\.get|integer\(body,|section)\(?\s*\"([a-z_0-9]+)\"", source))
    assert keys or module in (redemption, offer_rules)
    assert {key for key in keys if f"`{key}`" not in DOCUMENT} <= {"stackable", "claimed"}
