"""Who is it: `members/resolve` and `payments/wechat`. Answers from local books; codes are never logged or stored."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.api.access import Use
from agent.api.answers import Problem
from agent.api.answers_member import IdentificationView
from agent.api.models import ResolveRequest, WechatPaymentRequest

router = APIRouter(tags=["members"])
_UNKNOWN: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "MEMBER_UNKNOWN, NOTHING_SCANNED"},
    409: {
        "model": Problem,
        "description": "DYNAMIC_CODE_REPLAYED, PAYMENT_CODE_NEEDS_NETWORK, WECHAT_CODE_REFUSED,"
        " WECHAT_MERCHANT_UNNAMED",
    },
    422: {
        "model": Problem,
        "description": "INVALID_REQUEST, CODE_UNREADABLE, DYNAMIC_CODE_EXPIRED, DYNAMIC_CODE_FORGED,"
        " DYNAMIC_CODE_OTHER_BRAND",
    },
}
_UNPAID: dict[int | str, dict[str, object]] = {
    409: {"model": Problem, "description": "PAYMENT_NOT_COMPLETE, TRANSACTION_USED, TRANSACTION_CONFLICT"},
    422: {"model": Problem, "description": "INVALID_REQUEST, WECHAT_RESULT_UNREADABLE, WECHAT_RESULT_ENCRYPTED"},
}


@router.post("/members/resolve", response_model=IdentificationView, responses=_UNKNOWN)
async def resolve(body: ResolveRequest, use: Use) -> JSONResponse:
    """Identify by a static or dynamic member code, by a payment code before payment, or take whoever was scanned last.

    A payment code is asked of HQ within 800 ms, so that the member's price applies before anything is paid. It must
    then be charged by the same merchant before it refreshes. It may price and earn, never spend.

    The view is masked, and says what the member holds and what of it may be spent here without HQ.
    The `identification_id` holds member and certainty for 15 minutes; quotes and sales accept nothing else.
    """
    if body.auth_code is not None:
        who = await use.till.resolve_payment_code(body.auth_code, body.mch_id, body.sub_mch_id)
    else:
        who = await use.till.resolve(body.code) if body.code is not None else await use.till.resolve_last_scan()
    return JSONResponse(await use.till.view(who))


@router.post("/payments/wechat", response_model=IdentificationView, responses=_UNPAID)
async def wechat(body: WechatPaymentRequest, use: Use) -> JSONResponse:
    """Identify the payer from the exact text WeChat returned (v2 XML, v3 JSON; payment or query).

    The payment earns for its member, and never changes a price that was already charged. A merchant that HQ does not
    map to this store identifies nobody; the sale is still recorded.
    """
    return JSONResponse(await use.till.view(await use.till.resolve_payment(body.raw)))
