"""WeChat at the console: a bill by upload, both sides of what differs, explained by name and reason. PostgreSQL too."""

from pathlib import Path
from typing import Any

import httpx

from sync.hq import wechat_accounts, wechat_checks
from sync.hq.wechat_accounts import Entry
from sync.hq.wechat_payments import Said
from sync.wechat.states import State
from tests.console_world import wechat_sales
from tests.unit.test_console_acts import API, Desk, at_desk, refused
from tests.unit.test_hq_world import query
from tests.unit.wechat_bills import MCH, SUB_MCH, bill, row

DAY = "2026-09-21"
PAID, OTHER, UNKNOWN = (f"420000123420260921000000000{n}" for n in (1, 2, 3))


async def merchant(desk: Desk) -> None:
    """A merchant with made-up keys; nothing is asked of WeChat here."""
    entry = Entry(MCH, "wx8888888888888888", True, "http://127.0.0.1:9", v2_key="192006250b4c09247ec02edce69f6a2d")
    await desk.hq.wechat.office.add(entry)


async def upload(desk: Desk, name: str, content: bytes, mch: str = MCH, day: str = DAY) -> httpx.Response:
    if name not in desk.sessions:
        desk.sessions[name] = await desk.token(name)
    headers = {"Authorization": f"Bearer {desk.sessions[name]}", "Content-Type": "text/csv"}
    return await desk.client.post(f"{API}/wechat/bills/{mch}/{day}", content=content, headers=headers)


async def page(desk: Desk, **look: str) -> dict[str, Any]:
    found = await desk.call("看看", "GET", f"/wechat?{httpx.QueryParams(look)}")
    assert found.status_code == 200, found.text
    shown: dict[str, Any] = found.json()
    return shown


