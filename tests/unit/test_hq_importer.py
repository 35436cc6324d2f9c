"""Imports report every bad row, change nothing twice, and keep no identity in the clear."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from agent.cli.whole import app
from agent.domain.errors import Refusal
from sync.hq.csv_file import BadValue, fen
from sync.hq.importer import ImportReport
from sync.hq.service import HqService
from sync.protocol import Feed, ItemRow, MerchantRow, RulesRow
from tests.unit.test_hq_feeds import page
from tests.unit.test_hq_world import BRAND, RULES, STORE, Till, enrol, open_world, query, text_of

MEMBERS = """member_number,tier_id,points,phone,card_codes,wechat
100000000001,gold,120,13812348000,200000000001;300000000000000000000001,wxa:oAAA;wxb:oBBB
100000000002,plain,0,,,
VIP-7,plain,-20,+86 13900001111,,
"""
ITEMS = """sku,name,list_yuan,barcode,member_yuan,promo_yuan,no_member_discount,earns,by_weight,deleted
A1,乌龙茶,12.80,6901234567892,11.5,,0,1,0,0
B2,"糖, 大袋",0.05,,,,1,0,1,
"""


def in_hq(path: Path, story: Callable[[HqService], Awaitable[None]]) -> None:
    async def play() -> None:
        hq = await open_world(path / "hq")
        try:
            await enrol(hq, Till())
            await story(hq)
        finally:
            await hq.close()

    asyncio.run(play())


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    file = path / "file.csv"
    file.write_bytes(text.encode(encoding))
    return file


def reasons(report: ImportReport) -> dict[int, str]:
    return {fault.line: fault.reason for fault in report.faults}


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.bad


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_items_come_exact_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    async def story(hq: HqService) -> None:
        report = await hq.import_items(BRAND, write(tmp_path, ITEMS, encoding))
        assert (counts(report), report.rejected) == ((2, 0, 0, 0), False)
        tea, sugar = (await page(hq, Feed.ITEMS, 0)).rows
        assert tea == ItemRow(sku="A1", barcode="6901234567892", name="乌龙茶", list_fen=1280, member_fen=1150)
        assert sugar == ItemRow(
            sku="B2", barcode="", name="糖, 大袋", list_fen=5, no_member_discount=True, earns=False, by_weight=True
        )

    in_hq(tmp_path, story)


def test_importing_again_moves_only_what_changed(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        await hq.import_items(BRAND, write(tmp_path, ITEMS))
        assert counts(await hq.import_items(BRAND, write(tmp_path, ITEMS))) == (0, 0, 2, 0)
        assert (await page(hq, Feed.ITEMS, 0)).cursor == 2
        changed = ITEMS.replace("12.80", "13.00").replace("1,0,1,\n", "1,0,1,1\n")
        assert counts(await hq.import_items(BRAND, write(tmp_path, changed))) == (0, 2, 0, 0)
        tea, sugar = (await page(hq, Feed.ITEMS, 2)).rows
        assert isinstance(tea, ItemRow)
        assert isinstance(sugar, ItemRow)
        assert (tea.list_fen, sugar.deleted) == (1300, True)

    in_hq(tmp_path, story)


def test_every_bad_row_is_reported_and_nothing_is_written(tmp_path: Path) -> None:
    bad = (
        "sku,name,list_yuan,barcode\n"
        "A1,ok,1,111\n"
        "A2,x,1.005,\n"
        "A3,x,-1,\n"
        "A4,x,1e3,\n"
        "\n"
        'A5,"two\nlines",1,\n'
        "A1,again,1,\n"
        "A6,x,1,111\n"
        "A7,x,1\n"
        ",x,1,\n"
        "A8,,1,\n"
        "A9,x,99999999.99,\n"
        "A10,x,１２,\n"
    )

    async def story(hq: HqService) -> None:
        report = await hq.import_items(BRAND, write(tmp_path, bad))
        assert (report.rejected, report.bad, report.rows) == (True, 11, 12)
        assert sorted(reasons(report)) == [3, 4, 5, 7, 9, 10, 11, 12, 13, 14, 15]
        assert reasons(report)[3] == "list_yuan '1.005': write yuan like 12.80"
        assert reasons(report)[9] == "sku A1 is on line 2 already"
        assert reasons(report)[10] == "barcode 111 is on line 2 already"
        assert reasons(report)[11] == "has 3 cells, the header has 4"
        assert (await page(hq, Feed.ITEMS, 0)).rows == []
        kept = await hq.import_items(BRAND, write(tmp_path, bad), skip_bad=True)
        assert (kept.rejected, counts(kept)) == (False, (1, 0, 0, 11))

    in_hq(tmp_path, story)


def test_a_spreadsheets_rounding_is_called_by_its_name(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        rows = "member_number,tier_id,points,card_codes\n1,plain,0,3.00E+23\n2,plain,1.5,\n3,silver,0,\n"
        report = await hq.import_members(BRAND, write(tmp_path, rows))
        assert "format the column as text" in reasons(report)[2]
        assert "whole number" in reasons(report)[3]
        assert reasons(report)[4] == "tier_id 'silver' is not in the newest rule set"

    in_hq(tmp_path, story)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"sku,name\n", "CSV_HEADER"),
        (b"sku,name,list_yuan,colour\n", "CSV_HEADER"),
        (b"sku,name,list_yuan,sku\n", "CSV_HEADER"),
        (b"", "CSV_HEADER"),
        (b"\xff\xff\xff", "CSV_ENCODING"),
    ],
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path: Path, content: bytes, code: str) -> None:
    async def story(hq: HqService) -> None:
        file = tmp_path / "file.csv"
        file.write_bytes(content)
        with pytest.raises(Refusal) as refused:
            await hq.import_items(BRAND, file)
        assert refused.value.code == code
        with pytest.raises(Refusal, match="there is no brand"):
            await hq.import_items("nobrand", file)
        with pytest.raises(Refusal) as refused:
            await hq.import_items(BRAND, tmp_path / "absent.csv")
        assert refused.value.code == "CSV_UNREADABLE"

    in_hq(tmp_path, story)


def test_damaged_quoting_is_a_fault_of_its_line(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        report = await hq.import_items(BRAND, write(tmp_path, 'sku,name,list_yuan\nA,x,1\nB,"x"y,1\n'))
        assert (report.rejected, list(reasons(report))) == (True, [3])

    in_hq(tmp_path, story)


def test_members_are_found_by_number_card_and_wechat_and_keep_their_id(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        stages: list[tuple[str, int]] = []
        report = await hq.import_members(
            BRAND, write(tmp_path, MEMBERS), progress=lambda stage, rows: stages.append((stage, rows))
        )
        assert (counts(report), stages) == ((3, 0, 0, 0), [("check", 3), ("write", 3)])
        members = await query(hq, "SELECT member_id, tier_id, opening_points, masked FROM members ORDER BY feed_no")
        assert [tuple(row.values())[1:] for row in members] == [
            ("gold", 120, "138****8000"),
            ("plain", 0, "****0002"),
            ("plain", -20, "139****1111"),
        ]
        identities = await query(hq, "SELECT kind, member_id FROM identities WHERE kind <> 'phone'")
        assert [row["member_id"] for row in identities].count(members[0]["member_id"]) == 5
        assert len((await page(hq, Feed.IDENTITIES, 0)).rows) == 7

        again = await hq.import_members(BRAND, write(tmp_path, MEMBERS))
        assert counts(again) == (0, 0, 3, 0)
        changed = MEMBERS.replace("gold,120,13812348000,200000000001", "plain,130,13812349999,200000000009")
        assert counts(await hq.import_members(BRAND, write(tmp_path, changed))) == (0, 1, 2, 0)
        after = await query(hq, "SELECT member_id, masked FROM members ORDER BY feed_no DESC LIMIT 1")
        assert after == [{"member_id": members[0]["member_id"], "masked": "138****9999"}]
        phones = await query(hq, "SELECT count(*) AS n FROM identities WHERE kind = 'phone'")
        assert phones == [{"n": 2}]

    in_hq(tmp_path, story)


def test_nothing_identifies_a_member_in_the_files_of_hq(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        await hq.import_members(BRAND, write(tmp_path, MEMBERS))

    in_hq(tmp_path, story)
    stored = b"".join(file.read_bytes() for file in sorted((tmp_path / "hq").iterdir()))
    for secret in (b"100000000001", b"13812348000", b"200000000001", b"oAAA", b"VIP-7", b"3800001111"):
        assert secret not in stored


def test_what_belongs_to_somebody_else_is_a_bad_row(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        await hq.import_members(BRAND, write(tmp_path, MEMBERS))
        rows = (
            "member_number,tier_id,points,phone,card_codes,wechat\n"
            "9,plain,0,,200000000001,\n"
            "8,plain,0,13812348000,,\n"
            "7,plain,0,,,wxa:oAAA\n"
            "6,plain,0,,400000000001,\n"
            "5,plain,0,,400000000001,\n"
            "6,plain,0,,,\n"
        )
        report = await hq.import_members(BRAND, write(tmp_path, rows))
        assert reasons(report) == {
            2: "a card code belongs to another member",
            3: "the phone belongs to another member",
            4: "a WeChat identity belongs to another member",
            6: "a card code is on line 5 already",
            7: "member_number is on line 5 already",
        }

    in_hq(tmp_path, story)


def test_an_erased_number_may_join_again_as_somebody_new(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        await hq.import_members(BRAND, write(tmp_path, MEMBERS))
        [row] = await query(hq, "SELECT member_id FROM members WHERE tier_id = 'gold'")
        await hq.members.erase(BRAND, row["member_id"], "顾客", "申请")
        assert counts(await hq.import_members(BRAND, write(tmp_path, MEMBERS))) == (1, 0, 2, 0)
        gold = await query(hq, "SELECT member_id, status FROM members WHERE tier_id = 'gold' ORDER BY feed_no")
        assert [entry["status"] for entry in gold] == ["deleted", "active"]
        alive = await query(hq, "SELECT count(*) AS n FROM identities WHERE member_id = :id", id=gold[1]["member_id"])
        assert alive == [{"n": 6}]

    in_hq(tmp_path, story)


def test_merchants_belong_to_stores_of_the_brand(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        await hq.add_store(BRAND, "S2", "二号店")
        rows = "mch_id,sub_mch_id,store_id\n1900000001,1900000109,S1\n1900000001,1900000109,S2\n1900000002,,S1\n"
        assert counts(await hq.import_merchants(BRAND, write(tmp_path, rows))) == (3, 0, 0, 0)
        assert counts(await hq.import_merchants(BRAND, write(tmp_path, rows))) == (0, 0, 3, 0)
        first = (await page(hq, Feed.MERCHANTS, 0)).rows[0]
        assert first == MerchantRow(mch_id="1900000001", sub_mch_id="1900000109", brand_id=BRAND, store_id=STORE)
        report = await hq.import_merchants(BRAND, write(tmp_path, "mch_id,sub_mch_id,store_id\n1,2,S9\nx,2,S1\n"))
        assert reasons(report) == {2: "store S9 is not a store of brand tea", 3: "mch_id 'x': use digits"}

    in_hq(tmp_path, story)


def test_rules_are_immutable_and_only_go_up(tmp_path: Path) -> None:
    async def story(hq: HqService) -> None:
        assert not await hq.import_rules(BRAND, RULES)
        changed: dict[str, Any] = {**RULES, "member_day": 8}
        for body in (changed, {**RULES, "version": 0}, {**RULES, "join_tier_id": "x"}, {**RULES, "version": 1.5}):
            with pytest.raises(Refusal):
                await hq.import_rules(BRAND, body)
        file = tmp_path / "rules.json"
        file.write_text('{"version": 3, "join_tier_id": "n", "tiers": [{"tier_id": "n", "pay_rate_bps": 9500}]}')
        assert await hq.import_rules(BRAND, file)
        with pytest.raises(Refusal, match="published before"):
            await hq.import_rules(BRAND, {**changed, "version": 2})
        rows = (await page(hq, Feed.RULES, 0)).rows
        assert [row.version for row in rows if isinstance(row, RulesRow)] == [1, 3]
        for text in ("{", "[]", '{"version": 1.0}'):
            file.write_text(text)
            with pytest.raises(Refusal) as refused:
                await hq.import_rules(BRAND, file)
            assert refused.value.code == "RULES_INVALID"

    in_hq(tmp_path, story)


@pytest.mark.parametrize("text", ["", "1.", ".5", "1.234", "1,000", "¥1", "-1", "１", "1e2", "999999999"])
def test_yuan_is_exact_or_refused(text: str) -> None:
    with pytest.raises(BadValue):
        fen("list_yuan", text)


def test_members_before_any_rules_are_taken_with_a_warning_that_their_tiers_are_unchecked(tmp_path: Path) -> None:
    file = write(tmp_path, "member_number,tier_id,points\n100000000001,no-such-tier,5\n")

    def command(*words: str) -> Result:
        return CliRunner().invoke(app, ["hq", *words, "--data", str(tmp_path / "hq")])

    assert command("init", "shu", "蜀果").exit_code == 0
    done = command("import", "members", str(file), "--brand", "shu")
    assert (done.exit_code, done.stdout) == (0, "1 created, 0 updated, 0 unchanged, 0 bad\n")
    assert "warning: brand shu has no rules yet" in done.stderr
    rules = tmp_path / "rules.json"
    rules.write_text(text_of(RULES), encoding="utf-8")
    assert command("import", "rules", str(rules), "--brand", "shu").exit_code == 0
    done = command("import", "members", str(file), "--brand", "shu")
    assert (done.exit_code, "no rules yet" in done.stderr) == (1, False)
    assert "tier_id 'no-such-tier' is not in the newest rule set" in done.stdout
