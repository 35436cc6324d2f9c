"""Who is it: `members/resolve`, `members/verify`, `payments/wechat`. What was shown is never logged or stored."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from agent.api.access import Use
from agent.api.answers import Problem
from agent.api.answers_member import IdentificationView, SmsView
from agent.api.models import ResolveRequest, SmsRequest, VerifyRequest, WechatPaymentRequest

router = APIRouter(tags=["members"])
_UNKNOWN: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "MEMBER_UNKNOWN, NOTHING_SCANNED"},
    409: {
        "model": Problem,
        "description": "DYNAMIC_CODE_REPLAYED, PAYMENT_CODE_NEEDS_NETWORK, WECHAT_CODE_REFUSED,"
        " WECHAT_MERCHANT_UNNAMED, PHONE_NEEDS_NETWORK, PHONE_TRIED_TOO_OFTEN",
    },
    422: {
        "model": Problem,
        "description": "INVALID_REQUEST, CODE_UNREADABLE, DYNAMIC_CODE_EXPIRED, DYNAMIC_CODE_FORGED,"
        " DYNAMIC_CODE_OTHER_BRAND, PHONE_UNREADABLE",
    },
}
_UNVERIFIED: dict[int | str, dict[str, object]] = {
    409: {
        "model": Problem,
        "description": "VERIFY_NEEDS_NETWORK, MEMBER_PIN_WRONG, MEMBER_PIN_LOCKED, MEMBER_PIN_UNSET,"
        " PIN_TRIED_TOO_OFTEN, SMS_CODE_WRONG, SMS_CODE_EXPIRED",
    },
    422: {"model": Problem, "description": "INVALID_REQUEST, IDENTIFICATION_EXPIRED, MEMBER_REQUIRED"},
}
_UNSENT: dict[int | str, dict[str, object]] = {
    409: {
        "model": Problem,
        "description": "VERIFY_NEEDS_NETWORK, SMS_NOT_CONFIGURED, SMS_NOT_SENT, SMS_TOO_SOON, SMS_TOO_MANY,"
        " PHONE_NOT_THEIRS, PHONE_TRIED_TOO_OFTEN",
    },
    422: {
        "model": Problem,
        "description": "INVALID_REQUEST, PHONE_UNREADABLE, IDENTIFICATION_EXPIRED, MEMBER_REQUIRED",
    },
}
_UNPAID: dict[int | str, dict[str, object]] = {
    409: {"model": Problem, "description": "PAYMENT_NOT_COMPLETE, TRANSACTION_USED, TRANSACTION_CONFLICT"},
    422: {"model": Problem, "description": "INVALID_REQUEST, WECHAT_RESULT_UNREADABLE, WECHAT_RESULT_ENCRYPTED"},
}


@router.post("/members/resolve", response_model=IdentificationView, responses=_UNKNOWN)
async def resolve(body: ResolveRequest, use: Use) -> JSONResponse:
    """Identify by a static or dynamic member code, a payment code before payment, a phone number, or the last scan.

    A payment code is asked of HQ within 800 ms, so that the member's price applies before anything is paid. It must
    then be charged by the same merchant before it refreshes. It may price and earn, never spend.

    A phone number is asked of HQ within 800 ms too, counts like a static code, and is kept nowhere. Without HQ: ask for
    the member code instead.

    The view is masked, and says what the member holds and what of it may be spent here without HQ.
    The `identification_id` holds member and certainty for 15 minutes; quotes and sales accept nothing else.
    """
    if body.phone is not None:
        who = await use.till.resolve_phone(body.phone)
    elif body.auth_code is not None:
        who = await use.till.resolve_payment_code(body.auth_code, body.mch_id, body.sub_mch_id)
    else:
        who = await use.till.resolve(body.code) if body.code is not None else await use.till.resolve_last_scan()
    return JSONResponse(await use.till.view(who))


@router.post("/members/verify", response_model=IdentificationView, responses=_UNVERIFIED)
async def verify(body: VerifyRequest, use: Use) -> JSONResponse:
    """Verify the member of an identification by their PIN, or by the code that `members/verify/sms` sent them.

    HQ checks it, within 800 ms, and nobody else can. The answer is a new identification of certainty `verified`, which
    may spend; the former one stays what it was. Without HQ: ask for the dynamic code, which needs no network.
    """
    who = await use.till.verify(body.identification_id, body.pin or "", body.sms_code or "")
    return JSONResponse(await use.till.view(who))


@router.post("/members/verify/sms", response_model=SmsView, responses=_UNSENT)
async def send_sms(body: SmsRequest, use: Use) -> JSONResponse:
    """Have HQ send a code to the phone of the member whom an identification names.

    The customer says the number, and HQ sees that it is theirs. The code serves `members/verify` at this till, once.
    `SMS_NOT_SENT`: ask again with the same; a message that was on its way is not sent twice.
    """
    return JSONResponse({"expires_in_s": await use.till.send_sms(body.identification_id, body.phone)})


@router.post("/payments/wechat", response_model=IdentificationView, responses=_UNPAID)
async def wechat(body: WechatPaymentRequest, use: Use) -> JSONResponse:
    """Identify the payer from the exact text WeChat returned (v2 XML, v3 JSON; payment or query).

    The payment earns for its member, and never changes a price that was already charged. A merchant that HQ does not
    map to this store identifies nobody; the sale is still recorded.
    """
    return JSONResponse(await use.till.view(await use.till.resolve_payment(body.raw)))
