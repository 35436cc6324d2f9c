"""How identifications, quotes and sales look to callers: plain JSON, masked, every price with its reason.

Pure functions, called by flow and the API. No openid, phone number or claim hash leaves through here.
"""

from agent.domain.digest import Json
from agent.domain.member import Identification
from agent.domain.receipt_facts import JoinInvitation
from agent.domain.rules import RuleSet
from agent.domain.sale import SaleLine
from agent.domain.sale_event import SaleFacts
from agent.quotes import Quote


def identification_view(who: Identification, rules: RuleSet, balance: int | None) -> dict[str, Json]:
    """What resolve and payments answer."""
    member: dict[str, Json] | None = None
    if who.member is not None:
        tier = rules.tier(who.member.tier_id)
        member = {
            "member_id": who.member.member_id,
            "masked": who.member.masked,
            "tier": {
                "tier_id": tier.tier_id,
                "name": tier.name,
                "pay_rate_bps": tier.pay_rate_bps,
                "earn_mult_x100": tier.earn_mult_x100,
            },
            "points": balance,
        }
    return {
        "identification_id": who.identification_id,
        "by": who.by,
        "certainty": who.certainty,
        "may_price": who.prices,
        "may_spend": who.certainty is not None and who.certainty.may_spend,
        "member": member,
        "provisional": who.payer_ref is not None,
        "payment": None
        if who.payment is None
        else {
            "transaction_id": who.payment.transaction_id,
            "total_fen": who.payment.total_fen,
            "sub_mch_id": who.payment.sub_mch_id,
            "scope": who.payment.scope,
            "evidence": "asserted",
        },
        "join_prompt": who.member is None,
    }


def quote_view(quote: Quote, ttl_s: int) -> dict[str, Json]:
    """What POST /v1/quotes answers."""
    cart = quote.cart
    return {
        "quote_id": quote.quote_id,
        "valid_s": ttl_s,
        "lines": [_line_view(line) for line in cart.lines],
        "list_fen": cart.list_fen,
        "saved_fen": cart.saved_fen,
        "payable_fen": cart.payable_fen,
        "points_to_earn": cart.points_earned,
        "as_member": {"payable_fen": cart.member_payable_fen, "points": cart.member_points},
        "rules_version": quote.rules.version,
        "pricebook_version": quote.pricebook_version,
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
    }


def sale_answer(facts: SaleFacts, balance: int | None, invitation: JoinInvitation | None) -> dict[str, Json]:
    """What POST /v1/sales answers, and answers again for the same sale_id; the books add the event's name."""
    return {
        "sale_id": facts.sale_id,
        "list_fen": facts.cart.list_fen,
        "saved_fen": facts.cart.saved_fen,
        "payable_fen": facts.cart.payable_fen,
        "collected_fen": facts.collected_fen,
        "foregone_fen": facts.cart.foregone_fen if facts.member is not None else 0,
        "points_earned": facts.points_earned,
        "points_balance": balance,
        "member": None
        if facts.member is None
        else {"member_id": facts.member.member_id, "masked": facts.member.masked},
        "certainty": facts.by.certainty if facts.by is not None else None,
        "join": None
        if invitation is None
        else {"url": invitation.url, "saved_fen": invitation.saved_fen, "points": invitation.points},
        "discrepancies": [{"code": found.code, "detail": found.detail} for found in facts.discrepancies],
    }
