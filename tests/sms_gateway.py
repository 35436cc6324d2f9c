"""A brand's SMS gateway on loopback: checks HQ's signature with code of its own, and sends each request once."""

import asyncio
import hashlib
import hmac
import json
from typing import Any


class SmsGateway:
    """`status` is what it answers; 0: it takes the message and says nothing. `phones` holds what arrived, by number."""

    def __init__(self) -> None:
        self.status = 202
        self.key = ""
        self.asked: list[bytes] = []
        self.sent: dict[str, dict[str, Any]] = {}
        """Request id -> body of what went out."""

    async def __aenter__(self) -> "SmsGateway":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/sms"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            status = self._take(head[0], headers, await reader.readexactly(int(headers["content-length"])))
            if status:
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
            else:
                await reader.read()  # until the caller has had enough
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # HQ gave up meanwhile
        finally:
            writer.close()

    def _take(self, line: str, headers: dict[str, str], body: bytes) -> int:
        signed = hmac.new(bytes.fromhex(self.key), body, hashlib.sha256).hexdigest()
        if line != "POST /sms HTTP/1.1" or not hmac.compare_digest(signed, headers.get("pos-agent-signature", "")):
            return 401
        self.asked.append(body)
        if self.status in (0, 202):
            order = json.loads(body)
            known = self.sent.setdefault(order["request_id"], order)
            assert known == order, "the same request has the same body"
        return self.status

    def code(self, phone: str) -> str:
        """The newest code on a phone."""
        return str([order["code"] for order in self.sent.values() if order["phone"] == phone][-1])
