"""What stands on paper: the words of receipts, and what must never stand there (R19, R20, S60, pains 17, 25)."""

from dataclasses import replace

import pytest

from agent.domain import receipts
from agent.domain.asks import prepaid_tenders
from agent.domain.holdings import Left
from agent.domain.member import Certainty, HeldCard, Tier
from agent.domain.offers import Offer, OfferType
from agent.domain.points import EarnRule
from agent.domain.prepaid import Purse, Voucher
from agent.domain.pricing import Item
from agent.domain.receipt import Document, Drawer, Pair, Qr, Text, from_json, to_json
from agent.domain.receipt_facts import JoinInvitation, ReceiptFacts, ShownMember
from agent.domain.receipts import drawer_pulse, join_prompt, reprint, sale_receipt
from agent.domain.redemption import RedeemRule
from agent.domain.rounding import CashStep
from agent.domain.rules import JoinOffer, RuleSet
from agent.domain.sale import Ask, CartLine, Earner, TenderLine, TenderType, price_cart
from agent.wording import ENGLISH, SENTENCES
from agent.words.paper import LABELS

GOLD = Tier("gold", "金卡会员", 8800, 150)
NORMAL = Tier("normal", "普通会员", 9500, 100)
RULES = RuleSet(1, {"gold": GOLD, "normal": NORMAL}, "normal", EarnRule(), join_offer=JoinOffer(500, 10, claims=True))
CART = (
    CartLine(Item("w", "农夫山泉饮用天然水550ml", 200), qty=2),
    CartLine(Item("m", "纯牛奶礼盒", 6500, member_fen=5990)),
    CartLine(Item("a", "红富士苹果", 1580, by_weight=True), grams=1236),
    CartLine(Item("c", "可口可乐330ml", 350, promo_fen=250), qty=3),
)
AT_MS = 1_786_250_000_000
URL = "https://m.example.com/j?c=k3v9q2x7w5r8t1y4u6i0o2p5a7"


def facts(who: Earner) -> ReceiptFacts:
    cart = price_cart(CART, who, RULES, "2026-08-09")
    tenders = (TenderLine(TenderType.WECHAT, cart.payable_fen),)
    return ReceiptFacts("晨光便利店", "SH0001", "W01", "T-17", 1017, AT_MS, "08", cart, tenders, cart.payable_fen)


def member_facts() -> ReceiptFacts:
    plain = facts(Earner(GOLD, GOLD))
    shown = ShownMember("138****8000", "金卡会员", Certainty.DYNAMIC, 8800)
    return replace(plain, member=shown, points_earned=plain.cart.points_earned, points_balance=1234)


def guest_facts() -> ReceiptFacts:
    plain = facts(Earner())
    cart = plain.cart
    return replace(plain, join=JoinInvitation(URL, RULES.join_offer, cart.foregone_fen, cart.member_points))


def spent_facts() -> ReceiptFacts:
    """A member who used two coupons, points, a count card and stored value, and paid the rest in cash."""
    promo = Offer("p1", OfferType.AMOUNT_OFF, 300, min_fen=1000, scope=frozenset({"m"}), name="奶制品满10减3")
    rules = replace(RULES, redeem=RedeemRule(100, 100, 5000), moling=CashStep.JIAO, stored_value=True, promos=(promo,))
    coupons = (
        Offer("c1", OfferType.AMOUNT_OFF, 500, min_fen=3000, name="满30减5元券", stackable=True),
        Offer("c2", OfferType.AMOUNT_OFF, 5000, min_fen=30000, name="满300减50元券", stackable=True),
    )
    ask = Ask(coupons, 500, (Voucher("k1", {"w": 1}),), Purse(3000, 1000, 3600), cash=True)
    cart = price_cart(CART, Earner(GOLD, GOLD, points=900), rules, "2026-08-09", ask)
    cash = TenderLine(TenderType.CASH, cart.due_fen, received_fen=5000)
    card = HeldCard("k1", "矿泉水十次卡", 6, 10, 1500, "")
    return replace(
        member_facts(),
        cart=cart,
        tenders=(cash, *prepaid_tenders(cart, "k1")),
        collected_fen=cart.payable_fen,
        change_fen=5000 - cart.due_fen,
        points_earned=cart.points_earned,
        points_balance=400 + cart.points_earned,
        points_expire="2027-08-09",
        left=Left(400 + cart.points_earned, 0, 400, card, 120, "2026-08-20"),
        custodian="示例银行成都分行",
    )


