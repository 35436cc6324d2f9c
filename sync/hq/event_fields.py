"""Reading the fields of one event as it was sent, strictly: whatever is not as it must be is a Fault with its code.

Pure; called by sync.hq.judge alone. No floats near money; unknown additional fields are left alone.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeGuard

from agent.domain.business_day import parse_day
from agent.domain.digest import Json, read_canonical
from agent.domain.ids import EventName
from agent.domain.lease import LEASE_CLOSE, LEASE_OPEN, Closing, OpenedLease, closed_by, is_keepable, opened_by
from agent.domain.ledger import ACCOUNTS, LOT_CHARS, PENDING_ACCOUNT
from agent.domain.member import Certainty
from agent.domain.sale import Posting, TenderType
from agent.domain.verified import VerifiedTicket
from agent.limits import AMOUNT_FEN, POINTS, SALE_LINES

Event = Mapping[str, Json]

MALFORMED: Final = "MALFORMED"
NAME_MISMATCH: Final = "NAME_MISMATCH"
STORE_MISMATCH: Final = "STORE_MISMATCH"
KIND_UNKNOWN: Final = "KIND_UNKNOWN"
ACCOUNT_UNKNOWN: Final = "ACCOUNT_UNKNOWN"

_TAKES_MONEY: Final = frozenset({"sale", "recharge", "count_card_sale"})
_GIVES_MONEY: Final = frozenset({"return", "void", "recharge_cancel", "count_use", "count_return", "count_card_refund"})
"""Money back, or none at all: units of a card that are used without a sale, and come back."""
_MOVES_RIGHTS: Final = frozenset({LEASE_OPEN, LEASE_CLOSE})
_KINDS: Final = frozenset((kind, 1) for kind in _TAKES_MONEY | _GIVES_MONEY | _MOVES_RIGHTS)
_PAYABLE_FEN: Final = SALE_LINES * AMOUNT_FEN  # LIMIT: ten million such sales a day still add up inside int64
_MOVES: Final = frozenset((*ACCOUNTS, PENDING_ACCOUNT))
_ID_CHARS: Final = 64
_DAY_CHARS: Final = 10
_DAYS_KEPT: Final = 512  # LIMIT: days remembered as such; a batch speaks of few
_CLAIM: Final = re.compile(r"[0-9a-f]{64}")


class Fault(Exception):
    """An event cannot be folded; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def read(body: str) -> Event:
    """Read a body that is canonical JSON of an object; Fault MALFORMED."""
    try:
        event = read_canonical(body.encode())
    except ValueError as error:
        raise Fault(MALFORMED) from error
    if not isinstance(event, dict):
        raise Fault(MALFORMED)
    return event


def check_name(event: Event, name: EventName, store_id: str, brand_id: str) -> None:
    """See that the event is who it was sent as, of this store and brand, and of a kind HQ knows; Fault."""
    seq = event.get("seq")
    if (event.get("workstation_id"), event.get("epoch"), seq) != (name.workstation_id, name.epoch, name.seq):
        raise Fault(NAME_MISMATCH)
    if type(seq) is not int:  # True is 1
        raise Fault(NAME_MISMATCH)
    if (event.get("store_id"), event.get("brand_id")) != (store_id, brand_id):
        raise Fault(STORE_MISMATCH)
    kind, version = event.get("kind"), event.get("v")
    if not isinstance(kind, str) or not _integer(version, 1) or (kind, version) not in _KINDS:
        raise Fault(KIND_UNKNOWN)


def _kind(event: Event) -> str:
    kind = event.get("kind")
    return kind if isinstance(kind, str) else ""


def business_day(event: Event) -> str:
    """The day in Asia/Shanghai that the event counts in; Fault MALFORMED."""
    day = event.get("business_day")
    if not isinstance(day, str) or not _is_day(day):
        raise Fault(MALFORMED)
    return day


def _is_day(text: str) -> bool:
    # ORDER: before it is remembered; an event may say half a megabyte where a day belongs.
    return len(text) == _DAY_CHARS and _is_known_day(text)


@lru_cache(_DAYS_KEPT)
def _is_known_day(text: str) -> bool:
    try:
        return parse_day(text).isoformat() == text
    except ValueError:
        return False


def buyer(event: Event) -> str:
    """Id of the member who bought, "" where the event names none."""
    member = event.get("member")
    member_id = member.get("member_id") if isinstance(member, dict) else None
    return member_id if _text(member_id) else ""


