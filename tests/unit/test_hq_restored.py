"""HQ restored from a copy grants nothing that it has forgotten it gave away: real books, real HQ, real files."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from agent.domain.errors import HqRejected
from sync.hq import marking, restored
from sync.hq.grant_witness import FILE, FileGrantWitness
from sync.hq.server import HqServer
from sync.hq.service import HqService
from sync.lease_protocol import LeaseRequest, LeaseWant
from sync.protocol import Feed
from tests.lease_world import Station, account_state
from tests.stand_ins import SteppingClock
from tests.unit.test_hq_world import BRAND, Databases, HandClock, import_members, open_again, open_world, query


@dataclass
class Chain:
    """Two tills and an HQ that can be copied and put back."""

    folder: Path
    clock: SteppingClock
    hq: HqService
    one: Station
    two: Station
    member: str = ""

    @property
    def stations(self) -> tuple[Station, Station]:
        return self.one, self.two

    async def back_up(self) -> None:
        await self._reopen(lambda: Databases.back_up(self.folder))

    async def restore(self, *, with_witness_of: Path | None = None) -> None:
        """The copy in place of the database; its witness stays, unless it is replaced too, or gone (no such path)."""

        def put() -> None:
            Databases.put_back(self.folder)
            if with_witness_of is not None:
                (self.folder / FILE).unlink()
                if with_witness_of.exists():
                    shutil.copy2(with_witness_of, self.folder / FILE)

        await self._reopen(put)

    async def _reopen(self, between: Callable[[], object]) -> None:
        await self.hq.close()
        between()
        self.hq = await open_again(self.folder, HandClock(self.clock.now_ms()))
        for station in self.stations:
            station.wire.meet(self.hq)

    async def refused(self, station: Station) -> str:
        """The code with which HQ refuses a lease; "" where it grants one."""
        epoch, last = await station.leases.position()
        want = LeaseWant(account="points", amount=1)
        request = LeaseRequest(request_id="probe", epoch=epoch, last=last, member_id=self.member, wants=[want])
        try:
            await station.wire.lease(request)
        except HqRejected as error:
            return error.code
        return ""

    async def books_add_up(self) -> dict[str, int]:
        state = await account_state(self.hq, self.member)
        assert state["owned"] == state["lots"] + state["out"]
        return state


def play(folder: Path, story: Callable[[Chain], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = SteppingClock()
        hq = await open_world(folder / "hq", HandClock(clock.ms))
        one, two = Station(folder, hq, "S1-1", clock), Station(folder, hq, "S1-2", clock)
        chain = Chain(folder / "hq", clock, hq, one, two)
        try:
            [chain.member] = await import_members(hq, folder / "members.csv", 1)
            await hq._write(lambda c: c.execute("UPDATE members SET opening_points = 100"))
            for station in chain.stations:
                await station.enrol()
            await story(chain)
        finally:
            for station in chain.stations:
                await station.close()
            await chain.hq.close()

    asyncio.run(run())


async def granted_and_forgotten(chain: Chain, **how: Path) -> None:
    """HQ gives 60 of 100 points to the first till and is put back to before that; the till is cut off meanwhile."""
    await chain.back_up()
    assert await chain.one.acquire(chain.member, 60)
    await chain.restore(**how)
    chain.one.wire.mode = "down"


def test_hq_that_has_forgotten_a_grant_gives_it_to_nobody_else_until_the_holder_has_told(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        await granted_and_forgotten(chain)
        assert await chain.refused(chain.two) == restored.HQ_RESTORED
        assert not await chain.two.acquire(chain.member, 100), "a till without a lease spends nothing, and says so"
        assert await chain.two.pull() != "", "the second till is asked, and tells"
        assert await chain.two.pull() == ""
        assert [one.workstation_id for one in await chain.hq.awaited()] == ["S1-1"]
        assert await chain.refused(chain.two) == restored.HQ_RESTORED, "the holder may still spend"
        await chain.one.spend(chain.member, 60)
        chain.one.wire.mode = "up"
        await chain.one.pull()
        assert await chain.refused(chain.two) == restored.HQ_RESTORED, "HQ lacks its books: nothing is known yet"
        await chain.one.push()
        await chain.one.pull()
        assert await chain.hq.awaited() == []
        assert await chain.two.acquire(chain.member, 100)
        assert await chain.two.free(chain.member) == 40
        assert await chain.books_add_up() == {"owned": 40, "lots": 0, "out": 40}

    play(tmp_path, story)


def test_a_lost_witness_says_that_hq_was_restored(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        assert await chain.two.acquire(chain.member, 1)
        await granted_and_forgotten(chain, with_witness_of=tmp_path / "gone")
        assert await chain.refused(chain.two) == restored.HQ_RESTORED

    play(tmp_path, story)


def test_a_whole_machine_put_back_is_declared_by_its_operator(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        assert await chain.two.acquire(chain.member, 1)
        shutil.copy2(chain.folder / FILE, tmp_path / "witness")
        await granted_and_forgotten(chain, with_witness_of=tmp_path / "witness")
        assert await chain.hq.awaited() == [], "copy and witness agree: nothing here can know"
        await chain.hq.declare_restored("the machine was put back")
        assert await chain.refused(chain.two) == restored.HQ_RESTORED
        assert {one.workstation_id for one in await chain.hq.awaited()} == {"S1-1", "S1-2"}

    play(tmp_path, story)


def test_a_database_put_back_under_a_running_hq_grants_nothing_that_it_has_forgotten(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        assert await chain.two.acquire(chain.member, 1)
        assert await chain.one.acquire(chain.member, 60)
        await chain.hq._write(lambda c: c.execute("UPDATE grants_made SET number = number - 1"))
        assert await chain.refused(chain.two) == restored.HQ_RESTORED, "before anything says that it was put back"
        assert {one.workstation_id for one in await chain.hq.awaited()} == {"S1-1", "S1-2"}
        rows = await query(chain.hq, "SELECT SUM(amount) AS granted FROM leases")
        assert rows[0]["granted"] == 61, "nothing of the grant stays"
        for station in chain.stations:
            await station.push()
            await station.pull()
        assert await chain.hq.awaited() == []
        assert await chain.refused(chain.two) == "", "told once is told"

    play(tmp_path, story)


def test_a_lease_of_hqs_own_making_that_it_does_not_hold_says_so_too_and_once(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        assert await chain.two.acquire(chain.member, 1)
        shutil.copy2(chain.folder / FILE, tmp_path / "witness")
        await granted_and_forgotten(chain, with_witness_of=tmp_path / "witness")
        chain.one.wire.mode = "up"
        await chain.one.push()
        assert {one.workstation_id for one in await chain.hq.awaited()} == {"S1-1", "S1-2"}
        for station in chain.stations:
            await station.push()
            await station.pull()
        assert await chain.hq.awaited() == []
        await chain.one.push()
        assert await chain.hq.awaited() == [], "the same lease again is no second restoration"

    play(tmp_path, story)


def test_a_lease_that_hq_never_made_stops_nobody(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        keys = chain.hq._keys
        assert restored.is_ours(keys, restored.lease_token(keys, b"0123456789") + ".1")
        for alien in ("ls_vv6hxs4k5yqn2a3r5t7w4b6c.1", "ls_1", "", "S1-1.e.1", "ls_!!!!!!!!!!!!!!!!!!!!!!!!.1"):
            assert not restored.is_ours(keys, alien)

    play(tmp_path, story)


def test_a_dead_till_is_waited_for_until_it_is_written_off_and_comes_back_as_debt(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        await granted_and_forgotten(chain)
        await chain.two.pull()
        await chain.hq.leases.write_off("S1-1")
        assert await chain.two.acquire(chain.member, 100), "an operator has answered for the rest"
        chain.one.wire.mode = "up"
        await chain.one.spend(chain.member, 60)
        await chain.one.push()
        assert await chain.hq.awaited() == [], "it brings what is known to be forgotten"
        state = await chain.books_add_up()
        assert state["owned"] == 40
        found = await query(chain.hq, "SELECT code FROM discrepancies WHERE place = 'leases'")
        assert {row["code"] for row in found} == {"LEASE_UNKNOWN", "LEASE_OVERSPENT"}

    play(tmp_path, story)


def test_an_answer_to_an_earlier_restoration_counts_for_nothing(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        await granted_and_forgotten(chain)
        asked = (await chain.two.wire.pull(Feed.MEMBERS, 0)).report
        chain.clock.ms += 1_000
        await chain.restore()
        await chain.two.reporter.tell(asked)
        assert {one.workstation_id for one in await chain.hq.awaited()} == {"S1-1", "S1-2"}

    play(tmp_path, story)


def test_an_answer_on_its_way_into_the_books_is_waited_for(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        await granted_and_forgotten(chain)
        chain.two.leasing._under_way += 1
        await chain.two.pull()
        assert len(await chain.hq.awaited()) == 2
        chain.two.leasing._under_way -= 1
        await chain.two.pull()
        assert len(await chain.hq.awaited()) == 1

    play(tmp_path, story)


def test_hq_that_was_only_started_again_waits_for_nobody(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        assert await chain.one.acquire(chain.member, 60)
        await chain.back_up()
        assert await chain.hq.awaited() == []
        assert await chain.two.acquire(chain.member, 40)

    play(tmp_path, story)


def test_a_till_that_has_seen_what_is_forgotten_reads_again_however_far_the_restored_one_has_come(
    tmp_path: Path,
) -> None:
    """A price of after the copy would stand at that till until somebody changes it once more."""

    async def story(chain: Chain) -> None:
        await chain.back_up()
        assert await chain.one.acquire(chain.member, 60)
        await import_items(chain.hq, tmp_path, ["A", "B", "C"], 990)
        seen = (await chain.one.wire.pull(Feed.ITEMS, 0)).cursor
        await chain.restore()
        await import_items(chain.hq, tmp_path, ["A", "B", "C", "D", "E"], 790)
        with pytest.raises(HqRejected) as refused:
            await chain.one.wire.pull(Feed.ITEMS, seen)
        assert refused.value.code == "CURSOR_AHEAD"
        page = await chain.one.wire.pull(Feed.ITEMS, 0)
        assert len(page.rows) == 5
        assert (await chain.one.wire.pull(Feed.ITEMS, page.cursor)).rows == [], "and goes on from there"
        assert (await chain.two.wire.pull(Feed.ITEMS, 0)).cursor == page.cursor > seen

    play(tmp_path, story)


def test_a_copy_is_noticed_though_only_feeds_went_on_since(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        await import_items(chain.hq, tmp_path, ["A", "B"], 990)
        await chain.back_up()
        await import_items(chain.hq, tmp_path, ["A"], 1_490)
        seen = (await chain.one.wire.pull(Feed.ITEMS, 0)).cursor
        await chain.restore()
        assert {one.workstation_id for one in await chain.hq.awaited()} == {"S1-1", "S1-2"}
        await import_items(chain.hq, tmp_path, ["B"], 1_790)
        assert await is_ahead(chain, seen), "under this number stands another price than the till has read"

    play(tmp_path, story)


def test_a_copy_taken_while_hq_served_is_noticed_from_the_next_mark_on(tmp_path: Path) -> None:
    """As of a server, whose copies need no stop: nothing was granted, nothing started since."""

    async def story(chain: Chain) -> None:
        copied = await query(chain.hq, "SELECT number FROM grants_made")
        await chain.hq.marking.renew()
        await chain.hq.marking.renew()
        assert await chain.hq.awaited() == [], "time that passes is no restoration"
        await chain.hq._write(lambda c: c.execute("UPDATE grants_made SET number = :number", copied[0]))
        await chain.hq.marking.renew()
        assert {one.workstation_id for one in await chain.hq.awaited()} == {"S1-1", "S1-2"}
        await chain._reopen(lambda: None)
        assert len(await query(chain.hq, "SELECT 1 FROM restorations")) == 1, "noticed once"

    play(tmp_path, story)


def test_what_hq_wrote_last_before_it_stopped_is_newer_than_any_copy(tmp_path: Path) -> None:
    """As of a server that is copied while HQ serves: neither a minute passes, nor a grant, nor a start."""

    async def story(chain: Chain) -> None:
        await chain.hq.marking.renew()
        copied = await query(chain.hq, "SELECT number FROM grants_made")
        await import_items(chain.hq, tmp_path, ["A"], 990)
        stopped: list[int] = []
        await chain._reopen(lambda: stopped.append(FileGrantWitness(chain.folder / FILE).read() or 0))
        assert stopped[0] > copied[0]["number"]
        await chain.hq._write(lambda c: c.execute("UPDATE grants_made SET number = :number", copied[0]))
        await chain._reopen(lambda: None)
        assert {one.workstation_id for one in await chain.hq.awaited()} == {"S1-1", "S1-2"}

    play(tmp_path, story)


def test_a_mark_that_was_cut_short_by_the_stop_is_given_all_the_same(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        await chain.hq.marking.renew()
        copied = await query(chain.hq, "SELECT number FROM grants_made")
        await import_items(chain.hq, tmp_path, ["A"], 990)
        cut = asyncio.ensure_future(chain.hq.marking.renew())
        await asyncio.sleep(0)
        cut.cancel()
        await asyncio.wait([cut])
        stopped: list[int] = []
        await chain._reopen(lambda: stopped.append(FileGrantWitness(chain.folder / FILE).read() or 0))
        assert stopped[0] > copied[0]["number"]

    play(tmp_path, story)


def test_an_hq_that_wrote_nothing_gives_no_mark_when_it_stops(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        await chain._reopen(lambda: None)
        [opened] = await query(chain.hq, "SELECT number FROM grants_made")
        left: list[int] = []
        await chain._reopen(lambda: left.append(FileGrantWitness(chain.folder / FILE).read() or 0))
        assert left == [opened["number"]]

    play(tmp_path, story)


@pytest.mark.parametrize(("every_s", "writes"), [(0.001, False), (3600.0, True)], ids=["minute", "write"])
def test_an_hq_that_serves_renews_its_mark_by_itself_every_minute_and_after_what_it_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every_s: float, writes: bool
) -> None:
    monkeypatch.setattr(marking, "MARK_S", every_s)
    monkeypatch.setattr(marking, "MARK_SOON_S", 0.001)

    async def story() -> None:
        server = HqServer(await open_world(tmp_path / "hq"))
        await server.start()
        try:
            [before] = await query(server.hq, "SELECT number FROM grants_made")
            if writes:
                await import_items(server.hq, tmp_path, ["A"], 990)
            async with asyncio.timeout(30):
                while (FileGrantWitness(tmp_path / "hq" / FILE).read() or 0) <= before["number"]:
                    await server.hq.ping()
        finally:
            await server.stop()

    asyncio.run(story())


@pytest.mark.parametrize(("witness", "later_ms"), [("kept", 0), ("kept", -86_400_000), ("lost", 86_400_000)])
def test_the_same_copy_put_back_again_gives_no_number_a_second_time(
    tmp_path: Path, witness: str, later_ms: int
) -> None:
    """Nor where HQ's clock was set back meanwhile; without its witness the clock alone is left."""

    async def story(chain: Chain) -> None:
        await import_items(chain.hq, tmp_path, ["A", "B"], 990)
        await chain.back_up()
        how = {} if witness == "kept" else {"with_witness_of": tmp_path / "gone"}
        cursors: list[int] = []
        for fen in (1_490, 1_790, 1_890):
            await chain.restore(**how)
            await import_items(chain.hq, tmp_path, ["A"], fen)
            for cursor in cursors:
                assert await is_ahead(chain, cursor)
            page = await chain.one.wire.pull(Feed.ITEMS, 0)
            assert (await chain.one.wire.pull(Feed.ITEMS, page.cursor)).rows == []
            assert all(page.cursor > cursor + 900_000_000 for cursor in cursors) or witness == "lost"
            cursors.append(page.cursor)
            await import_items(chain.hq, tmp_path, ["A", "B", "C"], fen + 10)
            cursors.append((await chain.one.wire.pull(Feed.ITEMS, 0)).cursor)
            chain.clock.ms += later_ms

    play(tmp_path, story)


