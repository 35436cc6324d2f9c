"""HQ's console in a real Chromium: who may do what, trouble seen first, and every act with a name and a reason."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from agent.wording import console_words
from sync.hq.db.seam import Connection
from tests.console_browser import browser
from tests.console_world import PASSWORD, ServedHq, served_hq, troubled_store
from tests.unit.test_hq_world import BRAND, RULES, query

__all__ = ["browser"]
pytestmark = pytest.mark.system("chromium")
PATIENCE_MS = 30_000
STORES = 10_000


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHq]:
    with served_hq(tmp_path_factory.mktemp("console")) as found:
        found.run(troubled_store(found.hq, found.clock, found.members))
        yield found


@contextmanager
def signed_in(browser: Browser, served: ServedHq, name: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1360, "height": 850}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    page.goto(f"{served.url}/console/")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("#who-am-i")).to_contain_text(name)
    yield page
    assert wrong == []
    context.close()


def words(key: str, **values: object) -> str:
    return console_words("zh-CN")[key].format(**values)


def answer(page: Page, **values: str) -> None:
    """Fill the dialog's fields and confirm."""
    for name, value in values.items():
        page.fill(f"#ask-{name}", value)
    page.locator("dialog button.main").click()
    expect(page.locator("dialog")).to_have_count(0)


def row(page: Page, section: str) -> Locator:
    return page.locator(f"#{section} tbody > tr").first


def balance(served: ServedHq, member: str) -> int:
    sql = "SELECT COALESCE(SUM(balance), 0) AS n FROM accounts WHERE member_id = :id AND account = 'points'"
    return int(served.run(query(served.hq, sql, id=member))[0]["n"])


def last_log(served: ServedHq) -> dict[str, object]:
    return served.run(query(served.hq, "SELECT * FROM console_log ORDER BY number DESC LIMIT 1"))[0]


def test_a_wrong_password_says_so_and_a_viewer_is_given_no_buttons(browser: Browser, served: ServedHq) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(f"{served.url}/console/")
    page.fill("#name", "看看")
    page.fill("#password", "something else")
    page.keyboard.press("Enter")
    expect(page.locator(".sign-in .wrong")).to_have_text(words("refused_SIGN_IN_REFUSED"))
    context.close()
    with signed_in(browser, served, "看看") as page:
        expect(page.locator("#nav a", has_text=words("nav_users"))).to_have_count(0)
        page.goto(f"{served.url}/console/#store/S1")  # a new address of the same page: the token stays
        expect(page.locator("#suspended tbody > tr")).to_have_count(1)
        for key in ("explain", "release", "take_other", "write_off"):
            expect(page.get_by_role("button", name=words(key), exact=True)).to_have_count(0)
        page.reload()
        expect(page.locator("#password")).to_be_visible()  # the token was in memory only


def test_trouble_stands_first_in_shape_colour_and_words(browser: Browser, served: ServedHq) -> None:
    with signed_in(browser, served, "看看") as page:
        cells = page.locator(".cell")
        expect(cells).to_have_count(2)
        expect(cells.first).to_have_class("cell l3")
        for part in (words("level_3"), words("what_forks", n=1), words("what_suspended", n=1), "S1"):
            expect(cells.first).to_contain_text(part)
        shape = cells.first.evaluate("(one) => getComputedStyle(one.querySelector('strong'), '::before').content")
        assert shape == '"✕"'
        expect(cells.last).to_have_class("cell l0")
        cells.first.focus()
        page.keyboard.press("ArrowRight")
        expect(cells.last).to_be_focused()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page.locator("#store h2")).to_contain_text("S1")
        expect(page.locator("#forks")).to_have_class("alarm")
        expect(row(page, "discrepancies").locator("td.side").first).to_contain_text("payable_fen 1380")
        expect(row(page, "discrepancies").locator("td.side").last).to_contain_text("￥12.80")
        expect(row(page, "forks").locator(".apart")).to_have_count(6)  # amount, points and digest, on both sides


def test_a_discrepancy_is_explained_with_name_and_reason_and_comes_back_when_it_changes(
    browser: Browser, served: ServedHq
) -> None:
    with signed_in(browser, served, "阿强") as page:
        page.goto(f"{served.url}/console/#store/S1")
        row(page, "discrepancies").get_by_role("button", name=words("explain")).click()
        page.locator("dialog button.main").click()
        expect(page.locator("dialog .wrong")).to_have_text(words("why_needed"))
        answer(page, why="店里改过价签，已核对")
        expect(row(page, "discrepancies")).to_contain_text("阿强")
        expect(row(page, "discrepancies")).to_contain_text("店里改过价签，已核对")
        expect(page.locator("#discrepancies")).not_to_have_class("alarm")
        entry = last_log(served)
        assert (entry["name"], entry["act"], entry["why"]) == ("阿强", "discrepancy.explain", "店里改过价签，已核对")


