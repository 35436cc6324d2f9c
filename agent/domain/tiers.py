"""R14: which tier growth or spend gives, the month's multiplier, and growth from the trailing twelve months.

Pure. HQ decides tiers; the till only shows what the next sale will have. The tier of a sale is the one before it.
"""

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

MONTH_BANDS: Final = ((50_000, 100), (200_001, 150))
"""(fen below which the multiplier holds, multiplier x100): below 500 yuan 1x, up to 2000 inclusive 1.5x (S17)."""
TOP_MULT_X100: Final = 200
WINDOW_MONTHS: Final = 12


def tier_at(levels: Sequence[tuple[int, str]], value: int) -> str:
    """Give the name of the highest level reached, growth points or fen alike; below all of them the lowest (S15).

    >>> levels = [(0, "普通"), (1000, "银"), (5000, "金")]
    >>> tier_at(levels, 999), tier_at(levels, 1000), tier_at(levels, -5)
    ('普通', '银', '普通')
    """
    if not levels:
        raise ValueError("there is no tier without levels")
    reached = [level for level in levels if level[0] <= value]
    chosen = max(reached, key=lambda level: level[0]) if reached else min(levels, key=lambda level: level[0])
    return chosen[1]


def tiers_of_sale(levels: Sequence[tuple[int, str]], spent_fen: int, this_sale_fen: int) -> tuple[str, str]:
    """Give (tier this sale is priced and earns with, tier from the next sale on) (R14).

    >>> tiers_of_sale([(0, "Bronze"), (10000, "Silver")], 8000, 3000)
    ('Bronze', 'Silver')
    """
    return tier_at(levels, spent_fen), tier_at(levels, spent_fen + this_sale_fen)


def month_multiplier(month_spend_fen: int) -> int:
    """Give the multiplier x100 for what a member spent in the month (S17).

    >>> [month_multiplier(fen) for fen in (49_999, 50_000, 200_000, 200_001)]
    [100, 150, 150, 200]
    """
    return next((mult for below, mult in MONTH_BANDS if month_spend_fen < below), TOP_MULT_X100)


def months_back(day: date, months: int) -> date:
    """Go back calendar months; a day the month does not have becomes its last.

    >>> months_back(date(2028, 2, 29), 12), months_back(date(2026, 3, 31), 1)
    (datetime.date(2027, 2, 28), datetime.date(2026, 2, 28))
    """
    year, month0 = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month0 + 1, min(day.day, calendar.monthrange(year, month0 + 1)[1]))


@dataclass(frozen=True, slots=True)
class Growth:
    """Spend of the window in fen, and the growth value it gives."""

    spend_fen: int
    growth: int


def trailing_growth(as_of: date, sales: Iterable[tuple[date, int]], activity: int = 0) -> Growth:
    """Sum (local date, fen) over (as_of - 12 months, as_of]; growth is one a yuan, floored, plus activity (R14).

    A refund is a negative amount on the date of its sale.

    >>> trailing_growth(date(2026, 3, 15), [(date(2025, 3, 15), 99900), (date(2025, 3, 16), 50050)], 30)
    Growth(spend_fen=50050, growth=530)
    """
    start = months_back(as_of, WINDOW_MONTHS)
    spend = sum(fen for day, fen in sales if start < day <= as_of)
    return Growth(spend, spend // 100 + activity)
