"""The switch of the mode, piece by piece: asked, noted, marked, and only then turned; one series of event numbers."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.announce import Announcer
from agent.db.modes import ModesDb
from agent.db.notices import NoticesDb, TrainingNotices
from agent.db.schema import books_migrations
from agent.db.store import Store
from agent.domain.errors import DiskLow, Refusal
from agent.limits import NOTICES_KEPT
from agent.mode import Fixed, ModeDesk, ModeMark, ModeParts
from agent.system import SystemClock
from agent.worker import InlineWorker


class Marks:
    """Where the mark goes; `full` disks take none."""

    def __init__(self) -> None:
        self.full = False
        self.written: list[ModeMark] = []

    def write(self, mark: ModeMark) -> None:
        if self.full:
            raise DiskLow("no room")
        self.written.append(mark)


async def opened(folder: Path, name: str = "books.db") -> Store:
    return await Store.open(folder / name, books_migrations, durable=False, make_worker=InlineWorker)


def play(folder: Path, story: Callable[[Store], Awaitable[None]]) -> None:
    async def run() -> None:
        store = await opened(folder)
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(run(), 60))


def desk(store: Store, marks: Marks, *, why: str = "", fixed: Fixed = Fixed.NO) -> ModeDesk:
    async def busy(_: bool) -> str:
        await asyncio.sleep(0)
        return why

    clock = SystemClock()
    announcer = Announcer(NoticesDb(store), clock)
    return ModeDesk(ModeParts(False, fixed, marks, ModesDb(store), busy, announcer, clock, InlineWorker("slow")))


async def refused(asked: Awaitable[object]) -> str:
    with pytest.raises(Refusal) as error:
        await asked
    assert error.value.status == 409
    return error.value.code


def test_the_audit_stands_before_the_mark_and_the_mark_before_the_turn(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        marks = Marks()
        found = desk(store, marks)
        marks.full = True
        with pytest.raises(DiskLow):
            await found.switch(True, "900", "page")
        assert not found.turning.is_set(), "not marked, not turned"
        (row,) = await found.changes(9)
        assert (row.number, row.training, row.operator, row.app, row.begun_at_ms) == (1, True, "900", "page", None)
        marks.full = False
        assert await found.switch(True, "901", "page") == {"training": True, "changing": True}
        assert found.turning.is_set()
        assert [(one.training, one.number, one.operator) for one in marks.written] == [(True, 2, "901")]
        assert await found.switch(True, "900", "page") == {"training": True, "changing": True}, "asked twice, done once"
        assert len(await found.changes(9)) == 2
        assert await refused(found.switch(False, "900", "page")) == "MODE_CHANGING"

    play(tmp_path, story)


def test_two_managers_turn_it_once(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        marks = Marks()
        found = desk(store, marks)
        asked = [found.switch(True, name, "page") for name in ("900", "901")]
        first, second = await asyncio.gather(*asked, return_exceptions=True)
        assert first == {"training": True, "changing": True}
        assert isinstance(second, Refusal)
        assert second.code == "MODE_CHANGING"
        assert len(marks.written) == len(await found.changes(9)) == 1

    play(tmp_path, story)


def test_what_is_refused_leaves_no_trace(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        for code, found in (
            ("MODE_BUSY", desk(store, Marks(), why="a reconciliation is running")),
            ("MODE_FIXED", desk(store, Marks(), fixed=Fixed.FILE)),
            ("MODE_FIXED", desk(store, Marks(), fixed=Fixed.RUN)),
        ):
            assert await refused(found.switch(True, "900", "page")) == code
            assert not found.turning.is_set()
            assert await found.changes(9) == []
            assert (await found.status())["changing"] is False

    play(tmp_path, story)


def test_a_beginning_is_kept_from_the_first_time(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        modes = ModesDb(store)
        number = await modes.asked(1, True, "900", "page")
        for at_ms in (5, 9):
            await modes.begun(number, at_ms)
        assert [one.begun_at_ms for one in await modes.latest(9)] == [5]

    play(tmp_path, story)


def test_numbers_go_on_behind_a_training_and_never_back(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        real = NoticesDb(store)
        assert await real.newest() == 0
        before = [await real.append("sync.state", {"n": n}, 1) for n in range(3)]
        there = await opened(tmp_path, "training.db")
        try:
            training = TrainingNotices(there, real)
            await training.go_on_behind(await real.newest())
            assert await training.newest() == 3, "who begins to listen is told this place"
            practice = [await training.append("sync.state", {"n": n}, 1) for n in range(3)]
            assert [one.id for one in practice] == [4, 5, 6]
            assert [one.id for one in await training.after(1, 9)] == [2, 3], "first what was missed for real"
            assert [one.id for one in await training.after(3, 9)] == [4, 5, 6]
            await real.go_on_behind(await training.newest())
        finally:
            await there.close()
        await real.go_on_behind(2)
        assert (await real.append("sync.state", {}, 1)).id == 7
        assert [one.id for one in await real.after(5, 9)] == [7]
        assert [one.id for one in await real.after(0, 9)] == [*(one.id for one in before), 7]

    play(tmp_path, story)


def test_a_long_training_costs_nobody_the_events_before_it(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        real = NoticesDb(store)
        first = await real.append("sync.state", {}, 1)
        await real.go_on_behind(3 * NOTICES_KEPT)
        for _ in range(64):
            await real.append("sync.state", {}, 1)
        assert (await real.after(0, 1))[0].id == first.id

        def fill(connection: object) -> None:
            sql = (
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
                " INSERT INTO notices (at_ms, kind, data) SELECT 1, 'sync.state', '{}' FROM n"
            )
            connection.execute(sql, {"many": NOTICES_KEPT})  # type: ignore[attr-defined]

        await store.run(fill)
        for _ in range(64):
            await real.append("sync.state", {}, 1)
        left = await real.after(0, 2 * NOTICES_KEPT)
        assert NOTICES_KEPT <= len(left) < NOTICES_KEPT + 64
        assert left[0].id > first.id

    play(tmp_path, story)


def test_streams_end_behind_what_was_told(tmp_path: Path) -> None:
    async def story(store: Store) -> None:
        announcer = Announcer(NoticesDb(store), SystemClock())
        listener = announcer.listen()
        assert listener is not None
        told = await announcer.announce("mode.changing", {"training": True})
        announcer.end()
        await announcer.announce("sync.state", {"up": True})
        heard = [listener.queue.get_nowait() for _ in range(listener.queue.qsize())]
        assert [None if one is None else one.id for one in heard] == [told.id, None]

    play(tmp_path, story)
