"""The replica holds, row for row, what HQ's feeds said, on real SQLite at both ends; the downward check agrees."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.db.replica import ReplicaDb
from agent.db.replica_rows import ReplicaRowsDb
from agent.db.schema_replica import replica_migrations
from agent.db.store import Store
from agent.domain.member import HeldCard
from sync.hq import card_write, coupon_write, ranges
from sync.hq.service import HqService
from sync.protocol import CouponRow, Feed, FeedRow, MemberRow
from sync.ranges import RangesRequest, digest_of, key_of, range_of
from tests.books_world import make_keys
from tests.unit.test_hq_coupons import filled
from tests.unit.test_hq_feeds import page
from tests.unit.test_hq_importer import counts, write
from tests.unit.test_hq_member_facts import FACTS
from tests.unit.test_hq_world import BRAND, Till, enrol, import_members, open_world

CARDS = "card_id,member_number,name,total,left,price_yuan,expires\nK1,100000000000,咖啡十杯,10,8,180,2027-01-31\n"
PRICES = "sku,name,list_yuan,min_yuan,market_yuan\nA1,乌龙茶,12.80,9,15.5\nB2,糖,0.05,,\n"


class Pair:
    """HQ and one replica that pulls from it."""

    def __init__(self, hq: HqService, store: Store, folder: Path, ids: list[str]) -> None:
        self.hq = hq
        self.ids = ids
        self.replica = ReplicaDb(store, BRAND, make_keys(folder / "keys"))
        self.rows = ReplicaRowsDb(store, self.replica)

    async def pull(self) -> None:
        """Every feed to its end, in small pages."""
        for feed in Feed:
            while True:
                got = await page(self.hq, feed, await self.replica.cursor(feed), limit=2)
                await self.replica.apply(got)
                if not got.more:
                    break

    async def compare(self, feed: Feed) -> list[FeedRow]:
        """The store's rows of a feed, once HQ agreed that they are its own."""
        rows = await self.rows.rows(feed, "", "")
        asked = RangesRequest(feed=feed, cursor=await self.replica.cursor(feed), ranges=[range_of(rows, "", "")])
        answer = await self.hq._read(lambda c: ranges.compare(c, self.hq._known(c, "S1-1"), asked))
        assert (answer.cursor, answer.differing) == (asked.cursor, [])
        return rows


def in_pair(path: Path, story: Callable[[Pair], Awaitable[None]]) -> None:
    async def play() -> None:
        hq = await open_world(path / "hq")
        store = await Store.open(path / "replica.db", replica_migrations, durable=False, with_reader=True)
        try:
            await enrol(hq, Till())
            ids = await import_members(hq, path / "members.csv", 2)
            assert counts(await hq.import_items(BRAND, write(path, PRICES))) == (2, 0, 0, 0)
            assert counts(await hq.import_members(BRAND, write(path, FACTS))) == (0, 1, 1, 0)
            assert counts(await hq.import_cards(BRAND, write(path, CARDS))) == (1, 0, 0, 0)
            await filled(hq, path)
            await story(Pair(hq, store, path, ids))
        finally:
            await store.close()
            await hq.close()

    asyncio.run(play())


