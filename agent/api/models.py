"""What callers may send, strictly: unknown fields, floats for money and strings for numbers are refused (422).

Edge models of the till's API; converted to domain types once, in the routes. WIRE: additive changes only within /v1.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from agent import limits
from agent.domain.asks import Asks, CardUse, Override
from agent.domain.order import OrderLine, Paper, SaleOrder
from agent.domain.sale import TenderLine, TenderType

NO_NUL = r"^[^\x00]*$"
"""To a database a text ends at a NUL, and others measure it otherwise: it is refused before anything is booked."""
CallerId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:\-]{1,64}$")]
Text = Annotated[str, Field(min_length=1, max_length=limits.TEXT_CHARS, pattern=NO_NUL)]
Fen = Annotated[int, Field(ge=0, le=limits.AMOUNT_FEN)]


_Phone = Annotated[str, Field(min_length=1, max_length=32, examples=["+86 138 1234 8000"])]
_SixDigits = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["482913"])]


class Request(BaseModel):
    """Base of every request body."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class PairRequest(Request):
    """A POS presents the pairing code a manager read out to it."""

    code: Annotated[str, Field(pattern=r"^[0-9]{8}$", examples=["40417295"])]
    app: Annotated[Text, Field(examples=["FreshMart POS 4.2"])]


class ResolveRequest(Request):
    """Exactly one of: a code that was scanned or typed, a payment code before payment (`auth_code`), a `phone` number,
    or `last_scan`."""

    code: Annotated[str, Field(min_length=1, max_length=limits.SCAN_FRAME_BYTES, examples=["018255396048"])] | None = (
        None
    )
    auth_code: Annotated[str, Field(min_length=1, max_length=32, examples=["134650061098828009"])] | None = None
    mch_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-]{0,32}$")] = ""
    sub_mch_id: Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-]{0,32}$")] = ""
    """Who will charge the `auth_code`; needed only where a store has several WeChat merchants."""
    phone: Annotated[_Phone | None, Field(repr=False)] = None
    last_scan: bool = False

    @model_validator(mode="after")
    def _one(self) -> "ResolveRequest":
        told = (self.code, self.auth_code, self.phone)
        if sum(one is not None for one in told) + self.last_scan != 1:
            raise ValueError("send one of code, auth_code, phone and last_scan: true")
        return self


class VerifyRequest(Request):
    """What the customer entered, six digits: their PIN, or the code on their phone. Kept nowhere, and in no log."""

    identification_id: CallerId
    pin: Annotated[_SixDigits | None, Field(repr=False)] = None
    sms_code: Annotated[_SixDigits | None, Field(repr=False)] = None

    @model_validator(mode="after")
    def _one(self) -> "VerifyRequest":
        if (self.pin is None) == (self.sms_code is None):
            raise ValueError("send pin or sms_code")
        return self


class SmsRequest(Request):
    """The number that the customer says; HQ sees that it is the member's, and keeps it nowhere."""

    identification_id: CallerId
    phone: _Phone


class WechatPaymentRequest(Request):
    """The exact text WeChat returned: v2 XML or v3 JSON, of the payment or of the query."""

    raw: Annotated[str, Field(min_length=1, max_length=limits.WECHAT_RESULT_BYTES)]


class LineRequest(Request):
    """One line: pieces, or grams for goods by weight."""

    code: Annotated[Text, Field(examples=["6901234567892"])]
    qty: Annotated[int, Field(ge=1, le=limits.QTY)] = 1
    grams: Annotated[int, Field(ge=1, le=limits.QTY)] | None = None

    def to_domain(self) -> OrderLine:
        """The domain's order line."""
        return OrderLine(self.code, self.qty, self.grams)


class ChargedLineRequest(LineRequest):
    """A line of a sale that was not quoted here, with what the POS charged for it."""

    charged_fen: Fen | None = None
    name: Text | None = None

    def to_domain(self) -> OrderLine:
        """The domain's order line."""
        return OrderLine(self.code, self.qty, self.grams, self.charged_fen, self.name)


