"""S15, S16: tiers by growth, as a rule set says it: one growth a yuan of the trailing twelve months, and activity.

Pure; a part of agent.domain.rule_set. HQ reckons growth with it (sync.hq.member_counts), raises at once and takes down
at its monthly review only; a till shows what HQ said.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from agent.domain.digest import Json
from agent.limits import POINTS

_KEYS: Final = ("levels", "visit", "invite")
_LEVEL: Final = ("tier_id", "growth")


@dataclass(frozen=True, slots=True)
class GrowthRule:
    """Levels (growth from which, tier id) from the lowest, which asks 0; growth for a day with a purchase, and for a
    friend who was invited, both of the trailing twelve months (the activity coefficient)."""

    levels: tuple[tuple[int, str], ...] = ()
    visit: int = 0
    invite: int = 0

    def growth(self, spend_fen: int, visits: int, invites: int) -> int:
        """Growth of twelve months (R14).

        >>> GrowthRule(visit=5, invite=50).growth(99_950, 3, 1)
        1064
        """
        return spend_fen // 100 + self.visit * visits + self.invite * invites

    def rank(self, tier_id: str) -> int:
        """A tier's place; -1 for one that growth does not give."""
        return next((place for place, one in enumerate(self.levels) if one[1] == tier_id), -1)

    def above(self, tier_id: str) -> tuple[int, str]:
        """The next level above a tier: (growth, tier id); (0, "") at the highest and for other tiers.

        >>> GrowthRule(((0, "plain"), (1000, "silver"))).above("plain")
        (1000, 'silver')
        """
        place = self.rank(tier_id)
        return self.levels[place + 1] if 0 <= place < len(self.levels) - 1 else (0, "")


def growth_rule(raw: Json, tiers: Collection[str], faults: list[str]) -> GrowthRule:
    """Read `growth` of a rule set; every fault joins `faults`.

    >>> growth_rule({"levels": [{"tier_id": "a"}, {"tier_id": "b", "growth": 1000}], "visit": 5}, ["a", "b"], []).levels
    ((0, 'a'), (1000, 'b'))
    """
    if raw is None:
        return GrowthRule()
    if not isinstance(raw, dict):
        faults.append("growth must be an object")
        return GrowthRule()
    found = [f"growth.{name} is not known" for name in raw if name not in _KEYS]

    def number(source: dict[str, Json], name: str, where: str) -> int:
        value = source.get(name, 0)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= POINTS:
            return value
        found.append(f"{where} must be an integer from 0 to {POINTS}")
        return 0

    said = raw.get("levels")
    levels: list[tuple[int, str]] = []
    for place, one in enumerate(said if isinstance(said, list) else []):
        where = f"growth.levels.{place}"
        if not isinstance(one, dict) or any(name not in _LEVEL for name in one) or one.get("tier_id") not in tiers:
            found.append(f"{where} must name a tier, and the growth it begins at")
            continue
        levels.append((number(one, "growth", f"{where}.growth"), str(one["tier_id"])))
    if not levels or levels[0][0] != 0:
        found.append("growth.levels must begin with a tier that asks 0")
    if any(upper <= lower for (lower, _), (upper, _) in pairwise(levels)):
        found.append("growth.levels must ask more from tier to tier")
    if len({tier_id for _, tier_id in levels}) < len(levels):
        found.append("growth.levels names a tier twice")
    rule = GrowthRule(tuple(levels), number(raw, "visit", "growth.visit"), number(raw, "invite", "growth.invite"))
    faults += found
    return GrowthRule() if found else rule
