"""Events after the sale and about purses: their canonical bodies without `epoch` and `seq`, which the books add.

Pure; called by agent.aftersales, agent.purses and agent.count_cards. `subject` names what an event is about (a sale, a
recharge, a card), so that these books find it again. WIRE: field names are frozen; what is given back is negative.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent.domain.business_day import business_day
from agent.domain.digest import Json
from agent.domain.giving_back import GivenBack
from agent.domain.lease_event import LeasePlace
from agent.domain.ledger import GIFT_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.refunds import ReturnPlan
from agent.domain.sale import TenderLine
from agent.domain.short import NOTHING_SHORT, Short
from agent.domain.sold import STORED_VALUE, Sold, SoldTender

RETURN: Final = "return"
VOID: Final = "void"
RECHARGE: Final = "recharge"
RECHARGE_CANCEL: Final = "recharge_cancel"
COUNT_CARD_SALE: Final = "count_card_sale"
COUNT_USE: Final = "count_use"
COUNT_RETURN: Final = "count_return"
COUNT_CARD_REFUND: Final = "count_card_refund"


@dataclass(frozen=True, slots=True)
class After:
    """What all of these events carry. `clock` is agent.risk_ports.ClockState.row()."""

    place: LeasePlace
    kind: str
    caller_id: str
    subject: str
    at_ms: int
    member_id: str | None
    rules_version: int
    operator: str | None = None
    reason: str | None = None
    clock: dict[str, Json] = field(default_factory=dict)

    @property
    def business_day(self) -> str:
        """The day it is booked on, in Asia/Shanghai."""
        return business_day(self.at_ms)

    def body(self, tenders: Sequence[Json], totals: dict[str, Json], **more: Json) -> dict[str, Json]:
        """The event's body; `totals` holds `payable_fen`, signed. Postings are added by the books."""
        return {
            "v": 1,
            "kind": self.kind,
            "workstation_id": self.place.workstation_id,
            "store_id": self.place.store_id,
            "brand_id": self.place.brand_id,
            "at_ms": self.at_ms,
            "business_day": self.business_day,
            f"{self.kind}_id": self.caller_id,
            "subject": self.subject,
            "member": None if self.member_id is None else {"member_id": self.member_id},
            "operator": self.operator,
            "reason": self.reason,
            "rules_version": self.rules_version,
            "clock": dict(self.clock),
            "tenders": list(tenders),
            "totals": totals,
            "postings": [],
            "discrepancies": [],
            **more,
        }


def return_body(
    after: After, of: Sold, plan: ReturnPlan, given: GivenBack, short: Short = NOTHING_SHORT
) -> dict[str, Json]:
    """A return or void: what came back, line by line and tender by tender, of which sale.

    `payable_fen` is the money that moved: what was kept for points that were spent (`short`) stays.
    """
    lines: list[Json] = []
    for one in plan.lines:
        number, sku, name = of.rows[one.line]
        lines.append(
            {
                "line": number,
                "sku": sku,
                "name": name,
                "qty": -one.units,
                "paid_fen": -one.refund_fen,
                "points_used": -one.points_returned,
            }
        )
    return after.body(
        refund_rows(of.tenders, [fen for _, fen in plan.tenders], short),
        {
            "payable_fen": -(plan.refund_fen - short.fen),
            "points_earned": -plan.points_reversed,
            "points_used": -sum(one.points for one in plan.points_put),
            "points_debt": given.debt,
            **({"points_in_cash": short.points, "kept_fen": short.fen} if short.points else {}),
        },
        sale_id=of.sale_id,
        of={"epoch": of.name.epoch, "seq": of.name.seq},
        sale_day=of.business_day,
        lines=lines,
        prepaid={
            "principal_fen": -given.sum(PRINCIPAL_ACCOUNT),
            "gift_fen": -given.sum(GIFT_ACCOUNT),
            "counts": [{"id": card_id, "units": -units} for card_id, units in given.counts.items()],
        },
        coupons=list(given.coupons),
        whole=plan.whole,
    )


def refund_rows(tenders: Sequence[SoldTender], fens: Sequence[int], short: Short = NOTHING_SHORT) -> list[Json]:
    """Money back by recorded tender; `tender` is its place there, from 0. What the POS does outside is asserted.

    `kept_fen` is absent where nothing was kept of the tender's share.

    >>> refund_rows([SoldTender("cash", 500), SoldTender("wechat", 300, "42")], [0, 100])[0]["amount_fen"]
    -100
    """
    return [
        {
            "tender": place,
            "type": tender.type,
            "amount_fen": short.of(place) - fen,
            "transaction_id": tender.transaction_id,
            "evidence": "asserted" if tender.transaction_id is not None else None,
            **({"kept_fen": short.of(place)} if short.of(place) else {}),
        }
        for place, (tender, fen) in enumerate(zip(tenders, fens, strict=True))
        if fen
    ]


def refund_answer(
    tenders: Sequence[SoldTender], fens: Sequence[int], arrives: Sequence[int] | None = None
) -> list[Json]:
    """Money back as a caller reads it. `by`: cash from the drawer, pos (the caller refunds the payment), agent.

    `arrives` is what of each reaches the payer, all of it where it is left out.
    """
    return [
        {
            "type": tender.type,
            "amount_fen": fen,
            "transaction_id": tender.transaction_id,
            "by": {"cash": "cash", STORED_VALUE: "agent"}.get(tender.type, "pos"),
            "to_payer_fen": to_payer,
        }
        for tender, fen, to_payer in zip(tenders, fens, fens if arrives is None else arrives, strict=True)
        if fen
    ]


def paid_rows(tenders: Sequence[TenderLine]) -> list[Json]:
    """Money taken by the POS for a recharge or a card, as a sale's event says it."""
    return [
        {
            "type": one.type,
            "amount_fen": one.amount_fen,
            "received_fen": one.received_fen,
            "transaction_id": one.transaction_id,
            "evidence": "asserted" if one.transaction_id is not None else None,
        }
        for one in tenders
    ]


def tenders_in(event: dict[str, Any]) -> tuple[SoldTender, ...]:
    """The tenders of a recharge or card sale, for its refund."""
    return tuple(SoldTender(one["type"], one["amount_fen"], one.get("transaction_id")) for one in event["tenders"])
