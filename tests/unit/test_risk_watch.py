"""S53, S48, R13 at the till: pending points freeze with their event, who may lift it, and how old a snapshot may be."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from agent.books_ports import EventDraft
from agent.clock_trust import ClockTrust
from agent.db.risk import RiskDb, astray
from agent.db.schema import replica_migrations
from agent.db.snapshot import SnapshotDb
from agent.db.store import Store
from agent.domain.business_day import local_time
from agent.domain.cooldown_rule import CooldownRule
from agent.domain.errors import Refusal
from agent.domain.ledger import PENDING_ACCOUNT
from agent.domain.member import Member
from agent.domain.risk import RiskRule
from agent.domain.rules import NO_RULES, RuleSet
from agent.domain.sale import Posting
from agent.risk_watch import RiskWatch
from tests.books_world import BooksWorld
from tests.stand_ins import sale_draft

HOUR_MS = 3_600_000
MEMBER = Member("m_1", "b1", "n", 0, "")


class Rules:
    """A pricebook that only has rules."""

    def __init__(self) -> None:
        self.now: RuleSet = NO_RULES

    async def rules(self) -> RuleSet:
        return self.now

    async def item(self, code: str) -> None: ...

    async def version(self) -> int:
        return 0


class World:
    """Real books and replica, a clock moved by hand."""

    def __init__(self, books: BooksWorld, replica: Store) -> None:
        self.books, self.clock, self.rules = books, books.clock, Rules()
        self.db = RiskDb(books.store)
        self.trust = ClockTrust(self.db, books.clock, "boot-1")
        self.snapshot = SnapshotDb(replica, self.trust)
        self.watch = RiskWatch(self.db, self.rules, self.snapshot, self.trust)
        self.number = 0

    async def sell(self, points: int, *, owner: str = "m_1") -> bool:
        """A sale as the flow books it; whether its points were held back."""
        self.number += 1
        verdict = await self.watch.points_verdict(owner, points, self.clock.ms)
        await self.books.books.commit(self.draft(points, owner, pending=verdict.pending))
        return verdict.pending

    def draft(self, points: int, owner: str, *, pending: bool) -> EventDraft:
        account = PENDING_ACCOUNT if pending else "points"
        posting = Posting(account, owner, points)
        return dataclasses.replace(sale_draft(self.number, at_ms=self.clock.ms), postings=(posting,))

    async def refused(self, member: Member = MEMBER) -> str:
        refusal = await self.watch.may_spend(member, self.clock.ms)
        return "" if refusal is None else refusal.code


def play(folder: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with BooksWorld(folder) as books:
            replica = await Store.open(folder / "replica.db", replica_migrations, durable=False)
            world = World(books, replica)
            try:
                await world.trust.begin()
                world.trust.heard(world.clock.ms, 0)
                await world.snapshot.pulled()
                await story(world)
                assert await books.store.read(astray) == []
            finally:
                await replica.close()

    asyncio.run(run())


def test_more_than_5000_points_within_an_hour_freeze_with_the_very_event(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert not await world.sell(3000)
        assert not await world.sell(2000), "5000 itself does not"
        assert await world.refused() == ""
        assert await world.sell(1)
        assert await world.refused() == "MEMBER_FROZEN"
        (frozen,) = await world.watch.freezes()
        assert (frozen.member_id, frozen.points, frozen.seq) == ("m_1", 1, 3)
        assert not await world.sell(5000, owner="m_2"), "each member by themselves"
        world.clock.ms += HOUR_MS
        assert not await world.sell(5000), "an hour later the window is empty: judged at each event"
        assert await world.refused() == "MEMBER_FROZEN", "the freeze stays until a person or HQ lifts it"

    play(tmp_path, story)


def test_held_back_points_count_in_the_window_too(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert await world.sell(5001)
        assert await world.sell(1)

    play(tmp_path, story)


def test_a_person_lifts_a_freeze_by_name_and_reason(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.sell(6000)
        for by, why in (("", "reason"), ("王店长", " ")):
            with pytest.raises(Refusal) as nameless:
                await world.watch.unfreeze("m_1", by, why, world.clock.ms)
            assert nameless.value.code == "NAME_NEEDED"
        lifted, notice = await world.watch.unfreeze("m_1", "王店长", "团购, 已核对小票", world.clock.ms)
        assert lifted == 1
        assert notice is not None
        assert (notice.kind, notice.data["operator"]) == ("member.unfrozen", "王店长")
        assert await world.refused() == ""
        with pytest.raises(Refusal) as again:
            await world.watch.unfreeze("m_1", "王店长", "nothing there", world.clock.ms)
        assert again.value.code == "NOT_FROZEN"

    play(tmp_path, story)


def test_hq_freezes_and_a_later_release_of_hq_ends_a_local_freeze(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        assert await world.refused(dataclasses.replace(MEMBER, frozen=True)) == "MEMBER_FROZEN"
        await world.sell(6000)
        before = dataclasses.replace(MEMBER, frozen_at_ms=world.clock.ms - 1)
        assert await world.refused(before) == "MEMBER_FROZEN", "a release of before says nothing of it"
        assert await world.refused(dataclasses.replace(MEMBER, frozen_at_ms=world.clock.ms)) == ""

    play(tmp_path, story)


def test_a_brand_sets_its_own_limits(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.rules.now = RuleSet(1, {}, "", risk=RiskRule(100, 1, 10), max_snapshot_age_h=1)
        assert await world.sell(101)
        world.clock.ms += HOUR_MS + 1
        assert await world.refused(dataclasses.replace(MEMBER, frozen_at_ms=world.clock.ms)) == "SNAPSHOT_TOO_OLD"

    play(tmp_path, story)


def test_beyond_72_hours_nothing_is_spent_until_a_whole_pull(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.clock.ms += 72 * HOUR_MS
        assert await world.refused() == ""
        world.clock.ms += 1000
        assert await world.refused() == "SNAPSHOT_TOO_OLD"
        await world.snapshot.pulled()
        assert await world.refused() == ""

    play(tmp_path, story)


def test_a_replica_that_was_never_pulled_has_no_age(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        await world.snapshot._store.run(lambda c: c.execute("DELETE FROM snapshot"))
        assert await world.snapshot.age_ms() is None
        assert await world.refused() == "SNAPSHOT_TOO_OLD"

    play(tmp_path, story)


def test_after_a_new_start_the_age_goes_by_what_was_told(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        world.clock.ms += 10 * HOUR_MS
        world.trust.boot_id = "boot-2"
        assert await world.snapshot.age_ms() is None
        assert await world.refused() == "CLOCK_NOT_TRUSTED"
        await world.trust.confirm("王店长")
        assert await world.snapshot.age_ms() == 10 * HOUR_MS
        assert await world.refused() == ""

    play(tmp_path, story)


def test_the_fourth_redemption_within_an_hour_asks_twice(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for number in range(3):
            assert not await world.watch.redemption_needs_confirmation("m_1", world.clock.ms)
            draft = sale_draft(50 + number, at_ms=world.clock.ms)
            await world.books.books.commit(dataclasses.replace(draft, postings=(Posting("points", "m_1", -5),)))
        assert await world.watch.redemption_needs_confirmation("m_1", world.clock.ms)
        assert not await world.watch.redemption_needs_confirmation("m_2", world.clock.ms)
        world.clock.ms += HOUR_MS
        assert not await world.watch.redemption_needs_confirmation("m_1", world.clock.ms)

    play(tmp_path, story)


def test_the_next_redemption_waits_for_its_time_by_these_books_and_by_hqs_row_s32(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        async def cooling(account: str, member: Member = MEMBER) -> Refusal | None:
            return await world.watch.cooling(member, account, world.clock.ms)

        began = world.clock.ms
        draft = sale_draft(70, at_ms=began)
        await world.books.books.commit(dataclasses.replace(draft, postings=(Posting("points", "m_1", -5),)))
        assert await cooling("points") is None, "no rule, nothing to wait for"
        world.rules.now = RuleSet(1, {}, "", cooldown=CooldownRule(points_min=30, coupon_min=60))
        refusal = await cooling("points")
        assert refusal is not None
        assert (refusal.code, refusal.field, refusal.status) == ("REDEMPTION_COOLING", "points", 409)
        again = local_time(began + 30 * 60_000 + 59_999).strftime("%Y-%m-%d %H:%M")
        assert again in refusal.said
        assert again in refusal.message
        assert await cooling("coupon") is None, "coupons cool by themselves"
        assert await cooling("points", dataclasses.replace(MEMBER, member_id="m_2")) is None
        world.clock.ms += 30 * 60_000 - 1
        assert await cooling("points") is not None
        world.clock.ms += 1
        assert await cooling("points") is None
        elsewhere = dataclasses.replace(MEMBER, points_spent_at_ms=world.clock.ms - 60_000)
        assert await cooling("points", elsewhere) is not None, "another till's, as HQ told"
        used = dataclasses.replace(MEMBER, coupon_used_at_ms=world.clock.ms)
        refusal = await cooling("coupon", used)
        assert refusal is not None
        assert refusal.field == "coupons"
        far = dataclasses.replace(MEMBER, points_spent_at_ms=world.clock.ms + 10**12)
        assert await cooling("points", far) is None, "a clock far ahead stops nobody for ever"

    play(tmp_path, story)


@pytest.mark.parametrize(
    "altered",
    [
        "DELETE FROM freezes",
        "UPDATE freezes SET points = points + 1",
        "UPDATE freezes SET member_id = 'm_9'",
        "UPDATE freezes SET at_ms = at_ms - 1",
    ],
)
def test_an_altered_freeze_is_found(tmp_path: Path, altered: str) -> None:
    async def story(world: World) -> None:
        await world.sell(6000)
        await world.books.store.run(lambda c: c.execute(altered))
        found = await world.books.store.read(astray)
        assert {one.table for one in found} == {"freezes"}
        await world.books.store.run(lambda c: c.execute("DELETE FROM freezes"))
        await world.books.store.run(
            lambda c: c.execute("INSERT INTO freezes (member_id, at_ms, epoch, seq, points)"
            " SELECT p.owner, e.at_ms, p.epoch, p.seq, p.amount FROM postings p JOIN events e USING (epoch, seq)")
        )  # fmt: skip

    play(tmp_path, story)
