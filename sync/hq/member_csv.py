"""The members file. Columns, in any order:

  member_number   1-32 of A-Z a-z 0-9 _ -; the key of a re-import, and what a dynamic code carries
  tier_id         a tier of the newest rule set
  points          whole number: the balance before the first event HQ books (a re-import replaces it)
  [phone]         mainland number; only its masked form and a keyed index are kept
  [card_codes]    `;`-separated 12- or 24-digit codes of migrated physical cards
  [wechat]        `;`-separated appid:openid
An empty cell of these leaves what HQ has (nothing, for a new member):
  [sv_principal_yuan] [sv_gift_yuan]   stored value before the first event HQ books, principal and gift
  [expiring_points] [expiring_day]     the points that expire next, and the last day they are good for
  [month] [month_spend_yuan]           spent in that month YYYY-MM, before the first event HQ books
  [birthday]                           MM-DD; a full date is refused, the year is not wanted (R19)
  [growth] [next_tier_id] [next_tier_growth]   growth value, the tier to come and the growth it takes
  [first_order]                        1: the next order is the first
Called by sync.hq.importer. Pure but for reading the file.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from agent.domain.business_day import parse_day
from agent.limits import AMOUNT_FEN, POINTS
from sync.hq.csv_file import BadValue, Columns, Fault, fen, flag, matching, rows, whole

FACT_COLUMNS: Final = (
    "sv_principal_yuan", "sv_gift_yuan", "expiring_points", "expiring_day", "month", "month_spend_yuan", "birthday",
    "growth", "next_tier_id", "next_tier_growth", "first_order",
)  # fmt: skip
COLUMNS: Final = Columns(("member_number", "tier_id", "points"), ("phone", "card_codes", "wechat", *FACT_COLUMNS))
_NUMBER = re.compile(r"[A-Za-z0-9_\-]{1,32}")  # WIRE: the member number of a dynamic code
_TIER = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_CARD = re.compile(r"\d{12}|\d{24}", re.ASCII)
_WECHAT = re.compile(r"[A-Za-z0-9_\-]{1,64}:[A-Za-z0-9_\-]{1,128}")
_PHONE = re.compile(r"(?:\+?86[ -]?)?(1\d{10})", re.ASCII)
_IDENTITIES: Final = 32  # LIMIT: cards and WeChat identities of one member; a row with more is a mistake
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])", re.ASCII)
_BIRTHDAY = re.compile(r"\d{2}-\d{2}", re.ASCII)
Kind = Literal["code", "wx"]


@dataclass(frozen=True, slots=True)
class MemberEntry:
    """One row. Personal values are left out of repr."""

    line: int
    member_number: str = field(repr=False)
    tier_id: str
    points: int
    phone: str = field(repr=False)
    identities: tuple[tuple[Kind, str], ...] = field(repr=False)
    """Member number first, then cards, then WeChat pairs."""
    facts: Mapping[str, int | str] = field(default_factory=dict, repr=False)
    """Columns of `members` that the file fills; those it leaves empty are not in it."""

    @property
    def masked(self) -> str:
        """What a till may show.

        >>> MemberEntry(2, "100000000001", "n", 0, "13812348000", ()).masked
        '138****8000'
        """
        if self.phone:
            return f"{self.phone[:3]}****{self.phone[-4:]}"
        return "****" + self.member_number[-min(4, len(self.member_number) // 2) :]


def entries(path: Path) -> Iterator[MemberEntry | Fault]:
    """Read the file row by row; Refusal when it cannot be used at all."""
    for line, cells in rows(path, COLUMNS):
        if isinstance(cells, Fault):
            yield cells
            continue
        try:
            yield _entry(line, cells)
        except BadValue as error:
            yield Fault(line, str(error))


def _entry(line: int, cells: dict[str, str]) -> MemberEntry:
    number = matching("member_number", cells["member_number"], _NUMBER, "use 1 to 32 of A-Z a-z 0-9 _ -")
    tier_id = matching("tier_id", cells["tier_id"], _TIER, "use 1 to 64 of A-Z a-z 0-9 . _ : -")
    points = whole("points", cells["points"], POINTS)
    identities: list[tuple[Kind, str]] = [("code", number)]
    cards, pairs = _parts(cells["card_codes"]), _parts(cells["wechat"])
    identities += [("code", matching("card_codes", card, _CARD, "a card code has 12 or 24 digits")) for card in cards]
    identities += [("wx", matching("wechat", pair, _WECHAT, "write appid:openid")) for pair in pairs]
    if len(identities) > _IDENTITIES:
        raise BadValue(f"more than {_IDENTITIES} cards and identities")
    phone = ""
    if cells["phone"]:
        matching("phone", cells["phone"], _PHONE, "write an 11-digit mobile number")
        phone = cells["phone"][-11:]
    return MemberEntry(line, number, tier_id, points, phone, tuple(dict.fromkeys(identities)), _facts(cells))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def _facts(cells: dict[str, str]) -> dict[str, int | str]:
    """Read the optional columns; BadValue names every one that cannot be read."""
    read: dict[str, tuple[str, Callable[[str, str], int | str]]] = {
        "sv_principal_yuan": ("opening_sv_principal", _amount),
        "sv_gift_yuan": ("opening_sv_gift", _amount),
        "expiring_points": ("expiring_points", _positive),
        "expiring_day": ("expiring_day", _day),
        "month": ("opening_month", lambda column, text: matching(column, text, _MONTH, "write YYYY-MM")),
        "month_spend_yuan": ("opening_month_spend", _amount),
        "birthday": ("birthday", _birthday),
        "growth": ("growth", lambda column, text: whole(column, text, POINTS)),
        "next_tier_id": ("next_tier_id", lambda column, text: matching(column, text, _TIER, "no tier id")),
        "next_tier_growth": ("next_tier_growth", _positive),
        "first_order": ("first_order", lambda column, text: int(flag(column, text, default=False))),
    }
    found: dict[str, int | str] = {}
    faults: list[str] = []
    for column, (name, reader) in read.items():
        try:
            if cells[column]:
                found[name] = reader(column, cells[column])
        except BadValue as error:
            faults.append(str(error))
    for one, other in (("expiring_points", "expiring_day"), ("month", "month_spend_yuan")):
        if bool(cells[one]) != bool(cells[other]):
            faults.append(f"{one}, {other}: fill both or neither")
    if faults:
        raise BadValue("; ".join(faults))
    return found


def _amount(column: str, text: str) -> int:
    amount = fen(column, text)
    if amount > AMOUNT_FEN:
        raise BadValue(f"{column} {text!r}: more than ten million yuan")
    return amount


def _positive(column: str, text: str) -> int:
    number = whole(column, text, POINTS)
    if number < 0:
        raise BadValue(f"{column} {text!r}: at least 0")
    return number


def _day(column: str, text: str) -> str:
    try:
        if parse_day(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise BadValue(f"{column} {text!r}: write a date as YYYY-MM-DD")


def _birthday(column: str, text: str) -> str:
    """Check month and day in a leap year, so that the 29th of February is one."""
    try:
        if _BIRTHDAY.fullmatch(text) is not None:
            return parse_day(f"2024-{text}").strftime("%m-%d")
    except ValueError:
        pass
    raise BadValue(f"{column}: write month and day as MM-DD, without the year")