def words(document: Document) -> str:
    shown = []
    for block in document.blocks:
        if isinstance(block, Text):
            shown.append(block.text)
        elif isinstance(block, Pair):
            shown.append(f"{block.left.strip()}|{block.right}")
        elif isinstance(block, Qr):
            shown.append(f"QR {block.payload}")
    return "\n".join(shown)


def amounts(document: Document) -> tuple[int, int]:
    """Sum of the right-hand amounts of the lines, and the payable, both in fen, read off the paper."""
    rights: list[int] = []
    payable = 0
    for block in document.blocks:
        if isinstance(block, Text) and block.text.startswith("应付"):
            payable = int(block.text.rpartition("￥")[2].replace(".", ""))
            break
        if isinstance(block, Pair) and block.left.startswith("  "):
            rights.append(int(block.right.replace(".", "")))
    return sum(rights), payable


def test_each_line_names_its_price_and_reason() -> None:
    paper = words(sale_receipt(member_facts()))
    assert "2 x 2.00|4.00\n金卡会员 8.8折 1.76|-0.48" in paper  # 8800 bps is 8.8折, never 12折 or 88%
    assert "会员价 59.90|-5.10" in paper
    assert "1.236kg x 15.80|19.53" in paper
    assert "促销价 2.50|-3.00" in paper
    assert "共7件  原价合计|" in paper


@pytest.mark.parametrize("who", [Earner(), Earner(GOLD, GOLD), Earner(None, GOLD)])
def test_a_customer_can_add_it_up(who: Earner) -> None:
    added, payable = amounts(sale_receipt(facts(who)))
    assert added == payable == facts(who).cart.payable_fen


def test_a_customer_can_add_up_offers_points_and_rounding_too() -> None:
    added, payable = amounts(sale_receipt(spent_facts()))
    assert added == payable == spent_facts().cart.payable_fen


def test_every_deduction_stands_under_its_name() -> None:
    paper = words(sale_receipt(spent_facts()))
    assert "会员价 59.90|-5.10\n奶制品满10减3|-3.00\n券 满30减5元券|-3.34" in paper
    assert "积分抵扣 500积分|-5.00" in paper
    assert "抹零|-0.05" in paper
    assert "券 满300减50元券 未用：未达使用门槛" in paper
    lost = replace(spent_facts(), cart=replace(spent_facts().cart, lost_fen=200))
    assert "已到最低价，未优惠 2.00 元" in words(sale_receipt(lost))


def test_s36_s37_stored_value_says_what_is_left_that_it_gives_no_change_and_who_keeps_it() -> None:
    paper = words(sale_receipt(spent_facts()))
    assert "储值支付|36.00\n  本金 30.00  赠送 6.00" in paper
    assert "储值余额|4.00\n  本金 0.00  赠送 4.00\n本卡不找零\n储值资金存管：示例银行成都分行" in paper
    (notice,) = [b for b in sale_receipt(spent_facts()).blocks if isinstance(b, Text) and b.text == "本卡不找零"]
    assert (notice.scale, notice.bold) == (2, True), "conspicuous"
    assert "次卡 矿泉水十次卡 x1|1.55" in paper
    assert "次卡 矿泉水十次卡|剩余6次" in paper
    assert "本卡不找零" not in words(sale_receipt(member_facts()))


def test_s27_s28_points_say_their_last_day_and_what_ends_soon() -> None:
    paper = words(sale_receipt(spent_facts()))
    assert "使用积分|-500" in paper
    assert "本单积分|+101\n  (有效期至 2027-08-09)\n120 积分将于 2026-08-20 到期" in paper
    assert "(长期有效)" in words(sale_receipt(member_facts()))
    pending = words(sale_receipt(replace(spent_facts(), points_pending=True)))
    assert "本单积分待审核，通过后到账" in pending
    assert "有效期至" not in pending


def test_a_charge_beside_our_price_is_named_and_adds_up() -> None:
    cart = price_cart((CartLine(Item("a", "水", 500), charged_fen=650),), Earner(), RULES, "2026-08-09")
    charged = replace(facts(Earner()), cart=cart, tenders=(TenderLine(TenderType.CASH, 650),), collected_fen=650)
    paper = sale_receipt(charged)
    assert "实收价 6.50|1.50" in words(paper)
    assert amounts(paper) == (650, 650)


