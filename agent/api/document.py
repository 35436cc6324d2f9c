"""The OpenAPI document: what routes there are and what they answer, as POS vendors read it. Kept in docs/openapi.json.

`python -m agent.api.document` writes that file; a test fails when it and the running application differ.
"""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from agent.api import (
    after_sales,
    events,
    manage,
    manage_mode,
    members,
    metrics,
    people,
    print_jobs,
    sales,
    screen,
    sensitive,
    status,
)
from agent.api.door import OPEN_PATHS
from agent.api.problems import MEDIA_TYPE

API_VERSION = "1.0"
DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
_UNSAID = "Validation Error"
"""What FastAPI writes where a route says nothing of the input it refuses."""
_ANYWHERE = (
    "Refused at the door (HOST_REFUSED, ORIGIN_REFUSED, TOKEN_REFUSED, SCOPE_REFUSED, METHOD_REFUSED, JSON_ONLY,"
    " BODY_TOO_LARGE, TOO_MANY_REQUESTS, MODE_DIFFERS; 400 INVALID_REQUEST: no JSON at all), not able now (STOPPING,"
    " STORAGE_FAILED, DISK_LOW), or our mistake (INTERNAL)"
)
_PROBLEM = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}


class TillApi(FastAPI):
    """FastAPI, whose document also tells of the door: the token, and problems as RFC 9457 writes them."""

    def openapi(self) -> dict[str, Any]:
        """Give the document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document["components"]["schemas"]
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"token": []}]
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _describe(path, operation)
        assert self.openapi_schema is not None
        return self.openapi_schema


def till_api() -> TillApi:
    """The application's routes, without services and without the door."""
    app = TillApi(
        title="pos-agent till API",
        version=API_VERSION,
        summary="Members, prices, points and receipts at the till, with or without a network.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    selling, managing = (members, sales, after_sales, print_jobs), (manage, manage_mode, sensitive)
    for part in (status, screen, people, *selling, events, *managing):
        app.include_router(part.router, prefix="/v1")
    app.include_router(metrics.router)
    return app


def text() -> str:
    """The document as the file holds it."""
    return json.dumps(till_api().openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _describe(path: str, operation: dict[str, Any]) -> None:
    if path in OPEN_PATHS:
        operation["security"] = []
    for status_code, answer in operation["responses"].items():
        if status_code >= "400":
            answer["content"] = _PROBLEM
            if answer["description"] == _UNSAID:
                answer["description"] = "INVALID_REQUEST"
    operation["responses"]["default"] = {"description": _ANYWHERE, "content": _PROBLEM}


if __name__ == "__main__":
    DOCUMENT.write_text(text(), encoding="utf-8")
