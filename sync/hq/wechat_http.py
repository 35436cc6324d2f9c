"""Two calls of HQ's HTTP face: tills ask whose payment code it is, WeChat tells what was paid.

Registered by sync.hq.app. WeChat's call is answered as WeChat wants it: 204, or 4xx/5xx with code and message
(facts/wechat.md C); it is retried for a day, so nothing is lost by a refusal.
"""

import json
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from agent.domain.errors import Refusal
from sync.hq import door
from sync.hq.bounds import SMALL_REQUEST_BYTES, WECHAT_NOTICE_BYTES
from sync.hq.service import HqService
from sync.message import PROTOCOL
from sync.payer_protocol import PayerRequest

_MCH_CHARS: Final = 32


def add_wechat_calls(app: FastAPI, hq: HqService) -> None:
    """Add both calls to HQ's application."""
    calls = _WechatCalls(hq)
    app.add_api_route("/v1/workstations/{workstation_id}/payer", calls.payer, methods=["POST"])
    app.add_api_route("/v1/wechat/notify/{mch_id}", calls.notify, methods=["POST"])


class _WechatCalls:
    def __init__(self, hq: HqService) -> None:
        self._hq = hq

    async def payer(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        message = PayerRequest.model_validate_json(sent)
        if message.protocol != PROTOCOL:
            raise Refusal("PROTOCOL_UNSUPPORTED", f"this HQ speaks protocol {PROTOCOL}", status=426)
        return door.answer(request, await self._hq.wechat.desk.payer(station, message))

    async def notify(self, request: Request, mch_id: str) -> Response:
        try:
            body = await door.read_body(request, WECHAT_NOTICE_BYTES)
            await self._hq.wechat.desk.notice(mch_id[:_MCH_CHARS], request.headers, body)
        except Refusal as refusal:
            said = {"code": "FAIL", "message": refusal.code}
            status = max(refusal.status, 400)
            return Response(json.dumps(said).encode(), status, media_type="application/json")
        return Response(status_code=204)
