"""What a POS asks for: a quote for lines, and a sale that was paid.

Pure data between the API's edge models and the flow. Ids are the caller's own; amounts are int fen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.digest import Json
from agent.domain.sale import TenderLine


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One line: `code` is a sku or barcode; pieces or grams; `charged_fen` is what the POS charged for the line."""

    code: str
    qty: int = 1
    grams: int | None = None
    charged_fen: int | None = None
    name: str | None = None


class Paper(StrEnum):
    """What the caller wants on paper: a whole receipt, only the join prompt (the POS prints its own), or nothing."""

    RECEIPT = "receipt"
    JOIN_PROMPT = "join_prompt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SaleOrder:
    """A completed sale to book. `total_fen` is what the customer was charged; the tenders must add up to it."""

    sale_id: str
    tenders: Sequence[TenderLine]
    quote_id: str | None = None
    identification_id: str | None = None
    lines: Sequence[OrderLine] = ()
    total_fen: int | None = None
    operator: str | None = None
    paper: Paper = Paper.RECEIPT
    open_drawer: bool = False
    table: str | None = None
    """The table it was served at, where the shop has tables (S10)."""

    def as_request(self) -> dict[str, Json]:
        """The content that makes two calls with one sale_id the same or a conflict.

        An identification lives 15 minutes and a quote too; the sale they led to is the same sale, so a caller that
        repeats itself must repeat them as they were.
        """
        return {
            "quote_id": self.quote_id,
            "identification_id": self.identification_id,
            "lines": [
                {
                    "code": line.code,
                    "qty": line.qty,
                    "grams": line.grams,
                    "charged_fen": line.charged_fen,
                    "name": line.name,
                }
                for line in self.lines
            ],
            "total_fen": self.total_fen,
            "tenders": [
                {
                    "type": tender.type,
                    "amount_fen": tender.amount_fen,
                    "transaction_id": tender.transaction_id,
                    "received_fen": tender.received_fen,
                }
                for tender in self.tenders
            ],
            "operator": self.operator,
            "paper": self.paper,
            "open_drawer": self.open_drawer,
            **({} if self.table is None else {"table": self.table}),
        }
