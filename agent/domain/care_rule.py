"""What HQ does for members by itself, as a rule set says it: referral, sign-in, birthday, sleepers (S26-S33, S51).

Pure; a part of agent.domain.rule_set. HQ alone acts by it; what is absent is not done.
"""

from dataclasses import dataclass
from typing import Final

from agent.domain.digest import Json
from agent.limits import POINTS

SLEEPS_DAYS: Final = (30, 90)
"""Days without a purchase after which a member is dormant (S51)."""
_STREAK_DAYS: Final = 31
_KEYS: Final = (
    "referral_points", "sign_in_points", "reminders", "birthday_batch_id", "dormant_30_batch_id", "dormant_90_batch_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class CareRule:
    """`sign_in_points`: of the first day of a streak, the second ...; the last holds for all later ones."""

    referral_points: int = 0
    sign_in_points: tuple[int, ...] = ()
    reminders: bool = False
    birthday_batch_id: str = ""
    dormant_batch_ids: tuple[str, ...] = ("", "")
    """Of 30 and of 90 days."""

    def sign_in(self, streak: int) -> int:
        """Points of the n-th day in a row.

        >>> [CareRule(sign_in_points=(1, 2, 5)).sign_in(day) for day in (1, 3, 9)], CareRule().sign_in(1)
        ([1, 5, 5], 0)
        """
        return self.sign_in_points[min(streak, len(self.sign_in_points)) - 1] if self.sign_in_points else 0


def care_rule(raw: Json, faults: list[str]) -> CareRule:
    """Read `care` of a rule set; every fault joins `faults`.

    >>> care_rule({"referral_points": 20, "sign_in_points": [1, 2, 3, 4, 5]}, []).referral_points
    20
    """
    if raw is None:
        return CareRule()
    if not isinstance(raw, dict):
        faults.append("care must be an object")
        return CareRule()
    found = [f"care.{name} is not known" for name in raw if name not in _KEYS]
    points, streak = raw.get("referral_points", 0), raw.get("sign_in_points", [])
    if not _whole(points):
        found.append(f"care.referral_points must be an integer from 0 to {POINTS}")
    if not isinstance(streak, list) or len(streak) > _STREAK_DAYS or not all(_whole(one) for one in streak):
        found.append(f"care.sign_in_points must list up to {_STREAK_DAYS} integers from 0 to {POINTS}")
    if not isinstance(raw.get("reminders", False), bool):
        found.append("care.reminders must be true or false")
    batches = [raw.get(name, "") for name in _KEYS[3:]]
    if not all(isinstance(one, str) and len(one) <= 64 for one in batches):
        found.append("care: birthday_batch_id and dormant_.._batch_id name coupon batches")
    faults += found
    if found:
        return CareRule()
    return CareRule(
        referral_points=points if isinstance(points, int) else 0,
        sign_in_points=tuple(one for one in streak if isinstance(one, int)) if isinstance(streak, list) else (),
        reminders=raw.get("reminders") is True,
        birthday_batch_id=str(batches[0]),
        dormant_batch_ids=(str(batches[1]), str(batches[2])),
    )


def _whole(value: Json) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= POINTS
