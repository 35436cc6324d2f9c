"""Members at the console: found one at a time and masked; what is personal is read with a reason, three a minute."""

from pathlib import Path

from tests.unit.test_console_acts import API, Desk, at_desk, refused
from tests.unit.test_hq_world import BRAND, query


def test_a_member_is_found_by_phone_or_number_masked_and_every_look_is_kept(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        file = tmp_path / "one.csv"
        head, one = "member_number,tier_id,points,phone,birthday", "300000000001,plain,0,13812345678,03-14"
        file.write_text(f"{head}\n{one}\n", encoding="utf-8")
        assert (await desk.hq.import_members(BRAND, file)).faults == []
        for code in ("13812345678", "+8613812345678", "300000000001"):
            found = await desk.call("阿强", "POST", "/members/find", {"brand_id": BRAND, "code": code})
            assert found.json()["member"]["masked"] == "138****5678"
            assert "03-14" not in found.text
            assert "13812345678" not in found.text
        nobody = {"brand_id": BRAND, "code": "13900000000"}
        refused(await desk.call("阿强", "POST", "/members/find", nobody), 404, "MEMBER_UNKNOWN")
        log = await query(desk.hq, "SELECT * FROM console_log WHERE act = 'member.look' ORDER BY number")
        assert [one["detail"] for one in log] == ["", "", "", "nobody"]
        assert len({one["object"] for one in log[:3]}) == 1
        assert "138" not in str([one["object"] for one in log])

    at_desk(tmp_path, story)


def test_the_fourth_read_in_the_clear_within_a_minute_is_refused_and_alarmed(tmp_path: Path) -> None:
    """S55, R16: refused reads count too, a person is a person with however many sessions, masked looks are free."""

    async def story(desk: Desk) -> None:
        file = tmp_path / "one.csv"
        head, one = "member_number,tier_id,points,birthday,wechat", "300000000001,plain,0,03-14,wxa:oOne;wxb:oTwo"
        file.write_text(f"{head}\n{one}\n", encoding="utf-8")
        assert (await desk.hq.import_members(BRAND, file)).faults == []
        by_number = {"brand_id": BRAND, "code": "300000000001"}
        member = (await desk.call("阿强", "POST", "/members/find", by_number)).json()["member"]["member_id"]
        ask = {"brand_id": BRAND, "member_id": member, "field": "birthday", "why": "they ask for their pack"}
        refused(await desk.call("看看", "POST", "/members/plain", ask), 403, "ROLE_REFUSED")
        refused(await desk.call("阿强", "POST", "/members/plain", {**ask, "why": ""}), 422, "REASON_NEEDED")
        refused(await desk.call("阿强", "POST", "/members/plain", {**ask, "member_id": "m_x"}), 404, "MEMBER_UNKNOWN")
        for name, values in (("birthday", ["03-14"]), ("wechat", ["wxa:oOne", "wxb:oTwo"]), ("birthday", ["03-14"])):
            done = await desk.call("阿强", "POST", "/members/plain", {**ask, "field": name})
            assert done.json() == {"values": values}
        desk.sessions["阿强"] = await desk.token("阿强")
        refused(await desk.call("阿强", "POST", "/members/plain", ask), 429, "PLAINTEXT_READS")
        assert (await desk.call("老板", "POST", "/members/plain", ask)).json() == {"values": ["03-14"]}
        assert (await desk.call("看看", "GET", "/overview")).json()["plain_refused"] == 1
        desk.clock.at_ms += 59_999
        refused(await desk.call("阿强", "POST", "/members/plain", ask), 429, "PLAINTEXT_READS")
        desk.clock.at_ms += 60_000
        assert (await desk.call("阿强", "POST", "/members/plain", ask)).status_code == 200
        log = await query(desk.hq, "SELECT * FROM console_log WHERE act LIKE 'member.plain%' ORDER BY number")
        assert [one["act"].removeprefix("member.plain") for one in log] == ["", "", "", ".refused", "", ".refused", ""]
        assert {(one["object"], one["why"]) for one in log} == {(member, "they ask for their pack")}
        assert not [one for one in log if "03-14" in str(one.values()) or "oOne" in str(one.values())]

    at_desk(tmp_path, story)


def test_an_import_says_where_nobody_could_check_the_tiers(tmp_path: Path) -> None:
    async def story(desk: Desk) -> None:
        await desk.hq.init_brand("new", "新", "")
        headers = {"Authorization": f"Bearer {await desk.token('老板')}", "Content-Type": "text/csv"}
        for brand, number, unchecked in (("new", 7, True), (BRAND, 8, False)):
            content = f"member_number,tier_id,points\n40000000000{number},plain,0\n"
            answer = await desk.client.post(f"{API}/imports/members?brand={brand}", content=content, headers=headers)
            report = answer.json()["report"]
            assert (report["created"], report["tiers_unchecked"]) == (1, unchecked)

    at_desk(tmp_path, story)
