"""R5: which coupon is taken where several exclude each other, in WeChat Pay's order (微信支付优惠扣除逻辑).

Pure; called by the stages and by whoever shows the customer the coupon that fits best.
"""

from collections.abc import Iterable

from agent.domain.offers import Offer, Worth, worth

_NEVER = "9999-12-31"

Rank = tuple[int, int, str, str, int, str]


def wechat_rank(offer: Offer, value: Worth) -> Rank:
    """Sort key, best first: larger face, higher threshold, earlier end, earlier claimed, smaller batch id.

    Batch ids are compared as numbers are read: the shorter one is the smaller.
    """
    batch = offer.batch.lstrip("0")
    return (-value.face_fen, -value.min_fen, offer.end_day or _NEVER, offer.claimed or _NEVER, len(batch), batch)


def pick_coupon(order_fen: int, coupons: Iterable[Offer]) -> Offer | None:
    """Give the coupon an order takes when it may take one, or None when no threshold is met.

    >>> from agent.domain.offers import OfferType
    >>> high = Offer("a", OfferType.AMOUNT_OFF, 1000, min_fen=8000)
    >>> low = Offer("b", OfferType.AMOUNT_OFF, 800)
    >>> [pick_coupon(order, (high, low)).offer_id for order in (8000, 7999)]
    ['a', 'b']
    """
    reached = [(offer, worth(offer, order_fen, offer.min_qty, 0)) for offer in coupons]
    ranked = [(wechat_rank(offer, value), offer) for offer, value in reached if value is not None]
    return min(ranked, key=lambda one: one[0])[1] if ranked else None
