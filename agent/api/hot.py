"""The two calls a customer waits for, by a way of their own: FastAPI's takes 1 ms for what 0.1 ms can do.

Called by create_app, which puts these routes in front of those that the API document is made of. Same models, same
functions; what is left out is FastAPI's search, its dependencies and the standard library's JSON. What does not fit the
model goes the long way, with all that came, so that there is one way to refuse.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Route
from starlette.types import Message, Receive, Scope, Send

from agent.api import sales
from agent.api.door import BodyTooLarge
from agent.api.models import QuoteRequest, SaleRequest

if TYPE_CHECKING:
    from agent.api.app import Services

Body = TypeVar("Body", bound=BaseModel)
_LONG_WAY: Final = "pos_agent.long_way"
"""In the scope of a request that was here already."""


def hot_routes(services: "Services") -> list[Route]:
    """Quote and sale."""
    return [
        _post("/v1/sales", SaleRequest, sales.sell, services),
        _post("/v1/quotes", QuoteRequest, sales.quote, services),
    ]


def _post(
    path: str, model: type[Body], call: Callable[[Body, "Services"], Awaitable[Response]], services: "Services"
) -> Route:
    async def answer(request: Request) -> "Response | _TheLongWay":
        try:
            content = await request.body()
        except (BodyTooLarge, ClientDisconnect) as error:  # the door answers 413, or nobody listens any more
            raise HTTPException(400, "the body broke off") from error
        try:
            body = model.model_validate_json(content)
        except ValidationError:
            return _TheLongWay(content)
        return await call(body, services)

    return _ShortWay(path, answer, methods=["POST"])


class _ShortWay(Route):
    """A route that a request meets once."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave what was here already to the routes behind."""
        return (Match.NONE, {}) if _LONG_WAY in scope else super().matches(scope)


@dataclass(frozen=True, slots=True)
class _TheLongWay:
    """The answer that the application's other routes give to the body that was read."""

    content: bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = [self.content]

        async def again() -> Message:
            if left:
                return {"type": "http.request", "body": left.pop(), "more_body": False}
            return await receive()

        await scope["app"].router({**scope, _LONG_WAY: True}, again, send)
