"""Quotes and sales. A sale whose external tender is complete is always recorded; what disagrees is a discrepancy."""

import orjson
from fastapi import APIRouter, Response

from agent.api.access import Use
from agent.api.answers import Problem
from agent.api.answers_sale import QuoteView, SaleView
from agent.api.models import QuoteRequest, SaleRequest
from agent.api.problems import problem
from agent.books_ports import OutcomeKind
from agent.domain.digest import Json
from agent.limits import QUOTE_TTL_S
from agent.views import quote_view

router = APIRouter(tags=["sales"])
_PROBLEMS: dict[int | str, dict[str, object]] = {
    409: {"model": Problem, "description": "CONFLICT (naming the field), IN_FLIGHT, QUOTE_UNKNOWN, LEASE_SHORT"},
    422: {"model": Problem, "description": "INVALID_REQUEST, TENDERS_INCOMPLETE"},
    503: {"model": Problem, "description": "STORAGE_FAILED, STOPPING"},
    507: {"model": Problem, "description": "DISK_LOW"},
}


@router.post(
    "/quotes",
    response_model=QuoteView,
    responses={
        422: {
            "model": Problem,
            "description": "INVALID_REQUEST, ITEM_UNKNOWN, WEIGHT_MISSING, NOT_BY_WEIGHT, IDENTIFICATION_EXPIRED,"
            " PRICE_BELOW_70, SPENDING_NEEDS_MEMBER, COUPON_*, POINTS_*, SV_INSUFFICIENT, STORED_VALUE_REFUSED,"
            " COUNT_*, VOUCHER_SET_INCOMPLETE",
        },
        404: {"model": Problem, "description": "MEMBER_UNKNOWN, COUNT_CARD_UNKNOWN"},
        409: {
            "model": Problem,
            "description": "SPENDING_NEEDS_DYNAMIC_CODE, DYNAMIC_CODE_HELD, LEASE_SHORT, COUPON_USED,"
            " COUNT_INSUFFICIENT, MEMBER_FROZEN, SNAPSHOT_TOO_OLD, CLOCK_NOT_TRUSTED, REDEMPTION_NEEDS_CONFIRMATION,"
            " REDEMPTION_COOLING",
        },
    },
)
async def quote(body: QuoteRequest, use: Use) -> Response:
    """Price a cart; every line says why it costs what it costs. Pins rules and pricebook for 15 minutes.

    Coupons, points, stored value and counts are priced with what this till may spend; what it lacks is asked of HQ
    within 800 ms. `hold: true` reserves it.
    """
    priced = await use.till.quote([line.to_domain() for line in body.lines], body.identification_id, body.asks())
    return _json(quote_view(priced, QUOTE_TTL_S))


@router.delete(
    "/quotes/{quote_id}",
    status_code=204,
    responses={
        404: {"model": Problem, "description": "QUOTE_UNKNOWN"},
        409: {"model": Problem, "description": "IN_FLIGHT: a sale is being booked with it"},
    },
)
async def cancel(quote_id: str, use: Use) -> Response:
    """Forget a quote before it becomes a sale, and release what it held."""
    if not await use.till.cancel_quote(quote_id):
        return problem(404, "QUOTE_UNKNOWN", "no such quote", hint="it has ended or was used by a sale")
    return Response(status_code=204)


@router.post(
    "/sales",
    response_model=SaleView,
    status_code=201,
    responses={200: {"model": SaleView, "description": "exists: the first answer again"}, **_PROBLEMS},
)
async def sell(body: SaleRequest, use: Use) -> Response:
    """Book a paid sale, once per `sale_id`: 201 created, 200 exists (the first answer again), 409 conflict.

    Where nothing was tendered outside, its quote must live and its spends be covered: else 409 and nothing is booked.
    """
    outcome = await use.till.commit(body.to_domain())
    if outcome.kind is OutcomeKind.CONFLICT:
        title = f"this sale_id was booked before with another {outcome.field}"
        hint = "a new sale needs a new sale_id; repeat a sale with the very same body"
        return problem(409, "CONFLICT", title, hint=hint, field=outcome.field)
    created = outcome.kind is OutcomeKind.CREATED
    return _json({"outcome": outcome.kind, **outcome.answer}, 201 if created else 200)


def _json(content: dict[str, Json], status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")
