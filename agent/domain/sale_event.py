"""The sale as an event: its canonical body and its postings, with every input that decided it (R7, wire.md).

Pure. HQ recomputes from this body; nothing personal enters it, only random ids. WIRE: field names are frozen by
deployed peers; new fields may be added, none may change meaning.
"""

from collections.abc import Collection, Sequence

from agent.domain.budget import budget_row
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.ledger import PENDING_ACCOUNT, POINTS_ACCOUNT, earning, posting_rows
from agent.domain.member import Identification
from agent.domain.prepaid import Covered
from agent.domain.sale import Posting, SaleLine, TenderLine, TenderType
from agent.domain.sale_facts import SaleFacts
from agent.domain.sale_inputs import line_inputs, sale_inputs
from agent.domain.stages import Outcome

__all__ = ["SaleFacts", "body", "covered_row", "postings", "split_covered"]


def postings(facts: SaleFacts) -> tuple[Posting, ...]:
    """What moves: what was spent of leases, then points earned; without a member nothing moves."""
    if facts.member is None:
        return ()
    owner = facts.member.member_id
    if facts.points_earned == 0:
        return facts.spent
    if facts.pending:
        return (*facts.spent, Posting(PENDING_ACCOUNT, owner, facts.points_earned))
    return (*facts.spent, *earning(owner, facts.points_earned, facts.points_expire, facts.has.debt))


def body(facts: SaleFacts) -> dict[str, Json]:
    """The event's body without `epoch` and `seq`, which the books add."""
    return {
        "v": 1,
        "kind": "sale",
        "workstation_id": facts.workstation_id,
        "store_id": facts.store_id,
        "brand_id": facts.brand_id,
        "at_ms": facts.at_ms,
        "business_day": facts.business_day,
        "sale_id": facts.sale_id,
        "operator": facts.operator,
        **({"table": facts.table} if facts.table else {}),
        "member": _member(facts),
        **_earn(facts),
        "payer_ref": facts.payment.payer_ref if facts.payment is not None else None,
        "payer_member_id": _payer_member(facts),
        "rules_version": facts.rules.version,
        "pricebook_version": facts.pricebook_version,
        "lines": _lines(facts),
        "tenders": [_tender(tender, facts.payment) for tender in facts.tenders],
        "totals": {
            "list_fen": facts.cart.list_fen,
            "payable_fen": facts.cart.payable_fen,
            "due_fen": facts.due_fen,
            "collected_fen": facts.collected_fen,
            "saved_fen": facts.cart.saved_fen,
            "foregone_fen": facts.cart.foregone_fen,
            "base_fen": facts.base_fen,
            "points_earned": facts.points_earned,
            "rounding_off_fen": facts.cart.rounding_off_fen,
            "lost_fen": facts.cart.lost_fen,
        },
        **_offers(facts),
        **_spent(facts),
        **budget_row(facts.spent, facts.cart, facts.rules.redeem, facts.rules.budget),
        **sale_inputs(facts.inputs, facts.business_day),
        "clock": facts.clock,
        "postings": posting_rows(postings(facts)),
        "claim_sha256": facts.claim_sha256,
        "discrepancies": [{"code": found.code, "detail": found.detail} for found in facts.discrepancies],
    }


def _offers(facts: SaleFacts) -> dict[str, Json]:
    """What took fen off, and whose word allowed a price; promotions without effect are left out, coupons never."""
    held = {one.coupon_id: one for one in facts.coupons}
    unbooked = {one.bucket for one in facts.unbooked}
    promos: list[Json] = [_outcome(one) for one in facts.cart.promos if one.off_fen or one.lost_fen]
    coupons: list[Json] = []
    for one in facts.cart.coupons:
        coupon = held.get(one.offer.offer_id)
        coupons.append({**_outcome(one), **_issued(coupon), "booked": one.applied and _booked(one, unbooked)})
    found: dict[str, Json] = {"promos": promos, "coupons": coupons}
    if facts.overrides:
        found["overrides"] = [
            {
                "code": "PRICE_BELOW_70",
                "operator": one.operator,
                "reason": one.reason,
                "lines": list(facts.cart.below_market),
            }
            for one in facts.overrides
        ]
    return found


def _outcome(one: Outcome) -> dict[str, Json]:
    return {
        "id": one.offer.offer_id,
        "name": one.offer.name,
        "applied": one.applied,
        "why": one.why,
        "off_fen": one.off_fen,
        "lost_fen": one.lost_fen,
    }


def _issued(coupon: HeldCoupon | None) -> dict[str, Json]:
    return {} if coupon is None else {"batch_id": coupon.batch_id, "version": coupon.version, "expires": coupon.end_day}


def _booked(one: Outcome, unbooked: Collection[str]) -> bool:
    return one.offer.offer_id not in unbooked