async def is_ahead(chain: Chain, cursor: int) -> bool:
    """Whether HQ tells a till with this cursor of the items to read them again."""
    try:
        await chain.one.wire.pull(Feed.ITEMS, cursor)
    except HqRejected as error:
        return error.code == "CURSOR_AHEAD"
    return False


async def import_items(hq: HqService, folder: Path, skus: list[str], fen: int) -> None:
    """Goods at one price."""
    rows = "".join(f"{sku},茶,{fen // 100}.{fen % 100:02d}\n" for sku in skus)
    (folder / "items.csv").write_text("sku,name,list_yuan\n" + rows, encoding="utf-8")
    assert (await hq.import_items(BRAND, folder / "items.csv")).faults == []


@pytest.mark.parametrize("torn", [0, 1])
def test_a_torn_write_of_the_witness_leaves_the_number_before(tmp_path: Path, torn: int) -> None:
    path = tmp_path / FILE
    for number in (6, 7):
        FileGrantWitness(path).write(number)
    text = bytearray(path.read_bytes())
    text[torn * 4096 + 3] ^= 0xFF
    path.write_bytes(text)
    assert FileGrantWitness(path).read() == (7 if torn == 0 else 6)
    assert FileGrantWitness(tmp_path / "none").read() is None


def test_a_write_of_the_witness_spares_the_number_before_whatever_it_was(tmp_path: Path) -> None:
    path = tmp_path / FILE
    numbers = (3, 5, 1_790_000_000_000, 1_790_000_000_002, 1_790_000_000_003)
    for before, number in pairwise(numbers):
        FileGrantWitness(path).write(before)
        slots = _slots(path)
        FileGrantWitness(path).write(number)
        written = path.read_bytes()
        [changed] = [place for place, (old, new) in enumerate(zip(slots, _slots(path), strict=True)) if old != new]
        torn = bytearray(written)
        torn[changed * 4096 + 7] ^= 0xFF
        path.write_bytes(torn)
        assert FileGrantWitness(path).read() == before


def _slots(path: Path) -> tuple[bytes, bytes]:
    text = path.read_bytes().ljust(8192, b"\0")
    return text[:4096], text[4096:]
