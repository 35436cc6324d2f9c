"""A phone number at the till: asked of HQ over real HTTP, prices and earns, spends nothing, and is left nowhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.api.answers_member import IdentificationView
from agent.wording import CHINESE, SENTENCES
from tests.api_till import CART, GOLD_FEN, ApiTill, checked, codes, problem, running, someone
from tests.state_files import found_in_files
from tests.till_world import cash


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("phone")


@pytest.fixture(scope="module")
def till(folder: Path) -> Iterator[ApiTill]:
    with running(folder) as found:
        yield found


@pytest.fixture(autouse=True)
def a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline has its own test; here an answer is wanted."""
    monkeypatch.setattr("agent.phone_lookup.NETWORK_DEADLINE_MS", 10_000)


def resolve(till: ApiTill, phone: str) -> httpx.Response:
    return till.call("POST", "/v1/members/resolve", {"phone": phone})


def shown(till: ApiTill, phone: str) -> dict[str, Any]:
    return checked(resolve(till, phone), IdentificationView)


def test_a_phone_number_prices_and_earns_and_spends_nothing(till: ApiTill) -> None:
    gold = someone("gold")
    who = shown(till, gold.phone)
    assert (who["by"], who["certainty"], who["may_price"], who["may_spend"]) == ("phone", "code", True, False)
    assert who["member"]["member_id"] == till.resolve(gold.number)["member"]["member_id"]
    assert gold.phone not in str(who)
    quote = till.quote(CART, who["identification_id"])
    assert [line["net_fen"] for line in quote["lines"]] == GOLD_FEN
    asked = {"lines": CART, "identification_id": who["identification_id"], "points": 100}
    problem(till.call("POST", "/v1/quotes", asked), 409, "SPENDING_NEEDS_DYNAMIC_CODE")
    sale = till.sell([cash(quote["payable_fen"])], quote_id=quote["quote_id"])
    assert codes(sale) == []
    assert (sale["certainty"], sale["points_earned"] > 0) == ("code", True)
    assert till.run(till.world.agent.daemon.reconcile())["equal"], "HQ reckons such a sale as the till did"
    spaced = f"+86 {gold.phone[:3]}-{gold.phone[3:7]} {gold.phone[7:]}"
    assert shown(till, spaced)["member"] == shown(till, gold.phone)["member"]


def test_what_names_nobody(till: ApiTill) -> None:
    problem(resolve(till, "19900000000"), 404, "MEMBER_UNKNOWN")
    for wrong in ("1381234", "+852 6123 4567", "abc"):
        problem(resolve(till, wrong), 422, "PHONE_UNREADABLE", "phone")
    for body in ({"phone": ""}, {"phone": "1" * 33}, {"phone": 13812345678}, {"phone": "13812345678", "code": "1"}):
        answer = till.call("POST", "/v1/members/resolve", body)
        problem(answer, 422, "INVALID_REQUEST")
        assert "13812345678" not in answer.text


def test_without_hq_the_till_says_what_to_ask_for_and_goes_on(till: ApiTill) -> None:
    gold = someone("gold")
    till.run(till.world.cable.pull())
    try:
        said = problem(resolve(till, gold.phone), 409, "PHONE_NEEDS_NETWORK", "phone")
        assert said["detail"] == SENTENCES["PHONE_NEEDS_NETWORK"][CHINESE]
        assert gold.phone not in str(said)
        assert till.resolve(gold.number)["certainty"] == "code"
    finally:
        till.run(till.world.cable.plug())


def test_no_phone_reaches_a_file(till: ApiTill, folder: Path) -> None:
    gold, silver = someone("gold"), someone("silver")
    who = shown(till, gold.phone)
    till.sell([cash(1742)], lines=[{"code": "10001"}], identification_id=who["identification_id"])
    shown(till, silver.phone)
    resolve(till, "19900000001")
    till.run(till.world.agent.daemon.reconcile())
    secrets = [gold.phone, silver.phone, "19900000001"]
    assert found_in_files(folder / "till", secrets) == []
    assert found_in_files(folder / "till", ['"phone"']), "the event says how somebody was named"
    held = b"".join(path.read_bytes() for path in (folder / "hq").iterdir() if path.is_file())
    assert b"hourly_asks" in held
    assert not [secret for secret in secrets if secret.encode() in held]


def test_a_till_that_asks_too_often_hears_it_until_the_hour_is_over(till: ApiTill) -> None:
    gold = someone("gold")
    for _ in range(2):  # an hour may end while this runs; two do not
        answer = _after_much_asking(till, gold.phone)
        if answer.status_code != 200:
            break
    problem(answer, 409, "PHONE_TRIED_TOO_OFTEN", "phone")


def _after_much_asking(till: ApiTill, phone: str) -> httpx.Response:
    shown(till, phone)
    till.run(till.world.server.hq._write(lambda c: c.execute("UPDATE hourly_asks SET spent = 1000")))
    return resolve(till, phone)
