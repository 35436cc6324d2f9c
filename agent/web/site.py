"""The pages of this till as files: cashier at `/`, manager at `/manage`, what they load under `/assets/`.

Called by agent.api.app for the TCP side. Read once into memory; nothing is generated, nothing personal is in them, so
they need no token. What they may load and call is this origin alone (Content-Security-Policy).
"""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.exceptions import HTTPException

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:;"
    " form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
_MEDIA: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_PAGES: Final = {"/": "cashier.html", "/manage": "manage.html"}


def site() -> APIRouter:
    """Routes of the pages and their assets; reads every file of agent/web/static now."""
    folder = files("agent.web") / "static"
    held = {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in _MEDIA}
    router = APIRouter(include_in_schema=False)

    def answer(name: str) -> Response:
        return Response(held[name], media_type=_MEDIA[name.rpartition(".")[2]], headers=_HEADERS)

    for path, name in _PAGES.items():

        async def page(name: str = name) -> Response:
            return answer(name)

        router.add_api_route(path, page, methods=["GET", "HEAD"])

    async def asset(name: str) -> Response:
        if name not in held or name.endswith(".html"):
            raise HTTPException(404, "no such file")
        return answer(name)

    router.add_api_route("/assets/{name}", asset, methods=["GET", "HEAD"])
    return router
