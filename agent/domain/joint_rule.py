"""Joint membership across brands (S13), as a rule set says it: which brands, and what their tiers are worth here.

Pure; a part of agent.domain.rule_set. HQ alone acts by it.
"""

from collections.abc import Collection, Mapping
from typing import Final

from agent.domain.digest import Json

BRANDS: Final = 20  # LIMIT: brands of one organisation
JointRule = Mapping[str, Mapping[str, str]]
"""By brand that is agreed with: its tier -> the tier here. An empty table lends tiers and takes none."""


def joint_rule(raw: Json, levels: Collection[str], faults: list[str]) -> JointRule:
    """Read `joint` of a rule set; `levels` are the tiers that HQ gives by itself. Every fault joins `faults`.

    >>> found = []
    >>> joint_rule({"tea": {"gold": "silver"}, "bread": {"gold": "black"}}, ["plain", "silver"], found), found
    ({}, ['joint.bread.gold: black is no level of tier_review or growth'])
    """
    if raw is None:
        return {}
    if not isinstance(raw, dict) or len(raw) > BRANDS:
        faults.append(f"joint must be an object of at most {BRANDS} brands")
        return {}
    found: list[str] = []
    tables: dict[str, dict[str, str]] = {}
    for brand_id, table in raw.items():
        if not isinstance(table, dict):
            found.append(f"joint.{brand_id} must be an object: its tiers, and the tier of each here")
            continue
        for theirs, ours in table.items():
            if not isinstance(ours, str) or ours not in levels:
                found.append(f"joint.{brand_id}.{theirs}: {ours} is no level of tier_review or growth")
        tables[brand_id] = {theirs: str(ours) for theirs, ours in table.items()}
    faults += found
    return {} if found else tables