def test_a_suspended_event_is_released_by_hqs_own_postings(browser: Browser, served: ServedHq) -> None:
    member = served.members[1]
    before = balance(served, member)
    with signed_in(browser, served, "阿强") as page:
        page.goto(f"{served.url}/console/#store/S1")
        row(page, "suspended").get_by_role("button", name=words("look")).click()
        expect(page.locator("dialog pre")).to_contain_text('"transaction_id": "4200000001"')
        page.locator("dialog button.main").click()
        row(page, "suspended").get_by_role("button", name=words("release"), exact=True).click()
        answer(page, why="顾客确实付了两次")
        expect(row(page, "suspended")).to_contain_text(words("decision_released"))
    assert balance(served, member) - before == 25
    event = served.run(query(served.hq, "SELECT state FROM events WHERE workstation_id = 'S1-1' AND seq = 3"))
    assert event == [{"state": "suspended"}]  # as it came; its seal stays good


def test_of_a_fork_the_other_version_is_booked_as_the_difference(browser: Browser, served: ServedHq) -> None:
    member = served.members[0]
    before = balance(served, member)
    with signed_in(browser, served, "阿强") as page:
        page.goto(f"{served.url}/console/#store/S1")
        row(page, "forks").get_by_role("button", name=words("look")).click()
        expect(page.locator("dialog pre")).to_have_count(2)
        page.locator("dialog button.main").click()
        row(page, "forks").get_by_role("button", name=words("take_other"), exact=True).click()
        answer(page, why="小票在顾客手里")
        expect(row(page, "forks")).to_contain_text("阿强")  # the button says the same words as the decision
        expect(row(page, "forks")).to_contain_text(words("decision_other"))
    assert balance(served, member) - before == 40 - 12


def test_leases_are_written_off_by_typing_the_workstation(browser: Browser, served: ServedHq) -> None:
    with signed_in(browser, served, "阿强") as page:
        page.goto(f"{served.url}/console/#store/S1")
        row(page, "leases").get_by_role("button").click()
        expect(page.locator("#ask-title")).to_contain_text(f"{words('account_points')} 2")
        page.fill("#ask-typed", "S1-2")
        page.fill("#ask-why", "机器被水淹了")
        page.locator("dialog button.main").click()
        expect(page.locator("dialog .wrong")).to_have_text(words("typed_wrong"))
        answer(page, typed="S1-1", why="机器被水淹了")
        expect(page.locator("#said")).to_have_text(words("written_off"))
        expect(page.locator("#leases tbody > tr")).to_have_count(0)
    assert served.run(query(served.hq, "SELECT amount FROM write_offs")) == [{"amount": 2}]


def test_a_bad_rule_set_is_refused_with_every_fault_and_a_good_one_is_the_next_version(
    browser: Browser, served: ServedHq
) -> None:
    bad = json.dumps(
        {**RULES, "version": 1, "join_tier_id": "nobody", "member_day": 40, "claim_window_h": 9.5}, indent=1
    )
    good = json.dumps({**RULES, "version": 2, "points_valid_months": 12}, ensure_ascii=False, indent=1)
    with signed_in(browser, served, "老板") as page:
        page.goto(f"{served.url}/console/#rules")
        page.fill("#draft", bad)
        page.get_by_role("button", name=words("publish"), exact=True).click()
        expect(page.locator("#checked > .wrong")).to_contain_text("处错误")
        fields = page.locator("#checked table").first.locator("tbody td:nth-child(2)").all_inner_texts()
        assert set(fields) >= {"version", "join_tier_id", "member_day", "claim_window_h"}
        expect(page.locator("#checked tbody td:first-child").first).to_have_text("2:2")
        page.locator("#checked tbody button").first.click()
        expect(page.locator("#draft")).to_be_focused()
        page.fill("#draft", good)
        page.get_by_role("button", name=words("check"), exact=True).click()
        expect(page.locator("#changes .plus", has_text="points_valid_months")).to_be_visible()
        page.get_by_role("button", name=words("publish"), exact=True).click()
        answer(page, why="积分一年有效")
        expect(page.locator("#said")).to_have_text(words("published", n=2))
        expect(row(page, "versions")).to_contain_text(words("in_force"))
    held = served.run(query(served.hq, "SELECT version FROM rule_sets ORDER BY version"))
    assert [one["version"] for one in held] == [1, 2]


