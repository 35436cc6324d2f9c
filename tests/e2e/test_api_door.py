"""The door of the local API (promise 12, pains 34, 36): who gets in, by raw bytes on the real socket."""

import json
import stat
from collections.abc import Iterator

import httpx
import pytest

from agent.api.answers import Hello, StatusView
from agent.limits import API_BODY_BYTES, API_REQUESTS_PER_S
from tests.api_till import SAFE_HEADERS, ApiTill, checked, problem, running
from tests.raw_http import chunked, exchange, request
from tests.till_world import cash

FRIEND = "https://pos.example.com"
SALE = {"sale_id": "door-1", "tenders": [cash(100)]}


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    extra = f'allowed_origins = ["{FRIEND}"]'  # the world's text ends inside [api]
    with running(tmp_path_factory.mktemp("door"), extra=extra) as found:
        yield found


class Caller:
    """A caller that sends exactly these headers."""

    def __init__(self, till: ApiTill) -> None:
        self._till = till
        self.port = till.world.agent.port
        self.host = f"127.0.0.1:{self.port}"
        self.token = till.client.headers["Authorization"]

    def __call__(
        self,
        method: str,
        path: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        host: bool = True,
        token: bool = True,
    ) -> httpx.Response:
        own = [("Host", self.host)] if host else []
        own += [("Authorization", self.token)] if token else []
        return self._till.run(exchange(self.port, request(method, path, [*own, *headers], body)))

    def sale(self, *headers: tuple[str, str], media: str = "application/json", token: bool = True) -> httpx.Response:
        body = json.dumps(SALE).encode()
        own = (("Content-Type", media), ("Content-Length", str(len(body))))
        return self("POST", "/v1/sales", *own, *headers, body=body, token=token)


@pytest.fixture
def call(till: ApiTill) -> Iterator[Caller]:
    before = till.events()
    yield Caller(till)
    assert till.events() == before, "a refused call must change nothing"


# --- Host, Origin ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/v1/hello", "/v1/status", "/openapi.json", "/v1/nothing"])
def test_only_our_own_host_name_is_answered_against_dns_rebinding(call: Caller, path: str) -> None:
    for name in ("evil.example.com", f"evil.example.com:{call.port}", "127.0.0.1", f"127.0.0.1.:{call.port}", ""):
        problem(call("GET", path, ("Host", name), host=False), 403, "HOST_REFUSED")


def test_a_missing_or_doubled_host_is_refused(call: Caller) -> None:
    """uvicorn's parser refuses both before us; whoever does, nobody gets in."""
    for hosts in ([], [call.host, call.host], [call.host, "evil.example.com"]):
        answer = call("GET", "/v1/status", *(("Host", one) for one in hosts), host=False)
        assert answer.status_code in (400, 403)


@pytest.mark.parametrize("origin", ["https://evil.example.com", "null", "", f"{FRIEND}.evil.com", "http://127.0.0.1"])
def test_a_foreign_page_is_refused_whatever_it_holds(call: Caller, origin: str) -> None:
    problem(call.sale(("Origin", origin)), 403, "ORIGIN_REFUSED")
    refused = call("GET", "/v1/hello", ("Origin", origin))
    problem(refused, 403, "ORIGIN_REFUSED")
    assert "access-control-allow-origin" not in refused.headers
    preflight = call("OPTIONS", "/v1/sales", ("Origin", origin), ("Access-Control-Request-Method", "POST"))
    problem(preflight, 403, "ORIGIN_REFUSED")


def test_a_second_origin_does_not_hide_behind_the_first(call: Caller) -> None:
    problem(call("GET", "/v1/hello", ("Origin", FRIEND), ("Origin", "https://evil.example.com")), 403, "ORIGIN_REFUSED")


def test_an_allowed_page_can_call_and_is_the_only_one_that_may_read(call: Caller) -> None:
    asks = (("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization,content-type"))
    preflight = call("OPTIONS", "/v1/sales", ("Origin", FRIEND), *asks, token=False)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == FRIEND
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in preflight.headers
    answer = call("GET", "/v1/status", ("Origin", FRIEND))
    assert answer.status_code == 200
    assert (answer.headers["access-control-allow-origin"], answer.headers["vary"]) == (FRIEND, "Origin")
    refused = call("GET", "/v1/status", ("Origin", FRIEND), token=False)  # the page must be able to read why
    problem(refused, 401, "TOKEN_REFUSED")
    assert refused.headers["access-control-allow-origin"] == FRIEND
    own = call("GET", "/v1/status", ("Origin", f"http://{call.host}"))
    assert own.status_code == 200
    assert "access-control-allow-origin" not in call("GET", "/v1/hello").headers


