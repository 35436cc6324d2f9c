"""Who may reserve how early, and who comes first on a waiting list (S11), as a rule set says it. HQ alone acts by it.

Pure; a part of agent.domain.rule_set. The slots themselves are a catalogue at HQ (sync.hq.slot_csv).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.digest import Json

AHEAD_DAYS: Final = 366
_NAMES: Final = ("ahead_days", "earlier_days")


@dataclass(frozen=True, slots=True)
class ReservationRule:
    """A slot opens `ahead_days` before its day, for a tier so many `earlier_days` before that.

    The more days earlier, the sooner a member gets a place that becomes free; at equal days who waited first.
    """

    ahead_days: int
    earlier_days: Mapping[str, int] = field(default_factory=dict)

    def priority(self, tier_id: str) -> int:
        """Days that a tier is earlier than others."""
        return self.earlier_days.get(tier_id, 0)

    def opens(self, slot_day: str, tier_id: str) -> str:
        """The first day on which a member of a tier may reserve a slot.

        >>> ReservationRule(7, {"gold": 3}).opens("2026-11-30", "gold")
        '2026-11-20'
        """
        return (parse_day(slot_day) - timedelta(days=self.ahead_days + self.priority(tier_id))).isoformat()


def reservation_rule(raw: Json, tiers: Collection[str], faults: list[str]) -> ReservationRule | None:
    """Read `reservations` of a rule set; every fault joins `faults`. None: nothing is reserved.

    >>> found = []
    >>> reservation_rule({"ahead_days": 7, "earlier_days": {"x": 1}}, ["gold"], found), found
    (None, ['reservations.earlier_days.x is no tier'])
    """
    if raw is None:
        return None
    if not isinstance(raw, dict):
        faults.append("reservations must be an object")
        return None
    found = [f"reservations.{name} is not known" for name in raw if name not in _NAMES]
    ahead, earlier = raw.get("ahead_days"), raw.get("earlier_days", {})
    days: dict[str, int] = {}
    if not _days(ahead):
        found.append(f"reservations.ahead_days must be an integer from 0 to {AHEAD_DAYS}")
    for tier_id, value in earlier.items() if isinstance(earlier, dict) else ():
        if tier_id not in tiers:
            found.append(f"reservations.earlier_days.{tier_id} is no tier")
        if isinstance(value, int) and _days(value):
            days[tier_id] = value
        else:
            found.append(f"reservations.earlier_days.{tier_id} must be an integer from 0 to {AHEAD_DAYS}")
    if not isinstance(earlier, dict):
        found.append("reservations.earlier_days must be an object of tiers")
    faults += found
    return None if found or not isinstance(ahead, int) else ReservationRule(ahead, days)


def _days(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= AHEAD_DAYS
