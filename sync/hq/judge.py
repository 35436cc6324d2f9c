"""What one event says, judged by itself: is it canonical, is it who it claims to be, what does it move.

Pure; called by sync.hq.books. A fault never raises: the event is stored as it came and waits for a person under a
stable code, so that no event can hold up another. Unknown additional fields are welcome: stores are upgraded first.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeGuard

from agent.domain.business_day import parse_day
from agent.domain.digest import Json, canonical
from agent.domain.errors import InvariantViolation
from agent.domain.ids import EventName
from agent.domain.lease import LEASE_CLOSE, LEASE_OPEN, Closing, OpenedLease, closed_by, opened_by
from agent.domain.ledger import ACCOUNTS, LOT_CHARS, PENDING_ACCOUNT, POINTS_ACCOUNT
from agent.domain.sale import Posting, TenderType
from agent.limits import AMOUNT_FEN, POINTS, SALE_LINES

MALFORMED: Final = "MALFORMED"
NAME_MISMATCH: Final = "NAME_MISMATCH"
STORE_MISMATCH: Final = "STORE_MISMATCH"
KIND_UNKNOWN: Final = "KIND_UNKNOWN"
ACCOUNT_UNKNOWN: Final = "ACCOUNT_UNKNOWN"
MEMBER_UNKNOWN: Final = "MEMBER_UNKNOWN"
TRANSACTION_USED: Final = "TRANSACTION_USED"
CHAIN_MISMATCH: Final = "CHAIN_MISMATCH"

_TAKES_MONEY: Final = frozenset({"sale", "recharge", "count_card_sale"})
_GIVES_MONEY: Final = frozenset({"return", "void", "recharge_cancel", "count_use", "count_return", "count_card_refund"})
"""Money back, or none at all: units of a card that are used without a sale, and come back."""
_MOVES_RIGHTS: Final = frozenset({LEASE_OPEN, LEASE_CLOSE})
_KINDS: Final = frozenset((kind, 1) for kind in _TAKES_MONEY | _GIVES_MONEY | _MOVES_RIGHTS)
_PAYABLE_FEN: Final = SALE_LINES * AMOUNT_FEN  # LIMIT: ten million such sales a day still add up inside int64
_ID_CHARS: Final = 64
_CLAIM: Final = re.compile(r"[0-9a-f]{64}")


def _refuse(_text: str) -> NoReturn:
    raise ValueError("no floats near money")


_DECODER: Final = json.JSONDecoder(parse_float=_refuse, parse_constant=_refuse)


@dataclass(frozen=True, slots=True)
class Judgement:
    """`code` is empty for an event that may be folded. The other fields are what could be read, for totals."""

    code: str = ""
    business_day: str = ""
    payable_fen: int = 0
    postings: tuple[Posting, ...] = ()
    transaction_ids: tuple[str, ...] = ()
    kind: str = ""
    """Read only for an event that may be folded."""
    opened: tuple[OpenedLease, ...] = ()
    closing: Closing | None = None
    at_ms: int = 0
    member_id: str = ""
    """Whose purchase it is, for what they spent; an id that HQ does not know moves nothing."""
    sale_day: str = ""
    """The business day of the sale: of one that is given back, its own (R14)."""
    clock_trusted: bool = True
    """False only where the event itself says that its till's clock was not."""
    claim: str = ""
    """SHA-256 of the claim on the receipt, hex, where a sale was earned by nobody."""
    of: EventName | None = None
    """The sale that a return or void gives back: one of the same workstation."""

    @property
    def owners(self) -> frozenset[str]:
        """Members it moves something of."""
        return frozenset(one.owner for one in self.postings) | frozenset(one.owner for one in self.opened)

    @property
    def points(self) -> int:
        """Sum of the postings to points accounts."""
        return sum(posting.amount for posting in self.postings if posting.account == POINTS_ACCOUNT)