# --- content, token, method -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "media",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", ""],
)
def test_a_cross_site_simple_post_is_refused_for_its_media_type_pains_34(call: Caller, media: str) -> None:
    problem(call.sale(media=media), 415, "JSON_ONLY")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic dGVzdDp0ZXN0", "Bearer \xff\xfe"])
def test_a_wrong_or_missing_token_gets_nowhere(call: Caller, token: str) -> None:
    headers = [("Authorization", token)] if token else []
    for path in ("/v1/status", "/v1/events", "/v1/nothing", "/control/pairing-codes"):
        refused = call("GET", path, *headers, token=False)
        problem(refused, 401, "TOKEN_REFUSED")
        assert refused.headers["www-authenticate"] == "Bearer"
    problem(call.sale(*headers, token=False), 401, "TOKEN_REFUSED")


def test_the_token_counts_in_the_header_only_never_in_query_or_cookie(call: Caller) -> None:
    bare = call.token.removeprefix("Bearer ")
    problem(call("GET", f"/v1/status?token={bare}", token=False), 401, "TOKEN_REFUSED")
    problem(call("GET", "/v1/status", ("Cookie", f"token={bare}"), token=False), 401, "TOKEN_REFUSED")


def test_hello_and_the_document_need_no_token_and_tell_no_secret(call: Caller) -> None:
    assert checked(call("GET", "/v1/hello", token=False), Hello)["ready"] is True
    assert call("GET", "/openapi.json", token=False).status_code == 200
    checked(call("GET", "/v1/status"), StatusView)


@pytest.mark.parametrize("path", ["/v1/sales", "/v1/quotes", "/v1/pair", "/v1/members/resolve", "/v1/payments/wechat"])
def test_get_never_changes_anything(call: Caller, path: str) -> None:
    for method in ("GET", "HEAD"):
        refused = call(method, path)
        assert refused.status_code == 405
        assert refused.headers["allow"] == "POST"
    problem(call("GET", path), 405, "METHOD_REFUSED")


def test_a_refused_method_names_every_method_of_its_path(call: Caller) -> None:
    for path, allowed in (
        ("/v1/print-jobs", "GET, POST"), ("/v1/session", "DELETE, GET"), ("/v1/manage/operators", "GET, POST"),
        ("/v1/quotes/quo_x", "DELETE"), ("/v1/status", "GET"),
    ):  # fmt: skip
        refused = call("PUT", path)
        problem(refused, 405, "METHOD_REFUSED")
        assert refused.headers["allow"] == allowed


def test_an_unknown_call_is_a_problem_too(call: Caller) -> None:
    for path in ("/nowhere", "/v1/", "/v1/sales/", "/v2/hello", "/v1/hello/..%2Fstatus", "/docs", "/redoc"):
        problem(call("GET", path), 404, "NO_SUCH_CALL")


# --- size, rate -----------------------------------------------------------------------------------------------------
def test_a_body_that_says_it_is_too_large_is_not_even_read(call: Caller) -> None:
    headers = (("Content-Type", "application/json"), ("Content-Length", str(API_BODY_BYTES + 1)))
    problem(call("POST", "/v1/sales", *headers), 413, "BODY_TOO_LARGE")


