"""R5: offers as they are written: the promotions of a rule set, and the body of a coupon as its holder has it (S46).

Pure; called by agent.domain.rules when HQ or the till reads a rule set, and by whoever brings a held coupon to a quote.
Field names are those of the offer cases and of agent.domain.coupon_batch.
"""

from collections.abc import Mapping
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.offers import Offer, OfferType, Rung
from agent.domain.prepaid import Voucher
from agent.limits import AMOUNT_FEN, QTY, TEXT_CHARS

PROMOS: Final = 200  # LIMIT: every quote looks at each of them
PROMO_SKUS: Final = 1_000  # LIMIT: a department of a shop; the rule set travels in one message
RUNGS: Final = 10  # LIMIT: more steps than any shop prints on a poster
WHOLE_BP: Final = 10_000  # of price; 5折 to 9折 (S41) is a rule of coupons, a promotion may take any part off
_FIELDS: Final = frozenset(
    {
        "id", "type", "name", "start", "end", "off_fen", "off_bp", "min_fen", "min_qty", "scope", "max_off_fen",
        "priority", "exclusive", "rungs",
    }
)  # fmt: skip
_RUNG_FIELDS: Final = frozenset({"off_fen", "off_bp", "min_fen", "min_qty"})
_PERCENT: Final = ("percent_off", "percent_cheapest_unit")


def promotions(raw: Json) -> tuple[tuple[Offer, ...], list[str]]:
    """Read the promotions of a rule set: the offers, and every fault by place; offers count only without faults.

    >>> promotions([{"id": "p", "type": "percent_off", "off_bp": 10000, "start": "2026-02-30"}])[1]
    ['promos.0.off_bp: takes 1 to 9999 off 10000', 'promos.0.start: write a date as YYYY-MM-DD']
    """
    if raw is None:
        return (), []
    if not isinstance(raw, list) or len(raw) > PROMOS:
        return (), [f"promos must list at most {PROMOS} promotions"]
    found: list[str] = []
    offers: list[Offer] = []
    ids: set[Json] = set()
    for number, body in enumerate(raw):
        where = f"promos.{number}"
        if not isinstance(body, dict):
            found.append(f"{where}: must be an object")
            continue
        faults = _promo_faults(body)
        if isinstance(body.get("id"), str) and body["id"] in ids:
            faults.append("id: comes twice")
        found += [f"{where}.{fault}" for fault in faults]
        if not faults:
            ids.add(body["id"])
            offers.append(offer_of(str(body["id"]), body))
    return tuple(offers), found


def offer_of(offer_id: str, body: Mapping[str, Json], *, claimed: str | None = None, batch: str = "") -> Offer:
    """Make an offer of a body that was found faultless.

    >>> offer_of("c1", {"type": "amount_off", "name": "满80减10", "off_fen": 1000, "min_fen": 8000}).min_fen
    8000
    """
    scope, rungs = body.get("scope"), body.get("rungs")
    return Offer(
        offer_id=offer_id,
        type=OfferType(str(body["type"])),
        off_fen=_int(body, "off_fen"),
        off_bp=_int(body, "off_bp"),
        min_fen=_int(body, "min_fen"),
        min_qty=_int(body, "min_qty"),
        scope=frozenset(map(str, scope)) if isinstance(scope, list) else None,
        max_off_fen=_int(body, "max_off_fen") if body.get("max_off_fen") is not None else None,
        priority=_int(body, "priority"),
        exclusive=body.get("exclusive") is True,
        stackable=body.get("stackable") is True,
        rungs=tuple(_rung(rung) for rung in rungs if isinstance(rung, dict)) if isinstance(rungs, list) else (),
        name=str(body.get("name") or offer_id),
        start_day=_text(body, "start"),
        end_day=_text(body, "end"),
        claimed=claimed,
        batch=batch,
    )


def held_offer(coupon: HeldCoupon) -> Offer | Voucher:
    """Make of a member's coupon what it is at the till: an offer, or for a group coupon 团购券 a tender for its set."""
    scope = coupon.body.get("scope")
    if coupon.body.get("type") == "group":
        goods: dict[str, int] = {}
        for sku in map(str, scope if isinstance(scope, list) else []):
            goods[sku] = goods.get(sku, 0) + 1
        return Voucher(coupon.coupon_id, goods)
    body = {**coupon.body, "start": coupon.start_day, "end": coupon.end_day}
    return offer_of(coupon.coupon_id, body, claimed=f"{coupon.claimed_at_ms:020d}", batch=coupon.batch_id)


