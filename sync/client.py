"""HQ over HTTP: the Hq port through httpx, every call signed by the workstation.

Called by push, pull and reconcile. No exception of httpx leaves here: HqUnreachable (back off) or HqRejected (no).
It never retries and never follows redirects; retrying is the caller's decision.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterator

import httpx
import zstandard

from agent.domain.errors import HqRejected, HqUnreachable
from agent.limits import HQ_DEADLINE_S, HQ_TIMEOUT_S, SNAPSHOT_RANGE_S
from agent.ports import Clock, KeyRing, Traffic
from sync.client_answers import A, hq_ms, read, seconds, unreachable
from sync.feed_run import FeedAnswer
from sync.lease_protocol import LeaseAnswer, LeasePage, LeaseReport, LeaseReported, LeaseRequest
from sync.payer_protocol import PayerAnswer, PayerRequest
from sync.phone_protocol import PhoneAnswer, PhoneRequest
from sync.proof import LocateAnswer, LocateRequest
from sync.protocol import (
    AT_MS_HEADER,
    NEXT_S_HEADER,
    Batch,
    BatchAnswer,
    EnrolAnswer,
    EnrolRequest,
    Feed,
    FeedPage,
    LookAnswer,
    LookRequest,
    Message,
    ProofAnswer,
    ProofRequest,
    authorization,
    request_signing_bytes,
)
from sync.ranges import RangesAnswer, RangesRequest
from sync.snapshot import SnapshotAnswer
from sync.verify_protocol import SmsAnswer, SmsRequest, VerifyAnswer, VerifyRequest

_ZSTD_LEVEL = 3  # measured: 94 B and 0.9 us a sale; gzip-6 100 B and 7.5 us (wire.md)


class HttpHq:
    """One keep-alive client to one HQ. `keys` is None only for enrolment, the one unsigned call.

    `on_contact(reached, reason)` hears every call: whoever wants edges keeps them. `on_time(hq_ms, round_trip_s)` hears
    what time HQ says it is; `clock` is our own: its time is told to HQ with every call, and its monotonic side, which
    counts what the machine slept through, measures the round trip.
    """

    def __init__(
        self,
        base_url: str,
        *,
        workstation_id: str = "",
        keys: KeyRing | None = None,
        verify: ssl.SSLContext | bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = HQ_TIMEOUT_S,
        deadline_s: float = HQ_DEADLINE_S,
        on_contact: Callable[[bool, str], None] = lambda _, __: None,
        on_time: Callable[[int, float], None] = lambda _, __: None,
        clock: Clock | None = None,
    ) -> None:
        self._workstation_id = workstation_id
        self._keys = keys
        self._on_contact = on_contact
        self._on_time = on_time
        self._clock = clock
        self._deadline_s = deadline_s
        self._client = httpx.AsyncClient(
            base_url=base_url,
            verify=verify,
            transport=transport,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
        )
        self._requests = self._bytes_up = self._bytes_down = 0
        self.on_next: Callable[[float], None] = lambda _: None
        """Told with every batch after how many seconds HQ has room for our next one: 0 unless it has much to do."""

    async def enrol(self, request: EnrolRequest) -> EnrolAnswer:
        """Present the one-time code; HqRejected when HQ does not accept it."""
        return await self._call("POST", "/v1/enrol", EnrolAnswer, body=_json(request), signed=False)

    async def push(self, batch: Batch) -> BatchAnswer:
        """Hand over events, compressed."""
        body = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(_json(batch))
        return await self._call("POST", self._path("batches"), BatchAnswer, body=body, encoding="zstd")

    async def pull(self, feed: Feed, cursor: int) -> Iterator[FeedPage]:
        """Read a change feed after `cursor`: some pages, or one of an HQ that shares none."""
        return self._pages(await self.pull_packed(feed, cursor))

    async def pull_packed(self, feed: Feed, cursor: int) -> FeedAnswer:
        """As `pull`, not unpacked yet."""
        return await self._call("GET", self._path(f"feeds/{feed.value}?after={cursor}&run=1"), FeedAnswer)

    async def pull_alone(self, feed: Feed, cursor: int) -> Iterator[FeedPage]:
        """Read one page of a change feed after `cursor`, as it is now."""
        return iter([await self._call("GET", self._path(f"feeds/{feed.value}?after={cursor}"), FeedPage)])

    async def look(self, request: LookRequest) -> LookAnswer:
        """Ask which feeds have moved."""
        return await self._call("POST", self._path("feeds"), LookAnswer, body=_json(request))

    async def pull_staged(self, feed: Feed, cursor: int) -> Iterator[FeedPage]:
        """As `pull`, into a replica that is not in use yet."""
        target = self._path(f"feeds/{feed.value}?after={cursor}&staged=1&run=1")
        return self._pages(await self._call("GET", target, FeedAnswer))

    async def pull_staged_alone(self, feed: Feed, cursor: int) -> Iterator[FeedPage]:
        """As `pull_alone`, into a replica that is not in use yet."""
        target = self._path(f"feeds/{feed.value}?after={cursor}&staged=1")
        return iter([await self._call("GET", target, FeedPage)])

    def _pages(self, answer: FeedAnswer) -> Iterator[FeedPage]:
        try:
            yield from answer
        except HqUnreachable as error:  # read only now: the call itself went well
            self._on_contact(False, error.message)
            raise

    async def prove(self, request: ProofRequest) -> ProofAnswer:
        """Ask for HQ's own rehash."""
        return await self._call("POST", self._path("proof"), ProofAnswer, body=_json(request))

    async def locate(self, request: LocateRequest) -> LocateAnswer:
        """Look closer at places of an epoch."""
        return await self._call("POST", self._path("locate"), LocateAnswer, body=_json(request))

    async def ranges(self, request: RangesRequest) -> RangesAnswer:
        """Compare ranges of the replica."""
        return await self._call("POST", self._path("ranges"), RangesAnswer, body=_json(request))

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Ask for the right to spend offline."""
        return await self._call("POST", self._path("leases"), LeaseAnswer, body=_json(request))

    async def leases(self, after: str) -> LeasePage:
        """Open leases of this workstation as HQ holds them, behind an id."""
        return await self._call("GET", self._path(f"leases?after={after}"), LeasePage)

    async def report_leases(self, told: LeaseReport) -> LeaseReported:
        """Tell an HQ that was restored what this workstation holds."""
        return await self._call("POST", self._path("leases/report"), LeaseReported, body=_json(told))

    async def snapshot(self, snapshot_id: str = "") -> SnapshotAnswer:
        """Ask for the brand's newest snapshot, or for the named one while HQ keeps it."""
        return await self._call("GET", self._path(f"snapshot?id={snapshot_id}"), SnapshotAnswer)

    async def snapshot_bytes(self, snapshot_id: str, start: int, end: int, take: Callable[[bytes], object]) -> None:
        """Hand on bytes start <= at < end of a snapshot as they come."""
        target = self._path(f"snapshots/{snapshot_id}")
        wanted = {"Range": f"bytes={start}-{end - 1}", "If-Range": f'"{snapshot_id}"', "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(SNAPSHOT_RANGE_S),
                self._client.stream("GET", target, headers=self._signed("GET", target, b"") | wanted) as response,
            ):
                if response.status_code != 206:
                    await response.aread()
                    answer = read(response, SnapshotAnswer)
                    raise answer if isinstance(answer, HqRejected) else HqUnreachable("HQ did not send what was asked")
                async for part in response.aiter_raw():
                    take(part)
        except (httpx.HTTPError, OSError) as error:
            raise unreachable(error) from error
        self._count(response)

    async def payer(self, request: PayerRequest) -> PayerAnswer:
        """Ask whose payment code it is; the caller has a customer waiting, so the deadline is the caller's."""
        return await self._call("POST", self._path("payer"), PayerAnswer, body=_json(request))

    async def phone(self, request: PhoneRequest) -> PhoneAnswer:
        """Ask whose phone number it is; the deadline is the caller's here too."""
        return await self._call("POST", self._path("phone"), PhoneAnswer, body=_json(request))

    async def verify(self, request: VerifyRequest) -> VerifyAnswer:
        """Ask whether a PIN or code is the member's own; here too."""
        return await self._call("POST", self._path("verify"), VerifyAnswer, body=_json(request))

    async def send_sms(self, request: SmsRequest) -> SmsAnswer:
        """Ask for a code to be sent to a member's phone; here too."""
        return await self._call("POST", self._path("verify/sms"), SmsAnswer, body=_json(request))

    def traffic(self) -> Traffic:
        """Requests and bytes of HTTP messages (heads and bodies, without TCP and TLS) since start."""
        return Traffic(self._requests, self._bytes_up, self._bytes_down)

    async def close(self) -> None:
        """Close the connection pool."""
        await self._client.aclose()

    def _path(self, tail: str) -> str:
        return f"/v1/workstations/{self._workstation_id}/{tail}"

    async def _call(
        self, method: str, target: str, answer: type[A], *, body: bytes = b"", encoding: str = "", signed: bool = True
    ) -> A:
        headers = {"Content-Type": "application/json"} if body else {}
        if encoding:
            headers["Content-Encoding"] = encoding
        if signed:
            headers |= self._signed(method, target, body)
        if self._clock is not None:
            headers[AT_MS_HEADER] = str(self._clock.now_ms())
        asked_s = self._mono_s()
        try:
            response = await self._send(method, target, body, headers)
            said = read(response, answer)
        except HqUnreachable as error:
            self._on_contact(False, error.message)
            raise
        at_ms = hq_ms(response.headers)
        if at_ms is not None:
            self._on_time(at_ms, self._mono_s() - asked_s)
        self._on_contact(True, "")
        if answer is BatchAnswer:
            self.on_next(seconds(response.headers, NEXT_S_HEADER) or 0.0)
        if isinstance(said, HqRejected):
            raise said
        return said

    def _signed(self, method: str, target: str, body: bytes) -> dict[str, str]:
        assert self._keys is not None, "only enrolment is unsigned"
        signature = self._keys.sign(request_signing_bytes(method, target, body))
        return {"Authorization": authorization(self._workstation_id, signature)}

    def _mono_s(self) -> float:
        return asyncio.get_running_loop().time() if self._clock is None else self._clock.mono_s()

    async def _send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        try:
            async with asyncio.timeout(self._deadline_s):
                response = await self._client.request(method, target, content=body or None, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise unreachable(error) from error
        self._count(response)
        return response

    def _count(self, response: httpx.Response) -> None:
        request = response.request
        self._requests += 1
        self._bytes_up += _head_size(request.headers) + len(request.method) + len(request.url.raw_path) + 12
        self._bytes_up += len(request.content)
        self._bytes_down += _head_size(response.headers) + 17 + response.num_bytes_downloaded


def _json(message: Message) -> bytes:
    return message.model_dump_json().encode()


def _head_size(headers: httpx.Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers.raw) + 2
