"""HQ's door: who is calling, how much they may send, and how a refusal looks.

Called by sync.hq.app. A workstation proves itself by signing method, target and body as sent; that is checked before
the body is inflated or parsed. Every error is RFC 9457 problem details with a stable `code`, and repeats nothing of
what was sent.
"""

import asyncio
import base64
import json
import re
from contextlib import AbstractContextManager
from typing import Any

import zstandard
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from agent.domain.errors import AgentError, DiskLow, Refusal, StorageError
from agent.limits import BATCH_INFLATED_BYTES
from sync import feed_run
from sync.hq.bounds import COMPRESS_FROM_BYTES, REQUEST_READ_S, ZSTD_WINDOW_BYTES
from sync.hq.channels import Channel
from sync.hq.enrol import Station
from sync.hq.keys import verify
from sync.hq.service import HqService
from sync.message import NOT_KEEPABLE
from sync.protocol import AUTH_SCHEME, BatchAnswer, ProofAnswer, request_signing_bytes

_AUTHORIZATION = re.compile(AUTH_SCHEME + r' workstation="([A-Za-z0-9._:\-]{1,64})", signature="([A-Za-z0-9+/]{86}==)"')
_FAULTS_NAMED = 5
_HALF_A_CHARACTER = "hex escape"  # what pydantic's reader of JSON says of a surrogate without its other half
_RETRY_AFTER_S = 30


async def authenticate(hq: HqService, request: Request, workstation_id: str, most_bytes: int) -> tuple[Station, bytes]:
    """Give the calling workstation and its body as sent; Refusal 401 NOT_AUTHENTICATED or WORKSTATION_REVOKED, 413."""
    refused = Refusal("NOT_AUTHENTICATED", "sign the call with the workstation's own key", status=401)
    signature = signed_as(request.headers, workstation_id)
    if signature is None:
        raise refused
    station = await hq.station(workstation_id)
    if station is not None and station.state == "revoked":
        raise Refusal("WORKSTATION_REVOKED", "headquarters has withdrawn this workstation", status=401)
    if station is None or station.public_key is None:
        raise refused
    # ORDER: strangers are turned away above, before a byte of their body is read.
    body = await read_body(request, most_bytes)
    message = request_signing_bytes(request.method, _target(request), body)
    if not verify(station.public_key, base64.b64decode(signature), message):
        raise refused
    return station, body


def signed_as(headers: Headers, workstation_id: str) -> str | None:
    """The signature, in base64, of a call that says it comes from this workstation; None for strangers."""
    header = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    return header[2] if header is not None and header[1] == workstation_id else None


async def reader(hq: HqService, request: Request) -> str:
    """Name the system of HQ that calls with a bearer token; Refusal 401 NOT_AUTHENTICATED."""
    token = _bearer(request)
    name = await hq.reader(token) if token else None
    if name is None:
        raise Refusal("NOT_AUTHENTICATED", "send a token of `pos-agent hq token`", status=401)
    return name


async def joiner(hq: HqService, request: Request) -> str:
    """Name the brand whose join page calls with a bearer token; Refusal 401 NOT_AUTHENTICATED."""
    token = _bearer(request)
    brand_id = await hq.joiner(token) if token else None
    if brand_id is None:
        raise Refusal("NOT_AUTHENTICATED", "send a token of `pos-agent hq token --kind join`", status=401)
    return brand_id


