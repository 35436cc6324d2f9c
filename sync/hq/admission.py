"""Who is let in: headquarters takes as many calls of stores as it can answer in time, and tells the rest when to come.

Wraps the application in sync.hq.app. Only what no customer waits for stands in this line: batches, proofs, feeds and
their like. A call that would wait too long is answered 503 BUSY at once, before its body is read, with a Retry-After of
its own: turns are handed out one behind the other at the pace HQ works at, so that those sent away do not come back
together (the till adds its own jitter, sync.patience). A batch that is answered takes a turn as well, and is told it
where it is not at once: a till that HQ has no room for then sends its sales of a minute in one batch, which costs far
less than they cost singly. A place is held only while HQ works: strangers are turned away without one, and the
bodies of the others are read first (sync.hq.bodies).
"""

from collections.abc import MutableMapping
from contextlib import ExitStack
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.domain.errors import Refusal
from sync.hq import door
from sync.hq.bodies import Bodies, Body, GaveWay, HungUp
from sync.hq.turns import Turns
from sync.protocol import NEXT_S_HEADER

_PREFIX: Final = "/v1/workstations/"
_CALLS: Final = ("/batches", "/proof", "/locate", "/ranges", "/feeds")
_BATCHES: Final = "/batches"
_FEEDS: Final = "/feeds/"
_OK: Final = 200


def waits_in_line(path: str) -> bool:
    """Whether nobody at a counter waits for this call.

    >>> waits_in_line("/v1/workstations/S1-1/batches"), waits_in_line("/v1/workstations/S1-1/feeds/items")
    (True, True)
    >>> waits_in_line("/v1/workstations/S1-1/feeds")
    True
    >>> waits_in_line("/v1/workstations/S1-1/leases"), waits_in_line("/healthz")
    (False, False)
    """
    return path.startswith(_PREFIX) and (path.endswith(_CALLS) or _FEEDS in path)


class Admission:
    """ASGI around the application; calls that do not stand in line go straight through."""

    def __init__(self, app: ASGIApp, turns: Turns, bodies: Bodies | None = None) -> None:
        self._app = app
        self._turns = turns
        self._bodies = bodies or Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, let in, or send away."""
        if scope["type"] != "http" or not waits_in_line(scope["path"]) or _is_stranger(scope):
            await self._app(scope, receive, send)
        elif self._turns.full:
            await self._busy(scope, receive, send)
        else:
            await self._read_first(scope, receive, send)

    async def _read_first(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._bodies.received(scope, receive) as body:
                await self._in_turn(scope, body, send)
        except HungUp:
            return
        except GaveWay:
            await self._busy(scope, receive, send)
        except Refusal as slow:
            await door.problem(slow)(scope, receive, send)

    async def _in_turn(self, scope: Scope, body: Body, send: Send) -> None:
        turns, batch = self._turns, scope["path"].endswith(_BATCHES)
        came_s = turns.now_s()
        if turns.full or not await turns.enter():
            await self._busy(scope, body.again, send)
            return
        place = ExitStack()
        place.callback(turns.leave, batch=batch)
        with place:
            if turns.now_s() > came_s:
                await body.check_caller()
            await self._app(scope, body.again, _leaving(place, self._telling(send) if batch else send))

    def _telling(self, send: Send) -> Send:
        """A batch that is answered takes a turn, and is told when it is."""

        async def told(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and message["status"] == _OK:
                next_s = self._turns.next_s()
                if next_s:
                    header = (NEXT_S_HEADER.lower().encode(), str(next_s).encode())
                    message["headers"] = [*message.get("headers", []), header]
            await send(message)

        return told

    async def _busy(self, scope: Scope, receive: Receive, send: Send) -> None:
        await door.busy(self._turns.turn_s())(scope, receive, send)


def _leaving(place: ExitStack, send: Send) -> Send:
    """Whoever has its answer needs its place no more, however slowly it reads."""

    async def sent(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            place.close()
        await send(message)

    return sent


def _is_stranger(scope: Scope) -> bool:
    """Whether the application turns this call away by its headers alone (sync.hq.door.authenticate)."""
    workstation_id = scope["path"].removeprefix(_PREFIX).partition("/")[0]
    return door.signed_as(Headers(scope=scope), workstation_id) is None
