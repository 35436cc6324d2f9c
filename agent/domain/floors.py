"""R4: what a unit may not be sold below: the shop's own minimum, and 70 % of the market price (S54).

Pure; called by the pipeline (agent.domain.evaluate). Whether a price is under 70 % says agent.domain.risk.price_ok.
"""

from agent.domain.risk import FLOOR_TENTHS


def floor_unit(min_fen: int | None, market_fen: int | None, *, market_rule: bool) -> int:
    """Floor of a unit in fen; the 70 % are rounded up, and count only where the rule is on and the market known.

    >>> floor_unit(None, 999, market_rule=True), floor_unit(800, 999, market_rule=True)
    (700, 800)
    >>> floor_unit(None, 999, market_rule=False)
    0
    """
    own = min_fen or 0
    if market_fen is None or not market_rule:
        return own
    return max(own, -(-market_fen * FLOOR_TENTHS // 10))
