"""WeChat Pay at HQ's console in a real Chromium: a bill is checked by upload, what differs is explained."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.console_browser import browser, served
from tests.console_world import BILL, BILL_DAY, ServedHq
from tests.e2e.test_console import answer, last_log, row, signed_in, words
from tests.unit.wechat_bills import MCH

__all__ = ["browser", "served"]
pytestmark = pytest.mark.system("chromium")


def test_a_bill_is_checked_by_upload_and_its_differences_are_explained(
    browser: Browser, served: ServedHq, tmp_path: Path
) -> None:
    file = tmp_path / "bill.csv"
    file.write_bytes(b"no bill")
    with signed_in(browser, served, "阿强") as page:
        page.goto(f"{served.url}/console/#wechat")
        page.fill("#bill-day", BILL_DAY)
        page.set_input_files("#bill-file", file)
        page.locator("#wechat-bill button").click()
        expect(page.locator("#said")).to_contain_text("not a WeChat trade bill")
        file.write_bytes(BILL)
        page.set_input_files("#bill-file", file)
        page.locator("#wechat-bill button").click()
        expect(page.locator("#bill-result .wrong")).to_have_text(
            words("bill_differs", differences=3, payments=2, booked=2)
        )
        expect(page.locator("#wechat-differences")).to_have_class("alarm")
        expect(page.locator("#wechat-differences tbody > tr")).to_have_count(3)
        amount = page.locator("#wechat-differences tbody > tr", has_text="BILL_AMOUNT_DIFFERS")
        expect(amount).to_contain_text(words("code_BILL_AMOUNT_DIFFERS"))
        expect(amount.locator(".apart")).to_have_count(2)  # the amount, on both sides
        expect(amount.locator("td.side").first).to_contain_text("12.80")
        expect(amount.locator("td.side").last).to_contain_text("12.81")
        expect(row(page, "wechat-bills")).to_contain_text("￥15.81")
        amount.get_by_role("button", name=words("explain")).click()
        page.locator("dialog button.main").click()
        expect(page.locator("dialog .wrong")).to_have_text(words("why_needed"))
        answer(page, why="一分钱，已与门店核对")
        expect(amount).to_contain_text("一分钱，已与门店核对")
        expect(amount.get_by_role("button", name=words("explain"))).to_have_count(0)
        entry = last_log(served)
        assert (entry["name"], entry["act"], entry["why"]) == ("阿强", "wechat.explain", "一分钱，已与门店核对")

        page.goto(f"{served.url}/console/#store/S1")
        missing = page.locator("#discrepancies tbody > tr", has_text="BOOKS_NOT_IN_BILL")
        expect(missing.locator("td.side").last).to_contain_text(words("side_missing"))
        missing.get_by_role("button", name=words("explain")).click()
        answer(page, why="半夜的单，在次日账单里")
        expect(missing).to_contain_text("阿强")
        page.goto(f"{served.url}/console/#wechat")
        expect(page.locator("#wechat-differences button")).to_have_count(1)


def test_what_is_personal_is_read_with_a_reason_and_not_too_often(browser: Browser, served: ServedHq) -> None:
    """S55: the fourth read within a minute is refused, and stands above the stores."""
    with signed_in(browser, served, "阿强") as page:
        page.goto(f"{served.url}/console/#members")
        page.fill("#member-code", served.members[0])
        page.keyboard.press("Enter")
        for _ in range(3):
            page.get_by_role("button", name=words("plain_birthday")).click()
            page.fill("#ask-why", "核对生日礼包")
            page.locator("dialog button.main").click()
            expect(page.locator("dialog .plain")).to_contain_text(words("nothing"))
            page.locator("dialog button.main").click()
        page.get_by_role("button", name=words("plain_wechat")).click()
        answer(page, why="再看一次")
        expect(page.locator("#said")).to_contain_text(words("refused_PLAINTEXT_READS"))
        page.goto(f"{served.url}/console/#stores")
        page.locator("#of-reads a").click()
        told = words("act_member.plain.refused", who="阿强", object=served.members[0], detail=words("field_wechat"))
        expect(row(page, "log")).to_contain_text(told)


def test_a_merchant_whom_wechat_refuses_stands_above_the_stores_with_what_to_do(
    browser: Browser, served: ServedHq
) -> None:
    with signed_in(browser, served, "看看") as page:
        page.locator("#of-wechat a").click()
        account = page.locator("#wechat-accounts tbody > tr", has_text=MCH)
        expect(account).to_contain_text("signature: SIGNERROR")
        expect(account).to_contain_text(words("trouble_signature"))
        expect(account).to_contain_text(words("rests_until", at="").strip())
        expect(page.locator("#wechat-bill")).to_have_count(0)
        expect(page.locator("#wechat-differences button")).to_have_count(0)
