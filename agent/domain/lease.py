"""Leases: the right of one workstation to spend a part of one lot with the cable out.

Pure. HQ grants them and books `lease_open`; what is earned here opens a lease of its own. A lease is spent only by the
workstation that holds it, so spends never exceed the balance. It ends by an event (`lease_close`), never by time alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.digest import Json
from agent.domain.errors import Refusal
from agent.domain.ids import EventName
from agent.domain.ledger import ACCOUNTS, LOT_CHARS, lot_name, opens_own_lease
from agent.domain.sale import Posting
from agent.limits import LEASES_AN_EVENT, POINTS

LEASE_OPEN: Final = "lease_open"
LEASE_CLOSE: Final = "lease_close"
LEASE_SHORT: Final = "LEASE_SHORT"
_ID_CHARS: Final = 64


@dataclass(frozen=True, slots=True)
class OpenedLease:
    """A lease as its first event says it. `usable_until_ms` 0: as long as the lot. `expires` "": the lot never does."""

    lease_id: str
    account: str
    owner: str
    amount: int
    bucket: str = ""
    expires: str = ""
    usable_until_ms: int = 0

    def as_json(self) -> dict[str, Json]:
        """The entry of a `lease_open` body."""
        return {
            "lease": self.lease_id,
            "account": self.account,
            "owner": self.owner,
            "amount": self.amount,
            "bucket": self.bucket,
            "expires": self.expires,
            "usable_until_ms": self.usable_until_ms,
        }


@dataclass(frozen=True, slots=True)
class ClosedLease:
    """A lease that can spend no more, with what the workstation had left of it."""

    lease_id: str
    left: int

    def as_json(self) -> dict[str, Json]:
        """The entry of a `lease_close` body."""
        return {"lease": self.lease_id, "left": self.left}


@dataclass(frozen=True, slots=True)
class Closing:
    """A `lease_close` event. `of_epoch` "" and `after_seq` 0: leases of the event's own epoch, up to that event."""

    leases: tuple[ClosedLease, ...]
    of_epoch: str = ""
    after_seq: int = 0


@dataclass(frozen=True, slots=True)
class Lot:
    """Something a member may spend here now: `remaining` is what is left minus what other quotes were promised."""

    lease_id: str
    account: str
    owner: str
    bucket: str
    expires: str
    remaining: int


@dataclass(frozen=True, slots=True)
class Spend:
    """A part of one lease, whole units of its account (points, fen, visits, coupons)."""

    lease_id: str
    amount: int


def plan_spend(lots: Sequence[Lot], amount: int) -> tuple[Spend, ...]:
    """Take `amount` from lots in their order; raises Refusal LEASE_SHORT when they do not hold as much.

    >>> lots = [Lot("a", "points", "m", "", "2026-12-31", 30), Lot("b", "points", "m", "", "", 100)]
    >>> plan_spend(lots, 50)
    (Spend(lease_id='a', amount=30), Spend(lease_id='b', amount=20))
    """
    spends, rest = [], amount
    for lot in lots:
        part = min(rest, lot.remaining)
        if part > 0:
            spends.append(Spend(lot.lease_id, part))
            rest -= part
    if rest > 0:
        raise short(amount, amount - rest)
    return tuple(spends)


def spending(lots: Sequence[Lot], spends: Sequence[Spend]) -> tuple[Posting, ...]:
    """The postings of planned spends; the books take exactly them from the leases they name."""
    by_id = {lot.lease_id: lot for lot in lots}
    return tuple(
        Posting(lot.account, lot.owner, -one.amount, lot.bucket, lot.expires, lot.lease_id)
        for one in spends
        for lot in (by_id[one.lease_id],)
    )


def short(wanted: int, there: int) -> Refusal:
    """The refusal of a spend that no right of this workstation covers."""
    return Refusal(
        LEASE_SHORT,
        f"{wanted} wanted, {there} may be spent here now",
        hint="spend less, or try again when HQ can be reached",
        status=409,
    )


def is_usable(expires: str, usable_until_ms: int, at_ms: int, day: str) -> bool:
    """Whether a lease may still be spent: neither it nor its lot has ended.

    >>> is_usable("2026-11-22", 0, 1, "2026-11-22"), is_usable("", 5, 5, "2026-11-22")
    (True, False)
    """
    return (usable_until_ms == 0 or at_ms < usable_until_ms) and (not expires or day <= expires)


def is_keepable(text: str) -> bool:
    """Whether every database keeps and measures a text alike: to SQLite it ends at a NUL, in PostgreSQL there is none.

    There U+001A stands before what stands for it (sync.hq.db.dialect).

    >>> is_keepable("cp_1"), is_keepable(""), is_keepable("cp\\x00_1"), is_keepable("\\x1a")
    (True, True, False, False)
    """
    return "\0" not in text and "\x1a" not in text


def opened_by(event: Mapping[str, object], name: EventName, postings: Sequence[Posting]) -> tuple[OpenedLease, ...]:
    """Leases that an event opens: those a `lease_open` lists, those of what it earned. ValueError if unreadable."""
    lot = lot_name(name)
    found = [
        OpenedLease(one.lease, one.account, one.owner, one.amount, one.bucket, one.expires)
        for one in postings
        if opens_own_lease(one, lot)
    ]
    if event.get("kind") == LEASE_OPEN:
        found += [_opened(entry) for entry in _entries(event)]
    if len({one.lease_id for one in found}) < len(found):
        raise ValueError("leases")
    return tuple(found)


def closed_by(event: Mapping[str, object]) -> Closing | None:
    """What a `lease_close` event closes, None for any other. ValueError if unreadable."""
    if event.get("kind") != LEASE_CLOSE:
        return None
    of_epoch, after_seq = event.get("of_epoch"), event.get("after_seq")
    if not isinstance(of_epoch, str) or len(of_epoch) > _ID_CHARS or not is_keepable(of_epoch):
        raise ValueError("of_epoch")
    leases = tuple(ClosedLease(_text(one, "lease", LOT_CHARS), _number(one, "left", 0)) for one in _entries(event))
    if len({one.lease_id for one in leases}) < len(leases):
        raise ValueError("leases")
    return Closing(leases, of_epoch, _number({"after_seq": after_seq}, "after_seq", 0, 2**53 - 1))


def _opened(entry: Mapping[str, object]) -> OpenedLease:
    account, expires = _text(entry, "account", _ID_CHARS), _text(entry, "expires", 10, empty=True)
    if account not in ACCOUNTS or (expires and parse_day(expires).isoformat() != expires):
        raise ValueError("lease")
    return OpenedLease(
        _text(entry, "lease", LOT_CHARS),
        account,
        _text(entry, "owner", _ID_CHARS),
        _number(entry, "amount", 1),
        _text(entry, "bucket", LOT_CHARS, empty=True),
        expires,
        _number(entry, "usable_until_ms", 0, 2**53 - 1),
    )


def _entries(event: Mapping[str, object]) -> list[Mapping[str, object]]:
    said = event.get("leases")
    if not isinstance(said, list) or not 1 <= len(said) <= LEASES_AN_EVENT:
        raise ValueError("leases")
    entries: list[Mapping[str, object]] = [one for one in said if isinstance(one, dict)]
    if len(entries) < len(said):
        raise ValueError("leases")
    return entries


def _text(entry: Mapping[str, object], key: str, most: int, *, empty: bool = False) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not (0 if empty else 1) <= len(value) <= most or not is_keepable(value):
        raise ValueError(key)
    return value


def _number(entry: Mapping[str, object], key: str, least: int, most: int = POINTS) -> int:
    value = entry.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(key)
    return value