def test_every_feed_arrives_row_for_row(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        await pair.pull()
        sizes = {feed.value: len(await pair.compare(feed)) for feed in Feed}
        assert sizes == {"rules": 1, "items": 2, "merchants": 0, "members": 2, "identities": 2, "coupons": 2}
        counted = await pair.replica.counts()
        assert {name: counted[name] for name in ("coupons", "members")} == {"coupons": 2, "members": 2}
        await pair.pull()  # the same pages again change nothing
        assert {feed.value: len(await pair.compare(feed)) for feed in Feed} == sizes

    in_pair(tmp_path, story)


def test_a_member_is_read_back_whole(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        await pair.pull()
        found = await pair.replica.by_id(pair.ids[0])
        assert found is not None
        one = found.member
        assert (one.tier_id, one.points, one.brand_id) == ("plain", 0, BRAND)
        assert one.accounts == {"points": 0, "sv_principal": 10000, "sv_gift": 2050}
        assert one.cards == (HeldCard("K1", "咖啡十杯", 8, 10, 18000, "2027-01-31"),)
        assert (one.expiring_points, one.expiring_day) == (7, "2026-12-31")
        assert (one.spent_in("2026-09"), one.spent_in("2026-10"), one.growth) == (52010, 0, 812)
        assert (one.birthday, one.next_tier_id, one.next_tier_growth) == ("02-29", "gold", 1000)
        assert (one.first_order, one.frozen, one.frozen_at_ms) == (True, False, 0)
        await pair.hq.freeze_member(BRAND, "100000000000", frozen=True, reason="too many points")
        await pair.pull()
        found = await pair.replica.by_id(pair.ids[0])
        assert found is not None
        assert (found.member.frozen, found.member.frozen_at_ms > 0) == (True, True)
        assert await pair.replica.by_id("m_nobody") is None

    in_pair(tmp_path, story)


def test_coupons_are_found_by_member_and_by_code(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        await pair.pull()
        first, _second = pair.ids
        [mine] = await pair.replica.coupons_of(first)
        assert (mine.code, mine.batch_id, mine.version, mine.body["off_fen"]) == ("CP.CPN0001", "B5", 1, 500)
        assert [mine.valid_on(day) for day in ("2026-08-31", "2026-09-01", "2026-12-31", "2027-01-01")] == [
            False, True, True, False,
        ]  # fmt: skip
        assert await pair.replica.coupon("CP.CPN0001") == mine == await pair.replica.coupon("CPN0001")
        assert await pair.replica.coupon("CP.NOBODYS") is None
        # Used: no longer offered, but a scan can still be told why.
        await pair.hq._write(lambda c: coupon_write.move(c, BRAND, {"CPN0001": -1}))
        await pair.pull()
        assert await pair.replica.coupons_of(first) == []
        used = await pair.replica.coupon("CP.CPN0001")
        assert used is not None
        assert used.state == "used"
        await pair.hq.members.erase(BRAND, first, "顾客", "申请")
        await pair.pull()
        assert await pair.replica.coupon("CPN0001") is None
        assert await pair.replica.by_id(first) is None
        left = await pair.replica._store.read(
            lambda c: dict(c.execute("SELECT * FROM members WHERE member_id = ?", (first,)).fetchone())
        )
        assert (left["birthday"], left["cards"], left["sv_principal_fen"], left["masked"]) == ("", "", 0, "")
        for feed in Feed:
            await pair.compare(feed)

    in_pair(tmp_path, story)


def test_an_offer_that_cannot_be_read_is_no_coupon_and_stops_no_quote(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        await pair.pull()
        await pair.replica._store.run(
            lambda c: c.execute("UPDATE offers SET body = '{' WHERE batch_id = 'B5'").rowcount
        )
        assert await pair.replica.coupons_of(pair.ids[0]) == []
        assert await pair.replica.coupon("CPN0001") is None
        assert len(await pair.replica.coupons_of(pair.ids[1])) == 1

    in_pair(tmp_path, story)


def test_items_bring_the_prices_that_floors_need(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        await pair.pull()
        tea, sugar = await pair.replica.item("A1"), await pair.replica.item("B2")
        assert tea is not None
        assert sugar is not None
        assert (tea.min_fen, tea.market_fen) == (900, 1550)
        assert (sugar.min_fen, sugar.market_fen) == (None, None)

    in_pair(tmp_path, story)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE coupons SET state = 'used' WHERE coupon_id = 'CPN0001'",
        "UPDATE coupons SET end_day = '2099-12-31' WHERE coupon_id = 'CPN0001'",
        "UPDATE coupons SET member_id = 'm_x' WHERE coupon_id = 'CPN0001'",
        "UPDATE offers SET body = json_set(body, '$.off_fen', 9999) WHERE batch_id = 'B5'",
        "DELETE FROM offers WHERE batch_id = 'B5'",
        "DELETE FROM coupons WHERE coupon_id = 'CPN0001'",
        (
            "INSERT INTO coupons SELECT 'FORGED', member_id, batch_id, version, state, start_day, end_day, 0"
            " FROM coupons WHERE coupon_id = 'CPN0001'"
        ),
        "UPDATE members SET sv_principal_fen = 1000000, frozen = 1 - frozen, growth = 9 WHERE points = 0",
        "UPDATE members SET cards = replace(cards, '8', '9') WHERE points = 0",
        "UPDATE items SET min_fen = 1 WHERE sku = 'A1'",
    ],
)
def test_what_was_altered_at_the_store_is_taken_from_hq_again(tmp_path: Path, harm: str) -> None:
    async def story(pair: Pair) -> None:
        await pair.pull()
        before = {feed: await pair.rows.rows(feed, "", "") for feed in Feed}
        await pair.replica._store.run(lambda c: c.execute(harm).rowcount)
        [feed] = [feed for feed in Feed if await pair.rows.rows(feed, "", "") != before[feed]]
        ours = {key_of(row): row for row in await pair.rows.rows(feed, "", "")}
        request = RangesRequest(
            feed=feed, cursor=await pair.replica.cursor(feed), rows=True, ranges=[range_of(list(ours.values()), "", "")]
        )
        answer = await pair.hq._read(lambda c: ranges.compare(c, pair.hq._known(c, "S1-1"), request))
        assert answer.differing == [0]
        theirs = {key_of(row): digest_of(row) for row in answer.rows}
        gone = [row for key, row in ours.items() if key not in theirs]
        await pair.rows.repair(feed, gone, answer.rows, dict(answer.watermarks))
        assert {feed: await pair.compare(feed) for feed in Feed} == before

    in_pair(tmp_path, story)


def test_rows_are_written_as_deployed_tills_read_them() -> None:
    """WIRE: fields that came later are absent while they say nothing, so that digests of both ends stay equal."""
    plain = MemberRow(member_id="m1", tier_id="gold", points=5, masked="*")
    assert plain.model_dump_json() == (
        '{"kind":"members","member_id":"m1","tier_id":"gold","points":5,"masked":"*","deleted":false}'
    )
    assert MemberRow.model_validate_json(plain.model_dump_json()) == plain
    coupon = CouponRow(
        coupon_id="CPN1", member_id="m1", batch_id="B5", version=1, state="issued", start_day="2026-11-01",
        end_day="2026-11-15", claimed_at_ms=0, body="{}",
    )  # fmt: skip
    assert coupon.model_dump_json() == (
        '{"kind":"coupons","coupon_id":"CPN1","member_id":"m1","batch_id":"B5","version":1,"state":"issued",'
        '"start_day":"2026-11-01","end_day":"2026-11-15","claimed_at_ms":0,"body":"{}","deleted":false}'
    )


def test_a_card_used_at_a_till_changes_the_members_row(tmp_path: Path) -> None:
    async def story(pair: Pair) -> None:
        await pair.pull()
        await pair.hq._write(lambda c: card_write.move(c, {(pair.ids[0], "K1"): -2}))
        await pair.hq.freeze_member(BRAND, "100000000000", frozen=False, reason="any change moves the row")
        await pair.pull()
        found = await pair.replica.by_id(pair.ids[0])
        assert found is not None
        assert [card.left for card in found.member.cards] == [6]

    in_pair(tmp_path, story)
