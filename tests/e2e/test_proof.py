"""Seals, located alterations, forks, witness and the downward check, over real HTTP between real books (wire.md)."""

import asyncio
import csv
import io
import shutil
from pathlib import Path

import httpx
import pytest

from agent.demo import world as chain
from agent.domain.digest import event_digest, extend
from agent.domain.errors import Refusal
from agent.main import Agent
from agent.sqlite import Connection
from agent.witness import FileWitness
from sync import reconcile
from sync.client import HttpHq
from sync.proof import Finding
from sync.protocol import Feed
from sync.ranges import RangesAnswer, RangesRequest
from sync.verdict import Reconciliation
from tests.e2e.test_reconcile import at_hq, play, sell
from tests.till_world import TillWorld, triggers_of


def named(run: Reconciliation) -> list[tuple[str, str, str, str]]:
    return sorted((f.side, f.table, f.key, f.code) for f in (one.finding for one in run.differences))


def drop_triggers(connection: Connection) -> None:
    for trigger in triggers_of(connection):
        connection.execute(f"DROP TRIGGER {trigger}")


def forge(connection: Connection, epoch: str, seq: int, where: str) -> None:
    """Alter one event and cover the tracks: digest and every chain hash from there on."""
    drop_triggers(connection)
    connection.execute(
        f"UPDATE events SET body = replace(body, '\"qty\":1', '\"qty\":9') WHERE {where} AND seq = {seq}"
    )
    before = connection.execute(f"SELECT chain FROM events WHERE {where} AND seq = {seq - 1}").fetchone()["chain"]
    rows = connection.execute(f"SELECT seq, body FROM events WHERE {where} AND seq >= {seq} ORDER BY seq").fetchall()
    for row in rows:
        digest = event_digest(row["body"].encode())
        before = extend(before, digest)
        connection.execute(
            f"UPDATE events SET digest = :d, chain = :c WHERE {where} AND seq = {row['seq']}",
            {"d": digest, "c": before},
        )


def test_the_proof_rides_on_the_last_push_and_seals_contiguous_ranges(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(3):
            await sell(world.agent.till, number)
        first = await world.agent.daemon.prove()
        assert (first.result, first.requests) == ("equal", 1)
        await sell(world.agent.till, 3)
        assert (await world.agent.daemon.prove()).requests == 1
        epoch = await world.agent.outbox.epoch()
        mine = await world.agent.proofs.seals(epoch, 0)
        assert [(seal.first, seal.last) for seal in mine] == [(1, 3), (4, 4)]
        assert mine == (await world.server.hq.seals(0))[0]
        assert [row[3:] for row in mine[0].totals] == [(3, 5940, 0)]
        assert mine[0].hour.endswith(":00+08:00")
        await world.agent.daemon.prove()
        assert len(await world.agent.proofs.seals(epoch, 0)) == 2, "nothing new, nothing sealed"

    play(tmp_path, story)


@pytest.mark.parametrize("altered", [0, 2, 6])
def test_a_long_unit_is_proven_and_sealed_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, altered: int
) -> None:
    """A month offline must not be one request that never ends in time."""
    monkeypatch.setattr(reconcile, "PROOF_UNIT_EVENTS", 3)

    async def story(world: TillWorld) -> None:
        for number in range(7):
            await sell(world.agent.till, number)
        await world.agent.pusher.push_all()
        if altered:
            await at_hq(
                world,
                lambda c: c.execute(
                    "UPDATE events SET body = replace(body, '\"qty\":1', '\"qty\":9') WHERE seq = :seq",
                    {"seq": altered},
                ),
            )
        run = await world.agent.daemon.prove()
        epoch = await world.agent.outbox.epoch()
        ranges = [(seal.first, seal.last) for seal in await world.agent.proofs.seals(epoch, 0)]
        assert [one.seq for one in run.differences if one.seq is not None] == ([altered] if altered else [])
        assert ranges == {0: [(1, 3), (4, 6), (7, 7)], 2: [], 6: [(1, 3)]}[altered]
        assert run.equal is not bool(altered)

    play(tmp_path, story)


