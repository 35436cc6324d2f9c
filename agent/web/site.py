"""The pages of this till as files: cashier at `/`, manager at `/manage`, what they load under `/assets/`.

Called by agent.api.app for the TCP side. Read once into memory; nothing is generated, nothing personal is in them, so
they need no token (agent.web.files).
"""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from agent.web import files

_PAGES: Final = {"/": "cashier.html", "/manage": "manage.html"}


def site() -> APIRouter:
    """Routes of the pages and their assets; reads every file of agent/web/static now."""
    held = files.held("agent.web")
    router = APIRouter(include_in_schema=False)

    for path, name in _PAGES.items():

        async def page(name: str = name) -> Response:
            return files.answer(name, held[name])

        router.add_api_route(path, page, methods=["GET", "HEAD"])

    async def asset(name: str) -> Response:
        if name not in held or name.endswith(".html"):
            raise HTTPException(404, "no such file")
        return files.answer(name, held[name])

    router.add_api_route("/assets/{name}", asset, methods=["GET", "HEAD"])
    return router
