"""S29: tasks count as often as the rules say; a lottery is drawn by what was committed to, and never gives too much."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from agent.domain.digest import canonical
from agent.domain.errors import Refusal
from agent.domain.lottery import commitment, drawn, picked
from agent.domain.rules import RuleFaults, rule_set
from sync.channel_protocol import ChannelEvent, MemberRef
from sync.hq import own_books, rules_write
from sync.hq.app import create_app
from tests.unit.hq_care_world import BRAND, TODAY, CareWorld, play
from tests.unit.test_hq_channels import sound
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_referrals import ask
from tests.unit.test_hq_world import RULES

TASKS: list[dict[str, Any]] = [
    {"task_id": "phone", "name": "留手机号", "points": 20, "asks": "phone"},
    {"task_id": "share", "name": "分享", "points": 2, "per": "day", "times": 2},
    {"task_id": "survey", "name": "问卷", "points": 5, "times": 3},
]
PRIZES: list[dict[str, Any]] = [
    {"prize_id": "p5", "name": "5积分", "kind": "points", "points": 5, "weight": 3, "stock": 4},
    {"prize_id": "cp", "name": "减5券", "kind": "coupon", "batch_id": "b1", "weight": 2},
    {"prize_id": "none", "name": "谢谢参与", "kind": "nothing", "weight": 5},
]
WHEEL: dict[str, Any] = {
    "lottery_id": "wheel", "name": "转盘", "cost_points": 10, "free_a_day": 2, "draws_a_day": 40, "end": "2026-12-31",
    "prizes": PRIZES,
}  # fmt: skip
BATCH = "batch_id,name,type,start,end,off_yuan,released\nb1,减5,amount_off,2026-07-01,2026-12-31,5,3\n"
PHONE = "13800138000"


async def refusal(world: CareWorld, request_id: str, kind: str, member: int = 0, **more: object) -> str:
    """The code of a request that is refused; nothing has changed."""
    before = await world.all("SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM hq_postings")
    with pytest.raises(Refusal) as refused:
        await ask(world, request_id, kind, member, **more)
    assert await world.all("SELECT COUNT(*), COALESCE(SUM(amount), 0) FROM hq_postings") == before
    return refused.value.code


# --- tasks ----------------------------------------------------------------------------------------------------------
def test_a_task_counts_so_often_a_member_or_a_day_and_once_per_request(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(tasks=TASKS, points_valid_months=12)
        first = await ask(world, "t1", "task", task_id="share")
        assert (first.points, first.balance) == (2, 2)
        assert await ask(world, "t1", "task", task_id="share") == first
        await ask(world, "t2", "task", task_id="share")
        assert await refusal(world, "t3", "task", task_id="share") == "TASK_DONE"
        await ask(world, "t4", "task", 1, task_id="share")
        for number in range(3):
            await ask(world, f"s{number}", "task", task_id="survey")
        assert await refusal(world, "s3", "task", task_id="survey") == "TASK_DONE"
        await world.day("2026-09-22")
        assert (await ask(world, "t3", "task", task_id="share")).balance == 4 + 15 + 2
        assert await refusal(world, "s4", "task", task_id="survey") == "TASK_DONE"
        assert await refusal(world, "s5", "task", task_id="dance") == "TASK_UNKNOWN"
        expires = await world.all("SELECT DISTINCT expires FROM hq_postings WHERE kind = 'task' ORDER BY expires")
        assert expires == [("2027-09-21",), ("2027-09-22",)]
        await sound(world)

    play(tmp_path, story)


def test_a_phone_number_comes_by_a_task_and_is_kept_nowhere_in_the_clear(tmp_path: Path) -> None:
    """S09: its index and masked form are kept, and the request's hash is HQ's own."""

    async def story(world: CareWorld) -> None:
        await world.rules(tasks=TASKS)
        assert await refusal(world, "f0", "task", task_id="phone") == "PHONE_MISSING"
        assert await refusal(world, "f1", "task", task_id="survey", phone=PHONE) == "PHONE_MISSING"
        answer = await ask(world, "f2", "task", task_id="phone", phone=PHONE)
        assert (answer.points, (await world.row(0)).masked) == (20, "138****8000")
        assert await refusal(world, "f3", "task", 1, task_id="phone", phone=PHONE) == "PHONE_TAKEN"
        assert await refusal(world, "f4", "task", task_id="phone", phone="13900139000") == "TASK_DONE"
        said = ChannelEvent(
            request_id="f2", kind="task", member=MemberRef(member_id=world.ids[0]), task_id="phone", phone=PHONE
        )
        plain = hashlib.sha256(canonical(said.model_dump(mode="json"))).digest()
        [(asked,)] = await world.all("SELECT asked FROM channel_events WHERE request_id = 'f2'")
        assert bytes(asked) != plain
        tables = ("channel_events", "tasks_done", "identities", "members")
        kept = [row for table in tables for row in await world.all(f"SELECT * FROM {table}")]
        assert PHONE not in str(kept)
        assert PHONE not in repr(said)
        number = await world.all("SELECT member_id FROM identities WHERE kind = 'phone'")
        assert number == [(world.ids[0],)]
        await world.hq.members.erase(BRAND, world.ids[0], "legal", "asked")
        [(asked,)] = await world.all("SELECT asked FROM channel_events WHERE request_id = 'f2'")
        assert bytes(asked) == bytes(32), "no hash to try numbers on"

    play(tmp_path, story)


# --- lotteries ------------------------------------------------------------------------------------------------------
def test_a_draw_follows_from_the_seed_that_was_committed_to_and_is_told_later(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(lotteries=[WHEEL])
        await world.hq.import_batches(BRAND, write(tmp_path, BATCH))
        before = await world.hq.channels.play.day(BRAND, "wheel", "")
        assert (before.business_day, before.seed) == (TODAY, "")
        await ask(world, "e1", "purchase", paid_fen=100_000)
        answers = [await ask(world, f"d{number}", "draw", lottery_id="wheel") for number in range(20)]
        assert await ask(world, "d7", "draw", lottery_id="wheel") == answers[7]
        prizes = [one.prize for one in answers if one.prize is not None]
        assert {one.commitment for one in prizes} == {before.commitment}
        assert await world.hq.channels.play.day(BRAND, "wheel", TODAY) == before
        await world.day("2026-09-22")
        after = await world.hq.channels.play.day(BRAND, "wheel", TODAY)
        seed = bytes.fromhex(after.seed)
        assert commitment(seed) == before.commitment
        weights = [one["weight"] for one in PRIZES]
        for number, (answer, prize) in enumerate(zip(answers, prizes, strict=True)):
            value = drawn(seed, "wheel", TODAY, "mini", f"d{number}", world.ids[0])
            assert prize.number == f"{value:064x}"
            assert prize.prize_id == PRIZES[picked(value, weights)]["prize_id"]
            cost = 0 if number < 2 else 10
            assert answer.points == prize.points - cost, "two free draws, then ten points each"
        found = await world.hq.channels.play.draws(BRAND, "wheel", TODAY, "")
        assert [row["follows"] for row in found["draws"]] == [True] * 20
        given = [one.outcome for one in prizes]
        assert given.count("coupon") == len(await world.all("SELECT 1 FROM coupons")) <= 3
        assert given.count("points") <= 4
        await sound(world)
        assert await world.hq._read(own_books.audit) == []

    play(tmp_path, story)


def test_an_altered_draw_is_found_by_drawing_again(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        only = {**WHEEL, "prizes": [PRIZES[0], PRIZES[2]]}
        await world.rules(lotteries=[only])
        first = await ask(world, "d0", "draw", lottery_id="wheel")
        assert first.prize is not None
        other = "none" if first.prize.prize_id == "p5" else "p5"
        await world.hq._write(
            lambda c: c.execute("UPDATE lottery_draws SET prize_id = :other", {"other": other})
        )  # fmt: skip
        found = await world.hq.channels.play.draws(BRAND, "wheel", TODAY, "")
        assert [row["follows"] for row in found["draws"]] == [False]

    play(tmp_path, story)


def test_a_stock_is_never_oversold_by_draws_at_the_same_time(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        prizes = [{**PRIZES[0], "weight": 1_000_000}, {**PRIZES[2], "weight": 1}]
        await world.rules(lotteries=[{**WHEEL, "free_a_day": 40, "prizes": prizes}])
        await ask(world, "t0", "purchase", paid_fen=100)
        answers = await asyncio.gather(
            *(ask(world, f"d{number}", "draw", number % 3, lottery_id="wheel") for number in range(12))
        )
        outcomes = [one.prize.outcome for one in answers if one.prize is not None]
        assert (outcomes.count("points"), len(outcomes)) == (4, 12)
        assert set(outcomes) <= {"points", "gone", "nothing"}
        assert await world.all("SELECT given FROM lottery_stocks") == [(4,)]
        won = await world.all("SELECT SUM(amount) FROM hq_postings WHERE kind = 'draw'")
        assert won == [(20,)]
        await sound(world)

    play(tmp_path, story)


def test_what_cannot_be_drawn_is_refused_and_costs_nothing(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        paid = {**WHEEL, "free_a_day": 0, "draws_a_day": 1}
        old = {**WHEEL, "lottery_id": "old", "end": "2026-09-20"}
        await world.rules(lotteries=[paid, old])
        assert await refusal(world, "d1", "draw", lottery_id="wheel") == "POINTS_INSUFFICIENT"
        assert await refusal(world, "d2", "draw", lottery_id="old") == "LOTTERY_CLOSED"
        assert await refusal(world, "d3", "draw", lottery_id="none") == "LOTTERY_UNKNOWN"
        await ask(world, "e1", "purchase", paid_fen=10_000)
        await ask(world, "d1", "draw", lottery_id="wheel")
        assert await refusal(world, "d4", "draw", lottery_id="wheel") == "DRAWS_USED_UP"
        [(redeemed,)] = await world.all("SELECT redeemed FROM member_days WHERE earned > 0")
        assert redeemed == 10
        facts = "SELECT member_id, business_day, spend_fen, earned, redeemed FROM member_days"
        counted = await world.all(facts)
        await world.hq.members.recount(BRAND, lambda *_: None)
        assert await world.all(facts) == counted

    play(tmp_path, story)


def test_a_prize_of_no_batch_is_warned_of_before_anybody_pays_for_it(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        body: dict[str, Any] = {**RULES, "version": 9, "lotteries": [WHEEL], "joint": {BRAND: {}}}
        itself = f"joint.{BRAND}: a brand lends itself nothing"
        gone = "lotteries.0.prizes.1.batch_id: there is no batch b1, so this prize is always gone"
        assert await world.hq._read(lambda c: rules_write.lint(c, BRAND, body)) == [gone, itself]
        await world.hq.import_batches(BRAND, write(tmp_path, BATCH))
        assert await world.hq._read(lambda c: rules_write.lint(c, BRAND, body)) == [itself]
        odd: dict[str, Any] = {"lotteries": [{"prizes": [{"kind": "coupon", "batch_id": 7}]}, 5], "joint": 7}
        assert await world.hq._read(lambda c: rules_write.lint(c, BRAND, odd)) == []

    play(tmp_path, story)


def test_a_channel_asks_for_the_commitment_over_http(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(lotteries=[WHEEL], tasks=TASKS)
        given = await world.hq.channels.add("mini", BRAND, "")
        headers = {"Authorization": f"Bearer {given.token}"}
        transport = httpx.ASGITransport(app=create_app(world.hq))
        async with httpx.AsyncClient(transport=transport, base_url="http://hq", headers=headers) as client:
            found = await client.get("/v1/channels/mini/lotteries/wheel")
            assert found.status_code == 200, found.text
            assert found.json()["seed"] == ""
            for path, status in (
                ("wheel?day=2026-09-31", 422), ("wheel?day=2027-01-01", 404), ("other", 404),
                ("wheel?day=2026-09-22", 200), ("%00?day=2026-01-01", 404), ("wheel?day=0001-01-01", 404),
            ):  # fmt: skip
                assert (await client.get(f"/v1/channels/mini/lotteries/{path}")).status_code == status
            event = {"request_id": "d1", "kind": "draw", "member": {"member_id": world.ids[0]}, "lottery_id": "wheel"}
            answer = (await client.post("/v1/channels/mini/events", json=event)).json()
            assert answer["prize"]["commitment"] == found.json()["commitment"]
            task = {"request_id": "t1", "kind": "task", "member": {"member_id": world.ids[0]}, "task_id": "share"}
            assert "prize" not in (await client.post("/v1/channels/mini/events", json=task)).json()

    play(tmp_path, story)


def test_requests_of_before_keep_their_bytes() -> None:
    """An answer is repeated by the hash of its request: a new field must not change an old request."""
    said = ChannelEvent(request_id="r1", kind="sign_in", member=MemberRef(member_id="m1"))
    assert sorted(said.model_dump(mode="json")) == [
        "coupon_id", "inviter", "kind", "member", "of", "paid_fen", "points", "request_id",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "task"}, {"kind": "draw"}, {"kind": "task", "task_id": "a", "lottery_id": "b"},
        {"kind": "sign_in", "phone": PHONE}, {"kind": "task", "task_id": "a", "phone": "12345"},
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_at_the_edge(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ChannelEvent.model_validate({"request_id": "r1", "member": {"member_id": "m1"}, **more})


def test_every_fault_of_tasks_and_lotteries_is_named_at_once() -> None:
    bad_prizes: list[Any] = [
        {"prize_id": "a", "name": "a", "kind": "points", "weight": 0}, {"prize_id": "a", "name": "", "kind": "car"},
        {"prize_id": "n", "name": "n", "kind": "nothing", "weight": 1, "stock": 3, "points": 1}, 7,
    ]  # fmt: skip
    body = {
        **RULES,
        "tasks": [
            {"task_id": "a b", "name": "x", "points": 0, "per": "week", "asks": "id", "often": 1},
            TASKS[1],
            TASKS[1],
        ],
        "lotteries": [{"lottery_id": "w", "name": "w", "end": "soon", "prizes": bad_prizes}],
    }
    with pytest.raises(RuleFaults) as found:
        rule_set(body)
    assert set(found.value.faults) == {
        "tasks.0.often is not known", "tasks.0.task_id needs 1 to 64 of A-Z a-z 0-9 . _ : -",
        "tasks.0.points must be an integer from 1 to 1000000000", "tasks.0.per must be one of member, day",
        "tasks.0.asks must be one of phone", "tasks.2.task_id comes twice",
        "lotteries.0.end must be a date YYYY-MM-DD",
        "lotteries.0.cost_points is missing: only free_a_day draws of draws_a_day are free",
        "lotteries.0.prizes.3 must be an object", "lotteries.0.prizes.1.prize_id comes twice",
        "lotteries.0.prizes.0.points must be an integer from 1 to 1000000000",
        "lotteries.0.prizes.0.weight must be an integer from 1 to 1000000",
        "lotteries.0.prizes.1.kind must be one of points, coupon, nothing",
        "lotteries.0.prizes.1.name needs 1 to 200 printable characters",
        "lotteries.0.prizes.1.weight must be an integer from 1 to 1000000",
        "lotteries.0.prizes.2.points has no place in nothing", "lotteries.0.prizes.2.stock has no place in nothing",
    }  # fmt: skip
