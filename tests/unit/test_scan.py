"""What a scan may be, by its shape (facts/wechat.md A.5 and the code strings of G.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.domain.scan import (
    CodeKind,
    RawScan,
    Scan,
    candidates,
    has_check_digit,
    item_keys,
    normalise,
    payment_kind,
    unclaimed,
)

M, I = CodeKind.MEMBER_CODE, CodeKind.ITEM  # noqa: E741
WX, ALI, UP = CodeKind.WECHAT_PAY, CodeKind.ALIPAY, CodeKind.UNIONPAY
UNREADABLE = CodeKind.UNREADABLE


@pytest.mark.parametrize("prefix", range(10, 20))
def test_wechat_codes_have_18_digits_and_begin_with_10_to_15(prefix: int) -> None:
    code = f"{prefix}4650061098828009"
    assert payment_kind(code) == (WX if prefix <= 15 else None)
    for wrong in (code[:-1], code + "0"):
        assert payment_kind(wrong) is None
        assert not any(kind.is_payment for kind in candidates(wrong))


@pytest.mark.parametrize(("length", "is_alipay"), [(15, False), (16, True), (18, True), (24, True), (25, False)])
@pytest.mark.parametrize("prefix", ["25", "28", "30"])
def test_alipay_codes_have_16_to_24_digits(prefix: str, length: int, is_alipay: bool) -> None:
    assert (payment_kind(prefix.ljust(length, "7")) is ALI) == is_alipay


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("24" + "0" * 16, None),
        ("31" + "0" * 16, None),
        ("fp" + "a1" * 16 + "b", ALI),
        ("fp" + "a" * 32, None),
        ("62" + "0" * 17, UP),
        ("62" + "0" * 16, None),
        ("63" + "0" * 17, None),
    ],
)
def test_other_payment_codes(text: str, kind: CodeKind | None) -> None:
    assert payment_kind(text) is kind


@pytest.mark.parametrize(
    ("text", "symbology", "kinds", "alone"),
    [
        # Collisions of A.5: members first, then articles, then payment.
        ("281234567890123456789012", None, (M, ALI), ALI),
        ("261234567890123456789012", "Q1", (M, ALI), ALI),
        ("241234567890123456789012", "Q1", (M,), M),
        ("163652150534672204", None, (M, I), M),
        ("163652150534672204", "Q1", (M,), M),
        ("134650061098828009", "Q1", (M, WX), WX),
        ("134650061098828009", "C0", (M, WX), WX),
        ("018255396048", None, (M, I), M),
        ("036000291452", None, (M, I), I),
        ("036000291452", "E0", (I,), I),
        ("036000291452", "Q1", (M,), M),
        ("220012300500012341", None, (M, I), I),
        ("280012300500012343", None, (M, ALI), ALI),  # a label whose check digit is wrong
        ("280012300500012345", None, (M, I, ALI), ALI),
        ("280012300500012345", "Q1", (M, ALI), ALI),
        # Articles.
        ("6901234567892", "E0", (I, M), I),
        ("6901234567892", None, (M, I), I),
        ("0036000291452", "E0", (I,), I),
        ("12345670", "E4", (I,), I),
        ("2200123005007", None, (M, I), I),
        ("2200123005004", None, (M, I), M),
        ("SKU-1", "C0", (M, I), M),
        ("S" * 40, "C0", (I,), I),
        # Members of all generations, and plastic cards.
        ("478515832665", "Q1", (M,), M),
        ("VIP#0042", "Q1", (M,), M),
        ("6901234567892", "Q1", (M,), M),
        # Codes of our own.
        ("MC1.b1.1.1790000000.x.y", None, (CodeKind.DYNAMIC_CODE,), CodeKind.DYNAMIC_CODE),
        ("CP.A-1_b.c", "Q1", (CodeKind.COUPON,), CodeKind.COUPON),
        ("CP.", None, (UNREADABLE,), UNREADABLE),
        # Nothing of ours.
        ("", None, (UNREADABLE,), UNREADABLE),
        ("https://u.wechat.com/x", "Q1", (UNREADABLE,), UNREADABLE),
        ("ABC", "E0", (UNREADABLE,), UNREADABLE),
        ("1" * 513, None, (UNREADABLE,), UNREADABLE),
        ("会员", None, (UNREADABLE,), UNREADABLE),
        ("1346500610988 28009", None, (UNREADABLE,), UNREADABLE),
    ],
)
def test_candidates_and_what_is_left_when_nobody_claims_the_code(
    text: str, symbology: str | None, kinds: tuple[CodeKind, ...], alone: CodeKind
) -> None:
    assert candidates(text, symbology) == kinds
    assert unclaimed(text, symbology) is alone


def test_full_width_digits_are_never_a_payment_code() -> None:
    """An input method swallowed the scan; the till does not guess what it was (G.3)."""
    wide = "".join(chr(ord(digit) - ord("0") + ord("０")) for digit in "134650061098828009")
    assert candidates(normalise(wide)) == (UNREADABLE,)
    assert candidates("13465006109８828009") == (UNREADABLE,)
    assert candidates("٠١٨٢٥٥٣٩٦٠٤٨") == (UNREADABLE,)


@pytest.mark.parametrize("around", ["{}\r\n", "{}\n", "\t{} ", "\ufeff{}", "\u3000{}\r"])
def test_what_scanners_add_is_stripped(around: str) -> None:
    assert normalise(around.format("134650061098828009")) == "134650061098828009"


def test_item_keys_know_upc_as_ean_and_labels_by_flag_and_article() -> None:
    assert item_keys("0036000291452") == ("0036000291452", "036000291452")
    assert item_keys("220012300500012341") == ("220012300500012341", "2200123")
    assert item_keys("6901234567892") == ("6901234567892",)


@given(st.text(max_size=40), st.sampled_from([None, "Q1", "E0", "C0", "X0", ""]))
def test_any_text_has_candidates_and_one_of_them_is_left(text: str, symbology: str | None) -> None:
    kinds = candidates(normalise(text), symbology)
    assert kinds
    assert len(set(kinds)) == len(kinds)
    assert unclaimed(normalise(text), symbology) in kinds


@given(st.from_regex(r"[0-9]{12}", fullmatch=True))
def test_exactly_one_check_digit_is_right(digits: str) -> None:
    assert [has_check_digit(f"{digits}{check}") for check in range(10)].count(True) == 1


def test_no_scan_shows_its_text() -> None:
    code = "134650061098828009"
    for value in (RawScan(code, "Q1", "gun", 1.0), Scan(WX, code, "gun")):
        assert code not in repr(value)
        assert code not in str(value)
