"""How identifications, quotes and sales look to callers: plain JSON, masked, every price with its reason.

Pure functions, called by flow and the API. No openid, phone number or claim hash leaves through here.
"""

from agent.domain.asks import CardUse
from agent.domain.digest import Json
from agent.domain.holdings import Left, after
from agent.domain.member import Identification
from agent.domain.receipt_facts import JoinInvitation
from agent.domain.rules import RuleSet
from agent.domain.sale import PricedCart, SaleLine
from agent.domain.sale_event import SaleFacts, covered_row, postings, split_covered
from agent.domain.stages import Outcome, Why
from agent.quotes import Quote
from agent.views_member import Held, card_view, member_view

__all__ = ["Held", "identification_view", "quote_view", "sale_answer"]


def identification_view(who: Identification, rules: RuleSet, held: Held, business_day: str) -> dict[str, Json]:
    """What resolve and payments answer."""
    return {
        "identification_id": who.identification_id,
        "by": who.by,
        "certainty": who.certainty,
        "may_price": who.prices,
        "may_spend": who.certainty is not None and who.certainty.may_spend,
        "member": None if who.member is None else member_view(who.member, rules, held, business_day),
        "provisional": who.payer_ref is not None,
        "payment": None
        if who.payment is None
        else {
            "transaction_id": who.payment.transaction_id,
            "total_fen": who.payment.total_fen,
            "payer_fen": who.payment.payer_fen,
            "sub_mch_id": who.payment.sub_mch_id,
            "scope": who.payment.scope,
            "evidence": "asserted",
        },
        "join_prompt": who.member is None,
    }


def quote_view(quote: Quote, ttl_s: int) -> dict[str, Json]:
    """What POST /v1/quotes answers."""
    cart = quote.cart
    card = quote.asks.count_card
    left = after(quote.has, quote.spends, quote.business_day, card.card_id if card is not None else "")
    return {
        "quote_id": quote.quote_id,
        "valid_s": ttl_s,
        "lines": [_line_view(line) for line in cart.lines],
        "list_fen": cart.list_fen,
        "saved_fen": cart.saved_fen,
        "payable_fen": cart.payable_fen,
        "due_fen": cart.due_fen,
        "points_to_earn": cart.points_earned,
        "as_member": {"payable_fen": cart.member_payable_fen, "points": cart.member_points},
        "rules_version": quote.rules.version,
        "pricebook_version": quote.pricebook_version,
        "promos": [_offer_view(one) for one in cart.promos if one.why is not Why.NO_GOODS],
        "coupons": [_offer_view(one) for one in cart.coupons],
        "redeemed": {"points": cart.redeemed.points, "off_fen": cart.redeemed.off_fen},
        "prepaid": _prepaid_view(cart, card),
        "rounding_off_fen": cart.rounding_off_fen,
        "lost_fen": cart.lost_fen,
        "after": _left_view(left) if quote.spends else None,
        "held": quote.held_until_ms > 0,
        "below_market": list(cart.below_market),
    }


def _line_view(line: SaleLine) -> dict[str, Json]:
    return {
        "line": line.line,
        "sku": line.sku,
        "name": line.name,
        "qty": line.qty,
        "grams": line.grams,
        "list_unit_fen": line.list_unit_fen,
        "unit_fen": line.unit_fen,
        "list_fen": line.list_fen,
        "payable_fen": line.paid_fen,
        "saved_fen": line.saved_fen,
        "reason": line.source,
        "earns": line.earns,
        "gross_fen": line.gross_fen,
        "net_fen": line.net_fen,
        "offers": [
            {"id": one.offer_id, "name": one.name, "off_fen": one.off_fen, "coupon": one.coupon} for one in line.offers
        ],
        "points_off_fen": line.points_off_fen,
        "points_used": line.points_used,
        "rounding_off_fen": line.rounding_off_fen,
    }


def _offer_view(one: Outcome) -> dict[str, Json]:
    return {
        "id": one.offer.offer_id,
        "name": one.offer.name,
        "applied": one.applied,
        "why": one.why,
        "off_fen": one.off_fen,
        "lost_fen": one.lost_fen,
    }


def _prepaid_view(cart: PricedCart, card: CardUse | None) -> dict[str, Json]:
    cards, coupons = split_covered(cart.covered, card.card_id if card is not None else "")
    return {
        "principal_fen": cart.drawn.principal_fen,
        "gift_fen": cart.drawn.gift_fen,
        "counts": [covered_row(one, card=True) for one in cards],
        "vouchers": [covered_row(one, card=False) for one in coupons],
    }


def _left_view(left: Left) -> dict[str, Json]:
    return {
        "points": left.points,
        "principal_fen": left.principal_fen,
        "gift_fen": left.gift_fen,
        "count_card": None if left.card is None else card_view(left.card),
    }


def sale_answer(facts: SaleFacts, left: Left, invitation: JoinInvitation | None) -> dict[str, Json]:
    """What POST /v1/sales answers, and answers again for the same sale_id; the books add the event's name."""
    cart = facts.cart
    earned = [one for one in postings(facts) if one.amount > 0]
    card = CardUse(facts.count_card) if facts.count_card else None
    return {
        "sale_id": facts.sale_id,
        "list_fen": cart.list_fen,
        "saved_fen": cart.saved_fen,
        "payable_fen": cart.payable_fen,
        "due_fen": facts.due_fen,
        "collected_fen": facts.collected_fen,
        "foregone_fen": cart.foregone_fen if facts.member is not None else 0,
        "points_earned": facts.points_earned,
        "points_balance": left.points,
        "points_pending": facts.pending,
        "points_expire": facts.points_expire or None if earned else None,
        "redeemed": {"points": cart.redeemed.points, "off_fen": cart.redeemed.off_fen},
        "prepaid": _prepaid_view(cart, card),
        "coupons": [_offer_view(one) for one in cart.coupons],
        "rounding_off_fen": cart.rounding_off_fen,
        "lost_fen": cart.lost_fen,
        "after": _left_view(left) if facts.spent else None,
        "member": None
        if facts.member is None
        else {"member_id": facts.member.member_id, "masked": facts.member.masked},
        "certainty": facts.by.certainty if facts.by is not None else None,
        "join": None
        if invitation is None
        else {"url": invitation.url, "saved_fen": invitation.saved_fen, "points": invitation.points},
        "discrepancies": [{"code": found.code, "detail": found.detail} for found in facts.discrepancies],
        "overrides": [{"code": "PRICE_BELOW_70", "operator": one.operator} for one in facts.overrides],
    }
