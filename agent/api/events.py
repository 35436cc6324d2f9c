"""Server-sent events with replay by Last-Event-ID, across restarts. Read by `fetch` with the Authorization header."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response, StreamingResponse

from agent.announce import Announcer, Listener
from agent.api.access import Use
from agent.api.answers import Problem
from agent.api.problems import problem
from agent.limits import EVENT_CLIENT_QUEUE
from agent.ports import Notice

router = APIRouter(tags=["events"])
_KEEP_ALIVE_S = 15


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "content": {"text/event-stream": {}},
            "description": "scan.*, member.resolved, sale.recorded, "
            "device.lost/ready, print.state, sync.state, reconcile.finished",
        },
        503: {"model": Problem, "description": "TOO_MANY_LISTENERS"},
    },
)
async def stream(
    use: Use,
    last_event_id: Annotated[int | None, Header(ge=0)] = None,
    limit: Annotated[int, Query(ge=1, le=EVENT_CLIENT_QUEUE)] = EVENT_CLIENT_QUEUE,
) -> Response:
    """Follow what happens. Without Last-Event-ID only what comes from now on; with it, what was missed comes first."""
    listener = use.announcer.listen()
    if listener is None:
        return problem(
            503, "TOO_MANY_LISTENERS", "too many event readers", hint="close one", headers={"Retry-After": "5"}
        )
    return StreamingResponse(_follow(use.announcer, listener, last_event_id, limit), media_type="text/event-stream")


async def _follow(announcer: Announcer, listener: Listener, last_id: int | None, limit: int) -> AsyncIterator[str]:
    try:
        yield ": connected\n\n"
        seen = last_id if last_id is not None else 0
        if last_id is not None:
            while missed := await announcer.replay(seen, limit):
                for notice in missed:
                    seen = notice.id
                    yield _frame(notice)
        while not listener.lost.is_set():
            try:
                async with asyncio.timeout(_KEEP_ALIVE_S):
                    notice = await listener.queue.get()
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if notice.id > seen:
                seen = notice.id
                yield _frame(notice)
    finally:
        announcer.leave(listener)


def _frame(notice: Notice) -> str:
    data = json.dumps({"at_ms": notice.at_ms, **notice.data}, ensure_ascii=False, separators=(",", ":"))
    return f"id: {notice.id}\nevent: {notice.kind}\ndata: {data}\n\n"
