"""What callers may send about returns, voids, recharges and count cards; strict, as agent.api.models.

Converted to orders once, in the routes. WIRE: additive changes only within /v1.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field

from agent import limits
from agent.after_ports import LoadOrder, ReturnOrder, UndoOrder, UseOrder
from agent.api.models import NO_NUL, CallerId, Request, TenderRequest, Text
from agent.domain.after_event import RETURN, VOID
from agent.domain.order import Paper
from agent.domain.sale import TenderLine, TenderType

PathId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._:\-]{1,64}$")]
SlipPaper = Literal["receipt", "none"]


class ReturnLineRequest(Request):
    """Units of one line of the sale, by its number from 1; goods by weight come back whole (1)."""

    line: Annotated[int, Field(ge=1, le=limits.SALE_LINES)]
    qty: Annotated[int, Field(ge=1, le=limits.QTY)] = 1


class ReturnRequest(Request):
    """Goods that come back. `preview` only tells what would be given back."""

    return_id: CallerId
    sale_id: CallerId
    lines: Annotated[list[ReturnLineRequest], Field(min_length=1, max_length=limits.SALE_LINES)]
    operator: Text | None = None
    reason: Text | None = None
    paper: SlipPaper = "receipt"
    preview: bool = False

    def to_domain(self) -> ReturnOrder:
        """The order."""
        lines = tuple((one.line, one.qty) for one in self.lines)
        return ReturnOrder(RETURN, self.return_id, self.sale_id, lines, self.operator, self.reason, Paper(self.paper))


class VoidRequest(Request):
    """A sale that is taken back whole, or what is left of it."""

    void_id: CallerId
    operator: Text | None = None
    reason: Text | None = None
    paper: SlipPaper = "receipt"
    preview: bool = False

    def to_domain(self, sale_id: str) -> ReturnOrder:
        """The order."""
        return ReturnOrder(VOID, self.void_id, sale_id, (), self.operator, self.reason, Paper(self.paper))


class RechargeRequest(Request):
    """Money for a member's stored value. `preview` needs no tenders and books nothing: ask before taking money."""

    recharge_id: CallerId
    identification_id: CallerId
    amount_fen: Annotated[int, Field(ge=1, le=limits.AMOUNT_FEN)]
    tenders: Annotated[tuple[TenderRequest, ...], Field(max_length=limits.SALE_TENDERS, strict=False)] = ()
    operator: Text | None = None
    paper: SlipPaper = "receipt"
    preview: bool = False

    def to_domain(self) -> LoadOrder:
        """The order."""
        return LoadOrder(
            self.recharge_id, self.identification_id, _tenders(self.tenders), amount_fen=self.amount_fen,
            operator=self.operator, paper=Paper(self.paper),
        )  # fmt: skip


class RechargeCancelRequest(Request):
    """A recharge to cancel."""

    cancel_id: CallerId
    operator: Text | None = None
    reason: Text | None = None
    paper: SlipPaper = "receipt"

    def to_domain(self, recharge_id: str) -> UndoOrder:
        """The order."""
        return UndoOrder(
            self.cancel_id, recharge_id, operator=self.operator, reason=self.reason, paper=Paper(self.paper)
        )


class CardSaleRequest(Request):
    """A count card to sell: `product` as the rule set names it."""

    card_sale_id: CallerId
    identification_id: CallerId
    product: Annotated[str, Field(min_length=1, max_length=64, pattern=NO_NUL)]
    tenders: Annotated[list[TenderRequest], Field(max_length=limits.SALE_TENDERS)]
    operator: Text | None = None
    paper: SlipPaper = "receipt"

    def to_domain(self) -> LoadOrder:
        """The order."""
        return LoadOrder(
            self.card_sale_id, self.identification_id, _tenders(self.tenders), product=self.product,
            operator=self.operator, paper=Paper(self.paper),
        )  # fmt: skip


class CardUseRequest(Request):
    """Units of a card, used without a sale."""

    use_id: CallerId
    identification_id: CallerId
    units: Annotated[int, Field(ge=1, le=limits.QTY)] = 1
    operator: Text | None = None
    paper: SlipPaper = "receipt"

    def to_domain(self, card_id: str) -> UseOrder:
        """The order."""
        return UseOrder(self.use_id, card_id, self.identification_id, self.units, self.operator, Paper(self.paper))


class CardReturnRequest(Request):
    """A use to take back: all that is left of it, or `units`."""

    return_id: CallerId
    use_id: CallerId
    units: Annotated[int, Field(ge=1, le=limits.QTY)] | None = None
    operator: Text | None = None
    reason: Text | None = None
    paper: SlipPaper = "receipt"

    def to_domain(self, card_id: str) -> UndoOrder:
        """The order."""
        return UndoOrder(
            self.return_id, self.use_id, self.units, card_id, self.operator, self.reason, Paper(self.paper)
        )


class CardRefundRequest(Request):
    """A card to refund: what was not used of it."""

    refund_id: CallerId
    operator: Text | None = None
    reason: Text | None = None
    paper: SlipPaper = "receipt"

    def to_domain(self, card_id: str) -> UndoOrder:
        """The order."""
        return UndoOrder(self.refund_id, card_id, None, card_id, self.operator, self.reason, Paper(self.paper))


def _tenders(tenders: Sequence[TenderRequest]) -> tuple[TenderLine, ...]:
    return tuple(
        TenderLine(TenderType(one.type), one.amount_fen, one.transaction_id, one.received_fen) for one in tenders
    )
