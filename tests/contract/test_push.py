"""Outbox -> HQ under every fault of the way: nothing lost, nothing doubled, no poison blocks, no budget is spent."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import zstandard

from agent.demo import world as chain
from agent.domain.errors import HqRejected, HqUnreachable
from agent.limits import BACKOFF_CAP_S
from sync.client import HttpHq
from sync.hq.app import create_app
from sync.hq.turns import Turns
from sync.protocol import BatchAnswer
from sync.push import Pusher, PushPorts
from tests.e2e.test_reconcile import sell
from tests.faulty import FaultyTransport
from tests.till_world import TillWorld


class PushWorld:
    """A store with a pusher of its own behind a faulty transport to the real HQ application."""

    def __init__(self, world: TillWorld) -> None:
        self.world = world
        agent = world.agent
        self.way = FaultyTransport(httpx.ASGITransport(app=create_app(world.server.hq)))
        keys = agent.pusher._ports.keys
        hq = HttpHq("http://hq", workstation_id=agent.enrolment.workstation_id, keys=keys, transport=self.way)
        ports = PushPorts(agent.outbox, agent.books, hq, keys, world.clock, world.entropy)
        self.pusher = Pusher(ports, agent.enrolment.workstation_id)
        hq.on_next = self.pusher.leave_alone

    async def sell(self, count: int) -> None:
        """Book some sales."""
        have = (await self.world.agent.proofs.unit(await self.world.agent.outbox.epoch())).count
        for number in range(have, have + count):
            await sell(self.world.agent.till, number, chain.member(number % 5).number)

    async def at_hq(self) -> tuple[int, int]:
        """(events, points) that HQ has booked."""
        totals = await self.world.server.hq.totals(self.world.agent.enrolment.workstation_id)
        return sum(day.events for day in totals.days), sum(day.points for day in totals.days)

    async def at_hq_events(self) -> int:
        """How many events HQ has booked."""
        return (await self.at_hq())[0]


def play(folder: Path, story: Callable[[PushWorld], Awaitable[None]]) -> None:
    async def run() -> None:
        async with TillWorld(folder) as world:
            await story(PushWorld(world))

    asyncio.run(run())


def test_lost_requests_lost_answers_and_duplicates_book_every_event_exactly_once(tmp_path: Path) -> None:
    """pains 2, 3: response lost, sent again, points not doubled."""

    async def story(push: PushWorld) -> None:
        await push.sell(4)
        push.way.plan = ["lost_answer", "lost_request", "twice", "503", "nonsense"]
        for _ in range(5):
            try:
                await push.pusher.push_all()
            except HqUnreachable:
                continue
        counts = await push.world.agent.outbox.outbox_counts()
        assert (counts.acknowledged, counts.pending) == (4, 0)
        postings = [
            await push.world.agent.books.postings("points", (await push.world.agent.till.resolve(one)).member.member_id)  # type: ignore[union-attr]
            for one in (chain.member(number).number for number in range(4))
        ]
        assert await push.at_hq() == (4, sum(amount for rows in postings for _, _, amount in rows))

    play(tmp_path, story)


def test_a_sick_server_never_costs_an_event_however_long_it_lasts(tmp_path: Path) -> None:
    """Design bug 2 of the peers: 75 s of a sick server dead-lettered the whole queue."""

    async def story(push: PushWorld) -> None:
        await push.sell(2)
        push.way.plan = ["500"] * 60
        for _ in range(60):
            with pytest.raises(HqUnreachable):
                await push.pusher.push_once()
        assert (await push.world.agent.outbox.outbox_counts()).pending == 2
        assert await push.pusher.push_all() == 2

    play(tmp_path, story)


def test_retry_after_is_obeyed_and_backing_off_is_capped(tmp_path: Path) -> None:
    async def story(push: PushWorld) -> None:
        await push.sell(1)
        push.way.plan = ["429"]
        with pytest.raises(HqUnreachable) as caught:
            await push.pusher.push_once()
        assert caught.value.retry_after_s == 7
        assert push.pusher._pause(1, caught.value) >= 7
        assert push.pusher._pause(1000, HqUnreachable("x")) <= 300

    play(tmp_path, story)


def test_a_till_that_hq_has_no_room_for_sends_its_next_sales_in_one_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(push: PushWorld) -> None:
        sizes: list[int] = []
        settle = push.world.agent.outbox.settle

        async def counted(epoch: str, answer: BatchAnswer, at_ms: int, fresh: str) -> bool:
            sizes.append(len(answer.verdicts))
            arrived.set()
            return await settle(epoch, answer, at_ms, fresh)

        arrived, room_in_s = asyncio.Event(), 2
        monkeypatch.setattr(push.world.agent.outbox, "settle", counted)
        monkeypatch.setattr(Turns, "next_s", lambda _turns: room_in_s)
        pushing = asyncio.create_task(push.pusher.run())
        await push.sell(1)
        push.pusher.wake.set()
        await arrived.wait()
        arrived.clear()
        start = asyncio.get_running_loop().time()
        for _ in range(3):
            await push.sell(1)
            push.pusher.wake.set()
        await arrived.wait()
        assert asyncio.get_running_loop().time() - start >= 1, "in its turn"
        assert sizes == [1, 3]
        await push.sell(2)
        assert await push.pusher.push_all() == 2, "who asks for a proof waits for no turn"
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)

    play(tmp_path, story)


def test_what_others_wait_for_goes_at_once_and_then_the_turn_holds_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recalled lease, or what a restored HQ asks for: whatever is under way, and until all of it is out."""

    async def story(push: PushWorld) -> None:
        arrived, later = asyncio.Event(), 0
        settle = push.world.agent.outbox.settle

        async def noted(epoch: str, answer: BatchAnswer, at_ms: int, fresh: str) -> bool:
            nonlocal later
            if later:  # booked, and hurried on, while a batch is under way whose answer gives a far turn
                later -= 1
                await push.sell(1)
                push.pusher.hurry()
            arrived.set()
            return await settle(epoch, answer, at_ms, fresh)

        async def sent(count: int) -> None:
            async with asyncio.timeout(60):
                while await push.at_hq_events() < count:
                    arrived.clear()
                    await arrived.wait()

        async def stays(count: int) -> None:
            await push.sell(1)
            push.pusher.wake.set()
            await asyncio.sleep(0.2)
            assert await push.at_hq_events() == count

        monkeypatch.setattr(push.world.agent.outbox, "settle", noted)
        monkeypatch.setattr(Turns, "next_s", lambda _turns: 200)
        pushing = asyncio.create_task(push.pusher.run())
        await push.sell(1)
        push.pusher.wake.set()
        await sent(1)
        await stays(1)
        later = 2
        push.pusher.hurry()
        await sent(4)
        await stays(4)
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)

    play(tmp_path, story)


