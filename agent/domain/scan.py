"""What a scan says: its raw form, and which kinds of code it may be (facts/wechat.md A.5).

Pure. Payment codes are bearer secrets for a minute: `Scan` never shows one in repr, and nothing may log or store one.
"""

from dataclasses import dataclass, field
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class Scan:
    """A classified scan. `text` is left out of repr because it may be a payment code."""

    kind: CodeKind
    text: str = field(repr=False)
    device: str = ""
