"""Bodies that arrive slowly or never, at HQ's door: they keep no place, and no more memory than there is."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain.errors import Refusal
from agent.http_server import HttpServer, listen_tcp
from sync.hq.app import create_app
from sync.hq.bodies import Bodies, Body, GaveWay, HungUp
from sync.hq.bounds import REQUEST_BYTES, REQUEST_READ_S, STORE_CALL_WAIT_S, STORE_CALLS_AT_ONCE
from sync.protocol import authorization
from tests.unit.test_admission import CALL_S, PLACES, SIGNED, Crowd, in_virtual_time
from tests.unit.test_hq_world import Till, enrol, open_world

BATCHES = "/v1/workstations/S1-1/batches"
SCOPE: dict[str, Any] = {"type": "http", "path": BATCHES, "method": "POST", "headers": SIGNED}


class Line:
    """What one caller sends, part by part; None ends the body, and a line that is cut has hung up."""

    def __init__(self) -> None:
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.cut = False

    def send(self, *parts: bytes | None) -> "Line":
        for part in parts:
            self._parts.put_nowait(part)
        return self

    async def receive(self) -> Any:
        if self.cut:
            return {"type": "http.disconnect"}
        part = await self._parts.get()
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}


class Waiting:
    """Bodies, and calls that hold theirs until the test lets them go."""

    def __init__(self, arriving: int = 100, most_bytes: int = 100) -> None:
        self.bodies = Bodies(arriving, most_bytes)
        self.done = asyncio.Event()
        self.whole: list[bytes] = []

    def call(self, line: Line, **changes: Any) -> "asyncio.Task[None]":
        return asyncio.create_task(self._call(line, SCOPE | changes))

    async def _call(self, line: Line, scope: dict[str, Any]) -> None:
        async with self.bodies.received(scope, line.receive) as body:
            self.whole.append(b"".join([part["body"] for part in body.messages]))
            await self.done.wait()


async def settle() -> None:
    """Let every task come to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_stalled_bodies_keep_no_place_from_those_that_have_arrived() -> None:
    async def story() -> None:
        crowd, told = Crowd(), []

        async def send(message: Any) -> None:
            told.append(message.get("status"))

        stalled = [asyncio.create_task(crowd.door(SCOPE, Line().receive, send)) for _ in range(10 * PLACES)]
        await settle()
        found = await asyncio.gather(*(crowd.call() for _ in range(PLACES)))
        assert found == [(200, 0)] * PLACES
        assert crowd.waits == [pytest.approx(CALL_S)] * PLACES, "as if nobody else were there"
        await asyncio.gather(*stalled)
        assert asyncio.get_running_loop().time() == pytest.approx(REQUEST_READ_S)
        assert [status for status in told if status] == [408] * len(stalled)
        assert crowd.hq.answered == PLACES

    in_virtual_time(story)


def test_a_stranger_is_turned_away_in_a_full_headquarters_without_a_place() -> None:
    async def story() -> None:
        crowd = Crowd()
        busy = [asyncio.create_task(crowd.call()) for _ in range(2 * PLACES)]
        await settle()
        other = [(b"authorization", authorization("S1-2", bytes(64)).encode())]
        for headers in ([], other):
            told: list[Any] = []

            async def send(message: Any, told: list[Any] = told) -> None:
                told.append(message)

            await crowd.door(SCOPE | {"headers": headers}, Line().receive, send)
            assert told[0]["status"] == 200, "the application was asked, without its body"
        assert crowd.hq.answered == PLACES + 2, "beside those inside"
        await asyncio.gather(*busy)

    in_virtual_time(story)


def test_what_has_arrived_is_given_whole_and_its_room_is_free_afterwards() -> None:
    async def story() -> None:
        for _ in range(3):
            world = Waiting(most_bytes=10)
            for _ in range(3):
                call = world.call(Line().send(b"123456", b"7890", None))
                await settle()
                world.done.set()
                await call
            assert world.whole == [b"1234567890"] * 3

    in_virtual_time(story)


