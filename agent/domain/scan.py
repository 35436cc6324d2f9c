"""What a scan says: its raw form, and which kinds of code it may be (facts/wechat.md A.5).

Pure; read by the identifier and the scanner path. Many codes look alike, so shape only lists candidates; which one it
is, look-ups decide (agent.identify): known members first, then articles, then payment.
A payment code is a bearer secret for a minute, and an unreadable text may be one misread: neither is ever shown,
logged or stored, and `Scan` leaves the text out of its repr.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from agent.domain import dynamic_code
from agent.limits import SCAN_FRAME_BYTES

COUPON_PREFIX = "CP."
"""WIRE: a coupon is `CP.` and 4 to 64 of `A-Z a-z 0-9 . _ -`; nothing else may begin like this, nor like `MC1.`."""

_MATRIX = frozenset("QdLzUh")  # AIM families that are no bar code: QR, Data Matrix, PDF417, Aztec, MaxiCode, Han Xin
_WECHAT = re.compile(r"1[0-5][0-9]{16}")
_ALIPAY = re.compile(r"(?:2[5-9]|30)[0-9]{14,22}|fp[0-9A-Za-z]{33}")
_UNIONPAY = re.compile(r"62[0-9]{17}")
_COUPON = re.compile(r"CP\.[A-Za-z0-9._\-]{4,64}")
_MEMBER = re.compile(r"[!-~]{1,32}")
_SKU = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_DIGITS = re.compile(r"[0-9]+")
_LABEL = re.compile(r"2[0-9]{12}|2[0-9]{17}")


class CodeKind(StrEnum):
    """What a code is."""

    WECHAT_PAY = "wechat_pay"
    ALIPAY = "alipay"
    UNIONPAY = "unionpay"
    MEMBER_CODE = "member_code"
    DYNAMIC_CODE = "dynamic_code"
    COUPON = "coupon"
    ITEM = "item"
    UNREADABLE = "unreadable"

    @property
    def is_payment(self) -> bool:
        """Payment codes are never shown, logged or stored."""
        return self in (CodeKind.WECHAT_PAY, CodeKind.ALIPAY, CodeKind.UNIONPAY)


@dataclass(frozen=True, slots=True)
class RawScan:
    """One frame from a scanner: text, AIM symbology (`]Q1` -> `Q1`) if the scanner sends it, and where it came from."""

    text: str = field(repr=False)
    symbology: str | None
    device: str
    at_mono_s: float
    add_on: str | None = field(default=None, repr=False)
    """The two or five digits of a periodical's add-on, where the scanner sends it with the main code."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A classified scan. `text` is left out of repr because it may be a payment code."""

    kind: CodeKind
    text: str = field(repr=False)
    device: str = ""


def normalise(text: str) -> str:
    r"""Strip what scanners add around a code: whitespace, CR, LF, a byte-order mark. The code itself stays as it is.

    Full-width digits stay full-width, and so end as UNREADABLE: an input method stood between scanner and till, and a
    guess at what it swallowed must never become a payment.

    >>> normalise(" 018255396048\r\n"), normalise("１２\n")
    ('018255396048', '１２')
    """
    return text.strip().strip("\ufeff").strip()


def payment_kind(text: str) -> CodeKind | None:
    """Tell whose payment code a text would be by its shape alone, or None (A.5: 10-15; 25-30 and `fp`; 62).

    >>> payment_kind("134650061098828009"), payment_kind("163652150534672204")
    (<CodeKind.WECHAT_PAY: 'wechat_pay'>, None)
    """
    if _WECHAT.fullmatch(text):
        return CodeKind.WECHAT_PAY
    if _ALIPAY.fullmatch(text):
        return CodeKind.ALIPAY
    if _UNIONPAY.fullmatch(text):
        return CodeKind.UNIONPAY
    return None


def has_check_digit(text: str) -> bool:
    """Check the last digit as GS1 computes it: weights 3, 1, 3 ... from the right.

    >>> has_check_digit("6901234567892"), has_check_digit("6901234567893"), has_check_digit("12345670")
    (True, False, True)
    """
    if not _DIGITS.fullmatch(text):
        return False
    body, check = text[:-1], int(text[-1])
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return (10 - total % 10) % 10 == check


