"""Small stand-ins for time and chance in tests of pure or store-level code. Never for what can be had for real."""

import itertools

from agent.books_ports import EventDraft
from agent.domain.digest import Json
from agent.domain.receipt import Document, Text
from agent.domain.sale import Posting


class SteppingClock:
    """A clock a test moves by hand."""

    def __init__(self, now_ms: int = 1_795_000_000_000) -> None:
        self.ms = now_ms

    def now_ms(self) -> int:
        """UTC milliseconds."""
        return self.ms

    def mono_s(self) -> float:
        """Monotonic seconds, moved by the same hand."""
        return self.ms / 1000


class CountingEntropy:
    """Different bytes each time, the same in every run."""

    def __init__(self) -> None:
        self._count = itertools.count(1)

    def token(self, size: int) -> bytes:
        """`size` bytes that never repeat."""
        return next(self._count).to_bytes(size, "big")

    def uniform(self, low: float, high: float) -> float:
        """The middle."""
        return (low + high) / 2


def sale_draft(number: int, *, points: int = 0, owner: str = "m_1", at_ms: int = 1_795_000_000_000) -> EventDraft:
    """A minimal sale event for tests of the books."""
    body: dict[str, Json] = {
        "v": 1,
        "kind": "sale",
        "workstation_id": "S001-1",
        "at_ms": at_ms,
        "business_day": "2026-11-18",
        "sale_id": f"sale-{number}",
        "lines": [{"line": 1, "sku": "10001", "qty": 1, "list_fen": 100, "paid_fen": 90 + number, "source": "tier"}],
        "tenders": [{"type": "cash", "amount_fen": 90 + number, "transaction_id": None}],
    }
    return EventDraft(
        kind="sale",
        caller_id=f"sale-{number}",
        request={"number": number, "tenders": [{"amount_fen": 90 + number}]},
        body=body,
        answer={"sale_id": f"sale-{number}", "payable_fen": 90 + number},
        postings=(Posting("points", owner, points),) if points else (),
        at_ms=at_ms,
    )


def paper(text: str = "水") -> Document:
    """A document of one line."""
    return Document((Text(text),))