def test_hqs_own_systems_read_seals_with_a_token_only(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        await sell(world.agent.till, 1)
        await world.agent.daemon.prove()
        token = await world.server.hq.add_reader("finance")
        async with httpx.AsyncClient(base_url=world.cable.url, trust_env=False) as client:
            assert (await client.get("/v1/seals")).status_code == 401
            assert (await client.get("/v1/seals", headers={"Authorization": "Bearer x"})).status_code == 401
            key = {"Authorization": f"Bearer {token}"}
            page = (await client.get("/v1/seals?after=0", headers=key)).json()
            assert len(page["seals"]) == 1
            assert (await client.get(f"/v1/seals?after={page['cursor']}", headers=key)).json()["seals"] == []
            text = (await client.get("/v1/seals?format=csv", headers=key)).text
            same = (await client.get("/v1/seals", headers=key | {"Accept": "text/csv"})).text
        (row,) = csv.DictReader(io.StringIO(text))
        assert text == same
        assert (row["workstation_id"], row["events"], row["payable_fen"]) == (chain.WORKSTATION, "1", "1980")

    play(tmp_path, story)


@pytest.mark.parametrize("side", ["store", "hq"])
@pytest.mark.parametrize("sealed", [True, False])
def test_a_forged_event_is_located_however_well_its_tracks_are_covered(
    tmp_path: Path, side: str, *, sealed: bool
) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(5):
            await sell(world.agent.till, number)
        await (world.agent.daemon.prove() if sealed else world.agent.pusher.push_all())
        epoch = await world.agent.outbox.epoch()

        def work(connection: Connection) -> None:
            forge(connection, epoch, 3, f"epoch = '{epoch}'")

        await (world.agent.books._store.run(work) if side == "store" else at_hq(world, work))
        run = await world.agent.daemon.prove()
        assert run.result == "different"
        (event,) = [one for one in run.differences if one.seq is not None]
        assert (event.seq, event.sale_id, event.finding.code) == (3, "sale-2", "ALTERED")
        assert event.store is not None
        assert event.hq is not None
        assert event.store.digest != event.hq.digest
        rows = await world.agent.books._store.read(
            lambda c: c.execute("SELECT key, sale_id, state FROM discrepancies WHERE seq IS NOT NULL").fetchall()
        )
        assert [tuple(row) for row in rows] == [("3", "sale-2", "open")]
        assert await at_hq(world, lambda c: c.execute("SELECT count(*) FROM discrepancies").fetchone()[0]) > 0
        assert (await world.agent.daemon.prove()).result == "different"

    play(tmp_path, story)


def test_seals_lost_on_either_side_come_back_from_the_other(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(3):
            await sell(world.agent.till, number)
            await world.agent.daemon.prove()
        epoch = await world.agent.outbox.epoch()
        mine = await world.agent.proofs.seals(epoch, 0)
        await at_hq(world, lambda c: c.execute("DELETE FROM seals WHERE last >= 2"))
        run = await world.agent.daemon.prove()
        assert (run.result, [one[:3] for one in named(run)]) == ("healed", [("hq", "seals", "2"), ("hq", "seals", "3")])
        assert (await world.server.hq.seals(0))[0] == mine
        await world.agent.books._store.run(lambda c: c.execute("DELETE FROM seals WHERE last >= 2"))
        assert (await world.agent.daemon.prove()).equal
        assert await world.agent.proofs.seals(epoch, 0) == mine

    play(tmp_path, story)


def test_books_restored_from_a_backup_begin_a_new_epoch_before_the_first_sale(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        await sell(world.agent.till, 1)
        await world.agent.daemon.prove()
        await _copy_books(world, tmp_path / "backup.db")
        for number in (2, 3):
            await sell(world.agent.till, number)
        await world.agent.daemon.prove()
        old = await world.agent.outbox.epoch()
        await _restore(world, tmp_path / "backup.db")
        fresh = await world.agent.outbox.epoch()
        assert fresh != old
        outcome = await sell(world.agent.till, 4)
        assert outcome["event"] == {"workstation_id": chain.WORKSTATION, "epoch": fresh, "seq": 1}
        run = await world.agent.daemon.prove()
        assert ("both", "events", "3", "FORK") in await _recorded(world)
        assert [proof.epoch for proof in run.epochs] == [old, fresh]
        assert run.epochs[1].equal
        await world.reopen()
        assert await world.agent.outbox.epoch() == fresh, "noticed once"

    play(tmp_path, story)


@pytest.mark.parametrize("sells_first", [True, False])
def test_without_a_witness_restored_books_are_noticed_at_contact(tmp_path: Path, *, sells_first: bool) -> None:
    async def story(world: TillWorld) -> None:
        await sell(world.agent.till, 1)
        await world.agent.daemon.prove()
        await _copy_books(world, tmp_path / "backup.db")
        for number in (2, 3):
            await sell(world.agent.till, number, chain.member(number).number)
        await world.agent.daemon.prove()
        (world.settings.keys / "witness.json").unlink()
        old = await world.agent.outbox.epoch()
        await _restore(world, tmp_path / "backup.db")
        assert await world.agent.outbox.epoch() == old
        if sells_first:
            await sell(world.agent.till, 4)
        await world.agent.daemon.prove()
        fresh = await world.agent.outbox.epoch()
        assert fresh != old
        assert "FORK" in {code for *_, code in await _recorded(world)}
        if sells_first:
            kept = await at_hq(world, lambda c: c.execute("SELECT count(*) FROM conflicts").fetchone()[0])
            held = await at_hq(
                world, lambda c: c.execute("SELECT count(*) FROM discrepancies WHERE code = 'FORK'").fetchone()[0]
            )
            assert (kept, held) == (1, 1), "both versions are kept, both sides know"
        await sell(world.agent.till, 5)
        run = await world.agent.daemon.prove()
        assert {proof.epoch: proof.equal for proof in run.epochs}[fresh]
        assert (await world.agent.outbox.outbox_counts()).pending == 0

    play(tmp_path, story)


async def _copy_books(world: TillWorld, to: Path) -> None:
    """A backup of books.db alone, as files, with the daemon down."""
    await world.halt()
    await world.agent.close()
    shutil.copy2(world.settings.state / "books.db", to)
    world.agent = Agent(world.settings, world.clock, world.entropy)
    await world.agent.open()


async def _restore(world: TillWorld, backup: Path) -> None:
    await world.agent.close()
    shutil.copy2(backup, world.settings.state / "books.db")
    world.agent = Agent(world.settings, world.clock, world.entropy)
    await world.agent.open()


async def _recorded(world: TillWorld) -> list[tuple[str, str, str, str]]:
    rows = await world.agent.books._store.read(
        lambda c: c.execute("SELECT side, place, key, code FROM discrepancies").fetchall()
    )
    return [(row["side"], row["place"], row["key"], row["code"]) for row in rows]


def test_the_witness_holds_the_last_acknowledged_event(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        witness = FileWitness(world.settings.keys)
        assert witness.read() is None
        await sell(world.agent.till, 1)
        await world.agent.pusher.push_all()
        mark = witness.read()
        assert mark is not None
        assert (mark.epoch, mark.seq) == (await world.agent.outbox.epoch(), 1)
        assert mark.chain == await world.agent.proofs.chain_at(mark.epoch, 1)

    play(tmp_path, story)


REPLICA = {
    "members": "UPDATE members SET points = points + 1 WHERE member_no = 3",
    "identities": "UPDATE identities SET member_no = 1 WHERE member_no = 4",
    "items": "UPDATE items SET list_fen = 1 WHERE sku = '10001'",
    "merchants": "DELETE FROM merchants",
    "rule_sets": "UPDATE rule_sets SET body = replace(body, '8800', '100')",
}


@pytest.mark.parametrize("table", REPLICA)
def test_a_replica_that_differs_is_found_and_repaired_by_range(tmp_path: Path, table: str) -> None:
    async def story(world: TillWorld) -> None:
        store = world.agent.replica._store
        before = await store.read(lambda c: [tuple(r) for r in c.execute(f"SELECT * FROM {table} ORDER BY 1, 2")])
        assert (await world.agent.daemon.prove()).result == "equal"
        await store.run(lambda c: c.execute(REPLICA[table]))
        run = await world.agent.daemon.prove()
        assert run.result == "healed"
        assert {(one.finding.table, one.finding.heals) for one in run.differences} == {(table, True)}
        after = await store.read(lambda c: [tuple(r) for r in c.execute(f"SELECT * FROM {table} ORDER BY 1, 2")])
        assert [row[:5] for row in after] == [row[:5] for row in before]
        assert (await world.agent.daemon.prove()).result == "equal"

    play(tmp_path, story)


def test_a_page_that_comes_while_rows_are_on_their_way_is_not_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(world: TillWorld) -> None:
        store, hq = world.agent.replica._store, world.server.hq
        pulls: list[asyncio.Task[int]] = []
        await store.run(lambda c: c.execute(REPLICA["items"]))
        ask, items = HttpHq.ranges, tmp_path / "later.csv"
        items.write_text("sku,name,list_yuan\n10001,绿茶,7.77\n", encoding="utf-8")

        async def dearer_meanwhile(self: HttpHq, request: RangesRequest) -> RangesAnswer:
            answer = await ask(self, request)
            if request.rows and not pulls:
                await hq.import_items(chain.BRAND, items)
                pulls.append(asyncio.create_task(world.agent.puller.pull_all()))
                await asyncio.wait(pulls, timeout=0.3)
            return answer

        monkeypatch.setattr(HttpHq, "ranges", dearer_meanwhile)
        run = await world.agent.daemon.prove()
        assert (run.result, await pulls[0]) == ("healed", 1)
        [row] = await store.read(lambda c: c.execute("SELECT list_fen FROM items WHERE sku = '10001'").fetchall())
        assert row["list_fen"] == 777

    play(tmp_path, story)


def test_rows_hq_never_had_go_and_balances_in_motion_are_no_difference(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(4):
            await sell(world.agent.till, number, chain.member(number).number)
        assert (await world.agent.daemon.prove()).result == "equal"
        store = world.agent.replica._store
        await store.run(
            lambda c: c.execute("INSERT INTO members (member_id, tier_id, known) VALUES ('m_zz', 'gold', 1)")
        )
        run = await world.agent.daemon.prove()
        assert [one.finding for one in run.differences] == [
            Finding(
                side="store", table="members", epoch="replica", key="m_zz", code="EXTRA",
                detail="HQ's row was taken", heals=True,
            )
        ]  # fmt: skip
        assert await world.agent.replica.cursor(Feed.MEMBERS) > 0

    play(tmp_path, story)


def test_the_store_learns_what_hq_suspended_after_its_verdict(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(3):
            await sell(world.agent.till, number)
        await world.agent.pusher.push_all()
        await at_hq(world, lambda c: c.execute("UPDATE events SET state = 'suspended', code = 'ODD' WHERE seq = 2"))
        await world.agent.daemon.prove()
        counts = await world.agent.outbox.outbox_counts()
        assert (counts.suspended, counts.acknowledged) == (1, 2)

    play(tmp_path, story)


def test_a_run_is_quick_to_say_nothing_changed(tmp_path: Path) -> None:
    async def run() -> None:
        async with TillWorld(tmp_path) as world:
            await sell(world.agent.till, 1)
            await world.agent.daemon.prove()
            again = await world.agent.daemon.prove()
            assert (again.requests, again.pushed, again.differences) == (1, 0, ())

    asyncio.run(run())


def test_an_explained_difference_raises_no_alarm_until_something_else_differs(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        for number in range(3):
            await sell(world.agent.till, number)
        await world.agent.daemon.prove()
        epoch = await world.agent.outbox.epoch()
        await world.agent.books._store.run(lambda c: forge(c, epoch, 2, f"epoch = '{epoch}'"))
        assert (await world.agent.daemon.prove()).result == "different"
        for row in await world.agent.daemon.differences(everything=False):
            await world.agent.daemon.explain(row["number"], "王店长", "a tried repair")  # type: ignore[arg-type]
        assert await world.agent.daemon.differences(everything=False) == []
        for _ in range(2):
            run = await world.agent.daemon.prove()
            assert (run.result, run.equal) == ("explained", False)
        await world.agent.books._store.run(lambda c: forge(c, epoch, 3, f"epoch = '{epoch}'"))
        assert (await world.agent.daemon.prove()).result == "different", "the explanation covers event 2 only"

        with pytest.raises(Refusal, match="no discrepancy 999"):
            await world.agent.daemon.explain(999, "王店长", "nothing")

    play(tmp_path, story)


def test_an_explained_fork_is_quiet_in_the_hours_that_follow(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        await sell(world.agent.till, 1)
        await world.agent.daemon.prove()
        await _copy_books(world, tmp_path / "backup.db")
        for number in (2, 3):
            await sell(world.agent.till, number)
        await world.agent.daemon.prove()
        (world.settings.keys / "witness.json").unlink()
        await _restore(world, tmp_path / "backup.db")
        await sell(world.agent.till, 4)
        assert (await world.agent.daemon.prove()).result == "different"
        for row in await world.agent.daemon.differences(everything=False):
            await world.agent.daemon.explain(row["number"], "王店长", "restored from Tuesday's copy")  # type: ignore[arg-type]
        await sell(world.agent.till, 5)
        run = await world.agent.daemon.prove()
        assert run.result == "explained"
        assert run.epochs[-1].equal

    play(tmp_path, story)
