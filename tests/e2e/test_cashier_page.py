"""The cashier page in a real Chromium: sales by keyboard alone, with devices, with the cable out, over a restart."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.demo import world as chain
from agent.people import Role
from agent.wording import CHINESE, sentence
from agent.words.pages import SCREEN
from agent.words.training import TRAINING
from agent.words.verify import VERIFY
from drivers.simulated import Fault
from tests.browser import ServedTill, chromium, served_till
from tests.cashier import PIN, at_the_counter, due, enter, gold, introduced, kept, last_sale, pay_cash, sales, told
from tests.wechat_stand_in import WechatStandIn

pytestmark = pytest.mark.system("chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTill]:
    with served_till(tmp_path_factory.mktemp("cashier"), extra="[workstation]\ntables = true\n") as found:
        found.run(found.till.world.agent.people.put("101", "小王", Role.CASHIER, PIN))
        yield found


@pytest.fixture(scope="module")
def wechat(served: ServedTill) -> Iterator[WechatStandIn]:
    with WechatStandIn(
        mch_id=chain.MCH_ID, appid=chain.APPID, sub_mch_id=chain.SUB_MCH_ID, sub_appid=chain.SUB_APPID
    ) as stand_in:
        served.run(introduced(served.till.world.server.hq, stand_in))
        yield stand_in


@pytest.fixture
def page(served: ServedTill, browser: Browser) -> Iterator[Page]:
    with at_the_counter(browser, served) as found:
        yield found


def test_a_sale_by_member_code_scanned_and_typed_with_every_reason_on_screen(page: Page, served: ServedTill) -> None:
    before = sales(served)
    served.call(lambda: served.till.world.scanner.scan(gold().number))
    expect(page.locator("#member .tier")).to_contain_text("88折")
    enter(page, "2*10001", "1536g*10008")
    assert due(page) == "￥50.52"
    expect(page.locator("#cart tbody tr").first).to_contain_text("金卡会员价")
    served.call(lambda: served.till.world.scanner.scan("6901028000031"))
    expect(page.locator("#cart tbody tr")).to_have_count(3)
    pay_cash(page, "100")
    expect(page.locator("#member")).to_contain_text("14.48")
    body = last_sale(served)
    assert (sales(served), body["totals"]["payable_fen"], body["operator"]) == (before + 1, 8552, "101")
    assert body["member"]["member_id"]
    expect(page.locator("#input")).to_be_focused()
    enter(page, "10007")  # the caret came back from the dialog too


def test_an_unknown_code_is_said_and_the_cart_stays(page: Page) -> None:
    enter(page, "10007")
    shown = due(page)
    page.keyboard.type("nonsense")
    page.keyboard.press("Enter")
    expect(page.locator("#said.wrong")).to_have_text("价目表里没有这个商品")
    assert (page.locator("#cart tbody tr").count(), due(page)) == (1, shown)
    page.keyboard.press("+")
    expect(page.locator("#cart tbody tr")).to_contain_text("×2")
    page.keyboard.press("Delete")
    expect(page.locator("#cart tbody tr")).to_have_count(0)


def test_a_stranger_who_pays_by_wechat_is_offered_to_join_on_screen(page: Page, served: ServedTill) -> None:
    enter(page, "2*10001")
    page.keyboard.press("F10")
    expect(page.locator("dialog textarea")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#member h2")).to_have_text(SCREEN["sold"][0])
    expect(page.locator("#member .join img")).to_be_visible()
    assert last_sale(served)["claim_sha256"]


def test_a_sale_by_wechats_result_earns_for_the_payer(page: Page, served: ServedTill) -> None:
    enter(page, "2*10001")
    _transaction, raw = served.call(lambda: served.till.wechat(3960, gold()))
    page.keyboard.press("F10")
    page.fill("dialog textarea", raw)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#member h2")).to_have_text(SCREEN["sold"][0])
    body = last_sale(served)
    assert (body["member"]["certainty"], body["totals"]["payable_fen"]) == ("payment", 3960)
    assert body["totals"]["points_earned"] > 0
    assert body["discrepancies"] == []


def test_a_payment_code_names_the_member_before_payment(
    page: Page, served: ServedTill, wechat: WechatStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R20: scanned before payment the code prices at the tier; the payment that follows books once, nothing differs."""
    monkeypatch.setattr("agent.payment_code.NETWORK_DEADLINE_MS", 10_000)  # a busy machine; the deadline has its tests
    code, payer = "134650061098828021", gold()
    wechat.codes[code] = (payer.openid, payer.sub_openid)
    before = sales(served)
    enter(page, "2*10001")
    assert due(page) == "￥39.60"
    served.call(lambda: served.till.world.scanner.scan(code))
    expect(page.locator("#member .tier")).to_contain_text("88折")
    expect(page.locator("#member .certainty")).to_have_text(SCREEN["certainty_payment_code"][0])
    expect(page.locator("#total .due dd")).to_have_text("￥34.84")
    _transaction, raw = served.call(lambda: served.till.wechat(3484, payer))
    page.keyboard.press("F10")
    page.fill("dialog textarea", raw)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#member h2")).to_have_text(SCREEN["sold"][0])
    body = last_sale(served)
    assert (sales(served), body["totals"]["payable_fen"], body["discrepancies"]) == (before + 1, 3484, [])


