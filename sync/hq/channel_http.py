"""Calls of online channels and of HQ's messaging system, over HQ's HTTP face (docs/hq-members.md).

Registered by sync.hq.app. A channel proves itself by the token of `pos-agent hq channel`, and speaks for its own brand
only.
"""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from agent.domain.errors import Refusal
from sync.channel_protocol import ChannelEvent, MemberRef
from sync.hq import door
from sync.hq.bounds import CHANNEL_BODY_BYTES
from sync.hq.reminders_page import Reminder, ReminderPage
from sync.hq.service import HqService
from sync.identity_protocol import IdentityCheck

_CURSOR_DIGITS = 16  # LIMIT: as many as 2**53 has


def add_channel_calls(app: FastAPI, hq: HqService) -> None:
    """Add the calls to HQ's application."""
    calls = _ChannelCalls(hq)
    app.add_api_route("/v1/channels/{channel}/events", calls.event, methods=["POST"])
    app.add_api_route("/v1/channels/{channel}/members", calls.member, methods=["POST"])
    app.add_api_route("/v1/channels/{channel}/reminders", calls.channel_reminders, methods=["GET"])
    app.add_api_route("/v1/channels/{channel}/identity-checks", calls.identity, methods=["POST"])
    app.add_api_route("/v1/channels/{channel}/gifts", calls.gifts, methods=["GET"])
    app.add_api_route("/v1/channels/{channel}/slots", calls.slots, methods=["GET"])
    app.add_api_route("/v1/channels/{channel}/lotteries/{lottery_id}", calls.lottery, methods=["GET"])
    app.add_api_route("/v1/reminders", calls.reminders, methods=["GET"])


class _ChannelCalls:
    def __init__(self, hq: HqService) -> None:
        self._hq = hq

    async def event(self, request: Request, channel: str) -> Response:
        caller = await door.channel(self._hq, request, channel)  # ORDER: before a byte of a stranger's body is read
        ask = ChannelEvent.model_validate_json(await door.read_body(request, CHANNEL_BODY_BYTES))
        return door.answer(request, await self._hq.channels.take(caller, ask))

    async def member(self, request: Request, channel: str) -> Response:
        caller = await door.channel(self._hq, request, channel)
        ref = MemberRef.model_validate_json(await door.read_body(request, CHANNEL_BODY_BYTES))
        return door.answer(request, await self._hq.channels.state(caller, ref))

    async def identity(self, request: Request, channel: str) -> Response:
        caller = await door.channel(self._hq, request, channel)
        ask = IdentityCheck.model_validate_json(await door.read_body(request, CHANNEL_BODY_BYTES))
        return door.answer(request, await self._hq.channels.identity.check(caller, ask))

    async def gifts(self, request: Request, channel: str) -> Response:
        caller = await door.channel(self._hq, request, channel)
        return door.answer(request, await self._hq.channels.gifts(caller))

    async def slots(self, request: Request, channel: str) -> Response:
        caller = await door.channel(self._hq, request, channel)
        return door.answer(request, await self._hq.channels.slots(caller, request.query_params.get("day", "")))

    async def lottery(self, request: Request, channel: str, lottery_id: str) -> Response:
        caller = await door.channel(self._hq, request, channel)
        day = request.query_params.get("day", "")
        return door.answer(request, await self._hq.channels.play.day(caller.brand_id, lottery_id, day))

    async def channel_reminders(self, request: Request, channel: str) -> Response:
        caller = await door.channel(self._hq, request, channel)
        after = _after(request)
        return _page(request, after, await self._hq.members.reminders(after, caller))

    async def reminders(self, request: Request) -> Response:
        await door.reader(self._hq, request)
        after = _after(request)
        return _page(request, after, await self._hq.members.reminders(after))


def _page(request: Request, after: int, found: list[Reminder]) -> Response:
    cursor = found[-1].number if found else after
    return door.answer(request, ReminderPage(reminders=found, cursor=cursor))


def _after(request: Request) -> int:
    text = request.query_params.get("after", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _CURSOR_DIGITS and int(text) < 2**53):
        raise Refusal("CURSOR_INVALID", "after must be a whole number", field="after")
    return int(text)