def test_an_old_card_is_imported_all_faults_are_named_and_two_people_erase_its_member(
    browser: Browser, served: ServedHq, tmp_path: Path
) -> None:
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    head = "member_number,tier_id,points,card_codes\n"
    bad.write_text(f"{head}N1,plain,x,\nN2,nowhere,5,\n", encoding="utf-8")
    good.write_text(f"{head}N1,plain,70,880000000017\n", encoding="utf-8")
    with signed_in(browser, served, "老板") as page:
        page.goto(f"{served.url}/console/#members")
        page.set_input_files("#import-file", bad)
        page.locator("#imports button").click()
        expect(page.locator("#import-result tbody tr")).to_have_count(2)
        page.set_input_files("#import-file", good)
        page.locator("#imports button").click()
        expect(page.locator("#import-result .good")).to_contain_text("新增 1")
        page.fill("#member-code", "880000000017")
        page.keyboard.press("Enter")
        expect(page.locator("#member")).to_contain_text("70")
        page.get_by_role("button", name=words("erase")).click()
        answer(page, why="本人要求")
        page.goto(f"{served.url}/console/#erasures")
        row(page, "erasures").get_by_role("button", name=words("confirm")).click()
        page.locator("dialog button.main").click()
        expect(page.locator("#said")).to_contain_text(words("refused_SECOND_PERSON"))
    with signed_in(browser, served, "财务") as page:
        page.goto(f"{served.url}/console/#erasures")
        row(page, "erasures").get_by_role("button", name=words("confirm")).click()
        page.locator("dialog button.main").click()
        expect(row(page, "erasures")).to_contain_text("S1-1")  # which tills have not forgotten them yet
        page.goto(f"{served.url}/console/#log")
        [erased] = served.run(query(served.hq, "SELECT object FROM console_log WHERE act = 'erasure.confirm'"))
        told = words("act_erasure.confirm", who="财务", object=erased["object"])
        expect(page.locator("#log tbody tr").first).to_contain_text(told)
    kept = served.run(query(served.hq, "SELECT * FROM console_log"))
    assert "880000000017" not in json.dumps(kept, ensure_ascii=False)


def test_seals_are_downloaded(browser: Browser, served: ServedHq) -> None:
    with signed_in(browser, served, "看看") as page:
        page.goto(f"{served.url}/console/#seals")
        with page.expect_download() as waiting:
            page.get_by_role("button", name=words("download_csv")).click()
        lines = waiting.value.path().read_text(encoding="utf-8").splitlines()
        assert lines[0].startswith("number,workstation_id,epoch")
        assert any(",S2-1," in line for line in lines[1:])


def test_ten_thousand_stores_are_drawn_at_once(browser: Browser, served: ServedHq) -> None:
    """One page of the worst 500, found among all by one index; the figures of docs/console.md are of tests/long."""
    served.run(served.hq.parts.books.write(_many))
    with signed_in(browser, served, "看看") as page:
        page.evaluate("performance.mark('asked')")
        page.fill("#find", "M09")
        page.keyboard.press("Enter")
        expect(page.locator(".cell").first).to_contain_text("M09")
        drawn_ms = page.evaluate("performance.measure('drawn', 'asked').duration")
        expect(page.locator("#as-of")).to_contain_text(str(STORES + 2))
        assert drawn_ms < 5_000
        assert page.locator(".cell").count() <= 500
        page.select_option("#least", "3")
        expect(page.locator(".cell.l0")).to_have_count(0)


def _many(connection: Connection) -> None:
    names = (
        "silent",
        "waiting",
        "forks",
        "discrepancies",
        "differences",
        "leases",
        "stranded",
        "risk_fen",
        "risk_points",
    )
    nothing = dict.fromkeys(names, 0) | {
        "brand_id": BRAND,
        "stations": 1,
        "proof_ms": 1_790_000_000_000,
        "proof": "equal",
    }
    rows = []
    for n in range(STORES):
        level = n % 4
        row = {"store_id": f"M{n:05d}", "store_name": f"门店{n}", "level": level, "trouble": level * 1_000_000 + n}
        rows.append({**nothing, **row, "suspended": level})
    columns = list(rows[0])
    connection.executemany(
        f"INSERT INTO store_standings ({', '.join(columns)}) VALUES ({', '.join(':' + one for one in columns)})", rows
    )