class _Fault(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def judge(body: str, name: EventName, store_id: str, brand_id: str) -> Judgement:
    """Judge one event's text against the name it was sent under and the workstation's own store and brand."""
    event: Mapping[str, Json] = {}
    code = ""
    try:
        event = _read(body)
        _check_name(event, name, store_id, brand_id)
        postings, used = _postings(event), _transaction_ids(event)
        opened, closing = _leases(event, name, postings)
        day, payable_fen, kind = _business_day(event), _payable(event), str(event["kind"])
        buyer, sale_day = _buyer(event), _sale_day(event) or day
        at_ms, trusted, claim = _at_ms(event), _clock_trusted(event), _claim(event)
        return Judgement(
            "",
            day,
            payable_fen,
            postings,
            used,
            kind,
            opened,
            closing,
            at_ms,
            buyer,
            sale_day,
            trusted,
            claim,
            _of(event, name),
        )
    except _Fault as fault:
        code = fault.code
    try:
        return Judgement(code, _business_day(event), _payable(event))
    except _Fault:
        return Judgement(code)


def _read(body: str) -> Mapping[str, Json]:
    try:
        event = _DECODER.decode(body)
        same = canonical(event) == body.encode()
    except (ValueError, RecursionError, InvariantViolation) as error:
        raise _Fault(MALFORMED) from error
    if not same or not isinstance(event, dict):
        raise _Fault(MALFORMED)
    return event


def _check_name(event: Mapping[str, Json], name: EventName, store_id: str, brand_id: str) -> None:
    said = (event.get("workstation_id"), event.get("epoch"), event.get("seq"))
    if said != (name.workstation_id, name.epoch, name.seq) or isinstance(event.get("seq"), bool):
        raise _Fault(NAME_MISMATCH)
    if (event.get("store_id"), event.get("brand_id")) != (store_id, brand_id):
        raise _Fault(STORE_MISMATCH)
    kind, version = event.get("kind"), event.get("v")
    if not isinstance(kind, str) or not _integer(version, 1) or (kind, version) not in _KINDS:
        raise _Fault(KIND_UNKNOWN)


def _kind(event: Mapping[str, Json]) -> str:
    kind = event.get("kind")
    return kind if isinstance(kind, str) else ""


def _business_day(event: Mapping[str, Json]) -> str:
    day = event.get("business_day")
    if not isinstance(day, str) or not _is_day(day):
        raise _Fault(MALFORMED)
    return day


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and parse_day(text).isoformat() == text
    except ValueError:
        return False


def _buyer(event: Mapping[str, Json]) -> str:
    """Id of the member who bought, "" where the event names none."""
    member = event.get("member")
    member_id = member.get("member_id") if isinstance(member, dict) else None
    return member_id if _text(member_id) else ""


def _sale_day(event: Mapping[str, Json]) -> str:
    """What `sale_day` says of the sale that is given back; "" where it says nothing."""
    day = event.get("sale_day")
    return day if isinstance(day, str) and _is_day(day) else ""


def _at_ms(event: Mapping[str, Json]) -> int:
    """When, for the order of earning only; 0 where it cannot be read."""
    at_ms = event.get("at_ms")
    return at_ms if _integer(at_ms, 2**53 - 1) else 0


def _clock_trusted(event: Mapping[str, Json]) -> bool:
    clock = event.get("clock")
    return not (isinstance(clock, dict) and clock.get("trusted") is False)


def _claim(event: Mapping[str, Json]) -> str:
    """A claim that cannot be read is none: nothing can be credited by it."""
    claim = event.get("claim_sha256")
    return claim if isinstance(claim, str) and _kind(event) == "sale" and _CLAIM.fullmatch(claim) else ""


def _of(event: Mapping[str, Json], name: EventName) -> EventName | None:
    of = event.get("of")
    if _kind(event) not in ("return", "void") or not isinstance(of, dict):
        return None
    epoch, seq = of.get("epoch"), of.get("seq")
    return EventName(name.workstation_id, epoch, seq) if _text(epoch) and _integer(seq, 2**53 - 1) else None


def _payable(event: Mapping[str, Json]) -> int:
    """Signed fen: money given back is negative. Rights to spend move no money."""
    if _kind(event) in _MOVES_RIGHTS:
        return 0
    totals = event.get("totals")
    payable = totals.get("payable_fen") if isinstance(totals, dict) else None
    if not _integer(payable, _PAYABLE_FEN):
        raise _Fault(MALFORMED)
    return payable


def _postings(event: Mapping[str, Json]) -> tuple[Posting, ...]:
    postings = []
    for entry in _objects(event, "postings"):
        account, owner, amount = entry.get("account"), entry.get("owner"), entry.get("amount")
        if not _text(account) or not _text(owner) or not _integer(amount, POINTS):
            raise _Fault(MALFORMED)
        if account not in (*ACCOUNTS, PENDING_ACCOUNT):
            raise _Fault(ACCOUNT_UNKNOWN)
        more = [entry.get(key, "") for key in ("bucket", "expires", "lease")]
        said = [one for one in more if isinstance(one, str) and len(one) <= LOT_CHARS]
        if len(said) < len(more) or (said[1] and not _is_day(said[1])):
            raise _Fault(MALFORMED)
        postings.append(Posting(account, owner, amount, *said))
    return tuple(postings)


def _leases(
    event: Mapping[str, Json], name: EventName, postings: tuple[Posting, ...]
) -> tuple[tuple[OpenedLease, ...], Closing | None]:
    try:
        return opened_by(event, name, postings), closed_by(event)
    except ValueError as error:
        raise _Fault(MALFORMED) from error


def _transaction_ids(event: Mapping[str, Json]) -> tuple[str, ...]:
    """WeChat transactions an event claims; each may count once in the brand. Giving back names them, claims none."""
    found: list[str] = []
    if _kind(event) in _MOVES_RIGHTS:
        return ()
    for tender in _objects(event, "tenders"):
        transaction_id = tender.get("transaction_id")
        if tender.get("type") != TenderType.WECHAT or transaction_id is None:
            continue
        if not _text(transaction_id):
            raise _Fault(MALFORMED)
        found.append(transaction_id)
    return tuple(found) if _kind(event) in _TAKES_MONEY else ()


def _objects(event: Mapping[str, Json], key: str) -> list[dict[str, Json]]:
    value = event.get(key)
    if not isinstance(value, list):
        raise _Fault(MALFORMED)
    objects = [entry for entry in value if isinstance(entry, dict)]
    if len(objects) != len(value):
        raise _Fault(MALFORMED)
    return objects


def _text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and 1 <= len(value) <= _ID_CHARS


def _integer(value: object, bound: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= bound