def test_a_phone_number_is_typed_where_a_member_code_is_and_left_nowhere(
    page: Page, served: ServedTill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.phone_lookup.NETWORK_DEADLINE_MS", 10_000)  # a busy machine; the deadline has its tests
    number = gold().phone
    spoken = f"+86 {number[:3]}-{number[3:7]} {number[7:]}"

    def typed(text: str) -> None:
        page.keyboard.press("F2")
        expect(page.locator("dialog label")).to_have_text(SCREEN["member_code"][0])
        page.keyboard.type(text)
        page.keyboard.press("Enter")
        expect(page.locator("dialog")).to_have_count(0)

    enter(page, "2*10001")
    typed("19900000000")
    expect(page.locator("#said.wrong")).to_have_text("没有找到该会员，可请顾客扫码入会")
    served.run(served.till.world.cable.pull())
    try:
        typed(number)
        expect(page.locator("#said.wrong")).to_have_text(sentence("PHONE_NEEDS_NETWORK", CHINESE))
    finally:
        served.run(served.till.world.cable.plug())
    typed(spoken)
    expect(page.locator("#member .tier")).to_contain_text("88折")
    expect(page.locator("#total .due dd")).to_have_text("￥34.84")
    held = kept(page)
    assert f"{number[:3]}****{number[-4:]}" in held, "masked, it may stand there"
    assert not [secret for secret in (number, spoken, number[3:], "19900000000") if secret in held]
    pay_cash(page)
    body = last_sale(served)
    assert (body["member"]["by"], body["member"]["certainty"]) == ("phone", "code")


def test_a_double_click_on_pay_books_once(page: Page, served: ServedTill) -> None:
    before = sales(served)
    enter(page, "10007")
    page.keyboard.press("F9")
    page.locator("dialog button.main").dblclick()
    expect(page.locator("#member h2")).to_have_text(SCREEN["sold"][0])
    page.keyboard.press("F9")
    page.keyboard.press("Enter")
    assert sales(served) == before + 1


def test_with_the_cable_out_a_member_is_served_and_the_page_says_so(page: Page, served: ServedTill) -> None:
    world = served.till.world
    before = sales(served)
    served.run(world.cable.pull())
    try:
        enter(page, "10007")
        served.call(world.agent.pusher.wake.set)
        served.call(lambda: world.scanner.scan(gold().number))
        expect(page.locator("#member .tier")).to_contain_text("88折")
        pay_cash(page)
        expect(page.locator("#chips .chip[data-name=hq].down")).to_be_visible(timeout=40_000)
    finally:
        served.run(world.cable.plug())
    assert sales(served) == before + 1
    expect(page.locator("#chips .chip[data-name=hq].up")).to_be_visible(timeout=40_000)


def test_paper_out_is_shown_and_the_receipt_comes_when_paper_is_back(page: Page, served: ServedTill) -> None:
    printer = served.till.world.printer
    jobs = len(printer.jobs)
    served.call(lambda: setattr(printer, "fault", Fault.PAPER_OUT))
    enter(page, "10007")
    pay_cash(page)
    expect(page.locator("#chips .chip[data-name^=printer].down")).to_be_visible(timeout=30_000)
    expect(page.locator("#chips .chip[data-name^=printer].down")).to_contain_text("打印纸用完了，请换纸")
    served.call(lambda: setattr(printer, "fault", Fault.NONE))
    expect(page.locator("#chips .chip[data-name^=printer].up")).to_be_visible(timeout=60_000)
    served.run(printer.wait_job(jobs + 1, timeout=60))


def test_the_page_takes_up_its_line_after_the_agent_restarted_and_misses_nothing(
    page: Page, served: ServedTill
) -> None:
    enter(page, "10001")
    served.run(served.halt())
    expect(page.locator("#chips .chip[data-name=line].down")).to_be_visible(timeout=30_000)
    page.route("**/v1/events", lambda route: route.abort())  # what comes now finds nobody listening
    served.run(served.start_again())
    before = served.run(told(served))
    served.call(lambda: served.till.world.scanner.scan("6901028000031"))
    while served.run(told(served)) == before:
        pass  # the scanner is read by the till's own thread
    expect(page.locator("#chips .chip[data-name=line].down")).to_be_visible()
    assert page.locator("#cart tbody tr").count() == 1
    page.unroute("**/v1/events")
    expect(page.locator("#chips .chip[data-name=line].up")).to_be_visible(timeout=30_000)
    expect(page.locator("#cart tbody tr")).to_have_count(2)
    expect(page.locator("#cart")).to_contain_text("大樱桃")
    pay_cash(page)


def test_table_numbers_where_the_shop_uses_them(page: Page) -> None:
    page.keyboard.press("F8")
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    expect(page.locator("#table")).to_have_text("桌号 12")


def test_signing_out_leaves_nothing_and_asks_again(page: Page) -> None:
    enter(page, "10007")
    page.locator("#sign-out").click()
    expect(page.locator("#operator")).to_be_focused()
    expect(page.locator("#counter")).to_be_hidden()
    page.fill("#operator", "101")
    page.fill("#pin", "111111")
    page.keyboard.press("Enter")
    expect(page.locator(".sign-in .wrong")).to_have_text("工号或密码不对")


def test_after_signing_in_again_a_scan_enters_the_cart_once(page: Page, served: ServedTill) -> None:
    scanner = served.till.world.scanner
    page.locator("#sign-out").click()
    served.call(lambda: scanner.scan("6901028000031"))
    expect(page.locator("#operator")).to_be_focused()
    page.fill("#operator", "101")
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#chips .chip[data-name=line].up")).to_be_visible()
    enter(page, "10007")
    served.call(lambda: scanner.scan("6901028000017"))
    expect(page.locator("#cart tbody tr")).to_have_count(2)
    expect(page.locator("#cart tbody tr").last).to_contain_text("×1")
    expect(page.locator("#cart")).not_to_contain_text("大樱桃")


def test_scans_while_a_question_is_open_are_not_lost(page: Page, served: ServedTill) -> None:
    enter(page, "10007")
    page.keyboard.press("F8")
    expect(page.locator("dialog")).to_be_visible()
    served.call(lambda: served.till.world.scanner.scan("6901028000031"))
    expect(page.locator("#cart tbody tr")).to_have_count(2)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_every_word_the_pages_say_is_written() -> None:
    folder = Path("agent/web/static")
    said: set[str] = set()
    begun: set[str] = set()
    for one in folder.glob("*.js"):
        text = one.read_text(encoding="utf-8")
        said |= set(re.findall(r"\b(?:say|heading|act|fact|line)\('([A-Za-z_]+)'", text))
        begun |= set(re.findall(r"say\(`([a-z_]+)\$\{", text))
    words = {**SCREEN, **TRAINING, **VERIFY}
    assert said - set(words) == set()
    assert {one for one in begun if not any(key.startswith(one) for key in words)} == set()
