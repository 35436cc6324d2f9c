"""The two calls a customer waits for, by a way of their own: FastAPI's takes 1 ms for what 0.1 ms can do.

Called by create_app, which puts these routes in front of those that the API document is made of. Same models, same
functions, same refusals; what is left out is FastAPI's search, its dependencies and the standard library's JSON.
"""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from agent.api import sales
from agent.api.door import BodyTooLarge
from agent.api.models import QuoteRequest, SaleRequest

if TYPE_CHECKING:
    from agent.api.app import Services

Body = TypeVar("Body", bound=BaseModel)


def hot_routes(services: "Services") -> list[Route]:
    """Quote and sale."""
    return [
        _post("/v1/sales", SaleRequest, sales.sell, services),
        _post("/v1/quotes", QuoteRequest, sales.quote, services),
    ]


def _post(
    path: str, model: type[Body], call: Callable[[Body, "Services"], Awaitable[Response]], services: "Services"
) -> Route:
    async def answer(request: Request) -> Response:
        try:
            content = await request.body()
        except (BodyTooLarge, ClientDisconnect) as error:  # the door answers 413, or nobody listens any more
            raise HTTPException(400, "the body broke off") from error
        try:
            body = model.model_validate_json(content)
        except ValidationError:
            body = _read_closely(model, content)
        return await call(body, services)

    return Route(path, answer, methods=["POST"])


def _read_closely(model: type[Body], content: bytes) -> Body:
    """Read what did not fit as FastAPI does, so that it is refused by the same fields as everywhere else."""
    try:
        return model.model_validate(json.loads(content))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from None
    except (ValueError, RecursionError):
        fault = {"type": "json_invalid", "loc": ("body",), "msg": "JSON decode error"}
        raise RequestValidationError([fault]) from None
