"""How the console's calls read a body and answer. Used by sync.hq.console.calls and the calls of its parts."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.domain.errors import Refusal
from sync.hq.bounds import SMALL_REQUEST_BYTES
from sync.hq.console import asks, door
from sync.hq.console.people import Person, Role
from sync.hq.door import read_body

A = TypeVar("A", bound=asks.Ask)
Handler: TypeAlias = Callable[[Person, Request], Awaitable[Response | dict[str, Any]]]
Row: TypeAlias = tuple[str, str, Role, Handler]
"""One call: method, path, the role it needs, what answers it."""
SAFE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_DIGITS: Final = 15  # LIMIT: stays below 2**53


async def read(request: Request, shape: type[A], most_bytes: int = SMALL_REQUEST_BYTES) -> A:
    """The body as what was asked; strictly."""
    door.need_type(request, "application/json")
    return shape.model_validate_json(await read_body(request, most_bytes))


def answer(content: dict[str, Any]) -> Response:
    """JSON that no cache keeps."""
    return JSONResponse(content, headers=SAFE)


def whole(text: str | None) -> int:
    """A whole number of a query, 0 where it is not given. Refusal CURSOR_INVALID."""
    if text is None or text == "":
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise Refusal("CURSOR_INVALID", "this must be a whole number")
    return int(text)
