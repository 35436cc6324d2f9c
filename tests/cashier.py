"""What a cashier does at the page, and what the books say of it afterwards. For the cashier page's tests."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Page, expect

from agent.demo.world import DemoMember
from agent.words.pages import SCREEN
from sync.hq.service import HqService
from sync.hq.wechat_accounts import Entry
from sync.wechat.transport import Transport
from tests.api_till import someone
from tests.browser import PATIENCE_MS, ServedTill
from tests.wechat_stand_in import WechatStandIn

PIN = "482913"


async def introduced(hq: HqService, wechat: WechatStandIn) -> None:
    """HQ learns the merchant's keys, and where its WeChat is."""
    hq.wechat.calls._transport = Transport(verify=False)
    entry = Entry(
        wechat.mch_id, wechat.appid, True, wechat.url, v2_key=wechat.v2_key, v3_key=wechat.v3_key,
        serial=wechat.serial, private_key=wechat.merchant_pem,
    )  # fmt: skip
    await hq.wechat.office.add(entry)
    await hq.wechat.office.trust(wechat.mch_id, wechat.wechat_serial, wechat.wechat_pem)
    await hq.wechat.office.set_sub_appid(wechat.mch_id, wechat.sub_mch_id, wechat.sub_appid)


@contextmanager
def at_the_counter(browser: Browser, served: ServedTill) -> Iterator[Page]:
    """A page with a cashier signed in, on which no script fails."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    sign_in(page, served)
    yield page
    assert wrong == []
    context.close()


def kept(page: Page) -> str:
    """All that the page holds in places that outlive a call."""
    found: str = page.evaluate(
        "() => [document.documentElement.outerHTML, ...Object.values(localStorage), ...Object.values(sessionStorage),"
        " location.href, document.cookie, ...[...document.querySelectorAll('input, textarea')].map((one) => one.value)]"
        ".join(' ')"
    )
    return found


def sign_in(page: Page, served: ServedTill) -> None:
    page.goto(served.url)
    page.fill("#operator", "101")
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#input")).to_be_focused()
    expect(page.locator("#chips .chip[data-name=line].up")).to_be_visible()


def enter(page: Page, *codes: str) -> None:
    for code in codes:
        before = page.locator("#cart tbody tr").count()
        page.keyboard.type(code)
        page.keyboard.press("Enter")
        expect(page.locator("#cart tbody tr")).to_have_count(before + 1)
    expect(page.locator("#total .due dd")).to_be_visible()


def due(page: Page) -> str:
    return page.locator("#total .due dd").inner_text()


def pay_cash(page: Page, received: str = "") -> None:
    page.keyboard.press("F9")
    expect(page.locator("dialog input")).to_be_focused()
    if received:
        page.keyboard.type(received)
    page.keyboard.press("Enter")
    expect(page.locator("#member h2")).to_have_text(SCREEN["sold"][0])


def sales(served: ServedTill) -> int:
    return served.run(_sales(served))


async def _sales(served: ServedTill) -> int:
    store = served.till.world.agent.books._store
    row = await store.read(
        lambda connection: connection.execute("SELECT count(*) FROM events WHERE kind = 'sale'").fetchone()
    )
    return int(row[0])


async def told(served: ServedTill) -> int:
    """How many scans the event stream has told of, whoever listened."""
    store = served.till.world.agent.books._store
    row = await store.read(
        lambda connection: connection.execute("SELECT count(*) FROM notices WHERE kind = 'scan.item'").fetchone()
    )
    return int(row[0])


def last_sale(served: ServedTill) -> dict[str, Any]:
    async def read() -> str:
        store = served.till.world.agent.books._store
        row = await store.read(
            lambda connection: connection.execute(
                "SELECT body FROM events WHERE kind = 'sale' ORDER BY at_ms DESC, seq DESC LIMIT 1"
            ).fetchone()
        )
        return str(row["body"])

    body: dict[str, Any] = json.loads(served.run(read()))
    return body


def gold() -> DemoMember:
    return someone("gold")