def test_a_calm_hq_says_nothing_and_no_word_of_it_keeps_a_till_silent_for_long(tmp_path: Path) -> None:
    async def story(push: PushWorld) -> None:
        await push.sell(1)
        await push.pusher.push_once()
        assert push.pusher._turn_s <= push.world.clock.mono_s(), "at once, whatever was said before"
        agent = push.world.agent
        assert agent.hq.on_next == agent.pusher.leave_alone, "the till's own pusher hears it too"
        before = push.world.clock.mono_s()
        push.pusher.leave_alone(31_536_000)
        assert push.pusher._turn_s <= before + BACKOFF_CAP_S + 1, "whoever asks for a year is not obeyed"

    play(tmp_path, story)


def test_a_poison_event_is_isolated_and_blocks_no_other(tmp_path: Path) -> None:
    """pains 1: "the stuck invoice blocks the pipe"."""

    async def story(push: PushWorld) -> None:
        await push.sell(7)

        def refuse(_: httpx.Request, body: bytes) -> int | None:
            return 422 if b"sale-3" in zstandard.ZstdDecompressor().decompress(body) else None

        push.way.refuse = refuse
        assert await push.pusher.push_all() == 7
        counts = await push.world.agent.outbox.outbox_counts()
        assert (counts.acknowledged, counts.suspended, counts.pending) == (6, 1, 0)

    play(tmp_path, story)


def test_a_revoked_workstation_stops_sending_and_raises_an_alarm_but_loses_nothing(tmp_path: Path) -> None:
    async def story(push: PushWorld) -> None:
        await push.sell(2)
        await push.world.server.hq.revoke_workstation(chain.WORKSTATION)
        with pytest.raises(HqRejected) as caught:
            await push.pusher.push_all()
        assert caught.value.status in (401, 403)
        push.way.next_request.clear()
        task = asyncio.create_task(push.pusher.run())
        seen = push.way.seen
        async with asyncio.timeout(5):
            await push.way.next_request.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        assert "WORKSTATION" in push.pusher.alarm or "401" in push.pusher.alarm or "403" in push.pusher.alarm
        assert push.way.seen == seen + 1, "asked once, then silence"
        assert (await push.world.agent.outbox.outbox_counts()).pending == 2

    play(tmp_path, story)


def test_batches_grow_back_after_a_split(tmp_path: Path) -> None:
    async def story(push: PushWorld) -> None:
        await push.sell(3)
        push.pusher._limit = 1
        assert await push.pusher.push_once() == 1
        assert await push.pusher.push_once() == 2
        assert (await push.world.agent.outbox.outbox_counts()).acknowledged == 3

    play(tmp_path, story)
