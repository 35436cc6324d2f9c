"""The manager page in a real Chromium: figures, proof, devices, people, pairing; destructive acts ask first."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from agent.people import Role
from agent.words.pages import SCREEN
from tests.api_till import CART
from tests.browser import ServedTill, chromium, served_till
from tests.till_world import cash

pytestmark = pytest.mark.system("chromium")
PIN = "482913"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedTill]:
    with served_till(tmp_path_factory.mktemp("manager")) as found:
        found.run(found.till.world.agent.people.put("900", "店长", Role.MANAGER, PIN))
        found.run(found.till.world.agent.people.put("101", "小王", Role.CASHIER, PIN))
        yield found


@pytest.fixture
def page(served: ServedTill, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(30_000)
    found = context.new_page()
    wrong: list[str] = []
    found.on("pageerror", lambda error: wrong.append(str(error)))
    sign_in(found, served, "900")
    expect(found.locator("#today .figures")).to_be_visible()
    yield found
    assert wrong == []
    context.close()


def sign_in(page: Page, served: ServedTill, operator: str) -> None:
    page.goto(f"{served.url}/manage")
    page.fill("#operator", operator)
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")


def say(key: str) -> str:
    return SCREEN[key][0]


async def sell(served: ServedTill) -> int:
    client = served.till.client
    quote = (await client.post("/v1/quotes", json={"lines": CART})).json()
    body = {"sale_id": served.till.fresh(), "quote_id": quote["quote_id"], "tenders": [cash(quote["due_fen"])]}
    assert (await client.post("/v1/sales", json=body)).status_code == 201
    return int(quote["due_fen"])


def test_a_cashier_does_not_get_in(served: ServedTill, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, served, "101")
    expect(page.locator(".sign-in .wrong")).to_have_text(say("not_allowed"))
    expect(page.locator("#office")).to_be_hidden()
    context.close()


def test_a_sale_and_a_proof_show_without_a_reload(page: Page, served: ServedTill) -> None:
    due = served.run(sell(served))
    expect(page.locator("#today")).to_contain_text(f"￥{due // 100}.{due % 100:02d}")
    page.get_by_text(say("prove_now")).click()
    expect(page.locator("#said")).to_have_text(say("proof_equal"))
    expect(page.locator("#proofs .proof.equal").first).to_be_visible()
    expect(page.locator("#proofs svg[role=img]")).to_have_attribute("aria-label", re.compile(say("proof_equal")))
    expect(page.locator("#print-jobs")).to_contain_text(say("job_receipt"))


def test_a_test_page_is_printed_and_a_copy_only_after_a_question(page: Page, served: ServedTill) -> None:
    printer = served.till.world.printer
    jobs = len(printer.jobs)
    page.get_by_text(say("test_page")).click()
    served.run(printer.wait_job(jobs + 1, timeout=30))
    row = page.locator("#print-jobs tr", has_text=say("job_test")).first
    expect(row).to_contain_text(say("state_confirmed"))
    row.get_by_text(say("reprint")).click()
    expect(page.locator("dialog h2")).to_have_text(say("reprint_title"))
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    row.get_by_text(say("reprint")).click()
    page.locator("dialog button.main").click()
    served.run(printer.wait_job(jobs + 2, timeout=30))


def test_an_operator_is_added_and_removed(page: Page) -> None:
    page.locator("#operators h2 button").click()
    for name, value in (("operator", "205"), ("name", "实习生"), ("role", "1"), ("pin", "1234")):
        page.fill(f"#ask-{name}", value)
    page.keyboard.press("Enter")
    expect(page.locator("#said.wrong")).to_contain_text("密码")
    page.locator("#operators h2 button").click()
    for name, value in (("operator", "205"), ("name", "实习生"), ("role", "1"), ("pin", "730184")):
        page.fill(f"#ask-{name}", value)
    page.keyboard.press("Enter")
    row = page.locator("#operators tr", has_text="205")
    expect(row).to_contain_text("实习生")
    row.get_by_text(say("remove"), exact=True).click()
    page.locator("dialog button.main").click()
    expect(row).to_have_count(0)


def test_a_program_is_paired_and_revoked(page: Page, served: ServedTill) -> None:
    page.locator("#tokens h2 button").click()
    title = page.locator("dialog h2").inner_text()
    code = "".join(char for char in title if char.isdigit())[:8]
    page.keyboard.press("Enter")

    async def pair() -> str:
        async with served.till.world.client() as stranger:
            answer = await stranger.post("/v1/pair", json={"code": code, "app": "厨房屏"})
            return str(answer.json()["token"])

    token = served.run(pair())
    page.get_by_text(say("prove_now")).click()
    row = page.locator("#tokens tr", has_text="厨房屏")
    expect(row).to_be_visible()
    row.get_by_text(say("revoke")).click()
    page.locator("dialog button.main").click()
    expect(row).to_have_count(0)

    async def status() -> int:
        async with served.till.world.client({"Authorization": f"Bearer {token}"}) as client:
            return (await client.get("/v1/status")).status_code

    assert served.run(status()) == 401


def test_a_button_stays_that_very_button_and_keeps_the_focus_as_sales_come(page: Page, served: ServedTill) -> None:
    served.run(sell(served))
    job = newest(served)
    mine = page.locator(f"#print-jobs tr[data-key={job}]").get_by_text(say("reprint"), exact=True)
    expect(mine).to_be_visible()
    pressed = page.get_by_text(say("also_explained"), exact=True).element_handle()
    assert pressed is not None
    mine.focus()
    served.run(sell(served))
    assert newest(served) != job
    expect(page.locator(f"#print-jobs tr[data-key={newest(served)}]")).to_be_visible()
    assert page.evaluate("document.activeElement.closest('tr')?.dataset.key") == job
    assert pressed.evaluate("button => button.isConnected")
    pressed.click()
    expect(page.get_by_text(say("only_open"), exact=True)).to_be_visible()


def newest(served: ServedTill) -> str:
    """The receipt queued last."""

    async def ask() -> str:
        jobs = (await served.till.client.get("/v1/print-jobs?limit=30")).json()["jobs"]
        return next(str(one["job_id"]) for one in jobs if one["kind"] == "receipt")

    return served.run(ask())