def test_member_sees_points_and_balance_with_its_age_when_offline() -> None:
    online = words(sale_receipt(member_facts()))
    assert "会员 138****8000|金卡会员" in online
    assert "本单积分|+132" in online
    assert "积分余额|1,234" in online
    assert "截至" not in online
    offline = words(sale_receipt(replace(member_facts(), balance_as_of_ms=AT_MS - 10_000_000)))
    assert "截至08-09 09:46，联网后更新" in offline
    unknown = words(sale_receipt(replace(member_facts(), points_balance=None)))
    assert "积分余额|" not in unknown
    assert "积分余额请稍后" in unknown


def test_a_guest_reads_what_a_member_had_and_how_to_join() -> None:
    receipt = guest_facts()
    paper = words(sale_receipt(receipt))
    assert receipt.join is not None
    assert "会员买这一单可省 6.28 元" in paper
    assert f"并可得 {receipt.join.points} 积分" in paper
    assert "入会即送 5元无门槛券 + 10积分" in paper
    assert f"QR {URL}" in paper
    assert "(会员价 3.80，省 0.20)" in paper
    assert "会员 " not in paper.replace("会员 8.8折", "")


def test_r20_payer_sees_the_price_foregone_and_was_charged_the_list() -> None:
    plain = facts(Earner(None, GOLD))
    shown = ShownMember("138****8000", "金卡会员", Certainty.PAYMENT, 8800)
    paper = words(sale_receipt(replace(plain, member=shown, foregone_fen=plain.cart.foregone_fen)))
    assert "付款后才识别到会员，本单未按金卡会员价；下次付款前出示会员码，可省 7.93 元" in paper
    assert "按支付账号识别" in paper
    assert "8.8折" not in paper


def test_cash_shows_what_was_received_and_the_change() -> None:
    plain = facts(Earner())
    cash = TenderLine(TenderType.CASH, plain.cart.payable_fen, received_fen=10_000)
    paper = words(sale_receipt(replace(plain, tenders=(cash,), change_fen=10_000 - plain.cart.payable_fen)))
    assert "收款|100.00" in paper
    assert "找零|" in paper


def test_another_amount_than_quoted_is_shown_as_collected() -> None:
    paper = words(sale_receipt(replace(facts(Earner()), collected_fen=9_000)))
    assert "实收|90.00" in paper


def test_r19_no_unmasked_number_reaches_paper() -> None:
    shown = ShownMember("13812348000", "金卡会员", Certainty.CODE)
    paper = words(sale_receipt(replace(member_facts(), member=shown)))
    assert "13812348000" not in paper
    assert "138****8000" in paper


def test_s60_no_wording_claims_a_final_right_of_interpretation() -> None:
    assert not [pair for pair in [*LABELS.values(), *SENTENCES.values()] if "解释权" in pair[0]]


def test_english_receipt_has_no_chinese_of_ours() -> None:
    receipt = replace(
        facts(Earner()), store_name="Shop", language=ENGLISH, join=JoinInvitation(URL, JoinOffer(500, 10, claims=True))
    )
    names = {entry.item.name for entry in CART}
    ours = [line for line in words(sale_receipt(receipt)).splitlines() if line not in names]
    assert not [line for line in ours if any("\u4e00" <= char <= "\u9fff" for char in line)]


def test_pains_17_a_reprint_is_marked_at_both_ends_and_only_once() -> None:
    original = sale_receipt(guest_facts())
    once = reprint(original, at_ms=AT_MS)
    marks = [index for index, block in enumerate(once.blocks) if isinstance(block, Text) and "补打" in block.text]
    assert marks == [0, len(once.blocks) - 2]
    again = reprint(once, at_ms=AT_MS)
    assert again == once
    assert once.blocks[1 : 1 + len(original.blocks)] == original.blocks


def test_pains_25_a_copy_opens_no_drawer() -> None:
    assert drawer_pulse() == Document((Drawer(),), cut=False)
    assert not [block for block in reprint(drawer_pulse()).blocks if isinstance(block, Drawer)]


@pytest.mark.parametrize(
    "document",
    [
        sale_receipt(member_facts()),
        sale_receipt(guest_facts()),
        sale_receipt(spent_facts()),
        join_prompt("店", JoinInvitation(URL, JoinOffer(500, 0)), at_ms=AT_MS),
        receipts.test_page(printer="front", store="S1", at_ms=AT_MS),
        drawer_pulse(),
    ],
)
def test_documents_survive_the_print_ledger(document: Document) -> None:
    assert from_json(to_json(document)) == document
