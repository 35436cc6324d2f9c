"""What no page may do, shown with a real Chromium: rules of the local API against hostile origins and rebinding."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import ServedTill, chromium, served_till

pytestmark = pytest.mark.system("chromium")
_SALE = {"sale_id": "evil-1", "tenders": [{"type": "cash", "amount_fen": 1}], "lines": [{"code": "10001"}]}
_TRY = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return [answer.type, answer.status, answer.type === 'opaque' ? '' : await answer.text()];
  } catch (error) { return ['error', 0, String(error)]; }
}"""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"<!doctype html><title>another site</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTill]:
    with served_till(tmp_path_factory.mktemp("door"), devices=False) as found:
        yield found


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--host-resolver-rules=MAP rebind.test 127.0.0.1, MAP shop.test 127.0.0.1") as found:
        yield found


@pytest.fixture
def stranger(browser: Browser, elsewhere: int) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"http://shop.test:{elsewhere}/")
    yield page
    context.close()


def events(served: ServedTill) -> int:
    async def count() -> int:
        store = served.till.world.agent.books._store
        row = await store.read(lambda connection: connection.execute("SELECT count(*) FROM events").fetchone())
        return int(row[0])

    return served.run(count())


def token(served: ServedTill) -> str:
    return str(served.till.client.headers["authorization"])


@pytest.mark.parametrize("path", ["/v1/hello", "/v1/status", "/v1/screen", "/metrics", "/"])
def test_a_foreign_page_reads_nothing_even_with_a_stolen_token(stranger: Page, served: ServedTill, path: str) -> None:
    kind, _status, text = stranger.evaluate(_TRY, [served.url + path, {"headers": {"Authorization": token(served)}}])
    assert (kind, "pos-agent" in text) == ("error", False)
    kind, _status, text = stranger.evaluate(_TRY, [served.url + path, {}])
    assert kind == "error"


def test_a_cross_site_post_that_needs_no_preflight_changes_nothing(stranger: Page, served: ServedTill) -> None:
    """A text/plain POST reaches a loopback server without a preflight; Origin, media type and token stop it."""
    before = events(served)
    for mode in ("no-cors", "cors"):
        options = {"method": "POST", "mode": mode, "headers": {"Content-Type": "text/plain"}, "body": json.dumps(_SALE)}
        kind, _status, text = stranger.evaluate(_TRY, [f"{served.url}/v1/sales", options])
        assert (kind in ("opaque", "error"), "sale_id" in text) == (True, False)
    assert events(served) == before


def test_a_form_of_a_foreign_page_changes_nothing(stranger: Page, served: ServedTill) -> None:
    before = events(served)
    stranger.set_content(
        f'<form action="{served.url}/v1/sales" method="post" enctype="text/plain">'
        '<input name=\'{"sale_id":"evil-2","x":"\' value=\'"}\'></form>'
    )
    with stranger.expect_response(lambda answer: answer.url.endswith("/v1/sales")) as sent:
        stranger.evaluate("document.forms[0].submit()")
    assert sent.value.status == 403
    assert events(served) == before


def test_a_rebound_name_gets_nothing_though_the_browser_takes_it_for_its_own_site(
    browser: Browser, served: ServedTill
) -> None:
    port = served.till.world.agent.port
    page = browser.new_page()
    answer = page.goto(f"http://rebind.test:{port}/v1/hello")
    assert answer is not None
    assert (answer.status, answer.json()["code"]) == (403, "HOST_REFUSED")
    kind, status, text = page.evaluate(_TRY, ["/v1/status", {"headers": {"Authorization": token(served)}}])
    assert (kind, status, "HOST_REFUSED" in text) == ("basic", 403, True)
    page.close()


def test_a_sandboxed_frame_with_origin_null_is_refused(stranger: Page, served: ServedTill) -> None:
    stranger.set_content('<iframe sandbox="allow-scripts" srcdoc="<p>in a box</p>"></iframe>')
    frame = stranger.frames[1]
    frame.wait_for_load_state()
    kind, _status, _text = frame.evaluate(_TRY, [f"{served.url}/v1/hello", {}])
    assert kind == "error"


def test_a_foreign_event_source_hears_nothing(stranger: Page, served: ServedTill) -> None:
    heard = stranger.evaluate(
        """(url) => new Promise((done) => {
          const source = new EventSource(url);
          source.onopen = () => done('open');
          source.onerror = () => { source.close(); done('refused'); };
        })""",
        f"{served.url}/v1/events",
    )
    assert heard == "refused"


def test_our_own_page_cannot_be_framed_nor_load_from_elsewhere(
    stranger: Page, served: ServedTill, browser: Browser
) -> None:
    page = browser.new_page()
    answer = page.goto(served.url)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    kind, *_ = page.evaluate(_TRY, ["http://shop.test/", {}])
    assert kind == "error"
    page.close()
    stranger.set_content(f'<iframe src="{served.url}/"></iframe>')
    stranger.wait_for_timeout(300)
    assert "pos-agent" not in stranger.frames[1].content()
