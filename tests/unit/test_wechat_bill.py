"""Reading WeChat's trade bill: strictly, whole or not at all, and never into something else (hypothesis)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.errors import Refusal
from sync.wechat import bill
from tests.unit import wechat_bills as made

PAID = "4200001234202609210000000001"
GOOD = made.bill(made.row(PAID, "12.80"), made.row(PAID, "0.00", refund=("50300001", "2.00")))


def refused(content: bytes) -> str:
    with pytest.raises(Refusal) as caught:
        bill.read(content)
    assert caught.value.code == "WECHAT_BILL_UNREADABLE"
    assert caught.value.__context__ is None or not str(caught.value.__context__)
    return caught.value.message


def test_a_bill_is_read_with_commas_in_names_and_with_or_without_a_mark_at_its_start() -> None:
    rows = bill.read(GOOD)
    assert rows == bill.read(
        made.bill(made.row(PAID, "12.80"), made.row(PAID, "0.00", refund=("50300001", "2.00")), bom=False)
    )
    first, second = rows
    assert (first.transaction_id, first.kind, first.total_fen, first.refund_id) == (PAID, "SUCCESS", 1280, "")
    assert (first.mch_id, first.sub_mch_id, first.day) == (made.MCH, made.SUB_MCH, "2026-09-21")
    assert (second.kind, second.refund_id, second.refund_fen) == ("REFUND", "50300001", 200)


def test_a_direct_merchant_has_no_sub_merchant() -> None:
    assert bill.read(made.bill(made.row(PAID, "1.00", sub="0")))[0].sub_mch_id == ""


def test_an_empty_day() -> None:
    assert bill.read(made.bill()) == []


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (",`12.80,`0.00,`\r", ",`12.8a,`0.00,`\r", "amount"),
        ("`12.80,`0.00,`", "12.80,`0.00,`", "values for"),
        ("交易时间", "时间", "交易时间 is missing"),
        ("用户标识", "交易时间", "twice"),
        ("`CNY", "`USD", "CNY"),
        ("`SUCCESS", "`MAYBE", "交易状态"),
        (f"`{PAID}", "`", "missing"),
        (f"`{PAID}", "`4200 001", "form"),
        ("`2026-09-21 09", "`2026-09-31 09", "not a time"),
        ("`2026-09-21 09", "2026-09-21 09", "back-tick"),
        ("`2.0,", "`3.0,", "totals say otherwise"),
        ("总交易单数", "总数", "totals are missing"),
        ("申请退款总金额", "退款", "申请退款总金额 is missing"),
    ],
)
def test_a_bill_that_is_not_exactly_right_is_refused_whole(old: str, new: str, why: str) -> None:
    text = GOOD.decode()
    assert old in text
    message = refused(text.replace(old, new, 1).encode())
    assert any(one in message for one in why.split("|")), message
    assert PAID not in message


def test_amounts_must_add_up_to_the_bills_own_totals() -> None:
    text = GOOD.decode()
    cut = text.rindex("`12.80")
    assert "add up" in refused((text[:cut] + "`12.81" + text[cut + 6 :]).encode())


@pytest.mark.parametrize(
    "amount", ["-1.00", "1", "1.000", "01.00", "1,00", "１.00", "1e2", "9999999999.00", " 1.00", "NaN"]
)
def test_what_is_no_amount(amount: str) -> None:
    good = made.bill(made.row(PAID, "1.00")).decode()
    head, rest = good.split("\r\n", 1)
    line, tail = rest.split("\r\n", 1)
    values = line[1:].split(",`")
    values[24] = amount
    refused(f"{head}\r\n{','.join('`' + value for value in values)}\r\n{tail}".encode())


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="`"), max_size=20)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), _TEXT), max_size=8))
def test_what_is_written_is_read(amounts: list[tuple[int, int, str]]) -> None:
    rows = [
        made.row(
            f"42000012342026092{number:013d}", f"{fen // 100}.{fen % 100:02d}",
            refund=(f"503{number}", f"{back // 100}.{back % 100:02d}"), name=name,
        )
        for number, (fen, back, name) in enumerate(amounts)
    ]  # fmt: skip
    assert [(one.total_fen, one.refund_fen) for one in bill.read(made.bill(*rows))] == [one[:2] for one in amounts]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_bill_or_refused(content: bytes) -> None:
    code = ""
    try:
        bill.read(content)
    except Refusal as refusal:
        code = refusal.code
    assert code in ("", "WECHAT_BILL_UNREADABLE")


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3))
def test_a_bill_with_a_wound_is_read_alike_or_refused(place: int, wound: bytes) -> None:
    """Wherever a few bytes are damaged, the money that is read is the money that was written."""
    try:
        rows = bill.read(GOOD[:place] + wound + GOOD[place + len(wound) :])
    except Refusal:
        return
    assert [(one.total_fen, one.refund_fen) for one in rows] == [(1280, 0), (0, 200)]


def test_the_sdks_own_sample_is_read() -> None:
    """Rows of the official SDK's fixture (tests/fixtures/bill.ALL.csv), with totals of these rows."""
    sample = (
        made.HEAD,
        (
            "`2019-02-19 05:01:46,`wxab8acd895ab1638a,`1921000401,`0,`harryma007,`4200000263201902167700134212,"
            "`autotest_20190216081946_82335,`oHkLxtx0vUqe-18p_AXTZ1innxkCY,`JSAPI,`REFUND,`OTHERS,`CNY,`0.00,`0.00,"
            "`50000709672019011908420787722,`REF4200000263201902167700163919,`0.01,`0.00,`ORIGINAL,`SUCCESS,"
            "`系统拨测-cheeryin-test_micropay_succ,`,`0.00000,`39.00%,`0.00,`0.01,`"
        ),
        (
            "`2019-02-19 01:52:32,`wxab8acd895ab1638a,`1921000401,`0,`,`4200000263201902167700134902,"
            "`autotest_20190219015232_89201,`wxab8acb865bb1637e,`NATIVE,`SUCCESS,`OTHERS,`CNY,`0.03,`0.00,`0,`0,`0.00,"
            "`0.00,`,`,`autotest,`,`0.01000,`39.00%,`0.03,`0.00,`"
        ),
        made.SUM_HEAD,
        "`2.0,`0.03,`0.01,`0.0,`0.01,`0.03,`0.01",
    )
    rows = bill.read("\n".join(sample).encode())
    assert [(one.kind, one.total_fen, one.refund_fen, one.sub_mch_id) for one in rows] == [
        ("REFUND", 0, 1, ""), ("SUCCESS", 3, 0, ""),
    ]  # fmt: skip
