"""Who earns on a sale, and which payment evidence stands: the rules of wire.md "WeChat evidence" and R20.

Pure. An explicit code beats the payer; evidence that does not fit its tender names nobody; nothing here loses a sale.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from agent.domain.errors import Refusal
from agent.domain.member import Identification, IdentifiedBy
from agent.domain.money import yuan
from agent.domain.sale import Discrepancy, TenderLine, TenderType


@dataclass(frozen=True, slots=True)
class Judged:
    """`member_by` names the member who earns, `payment` the evidence that stands, both may be None."""

    member_by: Identification | None
    payment: Identification | None
    tenders: tuple[TenderLine, ...]
    """The tenders, with the transaction id the evidence gives where the caller named none."""
    transaction_ids: tuple[str, ...]
    """To be used up by this sale: those not used before."""
    earns: bool
    """Whether anybody may earn, now or by a claim: not where a payment is contradicted or used already (HQ agrees)."""
    discrepancies: tuple[Discrepancy, ...]


_NOBODY_EARNS = frozenset({"TRANSACTION_USED", "PAYMENT_AMOUNT_DIFFERS"})


def wechat_ids(tenders: Sequence[TenderLine]) -> list[str]:
    """List WeChat's transaction ids in order, repeated ones too. Other rails' numbers are theirs: a card terminal's
    start anew every day.
    """
    return [one.transaction_id for one in tenders if one.type is TenderType.WECHAT and one.transaction_id is not None]


def transaction_used() -> Refusal:
    """TRANSACTION_USED (409): money of a WeChat payment that an earlier event used up."""
    return Refusal(
        "TRANSACTION_USED", "this WeChat payment is already in the books",
        hint="look up what used it; give the money back if it was paid twice", field="tenders", status=409,
    )  # fmt: skip


def judge(
    quoted: Identification | None,
    shown: Identification | None,
    tenders: Sequence[TenderLine],
    used: Collection[str],
) -> Judged:
    """Judge the identification of the quote and that of the sale against the tenders.

    `used` holds the transaction ids, among those in question, that an earlier sale used up.
    """
    found: list[Discrepancy] = []
    payment = next((one for one in (shown, quoted) if one is not None and one.payment is not None), None)
    lines = tuple(tenders)
    if payment is not None and payment.payment is not None:
        lines, fault = _match(payment, lines)
        if fault is None and payment.payment.transaction_id in used:
            fault = Discrepancy("TRANSACTION_USED", "the payment was already used by another sale")
        if fault is None:
            found += [*_scope(payment), *_other_payer(quoted, payment)]
        else:
            found.append(fault)
            payment = None
    named = wechat_ids(lines)
    fresh = tuple(one for one in dict.fromkeys(named) if one not in used)
    if len(fresh) < len(named) and not any(one.code == "TRANSACTION_USED" for one in found):
        found.append(Discrepancy("TRANSACTION_USED", "a tender's transaction was already used, by a sale or a tender"))
    earns = not any(one.code in _NOBODY_EARNS for one in found)
    return Judged(_who(quoted, shown, payment), payment, lines, fresh, earns, tuple(found))


def _match(
    payment: Identification, tenders: tuple[TenderLine, ...]
) -> tuple[tuple[TenderLine, ...], Discrepancy | None]:
    """Find the WeChat tender the evidence belongs to and check its amount (WeChat's total, before its own coupons)."""
    evidence = payment.payment
    assert evidence is not None
    fitting = [
        (tender.transaction_id is None, tender.amount_fen != evidence.total_fen, position)
        for position, tender in enumerate(tenders)
        if tender.type is TenderType.WECHAT and tender.transaction_id in (None, evidence.transaction_id)
    ]
    if not fitting:
        return tenders, Discrepancy("PAYMENT_NOT_A_TENDER", "no WeChat tender belongs to the payment result")
    _, differs, position = min(fitting)  # the tender that names the payment, else one of its amount, else the first
    voucher_fen = 0 if differs else evidence.voucher_fen
    named = replace(tenders[position], transaction_id=evidence.transaction_id, voucher_fen=voucher_fen)
    lines = (*tenders[:position], named, *tenders[position + 1 :])
    if differs:
        detail = f"WeChat says {yuan(evidence.total_fen)}, the tender {yuan(named.amount_fen)}"
        return lines, Discrepancy("PAYMENT_AMOUNT_DIFFERS", detail)
    return lines, None


def _scope(payment: Identification) -> list[Discrepancy]:
    evidence = payment.payment
    assert evidence is not None
    pair = f"mch_id {evidence.mch_id}, sub_mch_id {evidence.sub_mch_id}"
    if evidence.scope == "unknown_merchant":
        return [Discrepancy("UNKNOWN_SUB_MCH_ID", pair)]
    if evidence.scope == "other_store":
        return [Discrepancy("MERCHANT_OF_OTHER_STORE", pair)]
    return []


def _other_payer(quoted: Identification | None, payment: Identification) -> list[Discrepancy]:
    """The payment must come from whose code it was priced for (B): another payer is told, and changes nothing."""
    if quoted is None or quoted.by is not IdentifiedBy.PAYMENT_CODE or quoted.member is None:
        return []
    if payment.member is not None and payment.member.member_id == quoted.member.member_id:
        return []
    return [Discrepancy("PAYER_DIFFERS", "priced for the owner of one payment code, paid by somebody else")]


def _who(
    quoted: Identification | None, shown: Identification | None, payment: Identification | None
) -> Identification | None:
    """A code shown before the quote, then a code shown after it, then the payer.

    A payer who was verified counts as a code: what the quote spends is theirs, whatever becomes of the payment.
    """
    for one in (quoted, shown):
        if one is not None and one.member is not None and (one.by is not IdentifiedBy.WECHAT_PAYMENT or one.ticket):
            return one
    return payment if payment is not None and payment.member is not None else None