async def channel(hq: HqService, request: Request, name: str) -> Channel:
    """The online channel that calls with a bearer token, under its own name; Refusal 401 NOT_AUTHENTICATED."""
    token = _bearer(request)
    found = await hq.channels.of_token(token) if token else None
    if found is None or found.name != name:
        raise Refusal("NOT_AUTHENTICATED", "send the token of `pos-agent hq channels add`", status=401)
    return found


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _target(request: Request) -> str:
    """Path and query exactly as they came over the wire."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string") or b""
    return (path + (b"?" + query if query else b"")).decode("latin-1")


async def read_body(request: Request, most_bytes: int) -> bytes:
    """Read a bounded body in bounded time; Refusal 413 BODY_TOO_LARGE, 408 BODY_TOO_SLOW."""
    too_large = Refusal("BODY_TOO_LARGE", f"at most {most_bytes} bytes", status=413)
    if declares_more(request.headers, most_bytes):
        raise too_large
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(REQUEST_READ_S):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise too_large
                parts.append(part)
    except TimeoutError as error:
        raise too_slow() from error
    return b"".join(parts)


def declares_more(headers: Headers, most_bytes: int) -> bool:
    """Whether a call says beforehand that its body is too large."""
    declared = headers.get("content-length", "0")
    return declared.isascii() and declared.isdigit() and int(declared[:18]) > most_bytes


def too_slow() -> Refusal:
    """408 BODY_TOO_SLOW."""
    return Refusal("BODY_TOO_SLOW", f"the body did not arrive within {REQUEST_READ_S} s", status=408)


def inflate(encoding: str, body: bytes) -> bytes:
    """Undo Content-Encoding within BATCH_INFLATED_BYTES; Refusal 413, 415 CONTENT_ENCODING, 400 BODY_DAMAGED."""
    if encoding in ("", "identity"):
        return body
    if encoding != "zstd":
        raise Refusal("CONTENT_ENCODING", "send zstd or identity", status=415)
    try:
        unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
        with unpacker.stream_reader(body) as stream:
            inflated = stream.read(BATCH_INFLATED_BYTES + 1)
    except zstandard.ZstdError as error:
        raise Refusal("BODY_DAMAGED", "the body is not zstd, or asks for too large a window", status=400) from error
    if len(inflated) > BATCH_INFLATED_BYTES:
        raise Refusal("BODY_TOO_LARGE", f"at most {BATCH_INFLATED_BYTES} bytes unpacked", status=413)
    return inflated


def answer(request: Request, message: BaseModel) -> Response:
    """Send a message as JSON, compressed where the caller takes zstd and it pays."""
    content = message.model_dump_json(exclude_defaults=isinstance(message, ProofAnswer | BatchAnswer)).encode()
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    accepted = {part.split(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    if len(content) >= COMPRESS_FROM_BYTES and "zstd" in accepted:
        content = zstandard.ZstdCompressor(level=3).compress(content)
        headers["Content-Encoding"] = "zstd"
    return Response(content, media_type="application/json", headers=headers)


class Run(Response):
    """Pages of a feed, which are packed already. `unread` is entered until the till has read nearly all of them."""

    def __init__(self, pages: bytes, unread: AbstractContextManager[None]) -> None:
        super().__init__(pages, media_type=feed_run.MEDIA_TYPE, headers={"Cache-Control": "no-store"})
        self._unread = unread

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send in two steps: the server takes the second one only once its buffer has emptied."""
        with self._unread:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self.body, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def problem(error: AgentError) -> Response:
    """Write an error of ours as problem details."""
    if isinstance(error, Refusal):
        return _problem(error.status, error.code, error.message, error.hint, field=error.field)
    if isinstance(error, DiskLow):
        return unavailable("DISK_LOW")
    if isinstance(error, StorageError):
        return unavailable("STORAGE_FAILED")
    return _problem(500, "INTERNAL", "headquarters failed", "")


def unavailable(code: str) -> Response:
    """503: the caller keeps its events and comes back."""
    response = _problem(503, code, "headquarters cannot serve now", "events stay at the store; try again later")
    response.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return response


def busy(after_s: int) -> Response:
    """503 before a place was taken: more calls than HQ can answer in time; this one's turn is in `after_s` seconds."""
    response = _problem(503, "BUSY", "headquarters is busy", "the store comes back by itself")
    response.headers["Retry-After"] = str(after_s)
    return response


def plain(status: int, code: str) -> Response:
    """An error that carries nothing but its code."""
    return _problem(status, code, "", "")


def unreadable(error: ValidationError) -> Response:
    """422: name the places at fault, never the values (they may be identities); 400 when it is no JSON at all."""
    faults = error.errors(include_input=False, include_url=False, include_context=False)
    no_json = [fault["msg"] for fault in faults if fault["type"] == "json_invalid"]
    if any(_HALF_A_CHARACTER in said for said in no_json):
        return _problem(422, "BODY_INVALID", "a text ends in the middle of a character (a lone surrogate)", "")
    if no_json:
        return _problem(400, "BODY_NOT_JSON", "the body is not JSON", "")
    named = [f"{'.'.join(map(str, fault['loc']))}: {_said(fault)}" for fault in faults[:_FAULTS_NAMED]]
    return _problem(422, "BODY_INVALID", "; ".join(named), "", count=len(faults))


def _said(fault: ErrorDetails) -> str:
    """A fault by its type; in words where they are ours, which repeat nothing that was sent."""
    return fault["msg"] if fault["type"] == NOT_KEEPABLE else fault["type"]


def _problem(status: int, code: str, detail: str, hint: str, **more: object) -> Response:
    content: dict[str, Any] = {"type": "about:blank", "status": status, "code": code}
    content |= {name: value for name, value in {"detail": detail, "hint": hint, **more}.items() if value}
    headers = {"Cache-Control": "no-store"}
    if status == 401:
        headers["WWW-Authenticate"] = AUTH_SCHEME
    return Response(
        json.dumps(content, ensure_ascii=False).encode(), status, headers, media_type="application/problem+json"
    )
