"""WCAG 2.2 AA and English by configuration, of both pages in every state, as Chromium renders them.

Each offender is named with its state. The sizes are those of a counter's screen and of a small tablet.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.people import Role
from agent.wording import CHINESE, ENGLISH, screen_words
from drivers.simulated import Fault
from tests.api_till import CART, someone
from tests.browser import ServedTill, chromium, served_till
from tests.till_world import cash
from tests.wcag import Wcag

pytestmark = pytest.mark.system("chromium")
PIN = "482913"
PATIENCE_MS = 15_000
expect.set_options(timeout=PATIENCE_MS)
SIZES = {"zh": (1280, 800), "en": (1024, 600)}
"""English is longer: it has to fit the smaller screen."""
DATA = re.compile("老王|小王|金卡会员|蜀果鲜生 春熙路店")
"""Chinese that may stand on an English page: names of people, tiers, the shop. Goods and coupons have their places."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module", params=["zh", "en"])
def served(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[ServedTill]:
    extra = f'[workstation]\ntables = true\n[receipt]\nlanguage = "{request.param}"\n'
    with served_till(tmp_path_factory.mktemp("wcag"), extra=extra) as found:
        people = found.till.world.agent.people
        found.run(people.put("900", "老王", Role.MANAGER, PIN))
        found.run(people.put("101", "小王", Role.CASHIER, PIN))
        yield found


@pytest.fixture
def page(browser: Browser, served: ServedTill) -> Iterator[Page]:
    width, height = SIZES[served.till.world.settings.receipt.language]
    context = browser.new_context(viewport={"width": width, "height": height})
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


def words(served: ServedTill) -> dict[str, str]:
    return screen_words(CHINESE if served.till.world.settings.receipt.language == "zh" else ENGLISH)


def sign_in(page: Page, url: str, operator: str, wcag: Wcag) -> None:
    page.goto(url)
    expect(page.locator("#operator")).to_be_focused()
    wcag.look("sign-in")
    wcag.walk("sign-in")
    page.fill("#operator", operator)
    page.fill("#pin", "111111")
    page.keyboard.press("Enter")
    expect(page.locator(".sign-in .wrong")).not_to_be_empty()
    wcag.look("sign-in refused")
    page.evaluate("document.querySelector('.sign-in button').disabled = true")
    wcag.look("sign-in waiting")
    page.evaluate("document.querySelector('.sign-in button').disabled = false")
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")


def settle(page: Page, wcag: Wcag, state: str, served: ServedTill) -> None:
    wcag.look(state)
    if page.evaluate("!document.querySelector('#office') && document.documentElement.scrollHeight > innerHeight + 1"):
        wcag.offenders.append(f"{state}: the counter does not fit the screen")
    if served.till.world.settings.receipt.language == "en":
        wcag.offenders += [f"{state}: not English: {one}" for one in foreign(page)]


def foreign(page: Page) -> list[str]:
    """Chinese that stands on the page outside goods, coupons and the papers' names."""
    found: list[str] = page.evaluate(
        "[...document.body.querySelectorAll('*')].filter((el) => el.checkVisibility()"
        " && !el.closest('#cart .name, .coupons'))"
        ".flatMap((el) => [...el.childNodes].filter((one) => one.nodeType === 3).map((one) => one.data)"
        ".concat(['title', 'placeholder', 'aria-label', 'alt'].map((one) => el.getAttribute(one) ?? '')))"
    )
    return [one for one in found if re.search(r"[\u4e00-\u9fff]", DATA.sub("", one))]


def test_the_cashier_page_in_every_state(served: ServedTill, page: Page) -> None:
    world, said = served.till.world, words(served)
    wcag = Wcag(page)
    sign_in(page, served.url, "101", wcag)
    expect(page.locator("#chips .chip[data-name=line].up")).to_be_visible()
    settle(page, wcag, "counter", served)
    assert wcag.live()["total"] == "polite"
    assert wcag.live()["said"] == "assertive"
    for code in ("2*10001", "1536g*10008", "10009"):
        page.keyboard.type(code)
        page.keyboard.press("Enter")
    expect(page.locator("#cart tbody tr")).to_have_count(3)
    settle(page, wcag, "a stranger's cart", served)
    served.call(lambda: world.scanner.scan(someone("gold").number))
    expect(page.locator("#member .tier")).to_contain_text("88")
    expect(page.locator("#total .due dd")).to_be_visible()
    settle(page, wcag, "a member's cart", served)
    names = wcag.walk("a member's cart")
    assert names[0].startswith("button#sign-out")
    assert any(one.startswith("input#input") for one in names)
    page.locator("#input").focus()
    page.keyboard.type("nonsense")
    page.keyboard.press("Enter")
    expect(page.locator("#said.wrong")).not_to_be_empty()
    settle(page, wcag, "a refused article", served)
    page.evaluate("document.body.classList.add('busy')")
    settle(page, wcag, "being booked", served)
    page.evaluate("document.body.classList.remove('busy')")
    for key in ("F2", "F3", "F8", "F9", "F10", "F12"):
        page.keyboard.press(key)
        expect(page.locator("dialog")).to_be_visible()
        settle(page, wcag, f"dialog {key}", served)
        if key == "F9":
            page.keyboard.type("0.01")
            page.keyboard.press("Enter")
            expect(page.locator("dialog .wrong")).to_have_text(said["too_little"])
            settle(page, wcag, "dialog F9 refused", served)
            wcag.walk("dialog F9")
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
    verification(page, wcag, served)
    trouble(page, wcag, served)
    page.keyboard.press("F9")
    expect(page.locator("dialog input")).to_be_focused()
    page.keyboard.type("200")
    page.keyboard.press("Enter")
    expect(page.locator("#member h2")).to_have_text(said["sold"])
    settle(page, wcag, "sold", served)
    assert wcag.offenders == []
    assert (wcag.texts > 200, wcag.controls > 80) == (True, True)


def verification(page: Page, wcag: Wcag, served: ServedTill) -> None:
    """A member with a static code wants to spend: by PIN, by phone, and refused."""
    said = words(served)
    page.keyboard.press("F4")
    expect(page.locator("#verify-input")).to_be_focused()
    settle(page, wcag, "verify by PIN", served)
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    expect(page.locator("#verify .wrong")).to_have_text(said["verify_six"])
    settle(page, wcag, "verify refused", served)
    wcag.walk("verify by PIN")
    page.locator("#verify [data-to=phone]").press("Enter")
    expect(page.locator("#verify label")).to_have_text(said["verify_phone"])
    settle(page, wcag, "verify by phone", served)
    page.keyboard.type("123")
    page.keyboard.press("Enter")
    expect(page.locator("#verify .wrong")).to_have_text(said["code_PHONE_UNREADABLE"])
    settle(page, wcag, "verify by phone refused", served)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def trouble(page: Page, wcag: Wcag, served: ServedTill) -> None:
    """Chips of every kind, and training."""
    printer = served.till.world.printer
    served.call(lambda: setattr(printer, "fault", Fault.PAPER_OUT))
    page.evaluate(
        "for (const kind of ['unknown', 'down']) { const one = document.querySelector('#chips .chip').cloneNode(true);"
        " one.className = `chip ${kind}`; document.getElementById('chips').append(one); }"
        " document.getElementById('training').hidden = false"
    )
    settle(page, wcag, "trouble", served)
    served.call(lambda: setattr(printer, "fault", Fault.NONE))


async def sell(served: ServedTill) -> None:
    client = served.till.client
    quote = (await client.post("/v1/quotes", json={"lines": CART})).json()
    body = {"sale_id": served.till.fresh(), "quote_id": quote["quote_id"], "tenders": [cash(quote["due_fen"])]}
    assert (await client.post("/v1/sales", json=body)).status_code == 201


def test_the_manager_page_in_every_state(served: ServedTill, page: Page) -> None:
    said = words(served)
    wcag = Wcag(page)
    served.run(sell(served))
    sign_in(page, f"{served.url}/manage", "900", wcag)
    expect(page.locator("#today .figures")).to_be_visible()
    page.get_by_text(said["prove_now"]).click()
    expect(page.locator("#said")).to_have_text(said["proof_equal"])
    expect(page.locator("#print-jobs tbody tr").first).to_be_visible()
    settle(page, wcag, "office", served)
    wcag.walk("office")
    page.evaluate("document.querySelectorAll('#office section').forEach((one) => one.classList.add('alarm'))")
    page.evaluate("document.getElementById('said').className = 'wrong'")
    settle(page, wcag, "alarm", served)
    for opener in ("#operators h2 button", "#tokens h2 button", "#operators td button.danger", "#print-jobs td button"):
        page.locator(opener).first.click()
        expect(page.locator("dialog")).to_be_visible()
        settle(page, wcag, f"dialog {opener}", served)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
    page.locator("#operators h2 button").click()
    page.keyboard.press("Enter")
    expect(page.locator("dialog .wrong")).to_have_text(said["all_needed"])
    settle(page, wcag, "dialog refused", served)
    assert wcag.offenders == []
    assert (wcag.texts > 200, wcag.controls > 40) == (True, True)


def test_the_rules_have_teeth(browser: Browser, tmp_path: Path) -> None:
    """A page with one fault of each kind: every one is named."""
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><title> </title><style>button:focus{outline:none} .b{background:#333;color:#444}</style>"
        "<p style='color:#999;background:#fff'>pale</p><p class=b>dark</p><p style='opacity:.4'>faint</p>"
        "<button style='border:1px solid #ddd;background:#fff'></button><input placeholder=x><i id=a>a</i><i id=a>b</i>"
        "<div style='width:40px;overflow:hidden;white-space:nowrap'>a very long text in a narrow place</div>"
        "<a href='#' tabindex=4>far</a> <a href='#' tabindex=3>near</a>",
        encoding="utf-8",
    )
    page = browser.new_page()
    page.goto(bad.as_uri())
    wcag = Wcag(page)
    wcag.look("bad")
    wcag.walk("bad")
    page.close()
    text = "\n".join(wcag.offenders)
    for fault in (
        '"pale"', '"dark"', '"faint"', "edge", "no name: button", "no title", "no language", "id twice: a", "clipped",
        "tabindex 3", "focus cannot be seen on button", "target",
    ):  # fmt: skip
        assert fault in text, (fault, wcag.offenders)
