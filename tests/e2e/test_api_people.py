"""Who may call what: scopes of tokens, sign-in by PIN, lock-out, sessions that end; over the real API."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from agent.api.manage_answers import OperatorList, PairingCode, TokenList
from agent.api.people import SessionView, SignedIn
from agent.grants import ApiScope, Grant
from agent.limits import PIN_ATTEMPTS, PIN_LOCK_S, SESSION_S
from agent.people import Role
from tests.api_till import ApiTill, checked, problem, running
from tests.state_files import found_in_files

PIN = "482913"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("people")) as found:
        found.run(found.world.agent.people.put("101", "小王", Role.CASHIER, PIN))
        found.run(found.world.agent.people.put("900", "店长", Role.MANAGER, PIN))
        yield found


def ask(till: ApiTill, method: str, path: str, token: str = "", body: object = None) -> httpx.Response:
    async def call() -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with till.world.client(headers) as client:
            return await client.request(method, path, json=body)

    return till.run(call())


def sign_in(till: ApiTill, operator: str, pin: str = PIN) -> httpx.Response:
    return ask(till, "POST", "/v1/sign-in", body={"operator": operator, "pin": pin})


def session(till: ApiTill, operator: str) -> dict[str, Any]:
    return checked(sign_in(till, operator), SignedIn)


def test_a_cashier_signs_in_and_may_sell_but_not_manage(till: ApiTill) -> None:
    answer = session(till, "101")
    assert (answer["role"], answer["name"], answer["scopes"]) == ("cashier", "小王", ["drawer", "print", "sell"])
    assert 0 < answer["expires_in_s"] <= SESSION_S
    token = answer["token"]
    assert ask(till, "GET", "/v1/print-jobs", token).status_code == 200
    problem(ask(till, "GET", "/v1/manage/today", token), 403, "SCOPE_REFUSED")
    told = checked(ask(till, "GET", "/v1/session", token), SessionView)
    assert (told["operator"], told["role"]) == ("101", "cashier")
    assert found_in_files(till.world.folder / "till", [token, PIN]) == []


def test_a_manager_may_do_both_and_signing_out_ends_the_token_at_once(till: ApiTill) -> None:
    token = session(till, "900")["token"]
    assert ask(till, "GET", "/v1/manage/today", token).status_code == 200
    assert ask(till, "GET", "/v1/status", token).status_code == 200
    assert ask(till, "DELETE", "/v1/session", token).status_code == 204
    problem(ask(till, "GET", "/v1/status", token), 401, "TOKEN_REFUSED")


def test_a_session_outlives_a_restart_but_not_its_shift(till: ApiTill) -> None:
    token = session(till, "101")["token"]
    till.reopen()
    assert ask(till, "GET", "/v1/status", token).status_code == 200
    till.clock.ahead_s += SESSION_S + 1
    problem(ask(till, "GET", "/v1/status", token), 401, "TOKEN_REFUSED")
    assert token not in str(till.run(till.world.agent.manager.tokens()))


@pytest.mark.parametrize("operator", ["101", "nobody"])
def test_wrong_pins_lock_and_the_wait_doubles_whoever_asks(till: ApiTill, operator: str) -> None:
    for _ in range(PIN_ATTEMPTS):
        problem(sign_in(till, operator, "111111"), 403, "SIGN_IN_REFUSED")
    problem(sign_in(till, operator), 429, "SIGN_IN_LOCKED")
    if operator == "nobody":  # and nothing told that nobody has that name
        return
    till.clock.ahead_s += PIN_LOCK_S
    problem(sign_in(till, operator, "111111"), 403, "SIGN_IN_REFUSED")
    till.clock.ahead_s += PIN_LOCK_S
    problem(sign_in(till, operator), 429, "SIGN_IN_LOCKED")
    till.clock.ahead_s += PIN_LOCK_S
    session(till, operator)
    problem(sign_in(till, operator, "111111"), 403, "SIGN_IN_REFUSED")
    session(till, operator)  # one mistake after a right PIN locks nobody


def test_guesses_side_by_side_count_one_by_one(till: ApiTill) -> None:
    till.run(till.world.agent.people.put("301", "小张", Role.CASHIER, PIN))

    async def guess() -> list[int]:
        async with till.world.client() as client:
            body = {"operator": "301", "pin": "111111"}
            answers = await asyncio.gather(*(client.post("/v1/sign-in", json=body) for _ in range(2 * PIN_ATTEMPTS)))
            return [one.status_code for one in answers]

    assert till.run(guess()).count(403) == PIN_ATTEMPTS
    till.run(till.world.agent.people.remove("301"))


def test_a_stream_ends_with_its_token_and_tells_scans_only_to_whoever_sells(till: ApiTill) -> None:
    code = "130000000000000001"

    async def heard(scope: ApiScope) -> str:
        agent, told = till.world.agent, ""
        token, _ = await agent.pairing.issue(Grant("", f"with {scope}", frozenset({scope})))
        (mine,) = [one for one in await agent.pairing.given() if one.app == f"with {scope}"]
        client = till.world.client({"Authorization": f"Bearer {token}"})
        async with client, client.stream("GET", "/v1/events") as answer:
            async for text in answer.aiter_text():
                if not told:
                    await agent.announcer.announce("scan.payment_code", {"device": "x"}, live_only={"auth_code": code})
                    await agent.announcer.announce("sync.state", {"up": True, "reason": ""})
                told += text
                if "sync.state" in text:
                    await agent.pairing.revoke(mine.token_id)
                    await agent.announcer.announce("scan.item", {"device": "x", "text": "SECRET"})
        return told

    kitchen, pos = till.run(heard(ApiScope.PRINT)), till.run(heard(ApiScope.SELL))
    assert ("scan." in kitchen, code in kitchen) == (False, False)
    assert (code in pos, "SECRET" in pos) == (True, False)


def test_a_new_pin_ends_the_sessions_and_a_weak_one_is_refused(till: ApiTill) -> None:
    manager, cashier = session(till, "900")["token"], session(till, "101")["token"]
    row = {"operator": "101", "name": "小王", "role": "cashier"}
    for weak in ("1", "1234", "0000", "123456"):
        problem(ask(till, "POST", "/v1/manage/operators", manager, {**row, "pin": weak}), 422, "PIN_WEAK", "pin")
    assert ask(till, "POST", "/v1/manage/operators", manager, {**row, "pin": "730184"}).status_code == 204
    problem(ask(till, "GET", "/v1/status", cashier), 401, "TOKEN_REFUSED")
    problem(sign_in(till, "101"), 403, "SIGN_IN_REFUSED")
    listed = checked(ask(till, "GET", "/v1/manage/operators", manager), OperatorList)["operators"]
    assert [one["operator"] for one in listed] == ["101", "900"]
    till.run(till.world.agent.people.put("101", "小王", Role.CASHIER, PIN))


def test_somebody_removed_is_out(till: ApiTill) -> None:
    manager = session(till, "900")["token"]
    till.run(till.world.agent.people.put("205", "实习生", Role.CASHIER, PIN))
    gone = session(till, "205")["token"]
    assert ask(till, "DELETE", "/v1/manage/operators/205", manager).status_code == 204
    problem(ask(till, "GET", "/v1/status", gone), 401, "TOKEN_REFUSED")
    problem(sign_in(till, "205"), 403, "SIGN_IN_REFUSED")
    problem(ask(till, "DELETE", "/v1/manage/operators/205", manager), 404, "OPERATOR_UNKNOWN")


def test_a_program_is_paired_with_less_and_revoked_from_the_page(till: ApiTill) -> None:
    manager = session(till, "900")["token"]
    opened = checked(ask(till, "POST", "/v1/manage/pairing-codes", manager, {"scopes": ["print"]}), PairingCode)
    paired = ask(till, "POST", "/v1/pair", body={"code": opened["code"], "app": "kitchen"}).json()
    assert paired["scopes"] == ["print"]
    token = paired["token"]
    assert ask(till, "GET", "/v1/print-jobs", token).status_code == 200
    assert ask(till, "GET", "/v1/status", token).status_code == 200
    for method, path, scope in (
        ("POST", "/v1/quotes", "sell"),
        ("POST", "/v1/drawer/open", "drawer"),
        ("GET", "/v1/manage/tokens", "manage"),
    ):
        refused = problem(ask(till, method, path, token, {} if method == "POST" else None), 403, "SCOPE_REFUSED")
        assert scope in refused["title"]
    rows = checked(ask(till, "GET", "/v1/manage/tokens", manager), TokenList)["tokens"]
    (kitchen,) = [one for one in rows if one["app"] == "kitchen"]
    assert ask(till, "DELETE", f"/v1/manage/tokens/{kitchen['token_id']}", manager).status_code == 204
    problem(ask(till, "GET", "/v1/print-jobs", token), 401, "TOKEN_REFUSED")
    problem(ask(till, "DELETE", f"/v1/manage/tokens/{kitchen['token_id']}", manager), 404, "TOKEN_UNKNOWN")
