"""How routes reach what they call, without globals. Used by every route module."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
    from agent.api.app import Services
else:
    Services = object


async def services(request: Request) -> "Services":  # async: FastAPI hands a plain function to a thread, 0.3 ms a call
    """The services the composition root gave the application."""
    found: Services = request.app.state.services
    return found


Use = Annotated["Services", Depends(services)]
