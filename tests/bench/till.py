"""A till for the bench, made ready: tokens for several programs, a cashier, and the leanest client there is."""

import http.client
import json
import socket
from collections.abc import Sequence
from typing import Any

from agent.grants import EVERYTHING, Grant
from agent.limits import API_REQUESTS_PER_S
from agent.main import Agent
from agent.people import Role
from agent.system import SystemClock, SystemEntropy
from tests.process_world import ProcessWorld

LINES = ("10001", "10002", "10003", "10004", "10005")
CASHIER, PIN = "101", "482913"
PAUSE_S = 2.0 / API_REQUESTS_PER_S  # a quote and a sale, below what the door lets through


async def prepared(world: ProcessWorld, programs: int) -> list[str]:
    """Tokens of so many programs, and a cashier who may sign in. The till must be down."""
    agent = Agent(world.settings(world.hq_url), SystemClock(), SystemEntropy())
    await agent.open()
    issued = [await agent.pairing.issue(Grant("", f"POS {number}", EVERYTHING)) for number in range(programs)]
    await agent.people.put(CASHIER, "小王", Role.CASHIER, PIN)
    await agent.close()
    return [token for token, _ in issued]


class Client:
    """One connection; the tokens take turns, because the door counts the calls of each."""

    def __init__(self, port: int, tokens: Sequence[str]) -> None:
        self._tokens = tokens
        self._calls = 0
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """POST that must succeed."""
        self._calls += 1
        token = self._tokens[self._calls % len(self._tokens)]
        head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection.request("POST", path, json.dumps(body), head)
        with self._connection.getresponse() as response:
            content = response.read()
        assert response.status < 300, content
        return dict(json.loads(content))

    def quoted(self, sale_id: str) -> dict[str, Any]:
        """Quote a cart of five lines; the body of the sale that it becomes."""
        quote = self.post("/v1/quotes", {"lines": [{"code": code} for code in LINES]})
        tender = {"type": "card", "amount_fen": quote["payable_fen"]}
        return {"sale_id": sale_id, "quote_id": quote["quote_id"], "tenders": [tender]}

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
