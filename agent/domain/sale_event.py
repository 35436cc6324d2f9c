"""The sale as an event: its canonical body and its postings, with every input that decided it (R7, wire.md).

Pure. HQ recomputes from this body; nothing personal enters it, only random ids. WIRE: field names are frozen by
deployed peers; new fields may be added, none may change meaning.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.digest import Json
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.member import Identification, Member
from agent.domain.rules import RuleSet
from agent.domain.sale import Discrepancy, Posting, PricedCart, SaleLine, TenderLine


@dataclass(frozen=True, slots=True)
class SaleFacts:
    """Everything a sale event records."""

    sale_id: str
    brand_id: str
    store_id: str
    workstation_id: str
    at_ms: int
    business_day: str
    operator: str | None
    cart: PricedCart
    tenders: Sequence[TenderLine]
    collected_fen: int
    base_fen: int
    points_earned: int
    event_x100: int
    member: Member | None
    by: Identification | None
    """The identification that named the member, or the payer, or nobody."""
    priced: bool
    """Whether that identification also set the prices: it was known at the quote and was no payment (R20)."""
    payment: Identification | None
    """The identification of the payment, kept as evidence even where a code named the member."""
    rules: RuleSet
    pricebook_version: int
    claim_sha256: str | None
    discrepancies: Sequence[Discrepancy]


def postings(facts: SaleFacts) -> tuple[Posting, ...]:
    """What moves: points earned go to the member; without a member nothing moves."""
    if facts.member is None or facts.points_earned == 0:
        return ()
    return (Posting(POINTS_ACCOUNT, facts.member.member_id, facts.points_earned),)


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
        "member": _member(facts),
        "payer_ref": facts.payment.payer_ref if facts.payment is not None else None,
        "payer_member_id": _payer_member(facts),
        "rules_version": facts.rules.version,
        "pricebook_version": facts.pricebook_version,
        "lines": [_line(line) for line in facts.cart.lines],
        "tenders": [_tender(tender, facts.payment) for tender in facts.tenders],
        "totals": {
            "list_fen": facts.cart.list_fen,
            "payable_fen": facts.cart.payable_fen,
            "collected_fen": facts.collected_fen,
            "saved_fen": facts.cart.saved_fen,
            "foregone_fen": facts.cart.foregone_fen,
            "base_fen": facts.base_fen,
            "points_earned": facts.points_earned,
        },
        "postings": [
            {"account": posting.account, "owner": posting.owner, "amount": posting.amount}
            for posting in postings(facts)
        ],
        "claim_sha256": facts.claim_sha256,
        "discrepancies": [{"code": found.code, "detail": found.detail} for found in facts.discrepancies],
    }


def _member(facts: SaleFacts) -> Json:
    if facts.member is None or facts.by is None:
        return None
    tier = facts.rules.tier(facts.member.tier_id)
    return {
        "member_id": facts.member.member_id,
        "by": facts.by.by,
        "certainty": facts.by.certainty,
        "priced": facts.priced,
        "tier_id": tier.tier_id,
        "pay_rate_bps": tier.pay_rate_bps,
        "earn_mult_x100": tier.earn_mult_x100,
        "event_x100": facts.event_x100,
    }


def _payer_member(facts: SaleFacts) -> str | None:
    """Payer and member present may differ (a family pays): the code wins, the payer stays as evidence."""
    payer = facts.payment.member if facts.payment is not None else None
    if payer is None or (facts.member is not None and payer.member_id == facts.member.member_id):
        return None
    return payer.member_id


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
        "points_off_fen": 0,
        "points_used": 0,
        "rounding_off_fen": 0,
        "paid_fen": line.paid_fen,
        "earns": line.earns,
    }


def _tender(tender: TenderLine, payment: Identification | None) -> dict[str, Json]:
    evidence = payment.payment if payment is not None else None
    belongs = evidence is not None and evidence.transaction_id == tender.transaction_id
    return {
        "type": tender.type,
        "amount_fen": tender.amount_fen,
        "received_fen": tender.received_fen,
        "transaction_id": tender.transaction_id,
        "evidence": "asserted" if tender.transaction_id is not None else None,
        "mch_id": evidence.mch_id if evidence is not None and belongs else None,
        "sub_mch_id": evidence.sub_mch_id if evidence is not None and belongs else None,
    }
