"""RFC 9457 problem details: one shape for every error, with a stable code, a Chinese sentence and a hint.

Called by the door and the exception handlers. Never repeats what the caller sent: it may hold a payment code.
"""

from collections.abc import Sequence

from fastapi.responses import JSONResponse

from agent.wording import sentence

MEDIA_TYPE = "application/problem+json"
SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""What every answer carries; problems carry it themselves, for not all of them pass the door on their way out."""


def problem(
    status: int,
    code: str,
    title: str,
    *,
    hint: str = "",
    field: str | None = None,
    errors: Sequence[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
    said: str = "",
) -> JSONResponse:
    """Make a problem response."""
    body: dict[str, object] = {
        "type": f"urn:pos-agent:problem:{code.lower()}",
        "title": title,
        "status": status,
        "code": code,
        "detail": sentence(code) + said,
        "hint": hint,
    }
    if field is not None:
        body["field"] = field
    if errors is not None:
        body["errors"] = list(errors)
    return JSONResponse(body, status_code=status, headers={**SAFE, **(headers or {})}, media_type=MEDIA_TYPE)
