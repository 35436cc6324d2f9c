"""Returns, voids, recharges and count cards: booked once per caller's id, like a sale; refused, nothing changes."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.api.access import Use
from agent.api.after_answers import (
    CardRefundView,
    CardReturnView,
    CardSaleView,
    CardUseView,
    RechargeCancelView,
    RechargeView,
    ReturnView,
    VoidView,
)
from agent.api.after_models import (
    CardRefundRequest,
    CardReturnRequest,
    CardSaleRequest,
    CardUseRequest,
    PathId,
    RechargeCancelRequest,
    RechargeRequest,
    ReturnRequest,
    VoidRequest,
)
from agent.api.answers import Answer, Problem
from agent.api.problems import problem
from agent.books_ports import Outcome, OutcomeKind
from agent.domain.digest import Json

router = APIRouter(tags=["after sales"])
Responses = dict[int | str, dict[str, object]]


def _responses(view: type[Answer], refused: str, invalid: str = "", missing: str = "") -> Responses:
    found: Responses = {
        200: {"model": view, "description": "exists: the first answer again; or a preview"},
        409: {"model": Problem, "description": f"CONFLICT (naming the field), IN_FLIGHT, {refused}"},
        422: {"model": Problem, "description": f"INVALID_REQUEST{invalid}"},
        503: {"model": Problem, "description": "STORAGE_FAILED, STOPPING"},
        507: {"model": Problem, "description": "DISK_LOW"},
    }
    return {**found, 404: {"model": Problem, "description": missing}} if missing else found


_BACK = "SALE_NOT_HERE, SALE_VOIDED, SALE_RETURNED, RETURN_TOO_LATE, RETURN_TOO_OFTEN"
_WHO = ", IDENTIFICATION_EXPIRED, MEMBER_REQUIRED"


def _booked(outcome: Outcome) -> JSONResponse:
    if outcome.kind is OutcomeKind.CONFLICT:
        title = f"this id was booked before with another {outcome.field}"
        hint = "something new needs a new id; repeat a call with the very same body"
        return problem(409, "CONFLICT", title, hint=hint, field=outcome.field)
    created = outcome.kind is OutcomeKind.CREATED
    return JSONResponse({"outcome": outcome.kind, **outcome.answer}, status_code=201 if created else 200)


def _shown(answer: dict[str, Json]) -> JSONResponse:
    return JSONResponse({"outcome": "preview", **answer})


@router.post(
    "/returns",
    response_model=ReturnView,
    status_code=201,
    responses=_responses(ReturnView, _BACK, ", RETURN_LINE_UNKNOWN, RETURN_EXCEEDS_SALE"),
)
async def give_back(body: ReturnRequest, use: Use) -> JSONResponse:
    """Take goods back by the recorded values. The POS refunds what it charged: `tenders` says how much on which."""
    order = body.to_domain()
    return _shown(await use.aftersales.preview(order)) if body.preview else _booked(await use.aftersales.book(order))


@router.post("/sales/{sale_id}/void", response_model=VoidView, status_code=201, responses=_responses(VoidView, _BACK))
async def void(sale_id: PathId, body: VoidRequest, use: Use) -> JSONResponse:
    """Take a whole sale back, or what returns have left of it."""
    order = body.to_domain(sale_id)
    return _shown(await use.aftersales.preview(order)) if body.preview else _booked(await use.aftersales.book(order))


@router.post(
    "/recharges",
    response_model=RechargeView,
    status_code=201,
    responses=_responses(
        RechargeView,
        "TRANSACTION_USED",
        f"{_WHO}, STORED_VALUE_REFUSED, CARD_LIMIT, DAILY_LIMIT, TENDERS_INCOMPLETE, PAYMENT_AMOUNT_DIFFERS",
    ),
)
async def load(body: RechargeRequest, use: Use) -> JSONResponse:
    """Put money on a member's stored value, with the bonus of the rules. Earns nothing; may be spent here at once."""
    order = body.to_domain()
    return _shown(await use.purses.preview(order)) if body.preview else _booked(await use.purses.load(order))


@router.post(
    "/recharges/{recharge_id}/cancel",
    response_model=RechargeCancelView,
    status_code=201,
    responses=_responses(RechargeCancelView, "RECHARGE_UNKNOWN, RECHARGE_CANCELLED, LEASE_SHORT"),
)
async def cancel_recharge(recharge_id: PathId, body: RechargeCancelRequest, use: Use) -> JSONResponse:
    """Cancel a recharge made at this workstation: hand `cash_back_fen` back, its gift is void."""
    return _booked(await use.purses.cancel(body.to_domain(recharge_id)))


@router.post(
    "/count-cards",
    response_model=CardSaleView,
    status_code=201,
    responses=_responses(CardSaleView, "TRANSACTION_USED", f"{_WHO}, COUNT_PRODUCT_UNKNOWN, TENDERS_INCOMPLETE"),
)
async def sell_card(body: CardSaleRequest, use: Use) -> JSONResponse:
    """Sell a count card of the rule set; it may be used here at once."""
    return _booked(await use.count_cards.sell(body.to_domain()))


@router.post(
    "/count-cards/{card_id}/use",
    response_model=CardUseView,
    status_code=201,
    responses=_responses(
        CardUseView,
        "LEASE_SHORT, SPENDING_NEEDS_DYNAMIC_CODE, MEMBER_FROZEN, SNAPSHOT_TOO_OLD, CLOCK_NOT_TRUSTED",
        f"{_WHO}, COUNT_INSUFFICIENT, COUNT_CARD_EXPIRED",
        "COUNT_CARD_UNKNOWN",
    ),
)
async def use_card(card_id: PathId, body: CardUseRequest, use: Use) -> JSONResponse:
    """Use units of a member's card without a sale. In a sale a card is a tender of the quote."""
    return _booked(await use.count_uses.use(body.to_domain(card_id)))


@router.post(
    "/count-cards/{card_id}/return",
    response_model=CardReturnView,
    status_code=201,
    responses=_responses(CardReturnView, "COUNT_USE_UNKNOWN, COUNT_NOT_USED, COUNT_CARD_CLOSED"),
)
async def return_use(card_id: PathId, body: CardReturnRequest, use: Use) -> JSONResponse:
    """Take a use back that was booked at this workstation."""
    return _booked(await use.count_uses.take_back(body.to_domain(card_id)))


@router.post(
    "/count-cards/{card_id}/refund",
    response_model=CardRefundView,
    status_code=201,
    responses=_responses(CardRefundView, "COUNT_CARD_NOT_HERE, COUNT_CARD_CLOSED, COUNT_CARD_EXPIRED, LEASE_SHORT"),
)
async def refund_card(card_id: PathId, body: CardRefundRequest, use: Use) -> JSONResponse:
    """Refund a card sold at this workstation: its price less what was used of it."""
    return _booked(await use.count_cards.refund(body.to_domain(card_id)))
