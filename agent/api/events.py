"""Server-sent events with replay by Last-Event-ID, across restarts. Read by `fetch` with the Authorization header."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from agent.announce import Announcer, Listener
from agent.api.access import Use, Who
from agent.api.answers import Problem
from agent.api.problems import problem
from agent.books_ports import Notice
from agent.domain.digest import MAX_INTEGER
from agent.grants import ApiScope
from agent.limits import EVENT_CLIENT_QUEUE

router = APIRouter(tags=["events"])
_KEEP_ALIVE_S = 15
_PERSONAL = ("scan.", "member.")


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "scan.*, member.resolved, sale.recorded, "
            "device.lost/ready, print.state, sync.state, storage.low/ok, mode.changing/changed, reconcile.finished",
        },
        503: {"model": Problem, "description": "TOO_MANY_LISTENERS"},
    },
)
async def stream(
    use: Use,
    who: Who,
    last_event_id: Annotated[int | None, Header(ge=0, le=MAX_INTEGER)] = None,
    limit: Annotated[int, Query(ge=1, le=EVENT_CLIENT_QUEUE)] = EVENT_CLIENT_QUEUE,
) -> Response:
    """Follow what happens. Without Last-Event-ID only what comes from now on; with it, what was missed comes first.

    Scans and members are told to tokens with scope `sell` alone. The stream ends when its token does.
    """
    listener = use.announcer.listen()
    if listener is None:
        return problem(
            503, "TOO_MANY_LISTENERS", "too many event readers", hint="close one", headers={"Retry-After": "5"}
        )
    sells = who is None or ApiScope.SELL in who.scopes
    reader = _Reader(listener, sells, lambda: use.people.listens(who))
    # Who takes up the stream for the first time learns where it stands: what they miss before they hear anything is
    # replayed to them too. A frame without data moves a reader's mark and is no event.
    try:
        begins = f"id: {await use.announcer.newest()}\n" if last_event_id is None else ""
    except BaseException:
        use.announcer.leave(listener)
        raise
    return _Stream(use.announcer, _follow(use.announcer, reader, begins, last_event_id, limit), listener)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who listens, what they may hear, and whether they still may."""

    listener: Listener
    sells: bool
    listens: Callable[[], Awaitable[bool]]

    def hears(self, notice: Notice) -> bool:
        return self.sells or not notice.kind.startswith(_PERSONAL)


class _Stream(StreamingResponse):
    """The stream; its listener leaves however it ends, even when the reader was gone before the first byte."""

    def __init__(self, announcer: Announcer, frames: AsyncIterator[str], listener: Listener) -> None:
        super().__init__(frames, media_type="text/event-stream")
        self._announcer = announcer
        self._listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve until either side ends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._announcer.leave(self._listener)


async def _follow(
    announcer: Announcer, reader: _Reader, begins: str, last_id: int | None, limit: int
) -> AsyncIterator[str]:
    listener = reader.listener
    yield f": connected\n{begins}\n"
    # Only what was replayed here is left out of the live part: a Last-Event-ID from other books must not mute it.
    replayed = 0
    if last_id is not None:
        while missed := await announcer.replay(max(last_id, replayed), limit):
            for notice in missed:
                replayed = notice.id
                if reader.hears(notice):
                    yield _frame(notice)
    while not listener.lost.is_set():
        try:
            async with asyncio.timeout(_KEEP_ALIVE_S):
                live = await listener.queue.get()
        except TimeoutError:
            if not await reader.listens():
                return
            yield ": still here\n\n"
            continue
        if live is None or not await reader.listens():
            return
        if (live.id > replayed or not live.id) and reader.hears(live):
            yield _frame(live)


def _frame(notice: Notice) -> str:
    data = json.dumps({"at_ms": notice.at_ms, **notice.data}, ensure_ascii=False, separators=(",", ":"))
    number = f"id: {notice.id}\n" if notice.id else ""  # one that was not kept must not move the reader's mark
    return f"{number}event: {notice.kind}\ndata: {data}\n\n"
