"""What a receipt says of offers, points, coupons, stored value and count cards: each deduction with its name.

Pure; called by agent.domain.receipts. Deductions are indented amounts, so that a customer can add the paper up.
"""

from collections.abc import Iterator

from agent.domain.money import yuan
from agent.domain.receipt import Block, Pair, Rule, Text
from agent.domain.receipt_facts import ReceiptFacts
from agent.domain.sale import SaleLine, TenderLine, TenderType
from agent.wording import label

INDENT = "  "


def line_offers(line: SaleLine, language: int) -> Iterator[Block]:
    """Promotions and coupons of one line, by name; a coupon says that it is one."""
    for one in line.offers:
        name = label("coupon", language).format(name=one.name) if one.coupon else one.name
        yield Pair(INDENT + name, yuan(-one.off_fen))


def deductions(facts: ReceiptFacts) -> Iterator[Block]:
    """What is taken off the whole sale, what was lost, and coupons that were asked and not applied."""
    cart, language = facts.cart, facts.language
    unused = [one for one in cart.coupons if one.why is not None]
    if cart.redeemed.off_fen or cart.rounding_off_fen or cart.lost_fen or unused:
        yield Rule()
    if cart.redeemed.off_fen:
        taken = cart.redeemed.points  # none where it was granted and could not be taken any more
        words = label("points_off" if taken else "points_off_only", language).format(points=f"{taken:,}")
        yield Pair(INDENT + words, yuan(-cart.redeemed.off_fen))
    if cart.rounding_off_fen:
        yield Pair(INDENT + label("rounding_off", language), yuan(-cart.rounding_off_fen))
    if cart.lost_fen:
        yield Text(INDENT + label("lost", language).format(amount=yuan(cart.lost_fen)))
    for one in unused:
        name = label("coupon", language).format(name=one.offer.name)
        why = label(f"coupon_not.{one.why}", language)
        yield Text(f"{INDENT}{name} {why}")


def tender(one: TenderLine, facts: ReceiptFacts) -> Iterator[Block]:
    """One tender; of stored value how much was paid in and how much was given, of a card which one and how often."""
    language = facts.language
    words = label(f"tender.{one.type.value}", language)
    if one.type is TenderType.COUNT_CARD:
        name = facts.left.card.name if facts.left.card is not None else ""
        words = f"{words} {name} x{one.units}" if name else f"{words} x{one.units}"
    yield Pair(words, yuan(one.amount_fen))
    if one.type is TenderType.STORED_VALUE:
        split = label("sv_split", language)
        yield Text(INDENT + split.format(principal=yuan(one.principal_fen), gift=yuan(one.gift_fen)))
    if one.voucher_fen:
        words = label("wechat_voucher", language)
        yield Text(INDENT + words.format(voucher=yuan(one.voucher_fen), paid=yuan(one.amount_fen - one.voucher_fen)))
    if one.type is TenderType.CASH and one.received_fen is not None:
        yield Pair(INDENT + label("received", language), yuan(one.received_fen))


def what_is_left(facts: ReceiptFacts) -> Iterator[Block]:
    """What stays on the card after it paid, that it gives no change (S37), and who keeps its money (S36)."""
    language, left = facts.language, facts.left
    kinds = {one.type for one in facts.tenders}
    if kinds & {TenderType.STORED_VALUE, TenderType.COUNT_CARD}:
        yield Rule()
    if TenderType.STORED_VALUE in kinds:
        yield Pair(label("sv_left", language), yuan(left.principal_fen + left.gift_fen), bold=True)
        split = label("sv_split", language)
        yield Text(INDENT + split.format(principal=yuan(left.principal_fen), gift=yuan(left.gift_fen)))
        yield Text(label("sv_no_change", language), align="center", scale=2, bold=True)
        if facts.custodian:
            yield Text(label("sv_custodian", language).format(name=facts.custodian))
    if TenderType.COUNT_CARD in kinds and left.card is not None:
        count = label("count_left", language).format(count=left.card.left)
        yield Pair(f"{label('tender.count_card', language)} {left.card.name}", count)


def points(facts: ReceiptFacts) -> Iterator[Block]:
    """Points used and earned with their last day, and those that end within fifteen days (S27, S28)."""
    language, left = facts.language, facts.left

    def say(key: str) -> str:
        return label(key, language)

    if facts.cart.redeemed.points:
        yield Pair(say("points_used"), f"{-facts.cart.redeemed.points:+,}")
    yield Pair(say("points_earned"), f"{facts.points_earned:+,}", bold=True)
    if facts.points_pending:
        yield Text(f"{INDENT}({say('points_pending')})")
    elif facts.points_earned and facts.points_expire:
        yield Text(f"{INDENT}({say('points_until').format(day=facts.points_expire)})")
    elif facts.points_earned:
        yield Text(f"{INDENT}({say('points_for_ever')})")
    if left.expiring_points:
        words = say("points_expiring").format(points=f"{left.expiring_points:,}", day=left.expiring_day)
        yield Text(words, bold=True)
