"""What the pages of this till need before anybody signed in: words, shop, join code; and QR codes as SVG."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from agent.api.access import Use
from agent.api.answers import Answer
from agent.api.models import Request
from agent.qr_svg import drawn

router = APIRouter(tags=["pages"])


class ScreenView(Answer):
    """The shop and the words of its pages. `join_svg`: the join page as a data URL; "" where there is none."""

    store_name: str
    language: str
    training: bool
    tables: bool
    """Whether this shop takes table numbers (S10)."""
    join_svg: str
    words: dict[str, str]


class QrRequest(Request):
    """What the code shall say: an address, in ASCII."""

    payload: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[ -~]+$")]


class QrView(Answer):
    """The code as a data URL of an SVG image."""

    svg: str


@router.get("/screen", response_model=ScreenView)
async def screen(use: Use) -> JSONResponse:
    """Tell a page its words and its shop. Needs no token; holds nothing that does not hang on the shop's door."""
    shop = use.screen
    return JSONResponse(
        {
            "store_name": shop.store_name,
            "language": shop.language,
            "training": shop.training,
            "tables": shop.tables,
            "join_svg": shop.join_svg,
            "words": shop.words,
        }
    )


@router.post("/qr", response_model=QrView)
async def code(body: QrRequest, use: Use) -> JSONResponse:
    """Draw a QR code for a screen."""
    return JSONResponse({"svg": await use.slow.call(lambda: drawn(body.payload))})
