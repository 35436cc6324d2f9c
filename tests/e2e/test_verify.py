"""A member verified by PIN at the till: HQ checks it, then they spend as by a dynamic code; no PIN is left anywhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.api.answers_member import IdentificationView, SmsView
from agent.demo.world import BRAND
from agent.wording import CHINESE, SENTENCES
from sync.hq.bounds import SMS_CODE_S
from tests.api_till import checked, codes, problem, someone
from tests.sms_gateway import SmsGateway
from tests.spending_world import JUICE, POINTS, Rich, SpendingTill, spending
from tests.state_files import found_in_files
from tests.till_world import cash

PIN, WRONG = "482913", "905371"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("verify")


@pytest.fixture(scope="module")
def till(folder: Path) -> Iterator[SpendingTill]:
    with spending(folder) as found:
        yield found


@pytest.fixture(autouse=True)
def a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline has its own test; here an answer is wanted."""
    monkeypatch.setattr("agent.verifying.NETWORK_DEADLINE_MS", 10_000)


def known(till: SpendingTill) -> tuple[Rich, str]:
    """A member with a PIN, by their static code: who, and the identification."""
    who = till.rich()
    till.run(till.world.server.hq.members.verifying.set_by_operator(BRAND, who.number, PIN))
    return who, str(till.resolve(who.number)["identification_id"])


def ask(till: SpendingTill, identification_id: str, pin: str = PIN) -> httpx.Response:
    body = {"identification_id": identification_id, "pin": pin}
    return till.call("POST", "/v1/members/verify", body)


def verified(till: SpendingTill, identification_id: str) -> dict[str, Any]:
    return checked(ask(till, identification_id), IdentificationView)


async def unproven(till: SpendingTill) -> list[str]:
    rows = await till.world.server.hq._read(
        lambda c: c.execute("SELECT key FROM discrepancies WHERE code = 'VERIFICATION_UNPROVEN'").fetchall()
    )
    return [row["key"] for row in rows]


def test_a_verified_member_spends_and_hq_finds_its_own_word_in_the_sale(till: SpendingTill) -> None:
    who, static = known(till)
    asks: dict[str, Any] = {"coupons": [who.coupon("r5")], "points": 500, "stored_value": 3000, "cash": True}
    refused = till.call("POST", "/v1/quotes", {"lines": JUICE, "identification_id": static, **asks})
    problem(refused, 409, "SPENDING_NEEDS_DYNAMIC_CODE")
    seen = verified(till, static)
    assert (seen["by"], seen["certainty"], seen["may_price"], seen["may_spend"]) == (
        "member_code", "verified", True, True
    )  # fmt: skip
    assert seen["identification_id"] != static
    quote = till.quote(JUICE, seen["identification_id"], **asks)
    sale = till.sell([cash(1280)], quote_id=quote["quote_id"])
    assert (codes(sale), sale["certainty"], sale["collected_fen"]) == ([], "verified", 4280)
    said = till.event(sale)["member"]
    assert (said["certainty"], said["verified"]["how"]) == ("verified", "pin")
    assert set(said["verified"]) == {"how", "at_s", "nonce", "signature"}
    till.equal()
    assert till.run(unproven(till)) == []
    refused = till.call("POST", "/v1/quotes", {"lines": JUICE, "identification_id": static, "points": 100})
    problem(refused, 409, "SPENDING_NEEDS_DYNAMIC_CODE")


def test_a_count_card_is_used_by_whoever_was_verified(till: SpendingTill) -> None:
    who, static = known(till)
    body = {"use_id": till.fresh("use"), "identification_id": static, "units": 1}
    problem(till.call("POST", f"/v1/count-cards/{who.card}/use", body), 409, "SPENDING_NEEDS_DYNAMIC_CODE")
    body["identification_id"] = verified(till, static)["identification_id"]
    answer = till.call("POST", f"/v1/count-cards/{who.card}/use", body)
    assert answer.status_code == 201, answer.text


def test_whoever_was_recognised_by_a_payment_and_verified_pays_with_points_whatever_tender_follows(
    till: SpendingTill,
) -> None:
    gold = someone("gold")
    till.run(till.world.server.hq.members.verifying.set_by_operator(BRAND, gold.number, PIN))
    _, raw = till.wechat(100, gold)
    paid = till.paid(raw)
    seen = verified(till, paid["identification_id"])
    assert (seen["by"], seen["may_spend"]) == ("wechat_payment", True)
    assert till.paid(raw)["identification_id"] == paid["identification_id"], "the payment alone verifies nobody"
    quote = till.quote(JUICE, seen["identification_id"], points=100)
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])  # that payment is none of its tenders
    said = till.event(sale)
    assert (said["member"]["certainty"], said["member"]["verified"]["how"]) == ("verified", "pin")
    assert [one["amount"] for one in said["postings"] if one["account"] == "points" and one["amount"] < 0] == [-100]
    till.equal()
    assert till.run(unproven(till)) == []


def test_a_quote_held_for_a_verified_member_survives_a_restart_with_hqs_word(till: SpendingTill) -> None:
    _who, static = known(till)
    quote = till.quote(JUICE, verified(till, static)["identification_id"], points=500, hold=True)
    assert quote["held"] is True
    till.reopen()
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert (codes(sale), sale["certainty"]) == ([], "verified")
    assert till.event(sale)["member"]["verified"]["how"] == "pin"
    till.equal()
    assert till.run(unproven(till)) == []


