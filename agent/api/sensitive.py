"""Personal data in the clear, for a manager: audited, and limited to three reads a minute at this till (S55)."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from agent.api.access import Use, Who
from agent.api.answers import Answer, Problem
from agent.api.models import CallerId, Request, Text
from agent.domain.errors import Refusal

router = APIRouter(prefix="/manage", tags=["manage"])
_LISTED = 200


class BirthdayRequest(Request):
    """Whose birthday, and what for; `by` where nobody signed in."""

    member_id: CallerId
    reason: Text
    by: Annotated[Text | None, Field(default=None)]


class BirthdayView(Answer):
    """Month and day, MM-DD; null where it is not known. The year never comes to a till."""

    member_id: str
    birthday: str | None


class AccessView(Answer):
    """One read of personal data in the clear; `allowed` false: it was refused and alarmed."""

    at_ms: int
    member_id: str
    field: str
    operator: str
    app: str
    reason: str
    allowed: bool


class AccessList(Answer):
    """The newest reads first."""

    reads: list[AccessView]


@router.post(
    "/members/birthday",
    response_model=BirthdayView,
    responses={
        404: {"model": Problem, "description": "MEMBER_UNKNOWN"},
        422: {"model": Problem, "description": "INVALID_REQUEST, NAME_NEEDED"},
        429: {"model": Problem, "description": "PLAINTEXT_READS: the fourth read within a minute; alarmed"},
    },
)
async def birthday(body: BirthdayRequest, use: Use, who: Who) -> JSONResponse:
    """Read a member's birthday in the clear. Noted with operator and reason; offers of the day need no such read."""
    operator = (who.operator if who is not None else "") or (body.by or "").strip()
    if not operator:
        raise Refusal("NAME_NEEDED", "say who reads it", hint="sign in, or send by", field="by")
    app = who.app if who is not None else ""
    found = await use.sensitive.birthday(body.member_id, operator, app, body.reason)
    return JSONResponse({"member_id": body.member_id, "birthday": found or None})


@router.get("/access-log", response_model=AccessList)
async def access_log(use: Use) -> JSONResponse:
    """Who read what of whom, refused reads too."""
    reads = await use.sensitive.latest(_LISTED)
    return JSONResponse(
        {
            "reads": [
                {
                    "at_ms": one.at_ms,
                    "member_id": one.request.member_id,
                    "field": one.request.field,
                    "operator": one.request.operator,
                    "app": one.request.app,
                    "reason": one.request.reason,
                    "allowed": one.allowed,
                }
                for one in reads
            ]
        }
    )
