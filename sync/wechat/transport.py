"""HTTP to WeChat: bounded in time and size, one try, all of httpx's exceptions ending here.

Used by v2_calls and v3_calls; built by sync.hq.wechat_desk. It never retries, never follows redirects, never logs.
"""

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from sync.wechat.failures import WechatUnreachable

ANSWER_BYTES = 256 * 1024  # LIMIT: an order with all its promotions has some 10 kB
BILL_BYTES = 64 * 1024 * 1024  # LIMIT: a row of a bill has 300 bytes; 200,000 payments a day fit

_IDLE_S = 30  # LIMIT: silence on an open connection; every call has a shorter or equal deadline of its own


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status, headers, and the body exactly as received, for its signature."""

    status: int
    headers: httpx.Headers
    body: bytes


class Transport:
    """One keep-alive client for all merchants."""

    def __init__(self, *, verify: ssl.SSLContext | bool = True, transport: httpx.AsyncBaseTransport | None = None):
        self._client = httpx.AsyncClient(
            verify=verify, transport=transport, follow_redirects=False, trust_env=False, timeout=_IDLE_S
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes = b"",
        headers: dict[str, str],
        deadline_s: float,
        most_bytes: int = ANSWER_BYTES,
    ) -> Answer:
        """Make one call within a deadline that covers it whole. Raises WechatUnreachable, nothing else."""
        fault = ""
        try:
            async with (
                asyncio.timeout(deadline_s),
                self._client.stream(method, url, content=body or None, headers=headers) as response,
            ):
                parts: list[bytes] = []
                size = 0
                async for part in response.aiter_bytes():
                    size += len(part)
                    if size > most_bytes:
                        raise WechatUnreachable(f"an answer was longer than {most_bytes} bytes")
                    parts.append(part)
                return Answer(response.status_code, response.headers, b"".join(parts))
        except TimeoutError:
            fault = f"no answer within {deadline_s} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            fault = type(error).__name__
        # Raised out here: httpx's errors hold the request, and the request holds a payment code.
        raise WechatUnreachable(f"WeChat cannot be reached: {fault}", hint="is the way from HQ to WeChat open?")

    async def close(self) -> None:
        """Close the connection pool."""
        await self._client.aclose()
