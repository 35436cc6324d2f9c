"""A return as it would be booked now, and how callers read it.

Called by agent.aftersales alone. Amounts are fen; nothing here is priced, everything comes from the plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.after_ports import ReturnOrder
from agent.domain.after_event import refund_answer
from agent.domain.digest import Json
from agent.domain.giving_back import GivenBack
from agent.domain.ledger import GIFT_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT, fold
from agent.domain.refund_shares import payer_shares
from agent.domain.refunds import ReturnPlan
from agent.domain.short import NOTHING_SHORT, Short
from agent.domain.sold import Sold


@dataclass(frozen=True, slots=True)
class Planned:
    """A return as it would be booked now."""

    of: Sold
    plan: ReturnPlan
    given: GivenBack
    balance: int | None
    masked: str
    short: Short = NOTHING_SHORT
    debt: int | None = 0
    """Points the member has no cover for after this, as far as this till knows; None: it knows no balance."""
    asked_fen: Sequence[int] = ()
    """What earlier returns gave back on each tender."""

    @property
    def arrives(self) -> list[int]:
        """What of each tender's refund reaches the payer: WeChat takes its voucher's part back (R12)."""
        return [
            payer_shares(tender.amount_fen, tender.voucher_fen, asked, fen)
            for tender, asked, (_, fen) in zip(self.of.tenders, self.asked_fen, self.tenders, strict=True)
        ]

    @property
    def tenders(self) -> list[tuple[str, int]]:
        """What goes back on each tender of the sale, in its order."""
        return [(kind, fen - self.short.of(place)) for place, (kind, fen) in enumerate(self.plan.tenders)]


def points_moved(of: Sold, given: GivenBack) -> int:
    """What a return moves of the member's points."""
    return fold(given.postings).get((POINTS_ACCOUNT, of.member_id or ""), 0)


def owed(of: Sold, plan: ReturnPlan, given: GivenBack, balance: int | None) -> int | None:
    """Points of the reversal that nothing of the member's covers: neither points that come back nor their balance.

    What is not here may be at headquarters: only below zero is owed. None where the balance is not known.
    """
    if of.member_id is None:
        return 0
    if balance is None:
        return None
    came = sum(one.points for one in plan.points_put)
    return max(0, min(given.debt - came, -(balance + points_moved(of, given))))


def return_answer(order: ReturnOrder, planned: Planned) -> dict[str, Json]:
    """What a return or void answers; the books add the event's name."""
    of, plan, given = planned.of, planned.plan, planned.given
    return {
        f"{order.kind}_id": order.caller_id,
        "sale_id": order.sale_id,
        "lines": [
            {
                "line": of.rows[one.line][0],
                "sku": of.rows[one.line][1],
                "name": of.rows[one.line][2],
                "qty": one.units,
                "refund_fen": one.refund_fen,
                "points_returned": one.points_returned,
            }
            for one in plan.lines
        ],
        "refund_fen": plan.refund_fen,
        "kept_fen": planned.short.fen,
        "points_in_cash": planned.short.points,
        "tenders": refund_answer(of.tenders, [fen for _, fen in planned.tenders], planned.arrives),
        "stored_value": {"principal_fen": given.sum(PRINCIPAL_ACCOUNT), "gift_fen": given.sum(GIFT_ACCOUNT)},
        "counts": [{"card_id": card_id, "units": units} for card_id, units in given.counts.items()],
        "coupons": list(given.coupons),
        "points_returned": sum(one.points for one in plan.points_put),
        "points_reversed": plan.points_reversed,
        "points_debt": planned.debt,
        "points_balance": planned.balance,
        "whole": plan.whole,
    }
