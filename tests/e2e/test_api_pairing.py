"""Pairing (pains 35, 36): a code read out once for a token that is kept, hashed at the till, and outlives restarts."""

from collections.abc import Iterator

import httpx
import pytest

from agent.api.answers import Paired, StatusView
from agent.db.tokens import token_hash
from agent.grants import VENDOR
from agent.limits import PAIRING_ATTEMPTS, PAIRING_CODE_TTL_S
from tests.api_till import ApiTill, checked, problem, running
from tests.state_files import found_in_files


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("pairing")) as found:
        yield found


def pair(till: ApiTill, code: str, **headers: str) -> httpx.Response:
    async def over_tcp() -> httpx.Response:
        async with till.world.client() as stranger:
            return await stranger.post("/v1/pair", json={"code": code, "app": "FreshMart POS 4.2"}, headers=headers)

    return till.run(over_tcp())


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 100_000_000:08d}"


def test_a_code_gives_one_token_once_that_is_stored_hashed_and_survives_a_restart(till: ApiTill) -> None:
    code = till.world.agent.pairing.new_code()
    answer = checked(pair(till, code), Paired)
    assert answer["app"] == "FreshMart POS 4.2"
    assert len(answer["token"]) == 43  # 32 random bytes
    problem(pair(till, code), 403, "PAIRING_REFUSED")
    assert answer["token"] not in (code, checked(pair(till, till.world.agent.pairing.new_code()), Paired)["token"])

    def status() -> httpx.Response:
        return till.run(till.client.get("/v1/status", headers={"Authorization": f"Bearer {answer['token']}"}))

    checked(status(), StatusView)
    assert found_in_files(till.world.folder / "till", [answer["token"], code]) == []
    held = till.run(till.world.agent.tokens.active())
    grant = held[token_hash(answer["token"])]
    assert (grant.app, grant.scopes) == ("FreshMart POS 4.2", VENDOR)
    till.reopen()
    checked(status(), StatusView)


def test_wrong_guesses_kill_the_code_before_chance_finds_it(till: ApiTill) -> None:
    code = till.world.agent.pairing.new_code()
    for _ in range(PAIRING_ATTEMPTS):
        problem(pair(till, wrong(code)), 403, "PAIRING_REFUSED")
    problem(pair(till, code), 403, "PAIRING_REFUSED")


def test_one_wrong_guess_is_forgiven_and_a_new_code_ends_the_one_before(till: ApiTill) -> None:
    first, second = till.world.agent.pairing.new_code(), till.world.agent.pairing.new_code()
    if first != second:  # one in a hundred million
        problem(pair(till, first), 403, "PAIRING_REFUSED")
    assert pair(till, second).status_code == 200


def test_without_an_open_code_or_after_its_time_nobody_pairs_whatever_the_wall_clock_says(till: ApiTill) -> None:
    problem(pair(till, "00000000"), 403, "PAIRING_REFUSED")
    code = till.world.agent.pairing.new_code()
    till.clock.ahead_s += PAIRING_CODE_TTL_S + 1
    problem(pair(till, code), 403, "PAIRING_REFUSED")


def test_a_web_page_cannot_pair_even_with_the_right_code(till: ApiTill) -> None:
    code = till.world.agent.pairing.new_code()
    problem(pair(till, code, Origin="https://evil.example.com"), 403, "ORIGIN_REFUSED")
    assert pair(till, code).status_code == 200
