"""What stands on paper: builders of receipts, join prompts, reprints, test pages and drawer pulses as Documents.

Pure. Called by agent.flow when a sale is booked (the document commits with the event) and by agent.printing for
reprints. Must never print personal data beyond the masked form (R19), nor claim a final right of interpretation (S60).
"""

from collections.abc import Iterator
from dataclasses import replace

from agent.domain.business_day import local_time
from agent.domain.member import Certainty
from agent.domain.money import yuan, yuan_short
from agent.domain.pricing import PriceSource
from agent.domain.receipt import Block, Columns, Document, Drawer, Feed, Pair, Qr, Rule, Text
from agent.domain.receipt_facts import JoinInvitation, ReceiptFacts, ShownMember, mask, rate_words
from agent.domain.receipt_name import shop_name
from agent.domain.receipt_spending import INDENT as _INDENT
from agent.domain.receipt_spending import deductions, line_offers, points, tender, what_is_left
from agent.domain.sale import SaleLine
from agent.wording import CHINESE, ENGLISH, label


def sale_receipt(facts: ReceiptFacts) -> Document:
    """Build the receipt of one sale: each price with its reason, totals, tenders, points, and the way to join.

    >>> from agent.domain.sale import PricedCart
    >>> cart = PricedCart((), list_fen=1000, payable_fen=880, base_fen=880, points_earned=8, member_payable_fen=880,
    ...                   member_points=8)
    >>> paper = sale_receipt(ReceiptFacts("水果店", "S1", "W1", "T-1", 7, 0, "1", cart, (), 880))
    >>> [block.text for block in paper.blocks if isinstance(block, Text) and block.scale == 2]
    ['水果店', '应付 ￥8.80']
    """
    blocks: list[Block] = [*_heading(facts), *_lines(facts), *_totals(facts), *_tenders(facts)]
    if facts.member is not None:
        blocks += _member(facts, facts.member)
    if facts.join is not None:
        blocks += [Rule("="), *invitation_blocks(facts.join, facts.language)]
    blocks += [Rule(), *(Text(line, align="center") for line in facts.footer)]
    blocks.append(Text(label("thanks", facts.language), align="center"))
    return Document(tuple(blocks))


def join_prompt(store_name: str, invitation: JoinInvitation, *, at_ms: int, language: int = CHINESE) -> Document:
    """Build the slip that only invites to join, for tills whose POS prints the receipt itself (S07).

    >>> join_prompt("店", JoinInvitation("https://hq.example/j/x"), at_ms=0).blocks[2]
    Text(text='加入会员更省', align='center', scale=2, bold=True)
    """
    blocks = [
        Text(store_name, align="center", bold=True),
        Rule(),
        *invitation_blocks(invitation, language),
        Text(_minute(at_ms), align="center"),
    ]
    return Document(tuple(blocks))


def reprint(document: Document, *, at_ms: int | None = None) -> Document:
    """Mark a copy 补打 at top and bottom, so that nobody takes it for a second sale (pains 17); marks only once.

    A drawer pulse is left out: a copy never opens a drawer (pains 25).

    >>> [getattr(block, "text", "") for block in reprint(Document((Text("A"),))).blocks]
    ['** 补打 REPRINT **', 'A', '** 补打 REPRINT **']
    """
    words = f"** {label('reprint', CHINESE)} {label('reprint', ENGLISH)} **"
    mark = Text(words, align="center", bold=True)
    stamp = () if at_ms is None else (Text(_minute(at_ms), align="center"),)
    body = tuple(block for block in document.blocks if not isinstance(block, Drawer))
    if len(body) > 1 and body[0] == mark:
        last = max(index for index, block in enumerate(body) if block == mark)
        body = body[1 : last or None]
    return replace(document, blocks=(mark, *body, mark, *stamp))


def test_page(*, printer: str, store: str, at_ms: int) -> Document:
    """Build a page that shows what this printer can do: Chinese, yen sign, width, bold, size, QR, cut.

    >>> test_page(printer="till", store="S1", at_ms=0).cut
    True
    """

    def say(key: str) -> str:
        return label(key, CHINESE)

    digits = "1234567890" * 6
    blocks: tuple[Block, ...] = (
        Text(say("test_title"), align="center", scale=2, bold=True),
        Pair(say("test_printer"), printer),
        Pair(say("store"), store),
        Pair(say("time"), _second(at_ms)),
        Rule(),
        Text(digits),
        Rule("="),
        Text(say("test_chinese")),
        Text("ABC abc ¥12.30 €5 • “引号” — × ①"),
        Text(say("test_bold"), bold=True),
        Text(say("test_big"), scale=2),
        Pair(say("test_left"), say("test_right")),
        Columns((say("item"), "x2", "12.30"), (50, 20, 30)),
        Rule(),
        Qr("https://example.com/pos-agent-test-page"),
        Text(say("test_scan"), align="center"),
    )
    return Document(blocks)


test_page.__test__ = False  # type: ignore[attr-defined]  # not a test, whatever pytest thinks of its name


def drawer_pulse() -> Document:
    """Build the job that only opens the drawer; it stands alone and is never repeated (pains 25).

    >>> drawer_pulse()
    Document(blocks=(Drawer(),), cut=False)
    """
    return Document((Drawer(),), cut=False)


def _second(at_ms: int) -> str:
    return local_time(at_ms).strftime("%Y-%m-%d %H:%M:%S")


def _minute(at_ms: int) -> str:
    return local_time(at_ms).strftime("%Y-%m-%d %H:%M")