def test_a_wrong_pin_spends_nothing_and_the_fifth_locks(till: SpendingTill) -> None:
    _who, static = known(till)
    for _ in range(5):
        said = problem(ask(till, static, WRONG), 409, "MEMBER_PIN_WRONG", "pin")
        assert WRONG not in str(said)
    problem(ask(till, static), 409, "MEMBER_PIN_LOCKED", "pin")
    stranger = till.rich()
    problem(ask(till, str(till.resolve(stranger.number)["identification_id"])), 409, "MEMBER_PIN_UNSET", "pin")


def test_what_cannot_be_verified(till: SpendingTill) -> None:
    _who, static = known(till)
    problem(ask(till, "idn_unknown"), 422, "IDENTIFICATION_EXPIRED", "identification_id")
    paid = till.paid(till.wechat(1980)[1])
    problem(ask(till, paid["identification_id"]), 422, "MEMBER_REQUIRED", "identification_id")
    for pin in ("48291", "4829130", "48291a", "４８２９１３", 482913, None):
        answer = till.call("POST", "/v1/members/verify", {"identification_id": static, "pin": pin})
        problem(answer, 422, "INVALID_REQUEST")
        assert str(pin) not in answer.text


def test_without_hq_nobody_is_verified_and_a_dynamic_code_still_serves(till: SpendingTill) -> None:
    who, static = known(till)
    code = till.code(who)
    till.run(till.world.cable.pull())
    try:
        said = problem(ask(till, static), 409, "VERIFY_NEEDS_NETWORK")
        assert said["detail"] == SENTENCES["VERIFY_NEEDS_NETWORK"][CHINESE]
        assert till.dynamic(who, code)["may_spend"] is True
        assert till.dynamic(who, till.code(who))["member"]["points"] == POINTS
    finally:
        till.run(till.world.cable.plug())


# --- a code on the phone --------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def gateway(till: SpendingTill) -> Iterator[SmsGateway]:
    found = SmsGateway()
    till.run(found.__aenter__())
    found.key = till.run(till.world.server.hq.members.sms.set_gateway(BRAND, found.url))
    yield found
    till.run(found.__aexit__())
    till.run(till.world.server.hq.members.sms.set_gateway(BRAND, ""))


def send(till: SpendingTill, identification_id: str, phone: str) -> httpx.Response:
    body = {"identification_id": identification_id, "phone": phone}
    return till.call("POST", "/v1/members/verify/sms", body)


def test_without_a_gateway_no_message_is_promised(till: SpendingTill) -> None:
    gold = someone("gold")
    static = str(till.resolve(gold.number)["identification_id"])
    problem(send(till, static, gold.phone), 409, "SMS_NOT_CONFIGURED")


def test_a_code_on_the_members_phone_lets_them_spend(
    till: SpendingTill, gateway: SmsGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.hq.sms_gateways.SMS_SEND_S", 10)  # its deadline has its own test
    gold, silver = someone("gold"), someone("silver")
    static = str(till.resolve(gold.number)["identification_id"])
    spaced = f"+86 {gold.phone[:3]} {gold.phone[3:7]} {gold.phone[7:]}"
    problem(send(till, static, "123"), 422, "PHONE_UNREADABLE", "phone")
    problem(send(till, "idn_unknown", gold.phone), 422, "IDENTIFICATION_EXPIRED", "identification_id")
    problem(send(till, static, silver.phone), 409, "PHONE_NOT_THEIRS", "phone")
    answer = checked(send(till, static, spaced), SmsView)
    assert 0 < answer["expires_in_s"] <= SMS_CODE_S
    problem(send(till, static, spaced), 409, "SMS_TOO_SOON")
    code = gateway.code(gold.phone)
    body = {"identification_id": static, "sms_code": f"{(int(code) + 1) % 1_000_000:06d}"}
    problem(till.call("POST", "/v1/members/verify", body), 409, "SMS_CODE_WRONG", "sms_code")
    body["sms_code"] = code
    seen = checked(till.call("POST", "/v1/members/verify", body), IdentificationView)
    assert (seen["certainty"], seen["may_spend"]) == ("verified", True)
    problem(till.call("POST", "/v1/members/verify", body), 409, "SMS_CODE_EXPIRED", "sms_code")
    problem(till.call("POST", "/v1/members/verify", body | {"pin": PIN}), 422, "INVALID_REQUEST")
    quote = till.quote(JUICE, seen["identification_id"], points=100)
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert till.event(sale)["member"]["verified"]["how"] == "sms"
    till.equal()
    assert till.run(unproven(till)) == []
    till.run(till.world.cable.pull())
    try:
        problem(send(till, static, gold.phone), 409, "VERIFY_NEEDS_NETWORK")
    finally:
        till.run(till.world.cable.plug())


def test_no_pin_reaches_a_file(till: SpendingTill, folder: Path) -> None:
    _who, static = known(till)
    seen = verified(till, static)
    ask(till, static, WRONG)
    gold = someone("gold")
    send(till, static, gold.phone)
    quote = till.quote(JUICE, seen["identification_id"], points=500)
    till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    till.run(till.world.agent.daemon.reconcile())
    quoted = [f'"{PIN}"', f'"{WRONG}"']  # bare, six digits may stand in any hash
    assert found_in_files(folder / "till", [*quoted, gold.phone]) == []
    assert found_in_files(folder / "till", ['"certainty":"verified"']), "the search must be able to find something"
    held = b"".join(path.read_bytes() for path in (folder / "hq").iterdir() if path.is_file())
    assert b"member_pins" in held
    assert not [one for one in (*quoted, gold.phone) if one.encode() in held]
