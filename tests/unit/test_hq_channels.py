"""Online channels (S64): one ledger with the tills, each request once, nothing that a till may spend is spent twice."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.domain.errors import Refusal
from sync.hq import audit, own_books
from sync.hq.app import create_app
from sync.lease_protocol import LeaseRequest, LeaseWant
from tests.unit.hq_care_world import BRAND, REVIEW, CareWorld, play
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_referrals import ask

BATCHES = "batch_id,name,type,start,end,off_yuan\nb1,减5,amount_off,2026-07-01,2026-12-31,5\n"


async def sound(world: CareWorld) -> None:
    """Balances follow from postings, and lots with leases from balances."""
    assert await world.hq._read(own_books.audit) == []
    assert await world.hq._read(audit.accounts) == []
    sums = await world.all(
        "SELECT m.member_id, m.opening_points + COALESCE((SELECT balance FROM accounts a WHERE a.member_id ="
        " m.member_id AND a.account = 'points'), 0) AS balance, (SELECT COALESCE(SUM(available), 0) FROM lots l"
        " WHERE l.member_id = m.member_id AND l.account = 'points') + (SELECT COALESCE(SUM(amount - settled), 0)"
        " FROM leases s WHERE s.member_id = m.member_id AND s.account = 'points' AND s.state = 'open') AS held"
        " FROM members m JOIN lot_openings o ON o.member_id = m.member_id AND o.account = 'points'"
    )
    assert [row for row in sums if row[1] != row[2]] == []


def test_a_channel_whose_address_is_none_is_refused(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        for url in ("http://example.com/x", "ftp://x", "https://" + "x" * 200, "https://[x"):
            with pytest.raises(Refusal) as refused:
                await world.hq.channels.add("mini", BRAND, url)
            assert refused.value.code == "CHANNEL_INVALID"

    play(tmp_path, story)


def test_a_purchase_earns_by_the_rules_and_counts_for_tiers(tmp_path: Path) -> None:
    """S31: silver earns 1.5 times, the member day doubles; a return keeps what the rest would have earned (R12)."""

    async def story(world: CareWorld) -> None:
        await world.rules(
            member_day=21,
            member_day_mult_x100=200,
            points_valid_months=12,
            tier_review=REVIEW,
            month_multiplier_on=True,
        )
        (tmp_path / "silver.csv").write_text("member_number,tier_id,points\n100000000000,silver,0\n")
        await world.hq.import_members(BRAND, tmp_path / "silver.csv")
        bought = await ask(world, "p1", "purchase", paid_fen=19_990)
        assert (bought.points, bought.balance, bought.free) == (599, 599, 599)
        row = await world.row(0)
        assert (row.quarter_spend_fen, row.quarter_visits, row.month_spend_fen) == (19_990, 1, 19_990)
        (lot,) = await world.all("SELECT expires FROM lots WHERE available > 0")
        assert lot == ("2027-09-21",)
        back = await ask(world, "p2", "purchase_return", of="p1", paid_fen=9_990)
        assert (back.points, back.balance) == (300 - 599, 300)
        with pytest.raises(Refusal, match="more would come back"):
            await ask(world, "p3", "purchase_return", of="p1", paid_fen=10_001)
        await ask(world, "p4", "purchase_return", of="p1", paid_fen=10_000)
        row = await world.row(0)
        assert (row.points, row.quarter_spend_fen, row.quarter_visits, row.month_spend_fen) == (0, 0, 0, 0)
        await sound(world)
        facts = "SELECT member_id, business_day, spend_fen, earned FROM member_days"
        counted = await world.all(facts)
        await world.hq.members.recount(BRAND, lambda *_: None)
        assert await world.all(facts) == counted

    play(tmp_path, story)


def test_the_same_request_gives_the_same_answer_and_another_under_its_id_none(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        first = await ask(world, "p1", "purchase", paid_fen=10_000)
        await ask(world, "p2", "purchase", paid_fen=10_000)
        assert await ask(world, "p1", "purchase", paid_fen=10_000) == first
        with pytest.raises(Refusal) as refused:
            await ask(world, "p1", "purchase", paid_fen=10_001)
        assert (refused.value.code, (await world.row(0)).points) == ("CONFLICT", 200)
        with pytest.raises(Refusal, match="no such event"):
            await ask(world, "p9", "purchase_return", of="p7", paid_fen=1)

    play(tmp_path, story)


def test_what_a_till_holds_is_not_spent_online_and_is_called_back(tmp_path: Path) -> None:
    """R13: 100 points, 70 leased to a till: 30 are free, whatever the balance says."""

    async def story(world: CareWorld) -> None:
        await ask(world, "p1", "purchase", paid_fen=10_000)
        want = LeaseWant(account="points", bucket="", amount=70)
        lease = LeaseRequest(request_id="l1", epoch="e1", last=0, member_id=world.ids[0], wants=[want])
        await world.hq.leases.grant("S1-1", lease)
        with pytest.raises(Refusal) as refused:
            await ask(world, "s1", "spend_points", points=31)
        assert refused.value.code == "POINTS_INSUFFICIENT"
        assert await world.all("SELECT wanted FROM leases") == [(1,)]
        [(before,)] = await world.all("SELECT number FROM grants_made")
        spent = await ask(world, "s1", "spend_points", points=30)
        assert (spent.points, spent.balance, spent.free) == (-30, 70, 0)
        made = await world.all("SELECT number FROM grants_made")
        assert made == [(before + 1,)], "a copy of the database that does not know of it is noticed"
        await sound(world)

    play(tmp_path, story)


def test_points_go_back_into_their_lots_with_their_old_dates(tmp_path: Path) -> None:
    """R10: spent by expiry; what comes back goes where it came from, the latest date first."""

    async def story(world: CareWorld) -> None:
        for number, day in enumerate(("2026-10-01", "2026-11-01")):
            lot = {"bucket": f"lot{number}", "expires": day}
            world.sell(0, 100, postings=[{"account": "points", "owner": world.ids[0], "amount": 50, **lot}])
        await world.push()
        lots = "SELECT expires, available FROM lots WHERE account = 'points' ORDER BY expires"
        await ask(world, "s1", "spend_points", points=70)
        assert await world.all(lots) == [("2026-10-01", 0), ("2026-11-01", 30)]
        await ask(world, "b1", "return_points", of="s1", points=30)
        assert await world.all(lots) == [("2026-10-01", 10), ("2026-11-01", 50)]
        await ask(world, "b2", "return_points", of="s1", points=40)
        assert await world.all(lots) == [("2026-10-01", 50), ("2026-11-01", 50)]
        with pytest.raises(Refusal, match="more would come back"):
            await ask(world, "b3", "return_points", of="s1", points=1)
        await sound(world)

    play(tmp_path, story)


def test_a_coupon_is_used_online_once_and_given_back(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.hq.import_batches(BRAND, write(tmp_path, BATCHES))
        await world.hq.issue_coupon(BRAND, "b1", "100000000000", "CPN1")
        state = "SELECT state, uses FROM coupons"
        await ask(world, "c1", "use_coupon", coupon_id="CPN1")
        assert await world.all(state) == [("used", 1)]
        with pytest.raises(Refusal) as refused:
            await ask(world, "c2", "use_coupon", coupon_id="CPN1")
        assert refused.value.code == "COUPON_NOT_FREE"
        await ask(world, "c3", "return_coupon", of="c1")
        assert await world.all(state) == [("issued", 0)]
        uses = "SELECT coupon_id, place, amount FROM coupon_uses ORDER BY place"
        noted = await world.all(uses)
        assert noted == [("CPN1", "online.mini c1", -1), ("CPN1", "online.mini c3", 1)]
        await world.hq.members.recount(BRAND, lambda *_: None)
        assert await world.all(uses) == noted
        with pytest.raises(Refusal, match="more would come back"):
            await ask(world, "c4", "return_coupon", of="c1")
        with pytest.raises(Refusal) as refused:
            await ask(world, "c5", "use_coupon", 1, coupon_id="CPN1")
        assert refused.value.code == "COUPON_UNKNOWN"
        await sound(world)

    play(tmp_path, story)


def test_the_frozen_spend_nothing_and_a_restored_hq_gives_nothing_out(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await ask(world, "p1", "purchase", paid_fen=10_000)
        await world.hq.freeze_member(BRAND, "100000000000", frozen=True, reason="looked odd")
        with pytest.raises(Refusal, match="frozen"):
            await ask(world, "s1", "spend_points", points=1)
        await world.hq.freeze_member(BRAND, "100000000000", frozen=False, reason="was not")
        await world.hq.declare_restored("a test")
        with pytest.raises(Refusal, match="restored"):
            await ask(world, "s1", "spend_points", points=1)

    play(tmp_path, story)


def test_a_first_purchase_online_pays_the_referral_and_its_return_takes_it_back(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(care={"referral_points": 20})
        await ask(world, "r1", "referral", 2, inviter={"member_id": world.ids[0]})
        await ask(world, "p1", "purchase", 2, paid_fen=10_000)
        assert [(await world.row(one)).points for one in (0, 2)] == [20, 122]
        await ask(world, "p2", "purchase_return", of="p1", paid_fen=10_000)
        assert [(await world.row(one)).points for one in (0, 2)] == [0, 2]
        await sound(world)

    play(tmp_path, story)


def test_over_http_a_channel_speaks_for_itself_alone(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        given = await world.hq.channels.add("mini", BRAND, "")
        await world.hq.channels.add("shop", BRAND, "")
        rows = "member_number,tier_id,points,wechat\n100000000000,plain,0,wx1:open-1\n"
        await world.hq.import_members(BRAND, write(tmp_path, rows))
        transport = httpx.ASGITransport(app=create_app(world.hq))
        async with httpx.AsyncClient(transport=transport, base_url="http://hq") as client:

            async def post(path: str, body: dict[str, Any], token: str = given.token) -> tuple[int, dict[str, Any]]:
                headers = {"Authorization": f"Bearer {token}"}
                answer = await client.post(f"/v1/channels/{path}", content=json.dumps(body), headers=headers)
                return answer.status_code, answer.json()

            wechat = {"appid": "wx1", "openid": "open-1"}
            bought = {"request_id": "p1", "kind": "purchase", "member": wechat, "paid_fen": 500}
            status, said = await post("mini/events", bought)
            assert (status, said["points"], said["member_id"]) == (200, 5, world.ids[0])
            status, said = await post("mini/members", wechat)
            assert (status, said["points"], said["tier_id"]) == (200, 5, "plain")
            assert (await post("mini/events", bought, "nobody"))[0] == 401
            assert (await post("shop/events", bought))[0] == 401
            assert (await post("mini/members", {"member_code": "9"}))[1]["code"] == "MEMBER_UNKNOWN"
            for wrong in (
                {**bought, "points": 5}, {**bought, "paid_fen": 0}, {**bought, "of": "p1"}, {**bought, "kind": "gift"},
                {**bought, "member": {**wechat, "member_code": "1"}}, {**bought, "paid_fen": 1.5},
            ):  # fmt: skip
                status, said = await post("mini/events", wrong)
                assert (status, "open-1" in json.dumps(said)) == (422, False)
            await world.hq.channels.revoke("mini")
            assert (await post("mini/events", bought))[0] == 401

    play(tmp_path, story)


def test_reminders_name_whom_to_tell_to_the_brands_own_channel_alone(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(care={"reminders": True})
        rows = "member_number,tier_id,points,wechat,birthday\n100000000000,plain,0,wx1:open-1,09-24\n"
        await world.hq.import_members(BRAND, write(tmp_path, rows))
        await world.keep()
        given, reader = await world.hq.channels.add("mini", BRAND, ""), await world.hq.add_reader("messages")
        transport = httpx.ASGITransport(app=create_app(world.hq))
        async with httpx.AsyncClient(transport=transport, base_url="http://hq") as client:

            async def get(path: str, token: str) -> Any:
                return (await client.get(path, headers={"Authorization": f"Bearer {token}"})).json()

            ours = await get("/v1/channels/mini/reminders", given.token)
            assert ours["reminders"][0]["to"] == [{"appid": "wx1", "openid": "open-1"}]
            plain = await get("/v1/reminders?after=0", reader)
            assert (plain["reminders"][0]["to"], plain["cursor"]) == ([], 1)
            assert (await get("/v1/reminders?after=1", reader))["reminders"] == []
            assert (await get("/v1/reminders?after=x", reader))["code"] == "CURSOR_INVALID"
            assert (await get("/v1/reminders", given.token))["code"] == "NOT_AUTHENTICATED"
            await world.hq.members.erase(BRAND, "100000000000", "legal", "asked")
            assert (await get("/v1/channels/mini/reminders", given.token))["reminders"] == []

    play(tmp_path, story)


def test_a_database_put_back_under_a_running_hq_spends_nothing_online(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules()
        await ask(world, "p1", "purchase", paid_fen=10_000)
        await ask(world, "s1", "spend_points", points=5)
        await world.hq._write(lambda c: c.execute("UPDATE grants_made SET number = number - 1"))
        with pytest.raises(Refusal) as refused:
            await ask(world, "s2", "spend_points", points=5)
        assert refused.value.code == "HQ_RESTORED"
        [spent] = await world.all("SELECT COUNT(*) FROM channel_events WHERE request_id LIKE 's%'")
        assert spent == (1,), "nothing of the second stays"

    play(tmp_path, story)
