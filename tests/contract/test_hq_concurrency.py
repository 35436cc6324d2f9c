"""Many connections at once: nobody gets more than there is, no reader loses a row, no event is booked twice.

Each story runs on both engines; on PostgreSQL its calls really run side by side.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.domain.digest import canonical
from sync.hq import feeds, lease_book
from sync.hq.db.address import Address
from sync.hq.db.postgres import PgConnection
from sync.hq.db.seam import Connection, Row
from sync.hq.service import HqService
from sync.lease_protocol import LeaseRequest, LeaseWant
from sync.protocol import Feed, FeedPage, MemberRow
from tests.hq_crowd import TILLS, grant, play
from tests.postgres import PostgresServer
from tests.unit.test_hq_world import BRAND, RULES, Till, members_file, query


def _page(hq: HqService, after: int, connection: Connection) -> FeedPage:
    return feeds.page(connection, hq._known(connection, "S1-1"), Feed.MEMBERS, after, 2)


def test_two_who_ask_for_the_same_points_never_get_more_than_there_are(
    tmp_path: Path, database: Address | None
) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = 100"))
        for member in ids:
            given = await asyncio.gather(*(grant(hq, till, member, 30, f"r-{member}") for till in tills))
            assert sum(given) == 100
            assert sorted(given, reverse=True) == [30, 30, 30, 10, 0, 0]

    play(tmp_path, database, story)


def test_one_request_asked_many_times_at_once_is_granted_once(tmp_path: Path, database: Address | None) -> None:
    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = 100"))
        given = await asyncio.gather(*(grant(hq, tills[0], ids[0], 40, "same") for _ in range(8)))
        assert given == [40] * 8
        [row] = await query(hq, "SELECT SUM(amount) AS granted, COUNT(*) AS leases FROM leases")
        assert row == {"granted": 40, "leases": 1}

    play(tmp_path, database, story)


def test_tills_that_push_at_once_are_all_booked_and_one_batch_sent_twice_is_booked_once(
    tmp_path: Path, database: Address | None
) -> None:
    """Grants and pushes of the same members cross; every batch is sent twice at the same time."""

    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        for place, till in enumerate(tills):
            for number in range(20):
                till.book(member=ids[(place + number) % len(ids)], points=10)
        pushes = [hq.ingest(till.workstation_id, till.batch()) for till in tills for _ in range(2)]
        grants = [grant(hq, till, member, "all", member) for till in tills for member in ids]
        answers, _given = await asyncio.gather(asyncio.gather(*pushes), asyncio.gather(*grants))
        for first, second in zip(answers[::2], answers[1::2], strict=True):
            assert first.watermark == second.watermark == 20
            said = sorted(zip((v.verdict for v in first.verdicts), (v.verdict for v in second.verdicts), strict=True))
            assert set(said) <= {("created", "exists"), ("exists", "created")}
        [row] = await query(hq, "SELECT SUM(balance) AS points FROM accounts")
        assert row["points"] == TILLS * 20 * 10

    play(tmp_path, database, story)


def test_a_payment_used_by_two_tills_at_once_counts_for_one(tmp_path: Path, database: Address | None) -> None:
    async def story(hq: HqService, tills: list[Till], _ids: list[str]) -> None:
        for till in tills:
            for number in range(10):
                till.book(transaction_id=f"4200{number}")
        answers = await asyncio.gather(*(hq.ingest(till.workstation_id, till.batch()) for till in tills))
        codes = [verdict.code for answer in answers for verdict in answer.verdicts]
        assert (codes.count(""), codes.count("TRANSACTION_USED")) == (10, 10 * (TILLS - 1))

    play(tmp_path, database, story)


def test_a_cursor_loses_no_row_while_many_write(tmp_path: Path, database: Address | None) -> None:
    """A number is seen only after every smaller one: what a reader has passed never gets a row any more."""

    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        replica: dict[str, int] = {}
        cursor, done = 0, asyncio.Event()

        async def pull() -> None:
            nonlocal cursor
            more = True
            while more:
                after = cursor
                page = await hq._read(partial(_page, hq, after))
                replica.update({row.member_id: row.points for row in page.rows if isinstance(row, MemberRow)})
                cursor, more = page.cursor, page.more

        async def read() -> None:
            while not done.is_set():
                await pull()

        async def sell(place: int, till: Till) -> None:
            for number in range(6):
                till.book(member=ids[(place * 3 + number) % len(ids)], points=1)
                await hq.ingest(till.workstation_id, till.batch(till.events[-1:]))

        reading = asyncio.create_task(read())
        await asyncio.gather(*(sell(place, till) for place, till in enumerate(tills)))
        done.set()
        await reading
        await pull()
        rows = await query(
            hq,
            "SELECT m.member_id, m.opening_points + COALESCE(a.balance, 0) AS points FROM members m"
            " LEFT JOIN accounts a ON a.member_id = m.member_id AND a.account = 'points'",
        )
        assert replica == {row["member_id"]: row["points"] for row in rows}

    play(tmp_path, database, story)


@pytest.mark.parametrize("stranger", ["m_nobody", "another brand's"])
def test_a_buyer_who_is_no_member_of_the_brand_moves_nobody_in_a_feed(
    tmp_path: Path, database: Address | None, stranger: str
) -> None:
    async def story(hq: HqService, tills: list[Till], _ids: list[str]) -> None:
        await hq.init_brand("cake", "糕点", "")
        members_file(tmp_path / "cake.csv", 3)
        await hq.import_rules("cake", RULES)
        await hq.import_members("cake", tmp_path / "cake.csv")
        feeds = "SELECT brand_id, last_no FROM feed_counters WHERE feed = 'members' ORDER BY brand_id"
        theirs = "SELECT member_id, feed_no, month FROM members WHERE brand_id = 'cake' ORDER BY feed_no"
        before = (await query(hq, feeds), await query(hq, theirs))
        buyer = stranger if stranger.startswith("m_") else before[1][-1]["member_id"]
        till = tills[0]
        till.book(
            text=canonical(
                till.body() | {"member": {"member_id": buyer, "tier_id": "gold", "certainty": "asserted"}}
            ).decode()
        )
        answer = await hq.ingest(till.workstation_id, till.batch())
        assert [(one.verdict, one.code) for one in answer.verdicts] == [("created", "")]
        assert (await query(hq, feeds), await query(hq, theirs)) == before

    play(tmp_path, database, story)


def test_a_closing_that_a_later_sale_honours_has_the_brand_for_itself(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A till's old epoch fills up after its lease was closed in the new one; whose it is, that sale does not say."""
    alone: list[bool] = []
    real = lease_book.end

    def end(connection: PgConnection, lease: Row, state: str) -> int:
        alone.append((f"brand {BRAND}", False) in connection._held)
        return real(connection, lease, state)

    monkeypatch.setattr(lease_book, "end", end)

    async def story(hq: HqService, tills: list[Till], ids: list[str]) -> None:
        await hq._write(lambda c: c.execute("UPDATE members SET opening_points = 100"))
        till = tills[0]
        wants = [LeaseWant(account="points", amount=1, bucket="")]
        asked = LeaseRequest(request_id="r1", epoch=till.epoch, last=0, member_id=ids[1], wants=wants)
        [lease] = (await hq.leases.grant(till.workstation_id, asked)).leases
        opened = {
            "lease": lease.lease_id, "account": "points", "owner": ids[1], "amount": lease.amount,
            "bucket": lease.bucket, "expires": lease.expires, "usable_until_ms": lease.usable_until_ms,
        }  # fmt: skip
        bare: dict[str, Any] = {"totals": None, "tenders": [], "lines": []}
        till.book(text=canonical(till.body(kind="lease_open", **bare) | {"leases": [opened]}).decode())
        await hq.ingest(till.workstation_id, till.batch())
        sale, old = till.book(member=ids[0], points=1), till.epoch
        late = till.batch([sale])
        till.new_epoch("e2")
        closing = {"leases": [{"lease": lease.lease_id, "left": lease.amount}], "of_epoch": old, "after_seq": 2}
        till.book(text=canonical(till.body(kind="lease_close", **bare) | closing).decode())
        await hq.ingest(till.workstation_id, till.batch())
        assert alone == [], "HQ holds not all of the old epoch yet"
        await hq.ingest(till.workstation_id, late)
        assert alone == [True]
        assert await query(hq, "SELECT state FROM leases WHERE request_id = 'r1'") == [{"state": "closed"}]

    play(tmp_path, postgres.fresh(), story)
