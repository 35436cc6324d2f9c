"""What a member holds, as callers see it: masked, with tier, what may be spent, and what the next tier lacks.

Pure functions, called by agent.views. No openid, phone number or birthday leaves through here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.business_day import parse_day
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.holdings import NOTHING_HELD, Holdings
from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT, GIFT_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.member import HeldCard, Member
from agent.domain.rules import RuleSet
from agent.domain.tier_review import Quarter, missing, quarter_of, ways_left
from agent.domain.validity import is_birthday


@dataclass(frozen=True, slots=True)
class Held:
    """What a member holds, for the view. `has` None: the replica does not know them (any more).

    `refused` is the code with which spending would be refused now, None where it would not; `store_id` is where they
    stand.
    """

    has: Holdings | None = None
    coupons: Sequence[HeldCoupon] = ()
    refused: str | None = None
    store_id: str = ""


def member_view(member: Member, rules: RuleSet, held: Held, day: str) -> dict[str, Json]:
    """The member part of an identification."""
    has, known = held.has, held.has or NOTHING_HELD
    principal_fen, gift_fen = known.balance(PRINCIPAL_ACCOUNT), known.balance(GIFT_ACCOUNT)
    soon, soon_day = known.expires_soon(day)
    return {
        "member_id": member.member_id,
        "masked": member.masked,
        "tier": _tier_view(member.tier_id, rules),
        "points": None if has is None else has.balance("points"),
        "points_expiring": {"points": soon, "day": soon_day} if soon else None,
        "stored_value": None
        if has is None or not rules.stored_value
        else {"principal_fen": principal_fen, "gift_fen": gift_fen, "total_fen": principal_fen + gift_fen},
        "count_cards": [card_view(card) for card in known.cards],
        "coupons": [
            _coupon_view(one, day, held.store_id) for one in held.coupons if one.coupon_id not in known.used_coupons
        ],
        "spendable_here": {
            "points": known.points_here,
            "stored_value_fen": known.here(PRINCIPAL_ACCOUNT) + known.here(GIFT_ACCOUNT),
            "coupons": [lot.bucket for lot in known.lots if lot.account == COUPON_ACCOUNT],
            "counts": {card.card_id: known.here(COUNT_ACCOUNT, card.card_id) for card in known.cards},
        },
        "next_tier": None
        if not member.next_tier_id
        else {
            **_tier_view(member.next_tier_id, rules),
            "growth": member.growth,
            "at_growth": member.next_tier_growth,
        },
        "tier_review": _review_view(member, rules, day),
        "birthday_today": is_birthday(day, member.birthday),
        "first_order": bool(member.first_order),
        "spending_refused": held.refused,
    }


def _review_view(member: Member, rules: RuleSet, day: str) -> dict[str, Json] | None:
    """What is missing to the next tier in amount and in visits; None where HQ said nothing of this quarter."""
    first, last = quarter_of(parse_day(day))
    if not rules.review.levels or not member.quarter or member.quarter > first.isoformat():
        return None
    quarter = Quarter()  # HQ has counted nothing of this one yet
    if member.quarter == first.isoformat():
        quarter = Quarter(member.quarter_spend_fen, member.quarter_visits, member.quarter_invites)
    lacks = missing(rules.review, member.tier_id, quarter)
    orders = 0 if member.first_order else 1
    ways: list[Json] = [
        {"tier_id": way.tier_id, "by": way.by, "missing": left}
        for way, left in ways_left(rules.review, member.tier_id, quarter, orders=orders)
    ]
    return {
        "quarter_ends": last.isoformat(),
        "spend_fen": quarter.spend_fen,
        "visits": quarter.visits,
        "next_tier_id": None if lacks is None else lacks.tier_id,
        "missing_spend_fen": 0 if lacks is None else lacks.spend_fen,
        "missing_visits": 0 if lacks is None else lacks.visits,
        "ways_up": ways,
    }


def _tier_view(tier_id: str, rules: RuleSet) -> dict[str, Json]:
    tier = rules.tier(tier_id)
    return {
        "tier_id": tier.tier_id,
        "name": tier.name,
        "pay_rate_bps": tier.pay_rate_bps,
        "earn_mult_x100": tier.earn_mult_x100,
    }


def _coupon_view(one: HeldCoupon, day: str, store_id: str) -> dict[str, Json]:
    body = one.body
    return {
        "coupon_id": one.coupon_id,
        "name": str(body.get("name", "")),
        "type": str(body.get("type", "")),
        "off_fen": body.get("off_fen", 0),
        "off_bp": body.get("off_bp", 0),
        "min_fen": body.get("min_fen", 0),
        "start": one.start_day,
        "end": one.end_day,
        "usable_today": one.valid_on(day) and one.used_in(store_id),
    }


def card_view(card: HeldCard) -> dict[str, Json]:
    """One count card."""
    return {
        "card_id": card.card_id,
        "name": card.name,
        "left": card.left,
        "total": card.total,
        "expires": card.expires,
    }
