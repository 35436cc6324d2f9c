"""A crowd at HQ's door: who is answered in time, who is told when to come back, and that the store does so."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from agent.domain.errors import HqRejected, HqUnreachable
from agent.limits import BACKOFF_BASE_S, BACKOFF_CAP_S, HQ_TIMEOUT_S
from agent.system import SystemEntropy
from sync.hq.admission import Admission
from sync.hq.app import create_app
from sync.hq.bounds import RETRY_AFTER_S, STORE_CALL_WAIT_S
from sync.hq.turns import Turns
from sync.patience import MEAN_STRETCH, pause_s, turn_s
from sync.protocol import AT_MS_HEADER, NEXT_S_HEADER, authorization
from sync.push import Pusher, PushPorts
from tests.simulation.loop import VirtualLoop, run
from tests.unit.test_hq_world import Till, enrol, open_world

CALL_S = 0.2
PLACES = 10
PACE = PLACES / CALL_S
"""Calls a second that this HQ can answer."""
SIGNED = [(b"authorization", authorization("S1-1", bytes(64)).encode())]
"""By somebody: whether by whom it says, the application finds out in its turn."""


class SlowHq:
    """An application that takes its time; it counts how many calls it works on at once."""

    def __init__(self) -> None:
        self.inside = self.most = self.answered = 0
        self.call_s = CALL_S

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await asyncio.sleep(self.call_s * (0.1 if scope["path"].endswith("/feeds") else 1))
            self.answered += 1
        finally:
            self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Crowd:
    """An admission around a slow HQ, and stores that call it."""

    def __init__(self) -> None:
        self.hq = SlowHq()
        loop = asyncio.get_running_loop()
        self.turns = Turns(loop.time, at_once=PLACES)
        self.door = Admission(self.hq, self.turns)
        self.waits: list[float] = []
        self.gone = False
        """Whether every caller has hung up."""
        self.refused: Counter[int] = Counter()
        self.next_s = 0
        """What HQ said with its last answer."""

    async def call(self, path: str = "/v1/workstations/S1-1/batches") -> tuple[int, int]:
        """Status and Retry-After of one call; how long it took is noted, and when HQ has room for the next."""
        told: dict[str, Any] = {}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                told.update(status=message["status"], headers=dict(message["headers"]))

        async def receive() -> Any:
            if self.gone:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": b"", "more_body": False}

        start = asyncio.get_running_loop().time()
        await self.door({"type": "http", "path": path, "method": "POST", "headers": SIGNED}, receive, send)
        self.waits.append(asyncio.get_running_loop().time() - start)
        self.next_s = int(told.get("headers", {}).get(NEXT_S_HEADER.lower().encode(), 0))
        return told.get("status", 0), int(told.get("headers", {}).get(b"retry-after", 0))

    async def till(self, every_s: float, until_s: float) -> float:
        """One till that sells every so often and sends as Pusher does; how long a sale waited at most, seconds."""
        loop, entropy, sold, sent, failures, longest_s = asyncio.get_running_loop(), SystemEntropy(), 0, 0, 0, 0.0
        await asyncio.sleep(entropy.uniform(0, every_s))
        start = loop.time()
        while loop.time() < until_s:
            sold = int((loop.time() - start) / every_s) + 1
            if sent == sold:
                await asyncio.sleep(max(0.001, start + sold * every_s - loop.time()))
                continue
            status, after = await self.call()
            if status != 200:
                failures += 1
                self.refused[int(loop.time())] += 1
                await asyncio.sleep(pause_s(failures, HqUnreachable("busy", retry_after_s=after), entropy))
                continue
            longest_s = max(longest_s, loop.time() - start - sent * every_s)
            sent, failures = sold, 0
            await asyncio.sleep(turn_s(self.next_s, entropy))
        return longest_s

    async def store(self) -> None:
        """One store that comes until it is answered, as patient as a till is."""
        entropy, failures = SystemEntropy(), 0
        while True:
            status, after = await self.call()
            if status == 200:
                return
            assert (status, after > 0) == (503, True)
            failures += 1
            self.refused[int(asyncio.get_running_loop().time())] += 1
            await asyncio.sleep(pause_s(failures, HqUnreachable("busy", retry_after_s=after), entropy))


def in_virtual_time(story: Any) -> None:
    loop = VirtualLoop()
    run(story(), loop)


def test_ten_thousand_at_once_are_all_answered_and_nobody_waits_past_the_deadline() -> None:
    async def story() -> None:
        crowd, stores = Crowd(), 10_000
        await asyncio.gather(*(crowd.store() for _ in range(stores)))
        took_s = asyncio.get_running_loop().time()
        assert crowd.hq.answered == stores
        assert crowd.hq.most == PLACES, "never more at the database than there are places"
        assert max(crowd.waits) <= 2 * STORE_CALL_WAIT_S + CALL_S < HQ_TIMEOUT_S
        assert took_s < 1.5 * stores / PACE, "HQ is kept busy while they come back"
        later = [count for second, count in crowd.refused.items() if second > 1]
        assert max(later, default=0) < PACE, "those sent away do not come back together"
        assert sum(crowd.refused.values()) < 1.5 * stores, "nearly everybody is sent away once at most"

    in_virtual_time(story)


def test_more_sales_than_calls_that_hq_can_answer_come_in_fewer_and_larger_batches() -> None:
    async def story() -> None:
        crowd, tills, every_s, hour_s = Crowd(), 1_000, 10.0, 400.0
        assert tills / every_s == 2 * PACE, "each sale by itself would be twice what HQ can do"
        selling = asyncio.gather(*(crowd.till(every_s, hour_s) for _ in range(tills)))
        await asyncio.sleep(0.75 * hour_s)
        assert crowd.turns.busy, "what can wait, waits"
        longest = await selling
        later = sum(count for second, count in crowd.refused.items() if second > 100)
        assert later < 0.02 * crowd.hq.answered, "once HQ knows its pace, nearly nobody is sent away"
        assert crowd.hq.answered > 0.75 * PACE * hour_s, "and HQ is kept busy"
        assert max(longest) < 4 * tills / PACE, "no till is forgotten"
        await asyncio.sleep(RETRY_AFTER_S[1])
        assert (await crowd.call(), crowd.next_s) == ((200, 0), 0), "a calm HQ takes every sale at once"
        assert not crowd.turns.busy

    in_virtual_time(story)


def test_while_hq_has_room_it_says_nothing_however_much_comes() -> None:
    async def story() -> None:
        crowd = Crowd()
        crowd.hq.call_s = 0.005
        for number in range(3_000):
            path = "/v1/workstations/S1-1/" + ("batches" if number % 3 else "feeds")
            assert (await crowd.call(path), crowd.next_s, crowd.turns.busy) == ((200, 0), 0, False)
            await asyncio.sleep(0.005)

    in_virtual_time(story)


def test_what_strangers_wanted_is_forgotten_as_soon_as_hq_is_idle() -> None:
    async def story() -> None:
        crowd = Crowd()
        await asyncio.gather(*(crowd.call() for _ in range(20 * PLACES)))
        for _ in range(12_000):
            crowd.turns.turn_s()
        assert crowd.turns.turn_s() * MEAN_STRETCH >= RETRY_AFTER_S[1] - 1
        assert (await crowd.call())[0] == 200
        assert 0 < crowd.next_s * MEAN_STRETCH <= RETRY_AFTER_S[1] + MEAN_STRETCH
        for _ in range(250):  # HQ is idle: what strangers wanted of it is forgotten, and so is that there was a crowd
            await crowd.call()
        assert (crowd.next_s, crowd.turns.busy) == (0, False)

    in_virtual_time(story)


def test_looks_beside_batches_cost_no_batch_its_turn() -> None:
    async def story() -> None:
        crowd, tills, every_s, hour_s = Crowd(), 500, 5.0, 250.0
        loop = asyncio.get_running_loop()
        looked: Counter[int] = Counter()

        async def look() -> None:
            looked[(await crowd.call("/v1/workstations/S1-1/feeds"))[0]] += loop.time() > 100

        async def looks() -> None:
            async with asyncio.TaskGroup() as group:
                while loop.time() < hour_s:
                    group.create_task(look())
                    await asyncio.sleep(2 / PACE)

        selling = asyncio.gather(*(crowd.till(every_s, hour_s) for _ in range(tills)))
        await asyncio.gather(looks(), selling)
        later = sum(count for second, count in crowd.refused.items() if second > 100)
        assert later < 0.02 * crowd.hq.answered
        assert looked[503] < 0.02 * looked[200]
        assert max(selling.result()) < 5 * tills / PACE

    in_virtual_time(story)


def test_what_hq_learnt_in_a_bad_minute_is_not_held_against_it() -> None:
    async def story() -> None:
        crowd, tills, every_s, bad_s, hour_s = Crowd(), 500, 5.0, 60.0, 400.0
        selling = asyncio.gather(*(crowd.till(every_s, hour_s) for _ in range(tills)))
        crowd.hq.call_s = 10 * CALL_S
        await asyncio.sleep(bad_s)
        crowd.hq.call_s = CALL_S
        await asyncio.sleep(200)
        before = crowd.hq.answered
        await asyncio.sleep(100)
        assert crowd.hq.answered - before > 0.7 * PACE * 100
        await selling

    in_virtual_time(story)


def test_below_its_limit_nobody_is_sent_away_and_the_line_is_first_come_first_served() -> None:
    async def story() -> None:
        crowd = Crowd()
        found = await asyncio.gather(*(crowd.call() for _ in range(100)))
        assert {status for status, _ in found} == {200}
        assert crowd.waits == sorted(crowd.waits)

    in_virtual_time(story)


def test_what_a_customer_waits_for_does_not_stand_in_the_line() -> None:
    async def story() -> None:
        crowd = Crowd()
        calls = [asyncio.create_task(crowd.call()) for _ in range(2_000)]
        await asyncio.sleep(0)
        for path in ("/v1/workstations/S1-1/leases", "/v1/workstations/S1-1/payer", "/v1/claims", "/healthz"):
            start = asyncio.get_running_loop().time()
            assert (await crowd.call(path))[0] == 200
            assert asyncio.get_running_loop().time() - start <= CALL_S + 1e-6
        await asyncio.gather(*calls)

    in_virtual_time(story)


def test_a_call_that_was_let_in_and_waits_too_long_is_told_so_in_time() -> None:
    """The mean of earlier calls was wrong: a full disk, a server that hangs."""

    async def story() -> None:
        crowd = Crowd()
        held = [await crowd.turns.enter() for _ in range(PLACES)]
        status, after = await crowd.call()
        assert (status, after) == (503, RETRY_AFTER_S[0])
        assert crowd.waits[-1] == pytest.approx(2 * STORE_CALL_WAIT_S)
        for given in held:
            assert given
            crowd.turns.leave()
        assert (await crowd.call())[0] == 200, "and no place was lost"

    in_virtual_time(story)


def test_a_caller_that_hangs_up_gives_its_place_on() -> None:
    async def story() -> None:
        crowd = Crowd()
        calls = [asyncio.create_task(crowd.call()) for _ in range(3 * PLACES)]
        await asyncio.sleep(CALL_S / 2)
        for call in calls[::2]:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        assert (await asyncio.gather(*(crowd.call() for _ in range(2 * PLACES)))).count((200, 0)) == 2 * PLACES
        assert crowd.hq.most == PLACES

    in_virtual_time(story)


def test_whoever_has_its_answer_holds_no_place_however_slowly_it_reads() -> None:
    async def story() -> None:
        crowd = Crowd()
        read = asyncio.Event()

        async def slowly(message: Any) -> None:
            if message["type"] == "http.response.body":
                await read.wait()

        async def nothing() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "path": "/v1/workstations/S1-1/feeds/members", "headers": SIGNED, "method": "GET"}
        slow = [asyncio.create_task(crowd.door(dict(scope), nothing, slowly)) for _ in range(PLACES)]
        await asyncio.sleep(2 * CALL_S)
        assert crowd.hq.answered == PLACES
        assert (await crowd.call())[0] == 200
        assert crowd.waits[-1] == pytest.approx(CALL_S)
        read.set()
        await asyncio.gather(*slow)
        assert (await asyncio.gather(*(crowd.call() for _ in range(2 * PLACES)))).count((200, 0)) == 2 * PLACES
        assert crowd.hq.most == PLACES, "and no place was given back twice"

    in_virtual_time(story)


def test_nobody_works_for_a_caller_that_has_gone_while_it_waited() -> None:
    async def story() -> None:
        crowd = Crowd()
        calls = [asyncio.create_task(crowd.call()) for _ in range(2 * PLACES)]
        await asyncio.sleep(CALL_S / 2)
        crowd.gone = True
        await asyncio.gather(*calls)
        assert crowd.hq.answered == PLACES, "those that were inside; the others had hung up"
        crowd.gone = False
        assert (await crowd.call())[0] == 200, "and their places are free"

    in_virtual_time(story)


def test_a_real_headquarters_that_is_full_answers_503_before_it_reads_the_body(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        hq, till = await open_world(tmp_path / "hq"), Till()
        await enrol(hq, till)
        till.book()
        monkeypatch.setattr(Turns, "full", True)
        monkeypatch.setattr(Turns, "turn_s", lambda _: 7)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(hq)), base_url="http://hq") as client:
            body = till.batch().model_dump_json().encode()
            full = await client.send(till.request(client, "POST", "/v1/workstations/S1-1/batches", body))
            assert (full.status_code, full.headers["Retry-After"], full.json()["code"]) == (503, "7", "BUSY")
            assert full.headers[AT_MS_HEADER], "a busy HQ says the time all the same"
            assert (await client.get("/healthz")).status_code == 200
        await hq.close()

    asyncio.run(story())


def test_the_pause_is_spread_and_bounded() -> None:
    entropy = SystemEntropy()
    told = [pause_s(1, HqUnreachable("", retry_after_s=30), entropy) for _ in range(500)]
    assert 30 <= min(told) < 35 < 40 < max(told) <= 45, "never earlier than asked, and not all in one second"
    assert pause_s(1, HqUnreachable("", retry_after_s=10**9), entropy) <= BACKOFF_CAP_S
    long = [pause_s(30, HqUnreachable("", retry_after_s=20), entropy) for _ in range(100)]
    assert max(long) <= 30, "HQ is there and says when: hours of silence before count no more"
    silent = [pause_s(30, HqUnreachable(""), entropy) for _ in range(100)]
    assert BACKOFF_CAP_S / 4 <= min(silent) <= max(silent) <= BACKOFF_CAP_S
    hasty = [pause_s(9, HqUnreachable("", retry_after_s=0), entropy) for _ in range(100)]
    assert min(hasty) >= BACKOFF_BASE_S, "nobody can make a store call again at once for ever"


def test_hq_being_there_again_ends_a_pause_of_ours_and_none_that_hq_asked_for() -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        nothing: Any = None
        pusher = Pusher(PushPorts(nothing, nothing, nothing, nothing, nothing, SystemEntropy()), "S1-1")
        for asked, wanted_s in ((False, 1.0), (True, 60.0)):
            start = loop.time()
            loop.call_later(1, pusher.reached.set)
            await pusher._back_off(60, asked=asked)
            assert loop.time() - start == pytest.approx(wanted_s)
        assert pusher._pause(1, HqRejected("no", status=401)) == BACKOFF_CAP_S

    in_virtual_time(story)
