"""Draws the pictures of docs/console.md anew: `python -m tests.console_screens`."""

import json
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from sync.hq.db.seam import Connection
from sync.wechat import bill
from tests.browser import chromium
from tests.console_world import BILL, BILL_DAY, PASSWORD, ServedHq, served_hq, troubled_store, wechat_trouble
from tests.unit.test_hq_world import BRAND, NOW_MS, RULES
from tests.unit.wechat_bills import MCH

FOLDER = Path(__file__).parents[1] / "docs" / "screens"
STREETS = ("春熙路", "玉林", "建设路", "锦里", "天府广场", "牛市口", "双楠", "武侯祠", "九眼桥", "宽窄巷子")


def _chain_of_stores(connection: Connection) -> None:
    """What a chain on an ordinary morning looks like: nearly all is well."""
    rows = []
    for n in range(118):
        level = 3 if n in (4, 40) else 2 if n % 23 == 5 else 1 if n % 17 == 3 else 0
        row = {"id": f"S{n + 3:03d}", "brand": BRAND, "name": f"{STREETS[n % 10]}{n // 10 + 1}店", "level": level}
        row |= {
            "trouble": level * 1_000_000 + (n if level else 0),
            "at": NOW_MS - n % 50 * 60_000 - (level == 1) * 9_000_000,
        }
        row |= {
            "proof": "different" if level == 3 else "equal",
            "suspended": int(level == 2),
            "found": 2 * (level == 3),
        }
        rows.append(row)
    connection.executemany(
        "INSERT INTO store_standings (store_id, brand_id, store_name, stations, level, trouble, proof_ms, proof,"
        " silent, waiting, suspended, forks, discrepancies, differences, leases, stranded, risk_fen, risk_points)"
        " VALUES (:id, :brand, :name, 1, :level, :trouble, :at, :proof, 0, 0, :suspended, 0, :found, 0, 0, 0, 0, 0)",
        rows,
    )


def _draw(page: Page, served: ServedHq) -> None:
    page.goto(f"{served.url}/console/")
    page.fill("#name", "老板")
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".cell")
    page.screenshot(path=FOLDER / "console-stores.png")
    page.goto(f"{served.url}/console/#store/S1")
    page.wait_for_selector("#forks table")
    page.locator("#page").screenshot(path=FOLDER / "console-store.png")
    page.goto(f"{served.url}/console/#rules")
    page.wait_for_selector("#draft")
    draft = {**RULES, "version": 2, "member_day": 40, "join_tier_id": "nobody"}
    page.fill("#draft", json.dumps(draft, ensure_ascii=False, indent=1))
    page.locator("#rules button", has_text="检查").click()
    page.wait_for_selector("#checked table")
    page.locator("#rules").screenshot(path=FOLDER / "console-rules.png")


def main() -> None:
    """Serve, draw, check that the pictures stay small."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served_hq(Path(folder)) as served, chromium() as browser:
        till = served.run(troubled_store(served.hq, served.clock, served.members))
        served.run(served.hq.parts.books.write(_chain_of_stores))
        page = browser.new_page(locale="zh-CN", viewport={"width": 1200, "height": 740})
        _draw(page, served)
        served.run(wechat_trouble(served.hq, till, served.clock))
        served.run(served.hq.wechat.office.compare(MCH, BILL_DAY, bill.read(BILL)))
        page.set_viewport_size({"width": 1200, "height": 1100})
        page.goto(f"{served.url}/console/#wechat")
        page.wait_for_selector("#wechat-differences table")
        page.screenshot(path=FOLDER / "console-wechat.png")
    for picture in sorted(FOLDER.glob("console-*.png")):
        size = picture.stat().st_size
        print(f"{picture.name} {size // 1000} kB")
        assert size <= 150_000


if __name__ == "__main__":
    main()