@pytest.mark.parametrize("path", ["/v1/sales", "/v1/pair"])
def test_a_body_that_hides_its_length_is_cut_off_at_the_bound(call: Caller, path: str) -> None:
    headers = (("Content-Type", "application/json"), ("Transfer-Encoding", "chunked"))
    body = chunked(API_BODY_BYTES // 65_536 + 1, 65_536)
    problem(call("POST", path, *headers, body=body, token=path != "/v1/pair"), 413, "BODY_TOO_LARGE")


def test_a_runaway_program_is_slowed_down_and_no_other_one(till: ApiTill) -> None:
    async def run_away() -> tuple[httpx.Response, httpx.Response]:
        loud, quiet = await till.world.paired(), await till.world.paired()
        async with loud, quiet:
            for _ in range(2 * API_REQUESTS_PER_S):
                assert (await loud.delete("/v1/quotes/none")).status_code == 404
            return await loud.delete("/v1/quotes/none"), await quiet.delete("/v1/quotes/none")

    till.clock.stopped_at_s = till.clock.mono_s()
    stopped, other = till.run(run_away())
    till.clock.stopped_at_s = None
    problem(stopped, 429, "TOO_MANY_REQUESTS")
    assert stopped.headers["retry-after"] == "1"
    assert other.status_code == 404


# --- strict bodies --------------------------------------------------------------------------------------------------
SECRET = "134650061098828009"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("sales", {**SALE, "auth_code": SECRET}, "auth_code"),
        ("sales", {**SALE, "tenders": [{"type": "cash", "amount_fen": 1.5}]}, "tenders.0.amount_fen"),
        ("sales", {**SALE, "tenders": [{"type": "cash", "amount_fen": 1e400}]}, "tenders.0.amount_fen"),
        ("sales", {**SALE, "tenders": [{"type": "cash", "amount_fen": SECRET}]}, "tenders.0.amount_fen"),
        ("sales", {**SALE, "tenders": [{"type": "cash", "amount_fen": True}]}, "tenders.0.amount_fen"),
        ("sales", {**SALE, "tenders": [{"type": "cash", "amount_fen": -1}]}, "tenders.0.amount_fen"),
        ("sales", {**SALE, "tenders": [{"type": SECRET, "amount_fen": 1}]}, "tenders.0.type"),
        ("sales", {**SALE, "tenders": []}, "tenders"),
        ("sales", {**SALE, "sale_id": f"{SECRET}\n"}, "sale_id"),
        ("sales", {**SALE, "sale_id": "x" * 65}, "sale_id"),
        ("sales", {**SALE, "open_drawer": "yes"}, "open_drawer"),
        ("sales", {**SALE, "operator": "\ud800"}, "operator"),
        ("sales", [SALE], ""),
        ("quotes", {"lines": [{"code": "10001", "qty": "2"}]}, "lines.0.qty"),
        ("quotes", {"lines": [{"code": "10001", "price_fen": 1}]}, "lines.0.price_fen"),
        ("quotes", {"lines": [{"code": "10001", "qty": 0}]}, "lines.0.qty"),
        ("quotes", {"lines": []}, "lines"),
        ("quotes", {"lines": [{"code": "10001"}] * 501}, "lines"),
        ("members/resolve", {"code": SECRET, "last_scan": True}, ""),
        ("members/resolve", {"code": SECRET * 100}, "code"),
        ("payments/wechat", {"raw": {"openid": SECRET}}, "raw"),
        ("pair", {"code": "1234567x", "app": "x"}, "code"),
        ("quotes", {"lines": [{"code": f"{SECRET}\0"}]}, "lines.0.code"),
        ("quotes", {"lines": [{"code": "10001"}], "coupons": [f"{SECRET}\0"]}, "coupons.0"),
        ("quotes", {"lines": [{"code": "10001"}], "override": {"operator": "\0", "reason": "x"}}, "override.operator"),
        ("quotes", {SECRET * 3: 1, "lines": [{"code": "10001"}]}, "?"),
        ("quotes", {SECRET: 1, "lines": [{"code": "10001"}]}, "?"),
    ],
)
def test_what_does_not_fit_is_refused_by_field_name_and_never_repeated(
    till: ApiTill, call: Caller, path: str, body: object, field: str
) -> None:
    content = json.dumps(body).encode()
    response = till.run(till.client.post(f"/v1/{path}", content=content, headers={"Content-Type": "application/json"}))
    problem(response, 422, "INVALID_REQUEST", field)
    assert field in [one["field"] for one in response.json()["errors"]]
    assert SECRET not in response.text


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"a":', b"\xff\xfe", b"[" * 100_000, b'{"code": ' + b"9" * 5000 + b"}", b"NaN", b"null"]
)
def test_what_is_no_json_object_is_refused_and_never_an_internal_error(
    till: ApiTill, call: Caller, content: bytes
) -> None:
    response = till.run(till.client.post("/v1/quotes", content=content, headers={"Content-Type": "application/json"}))
    assert response.status_code in (400, 422)
    problem(response, response.status_code, "INVALID_REQUEST")


def test_a_thousand_faults_make_a_short_answer(till: ApiTill, call: Caller) -> None:
    response = till.call("POST", "/v1/quotes", {"lines": [{"code": "1", "a": 1, "b": 2}] * 500})
    assert len(problem(response, 422, "INVALID_REQUEST")["errors"]) == 20


# --- unix socket, pairing -------------------------------------------------------------------------------------------
def test_control_is_on_the_unix_socket_alone_whose_mode_is_the_guard(till: ApiTill, call: Caller) -> None:
    path = till.world.settings.socket
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for route in ("pairing-codes", "reconcile", "test-print"):
        problem(call("POST", f"/control/{route}"), 404, "NO_SUCH_CALL")

    async def over_the_socket() -> list[httpx.Response]:
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            wrong = await client.get("/v1/status", headers={"Host": "evil.example.com"})
            foreign = await client.get("/v1/status", headers={"Origin": FRIEND})
            return [await client.post("/control/pairing-codes"), await client.get("/v1/status"), wrong, foreign]

    code, status, wrong, foreign = till.run(over_the_socket())
    assert len(code.json()["code"]) == 8
    assert {name: code.headers[name] for name in SAFE_HEADERS} == SAFE_HEADERS
    checked(status, StatusView)
    problem(wrong, 403, "HOST_REFUSED")
    problem(foreign, 403, "ORIGIN_REFUSED")