def _spent(facts: SaleFacts) -> dict[str, Json]:
    """Points and prepaid value taken, by lot: a return gives back exactly this (R10, R12)."""
    found: dict[str, Json] = {}
    cart = facts.cart
    if cart.redeemed.off_fen:
        lots: list[Json] = [
            {"bucket": one.bucket, "expires": one.expires, "lease": one.lease, "points": -one.amount}
            for one in facts.spent
            if one.account == POINTS_ACCOUNT
        ]
        found["redeemed"] = {"points": cart.redeemed.points, "off_fen": cart.redeemed.off_fen, "lots": lots}
    if cart.prepaid_fen:
        cards, coupons = split_covered(cart.covered, facts.count_card)
        counts: list[Json] = [{**covered_row(one, card=True), "shares": list(one.shares)} for one in cards]
        vouchers: list[Json] = [{**covered_row(one, card=False), "shares": list(one.shares)} for one in coupons]
        found["prepaid"] = {
            "principal_fen": cart.drawn.principal_fen,
            "gift_fen": cart.drawn.gift_fen,
            "counts": counts,
            "vouchers": vouchers,
        }
    return found


def split_covered(covered: Sequence[Covered], count_card: str) -> tuple[list[Covered], list[Covered]]:
    """What the count card paid for, and what group coupons did."""
    cards = [one for one in covered if one.voucher.voucher_id == count_card]
    return cards, [one for one in covered if one.voucher.voucher_id != count_card]


def covered_row(one: Covered, *, card: bool) -> dict[str, Json]:
    """What one of them paid: a card in its units, a coupon is one, however many goods its set has."""
    units = sum(one.voucher.goods.values()) if card else 1
    return {"id": one.voucher.voucher_id, "units": units, "amount_fen": one.amount_fen}


def _member(facts: SaleFacts) -> Json:
    if facts.member is None or facts.by is None:
        return None
    tier = facts.rules.tier_of(facts.member, facts.business_day)
    spent_fen = facts.member.spent_in(facts.business_day[:7]) if facts.rules.month_multiplier_on else 0
    return {
        "member_id": facts.member.member_id,
        "by": facts.by.by,
        "certainty": facts.by.certainty,
        "priced": facts.priced,
        "tier_id": tier.tier_id,
        "pay_rate_bps": tier.pay_rate_bps,
        "earn_mult_x100": tier.earn_mult_x100,
        "event_x100": facts.event_x100,
        **({"verified": facts.by.ticket.row()} if facts.by.ticket is not None else {}),
        **({"month_spend_fen": spent_fen} if spent_fen else {}),
    }


def _earn(facts: SaleFacts) -> dict[str, Json]:
    """The rule a member earned by: a return reckons with it when the rules are long replaced (R12)."""
    rule = facts.rules.earn
    return {} if facts.member is None else {"earn": {"points": rule.points, "per_fen": rule.per_fen}}


def _payer_member(facts: SaleFacts) -> str | None:
    """Payer and member present may differ (a family pays): the code wins, the payer stays as evidence."""
    payer = facts.payment.member if facts.payment is not None else None
    if payer is None or (facts.member is not None and payer.member_id == facts.member.member_id):
        return None
    return payer.member_id


def _lines(facts: SaleFacts) -> list[Json]:
    """Every line with what decided it."""
    decided = [line_inputs(one) for one in facts.inputs.entries] or [{}] * len(facts.cart.lines)
    return [_line(line) | more for line, more in zip(facts.cart.lines, decided, strict=True)]


def _line(line: SaleLine) -> dict[str, Json]:
    return {
        "line": line.line,
        "sku": line.sku,
        "name": line.name,
        "qty": line.qty,
        "grams": line.grams,
        "list_unit_fen": line.list_unit_fen,
        "list_fen": line.list_fen,
        "unit_fen": line.unit_fen,
        "source": line.source,
        "gross_fen": line.gross_fen,
        "net_fen": line.net_fen,
        "offers": [
            {"id": one.offer_id, "name": one.name, "off_fen": one.off_fen, "coupon": one.coupon} for one in line.offers
        ],
        "points_off_fen": line.points_off_fen,
        "points_used": line.points_used,
        "rounding_off_fen": line.rounding_off_fen,
        "route": line.route,
        "paid_fen": line.paid_fen,
        "earns": line.earns,
    }


def _tender(tender: TenderLine, payment: Identification | None) -> dict[str, Json]:
    evidence = payment.payment if payment is not None else None
    belongs = evidence is not None and evidence.transaction_id == tender.transaction_id
    if tender.type is TenderType.STORED_VALUE:
        split: dict[str, Json] = {"principal_fen": tender.principal_fen, "gift_fen": tender.gift_fen}
        return {"type": tender.type, "amount_fen": tender.amount_fen, **split}
    if tender.type in (TenderType.COUNT_CARD, TenderType.VOUCHER):
        used: dict[str, Json] = {"source": tender.source, "units": tender.units}
        return {"type": tender.type, "amount_fen": tender.amount_fen, **used}
    return {
        "type": tender.type,
        "amount_fen": tender.amount_fen,
        "received_fen": tender.received_fen,
        "transaction_id": tender.transaction_id,
        "evidence": "asserted" if tender.transaction_id is not None else None,
        "mch_id": evidence.mch_id if evidence is not None and belongs else None,
        "sub_mch_id": evidence.sub_mch_id if evidence is not None and belongs else None,
        **({"voucher_fen": tender.voucher_fen} if tender.voucher_fen else {}),
    }
