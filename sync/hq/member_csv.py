"""The members file. Columns, in any order:

  member_number   1-32 of A-Z a-z 0-9 _ -; the key of a re-import, and what a dynamic code carries
  tier_id         a tier of the newest rule set
  points          whole number: the balance before the first event HQ books (a re-import replaces it)
  [phone]         mainland number; only its masked form and a keyed index are kept
  [card_codes]    `;`-separated 12- or 24-digit codes of migrated physical cards
  [wechat]        `;`-separated appid:openid
Called by sync.hq.importer. Pure but for reading the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from agent.limits import POINTS
from sync.hq.csv_file import BadValue, Columns, Fault, matching, rows, whole

COLUMNS: Final = Columns(("member_number", "tier_id", "points"), ("phone", "card_codes", "wechat"))
_NUMBER = re.compile(r"[A-Za-z0-9_\-]{1,32}")  # WIRE: the member number of a dynamic code
_TIER = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_CARD = re.compile(r"\d{12}|\d{24}", re.ASCII)
_WECHAT = re.compile(r"[A-Za-z0-9_\-]{1,64}:[A-Za-z0-9_\-]{1,128}")
_PHONE = re.compile(r"(?:\+?86[ -]?)?(1\d{10})", re.ASCII)
_IDENTITIES: Final = 32  # LIMIT: cards and WeChat identities of one member; a row with more is a mistake
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
    return MemberEntry(line, number, tier_id, points, phone, tuple(dict.fromkeys(identities)))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]