def test_a_bill_by_upload_shows_what_is_missing_at_either_side_and_amounts(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await merchant(desk)
        await wechat_sales(desk.hq, desk.till, PAID, OTHER)
        content = bill(row(PAID, "12.81"), row(UNKNOWN, "3.00"))
        refused(await upload(desk, "看看", content), 403, "ROLE_REFUSED")
        done = await upload(desk, "阿强", content)
        assert done.status_code == 200, done.text
        assert {name: done.json()["report"][name] for name in ("payments", "booked", "differences")} == {
            "payments": 2, "booked": 2, "differences": 3,
        }  # fmt: skip
        found = await page(desk)
        sides = {one["code"]: (one["store"], one["hq"]) for one in found["differences"]}
        assert sides["BILL_AMOUNT_DIFFERS"][0][0] == ["yuan", "12.80"]
        assert sides["BILL_AMOUNT_DIFFERS"][1][:2] == [["state", "SUCCESS"], ["yuan", "12.81"]]
        assert sides["BILL_NOT_IN_BOOKS"][0] == [["missing", ""]]
        assert sides["BOOKS_NOT_IN_BILL"][1] == [["missing", ""]]
        assert (found["open"], found["troubled"]) == (3, 0)
        assert [(one["bill_day"], one["payments"], one["total_fen"]) for one in found["bills"]] == [(DAY, 2, 1581)]
        assert (await page(desk, day="2026-09-20"))["differences"] == []
        log = (await desk.call("看看", "GET", "/log")).json()["log"]
        entry = next(one for one in log if one["act"] == "wechat.bill")
        assert (entry["name"], entry["object"]) == ("阿强", f"{MCH} {DAY}")
        assert "3 differences" in entry["detail"]
        assert list((tmp_path / "uploads").iterdir()) == []

    at_desk(tmp_path, story)


def test_a_bill_that_cannot_be_read_or_is_anothers_is_refused_whole(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        refused(await upload(desk, "阿强", bill(row(PAID, "1.00"))), 404, "WECHAT_ACCOUNT_UNKNOWN")
        await merchant(desk)
        for content, day, status, code in (
            (b"hello", DAY, 422, "WECHAT_BILL_UNREADABLE"),
            (bill(row(PAID, "1.00"))[:-9], DAY, 422, "WECHAT_BILL_UNREADABLE"),
            (bill(row(PAID, "1.00", mch="1900000777")), DAY, 422, "WECHAT_BILL_OTHER"),
            (bill(row(PAID, "1.00")), "2026-09-22", 422, "WECHAT_BILL_OTHER"),
            (bill(row(PAID, "1.00")), "yesterday", 422, "WECHAT_DAY_INVALID"),
        ):
            refused(await upload(desk, "阿强", content, day=day), status, code)
        assert await query(desk.hq, "SELECT * FROM wechat_bill_rows") == []
        assert list((tmp_path / "uploads").iterdir()) == []

    at_desk(tmp_path, story)


def test_a_difference_is_explained_by_name_and_reason_and_is_open_again_when_it_changes(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await merchant(desk)
        await wechat_sales(desk.hq, desk.till, PAID)
        before = (await desk.store())["standing"]["discrepancies"]
        await upload(desk, "阿强", bill(row(PAID, "12.81")))
        assert (await desk.store())["standing"]["discrepancies"] == before + 1
        ask = {"mch_id": MCH, "transaction_id": PAID, "code": "BILL_AMOUNT_DIFFERS", "why": " "}
        refused(await desk.call("看看", "POST", "/wechat/explain", ask), 403, "ROLE_REFUSED")
        refused(await desk.call("阿强", "POST", "/wechat/explain", ask), 422, "REASON_NEEDED")
        missing = {**ask, "code": "BILL_REVERSED", "why": "x"}
        refused(await desk.call("阿强", "POST", "/wechat/explain", missing), 404, "DISCREPANCY_UNKNOWN")
        assert (await desk.call("阿强", "POST", "/wechat/explain", {**ask, "why": "一分钱抹零"})).json() == {}

        one = (await page(desk))["differences"][0]
        assert (one["state"], one["decision"]["name"], one["decision"]["why"]) == ("explained", "阿强", "一分钱抹零")
        assert (await page(desk))["open"] == 0
        assert await desk.hq.wechat.office.differences() == []
        store = await desk.store()
        assert store["standing"]["discrepancies"] == before
        assert [one["state"] for one in store["discrepancies"] if one["place"] == "wechat"] == ["explained"]
        log = (await desk.call("看看", "GET", "/log")).json()["log"][0]
        assert (log["name"], log["act"], log["why"]) == ("阿强", "wechat.explain", "一分钱抹零")
        assert "12.81" in log["detail"]

        await upload(desk, "阿强", bill(row(PAID, "12.81")))
        assert (await page(desk))["open"] == 0, "the same again stays explained"
        await upload(desk, "阿强", bill(row(PAID, "99.99")))
        one = (await page(desk))["differences"][0]
        assert (one["state"], one["decision"]["outdated"]) == ("open", True)
        assert (await desk.store())["standing"]["discrepancies"] == before + 1

    at_desk(tmp_path, story)


def test_what_wechat_itself_says_stands_on_the_stores_page_with_both_sides_once(tmp_path: Path) -> None:
    """A transaction has 28 digits: nobody may take it for the number of an event."""

    async def story(desk: Desk) -> None:
        await merchant(desk)
        await wechat_sales(desk.hq, desk.till, PAID)
        while await desk.hq.parts.books.write(lambda c: wechat_checks.prepare(c, 1)):
            pass
        check = (await desk.hq.parts.books.read(lambda c: wechat_checks.due(c, MCH, 2)))[-1]
        assert check.transaction_id == PAID
        said = Said(State.SUCCESS, 1281, SUB_MCH)
        await desk.hq.parts.books.write(lambda c: wechat_checks.conclude(c, check, said, 3))
        rows = [one for one in (await desk.store())["discrepancies"] if one["place"] == "wechat"]
        assert [(one["code"], one["state"]) for one in rows] == [("WECHAT_AMOUNT_DIFFERS", "open")]
        assert rows[0]["store"][0] == ["yuan", "12.80"]
        assert ["yuan", "12.81"] in rows[0]["hq"]
        counted = (await desk.store())["standing"]["discrepancies"]
        ask = {"mch_id": MCH, "transaction_id": PAID, "code": "WECHAT_AMOUNT_DIFFERS", "why": "asked"}
        await desk.call("阿强", "POST", "/wechat/explain", ask)
        assert (await desk.store())["standing"]["discrepancies"] == counted - 1
        audit = await query(desk.hq, "SELECT state FROM discrepancies WHERE place = 'wechat'")
        assert audit == [{"state": "explained"}]

    at_desk(tmp_path, story)


def test_an_account_that_wechat_refuses_is_seen(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await merchant(desk)
        now = desk.clock.now_ms()
        await desk.hq.parts.books.write(
            lambda c: wechat_accounts.note(c, MCH, "signature: SIGNERROR", now, now + 300_000)
        )
        found = await page(desk)
        account = found["accounts"][0]
        assert (account["trouble"], account["rests_until_ms"]) == ("signature: SIGNERROR", now + 300_000)
        assert (account["has_v2"], account["has_v3"], account["trusted"]) == (True, False, [])
        assert "192006250b4c09247ec02edce69f6a2d" not in str(found)
        assert (await desk.call("看看", "GET", "/overview")).json()["wechat"] == {"open": 0, "troubled": 1}
        desk.clock.at_ms += 300_001
        assert (await page(desk))["accounts"][0]["rests_until_ms"] == 0
        await merchant(desk)  # new keys
        assert (await page(desk))["troubled"] == 0

    at_desk(tmp_path, story)
