"""What one event says, judged by itself: is it canonical, is it who it claims to be, what does it move.

Pure; called by sync.hq.books. A fault never raises: the event is stored as it came and waits for a person under a
stable code, so that no event can hold up another. Unknown additional fields are welcome: stores are upgraded first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeGuard

from agent.domain.business_day import parse_day
from agent.domain.digest import Json, canonical
from agent.domain.errors import InvariantViolation
from agent.domain.ids import EventName
from agent.domain.ledger import POINTS_ACCOUNT
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

_KINDS: Final = frozenset({("sale", 1)})
_PAYABLE_FEN: Final = SALE_LINES * AMOUNT_FEN  # LIMIT: ten million such sales a day still add up inside int64
_ID_CHARS: Final = 64


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
        return Judgement("", _business_day(event), _payable(event), postings, used, str(event["kind"]))
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


def _business_day(event: Mapping[str, Json]) -> str:
    day = event.get("business_day")
    try:
        if isinstance(day, str) and len(day) == 10 and parse_day(day).isoformat() == day:
            return day
    except ValueError:
        pass
    raise _Fault(MALFORMED)


def _payable(event: Mapping[str, Json]) -> int:
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
        if account != POINTS_ACCOUNT:
            raise _Fault(ACCOUNT_UNKNOWN)
        postings.append(Posting(account, owner, amount))
    return tuple(postings)


def _transaction_ids(event: Mapping[str, Json]) -> tuple[str, ...]:
    """WeChat transactions an event claims; each may count once in the brand."""
    found = []
    for tender in _objects(event, "tenders"):
        transaction_id = tender.get("transaction_id")
        if tender.get("type") != TenderType.WECHAT or transaction_id is None:
            continue
        if not _text(transaction_id):
            raise _Fault(MALFORMED)
        found.append(transaction_id)
    return tuple(found)


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
