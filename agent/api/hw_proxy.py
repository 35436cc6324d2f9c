"""`/hw_proxy/*`, the JSON-RPC that Odoo's point of sale speaks to its box: an application of its own, on its own port.

Called by agent.api_listen when origins are configured. No token exists in that protocol, so the door is narrow: exact
Host, exact Origin, JSON only, bounded body; and behind it there is nothing but status, paper and drawer.
"""

import json
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from agent.domain.errors import DiskLow, Refusal
from agent.hw_proxy import HwProxy
from agent.limits import HW_PROXY_BODY_BYTES

_SAFE = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Vary": "Origin"}
_RPC_ERROR = 200  # WIRE: what Odoo's own server says in every error
Call = Callable[[dict[str, Any], str], Awaitable[Any]]


def hw_proxy_app(box: HwProxy, hosts: Collection[str], origins: Collection[str]) -> Starlette:
    """The application: a few routes, each behind the door."""
    calls: dict[str, Call] = {
        "handshake": _handshake,
        "status_json": _constant(box.status),
        "default_printer_action": _printer_action(box),
        "print_receipt": _print(box.print_picture),
        "print_xml_receipt": _print(box.print_xml),
        "open_cashbox": _drawer(box),
        "scanner": _constant(lambda: None),
    }

    async def answer(request: Request) -> Response:
        origin = request.headers.get("origin", "")
        refusal = _refuse(request, origin, hosts, origins)
        if refusal is not None:
            return refusal
        name = request.path_params["name"]
        if request.method == "OPTIONS":
            return _preflight(request, origin)
        if name == "hello":
            return PlainTextResponse("ping", headers=_headers(origin))
        if request.method != "POST" or name not in calls:
            return PlainTextResponse("no such call", 404, headers=_headers(origin))
        return await _rpc(request, calls[name], origin)

    route = Route("/hw_proxy/{name:str}", answer, methods=["GET", "POST", "OPTIONS"])
    return Starlette(routes=[route])


def _refuse(request: Request, origin: str, hosts: Collection[str], origins: Collection[str]) -> Response | None:
    if request.headers.getlist("host") != [request.headers.get("host")] or request.headers["host"].lower() not in hosts:
        return PlainTextResponse("this host name is not ours", 403, headers=_SAFE)
    hello = request.method == "GET" and request.path_params["name"] == "hello" and "origin" not in request.headers
    if not hello and (len(request.headers.getlist("origin")) != 1 or origin not in origins):
        return PlainTextResponse("this page may not call: hw_proxy.allowed_origins", 403, headers=_SAFE)
    if request.method == "POST":
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return PlainTextResponse("JSON only", 415, headers=_headers(origin))
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > HW_PROXY_BODY_BYTES:
            return PlainTextResponse("the body is too large, or of no named length", 413, headers=_headers(origin))
    return None


async def _rpc(request: Request, call: Call, origin: str) -> Response:
    number: Any = None
    try:
        asked = json.loads(await request.body())
        number, params = asked.get("id"), asked.get("params") or {}
        result = await call(params, origin)
    except (ValueError, AttributeError, TypeError, KeyError, RecursionError) as error:
        return _reply(origin, number, {"error": _error(f"{type(error).__name__}: cannot be read")})
    except (Refusal, DiskLow) as refused:
        return _reply(origin, number, {"error": _error(refused.message)})
    return _reply(origin, number, {"result": result})


def _reply(origin: str, number: Any, said: dict[str, Any]) -> Response:
    return JSONResponse({"jsonrpc": "2.0", "id": number, **said}, headers=_headers(origin))


def _error(message: str) -> dict[str, Any]:
    data = {"name": "pos-agent", "message": message, "arguments": [message], "debug": ""}
    return {"code": _RPC_ERROR, "message": "Odoo Server Error", "data": data}


def _preflight(request: Request, origin: str) -> Response:
    allowed = {
        "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
        "Access-Control-Allow-Headers": "Content-Type, X-Requested-With",
        "Access-Control-Max-Age": "600",
    }
    if request.headers.get("access-control-request-private-network") == "true":
        allowed["Access-Control-Allow-Private-Network"] = "true"
    return Response(status_code=204, headers={**_headers(origin), **allowed})


def _headers(origin: str) -> dict[str, str]:
    return {**_SAFE, "Access-Control-Allow-Origin": origin} if origin else dict(_SAFE)


async def _handshake(_: dict[str, Any], __: str) -> bool:
    return True


def _constant(tell: Callable[[], Any]) -> Call:
    async def call(_: dict[str, Any], __: str) -> Any:
        return tell()

    return call


def _print(queue: Callable[[str], Awaitable[bool]]) -> Call:
    async def call(params: dict[str, Any], _: str) -> bool:
        return await queue(_receipt(params))

    return call


def _drawer(box: HwProxy) -> Call:
    async def call(_: dict[str, Any], origin: str) -> bool:
        return await box.open_drawer(origin)

    return call


def _printer_action(box: HwProxy) -> Call:
    async def call(params: dict[str, Any], origin: str) -> bool:
        data = params["data"]
        match data.get("action"):
            case "print_receipt":
                return await box.print_picture(_receipt(data))
            case "cashbox":
                return await box.open_drawer(origin)
            case _:
                return False

    return call


def _receipt(holder: dict[str, Any]) -> str:
    receipt = holder["receipt"]
    if not isinstance(receipt, str) or not receipt:
        raise ValueError("no receipt")
    return receipt
