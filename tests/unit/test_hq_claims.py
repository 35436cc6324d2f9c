"""Claims at HQ (wire.md, R11): paying first and joining later credits that sale once, whatever comes when."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from agent.domain.errors import Refusal
from sync.claim_protocol import ClaimAnswer, ClaimRequest, WechatIdentity
from sync.hq import claims_audit, own_books
from sync.hq.audit import accounts
from sync.hq.lease_audit import lots
from sync.hq.schema import MIGRATIONS
from sync.hq.service import HqService
from sync.protocol import Feed, MemberRow
from tests.unit.test_hq_world import BRAND, NOW_MS, RULES, HandClock, Till, enrol, import_members, open_world, query

HOUR_MS = 3_600_000
SECRETS = [f"claim-number-{number:09d}" for number in range(30)]
Story = Callable[["World"], Awaitable[None]]


class World:
    """One HQ, one till, receipts with claims."""

    def __init__(self, hq: HqService, till: Till, clock: HandClock, folder: Path) -> None:
        self.hq, self.till, self.clock, self.folder = hq, till, clock, folder
        self.asked = 0

    def sell(self, place: int = 0, *, base_fen: int = 1280, **changes: Any) -> str:
        """Book a sale that nobody earned on; gives the secret of its receipt."""
        secret = SECRETS[place]
        totals = {"list_fen": base_fen, "payable_fen": base_fen, "base_fen": base_fen, "points_earned": 0}
        body = {"claim_sha256": sha(secret), "totals": totals, "payable_fen": base_fen, "rules_version": 1}
        self.till.book(**{**body, **changes})
        return secret

    async def push(self) -> None:
        await self.hq.ingest(self.till.workstation_id, self.till.batch())

    async def join(self, secret: str, openid: str = "o1", **more: Any) -> ClaimAnswer:
        self.asked += 1
        pairs = [WechatIdentity(appid="wx1", openid=openid)] if openid else []
        asked: dict[str, Any] = {"request_id": f"r{self.asked}", "claim": secret, "identities": pairs, **more}
        return await self.hq.claim(BRAND, ClaimRequest(**asked))

    async def points(self, member_id: str) -> int:
        rows = await query(
            self.hq, "SELECT balance FROM accounts WHERE member_id = :id AND account = 'points'", id=member_id
        )
        return int(rows[0]["balance"]) if rows else 0


def sha(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def play(folder: Path, story: Story, rules: dict[str, Any] | None = None) -> None:
    async def run() -> None:
        clock = HandClock()
        hq = await open_world(folder / "hq", clock)
        if rules is not None:
            await hq.import_rules(BRAND, RULES | {"version": 2} | rules)
        till = Till()
        await enrol(hq, till)
        try:
            await story(World(hq, till, clock, folder))
            for audit in (accounts, lots, own_books.audit, lambda c: claims_audit.claims(c, BRAND)):
                assert await hq._write(audit) == []
        finally:
            await hq.close()

    asyncio.run(run())


def test_a_new_member_is_made_bound_and_credited_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell(base_fen=1280)
        await world.push()
        done = await world.join(secret)
        assert (done.state, done.code, done.points, done.is_new) == ("credited", "", 12, True)
        assert len(done.member_number) == 12
        again = await world.join(secret, "o2")
        assert (again.state, again.code, again.points) == ("refused", "CLAIM_USED", 0)
        assert again.is_new, "who comes too late for the claim has joined all the same"
        assert again.member_id != done.member_id
        assert await world.points(done.member_id) == 12
        (row,) = await query(world.hq, "SELECT * FROM members WHERE member_id = :id", id=done.member_id)
        assert (row["tier_id"], row["first_order"], row["masked"][:4]) == ("plain", 1, "****")
        dynamic = await world.hq.issue_dynamic_code(BRAND, done.member_number)
        assert dynamic, "the number works as a member code"

    play(tmp_path, story)


def test_the_same_request_gives_the_same_answer_and_another_under_its_id_is_refused(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell()
        await world.push()
        first = await world.join(secret, request_id="once")
        assert await world.join(secret, request_id="once") == first
        assert await world.points(first.member_id) == 12
        for openid, claim in (("o2", secret), ("o1", SECRETS[9])):
            with pytest.raises(Refusal) as refused:
                await world.join(claim, openid, request_id="once")
            assert (refused.value.code, refused.value.field) == ("CONFLICT", "request_id")

    play(tmp_path, story)


def test_a_claim_before_its_sale_waits_and_the_first_who_asked_gets_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell()
        early = await world.join(secret, "o1", request_id="early")
        world.clock.at_ms += 1000
        second = await world.join(secret, "o2", request_id="second")
        assert [(one.state, one.code) for one in (early, second)] == [("parked", "CLAIM_UNKNOWN")] * 2
        world.clock.at_ms += 30 * 24 * HOUR_MS
        await world.push()
        assert await world.points(early.member_id) == 12, "the store was offline for a month; the customer was not late"
        assert await world.points(second.member_id) == 0
        settled = await world.join(secret, "o1", request_id="early")
        assert (settled.state, settled.points, settled.member_id) == ("credited", 12, early.member_id)
        assert (await world.join(secret, "o2", request_id="second")).code == "CLAIM_USED"

    play(tmp_path, story)


def test_claims_of_one_batch_are_kept_once_each_and_settled_in_order(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        first, second = world.sell(0), world.sell(1, base_fen=2560)
        world.sell(0, base_fen=5120)  # another sale under the claim of the first
        early = [await world.join(secret, "o1") for secret in (second, first)]
        assert {one.state for one in early} == {"parked"}
        await world.push()
        rows = await query(world.hq, "SELECT sha256, seq, taken_by, points FROM claims ORDER BY seq")
        member_id = early[0].member_id
        assert [tuple(row.values()) for row in rows] == [
            (sha(first), 1, member_id, 12),
            (sha(second), 2, member_id, 25),
        ]
        assert await world.points(member_id) == 37

    play(tmp_path, story)


def test_after_the_window_it_is_late_by_the_brands_own_hours(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secrets = [world.sell(place, rules_version=2) for place in range(2)]
        await world.push()
        world.clock.at_ms += 5 * HOUR_MS
        assert (await world.join(secrets[0], "o1")).state == "credited"
        world.clock.at_ms += 1
        late = await world.join(secrets[1], "o2")
        assert (late.state, late.code, late.is_new) == ("refused", "CLAIM_LATE", True)

    play(tmp_path, story, {"claim_window_h": 5})


def test_a_sale_of_a_doubted_clock_counts_from_when_hq_received_it(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell(at_ms=NOW_MS - 3653 * 24 * HOUR_MS, clock={"trusted": False, "why": "never_told"})
        await world.push()
        assert (await world.join(secret)).state == "credited"

    play(tmp_path, story)


def test_a_claim_of_another_brand_is_foreign(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell()
        await world.push()
        await world.hq.init_brand("soup", "汤铺", "")
        await world.hq.import_rules("soup", RULES)
        ask = ClaimRequest(request_id="x", claim=secret, identities=[WechatIdentity(appid="a", openid="b")])
        done = await world.hq.claim("soup", ask)
        assert (done.state, done.code) == ("refused", "CLAIM_FOREIGN")

    play(tmp_path, story)


def test_a_member_is_known_by_code_or_openid_and_a_new_openid_is_bound(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        members = await import_members(world.hq, world.folder / "m.csv", 2)
        secrets = [world.sell(place) for place in range(3)]
        await world.push()
        by_code = await world.join(secrets[0], "o9", member_code="100000000001")
        assert (by_code.member_id, by_code.is_new, by_code.member_number) == (members[1], False, "")
        by_openid = await world.join(secrets[1], "o9")
        assert by_openid.member_id == members[1]
        assert await world.points(members[1]) == 24
        with pytest.raises(Refusal) as clash:
            await world.join(secrets[2], "o9", member_code="100000000000")
        assert clash.value.code == "IDENTITY_CLASH"
        with pytest.raises(Refusal) as unknown:
            await world.join(secrets[2], "", member_code="999")
        assert unknown.value.code == "MEMBER_UNKNOWN"

    play(tmp_path, story)


def test_a_sale_that_a_member_earned_on_is_not_credited_again(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        members = await import_members(world.hq, world.folder / "m.csv", 1)
        world.sell(member=members[0], points=12)
        await world.push()
        assert (await world.join(SECRETS[0])).code == "CLAIM_USED"
        assert await world.points(members[0]) == 12

    play(tmp_path, story)


def test_a_payment_that_belongs_to_another_event_credits_nothing(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell(transaction_id="42")
        await world.push()
        await world.hq._write(lambda c: c.execute("UPDATE transactions SET seq = 9"))
        assert (await world.join(secret)).code == "CLAIM_PAID_TWICE"

    play(tmp_path, story)


def test_a_suspended_sale_credits_nothing_until_it_is_folded(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell(store_id="S9")
        await world.push()
        assert (await world.join(secret)).state == "parked"

    play(tmp_path, story)


def back(world: World, seq: int, paid_fen: int, **more: Any) -> None:
    """A return of a part of a sale."""
    world.till.book(
        kind="return", of={"epoch": "e1", "seq": seq, "business_day": "2026-09-21"}, claim_sha256=None,
        lines=[{"line": 1, "sku": "A", "qty": -1, "paid_fen": -paid_fen}], tenders=[],
        totals={"payable_fen": -paid_fen, "points_earned": 0}, **more,
    )  # fmt: skip


def test_a_return_before_the_claim_lessens_it_and_one_after_takes_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell(base_fen=10_000)
        back(world, 1, 4_000)
        await world.push()
        done = await world.join(secret)
        assert done.points == 60
        back(world, 1, 2_550)
        await world.push()
        assert await world.points(done.member_id) == 34
        back(world, 1, 3_450)
        await world.push()
        assert await world.points(done.member_id) == 0
        whole = world.sell(5, base_fen=1000)
        back(world, 5, 1000)
        await world.push()
        assert (await world.join(whole, "o2")).code == "CLAIM_RETURNED"

    play(tmp_path, story)


def test_the_new_member_pack_comes_once(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secrets = [world.sell(place) for place in range(2)]
        await world.push()
        first = await world.join(secrets[0])
        assert (first.points, first.pack_points) == (12, 10)
        second = await world.join(secrets[1])
        assert (second.points, second.pack_points, second.is_new) == (12, 0, False)
        assert await world.points(first.member_id) == 34

    play(tmp_path, story, {"join_offer": {"points": 10}})


def test_a_member_waits_for_twenty_sales_at_most(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        for place in range(20):
            assert (await world.join(SECRETS[place])).state == "parked"
        with pytest.raises(Refusal) as many:
            await world.join(SECRETS[20])
        assert many.value.code == "CLAIMS_TOO_MANY"

    play(tmp_path, story)


@pytest.mark.parametrize(
    "lines", [None, [], "x", [{"line": None, "paid_fen": "x"}], [{"line": 1, "earns": False, "paid_fen": 1280}]]
)
def test_an_odd_event_credits_what_can_be_read_and_stops_nothing(tmp_path: Path, lines: Any) -> None:
    async def story(world: World) -> None:
        secret = world.sell(lines=lines)
        world.sell(1)
        back(world, 1, 1280)
        await world.push()
        assert (await world.join(secret)).state in ("credited", "refused")
        assert (await world.join(SECRETS[1])).state == "credited"

    play(tmp_path, story)


def test_credited_points_can_be_granted_and_the_row_reaches_the_stores(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        secret = world.sell()
        await world.push()
        done = await world.join(secret)
        page = await world.hq.feed(world.till.workstation_id, Feed.MEMBERS, 0)
        rows = {row.member_id: row for row in page.rows if isinstance(row, MemberRow)}
        assert rows[done.member_id].points == 12
        (lot,) = await query(world.hq, "SELECT * FROM lots WHERE member_id = :id", id=done.member_id)
        assert (lot["bucket"], lot["available"]) == ("hq.hq.1", 12)

    play(tmp_path, story)


@pytest.mark.parametrize(
    "altered",
    [
        "UPDATE claims SET points = points + 1",
        "UPDATE claims SET taken_by = 'm_other'",
        "UPDATE claims SET taken_by = ''",
        "DELETE FROM claims",
        "UPDATE hq_postings SET amount = amount + 1",
        "UPDATE hq_postings SET reference = 'x'",
        "UPDATE hq_postings SET seq = 2",
        "UPDATE hq_postings SET expires = '2027-01-01'",
    ],
)
def test_an_altered_row_of_hqs_own_books_is_found(tmp_path: Path, altered: str) -> None:
    async def run() -> None:
        hq = await open_world(tmp_path / "hq")
        till = Till()
        await enrol(hq, till)
        world = World(hq, till, HandClock(), tmp_path)
        world.sell()
        await world.push()
        await world.join(SECRETS[0])
        await hq._write(lambda c: c.execute(altered))
        found = await hq._write(own_books.audit) + await hq._write(lambda c: claims_audit.claims(c, BRAND))
        assert found
        await hq.close()

    asyncio.run(run())


def test_a_release_credits_what_tills_held_back(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        (member,) = await import_members(world.hq, world.folder / "m.csv", 1)
        world.till.book(postings=[{"account": "points_pending", "owner": member, "amount": 6000}])
        await world.push()
        assert await world.points(member) == 0
        assert await query(world.hq, "SELECT * FROM lots WHERE member_id = :id", id=member) == []
        (told,) = await query(world.hq, "SELECT code, detail FROM discrepancies")
        assert (told["code"], told["detail"]) == ("POINTS_FROZEN", "6000 points held back")
        number = "100000000000"
        await world.hq.freeze_member(BRAND, number, frozen=True, reason="6000 within the hour")
        assert await world.points(member) == 0
        for _ in range(2):
            await world.hq.freeze_member(BRAND, number, frozen=False, reason="looked at: honest")
            assert await world.points(member) == 6000
        rows = await query(world.hq, "SELECT account, balance FROM accounts WHERE member_id = :id", id=member)
        assert {row["account"]: row["balance"] for row in rows} == {"points": 6000, "points_pending": 0}

    play(tmp_path, story)


def test_claims_of_events_from_before_there_was_a_table_can_be_taken(tmp_path: Path) -> None:
    """The migration, on a database that a program without claims has filled."""
    database = Database(tmp_path / "hq.db")
    MIGRATIONS.apply(database, stop_before="m005_claims")
    for statement in (
        "INSERT INTO brands VALUES ('tea', 'x', '', x'00', 1, 0)",
        "INSERT INTO stores VALUES ('S1', 'tea', 'x')",
        "INSERT INTO workstations (workstation_id, store_id, state) VALUES ('w', 'S1', 'new')",
        "INSERT INTO chains VALUES ('w', 'e', 3, zeroblob(32), zeroblob(32), 0)",
    ):
        database.execute(statement)
    for seq, (claim, state) in enumerate([("a" * 64, "ok"), (None, "ok"), ("b" * 64, "suspended"), ("c" * 64, "ok")]):
        body = json.dumps({"claim_sha256": claim})
        row = [seq + 1, body, bytes(32), bytes(32), state, "" if state == "ok" else "MALFORMED"]
        database.execute("INSERT INTO events VALUES ('w', 'e', ?, ?, ?, ?, ?, ?, 0)", row)
    MIGRATIONS.apply(database)
    rows = database.execute("SELECT brand_id, sha256, seq, taken_by FROM claims").fetchall()
    assert rows == [("tea", "a" * 64, 1, "")], "not the suspended one, not the one behind the watermark"
    database.close()
