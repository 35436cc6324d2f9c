"""One field at a time: how a text or number of WeChat's becomes a value of ours, or a refusal naming the field.

Pure; called by the readers of v2 and v3. It must never put a value into an error message: an openid may be in it.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final, TypeVar

from agent.domain.errors import Refusal
from agent.limits import AMOUNT_FEN

UNREADABLE: Final = "WECHAT_RESULT_UNREADABLE"
_HINT: Final = "hand over the exact text WeChat returned, unchanged; if it persists, query the order and hand that over"

ID: Final = re.compile(r"[0-9A-Za-z_\-]{1,32}")  # appid, merchant numbers, transaction_id
ORDER_NO: Final = re.compile(r"[0-9A-Za-z_\-|*]{1,32}")  # out_trade_no of v2 may hold | and * too
OPENID: Final = re.compile(r"[0-9A-Za-z_\-]{1,128}")
WORD: Final = re.compile(r"[0-9A-Z_]{1,64}")  # trade_type, trade_state, err_code
_HINT_TEXT: Final = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,64}")
_FEN: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_CHINA: Final = timezone(timedelta(hours=8))  # no daylight saving since 1991
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_T = TypeVar("_T", str, int)
_TIME_V2: Final = re.compile(r"20[0-9]{12}")
_TIME_V3: Final = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


def unreadable(why: str, field: str | None = None) -> Refusal:
    """Make the refusal of a text that is not one of WeChat's results; `why` never holds a value."""
    return Refusal(UNREADABLE, f"not a WeChat payment result: {why}", hint=_HINT, field=field)


def text(value: object, field: str, form: re.Pattern[str]) -> str | None:
    """Take a text of the given form; absent, null and empty are None. Raises Refusal for anything else."""
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not form.fullmatch(value):
        raise unreadable(f"{field} does not have its form", field)
    return value


def hint_text(value: object) -> str | None:
    """Take a text that is a hint only: what does not fit is dropped, never a reason to refuse a payment."""
    return value if isinstance(value, str) and _HINT_TEXT.fullmatch(value) else None


def needed(value: _T | None, field: str) -> _T:
    """Insist on a value. Raises Refusal when it is absent."""
    if value is None:
        raise unreadable(f"{field} is missing", field)
    return value


def fen_text(value: str | None, field: str) -> int | None:
    """Read fen from v2's text: decimal digits only, no sign, no leading zero, no fraction. Raises Refusal.

    >>> fen_text("888", "total_fee"), fen_text("", "cash_fee")
    (888, None)
    """
    if value is None or value == "":
        return None
    if not _FEN.fullmatch(value):
        raise unreadable(f"{field} is not a whole number of fen", field)
    return fen_number(int(value), field)


def fen_number(value: object, field: str) -> int | None:
    """Take fen from v3's number: an integer, never a float, a bool or a text. Raises Refusal."""
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= AMOUNT_FEN:
        raise unreadable(f"{field} is not a whole number of fen within bounds", field)
    return value


def yuan_only(value: object, field: str) -> None:
    """Refuse amounts in another currency: their smallest unit is not a fen. Absent means CNY (S-MP fee_type)."""
    if value not in (None, "", "CNY"):
        raise unreadable(f"{field} is not CNY", field)


def time_v2(value: str | None, field: str) -> int | None:
    """Read v2's `yyyyMMddHHmmss`, Beijing time, as UTC milliseconds. Raises Refusal.

    >>> time_v2("20141111170043", "time_end")
    1415696443000
    """
    if value is None or value == "":
        return None
    iso = f"{value[:4]}-{value[4:6]}-{value[6:8]}T{value[8:10]}:{value[10:12]}:{value[12:]}"
    return _at_ms(iso if _TIME_V2.fullmatch(value) else "", field)


def time_v3(value: object, field: str) -> int | None:
    """Read v3's RFC 3339 time with its offset as UTC milliseconds. Raises Refusal.

    >>> time_v3("2018-06-08T10:34:56+08:00", "success_time")
    1528425296000
    """
    if value is None or value == "":
        return None
    return _at_ms(value if isinstance(value, str) and _TIME_V3.fullmatch(value) else "", field)


def _at_ms(iso: str, field: str) -> int:
    moment: datetime | None = None
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        moment = None
    if moment is None:  # Raised out here, so that no exception chain carries the value along.
        raise unreadable(f"{field} is not a time", field)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_CHINA)
    return (moment - _EPOCH) // timedelta(milliseconds=1)