def test_past_the_bound_of_bytes_the_largest_that_still_arrives_gives_way() -> None:
    async def story() -> None:
        world = Waiting(most_bytes=100)
        large, small = Line().send(b"x" * 60), Line().send(b"x" * 30)
        calls = [world.call(large), world.call(small)]
        await settle()
        whole = world.call(Line().send(b"x" * 20, None))
        await settle()
        assert isinstance(calls[0].exception(), GaveWay)
        assert not calls[1].done()
        assert [len(body) for body in world.whole] == [20]
        too_much = world.call(Line().send(b"x" * 51, None))
        await settle()
        assert isinstance(too_much.exception(), GaveWay), "itself, though it had come to its end"
        small.send(None)
        await settle()
        assert [len(body) for body in world.whole] == [20, 30]
        late = world.call(Line().send(b"x" * 51, None))
        await settle()
        assert isinstance(late.exception(), GaveWay), "nobody whole gives way"
        world.done.set()
        await asyncio.gather(whole, calls[1])
        await world.call(Line().send(b"x" * 100, None))
        assert len(world.whole[-1]) == 100, "nothing is held any more"

    in_virtual_time(story)


def test_past_the_bound_of_calls_the_oldest_that_still_arrives_gives_way() -> None:
    async def story() -> None:
        world = Waiting(arriving=2)
        world.done.set()
        lines = [Line() for _ in range(3)]
        calls = [world.call(line) for line in lines]
        await settle()
        assert isinstance(calls[0].exception(), GaveWay)
        for line in lines[1:]:
            line.send(b"x", None)
        await asyncio.gather(*calls[1:])
        assert world.whole == [b"x", b"x"]

    in_virtual_time(story)


def test_who_gives_way_is_told_when_to_come_again() -> None:
    async def story() -> None:
        crowd = Crowd()
        crowd.door._bodies = Bodies(arriving=1)
        told: list[Any] = []

        async def send(message: Any) -> None:
            told.append(message)

        stalled = [asyncio.create_task(crowd.door(SCOPE, Line().receive, send)) for _ in range(2)]
        await settle()
        assert told[0]["status"] == 503
        assert int(dict(told[0]["headers"])[b"retry-after"]) >= 1
        stalled[1].cancel()
        await asyncio.gather(*stalled, return_exceptions=True)
        assert (await crowd.call())[0] == 200

    in_virtual_time(story)


def test_a_body_too_large_is_left_to_the_application_and_one_too_slow_is_not() -> None:
    async def story() -> None:
        world = Waiting(most_bytes=10**9)
        world.done.set()
        declared = [*SIGNED, (b"content-length", str(REQUEST_BYTES + 1).encode())]
        await world.call(Line(), headers=declared)
        await world.call(Line().send(b"x" * REQUEST_BYTES, b"x"))
        assert [len(body) for body in world.whole] == [0, REQUEST_BYTES + 1]
        with pytest.raises(Refusal, match="arrive within") as slow:
            await world.call(Line().send(b"x"))
        assert (slow.value.status, slow.value.code) == (408, "BODY_TOO_SLOW")

    in_virtual_time(story)


def test_a_caller_that_hangs_up_on_its_way_or_in_the_line_is_noticed() -> None:
    async def story() -> None:
        world, line = Waiting(), Line()
        line.cut = True
        with pytest.raises(HungUp):
            await world.call(line)
        there = Line()
        body = Body(there.receive, is_whole=True)
        await body.check_caller()
        there.cut = True
        with pytest.raises(HungUp):
            await body.check_caller()

    in_virtual_time(story)


def test_a_real_headquarters_answers_a_push_while_others_send_headers_alone(tmp_path: Path) -> None:
    async def story() -> None:
        hq, till = await open_world(tmp_path / "hq"), Till()
        await enrol(hq, till)
        till.book()
        listener = listen_tcp("127.0.0.1", 0)
        port = listener.getsockname()[1]
        server = HttpServer(create_app(hq), [listener])
        await server.start()
        forged = f"Authorization: {authorization('S1-1', bytes(64))}\r\n"
        writers = []
        try:
            for _ in range(2 * STORE_CALLS_AT_ONCE):
                writers.append(await _headers_alone(port, forged, waits=True))
                writers.append(await _headers_alone(port, "", waits=False))
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=STORE_CALL_WAIT_S) as client:
                push = till.request(client, "POST", BATCHES, till.batch().model_dump_json().encode())
                assert (await client.send(push)).status_code == 200
        finally:
            for writer in writers:
                writer.close()
            await server.stop()
            await hq.close()

    asyncio.run(story())


async def _headers_alone(port: int, authorized: str, *, waits: bool) -> asyncio.StreamWriter:
    """A call whose body never comes; a stranger is refused all the same, at once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {BATCHES} HTTP/1.1\r\nHost: h\r\n{authorized}Content-Length: 1000\r\n\r\n".encode())
    await writer.drain()
    if not waits:
        async with asyncio.timeout(STORE_CALL_WAIT_S):
            assert b" 401 " in await reader.readline()
    return writer
