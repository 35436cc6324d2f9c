"""The cool-down between two redemptions of one member (S32): what a rule set says of it, and when the next may be.

Pure; a part of agent.domain.rule_set. A till judges by its books and HQ's last row, HQ by all tills and channels.
Stored value and count cards are the member's own money, already paid: they have none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.domain.digest import Json

COOLDOWN_MIN: Final = 31 * 24 * 60  # LIMIT: a month; what waits longer has another name: a validity
_NAMES: Final = ("points_min", "coupon_min")


@dataclass(frozen=True, slots=True)
class CooldownRule:
    """Least minutes from one redemption of points, or of coupons, to the next of the same kind; 0 is none.

    Coupons of one sale are one redemption.
    """

    points_min: int = 0
    coupon_min: int = 0

    def span_ms(self, account: str) -> int:
        """Milliseconds to wait in an account; 0 where nothing waits.

        >>> rule = CooldownRule(points_min=30)
        >>> rule.span_ms("points"), rule.span_ms("coupon"), rule.span_ms("sv_gift")
        (1800000, 0, 0)
        """
        minutes = {"points": self.points_min, "coupon": self.coupon_min}.get(account, 0)
        return minutes * 60_000


def cools_until(earlier_ms: Iterable[int], at_ms: int, span_ms: int) -> int | None:
    """When the next redemption may be, None where it may be now; exactly `span_ms` after the last one it may.

    One from the future is another clock's: within the span it counts all the same, beyond it says nothing.

    >>> cools_until([1000], 60_999, 60_000), cools_until([1000], 61_000, 60_000), cools_until([9000], 1, 60_000)
    (61000, None, 69000)
    """
    near = [one for one in earlier_ms if abs(at_ms - one) < span_ms]
    return max(near) + span_ms if near else None


def cooldown_rule(raw: Json, faults: list[str]) -> CooldownRule:
    """Read `cooldown` of a rule set; every fault joins `faults`.

    >>> found = []
    >>> cooldown_rule({"points_min": 30}, found).points_min, cooldown_rule({"coupon_min": -1, "x": 1}, found), found[0]
    (30, CooldownRule(points_min=0, coupon_min=0), 'cooldown.x is not known')
    """
    if raw is None:
        return CooldownRule()
    if not isinstance(raw, dict):
        faults.append("cooldown must be an object")
        return CooldownRule()
    found = [f"cooldown.{name} is not known" for name in raw if name not in _NAMES]
    minutes: dict[str, int] = {}
    for name in _NAMES:
        value = raw.get(name, 0)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COOLDOWN_MIN:
            minutes[name] = value
        else:
            found.append(f"cooldown.{name} must be an integer from 0 to {COOLDOWN_MIN}")
    faults += found
    return CooldownRule() if found else CooldownRule(**minutes)
