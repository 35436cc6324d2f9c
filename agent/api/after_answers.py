"""What callers get about returns, voids, recharges and count cards: models of the OpenAPI document.

As in agent.api.answers: routes answer plain JSON, tests hold it against these.
"""

from typing import Literal

from agent.api.answers import Answer, EventNameView, SaleMember

Booked = Literal["created", "exists", "preview"]


class RefundTender(Answer):
    """Money back on one tender. `by`: cash (from the drawer), pos (refund the payment), agent (stored value).

    Refund `amount_fen` of the payment; `to_payer_fen` of it reaches the payer, where a voucher of WeChat's paid a part.
    """

    type: str
    amount_fen: int
    transaction_id: str | None
    by: Literal["cash", "pos", "agent"]
    to_payer_fen: int


class ReturnedLine(Answer):
    """One line's part."""

    line: int
    sku: str
    name: str
    qty: int
    refund_fen: int
    points_returned: int


class StoredValueBack(Answer):
    """Stored value credited by this return."""

    principal_fen: int
    gift_fen: int


class UnitsBack(Answer):
    """Units credited to one count card."""

    card_id: str
    units: int


class GivenBackView(Answer):
    """What a return or void gives back and takes back. `event` is absent in a preview.

    `points_debt` is the part of `points_reversed` that the member owes from now on, as far as this till knows; null
    where it knows no balance. `kept_fen` of the refund pays for `points_in_cash` of them, where the brand has it so.
    """

    outcome: Booked
    sale_id: str
    event: EventNameView | None = None
    lines: list[ReturnedLine]
    refund_fen: int
    kept_fen: int
    tenders: list[RefundTender]
    stored_value: StoredValueBack
    counts: list[UnitsBack]
    coupons: list[str]
    points_returned: int
    points_reversed: int
    points_debt: int | None
    points_in_cash: int
    points_balance: int | None
    whole: bool


class ReturnView(GivenBackView):
    """A return."""

    return_id: str


class VoidView(GivenBackView):
    """A void."""

    void_id: str


class RechargeView(Answer):
    """A recharge: what was added, and what the member has after it as far as this till knows."""

    outcome: Booked
    recharge_id: str
    event: EventNameView | None = None
    member: SaleMember
    amount_fen: int
    principal_fen: int
    gift_fen: int
    gift_expires: str
    principal_balance_fen: int
    gift_balance_fen: int


class RechargeCancelView(Answer):
    """A cancelled recharge: cash to hand back, by tender; `principal_fen` and `gift_fen` are taken (negative)."""

    outcome: Booked
    cancel_id: str
    recharge_id: str
    event: EventNameView
    cash_back_fen: int
    tenders: list[RefundTender]
    principal_fen: int
    gift_fen: int
    principal_balance_fen: int
    gift_balance_fen: int


class CardView(Answer):
    """A count card after something happened to it: `units` moved, `left` of `total` remain. `expires` "": never."""

    outcome: Booked
    event: EventNameView
    card_id: str
    name: str
    units: int
    left: int
    total: int
    expires: str


class CardSaleView(CardView):
    """A card sold."""

    card_sale_id: str
    price_fen: int


class CardUseView(CardView):
    """A card used."""

    use_id: str


class CardReturnView(CardUseView):
    """A use taken back."""

    return_id: str


class CardRefundView(CardView):
    """A card refunded."""

    refund_id: str
    cash_back_fen: int
    tenders: list[RefundTender]
