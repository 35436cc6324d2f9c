"""What returns, recharges and count cards need of the books besides committing, and what a caller asks of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agent.domain.digest import Json
from agent.domain.holdings import Posted
from agent.domain.ids import EventName
from agent.domain.order import Paper
from agent.domain.rules import RuleSet
from agent.domain.sale import TenderLine
from agent.replica_ports import FoundMember

Told = dict[str, Any]
"""An event's body as the books hold it."""


@dataclass(frozen=True, slots=True)
class Found:
    """An event of these books, in whatever epoch, with its body."""

    name: EventName
    event: Told


class AfterBooks(Protocol):
    """Events of these books, looked up by what callers named."""

    async def booked(self, kind: str, caller_id: str) -> Found | None:
        """The event a caller id was booked under."""
        ...

    async def about(self, subject: str, kinds: Sequence[str]) -> list[Found]:
        """Events whose `subject` this is, oldest first."""
        ...

    async def lease_left(self, lease_id: str) -> int:
        """What a lease was left with when it ended; 0 for one that may still be spent here."""
        ...

    async def lapsed(self, account: str, lot: str, expires: str) -> int:
        """What a lot that ended on `expires` was left with here when it ended: not what went back to HQ before."""
        ...

    async def recharged(self, member_id: str, business_day: str) -> int:
        """Fen this workstation recharged of a member on a business day; what was cancelled since counts (R9)."""
        ...

    async def posted(self, member_id: str) -> list[Posted]:
        """All postings to a member's accounts."""
        ...


class AfterReplica(Protocol):
    """Of the replica: members by id, and the rules of an earlier version."""

    async def by_id(self, member_id: str) -> FoundMember | None:
        """A member by HQ's id."""
        ...

    async def rules_of(self, version: int) -> RuleSet | None:
        """A rule set by version; None when it is not here or this program cannot honour it."""
        ...

    async def rules(self) -> RuleSet:
        """The rule set in force."""
        ...


@dataclass(frozen=True, slots=True)
class ReturnOrder:
    """A return (`lines`: (number, qty)) or a void (no lines) of a sale booked here."""

    kind: str
    caller_id: str
    sale_id: str
    lines: tuple[tuple[int, int], ...] = ()
    operator: str | None = None
    reason: str | None = None
    paper: Paper = Paper.RECEIPT

    def as_request(self) -> dict[str, Json]:
        """What makes two calls of one id the same."""
        return {
            "sale_id": self.sale_id,
            "lines": [{"line": line, "qty": qty} for line, qty in self.lines],
            "operator": self.operator,
            "reason": self.reason,
            "paper": self.paper,
        }


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """A recharge of `amount_fen`, or the sale of the count card `product`; paid by `tenders`, outside the agent."""

    caller_id: str
    identification_id: str
    tenders: tuple[TenderLine, ...]
    amount_fen: int = 0
    product: str = ""
    operator: str | None = None
    paper: Paper = Paper.RECEIPT

    def as_request(self) -> dict[str, Json]:
        """What makes two calls of one id the same."""
        return {
            "identification_id": self.identification_id,
            "amount_fen": self.amount_fen,
            "product": self.product,
            "tenders": [
                {
                    "type": one.type,
                    "amount_fen": one.amount_fen,
                    "transaction_id": one.transaction_id,
                    "received_fen": one.received_fen,
                }
                for one in self.tenders
            ],
            "operator": self.operator,
            "paper": self.paper,
        }


@dataclass(frozen=True, slots=True)
class UndoOrder:
    """The undoing of one earlier event, `of_id`: a recharge cancelled, a use returned, a card refunded."""

    caller_id: str
    of_id: str
    units: int | None = None
    card_id: str = ""
    operator: str | None = None
    reason: str | None = None
    paper: Paper = Paper.RECEIPT

    def as_request(self) -> dict[str, Json]:
        """What makes two calls of one id the same."""
        return {
            "of_id": self.of_id,
            "units": self.units,
            "card_id": self.card_id,
            "operator": self.operator,
            "reason": self.reason,
            "paper": self.paper,
        }


@dataclass(frozen=True, slots=True)
class UseOrder:
    """Units of a count card used without a sale."""

    caller_id: str
    card_id: str
    identification_id: str
    units: int = 1
    operator: str | None = None
    paper: Paper = Paper.RECEIPT

    def as_request(self) -> dict[str, Json]:
        """What makes two calls of one id the same."""
        return {
            "card_id": self.card_id,
            "identification_id": self.identification_id,
            "units": self.units,
            "operator": self.operator,
            "paper": self.paper,
        }
