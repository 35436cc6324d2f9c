"""How routes reach what they call, without globals. Used by every route module."""

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

if TYPE_CHECKING:
    from agent.api.app import Services
else:
    Services = object


def services(request: Request) -> "Services":
    """The services the composition root gave the application."""
    found: Services = request.app.state.services
    return found


Use = Annotated["Services", Depends(services)]
