"""What a brand's rule set says of purses: recharging (R9), count cards (R18), grace for returned points (R10).

Pure; agent.domain.rules reads these sections with `purse_rules` and holds the result. Every fault is reported at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.digest import Json
from agent.domain.stored_value import NAMED_CARD_FEN, RechargeRules
from agent.limits import AMOUNT_FEN, QTY, TEXT_CHARS

_DAYS: Final = 36_500  # LIMIT: a hundred years; longer is a mistake
_STEPS: Final = 50
_PRODUCTS: Final = 200
_RECHARGE: Final = ("steps", "per_multiple", "card_limit_fen", "daily_limit_fen", "gift_valid_days")
_CARD: Final = ("id", "name", "total", "price_fen", "valid_days")


@dataclass(frozen=True, slots=True)
class CountProduct:
    """A count card on sale: `total` units for `price_fen`, good for `valid_days` (None: for ever), today included."""

    product_id: str
    name: str
    total: int
    price_fen: int
    valid_days: int | None = None


@dataclass(frozen=True, slots=True)
class PurseRules:
    """`gift_valid_days` counts the day of the recharge; `return_grace_days` the days after a return."""

    recharge: RechargeRules = RechargeRules()
    gift_valid_days: int | None = None
    count_cards: tuple[CountProduct, ...] = ()
    return_grace_days: int = 0
    short_in_cash: bool = False
    """Earned points that were spent before the goods came back are paid out of the refund (R12); else they are owed."""

    def product(self, product_id: str) -> CountProduct | None:
        """A count card by the id it is sold under."""
        return next((one for one in self.count_cards if one.product_id == product_id), None)


def last_day(day: str, valid_days: int | None) -> str:
    """The last day of something good for so many natural days, `day` included; "" for ever.

    >>> last_day("2026-03-01", 15), last_day("2026-03-01", None)
    ('2026-03-15', '')
    """
    return "" if valid_days is None else (parse_day(day) + timedelta(days=valid_days - 1)).isoformat()


def purse_rules(body: Mapping[str, Json], faults: list[str]) -> PurseRules:
    """Read `recharge`, `count_cards`, `return_grace_days` and `return_short`; what is wrong joins `faults`.

    >>> purse_rules({"recharge": {"steps": [[30000, 5000]]}}, []).recharge.steps
    ((30000, 5000),)
    """
    raw, found = body.get("recharge") or {}, list[str]()
    section: Mapping[str, Json] = raw if isinstance(raw, dict) else {}
    if section is not raw:
        found.append("recharge must be an object")
    found += [f"recharge.{name} is not known" for name in section if name not in _RECHARGE]

    def number(name: str, low: int, high: int) -> int | None:
        value = section.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        found.append(f"recharge.{name} must be an integer from {low} to {high}")
        return None

    per_multiple, grace = section.get("per_multiple", False), body.get("return_grace_days", 0)
    if not isinstance(per_multiple, bool):
        found.append("recharge.per_multiple must be true or false")
    if not isinstance(grace, int) or isinstance(grace, bool) or not 0 <= grace <= _DAYS:
        found.append("return_grace_days must be an integer, 0 or more")
        grace = 0
    short = body.get("return_short", "debt")
    if short not in ("debt", "cash"):
        found.append("return_short must be debt or cash")
    elif short == "cash" and not body.get("redeem"):
        found.append("return_short cash needs redeem: it says what a point is worth")
    steps, products = _steps(section.get("steps"), found), _products(body.get("count_cards"), found)
    card = number("card_limit_fen", 1, NAMED_CARD_FEN)  # LIMIT: R9; a brand may allow less, never more
    daily, days = number("daily_limit_fen", 0, AMOUNT_FEN), number("gift_valid_days", 1, _DAYS)
    faults += found
    rules = RechargeRules(
        steps, per_multiple is True, daily_limit_fen=daily, card_limit_fen=NAMED_CARD_FEN if card is None else card
    )
    return PurseRules() if found else PurseRules(rules, days, products, grace, short == "cash")


def _steps(raw: Json, faults: list[str]) -> tuple[tuple[int, int], ...]:
    """(from_fen, bonus_fen) of each step."""
    if raw is None:
        return ()
    found = []
    for one in raw if isinstance(raw, list) and len(raw) <= _STEPS else [None]:
        whole = isinstance(one, list) and len(one) == 2 and all(type(fen) is int for fen in one)
        start, given = (one[0], one[1]) if whole and isinstance(one, list) else (None, None)
        if not isinstance(start, int) or not isinstance(given, int):
            faults.append("recharge.steps must list [from_fen, bonus_fen]")
        elif not 0 < start <= AMOUNT_FEN or not 0 <= given <= AMOUNT_FEN:
            faults.append(f"recharge.steps: from {start} bonus {given} is out of bounds")
        else:
            found.append((start, given))
    return tuple(found)


def _products(raw: Json, faults: list[str]) -> tuple[CountProduct, ...]:
    found: dict[str, CountProduct] = {}
    if raw is not None and (not isinstance(raw, list) or len(raw) > _PRODUCTS):
        faults.append(f"count_cards must list at most {_PRODUCTS} products")
        return ()
    for one in raw if isinstance(raw, list) else []:
        if not isinstance(one, dict):
            faults.append("each of count_cards must be an object")
            continue
        product_id, name, days = one.get("id"), one.get("name"), one.get("valid_days")
        total, price_fen = one.get("total"), one.get("price_fen")
        wrong = [f"{key} is not known" for key in one if key not in _CARD]
        if not isinstance(product_id, str) or not 1 <= len(product_id) <= 64 or product_id in found:
            wrong.append("id must be a text of its own")
        if not isinstance(name, str) or not 1 <= len(name) <= TEXT_CHARS:
            wrong.append("name must be a text")
        if type(total) is not int or not 1 <= total <= QTY:
            wrong.append("total must be 1 or more")
        if type(price_fen) is not int or not 0 <= price_fen <= AMOUNT_FEN:
            wrong.append("price_fen must be 0 or more")
        if days is not None and (type(days) is not int or not 1 <= days <= _DAYS):
            wrong.append("valid_days must be 1 or more, or absent")
        faults += [f"count_cards {product_id!r}: {fault}" for fault in wrong]
        if not wrong and isinstance(total, int) and isinstance(price_fen, int):
            valid = days if isinstance(days, int) else None
            found[str(product_id)] = CountProduct(str(product_id), str(name), total, price_fen, valid)
    return tuple(found.values())