def _promo_faults(body: Mapping[str, Json]) -> list[str]:
    found = [f"{name}: not known" for name in body if name not in _FIELDS]
    offer_id, name, kind, rungs = body.get("id"), body.get("name", "-"), body.get("type"), body.get("rungs")
    if not isinstance(offer_id, str) or not 1 <= len(offer_id) <= 64 or not offer_id.isprintable():
        found.append("id: needs 1 to 64 printable characters")
    if not isinstance(name, str) or not 1 <= len(name) <= TEXT_CHARS or not name.isprintable():
        found.append(f"name: needs 1 to {TEXT_CHARS} printable characters; it goes on receipts")
    if kind not in list(OfferType):
        found.append(f"type: use one of {', '.join(OfferType)}")
    if rungs is None:
        found += _value_faults(body, kind)
    elif not isinstance(rungs, list) or not 1 <= len(rungs) <= RUNGS or "off_fen" in body or "off_bp" in body:
        found.append(f"rungs: list 1 to {RUNGS} steps; they stand in place of off_fen and off_bp")
    else:
        for number, rung in enumerate(rungs):
            if not isinstance(rung, dict):
                found.append(f"rungs.{number}: must be an object")
                continue
            faults = [f"{name}: not known" for name in rung if name not in _RUNG_FIELDS]
            found += [f"rungs.{number}.{fault}" for fault in faults + _value_faults(rung, kind)]
    for name, low, high in (("max_off_fen", 1, AMOUNT_FEN), ("priority", 0, 1_000)):
        if name in body and not _within(body[name], low, high):
            found.append(f"{name}: write a whole number from {low} to {high}")
    if not isinstance(body.get("exclusive", False), bool):
        found.append("exclusive: write true or false")
    return found + _scope_faults(body, kind) + _period_faults(body)


def _value_faults(body: Mapping[str, Json], kind: Json) -> list[str]:
    """Thresholds, and the face value that the type needs and no other."""
    found: list[str] = []
    high = WHOLE_BP - 1 if kind == OfferType.PERCENT_OFF else WHOLE_BP
    if kind == OfferType.AMOUNT_OFF and not _within(body.get("off_fen"), 1, AMOUNT_FEN):
        found.append("off_fen: an amount_off promotion needs its face value in fen, 1 or more")
    if kind in _PERCENT and not _within(body.get("off_bp"), 1, high):
        found.append(f"off_bp: takes 1 to {high} off {WHOLE_BP}")
    if kind in list(OfferType) and kind != OfferType.AMOUNT_OFF and "off_fen" in body:
        found.append(f"off_fen: has no place in {kind}")
    if kind in list(OfferType) and kind not in _PERCENT and "off_bp" in body:
        found.append(f"off_bp: has no place in {kind}")
    for name, most in (("min_fen", AMOUNT_FEN), ("min_qty", QTY)):
        if name in body and not _within(body[name], 0, most):
            found.append(f"{name}: write a whole number from 0 to {most}")
    return found


def _scope_faults(body: Mapping[str, Json], kind: Json) -> list[str]:
    scope = body.get("scope")
    if scope is None:
        return ["scope: a gift names its articles"] if kind == OfferType.GIFT else []
    if not isinstance(scope, list) or not 1 <= len(scope) <= PROMO_SKUS:
        return [f"scope: list 1 to {PROMO_SKUS} skus, or leave it out for all"]
    if not all(isinstance(sku, str) and 1 <= len(sku) <= 64 for sku in scope):
        return ["scope: an sku is a text of 1 to 64 characters"]
    return []


def _period_faults(body: Mapping[str, Json]) -> list[str]:
    days = [(name, body[name]) for name in ("start", "end") if body.get(name) is not None]
    found = [f"{name}: write a date as YYYY-MM-DD" for name, day in days if not _is_day(day)]
    if len(days) == 2 and not found and str(days[0][1]) > str(days[1][1]):
        found.append("end: before start")
    return found


def _rung(body: Mapping[str, Json]) -> Rung:
    return Rung(_int(body, "off_fen"), _int(body, "off_bp"), _int(body, "min_fen"), _int(body, "min_qty"))


def _int(body: Mapping[str, Json], name: str) -> int:
    value = body.get(name)
    return value if isinstance(value, int) else 0


def _text(body: Mapping[str, Json], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


def _within(value: Json, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _is_day(value: Json) -> bool:
    try:
        return isinstance(value, str) and parse_day(value).isoformat() == value
    except ValueError:
        return False
