"""R5: what a promotion or coupon is, when it is reached, and what it is worth on the nets it sees.

Pure; the stages (agent.domain.stages) apply offers in order, the rule set (agent.domain.offer_rules) reads them. An
issued coupon never changes: a change is a new version, and the till honours the version the member holds (S46).
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.money import hu


class OfferType(StrEnum):
    """How an offer takes its fen off."""

    AMOUNT_OFF = "amount_off"
    PERCENT_OFF = "percent_off"
    """On the net of all eligible lines together, never per line."""
    PERCENT_CHEAPEST_UNIT = "percent_cheapest_unit"
    """On one unit: the cheapest eligible one that costs anything."""
    GIFT = "gift"
    """礼品券: one unit at 0, which earns 0 and refunds 0. No floor applies: nothing is sold."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of a stepped promotion: from these thresholds on, this much off."""

    off_fen: int = 0
    off_bp: int = 0
    min_fen: int = 0
    min_qty: int = 0


@dataclass(frozen=True, slots=True)
class Offer:
    """One promotion or coupon. `scope` None means the whole order, else it is an offer on these skus.

    `off_bp` is basis points OFF (1000 is 9折). Offers of higher priority see the nets first, ties in list order.
    `rungs` replace the offer's own figures: the best rung reached counts, and only one. `start_day` and `end_day` are
    its first and last day in Asia/Shanghai. `claimed` and `batch` decide between coupons that exclude each other.
    """

    offer_id: str
    type: OfferType
    off_fen: int = 0
    off_bp: int = 0
    min_fen: int = 0
    min_qty: int = 0
    scope: frozenset[str] | None = None
    max_off_fen: int | None = None
    priority: int = 0
    exclusive: bool = False
    stackable: bool = False
    """Of coupons: whether it may stand beside another of its kind; it takes all of them to say so."""
    rungs: tuple[Rung, ...] = ()
    name: str = ""
    start_day: str | None = None
    end_day: str | None = None
    claimed: str | None = None
    batch: str = ""

    def valid_on(self, business_day: str) -> bool:
        """Valid in [start 00:00, end + 1 00:00) of Asia/Shanghai (R15); an open end has no limit.

        >>> Offer("k", OfferType.AMOUNT_OFF, 500, end_day="2026-08-09").valid_on("2026-08-09")
        True
        """
        return (self.start_day or "") <= business_day <= (self.end_day or "9999-12-31")


@dataclass(frozen=True, slots=True)
class Worth:
    """Face of the rung reached (fen, before room and floors) and the threshold it had."""

    face_fen: int
    min_fen: int


def worth(offer: Offer, net_fen: int, pieces: int, unit_fen: int) -> Worth | None:
    """What an offer is worth on its eligible lines; None when no threshold is met (R5).

    `unit_fen` is the unit that `percent_cheapest_unit` and `gift` are about.

    >>> rungs = (Rung(off_fen=500, min_fen=3000), Rung(off_fen=1200, min_fen=6000))
    >>> worth(Offer("s", OfferType.AMOUNT_OFF, rungs=rungs), 6000, 2, 0)
    Worth(face_fen=1200, min_fen=6000)
    >>> worth(Offer("p", OfferType.PERCENT_OFF, off_bp=1500, max_off_fen=5000), 65000, 3, 0)
    Worth(face_fen=5000, min_fen=0)
    """
    if not offer.rungs:
        if net_fen < offer.min_fen or pieces < offer.min_qty:
            return None
        return Worth(_face(offer, offer.off_fen, offer.off_bp, net_fen, unit_fen), offer.min_fen)
    best: Worth | None = None
    for rung in offer.rungs:
        if net_fen >= rung.min_fen and pieces >= rung.min_qty:
            face = _face(offer, rung.off_fen, rung.off_bp, net_fen, unit_fen)
            if best is None or face > best.face_fen:
                best = Worth(face, rung.min_fen)
    return best


def _face(offer: Offer, off_fen: int, off_bp: int, net_fen: int, unit_fen: int) -> int:
    if offer.type is OfferType.AMOUNT_OFF:
        face = off_fen
    elif offer.type is OfferType.PERCENT_OFF:
        face = hu(net_fen * off_bp, 10_000)
    elif offer.type is OfferType.PERCENT_CHEAPEST_UNIT:
        face = hu(unit_fen * off_bp, 10_000)
    else:
        face = unit_fen
    return face if offer.max_off_fen is None else min(face, offer.max_off_fen)
