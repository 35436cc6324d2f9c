"""What several want at once and one can have: receipts, places of seals, enrolment codes. Who is undone tries again.

Each story runs on both engines; on PostgreSQL its calls really run side by side.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.domain.errors import Refusal
from sync.claim_protocol import ClaimRequest, WechatIdentity
from sync.hq.db.address import Address
from sync.hq.db.seam import Connection, Contended, DatabaseAway, NotAlone
from sync.hq.feeds import hold_brand, hold_member
from sync.hq.service import HqService
from sync.protocol import EnrolRequest, ProofRequest
from tests.hq_crowd import TILLS, play
from tests.postgres import PostgresServer
from tests.unit.test_hq_claims import sha
from tests.unit.test_hq_world import BRAND, STORE, Till, query


def test_a_receipt_claimed_by_many_while_its_sale_arrives_is_credited_once(
    tmp_path: Path, database: Address | None
) -> None:
    async def story(hq: HqService, tills: list[Till], _ids: list[str]) -> None:
        till, secrets = tills[0], [f"claim-number-{number:09d}" for number in range(6)]
        totals = {"list_fen": 1280, "payable_fen": 1280, "base_fen": 1280, "points_earned": 0}
        for secret in secrets:
            till.book(claim_sha256=sha(secret), totals=totals, rules_version=1)

        async def join(person: int, secret: str) -> None:
            pairs = [WechatIdentity(appid="wx1", openid=f"o{person}")]
            await hq.claim(BRAND, ClaimRequest(request_id=f"r{person}-{secret}", claim=secret, identities=pairs))

        joins = [join(person, secret) for secret in secrets for person in range(4)]
        await asyncio.gather(*joins[::2], hq.ingest(till.workstation_id, till.batch()), *joins[1::2])
        [row] = await query(hq, "SELECT COUNT(*) AS n, SUM(amount) AS points FROM hq_postings WHERE kind = 'claim'")
        assert row == {"n": len(secrets), "points": 12 * len(secrets)}
        assert await query(hq, "SELECT 1 FROM claim_joins WHERE state = 'parked'") == []
        [row] = await query(hq, "SELECT COUNT(DISTINCT member_id) AS n FROM claim_joins")
        assert row["n"] == 4, "who joins at many receipts at once is one member"

    play(tmp_path, database, story)


def test_proofs_of_many_tills_at_once_take_their_places_one_after_another(
    tmp_path: Path, database: Address | None
) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        async def push_and_prove(till: Till) -> None:
            for _ in range(2):
                till.book(member=ids[0], points=1)
                await hq.ingest(till.workstation_id, till.batch(till.events[-1:]))
                asked = ProofRequest(epoch=till.epoch, count=len(till.events), head=till.head.hex())
                answer = await hq.prove(till.workstation_id, asked)
                assert (answer.equal, answer.findings) == (True, [])

        await asyncio.gather(*(push_and_prove(till) for till in tills))
        found, _cursor = await hq.seals(0)
        assert len(found) == 2 * TILLS

    play(tmp_path, database, story)


def test_an_import_and_tills_do_not_wait_for_each_other_for_ever(tmp_path: Path, database: Address | None) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        for till in tills:
            for number in range(10):
                till.book(member=ids[number % len(ids)], points=1)
        numbers = "".join(f"{100_000_000_000 + number},gold,{number}\n" for number in range(len(ids)))
        file = tmp_path / "again.csv"
        file.write_text("member_number,tier_id,points\n" + numbers, encoding="utf-8")
        pushes = asyncio.gather(*(hq.ingest(till.workstation_id, till.batch()) for till in tills))
        imported, _answers = await asyncio.gather(hq.import_members(BRAND, file), pushes)
        assert (imported.updated, imported.faults) == (len(ids), [])

    play(tmp_path, database, story)


def test_work_that_others_undid_is_done_anew_and_then_given_up(tmp_path: Path, postgres: PostgresServer) -> None:
    async def story(hq: HqService, _tills: list[Till], _ids: list[str]) -> None:
        tries: list[int] = []

        def late(connection: Connection) -> int:
            connection.execute("INSERT INTO feed_counters VALUES (:b, :f, 0)", {"b": BRAND, "f": f"t{len(tries)}"})
            tries.append(1)
            if len(tries) < 3:
                raise Contended
            return len(tries)

        assert await hq._write(late) == 3
        assert await query(hq, "SELECT feed FROM feed_counters WHERE feed LIKE 't%'") == [{"feed": "t2"}]

        def never(_connection: Connection) -> None:
            raise Contended

        with pytest.raises(DatabaseAway):
            await hq._write(never)
        assert not hq.failed.is_set()

    play(tmp_path, postgres.fresh(), story)


def test_two_transactions_that_wait_for_each_other_both_end(tmp_path: Path, postgres: PostgresServer) -> None:
    async def story(hq: HqService, _tills: list[Till], _ids: list[str]) -> None:
        loop = asyncio.get_running_loop()
        holding = [asyncio.Event(), asyncio.Event()]

        def crossing(mine: int) -> Callable[[Connection], bool]:
            def work(connection: Connection) -> bool:
                connection.hold(f"thing {mine}")
                loop.call_soon_threadsafe(holding[mine].set)
                asyncio.run_coroutine_threadsafe(holding[1 - mine].wait(), loop).result(10)
                connection.hold(f"thing {1 - mine}")
                return True

            return work

        assert all(await asyncio.gather(hq._write(crossing(0)), hq._write(crossing(1))))

    play(tmp_path, postgres.fresh(), story)


def test_sales_of_two_members_do_not_wait_for_each_other(tmp_path: Path, postgres: PostgresServer) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        loop = asyncio.get_running_loop()
        holding, done = asyncio.Event(), asyncio.Event()

        def slow(connection: Connection) -> None:
            hold_brand(connection, BRAND, shared=True)
            hold_member(connection, ids[0])
            loop.call_soon_threadsafe(holding.set)
            asyncio.run_coroutine_threadsafe(done.wait(), loop).result(60)

        sale_of_another = asyncio.create_task(hq._write(slow))
        await holding.wait()
        for till, member in zip(tills[:2], ids[:2], strict=True):
            till.book(member=member, points=1)
        same = asyncio.create_task(hq.ingest(tills[0].workstation_id, tills[0].batch()))
        await asyncio.wait_for(hq.ingest(tills[1].workstation_id, tills[1].batch()), 30)
        assert not same.done(), "a member's own sales come one after another"
        done.set()
        await asyncio.gather(sale_of_another, same)

    play(tmp_path, postgres.fresh(), story)


def test_who_shares_a_brand_and_wants_it_alone_is_told_so_and_waits_for_nobody(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async def story(hq: HqService, _tills: list[Till], _ids: list[str]) -> None:
        def greedy(connection: Connection) -> None:
            hold_brand(connection, BRAND, shared=True)
            hold_brand(connection, BRAND, shared=True)
            with pytest.raises(NotAlone):
                hold_brand(connection, BRAND)

        def alone(connection: Connection) -> None:
            hold_brand(connection, BRAND)
            hold_brand(connection, BRAND, shared=True)
            hold_brand(connection, BRAND)

        await hq._write(greedy)
        await hq._write(alone)

    play(tmp_path, postgres.fresh(), story)


def test_an_enrolment_code_works_once_however_many_redeem_it(tmp_path: Path, database: Address | None) -> None:
    async def story(hq: HqService, _tills: list[Till], _ids: list[str]) -> None:
        code = await hq.add_workstation(STORE, "S1-9")
        thieves = [Till(workstation_id="S1-9") for _ in range(6)]
        asked = [hq.redeem(EnrolRequest(code=code, public_key=one.public_key)) for one in thieves]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(one) for one in answers].count(Refusal) == 5

    play(tmp_path, database, story)
