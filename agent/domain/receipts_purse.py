"""Slips of what is not a sale: returns and voids (marked as such), recharges, their cancellation, count cards.

Pure. Called by agent.aftersales, agent.purses and agent.count_cards through agent.slips. Personal data only masked
(R19); what is stored says for how long it is good, who keeps the money, and that no change is given (S28, S36, S37).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.business_day import local_time
from agent.domain.money import yuan
from agent.domain.receipt import Block, Document, Pair, Rule, Text
from agent.domain.receipt_facts import mask
from agent.domain.receipt_name import shop_name
from agent.wording import CHINESE, label


@dataclass(frozen=True, slots=True)
class SlipHead:
    """Where, when and by whom; `seq` is the number within the workstation's books."""

    store_name: str
    store_id: str
    workstation: str
    seq: int
    at_ms: int
    operator: str = ""
    footer: str = ""
    language: int = CHINESE


@dataclass(frozen=True, slots=True)
class ReturnSlip:
    """A return or void (`kind`): lines are (name, units, fen back), tenders (type, fen)."""

    kind: str
    number: str
    sale_id: str
    lines: Sequence[tuple[str, int, int]]
    refund_fen: int
    tenders: Sequence[tuple[str, int]]
    units_back: int = 0
    points_returned: int = 0
    points_reversed: int = 0
    points_balance: int | None = None
    masked: str = ""
    arrives_fen: int | None = None
    """What of the refund reaches the payer, where WeChat takes a voucher's part back (R12)."""
    kept_fen: int = 0
    kept_points: int = 0
    """Points that had been spent and are paid out of the refund: `refund_fen` is what is left of it (R12)."""


@dataclass(frozen=True, slots=True)
class PurseSlip:
    """A recharge or its cancellation (`kind`): what moved (signed), what the member has after it; fen."""

    kind: str
    number: str
    masked: str
    cash_fen: int
    principal_fen: int
    gift_fen: int
    principal_after_fen: int
    gift_after_fen: int
    tenders: Sequence[tuple[str, int]] = ()
    gift_expires: str = ""
    custodian: str = ""


@dataclass(frozen=True, slots=True)
class CardSlip:
    """Something of a count card (`kind`): sold, used, a use returned, refunded. `units` moved, `left` of `total`."""

    kind: str
    number: str
    name: str
    units: int
    left: int
    total: int
    masked: str = ""
    cash_fen: int = 0
    tenders: Sequence[tuple[str, int]] = ()
    expires: str = ""


def return_slip(head: SlipHead, slip: ReturnSlip) -> Document:
    """Build the slip of a return or void.

    >>> told = ReturnSlip("return", "r1", "s1", [("梨", 1, 300)], 300, ())
    >>> paper = return_slip(SlipHead("店", "S1", "W1", 7, 0), told)
    >>> [block.text for block in paper.blocks if isinstance(block, Text) and block.scale == 2]
    ['店', '** 退货单 **', '退款 ￥3.00']
    """

    def say(key: str) -> str:
        return label(key, head.language)

    blocks: list[Block] = [*_heading(head, slip.kind, slip.number), Pair(say("of_sale"), slip.sale_id), Rule()]
    blocks += [Pair(f"{name} x {units}", yuan(-fen)) for name, units, fen in slip.lines]
    if slip.kept_fen:
        blocks.append(Pair(say("short_in_cash").format(points=f"{slip.kept_points:,}"), yuan(slip.kept_fen)))
    blocks += [Rule(), _amount(say("refund"), slip.refund_fen), *_tenders(slip.tenders, head.language)]
    if slip.arrives_fen is not None:
        blocks.append(Text(say("refund_arrives").format(amount=yuan(slip.arrives_fen))))
    if slip.units_back:
        blocks.append(Pair(say("units_back"), f"{slip.units_back:+,}"))
    if slip.points_returned:
        blocks.append(Pair(say("points_returned"), f"{slip.points_returned:+,}"))
    if slip.points_reversed:
        blocks.append(Pair(say("points_reversed"), f"{-slip.points_reversed:+,}"))
    if slip.masked:
        blocks.append(Pair(say("member"), mask(slip.masked)))
    if slip.points_balance is not None:
        blocks.append(Pair(say("points_balance"), f"{slip.points_balance:,}"))
    return _document(head, blocks)


