"""How routes reach what they call, without globals, and whose call it is. Used by every route module."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from agent.grants import Grant

if TYPE_CHECKING:
    from agent.api.app import Services
else:
    Services = object

GRANT = "pos_agent.grant"
"""Where the door notes whose token a request came with; absent on the trusted socket."""


async def services(request: Request) -> "Services":  # async: FastAPI hands a plain function to a thread, 0.3 ms a call
    """The services the composition root gave the application."""
    found: Services = request.app.state.services
    return found


async def grant(request: Request) -> Grant | None:
    """Whose call it is; None on the trusted socket."""
    found: Grant | None = request.scope.get(GRANT)
    return found


Use = Annotated["Services", Depends(services)]
Who = Annotated[Grant | None, Depends(grant)]
