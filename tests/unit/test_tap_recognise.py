"""Totals and tenders in the words of real receipts; a contradiction is no total."""

import unicodedata

import pytest

from drivers.tap.lines import Lines
from drivers.tap.recognise import recognise
from drivers.tap.templates import standard


def read(*lines: str) -> tuple[int | None, list[tuple[str, int | None]], str]:
    found = recognise([unicodedata.normalize("NFKC", line) for line in lines], standard())
    return found.total_fen, [(one.type, one.amount_fen) for one in found.tenders], found.paper


@pytest.mark.parametrize(
    ("lines", "total_fen", "tenders"),
    [
        (["合计  ￥ 22.00"], 2200, []),
        (["合　计：２２．００元"], 2200, []),
        (["合计 3件 22.00"], 2200, []),
        (["合计 3 22.00"], 2200, []),
        (["数量合计 3 金额合计 30.00"], 3000, []),
        (["合计数量:3 合计金额:30.00"], 3000, []),
        (["总计(元): 1,234.50"], 123450, []),
        (["应收金额", "￥45"], 4500, []),
        (["TOTAL", "30.00"], 3000, []),
        (["Subtotal 12.95", "A local tax   1.30", "Total            $ 14.25"], 1425, []),
        (["TOTAL 12,50", "CASH 20.00", "CHANGE 7.50"], 1250, [("cash", 2000)]),
        (["应收:22.50  实收:100.00  找零:77.50", "现金 100.00"], 2250, [("cash", 10000)]),
        (["合计 100.00", "优惠 10.00", "微信支付 90.00"], 9000, [("wechat", 9000)]),
        (["合计 100.00", "优惠 -10.00", "应付 90.00", "支付宝 90.00"], 9000, [("alipay", 9000)]),
        (["应付:30.00", "支付方式:微信支付"], 3000, [("wechat", 3000)]),
        (["合计 50.00", "储值卡 20.00", "微信 30.00"], 5000, [("stored_value", 2000), ("wechat", 3000)]),
        (["合计: 88.15", "抹零 0.05", "实收 88.10", "微信 88.10"], 8810, [("wechat", 8810)]),
        (["实收 12.00"], 1200, []),
        (["实收 20.00 找零 8.00"], 1200, []),
        (["合计:¥30.00元 微信:30.00元"], 3000, [("wechat", 3000)]),
        (["老王厨房", "合计 12.00"], 1200, []),
        (["GRAND TOTAL: RMB 8.00", "Paid by WeChat Pay"], 800, [("wechat", 800)]),
        (["订单号 2024010512300001", "日期:2024-01-05 12:30:11", "合计 5.00"], 500, []),
    ],
)
def test_receipts(lines: list[str], total_fen: int, tenders: list[tuple[str, int | None]]) -> None:
    assert read(*lines) == (total_fen, tenders, "receipt")


@pytest.mark.parametrize(
    "lines",
    [
        ["合计 1.00", "合计 2.00"],
        ["应付 1.00", "应收 2.00"],
        ["合计 100.00", "微信支付 90.00"],
        ["合计 0.00"],
    ],
)
def test_figures_that_disagree_give_no_total(lines: list[str]) -> None:
    found = recognise(lines, standard())
    assert (found.paper, found.total_fen) == ("receipt", None)
    assert found.doubt


@pytest.mark.parametrize("line", ["微信红包封面 10.00", "合计: 5份", "优惠合计 3.00", "积分 120", "微信支付 30.00"])
def test_other_figures_are_no_total(line: str) -> None:
    assert read(line)[0] is None


def test_a_word_in_a_sentence_is_no_title() -> None:
    assert read("合计 5.00", "如需退单请于七日内凭小票联系我们") == (500, [], "receipt")
    assert read("**** 退单 ****", "合计 5.00")[2] == "refund"
    assert read("== 厨房联 (3号桌) ==", "牛肉面 x1")[2] == "kitchen"


def test_transaction_numbers_of_wechat() -> None:
    lines = ["合计 1.00", "交易单号:4200001234202401051234567890", "条码 42000012342024010512345678901"]
    assert recognise(lines, standard()).transaction_ids == ("4200001234202401051234567890",)


def test_a_shop_adds_its_words() -> None:
    words = standard().with_words({"total": ["本桌消费"], "kitchen": ["凉菜间"], "wechat": ["小微"]})
    found = recognise(["本桌消费 66.00", "小微 66.00"], words)
    assert (found.total_fen, found.tenders[0].type) == (6600, "wechat")
    assert recognise(["凉菜间", "合计 1.00"], words).paper == "kitchen"
    with pytest.raises(ValueError, match=r"words\.nothing"):
        standard().with_words({"nothing": ["x"]})


@pytest.mark.parametrize(("codec", "chinese"), [("gbk", True), ("gb18030", True), ("utf-8", True), ("utf-8", False)])
def test_text_is_decoded_as_it_was_meant(codec: str, chinese: bool) -> None:
    lines = Lines()
    lines.write("合计 １２．００".encode(codec), chinese=chinese, code_page=0)
    lines.end_line()
    lines.write("谢谢惠顾，联通".encode(codec), chinese=chinese, code_page=0)
    assert lines.read() == ["合计 12.00", "谢谢惠顾,联通"]


def test_code_pages_and_too_much_text() -> None:
    lines = Lines()
    lines.write(b"Caf\x82", chinese=False, code_page=0)
    lines.gap()
    lines.write(b"2,00 \xd5", chinese=False, code_page=19)
    assert lines.read() == ["Café\t2,00 €"]
    lines.write(bytes(70_000), chinese=False, code_page=0)
    assert lines.too_long
