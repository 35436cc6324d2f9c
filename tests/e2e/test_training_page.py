"""A manager begins and ends a training in a real Chromium, with a cashier's page open beside; the till is a process."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from agent.words.machine import MACHINE
from agent.words.pages import SCREEN
from agent.words.training import TRAINING
from tests.browser import chromium
from tests.process_world import ProcessWorld

pytestmark = pytest.mark.system("chromium")
PIN = "482913"
BACK_MS = 60_000
SECONDS = 100
T = TypeVar("T")


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def say(key: str) -> str:
    return {**SCREEN, **TRAINING}[key][0]


def test_a_manager_begins_and_ends_a_training_and_the_pages_follow(tmp_path: Path, browser: Browser) -> None:
    with beside() as run:
        world = ProcessWorld(tmp_path)
        run(world.__aenter__())
        try:
            till = run(world.run())
            story(browser, f"http://127.0.0.1:{world.api_port}", world.token)
            assert run(till.stop()) == 0
            assert len(world.booked()) == 1, "the practice sale is nowhere"
        finally:
            run(world.__aexit__())


@contextmanager
def beside() -> Iterator[Callable[[Coroutine[Any, Any, T]], T]]:
    """A loop in a thread of its own: playwright's synchronous side has one in this."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="till")
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(SECONDS)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def story(browser: Browser, url: str, token: str) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False) as pos:
        for operator, role in (("900", "manager"), ("101", "cashier")):
            body = {"operator": operator, "name": operator, "role": role, "pin": PIN, "by": "test"}
            assert pos.post("/v1/manage/operators", json=body).status_code == 204
    wrong: list[str] = []
    manager, cashier = (opened(browser, f"{url}{path}", who, wrong) for path, who in (("/manage", "900"), ("/", "101")))
    expect(manager.locator("#mode")).to_contain_text(say("mode_real"))
    expect(cashier.locator("#training")).to_be_hidden()

    scan(cashier)
    asked(manager, "training_begin")
    expect(manager.locator("#said.wrong")).to_have_text(MACHINE["MODE_BUSY"][0])
    paid(cashier)
    asked(manager, "training_begin", waiting=1)
    expect(manager.locator("#training")).to_be_visible(timeout=BACK_MS)
    expect(cashier.locator("#training")).to_have_text(say("training"), timeout=BACK_MS)
    expect(cashier.locator("#said")).to_have_text(say("now_training"), timeout=BACK_MS)
    expect(manager.locator("#mode")).to_contain_text(say("mode_held").replace("{count}", "1"), timeout=BACK_MS)

    scan(cashier)
    paid(cashier)
    asked(manager, "training_end", waiting=1)
    expect(cashier.locator("#training")).to_be_hidden(timeout=BACK_MS)
    expect(manager.locator("#training")).to_be_hidden(timeout=BACK_MS)
    expect(manager.locator("#mode h2 button")).to_have_text(say("training_begin"), timeout=BACK_MS)
    expect(manager.locator("#mode table tbody tr")).to_have_count(2)
    assert wrong == []


def opened(browser: Browser, url: str, operator: str, wrong: list[str]) -> Page:
    """A page somebody signed in on; its session lasts whatever is switched."""
    page = browser.new_context(viewport={"width": 1280, "height": 1000}).new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(url)
    page.fill("#operator", operator)
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")
    expect(page.locator("#who-am-i")).to_have_text(operator)
    return page


def scan(cashier: Page) -> None:
    """An article in the cart, priced."""
    cashier.locator("#input").fill("10001")
    cashier.keyboard.press("Enter")
    expect(cashier.locator("#total")).to_contain_text("19.80")


def paid(cashier: Page) -> None:
    """In cash, to the fen."""
    cashier.keyboard.press("F9")
    expect(cashier.locator("dialog")).to_be_visible()
    cashier.keyboard.press("Enter")
    expect(cashier.locator("#member")).to_contain_text(say("sold"))


def asked(manager: Page, key: str, waiting: int = 0) -> None:
    """The button, what it says will happen, and yes; `waiting` events are not at headquarters."""
    expect(manager.locator("#mode dl")).to_contain_text(f"{waiting} 笔")
    manager.locator("#mode h2 button", has_text=say(key)).click()
    told = manager.locator("dialog .told li")
    begins = ["training_books", "training_sends", "training_paper", "training_same"]
    for sentence in begins if key == "training_begin" else ["training_gone", "training_again"]:
        expect(told.filter(has_text=say(sentence))).to_have_count(1)
    waits = "training_waits" if key == "training_begin" else "training_then"
    words = say(waits).replace("{count}", str(waiting))
    expect(told.filter(has_text=words)).to_have_count(1 if waiting else 0)
    manager.locator("dialog button.main").click()
