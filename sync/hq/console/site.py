"""The console's page and what it loads: HQ's own files under /console, and those it shares with the till's pages.

Called by sync.hq.console.join. Nothing personal is in them, so they need no token; Host is checked all the same.
"""

from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from agent.web import files
from sync.hq.console.door import DoorRules

_SHARED: Final = ("base.css", "dom.js", "dialogs.js", "chart.js", "icon.svg")
"""Of agent/web/static: one set of habits for both faces. They find their words in the page's own words.js."""
_MORE: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}


def add_site(app: FastAPI, rules: DoorRules) -> None:
    """Add the page and its assets; reads every file now."""
    shared = files.held("agent.web")
    held = files.held("sync.hq.console") | {name: shared[name] for name in _SHARED}

    def answer(name: str) -> Response:
        response = files.answer(name, held[name])
        response.headers.update(_MORE)
        return response

    async def page(request: Request) -> Response:
        rules.check(request)
        return answer("console.html")

    async def bare(request: Request) -> Response:
        rules.check(request)
        return RedirectResponse("/console/", 308)

    async def asset(request: Request) -> Response:
        rules.check(request)
        name = request.path_params["name"]
        if name not in held or name.endswith(".html"):
            raise HTTPException(404, "no such file")
        return answer(name)

    app.add_api_route("/console", bare, methods=["GET"], include_in_schema=False)
    app.add_api_route("/console/", page, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/console/assets/{name}", asset, methods=["GET", "HEAD"], include_in_schema=False)
