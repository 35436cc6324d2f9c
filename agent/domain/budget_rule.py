"""The caps of the store's risk budget (R13) as a rule set says them, and what is left of them on a day.

Pure; a part of agent.domain.rule_set. agent.domain.budget decides with it what a sale may risk.
"""

from dataclasses import dataclass
from typing import Final

from agent.domain.digest import Json
from agent.limits import AMOUNT_FEN, POINTS

_TILLS: Final = 1_000
_KEYS: Final = ("store_day_fen", "tills", "member_day_fen", "points", "stored_value_fen", "coupons")


@dataclass(frozen=True, slots=True)
class BudgetRule:
    """Caps of one brand. A day is a business day; points and stored value are caps of one sale.

    Tills of a store cannot count together with the cable out, so each has its even part of the store's day.
    """

    store_day_fen: int
    tills: int
    member_day_fen: int
    points: int = 0
    stored_value_fen: int = 0
    coupons: bool = False

    @property
    def till_day_fen(self) -> int:
        """What one till may risk in a day."""
        return self.store_day_fen // self.tills


@dataclass(frozen=True, slots=True)
class Used:
    """What was risked so far on a business day at this till, in fen: in all, and of one member."""

    till_fen: int = 0
    member_fen: int = 0

    def left_fen(self, rule: BudgetRule) -> int:
        """What may still be risked for that member.

        >>> Used(900, 100).left_fen(BudgetRule(2000, 2, 500))
        100
        """
        return max(0, min(rule.till_day_fen - self.till_fen, rule.member_day_fen - self.member_fen))


def budget_rule(raw: Json, faults: list[str]) -> BudgetRule | None:
    """Read `offline_budget` of a rule set; what is wrong with it joins `faults`. None: off.

    >>> budget_rule({"store_day_fen": 50000, "tills": 2, "member_day_fen": 5000, "points": 1000}, []).till_day_fen
    25000
    """
    if raw is None:
        return None
    if not isinstance(raw, dict):
        faults.append("offline_budget must be an object")
        return None
    found = [f"offline_budget.{name} is not known" for name in raw if name not in _KEYS]

    def number(name: str, low: int, high: int, default: int | None = None) -> int:
        value = raw.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        found.append(f"offline_budget.{name} must be an integer from {low} to {high}")
        return low

    coupons = raw.get("coupons", False)
    if not isinstance(coupons, bool):
        found.append("offline_budget.coupons must be true or false")
    rule = BudgetRule(
        store_day_fen=number("store_day_fen", 1, AMOUNT_FEN),
        tills=number("tills", 1, _TILLS),
        member_day_fen=number("member_day_fen", 1, AMOUNT_FEN),
        points=number("points", 0, POINTS, 0),
        stored_value_fen=number("stored_value_fen", 0, AMOUNT_FEN, 0),
        coupons=coupons is True,
    )
    faults += found
    return None if found else rule