def ticket_in(event: Event) -> VerifiedTicket | None:
    """What an event brings that says its member was verified; one of nobody's where it cannot be read."""
    member = event.get("member")
    if not isinstance(member, dict) or member.get("certainty") != Certainty.VERIFIED:
        return None
    said = member.get("verified")
    row: Event = said if isinstance(said, dict) else {}
    how, at_s, nonce, signature = (row.get(name) for name in ("how", "at_s", "nonce", "signature"))
    if _text(how) and _integer(at_s, 2**53 - 1) and _text(nonce) and isinstance(signature, str):
        return VerifiedTicket(how, at_s, nonce, signature)
    return VerifiedTicket("", 0, "", "")


def sale_day(event: Event) -> str:
    """What `sale_day` says of the sale that is given back; "" where it says nothing."""
    day = event.get("sale_day")
    return day if isinstance(day, str) and _is_day(day) else ""


def at_ms_in(event: Event) -> int:
    """When, for the order of earning only; 0 where it cannot be read."""
    at_ms = event.get("at_ms")
    return at_ms if _integer(at_ms, 2**53 - 1) else 0


def clock_trusted(event: Event) -> bool:
    clock = event.get("clock")
    return not (isinstance(clock, dict) and clock.get("trusted") is False)


def claim_in(event: Event) -> str:
    """A claim that cannot be read is none: nothing can be credited by it."""
    claim = event.get("claim_sha256")
    return claim if isinstance(claim, str) and event.get("kind") == "sale" and _CLAIM.fullmatch(claim) else ""


def sale_of(event: Event, name: EventName) -> EventName | None:
    """The sale that a return or void gives back; None where it names none."""
    of = event.get("of")
    if not isinstance(of, dict) or _kind(event) not in ("return", "void"):
        return None
    epoch, seq = of.get("epoch"), of.get("seq")
    return EventName(name.workstation_id, epoch, seq) if _text(epoch) and _integer(seq, 2**53 - 1) else None


def payable(event: Event) -> int:
    """Signed fen: money given back is negative. Rights to spend move no money."""
    if _kind(event) in _MOVES_RIGHTS:
        return 0
    totals = event.get("totals")
    payable = totals.get("payable_fen") if isinstance(totals, dict) else None
    if not _integer(payable, _PAYABLE_FEN):
        raise Fault(MALFORMED)
    return payable


def postings_in(event: Event) -> tuple[Posting, ...]:
    """What it moves; Fault MALFORMED or ACCOUNT_UNKNOWN."""
    postings = []
    for entry in _objects(event, "postings"):
        account, owner, amount = entry.get("account"), entry.get("owner"), entry.get("amount")
        if not _text(account) or not _text(owner) or not _integer(amount, POINTS):
            raise Fault(MALFORMED)
        if account not in _MOVES:
            raise Fault(ACCOUNT_UNKNOWN)
        more = [entry.get(key, "") for key in ("bucket", "expires", "lease")]
        said = [one for one in more if isinstance(one, str) and len(one) <= LOT_CHARS and is_keepable(one)]
        if len(said) < len(more) or (said[1] and not _is_day(said[1])):
            raise Fault(MALFORMED)
        postings.append(Posting(account, owner, amount, *said))
    return tuple(postings)


def leases_in(
    event: Event, name: EventName, postings: tuple[Posting, ...]
) -> tuple[tuple[OpenedLease, ...], Closing | None]:
    """Rights that it opens and closes; Fault MALFORMED."""
    if not postings and _kind(event) not in _MOVES_RIGHTS:
        return (), None
    try:
        return opened_by(event, name, postings), closed_by(event)
    except ValueError as error:
        raise Fault(MALFORMED) from error


def transaction_ids(event: Event) -> tuple[str, ...]:
    """WeChat transactions an event claims; each may count once in the brand. Giving back names them, claims none."""
    found: list[str] = []
    kind = _kind(event)
    if kind in _MOVES_RIGHTS:
        return ()
    for tender in _objects(event, "tenders"):
        transaction_id = tender.get("transaction_id")
        if tender.get("type") != TenderType.WECHAT or transaction_id is None:
            continue
        if not _text(transaction_id):
            raise Fault(MALFORMED)
        found.append(transaction_id)
    return tuple(found) if kind in _TAKES_MONEY else ()


def _objects(event: Event, key: str) -> list[dict[str, Json]]:
    value = event.get(key)
    if not isinstance(value, list):
        raise Fault(MALFORMED)
    objects = [entry for entry in value if isinstance(entry, dict)]
    if len(objects) != len(value):
        raise Fault(MALFORMED)
    return objects


def _text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 1 <= len(value) <= _ID_CHARS and is_keepable(value)


def _integer(value: object, bound: int) -> TypeGuard[int]:
    return type(value) is int and -bound <= value <= bound
