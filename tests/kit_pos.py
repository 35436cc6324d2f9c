"""A POS with a test hook, built on the vendor's Python client: right in every way, and one wrong way for each rule.

`with serving(ReferencePos) as url:` gives the hook's address. Runs in threads, as a vendor's program beside the kit's.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from agent.kit.pos_agent.client import PosAgent, Refused

Order = dict[str, Any]


class ReferencePos:
    """Does as docs/vendors.md says."""

    timeout_s = 10.0

    def __init__(self) -> None:
        self.till: Any = None
        self.shown: list[str] = []
        self.met: dict[str, Any] = {}
        self.resolved = threading.Event()
        self.readers: list[PosAgent] = []
        self.closed = False

    def do(self, order: Order) -> Order:
        """One order of the kit."""
        self.shown = []
        answer: Order = {}
        try:
            answer = getattr(self, order["do"])(order) or {}
        except Refused as refused:
            self.show(refused.detail)
        return {**answer, "shown": self.shown}

    def show(self, sentence: str) -> None:
        """What the cashier sees."""
        self.shown.append(sentence)

    def pair(self, order: Order) -> None:
        """Take the address and the code."""
        self.till = PosAgent(order["base_url"], timeout_s=self.timeout_s, patience_s=10)
        self.till.pair(order["code"], "reference POS")
        self.follow()

    def follow(self) -> None:
        """Read events beside the counter's work."""
        reader = PosAgent(str(self.till._http.base_url), self.till.token)
        self.readers.append(reader)
        threading.Thread(target=self.read, args=(reader,), daemon=True).start()

    def read(self, reader: PosAgent) -> None:
        """Keep whoever was scanned, until this POS ends: another till may stand behind the address by then."""
        try:
            for event in reader.events():
                if event.kind == "member.resolved":
                    self.met = event.data
                    self.resolved.set()
        except Exception:
            if not self.closed:
                raise

    def close(self) -> None:
        """Hang up."""
        self.closed = True
        for client in (self.till, *self.readers):
            if client is not None:
                client.close()

    def who(self, order: Order) -> str | None:
        """The identification for the quote."""
        if order.get("member") != "scanned":
            return None
        assert self.resolved.wait(10)
        return str(self.met["identification_id"])

    def sell(self, order: Order) -> Order:
        """Quote, take the money, book."""
        quote = self.quote({"lines": order["lines"], "identification_id": self.who(order)})
        body = self.sale(order, quote)
        try:
            self.book(body)
        except Refused as refused:
            if refused.code != "CONFLICT":
                raise
            body = {**body, "sale_id": self.new_id()}
            self.book(body)
        return {"sale_id": body["sale_id"]}

    def quote(self, body: Order) -> Any:
        """What it costs."""
        return self.till.quote(body)

    def sale(self, order: Order, quote: Any) -> Order:
        """The sale's body."""
        body: Order = {"sale_id": self.new_id(), "quote_id": quote["quote_id"], "lines": self.lines(order, quote)}
        paid = order.get("wechat")
        if paid is None:
            return {**body, "tenders": [{"type": "cash", "amount_fen": self.due(quote)}]}
        found = self.till.payment(self.raw(paid["raw"]))
        tender = {"type": "wechat", "amount_fen": self.due(quote), "transaction_id": paid["transaction_id"]}
        return {**body, "identification_id": found["identification_id"], "tenders": [tender]}

    def raw(self, text: str) -> str:
        """WeChat's text."""
        return text

    def due(self, quote: Any) -> int:
        """What the customer pays."""
        return int(quote["due_fen"])

    def lines(self, order: Order, quote: Any) -> list[Order]:
        """The cart, for the case that the quote is gone."""
        priced = zip(order["lines"], quote["lines"], strict=True)
        return [{**line, "charged_fen": found["payable_fen"]} for line, found in priced]

    def book(self, body: Order) -> Any:
        """Book until answered."""
        return self.till.sell(body)

    def new_id(self) -> str:
        """An id of its own."""
        return f"ref-{uuid.uuid4().hex[:12]}"

    def give_back(self, body: Order) -> Any:
        """Goods back until answered."""
        return self.till.give_back(body)

    def void(self, order: Order) -> None:
        """Take it all back."""
        self.till.void(order["sale_id"], {"void_id": self.new_id()})

    def post(self, path: str, body: Order) -> httpx.Response | None:
        """One careless call: no answer is None."""
        try:
            headers = {"Authorization": f"Bearer {self.till.token}"}
            return httpx.post(f"{self.till._http.base_url}{path}", json=body, headers=headers, timeout=10)
        except httpx.TransportError:
            return None


setattr(ReferencePos, "return", lambda self, order: self.give_back(
    {"return_id": self.new_id(), "sale_id": order["sale_id"], "lines": order["lines"]}))  # fmt: skip


@contextmanager
def serving(kind: type[ReferencePos]) -> Iterator[str]:
    """The POS's hook on a port of its own."""
    pos = kind()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(pos.do(order)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()
        pos.close()
