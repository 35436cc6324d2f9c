"""Business totals: what a range of events comes to, in events, fen and points, by business day and kind.

Pure. Both ends measure the same bodies with the same function, so a difference is one a person can read in yuan.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from agent.domain.digest import Json
from agent.domain.ledger import POINTS_ACCOUNT


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """What one event weighs; `sale_id` names it for people. Unreadable parts are empty or 0."""

    business_day: str = ""
    kind: str = ""
    payable_fen: int = 0
    points: int = 0
    sale_id: str = ""


def measure(body: str) -> Measure:
    """Read day, kind, payable fen and points posted out of an event's body; never raises on a strange one.

    >>> measure('{"business_day":"2026-11-22","kind":"sale","sale_id":"A1","totals":{"payable_fen":1280},'
    ...         '"postings":[{"account":"points","amount":12,"owner":"m"}]}')
    Measure(business_day='2026-11-22', kind='sale', payable_fen=1280, points=12, sale_id='A1')
    >>> measure("[]")
    Measure(business_day='', kind='', payable_fen=0, points=0, sale_id='')
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return Measure()
    if not isinstance(event, dict):
        return Measure()
    totals, postings = event.get("totals"), event.get("postings")
    points = 0
    for entry in postings if isinstance(postings, list) else ():
        if isinstance(entry, dict) and entry.get("account") == POINTS_ACCOUNT:
            points += _whole(entry.get("amount"))
    return Measure(
        _text(event.get("business_day")),
        _text(event.get("kind")),
        _whole(totals.get("payable_fen")) if isinstance(totals, dict) else 0,
        points,
        _text(event.get("sale_id")),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53 else 0


def _text(value: object) -> str:
    return value[:64] if isinstance(value, str) else ""


Key = tuple[str, str, str]
"""(business_day, kind, state); state is `ok` or `suspended`."""


class DayBook:
    """Adds up measures by (business day, kind, state).

    >>> book = DayBook()
    >>> book.add(Measure("2026-11-22", "sale", 1280, 12), "ok")
    >>> book.add(Measure("2026-11-22", "sale", 100, 1), "ok")
    >>> book.rows()
    [('2026-11-22', 'sale', 'ok', 2, 1380, 13)]
    """

    def __init__(self, rows: Iterable[tuple[str, str, str, int, int, int]] = ()) -> None:
        self._sums: dict[Key, tuple[int, int, int]] = {}
        for day, kind, state, events, payable_fen, points in rows:
            self._put((day, kind, state), events, payable_fen, points)

    def add(self, what: Measure, state: str) -> None:
        """Count one event."""
        self._put((what.business_day, what.kind, state), 1, what.payable_fen, what.points)

    def _put(self, key: Key, events: int, payable_fen: int, points: int) -> None:
        held = self._sums.get(key, (0, 0, 0))
        self._sums[key] = (held[0] + events, held[1] + payable_fen, held[2] + points)

    def rows(self) -> list[tuple[str, str, str, int, int, int]]:
        """(day, kind, state, events, payable fen, points), ascending."""
        return [(*key, *sums) for key, sums in sorted(self._sums.items())]

    def as_json(self) -> Json:
        """The rows as JSON arrays, what a seal's signature covers."""
        return [list(row) for row in self.rows()]