class CountCardRequest(Request):
    """Units of a count card, for pieces of the article of line `line` (from 1; may be absent in a cart of one line)."""

    card_id: CallerId
    units: Annotated[int, Field(ge=1, le=limits.QTY)] = 1
    line: Annotated[int, Field(ge=1, le=limits.SALE_LINES)] | None = None


class OverrideRequest(Request):
    """A supervisor allows a price under 70 % of the market; recorded with the sale and told to HQ."""

    operator: Text
    reason: Text


class QuoteRequest(Request):
    """A cart to price, and what the member asks to use. `points` and `stored_value` (fen): a number, or all there is.

    `cash`: what is due is paid in cash, so it is rounded down where the brand does. `hold` reserves what the quote
    spends until it is sold, cancelled or has ended. `confirmed`: the cashier confirmed a frequent redemption.
    """

    lines: Annotated[list[LineRequest], Field(min_length=1, max_length=limits.SALE_LINES)]
    identification_id: CallerId | None = None
    coupons: Annotated[list[Text], Field(max_length=limits.SALE_COUPONS)] = []
    points: Annotated[int, Field(ge=0, le=limits.POINTS)] | Literal["max"] = 0
    stored_value: Fen | Literal["max"] = 0
    count_card: CountCardRequest | None = None
    cash: bool = False
    hold: bool = False
    override: OverrideRequest | None = None
    confirmed: bool = False

    def asks(self) -> Asks:
        """The domain's asks."""
        card, override = self.count_card, self.override
        return Asks(
            coupons=tuple(self.coupons),
            points=self.points,
            stored_value=self.stored_value,
            count_card=None if card is None else CardUse(card.card_id, card.units, card.line),
            cash=self.cash,
            hold=self.hold,
            override=None if override is None else Override(override.operator, override.reason),
            confirmed=self.confirmed,
        )


class TenderRequest(Request):
    """One tender, taken outside the agent. `received_fen` is what the customer handed over, where change was given."""

    type: Literal["cash", "wechat", "alipay", "unionpay", "card", "other"]
    amount_fen: Fen
    transaction_id: CallerId | None = None
    received_fen: Fen | None = None

    @model_validator(mode="after")
    def _change(self) -> "TenderRequest":
        if self.received_fen is not None and self.received_fen < self.amount_fen:
            raise ValueError("received_fen is less than amount_fen")
        return self


class SaleRequest(Request):
    """A sale that was paid. It is always recorded when its tenders are there and add up to `total_fen`.

    `tenders` are those taken outside, for the quote's `due_fen`; empty where nothing was due.
    `sale_id` is the caller's own and makes the call idempotent: keep it, and repeat the very same body on any doubt.
    Send `lines` too when the quote may have ended (a quote lives 15 minutes): they are used only where it is gone.
    """

    sale_id: CallerId
    quote_id: CallerId | None = None
    identification_id: CallerId | None = None
    lines: Annotated[list[ChargedLineRequest], Field(max_length=limits.SALE_LINES)] = []
    total_fen: Fen | None = None
    tenders: Annotated[list[TenderRequest], Field(max_length=limits.SALE_TENDERS)]
    operator: Text | None = None
    paper: Literal["receipt", "join_prompt", "none"] = "receipt"
    open_drawer: bool = False
    table: Annotated[str, Field(min_length=1, max_length=16, pattern=NO_NUL)] | None = None

    @field_validator("tenders")
    @classmethod
    def _tendered(cls, tenders: list[TenderRequest], info: ValidationInfo) -> list[TenderRequest]:
        if not tenders and info.data.get("quote_id") is None:
            raise ValueError("only a quote of which nothing is due needs no tender")
        return tenders

    def to_domain(self) -> SaleOrder:
        """The domain's order."""
        return SaleOrder(
            sale_id=self.sale_id,
            quote_id=self.quote_id,
            identification_id=self.identification_id,
            lines=tuple(line.to_domain() for line in self.lines),
            total_fen=self.total_fen,
            tenders=tuple(
                TenderLine(TenderType(one.type), one.amount_fen, one.transaction_id, one.received_fen)
                for one in self.tenders
            ),
            operator=self.operator,
            paper=Paper(self.paper),
            open_drawer=self.open_drawer,
            table=self.table,
        )
