"""A day's figures from the books, for the manager page: what was sold, by what it was paid, who were members.

Called by agent.daemon. Each look reads only what came since the look before, some hundred events a job, so that a
sale never waits for a manager.
"""

from dataclasses import dataclass, field
from typing import Protocol

from agent.domain.digest import Json
from agent.limits import FIGURES_STEP_EVENTS


@dataclass(slots=True)
class DayFigures:
    """Sums of one business day, in fen and points; amounts of returns and voids are negative."""

    business_day: str
    events: dict[str, int] = field(default_factory=dict)
    """Events by kind."""
    payable_fen: dict[str, int] = field(default_factory=dict)
    """What was payable, by kind."""
    tenders_fen: dict[str, int] = field(default_factory=dict)
    member_sales: int = 0
    saved_fen: int = 0
    points_earned: int = 0
    discrepancies: int = 0

    def add(self, body: dict[str, Json]) -> None:
        """Count one event.

        >>> day = DayFigures("2026-11-22")
        >>> day.add({"kind": "sale", "totals": {"payable_fen": 900, "saved_fen": 100, "points_earned": 9},
        ...          "tenders": [{"type": "cash", "amount_fen": 900}], "member": {"member_id": "m"}})
        >>> day.payable_fen, day.tenders_fen, day.member_sales, day.saved_fen
        ({'sale': 900}, {'cash': 900}, 1, 100)
        """
        kind = str(body.get("kind"))
        totals = _object(body.get("totals"))
        self.events[kind] = self.events.get(kind, 0) + 1
        self.payable_fen[kind] = self.payable_fen.get(kind, 0) + _number(totals.get("payable_fen"))
        for one in _list(body.get("tenders")):
            name = str(one.get("type"))
            self.tenders_fen[name] = self.tenders_fen.get(name, 0) + _number(one.get("amount_fen"))
        self.discrepancies += len(_list(body.get("discrepancies")))
        if kind == "sale":
            self.member_sales += body.get("member") is not None
            self.saved_fen += _number(totals.get("saved_fen"))
            self.points_earned += _number(totals.get("points_earned"))


class DayBooks(Protocol):
    """Where events are read from."""

    async def of_day(
        self, business_day: str, after: tuple[int, int], limit: int
    ) -> list[tuple[tuple[int, int], dict[str, Json]]]:
        """Events of a day behind a mark (number of the epoch, seq), oldest first."""
        ...


class Figures:
    """Keeps the sums of the day that was asked for last."""

    def __init__(self, books: DayBooks) -> None:
        self._books = books
        self._day = DayFigures("")
        self._mark = (0, 0)

    async def of_day(self, business_day: str) -> DayFigures:
        """The sums of a day up to now."""
        if business_day != self._day.business_day:
            self._day, self._mark = DayFigures(business_day), (0, 0)
        day = self._day
        while True:
            mark = self._mark
            read = await self._books.of_day(business_day, mark, FIGURES_STEP_EVENTS)
            if self._day is not day or self._mark != mark:
                return await self.of_day(business_day)  # somebody else counted meanwhile
            for self._mark, body in read:
                day.add(body)
            if len(read) < FIGURES_STEP_EVENTS:
                return day


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _object(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[dict[str, Json]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
