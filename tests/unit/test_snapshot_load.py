"""A replica from a snapshot is, row for row, one from feeds; through cuts and damage it comes whole or not at all."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from agent.db import replica_stage
from agent.db.replica_swap import REPLICA, ReplicaStore
from agent.domain.errors import DiskLow, HqUnreachable, StorageError
from sync import pull
from sync.hq import snapshot_read
from sync.hq.snapshots import is_due
from sync.protocol import Feed
from sync.snapshot import SnapshotAnswer, SnapshotManifest
from tests.killing_loads import kill_at
from tests.snapshot_world import MEMBERS, Headquarters, TillReplica, code_of
from tests.unit.test_hq_coupons import filled
from tests.unit.test_hq_importer import counts, write
from tests.unit.test_hq_member_facts import FACTS
from tests.unit.test_hq_world import BRAND, Till, enrol, query
from tests.unit.test_replica import CARDS, PRICES


def with_hq(folder: Path, story: Callable[[Headquarters], Awaitable[None]], members: int = MEMBERS) -> None:
    async def play() -> None:
        async with Headquarters(folder, members) as hq:
            await hq.enrol(folder / "till")
            await story(hq)

    asyncio.run(play())


def test_what_a_snapshot_brings_is_what_the_feeds_bring(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        assert counts(await hq.hq.import_items(BRAND, write(tmp_path, PRICES))) == (2, 0, 0, 0)
        assert counts(await hq.hq.import_members(BRAND, write(tmp_path, FACTS)))[3] == 0
        assert counts(await hq.hq.import_cards(BRAND, write(tmp_path, CARDS))) == (1, 0, 0, 0)
        await filled(hq.hq, tmp_path)
        ids = [row["member_id"] for row in await query(hq.hq, "SELECT member_id FROM members ORDER BY opening_points")]
        await hq.hq.members.erase(BRAND, ids[7], "顾客", "申请")
        stages: list[str] = []
        made = await hq.hq.build_snapshot(BRAND, lambda stage, _done, _total: stages.append(stage))
        assert {"members", "identities", "sort members", "sort identities", "check", "pack"} <= set(stages)
        assert len(made.parts) > 3
        await hq.enrol(tmp_path / "other", "S1-2")
        async with TillReplica(tmp_path / "till", hq.url) as till, TillReplica(tmp_path / "other", hq.url) as other:
            other.puller.far_behind = _no
            await other.puller.pull_all()
            assert await till.loader.load()
            assert till.states == ["loading", "ready", "swapped"]
            assert await till.everything() == await other.everything()
            assert [await till.replica.cursor(feed) for feed in Feed] == [
                await other.replica.cursor(feed) for feed in Feed
            ]
            assert (await till.names(range(9))) == [True] * 7 + [False, True]
            # And on by feeds.
            await hq.hq.freeze_member(BRAND, code_of(3), frozen=True, reason="a change")
            await till.puller.pull_all()
            found = await till.replica.by_code(code_of(3))
            assert found is not None
            assert found.member.frozen

    with_hq(tmp_path, story)


async def _no() -> bool:
    return False


def test_what_changes_while_it_is_built_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_read, "SNAPSHOT_STEP_ROWS", 100)

    async def story(hq: Headquarters) -> None:
        changed: list[int] = []

        def change(stage: str, _done: int, _total: int) -> None:
            if stage in ("members", "identities", "sort members"):
                changed.append(len(changed))
                tasks.append(
                    asyncio.ensure_future(
                        hq.hq.freeze_member(BRAND, code_of(changed[-1]), frozen=True, reason="meanwhile")
                    )
                )
                tasks.append(asyncio.ensure_future(hq.hq.import_members(BRAND, _one(tmp_path, 5000 + changed[-1]))))

        tasks: list[asyncio.Future[object]] = []
        made = await hq.hq.build_snapshot(BRAND, change)
        await asyncio.gather(*tasks)
        assert len(changed) >= 6
        assert sum(made.rows[name] for name in ("members", "identities")) >= 2 * MEMBERS
        async with TillReplica(tmp_path / "till", hq.url) as till:
            assert await till.loader.load()
            for number in changed:
                found = await till.replica.by_code(code_of(number))
                assert found is not None
                assert found.member.frozen
            assert all([await till.replica.by_code(code_of(5000 + number)) is not None for number in changed])

    with_hq(tmp_path, story)


def _one(folder: Path, number: int) -> Path:
    path = folder / f"one-{number}.csv"
    path.write_text(f"member_number,tier_id,points\n{code_of(number)},plain,1\n", encoding="utf-8")
    return path


def test_balances_say_which_events_of_the_asking_till_they_include(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        ids = [row["member_id"] for row in await query(hq.hq, "SELECT member_id FROM members ORDER BY opening_points")]
        other = Till(workstation_id="S1-9")
        await enrol(hq.hq, other)
        other.book(member=ids[5], points=10)
        await hq.hq.ingest("S1-9", other.batch())
        await hq.hq.build_snapshot(BRAND)
        other.book(member=ids[5], points=100)
        await hq.hq.ingest("S1-9", other.batch())
        answer = await hq.hq.snapshot(BRAND)
        assert answer is not None
        assert answer.marks == {"S1-9": {"e1": 1}}
        async with TillReplica(tmp_path / "till", hq.url) as till:
            assert await till.loader.load()
            found, untouched = await till.replica.by_id(ids[5]), await till.replica.by_id(ids[6])
            assert found is not None
            assert untouched is not None
            # This till has booked nothing: all that HQ counted is others'. A later pull's number is another one.
            assert (found.member.points, dict(found.watermarks)) == (115, {})
            assert set(untouched.watermarks) <= {""}

    with_hq(tmp_path, story)


class Cutting(httpx.AsyncBaseTransport):
    """Cuts answers with snapshot bytes off after a while, as many times as told."""

    def __init__(self, cuts: int, after: int, harm: Callable[[bytes], bytes] = lambda part: part) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self.cuts = cuts
        self._after = after
        self._harm = harm
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        if "/snapshots/" not in request.url.path:
            return response
        self.asked.append(request.headers["range"])
        return httpx.Response(response.status_code, headers=response.headers, stream=_Cut(self, response))

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Cut(httpx.AsyncByteStream):
    def __init__(self, owner: Cutting, response: httpx.Response) -> None:
        self._owner = owner
        self._response = response

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        sent = 0
        assert isinstance(self._response.stream, httpx.AsyncByteStream)
        async for part in self._response.stream:
            if self._owner.cuts > 0 and sent + len(part) > self._owner._after:
                self._owner.cuts -= 1
                yield self._owner._harm(part[: self._owner._after - sent])
                raise httpx.ReadError("cut off")
            sent += len(part)
            yield self._owner._harm(part)

    async def aclose(self) -> None:
        await self._response.aclose()


def test_a_line_that_breaks_costs_no_byte_twice(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        made = await hq.hq.build_snapshot(BRAND)
        cutting = Cutting(5, 5_000)
        async with TillReplica(tmp_path / "till", hq.url, cutting) as till:
            for _ in range(5):
                with pytest.raises(HqUnreachable):
                    await till.loader.load()
            assert await till.loader.load()
            starts = [int(one.split("=")[1].split("-")[0]) for one in cutting.asked]
            assert starts[:6] == [0, 5_000, 10_000, 15_000, 20_000, 25_000]
            assert all(await till.names(range(0, MEMBERS, 100)))
        assert made.packed > 30_000

    with_hq(tmp_path, story)


def test_a_restarted_till_goes_on_where_it_was(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        made = await hq.hq.build_snapshot(BRAND)
        first = Cutting(1, sum(part.size for part in made.parts[:5]) // 2)
        async with TillReplica(tmp_path / "till", hq.url, first) as till:
            till.loader._range_bytes = 10**9
            with pytest.raises(HqUnreachable):
                await till.loader.load()
        # Meanwhile a newer one is made: what was begun is finished all the same.
        await hq.hq.build_snapshot(BRAND)
        again = Cutting(0, 0)
        async with TillReplica(tmp_path / "till", hq.url, again) as till:
            assert till.stage.pending()
            assert await till.loader.load()
            start = int(again.asked[0].split("=")[1].split("-")[0])
            assert 0 < start < made.packed
            assert all(await till.names(range(0, MEMBERS, 100)))
            assert not till.stage.pending()

    with_hq(tmp_path, story)


@pytest.mark.parametrize("harm", ["on the way", "at headquarters", "on this disk", "other manifest"])
def test_damage_never_gets_in(tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(hq: Headquarters) -> None:
        await hq.hq.build_snapshot(BRAND)
        shelved = await hq.hq.snapshot(BRAND)
        assert shelved is not None
        transport = Cutting(0, 0, (lambda part: bytes(len(part))) if harm == "on the way" else (lambda part: part))
        async with TillReplica(tmp_path / "till", hq.url, transport) as till:
            before = await till.everything()
            if harm == "at headquarters":
                with shelved.path.open("r+b") as file:
                    file.seek(shelved.manifest.packed // 2)
                    file.write(b"\0" * 40)
            if harm == "on this disk":
                whole = replica_stage._hash
                monkeypatch.setattr(replica_stage, "_hash", lambda path: _flip(path) and whole(path))
            if harm == "other manifest":
                hq.snapshots.shelf._held[BRAND] = [
                    type(shelved)(_cheaper(shelved.manifest), shelved.path, shelved.marks)
                ]
                assert not await till.loader.load()  # not signed: as if there were none
            else:
                with pytest.raises(StorageError):
                    await till.loader.load()
            assert await till.everything() == before
            monkeypatch.undo()
        if harm in ("on the way", "on this disk"):
            async with TillReplica(tmp_path / "till", hq.url) as till:
                assert await till.loader.load()
                assert all(await till.names(range(0, MEMBERS, 100)))

    with_hq(tmp_path, story)


def _flip(path: Path) -> bool:
    with path.open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff" * 8)
    return True


def _cheaper(manifest: SnapshotManifest) -> SnapshotManifest:
    return manifest.model_copy(update={"cursors": {**manifest.cursors, "members": 10**6}})


def test_a_full_disk_is_said_before_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(hq: Headquarters) -> None:
        await hq.hq.build_snapshot(BRAND)
        transport = Cutting(0, 0)
        async with TillReplica(tmp_path / "till", hq.url, transport) as till:
            monkeypatch.setattr(till.stage, "free_bytes", lambda: 1000)
            with pytest.raises(DiskLow):
                await till.loader.load()
            assert (transport.asked, till.stage.pending()) == ([], False)

    with_hq(tmp_path, story)


def test_an_erasure_counts_as_applied_once_the_replica_without_the_person_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(hq: Headquarters) -> None:
        async def missing() -> list[str]:
            (one,) = await hq.hq.members.erased(BRAND)
            return list(one["missing"])

        async with TillReplica(tmp_path / "till", hq.url) as till:
            await hq.hq.build_snapshot(BRAND)
            assert await hq.hq.members.erase(BRAND, code_of(0), "legal", "asked by letter")
            swap, before = till.stage.swap, list[list[str]]()

            async def swapped() -> None:
                before.append(await missing())
                if len(before) == 1:
                    raise DiskLow("not now")
                await swap()

            monkeypatch.setattr(till.stage, "swap", swapped)
            with pytest.raises(DiskLow):
                await till.loader.load()
            assert await till.loader.load(), "which asks for what comes behind all that it has applied already"
            assert before == [["S1-1"]] * 2, "another replica was in use, with the person in it"
            assert await missing() == ["S1-1"]
            await till.puller.pull_all()
            assert await missing() == []

    with_hq(tmp_path, story)


def test_a_small_brand_is_read_by_feeds_alone(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        async with TillReplica(tmp_path / "till", hq.url) as till:
            await till.puller.pull_all()
            assert all(await till.names(range(MEMBERS)))
            assert not till.loader.busy
            assert not await till.loader.load()  # HQ has made none
            assert till.states == ["none"]

    with_hq(tmp_path, story)


def test_a_pull_that_is_far_behind_leaves_the_rest_to_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "SNAPSHOT_ASK_PAGES", 1)

    async def story(hq: Headquarters) -> None:
        await hq.hq.build_snapshot(BRAND)
        async with TillReplica(tmp_path / "till", hq.url) as till:
            ended: list[bool] = []

            async def pulled() -> None:
                ended.append(True)

            till.puller.on_pulled = pulled
            assert await till.puller.pull_all() == 1 + 1000 + 1000  # rules, and a page of either feed
            assert (ended, till.loader.busy) == ([], True)
            running = asyncio.create_task(till.loader.run())
            swapped = asyncio.Event()
            till.loader.on_swapped = swapped.set
            await asyncio.wait_for(swapped.wait(), 30)
            assert await till.puller.pull_all() == 0
            assert ended == [True]
            assert all(await till.names(range(0, 1200, 100)))
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    with_hq(tmp_path, story, members=1200)


def test_a_snapshot_of_a_newer_program_or_of_a_restored_hq_is_left_alone(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        await hq.hq.build_snapshot(BRAND)
        async with TillReplica(tmp_path / "till", hq.url) as till:
            known = till.loader._migrations
            till.loader._migrations = known - {"r004_snapshot"}
            assert not await till.loader.load()
            till.loader._migrations = known
            await hq.hq._write(
                lambda c: c.execute("UPDATE feed_counters SET last_no = last_no - 1 WHERE feed = 'members'").rowcount
            )
            assert await hq.hq.snapshot(BRAND) is None
            assert not await till.loader.load()

    with_hq(tmp_path, story)


def test_a_replica_that_cannot_be_opened_is_begun_anew(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        async with TillReplica(tmp_path / "till", hq.url) as till:
            await till.puller.pull_all()
            await till.store.run(
                lambda c: c.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES"
                                    " ('replica', 'r999_of_tomorrow', '')").rowcount
            )  # fmt: skip
        async with TillReplica(tmp_path / "till", hq.url) as till:
            assert await till.replica.cursor(Feed.MEMBERS) == 0
            await till.puller.pull_all()
        (tmp_path / "till" / REPLICA).write_bytes(b"no database" * 1000)
        async with TillReplica(tmp_path / "till", hq.url) as till:
            await till.puller.pull_all()
            assert all(await till.names(range(0, MEMBERS, 100)))

    with_hq(tmp_path, story)


def test_look_ups_never_fail_while_replicas_change_places(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        await hq.hq.build_snapshot(BRAND)
        async with TillReplica(tmp_path / "till", hq.url) as till:
            await till.loader.load()
            missed, looked, open_ = 0, 0, True

            async def sell() -> None:
                nonlocal missed, looked
                while open_:
                    found = await till.replica.by_code(code_of(looked % MEMBERS))
                    rules, item = await till.replica.rules(), await till.replica.version()
                    missed += found is None or rules.version != 1 or item < 0
                    looked += 1
                    await asyncio.sleep(0)

            selling = [asyncio.create_task(sell()) for _ in range(3)]
            for _ in range(2):
                till.loader._insisted = True
                assert await till.loader.load()
            open_ = False
            await asyncio.gather(*selling)
            assert missed == 0
            assert looked > 50

    with_hq(tmp_path, story)


def test_what_is_local_is_carried_over(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        await hq.hq.build_snapshot(BRAND)
        async with TillReplica(tmp_path / "till", hq.url) as till:
            await till.store.run(lambda c: c.execute("INSERT INTO snapshot VALUES (1, 5, 'boot', 7)").rowcount)
            await till.rows.checked(Feed.MEMBERS, "m_half")
            await till.loader.load()
            age = await till.store.read(lambda c: tuple(c.execute("SELECT * FROM snapshot").fetchone()))
            until = await till.store.read(lambda c: [tuple(row) for row in c.execute("SELECT * FROM checks")])
            assert (age, until) == ((1, 5, "boot", 7), [("members", "m_half")])

    with_hq(tmp_path, story)


def test_the_file_says_nothing_to_whoever_lacks_the_brands_key(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        made = await hq.hq.build_snapshot(BRAND)
        [folder] = list((hq.folder / "hq" / "snapshots" / BRAND).iterdir())
        assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "packed", "watermarks.json"]
        packed = (folder / "packed").read_bytes()
        assert len(packed) == made.packed
        assert hashlib.sha256(packed[: made.parts[0].size]).hexdigest() == made.parts[0].sha256
        assert b"SQLite" not in packed
        assert b"\x28\xb5\x2f\xfd" not in packed[:64]  # not even as zstd
        assert SnapshotAnswer.model_validate_json(SnapshotAnswer(manifest=made).model_dump_json()).manifest == made
        for _ in range(4):
            await hq.hq.build_snapshot(BRAND)
        assert len(list(folder.parent.iterdir())) == 3
        assert not folder.exists()

    with_hq(tmp_path, story)


def test_a_swap_that_finds_an_unfolded_file_changes_nothing(tmp_path: Path) -> None:
    async def play() -> None:
        store = await ReplicaStore.open(tmp_path / REPLICA)
        ready = tmp_path / "ready.db"
        ready.write_bytes(b"x")
        ready.with_name("ready.db-wal").write_bytes(b"y")
        with pytest.raises(StorageError):
            await store.swap(ready, lambda: None)
        assert await store.read(lambda c: c.execute("SELECT count(*) FROM members").fetchone()[0]) == 0
        await store.close()

    asyncio.run(play())


def test_a_till_that_is_killed_again_and_again_keeps_one_good_replica(tmp_path: Path) -> None:
    assert asyncio.run(kill_at(tmp_path, every=3)) >= 3  # a death in each of its steps: tests/long


def test_headquarters_makes_one_when_feeds_would_take_too_long(tmp_path: Path) -> None:
    async def story(hq: Headquarters) -> None:
        made = (await hq.hq.build_snapshot(BRAND)).model_copy(update={"rows": {"members": 200_000, "identities": 0}})
        at, day_ms = made.taken_at_ms, 24 * 3600 * 1000
        here = {feed.value: made.cursors[feed.value] for feed in Feed}
        assert not is_due(here, None, at)  # a small brand
        assert is_due({**here, "members": 200_000}, None, at)
        far = {**here, "members": here["members"] + 200_000}
        assert is_due(far, made, at)  # all of it has changed
        many = made.model_copy(update={"rows": {"members": 9_000_000, "identities": 0}})
        assert not is_due(far, many, at + day_ms - 1)
        assert is_due(far, many, at + day_ms)
        assert is_due(far, many.model_copy(update={"cursors": {**far, "members": 10**7}}), at)  # HQ was restored

    with_hq(tmp_path, story, members=3)
