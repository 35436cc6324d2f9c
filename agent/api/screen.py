"""What the pages of this till need before anybody signed in: words, shop, join code; and QR codes as SVG."""

import base64
from io import BytesIO
from typing import Annotated

import qrcode
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field
from qrcode.image.svg import SvgPathImage

from agent import limits
from agent.api.access import Use
from agent.api.answers import Answer
from agent.api.models import Request

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
    """What the code shall say."""

    payload: Annotated[str, Field(min_length=1, max_length=limits.SCAN_FRAME_BYTES)]


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
            "join_svg": drawn(shop.join_url) if shop.join_url else "",
            "words": shop.words,
        }
    )


@router.post("/qr", response_model=QrView)
async def code(body: QrRequest) -> JSONResponse:
    """Draw a QR code for a screen."""
    return JSONResponse({"svg": drawn(body.payload)})


def drawn(payload: str) -> str:
    """A QR code as a data URL.

    >>> drawn("https://example.com")[:26]
    'data:image/svg+xml;base64,'
    """
    made = qrcode.make(payload, image_factory=SvgPathImage, error_correction=qrcode.ERROR_CORRECT_M, border=4)
    held = BytesIO()
    made.save(held)
    return "data:image/svg+xml;base64," + base64.b64encode(held.getvalue()).decode()
