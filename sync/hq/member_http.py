"""Calls of HQ's HTTP face about the member who stands at a till: whose phone is this, is it really they (docs/wire.md).

Registered by sync.hq.app. A customer waits for each, so none stands in the line of pushes (sync.hq.admission). And the
call by which an online channel sets its member's PIN (docs/hq-members.md).
"""

from typing import Annotated

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from agent.domain.errors import Refusal
from sync.channel_protocol import MemberRef
from sync.hq import door
from sync.hq.bounds import CHANNEL_BODY_BYTES, SMALL_REQUEST_BYTES
from sync.hq.service import HqService
from sync.message import PROTOCOL, Message, Name
from sync.phone_protocol import PhoneRequest
from sync.verify_protocol import SmsRequest, VerifyRequest


def add_member_calls(app: FastAPI, hq: HqService) -> None:
    """Add the calls to HQ's application."""
    calls = _MemberCalls(hq)
    app.add_api_route("/v1/workstations/{workstation_id}/phone", calls.phone, methods=["POST"])
    app.add_api_route("/v1/workstations/{workstation_id}/verify", calls.verify, methods=["POST"])
    app.add_api_route("/v1/workstations/{workstation_id}/verify/sms", calls.sms, methods=["POST"])
    app.add_api_route("/v1/channels/{channel}/members/pin", calls.pin, methods=["POST"])


class PinAsk(Message):
    """An online channel's member chose a PIN; empty: takes it away."""

    member: MemberRef
    pin: Annotated[str, Field(pattern=r"^([0-9]{6})?$", repr=False)]


class PinAnswer(Message):
    """Whose it is."""

    member_id: Name


class _MemberCalls:
    def __init__(self, hq: HqService) -> None:
        self._hq = hq

    async def phone(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        message = PhoneRequest.model_validate_json(sent)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.members.phones.owner(station, message))

    async def verify(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        message = VerifyRequest.model_validate_json(sent)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.members.verifying.verify(station, message))

    async def sms(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        message = SmsRequest.model_validate_json(sent)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.members.sms.send(station, message))

    async def pin(self, request: Request, channel: str) -> Response:
        caller = await door.channel(self._hq, request, channel)  # ORDER: before a byte of a stranger's body is read
        ask = PinAsk.model_validate_json(await door.read_body(request, CHANNEL_BODY_BYTES))
        member_id = await self._hq.members.verifying.set_by_channel(caller, ask.member, ask.pin)
        return door.answer(request, PinAnswer(member_id=member_id))


def _check_protocol(protocol: int) -> None:
    if protocol != PROTOCOL:
        raise Refusal("PROTOCOL_UNSUPPORTED", f"this HQ speaks protocol {PROTOCOL}", status=426)