def purse_slip(head: SlipHead, slip: PurseSlip) -> Document:
    """Build the slip of a recharge or of its cancellation.

    >>> told = PurseSlip("recharge", "r1", "138****8000", 30000, 30000, 5000, 30000, 5000, custodian="建行")
    >>> "本卡不找零" in str(purse_slip(SlipHead("店", "S1", "W1", 7, 0), told))
    True
    """

    def say(key: str) -> str:
        return label(key, head.language)

    cancelled = slip.kind == "recharge_cancel"
    blocks: list[Block] = [*_heading(head, slip.kind, slip.number), Pair(say("member"), mask(slip.masked)), Rule()]
    blocks.append(_amount(say("refund" if cancelled else "paid_in"), slip.cash_fen))
    blocks += [*_tenders(slip.tenders, head.language), Rule()]
    blocks.append(Pair(say("principal"), _signed(slip.principal_fen)))
    blocks.append(Pair(say("gift"), _signed(slip.gift_fen)))
    if slip.gift_expires:
        blocks.append(Pair(say("gift_until"), slip.gift_expires))
    blocks.append(Pair(say("principal_balance"), yuan(slip.principal_after_fen), bold=True))
    blocks.append(Pair(say("gift_balance"), yuan(slip.gift_after_fen)))
    blocks += [Text(say("principal_for_ever")), Text(say("sv_no_change"), align="center", bold=True)]
    if slip.custodian:
        blocks.append(Text(say("sv_custodian").format(name=slip.custodian)))
    return _document(head, blocks)


def card_slip(head: SlipHead, slip: CardSlip) -> Document:
    """Build the slip of a count card; it always shows what is left.

    >>> card_slip(SlipHead("店", "S1", "W1", 7, 0), CardSlip("count_use", "u1", "咖啡", -1, 9, 10)).blocks[-4]
    Pair(left='剩余次数', right='9 / 10', bold=True)
    """

    def say(key: str) -> str:
        return label(key, head.language)

    blocks: list[Block] = [*_heading(head, slip.kind, slip.number)]
    if slip.masked:
        blocks.append(Pair(say("member"), mask(slip.masked)))
    blocks.append(Rule())
    if slip.tenders or slip.cash_fen:
        blocks.append(_amount(say("refund" if slip.kind == "count_card_refund" else "paid_in"), slip.cash_fen))
        blocks += _tenders(slip.tenders, head.language)
    blocks.append(Pair(slip.name, f"{slip.units:+,}"))
    if slip.expires:
        blocks.append(Pair(say("card_until"), slip.expires))
    blocks.append(Pair(say("units_left"), f"{slip.left} / {slip.total}" if slip.total else str(slip.left), bold=True))
    return _document(head, blocks)


def _heading(head: SlipHead, kind: str, number: str) -> list[Block]:
    def say(key: str) -> str:
        return label(key, head.language)

    time = local_time(head.at_ms).strftime("%Y-%m-%d %H:%M:%S")
    return [
        *shop_name(head.store_name),
        Text(f"** {say(f'slip.{kind}')} **", align="center", scale=2, bold=True),
        Pair(f"{say('store')} {head.store_id}", f"{say('workstation')} {head.workstation}"),
        Pair(f"{say('slip_id')} {number}", f"{say('operator')} {head.operator}" if head.operator else ""),
        Pair(f"{say('time')} {time}", say("seq").format(seq=head.seq)),
    ]


def _amount(words: str, fen: int) -> Text:
    return Text(f"{words} ￥{yuan(fen)}", align="right", scale=2, bold=True)


def _tenders(tenders: Sequence[tuple[str, int]], language: int) -> list[Block]:
    return [Pair(label(f"tender.{kind}", language), yuan(fen)) for kind, fen in tenders]


def _signed(fen: int) -> str:
    return f"+{yuan(fen)}" if fen > 0 else yuan(fen)


def _document(head: SlipHead, blocks: Sequence[Block]) -> Document:
    footer: list[Block] = [Rule()]
    if head.footer:
        footer.append(Text(head.footer, align="center"))
    footer.append(Text(label("keep_slip", head.language), align="center"))
    return Document((*blocks, *footer, Text(label("thanks", head.language), align="center")))