def _heading(facts: ReceiptFacts) -> Iterator[Block]:
    def say(key: str) -> str:
        return label(key, facts.language)

    yield from shop_name(facts.store_name)
    yield Feed()
    yield Pair(f"{say('store')} {facts.store_id}", f"{say('workstation')} {facts.workstation}")
    yield Pair(f"{say('sale_id')} {facts.sale_id}", f"{say('operator')} {facts.operator}")
    yield Pair(f"{say('time')} {_second(facts.at_ms)}", say("seq").format(seq=facts.seq))
    if facts.table:
        yield Text(f"{say('table')} {facts.table}", scale=2, bold=True)
    yield Rule()
    yield Pair(f"{say('item')} / {say('qty_price')}", say("amount"))
    yield Rule()


def _lines(facts: ReceiptFacts) -> Iterator[Block]:
    compare = facts.join is not None or facts.foregone_fen > 0
    for line in facts.cart.lines:
        yield Text(line.name or line.sku)
        yield Pair(f"{_INDENT}{_quantity(line)} x {yuan(line.list_unit_fen)}", yuan(line.list_fen))
        if line.source is not PriceSource.LIST or line.gross_fen != line.list_fen:
            unit = label("price.unit", facts.language).format(reason=_reason(line, facts), price=yuan(line.unit_fen))
            yield Pair(_INDENT + unit, yuan(line.gross_fen - line.list_fen))
        yield from line_offers(line, facts.language)
        if compare and line.member_fen < line.paid_fen:
            tier = facts.member.tier_name if facts.member is not None else ""
            words = label("tier_line" if tier else "member_line", facts.language)
            saved = yuan(line.paid_fen - line.member_fen)
            yield Text(f"{_INDENT}({words.format(tier=tier, amount=yuan(line.member_fen), saved=saved)})")


def _quantity(line: SaleLine) -> str:
    if line.grams is None:
        return str(line.qty)
    return f"{line.grams // 1000}.{line.grams % 1000:03d}kg"


def _reason(line: SaleLine, facts: ReceiptFacts) -> str:
    member = facts.member
    if line.source is PriceSource.TIER and member is not None and member.pay_rate_bps < 10_000:
        rate = rate_words(member.pay_rate_bps, facts.language)
        return label("price.tier_rate", facts.language).format(tier=member.tier_name, rate=rate)
    key = "promo" if line.source is PriceSource.LIST else line.source.value
    return label(f"price.{key}", facts.language)


def _totals(facts: ReceiptFacts) -> Iterator[Block]:
    def say(key: str) -> str:
        return label(key, facts.language)

    count = say("pieces").format(count=sum(1 if line.grams is not None else line.qty for line in facts.cart.lines))
    yield from deductions(facts)
    yield Rule()
    if facts.cart.saved_fen:
        yield Pair(f"{count}  {say('list_total')}", yuan(facts.cart.list_fen))
        yield Pair(say("saved"), yuan(-facts.cart.saved_fen), bold=True)
    else:
        yield Text(count)
    yield Text(f"{say('payable')} ￥{yuan(facts.cart.payable_fen)}", align="right", scale=2, bold=True)


def _tenders(facts: ReceiptFacts) -> Iterator[Block]:
    if facts.collected_fen != facts.cart.payable_fen:
        yield Pair(label("collected", facts.language), yuan(facts.collected_fen), bold=True)
    for one in facts.tenders:
        yield from tender(one, facts)
    if facts.change_fen:
        yield Pair(label("change", facts.language), yuan(facts.change_fen))
    yield from what_is_left(facts)


def _member(facts: ReceiptFacts, member: ShownMember) -> Iterator[Block]:
    def say(key: str) -> str:
        return label(key, facts.language)

    yield Rule()
    yield Pair(f"{say('member')} {mask(member.masked)}", member.tier_name)
    if member.certainty is Certainty.PAYMENT:
        yield Text(f"{_INDENT}({say('by_payment')})")
    yield from points(facts)
    if facts.points_balance is not None:
        yield Pair(say("points_balance"), f"{facts.points_balance:,}")
        if facts.balance_as_of_ms is not None:
            time = local_time(facts.balance_as_of_ms).strftime("%m-%d %H:%M")
            yield Text(f"{_INDENT}({say('balance_as_of').format(time=time)})")
    else:
        yield Text(f"{_INDENT}({say('balance_later')})")
    if facts.foregone_fen > 0:
        yield Text(say("foregone").format(tier=member.tier_name, amount=yuan(facts.foregone_fen)), bold=True)


def invitation_blocks(join: JoinInvitation, language: int) -> Iterator[Block]:
    """The way to join: why, what one gets, the QR code."""

    def say(key: str) -> str:
        return label(key, language)

    yield Text(say("join_title"), align="center", scale=2, bold=True)
    if join.saved_fen > 0:
        yield Text(say("join_saves").format(amount=yuan(join.saved_fen)), align="center")
        if join.points > 0:
            yield Text(say("join_earns").format(points=join.points), align="center")
    elif join.points > 0:
        yield Text(say("join_earns_only").format(points=join.points), align="center")
    gifts = []
    if join.offer.coupon_fen > 0:
        gifts.append(say("gift_coupon").format(amount=yuan_short(join.offer.coupon_fen)))
    if join.offer.points > 0:
        gifts.append(say("gift_points").format(points=join.offer.points))
    if gifts:
        yield Text(say("join_gift").format(gifts=say("gift_and").join(gifts)), align="center", bold=True)
    yield Qr(join.url)
    yield Text(say("join_scan"), align="center", bold=True)
    if join.points > 0 and join.offer.claims:
        yield Text(say("join_claim"), align="center")