def is_article_code(text: str) -> bool:
    """Tell whether a text has the shape of EAN-13, EAN-8, UPC-A or a scale's label (13 or 18 digits from 2x).

    Labels of 18 digits are trusted by their shape for 20-24 only. From 25 on they collide with Alipay, whose codes
    have 18 digits more often than not: there the check digit must hold too, and the pricebook has the last word.

    >>> is_article_code("036000291452"), is_article_code("036000291453"), is_article_code("220012300500012341")
    (True, False, True)
    """
    if len(text) == 18 and _LABEL.fullmatch(text):
        return text[1] <= "4" or has_check_digit(text)
    return len(text) in (8, 12, 13) and has_check_digit(text)


def candidates(text: str, symbology: str | None = None) -> tuple[CodeKind, ...]:
    """List what a normalised text may be, in the order of looking up; never empty.

    `symbology` is AIM's (`Q1`, `E0`, `C0`) where the scanner sends it. A matrix code is no article. An EAN or UPC is an
    article first and never a WeChat code; 13 digits may still be an old plastic card that was printed as EAN-13.

    >>> [kind.value for kind in candidates("281234567890123456789012")]
    ['member_code', 'alipay']
    >>> [kind.value for kind in candidates("036000291452", "E0")]
    ['item']
    """
    if not text or len(text) > SCAN_FRAME_BYTES:
        return (CodeKind.UNREADABLE,)
    if text.startswith(dynamic_code.PREFIX):
        return (CodeKind.DYNAMIC_CODE,)
    if text.startswith(COUPON_PREFIX):
        return (CodeKind.COUPON if _COUPON.fullmatch(text) else CodeKind.UNREADABLE,)
    family = symbology[0] if symbology else ""
    if family == "E":
        return _bar_code(text)
    payment = payment_kind(text)
    kinds: list[CodeKind] = []
    if _MEMBER.fullmatch(text) and "://" not in text:
        kinds.append(CodeKind.MEMBER_CODE)
    if family not in _MATRIX and (is_article_code(text) or (payment is None and _SKU.fullmatch(text))):
        kinds.append(CodeKind.ITEM)
    if payment is not None:
        kinds.append(payment)
    return tuple(kinds) or (CodeKind.UNREADABLE,)


def _bar_code(text: str) -> tuple[CodeKind, ...]:
    """EAN and UPC as the scanner says, which has checked the check digit already."""
    if not _DIGITS.fullmatch(text):
        return (CodeKind.UNREADABLE,)
    if len(text) == 13 and not text.startswith("0"):
        return (CodeKind.ITEM, CodeKind.MEMBER_CODE)
    return (CodeKind.ITEM,)


def unclaimed(text: str, symbology: str | None = None) -> CodeKind:
    """Say what a code is when neither a member nor an article is known by it: payment, then article, then member.

    >>> unclaimed("281234567890123456"), unclaimed("VIP-0042")
    (<CodeKind.ALIPAY: 'alipay'>, <CodeKind.MEMBER_CODE: 'member_code'>)
    """
    kinds = candidates(text, symbology)
    if kinds[-1] is CodeKind.ITEM and CodeKind.MEMBER_CODE in kinds and not is_article_code(text):
        return CodeKind.MEMBER_CODE
    return CodeKind.ITEM if kinds[0] is CodeKind.ITEM else kinds[-1]


def item_keys(text: str) -> tuple[str, ...]:
    """Give the texts under which the pricebook may know an article code, most exact first.

    UPC-A is EAN-13 with a leading zero. A scale's label carries weight or price, so it is known by its first seven
    digits, flag and article: a chain lists `2200123` as the barcode and should keep its flags within 20 to 24.

    >>> item_keys("036000291452"), item_keys("2200123005004")
    (('036000291452', '0036000291452'), ('2200123005004', '2200123'))
    """
    if _LABEL.fullmatch(text):
        return (text, text[:7])
    if len(text) == 12 and _DIGITS.fullmatch(text):
        return (text, "0" + text)
    if len(text) == 13 and text.startswith("0"):
        return (text, text[1:])
    return (text,)
