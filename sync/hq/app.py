"""HQ over HTTP: the calls of docs/wire.md, each authenticated, bounded and answered with one message.

Built by sync.hq.server (and by tests over httpx.ASGITransport). Bodies are parsed from the bytes that were signed.
"""

from collections.abc import Callable, MutableMapping
from typing import Any, Final

from fastapi import FastAPI
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agent.domain.errors import AgentError, Refusal
from agent.domain.ledger import LOT_CHARS
from agent.worker import WorkerClosed
from sync.claim_protocol import ClaimRequest
from sync.hq import door
from sync.hq.admission import Admission
from sync.hq.bounds import PROOF_REQUEST_BYTES, REQUEST_BYTES, SMALL_REQUEST_BYTES
from sync.hq.channel_http import add_channel_calls
from sync.hq.member_http import add_member_calls
from sync.hq.seals import as_csv
from sync.hq.service import HqService
from sync.hq.snapshot_calls import SnapshotCalls
from sync.hq.turns import Turns
from sync.hq.wechat_http import add_wechat_calls
from sync.lease_protocol import LeaseReport, LeaseRequest
from sync.message import PROTOCOL, Count, Message
from sync.proof import LocateRequest, Seal
from sync.protocol import AT_MS_HEADER, Batch, EnrolRequest, Feed, LookRequest, ProofRequest, at_ms_of
from sync.ranges import RangesRequest

_STATION: Final = "/v1/workstations/{workstation_id}"
_FEEDS: Final = frozenset(feed.value for feed in Feed)
_CURSOR_DIGITS: Final = 16  # LIMIT: as many as 2**53 has


