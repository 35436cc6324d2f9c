"""WCAG 2.2 AA of HQ's console in the states that matter, as Chromium renders them; Chinese and English."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.console_browser import browser, served
from tests.console_world import PASSWORD, ServedHq
from tests.wcag import Wcag

__all__ = ["browser", "served"]
pytestmark = pytest.mark.system("chromium")
PATIENCE_MS = 15_000


@pytest.mark.parametrize("locale", ["zh-CN", "en-GB"])
def test_the_console_in_every_place(browser: Browser, served: ServedHq, locale: str) -> None:
    context = browser.new_context(viewport={"width": 1360, "height": 850}, locale=locale)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wcag = Wcag(page)
    page.goto(f"{served.url}/console/")
    expect(page.locator("#name")).to_be_focused(timeout=PATIENCE_MS)
    wcag.look("sign-in")
    wcag.walk("sign-in")
    page.fill("#name", "老板")
    page.fill("#password", "something else")
    page.keyboard.press("Enter")
    expect(page.locator(".sign-in .wrong")).not_to_be_empty(timeout=PATIENCE_MS)
    wcag.look("sign-in refused")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator(".cell").first).to_be_visible(timeout=PATIENCE_MS)
    wcag.look("stores")
    wcag.walk("stores")
    places = page.locator("#nav a").evaluate_all("(links) => links.map((one) => one.hash)")
    assert len(places) > 5
    for place in [*places, "#store/S1"]:
        go(page, served, place)
        wcag.look(place)
    wcag.walk("#store/S1")
    page.locator("#discrepancies tbody button").first.click()
    expect(page.locator("dialog")).to_be_visible(timeout=PATIENCE_MS)
    page.locator("dialog button.main").click()
    expect(page.locator("dialog .wrong")).not_to_be_empty(timeout=PATIENCE_MS)
    wcag.look("explain refused")
    context.close()
    assert wcag.offenders == []
    assert (wcag.texts > 300, wcag.controls > 60) == (True, True)


def go(page: Page, served: ServedHq, place: str) -> None:
    """Another place of the same page; its content has come when something stands under a heading."""
    page.goto(f"{served.url}/console/{place}")
    expect(page.locator("#page").locator("h2, .cell").first).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_load_state("networkidle")
