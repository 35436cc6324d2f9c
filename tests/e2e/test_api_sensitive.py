"""S55: personal data in the clear needs a manager, is noted, and the fourth within a minute is refused and alarmed."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agent.api.people import SignedIn
from agent.api.sensitive import AccessList, BirthdayView
from agent.db.access import AccessDb
from agent.grants import VENDOR, Grant
from agent.people import Role
from agent.sensitive import Request
from tests.api_till import checked, problem, someone
from tests.spending_world import KNOWN, SpendingTill, spending
from tests.state_files import found_in_files

PIN = "482913"
ANOTHER_TIME_S = 120
"""Longer than the minute in which reads are counted; all together no reason for another day to begin."""


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpendingTill]:
    with spending(tmp_path_factory.mktemp("sensitive")) as found:
        found.run(found.world.agent.people.put("101", "小王", Role.CASHIER, PIN))
        found.run(found.world.agent.people.put("900", "店长", Role.MANAGER, PIN))
        yield found


def ask(till: SpendingTill, method: str, path: str, operator: str, body: object = None) -> httpx.Response:
    async def call() -> httpx.Response:
        async with till.world.client({}) as client:
            signed = await client.post("/v1/sign-in", json={"operator": operator, "pin": PIN})
            token = checked(signed, SignedIn)["token"]
            return await client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})

    return till.run(call())


def read(till: SpendingTill, operator: str = "900", **more: Any) -> httpx.Response:
    member_id = till.resolve(KNOWN)["member"]["member_id"]
    body = {"member_id": member_id, "reason": "会员来电核对生日礼", **more}
    return ask(till, "POST", "/v1/manage/members/birthday", operator, body)


def alarms(till: SpendingTill) -> list[dict[str, Any]]:
    store = till.world.agent.books._store
    sql = "SELECT data FROM notices WHERE kind = 'privacy.alarm' ORDER BY id"
    return [dict(row) for row in till.run(store.read(lambda c: c.execute(sql).fetchall()))]


def test_the_fourth_read_within_a_minute_is_refused_alarmed_and_noted(till: SpendingTill) -> None:
    till.clock.ahead_s += ANOTHER_TIME_S
    today = till.run(till.world.agent.replica.by_id(till.resolve(KNOWN)["member"]["member_id"]))
    assert today is not None
    for _ in range(3):
        assert checked(read(till), BirthdayView)["birthday"] == today.member.birthday != ""
    assert alarms(till) == []
    till.clock.ahead_s += 30
    problem(read(till), 429, "PLAINTEXT_READS")
    assert len(alarms(till)) == 1
    till.clock.ahead_s += 31  # the three have left the window, the refused one has not
    assert [read(till).status_code for _ in range(3)] == [200, 200, 429]
    listed = checked(ask(till, "GET", "/v1/manage/access-log", "900"), AccessList)["reads"]
    assert [one["allowed"] for one in listed] == [False, True, True, False, True, True, True]
    assert {(one["operator"], one["field"], one["reason"]) for one in listed} == {
        ("900", "birthday", "会员来电核对生日礼")
    }


def test_signing_in_as_somebody_else_gives_no_more_reads_and_a_restart_neither(till: SpendingTill) -> None:
    till.clock.ahead_s += ANOTHER_TIME_S
    till.run(till.world.agent.people.put("901", "副店长", Role.MANAGER, PIN))
    assert [read(till, operator).status_code for operator in ("900", "901", "900")] == [200] * 3
    till.reopen()
    problem(read(till, "901"), 429, "PLAINTEXT_READS")
    request = Request("m_1", "birthday", "901", "page", "x")
    before_ms = till.clock.now_ms() - 1_800_000
    assert till.run(AccessDb(till.world.agent.books._store).note(request, before_ms)) is False, "clock set back"


def test_a_cashier_and_a_pos_may_not_read(till: SpendingTill) -> None:
    till.clock.ahead_s += ANOTHER_TIME_S
    problem(read(till, "101"), 403, "SCOPE_REFUSED")
    member_id = till.resolve(KNOWN)["member"]["member_id"]
    body = {"member_id": member_id, "reason": "x", "by": "小王"}

    async def by_a_pos() -> httpx.Response:
        token, _ = await till.world.agent.pairing.issue(Grant("pos", "a POS", VENDOR))
        async with till.world.client({"Authorization": f"Bearer {token}"}) as client:
            return await client.post("/v1/manage/members/birthday", json=body)

    problem(till.run(by_a_pos()), 403, "SCOPE_REFUSED")


def test_an_unknown_member_counts_too(till: SpendingTill) -> None:
    till.clock.ahead_s += ANOTHER_TIME_S
    answers = [read(till, member_id="m_nobody").status_code for _ in range(4)]
    assert answers == [404, 404, 404, 429]


def test_without_a_reason_nothing_is_read(till: SpendingTill) -> None:
    till.clock.ahead_s += ANOTHER_TIME_S
    assert read(till, reason="").status_code == 422
    assert read(till).status_code == 200


def test_masked_views_are_free(till: SpendingTill) -> None:
    before = len(checked(ask(till, "GET", "/v1/manage/access-log", "900"), AccessList)["reads"])
    views = [till.resolve(KNOWN)["member"] for _ in range(6)]
    assert all("birthday_today" in view and "birthday" not in view for view in views)
    assert len(checked(ask(till, "GET", "/v1/manage/access-log", "900"), AccessList)["reads"]) == before


def test_the_till_holds_no_phone_in_any_form_a_person_could_read(till: SpendingTill) -> None:
    phones = [someone("gold").phone, someone("normal").phone]
    assert found_in_files(till.world.folder / "till", phones) == []