def create_app(hq: HqService, turns: Turns | None = None) -> FastAPI:
    """Make the application; it owns nothing, so closing `hq` is the caller's business. `turns`: who is let in when."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    calls = _Calls(hq)
    app.add_api_route("/healthz", calls.healthz, methods=["GET"])
    app.add_api_route("/v1/enrol", calls.enrol, methods=["POST"])
    app.add_api_route(f"{_STATION}/batches", calls.batches, methods=["POST"])
    app.add_api_route(f"{_STATION}/feeds", calls.look, methods=["POST"])
    app.add_api_route(f"{_STATION}/feeds/{{feed}}", calls.feeds, methods=["GET"])
    app.add_api_route(f"{_STATION}/proof", calls.proof, methods=["POST"])
    app.add_api_route(f"{_STATION}/locate", calls.locate, methods=["POST"])
    app.add_api_route(f"{_STATION}/ranges", calls.ranges, methods=["POST"])
    app.add_api_route(f"{_STATION}/leases", calls.grant, methods=["POST"])
    app.add_api_route(f"{_STATION}/leases", calls.leases, methods=["GET"])
    app.add_api_route(f"{_STATION}/leases/report", calls.report, methods=["POST"])
    snapshots = SnapshotCalls(hq)
    app.add_api_route(f"{_STATION}/snapshot", snapshots.manifest, methods=["GET"])
    app.add_api_route(f"{_STATION}/snapshots/{{snapshot_id}}", snapshots.content, methods=["GET"])
    app.add_api_route("/v1/seals", calls.seals, methods=["GET"])
    app.add_api_route("/v1/claims", calls.claims, methods=["POST"])
    app.add_api_route(f"{_STATION}/totals", calls.totals, methods=["GET"])
    add_wechat_calls(app, hq)
    add_member_calls(app, hq)
    add_channel_calls(app, hq)
    app.add_middleware(Admission, turns=turns or Turns(hq.mono_s))
    app.add_middleware(_Stamped, now_ms=hq.now_ms)
    app.add_exception_handler(AgentError, _refused)
    app.add_exception_handler(ValidationError, _unreadable)
    app.add_exception_handler(WorkerClosed, _stopping)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(HTTPException, _no_such_call)
    app.add_exception_handler(Exception, _failed)
    return app


class _Stamped:
    """Says on every answer what HQ's clock shows, so that tills know how far to trust theirs."""

    def __init__(self, app: ASGIApp, now_ms: Callable[[], int]) -> None:
        self._app = app
        self._now_ms = now_ms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def stamped(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                stamp = (AT_MS_HEADER.lower().encode(), str(self._now_ms()).encode())
                message["headers"] = [*message.get("headers", []), stamp]
            await send(message)

        await self._app(scope, receive, stamped)


class _Calls:
    def __init__(self, hq: HqService) -> None:
        self._hq = hq

    async def healthz(self) -> Response:
        await self._hq.ping()
        return JSONResponse({"status": "ok", "protocol": PROTOCOL})

    async def enrol(self, request: Request) -> Response:
        message = EnrolRequest.model_validate_json(await door.read_body(request, SMALL_REQUEST_BYTES))
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.redeem(message))

    async def batches(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, REQUEST_BYTES)
        body = door.inflate(request.headers.get("content-encoding", ""), sent)
        batch = Batch.model_validate_json(body)
        await self._note_clock(request, station.workstation_id)
        return door.answer(request, await self._hq.ingest(station.workstation_id, batch))

    async def _note_clock(self, request: Request, workstation_id: str) -> None:
        till_ms = at_ms_of(request.headers.get(AT_MS_HEADER, ""))
        if till_ms is not None:
            await self._hq.note_clock(workstation_id, till_ms)

    async def look(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        message = LookRequest.model_validate_json(sent)
        _check_protocol(message.protocol)
        self._hq.shared_feeds.forget()  # every till looks, whether or not it has anything to read
        return door.answer(request, await self._hq.looking.look(station, message))

    async def feeds(self, request: Request, workstation_id: str, feed: str) -> Response:
        station, _ = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        after = request.query_params.get("after", "0")
        if feed not in _FEEDS:
            raise Refusal("FEED_UNKNOWN", "there is no such feed", status=404)
        staged = request.query_params.get("staged") == "1"
        if request.query_params.get("run") == "1":
            run = await self._hq.shared_feeds.run(station, Feed(feed), _cursor(after))
            if isinstance(run, bytes):
                return door.Run(run, self._hq.shared_feeds.unread(len(run)))
            return door.answer(request, run)
        page = await self._hq.feed(station.workstation_id, Feed(feed), _cursor(after), staged=staged)
        return door.answer(request, page)

    async def proof(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, PROOF_REQUEST_BYTES)
        message = ProofRequest.model_validate_json(sent)
        await self._note_clock(request, station.workstation_id)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.prove(station.workstation_id, message))

    async def locate(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, PROOF_REQUEST_BYTES)
        message = LocateRequest.model_validate_json(sent)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.locate(station.workstation_id, message))

    async def ranges(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, PROOF_REQUEST_BYTES)
        message = RangesRequest.model_validate_json(sent)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.ranges(station.workstation_id, message))

    async def grant(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        message = LeaseRequest.model_validate_json(sent)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.leases.grant(station.workstation_id, message))

    async def report(self, request: Request, workstation_id: str) -> Response:
        station, sent = await door.authenticate(self._hq, request, workstation_id, PROOF_REQUEST_BYTES)
        message = LeaseReport.model_validate_json(sent)
        _check_protocol(message.protocol)
        return door.answer(request, await self._hq.leases.report(station.workstation_id, message))

    async def leases(self, request: Request, workstation_id: str) -> Response:
        station, _ = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        after = request.query_params.get("after", "")[:LOT_CHARS]
        return door.answer(request, await self._hq.leases.page(station.workstation_id, after))

    async def seals(self, request: Request) -> Response:
        await door.reader(self._hq, request)
        after = _cursor(request.query_params.get("after", "0"))
        found, cursor = await self._hq.seals(after)
        wants = request.query_params.get("format", "") or request.headers.get("accept", "")
        if "csv" in wants:
            return Response(as_csv(found), media_type="text/csv; charset=utf-8", headers={"X-Cursor": str(cursor)})
        return door.answer(request, SealPage(seals=found, cursor=cursor))

    async def claims(self, request: Request) -> Response:
        brand_id = await door.joiner(self._hq, request)  # ORDER: before a byte of a stranger's body is read
        message = ClaimRequest.model_validate_json(await door.read_body(request, SMALL_REQUEST_BYTES))
        return door.answer(request, await self._hq.claim(brand_id, message))

    async def totals(self, request: Request, workstation_id: str) -> Response:
        station, _ = await door.authenticate(self._hq, request, workstation_id, SMALL_REQUEST_BYTES)
        return door.answer(request, await self._hq.totals(station.workstation_id))


class SealPage(Message):
    """Seals behind the cursor asked for; ask again from `cursor` until none come."""

    seals: list[Seal]
    cursor: Count


def _cursor(after: str) -> int:
    if not (after.isascii() and after.isdigit() and len(after) <= _CURSOR_DIGITS and int(after) < 2**53):
        raise Refusal("CURSOR_INVALID", "after must be a whole number", field="after")
    return int(after)


def _check_protocol(protocol: int) -> None:
    if protocol != PROTOCOL:
        raise Refusal("PROTOCOL_UNSUPPORTED", f"this HQ speaks protocol {PROTOCOL}", status=426)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, AgentError)
    return door.problem(error)


async def _unreadable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError)
    return door.unreadable(error)


async def _stopping(_request: Request, _error: Exception) -> Response:
    return door.unavailable("STOPPING")


async def _gone(_request: Request, _error: Exception) -> Response:
    return door.plain(400, "CLIENT_GONE")


async def _no_such_call(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return door.plain(error.status_code, "METHOD_NOT_ALLOWED" if error.status_code == 405 else "NOT_FOUND")


async def _failed(_request: Request, _error: Exception) -> Response:
    return door.plain(500, "INTERNAL")
