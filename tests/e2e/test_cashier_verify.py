"""A member who shows only their static code is verified on the cashier page, by keyboard alone, and spends."""

import itertools
import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from agent.demo.world import BRAND
from agent.people import Role
from agent.wording import CHINESE, sentence
from agent.words.pages import SCREEN
from agent.words.verify import VERIFY
from tests.api_till import someone
from tests.browser import ServedTill, chromium, served_till
from tests.cashier import PIN, at_the_counter, due, enter, gold, kept, last_sale, pay_cash, sales, sign_in
from tests.sms_gateway import SmsGateway
from tests.spending_world import Rich, enrich, number

pytestmark = pytest.mark.system("chromium")
MEMBER_PIN, WRONG = "730518", "905371"
PLACES = itertools.count()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTill]:
    with served_till(tmp_path_factory.mktemp("verify-page")) as found:
        found.run(found.till.world.agent.people.put("101", "小王", Role.CASHIER, PIN))
        found.run(enrich(found.till))
        yield found


@pytest.fixture(autouse=True)
def a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadlines have their own tests; here an answer is wanted."""
    for module in ("verifying", "spending"):
        monkeypatch.setattr(f"agent.{module}.NETWORK_DEADLINE_MS", 10_000)
    monkeypatch.setattr("sync.hq.sms_gateways.SMS_SEND_S", 10)


@pytest.fixture(scope="module")
def counter(served: ServedTill, browser: Browser) -> Iterator[Page]:
    with at_the_counter(browser, served) as found:
        expect(found.locator("#chips .chip[data-name=hq]")).to_be_visible()
        yield found


@pytest.fixture
def page(counter: Page) -> Iterator[Page]:
    """The counter with nothing on it."""
    yield counter
    counter.keyboard.press("Escape")
    if counter.locator("#cart tbody tr").count():
        expect(counter.locator("dialog")).to_be_visible()
        counter.keyboard.press("Enter")
    expect(counter.locator("#cart .empty")).to_be_visible()
    expect(counter.locator("#member h2")).to_have_text(SCREEN["nobody"][0])


def known(served: ServedTill) -> Rich:
    """A member with a PIN whom nobody used before."""
    place = next(PLACES)
    who = Rich(number(place), place)
    served.run(served.till.world.server.hq.members.verifying.set_by_operator(BRAND, who.number, MEMBER_PIN))
    return who


def stands_there(page: Page, served: ServedTill, code: str) -> None:
    """Somebody with juice and a static code: 52.80 at the gold price."""
    enter(page, "4*10005")
    served.call(lambda: served.till.world.scanner.scan(code))
    expect(page.locator("#member .certainty")).to_have_text(SCREEN["certainty_code"][0])
    expect(page.locator("#total .due dd")).to_have_text("￥52.80")


def asked(page: Page, key: str, step: str = "pin") -> Locator:
    page.keyboard.press(key)
    field = page.locator("#verify-input")
    expect(field).to_be_focused()
    expect(page.locator("#verify label")).to_have_text(VERIFY[f"verify_{step}"][0])
    return field


def answered(page: Page, text: str) -> None:
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def refused(page: Page, code: str, count: int = 0) -> None:
    """The dialog stands, and says why."""
    why = sentence(code, CHINESE)
    said = VERIFY["verify_wrong"][0].format(why=why, count=count) if count else why
    expect(page.locator("#verify .wrong")).to_have_text(said)
    expect(page.locator("#verify-input")).to_be_focused()


def is_verified(page: Page) -> None:
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#member .certainty")).to_have_text(SCREEN["certainty_verified"][0])


def test_a_static_code_and_a_pin_let_points_be_spent(page: Page, served: ServedTill) -> None:
    who, before = known(served), sales(served)
    stands_there(page, served, who.number)
    field = asked(page, "F4")
    assert (field.get_attribute("type"), field.get_attribute("autocomplete")) == ("password", "off")
    answered(page, "7305")
    expect(page.locator("#verify .wrong")).to_have_text(VERIFY["verify_six"][0])
    for count in (1, 2):
        answered(page, WRONG)
        refused(page, "MEMBER_PIN_WRONG", count)
        expect(field).to_have_value("")
    served.run(served.till.world.cable.pull())
    try:
        answered(page, MEMBER_PIN)
        refused(page, "VERIFY_NEEDS_NETWORK")
        assert not [secret for secret in (MEMBER_PIN, WRONG) if secret in kept(page)]
    finally:
        served.run(served.till.world.cable.plug())
    answered(page, MEMBER_PIN)
    is_verified(page)
    expect(page.locator("#cart .reason").last).to_contain_text("1600 积分抵 16.00")
    expect(page.locator("#total .due dd")).to_have_text("￥36.80")
    assert not [secret for secret in (MEMBER_PIN, WRONG) if secret in kept(page)]
    pay_cash(page)
    body = last_sale(served)
    assert (body["member"]["certainty"], body["member"]["verified"]["how"]) == ("verified", "pin")
    assert (sum(line["points_used"] for line in body["lines"]), body["discrepancies"]) == (1600, [])
    assert sales(served) == before + 1
    run = served.run(served.till.world.agent.daemon.prove())
    assert (run.result, run.reason) == ("equal", "")


def test_once_verified_for_a_coupon_nobody_is_asked_again(page: Page, served: ServedTill) -> None:
    stands_there(page, served, known(served).number)
    page.keyboard.press("F3")
    expect(page.locator("dialog input")).to_be_focused()
    names = page.locator(".coupons li span").all_inner_texts()
    page.keyboard.type(str(names.index("满30减5元券") + 1))
    asked(page, "Enter")
    answered(page, MEMBER_PIN)
    is_verified(page)
    expect(page.locator("#total .due dd")).to_have_text("￥47.80")
    page.keyboard.press("F6")
    expect(page.locator("#total .due dd")).to_have_text("￥0.00")
    page.keyboard.press("F6")
    expect(page.locator("#total .due dd")).to_have_text("￥47.80")
    page.keyboard.press("F7")
    expect(page.locator("#total .due dd")).not_to_have_text("￥47.80")
    expect(page.locator("dialog")).to_have_count(0)


def test_whoever_is_locked_out_spends_nothing_and_a_dynamic_code_closes_the_dialog(
    page: Page, served: ServedTill
) -> None:
    who = known(served)
    stands_there(page, served, who.number)
    asked(page, "F6")
    for count in range(1, 6):
        answered(page, WRONG)
        refused(page, "MEMBER_PIN_WRONG", count)
    answered(page, MEMBER_PIN)
    refused(page, "MEMBER_PIN_LOCKED")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#input")).to_be_focused()
    expect(page.locator("#member .certainty")).to_have_text(SCREEN["certainty_code"][0])
    assert due(page) == "￥52.80"
    asked(page, "F7")
    code = served.run(served.till.world.server.hq.issue_dynamic_code(BRAND, who.number))
    served.call(lambda: served.till.world.scanner.scan(code))
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("#member .certainty")).to_have_text(SCREEN["certainty_dynamic"][0])


@pytest.fixture
def gateway(served: ServedTill) -> Iterator[SmsGateway]:
    found = SmsGateway()
    served.run(found.__aenter__())
    found.key = served.run(served.till.world.server.hq.members.sms.set_gateway(BRAND, found.url))
    yield found
    served.run(found.__aexit__())
    served.run(served.till.world.server.hq.members.sms.set_gateway(BRAND, ""))


def test_a_code_on_the_phone_serves_too(page: Page, served: ServedTill, gateway: SmsGateway) -> None:
    member = gold()
    stands_there(page, served, member.number)
    asked(page, "F4")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    asked(page, "Enter", "phone")
    answered(page, someone("silver").phone)
    refused(page, "PHONE_NOT_THEIRS")
    page.keyboard.press("Control+a")
    answered(page, f"{member.phone[:3]} {member.phone[3:7]} {member.phone[7:]}")
    expect(page.locator("#verify label")).to_have_text(VERIFY["verify_code"][0])
    expect(page.locator("#verify-input")).to_be_focused()
    assert member.phone[3:7] not in kept(page).replace(member.number, "")
    code = gateway.code(member.phone)
    answered(page, f"{(int(code) + 1) % 1_000_000:06d}")
    refused(page, "SMS_CODE_WRONG", 1)
    answered(page, code)
    is_verified(page)
    expect(page.locator("#total .due dd")).not_to_have_text("￥52.80")
    pay_cash(page)
    body = last_sale(served)
    assert (body["member"]["verified"]["how"], body["discrepancies"]) == ("sms", [])


def test_a_till_that_verifies_nobody_does_not_offer_it(page: Page, served: ServedTill) -> None:
    def without(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        told["capabilities"].remove("members.verify")
        route.fulfill(response=answer, body=json.dumps(told))

    page.route("**/v1/status", without)
    sign_in(page, served)
    stands_there(page, served, known(served).number)
    page.keyboard.press("F4")
    expect(page.locator("#said.wrong")).to_have_text(sentence("SPENDING_NEEDS_DYNAMIC_CODE", CHINESE))
    expect(page.locator("dialog")).to_have_count(0)
    page.unroute("**/v1/status")
