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


class Refused(StrEnum):
    """Why WeChat refused a call, by what a person must do next (S62)."""

    SIGNATURE = "signature"
    """Our key is wrong: generate it anew, enter it again."""
    PERMISSION = "permission"
    """The merchant may not do this: escalate to whoever holds the account; no key helps."""
    CODE = "code"
    """The payment code is used up, too old or none of WeChat's: ask the customer for a fresh one."""
    ABSENT = "absent"
    """There is no such order, bill or certificate."""
    RATE = "rate"
    """Too many calls: wait."""
    REQUEST = "request"
    """The call itself is wrong: a mistake of ours."""


_REFUSED: Final[dict[str, Refused]] = {
    **dict.fromkeys(("SIGNERROR", "SIGN_ERROR"), Refused.SIGNATURE),
    **dict.fromkeys(
        (
            "NOAUTH", "NO_AUTH", "APPID_MCHID_NOT_MATCH", "APPID_NOT_EXIST", "MCHID_NOT_EXIST", "MCH_NOT_EXISTS",
            "RULE_LIMIT", "ACCOUNT_ERROR", "CONTRACT_NOT_EXIST",
        ),
        Refused.PERMISSION,
    ),
    **dict.fromkeys(
        ("AUTHCODEEXPIRE", "AUTH_CODE_EXPIRE", "AUTH_CODE_ERROR", "AUTH_CODE_INVALID"), Refused.CODE
    ),
    **dict.fromkeys(
        (
            "ORDERNOTEXIST", "ORDER_NOT_EXIST", "ORDER_NOT_EXISTS", "RESOURCE_NOT_EXISTS", "NO_STATEMENT_EXIST",
            "NOT_FOUND",
        ),
        Refused.ABSENT,
    ),
    **dict.fromkeys(("FREQUENCY_LIMITED", "FREQUENCY_LIMIT_EXCEED", "RATELIMIT_EXCEEDED"), Refused.RATE),
}  # fmt: skip
_UNSURE: Final = frozenset({"SYSTEMERROR", "SYSTEM_ERROR", "BANKERROR", "BANK_ERROR", "STATEMENT_CREATING"})
"""WeChat could not do it now; nothing is decided, ask again later."""
_BY_STATUS: Final = {401: Refused.SIGNATURE, 403: Refused.PERMISSION, 404: Refused.ABSENT, 429: Refused.RATE}


def refused(err_code: str, status: int = 200) -> Refused | None:
    """Sort a refusal by WeChat's error code, else by the HTTP status; None where WeChat only could not do it now.

    >>> refused("SIGNERROR").value, refused("NO_AUTH", 403).value, refused("WHAT_IS_THIS", 404).value
    ('signature', 'permission', 'absent')
    >>> refused("SYSTEMERROR") is refused("", 502) is None
    True
    """
    if err_code in _UNSURE or status >= 500:
        return None
    return _REFUSED.get(err_code) or _BY_STATUS.get(status, Refused.REQUEST)
