"""Static files of a page, read once into memory, and the headers they travel under.

Used by agent.web.site (the till's pages) and sync.hq.console.site (headquarters'). What a page may load and call is its
own origin alone (Content-Security-Policy).
"""

from importlib.resources import files
from typing import Final

from fastapi.responses import Response

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


def held(package: str) -> dict[str, bytes]:
    """The pages' files in the folder `static` of a package, by name."""
    folder = files(package) / "static"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in _MEDIA}


def answer(name: str, content: bytes) -> Response:
    """Send a file."""
    return Response(content, media_type=_MEDIA[name.rpartition(".")[2]], headers=_HEADERS)
