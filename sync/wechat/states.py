"""What may become of a payment, and how WeChat's words and error codes map to it (facts/wechat.md A.1-A.4).

Pure; used by results. It must never call a payment failed that may have been made: what is not listed is UNKNOWN.
"""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What became of the payment. The first eight are WeChat's trade states."""

    SUCCESS = "SUCCESS"
    REFUND = "REFUND"
    NOTPAY = "NOTPAY"
    CLOSED = "CLOSED"
    REVOKED = "REVOKED"
    USERPAYING = "USERPAYING"
    PAYERROR = "PAYERROR"
    ACCEPT = "ACCEPT"
    FAILED = "FAILED"
    """The call was refused: no money moved by it."""
    UNKNOWN = "UNKNOWN"
    """WeChat did not say. The order must be queried, never taken for unpaid."""

    @property
    def is_open(self) -> bool:
        """The last word is not spoken: query again (A.2: every 5 s, up to 45 s)."""
        return self in (State.USERPAYING, State.ACCEPT, State.NOTPAY, State.UNKNOWN)


# A.1's definite failures, and v3's spellings of them. ORDERPAID is left out on purpose: this call moved nothing, but
# the order is paid, and a query says by whom.
_DEFINITE: Final = frozenset(
    {
        "PARAM_ERROR",
        "NOAUTH",
        "AUTHCODEEXPIRE",
        "NOTENOUGH",
        "NOTSUPORTCARD",
        "ORDERCLOSED",
        "ORDERREVERSED",
        "AUTH_CODE_ERROR",
        "AUTH_CODE_INVALID",
        "XML_FORMAT_ERROR",
        "REQUIRE_POST_METHOD",
        "SIGNERROR",
        "LACK_PARAMS",
        "NOT_UTF8",
        "BUYER_MISMATCH",
        "APPID_NOT_EXIST",
        "MCHID_NOT_EXIST",
        "OUT_TRADE_NO_USED",
        "APPID_MCHID_NOT_MATCH",
        "INVALID_REQUEST",
        "TRADE_ERROR",
        "ORDERNOTEXIST",
        "NO_AUTH",
        "SIGN_ERROR",
        "NOT_ENOUGH",
        "ORDER_CLOSED",
        "ORDER_REVERSED",
        "ORDER_NOT_EXIST",
        "AUTH_CODE_EXPIRE",
    }
)


def failure_state(err_code: str | None) -> State:
    """USERPAYING means wait, a definite failure no; SYSTEMERROR, BANKERROR and whatever is not listed mean query.

    >>> failure_state("NOTENOUGH").value, failure_state("SYSTEMERROR").value, failure_state("ORDERPAID").value
    ('FAILED', 'UNKNOWN', 'UNKNOWN')
    """
    if err_code == "USERPAYING":
        return State.USERPAYING
    return State.FAILED if err_code in _DEFINITE else State.UNKNOWN


def trade_state_of(value: str) -> State:
    """Read a trade state; one we do not know is UNKNOWN.

    >>> trade_state_of("REVOKED").value, trade_state_of("SETTLING").value
    ('REVOKED', 'UNKNOWN')
    """
    known = value in State.__members__ and value not in ("FAILED", "UNKNOWN")
    return State(value) if known else State.UNKNOWN
