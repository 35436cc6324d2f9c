"""R16: rules that run while disconnected: points in an hour, prices under 70 %, plaintext reads, quick redemptions.

Pure. Judged at each event from the instants given; nothing here is sticky. A person or HQ lifts a freeze. Instants are
UTC milliseconds, windows are half-open (t - window, t]: what is exactly one window old has left it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from agent.limits import FREE_REDEMPTIONS, POINTS_AN_HOUR, REDEMPTION_WINDOW_MIN

POINTS_WINDOW_MS: Final = 3_600_000
FLOOR_TENTHS: Final = 7  # LIMIT: tenths of the market price below which a sale is held (S54)
READ_WINDOW_MS: Final = 60_000
READS_A_WINDOW: Final = 3  # LIMIT: the fourth plaintext read within a minute is refused and alarmed (S55)


@dataclass(frozen=True, slots=True)
class RiskRule:
    """What a brand may set (`risk` of a rule set); counts of points and redemptions, minutes."""

    points_an_hour: int = POINTS_AN_HOUR
    free_redemptions: int = FREE_REDEMPTIONS
    redemption_window_min: int = REDEMPTION_WINDOW_MIN

    def __post_init__(self) -> None:
        if min(self.points_an_hour, self.free_redemptions, self.redemption_window_min) < 1:
            raise ValueError("risk: every limit must be 1 or more")


@dataclass(frozen=True, slots=True)
class HourOfPoints:
    """Points credited in the hour that ends with an event. `freeze`: they go to pending and the account is frozen."""

    window: int
    freeze: bool


def points_hour(
    earlier: Iterable[tuple[int, int]], at_ms: int, points: int, *, most: int = POINTS_AN_HOUR
) -> HourOfPoints:
    """Judge one event of `points` at `at_ms` against the (at_ms, points) credited before it; over `most` freezes (R16).

    >>> points_hour([(0, 3000)], 3_600_000, 2500), points_hour([(1, 3000)], 3_600_000, 2500)
    (HourOfPoints(window=2500, freeze=False), HourOfPoints(window=5500, freeze=True))
    """
    within = sum(amount for at, amount in earlier if at_ms - POINTS_WINDOW_MS < at <= at_ms)
    return HourOfPoints(within + points, within + points > most)


def price_ok(sale_fen: int, market_fen: int | None) -> bool:
    """Tell whether a price is at least 70 % of the market's; an unknown market price judges nothing.

    >>> price_ok(7000, 10000), price_ok(6999, 10000), price_ok(1, None)
    (True, False, True)
    """
    return market_fen is None or sale_fen * 10 >= market_fen * FLOOR_TENTHS


def may_read_plaintext(earlier_reads_ms: Iterable[int], at_ms: int) -> bool:
    """Tell whether a plaintext read of a sensitive field may go on; refused reads count too, masked ones never do.

    >>> may_read_plaintext([0, 10_000, 20_000], 59_000), may_read_plaintext([0, 10_000, 20_000], 60_000)
    (False, True)
    """
    return sum(1 for at in earlier_reads_ms if at_ms - READ_WINDOW_MS < at <= at_ms) < READS_A_WINDOW


def needs_confirmation(earlier_redemptions_ms: Sequence[int], at_ms: int, *, free: int, window_ms: int) -> bool:
    """Tell whether a redemption asks for a second confirmation: `free` of them in a window pass without (S48).

    >>> needs_confirmation([1000, 2000], 3000, free=2, window_ms=60_000)
    True
    >>> needs_confirmation([1000, 2000], 61_000, free=2, window_ms=60_000)
    False
    """
    return sum(1 for at in earlier_redemptions_ms if at_ms - window_ms < at <= at_ms) >= free


def over_daily_recharge(recharged_today_fen: int, amount_fen: int, limit_fen: int | None) -> bool:
    """Tell whether a recharge would pass the day's limit; reaching it exactly is allowed, None is no limit (S35).

    >>> over_daily_recharge(150_000, 50_000, 200_000), over_daily_recharge(150_000, 50_001, 200_000)
    (False, True)
    """
    return limit_fen is not None and recharged_today_fen + amount_fen > limit_fen


def snapshot_fresh(snapshot_at_ms: int, now_ms: int, max_age_ms: int) -> bool:
    """Tell whether balances taken at `snapshot_at_ms` may still be spent from (R13); the tier price always holds.

    Exactly `max_age_ms` old is still fresh. A snapshot from the future is a wrong clock, not a fresh balance: beyond
    the same span ahead it is refused too.

    >>> snapshot_fresh(0, 1000, 1000), snapshot_fresh(0, 1001, 1000), snapshot_fresh(5000, 1000, 1000)
    (True, False, False)
    """
    return abs(now_ms - snapshot_at_ms) <= max_age_ms
