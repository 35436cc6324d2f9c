"""What was tendered outside, against what was charged: the one refusal of content that a sale meets.

Pure functions, called by agent.booking and the flow.
"""

from agent.domain.errors import Refusal
from agent.domain.order import SaleOrder
from agent.quotes import Quote


def order_fen(order: SaleOrder) -> int:
    """What was tendered outside."""
    return sum(tender.amount_fen for tender in order.tenders)


def require_whole(order: SaleOrder, quote: Quote | None, tendered_fen: int) -> None:
    """Tenders must add up to what was charged: `total_fen`, else what the living quote leaves due.

    It is the one thing a paid sale is refused for: it is not paid yet, or paid twice. More than was quoted is recorded.
    Nothing tendered is no payment: only an open quote can say that nothing was due.
    """
    if order.quote_id is not None and quote is None and not tendered_fen:
        why = "nothing was tendered, and the quote has ended or was never made here"
        raise Refusal("QUOTE_UNKNOWN", why, hint="quote the cart again", field="quote_id", status=409)
    total_fen = order.total_fen
    if total_fen is None:
        total_fen = max(tendered_fen, quote.cart.due_fen) if quote is not None else tendered_fen
    unpaid = quote is not None and quote.cart.due_fen > 0 and not tendered_fen
    if total_fen != tendered_fen or unpaid:
        raise Refusal(
            "TENDERS_INCOMPLETE",
            f"the tenders add up to {tendered_fen} fen, the sale to {total_fen} fen",
            hint="send every tender; if the customer was charged another amount, say so in total_fen",
            field="tenders",
        )
