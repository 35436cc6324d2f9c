"""Asked of HQ about WeChat: notifications (G.3 negatives), and whose payment code it is, over HQ's HTTP face."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync.hq.app import create_app
from tests.unit import hq_wechat_world
from tests.unit.hq_wechat_world import BRAND, PAID, WechatWorld, entry_of, play
from tests.unit.test_hq_world import query
from tests.unit.wechat_world import CODE
from tests.wechat_stand_in import WechatStandIn

wechat_server, wechat = hq_wechat_world.wechat_server, hq_wechat_world.wechat


def face(world: WechatWorld) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(world.hq))
    return httpx.AsyncClient(transport=transport, base_url="http://hq.test")


async def tell(world: WechatWorld, body: bytes, headers: dict[str, str] | None = None, mch: str = "") -> httpx.Response:
    held = world.wechat.headers(body) if headers is None else headers
    async with face(world) as client:
        return await client.post(f"/v1/wechat/notify/{mch or world.wechat.mch_id}", content=body, headers=held)


async def stored(world: WechatWorld) -> tuple[int, int]:
    notices = await query(world.hq, "SELECT COUNT(*) AS n FROM wechat_notices")
    payments = await query(world.hq, "SELECT COUNT(*) AS n FROM wechat_payments")
    return notices[0]["n"], payments[0]["n"]


# --- notifications --------------------------------------------------------------------------------------------------
def test_a_notification_confirms_a_sale_that_comes_later_without_a_question(
    tmp_path: Path, wechat: WechatStandIn
) -> None:
    async def story(world: WechatWorld) -> None:
        answer = await tell(world, wechat.notice(PAID))
        assert (answer.status_code, answer.content) == (204, b"")
        world.sell(
            claim_sha256="cd" * 32, rules_version=1,
            totals={"list_fen": 1280, "payable_fen": 1280, "base_fen": 1280, "points_earned": 0},
        )  # fmt: skip
        await world.push()
        await world.work()
        assert await world.checks() == [("confirmed", "")]
        assert wechat.calls == [], "WeChat had said it by itself"
        claims = await query(world.hq, "SELECT taken_by, points FROM claims")
        assert [(row["taken_by"], row["points"]) for row in claims] == [(world.member_id, 12)]
        left = await query(world.hq, "SELECT payer_sealed FROM wechat_payments")
        assert left[0]["payer_sealed"] is None, "who paid is forgotten once it has done its work"

    play(tmp_path, story, wechat)


def test_a_notification_twice_counts_once(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        body = wechat.notice(PAID)
        for _ in range(3):
            assert (await tell(world, body)).status_code == 204
        other = wechat.notice(PAID, "EV-1", amount={"total": 1, "payer_total": 1, "currency": "CNY"})
        assert (await tell(world, other)).status_code == 204, "the id was seen: what it says now is not believed"
        assert await stored(world) == (1, 1)
        assert (await query(world.hq, "SELECT total_fen FROM wechat_payments"))[0]["total_fen"] == 1280
        wechat.mischief = "altered_amount"
        world.sell()
        await world.push()
        await world.work()
        assert await world.checks() == [("confirmed", "")]

    play(tmp_path, story, wechat)


def test_an_altered_amount_is_a_difference(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        wechat.mischief = "altered_amount"
        body = wechat.notice(PAID)
        wechat.mischief = ""
        assert (await tell(world, body)).status_code == 204
        world.sell()
        await world.push()
        await world.work()
        assert await world.codes() == [(PAID, "WECHAT_AMOUNT_DIFFERS")]

    play(tmp_path, story, wechat)


def test_what_is_no_notification_of_wechats_changes_nothing(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        body = wechat.notice(PAID)
        good = wechat.headers(body)
        at_s = int(good["Wechatpay-Timestamp"])
        refused: list[tuple[bytes, dict[str, str], str]] = [
            (body + b" ", good, "one byte more"),
            (body.replace(b"EV-1", b"EV-2"), good, "another id"),
            (body, good | {"Wechatpay-Nonce": "x" * 32}, "another nonce"),
            (body, good | {"Wechatpay-Timestamp": str(at_s + 1)}, "another time"),
            (body, good | {"Wechatpay-Timestamp": "yesterday"}, "no time"),
            (body, good | {"Wechatpay-Signature": good["Wechatpay-Signature"][:-4]}, "a shorter signature"),
            (body, {}, "no headers at all"),
        ]
        for mischief in ("wrong_signature", "stale", "wrong_serial", "signtest"):
            wechat.mischief = mischief
            refused.append((body, wechat.headers(body), mischief))
        wechat.mischief = ""
        for content, headers, why in refused:
            answer = await tell(world, content, headers)
            assert (answer.status_code, answer.json()["message"]) == (401, "WECHAT_SIGNATURE_REFUSED"), why
            assert answer.json()["code"] == "FAIL"
        assert await stored(world) == (0, 0)

    play(tmp_path, story, wechat)


@pytest.mark.parametrize(("off_s", "status"), [(299, 204), (-299, 204), (300, 401), (-300, 401)])
def test_the_window_is_300_seconds_either_way(tmp_path: Path, wechat: WechatStandIn, off_s: int, status: int) -> None:
    async def story(world: WechatWorld) -> None:
        body = wechat.notice(PAID)
        headers = wechat.headers(body)
        world.clock.at_ms += off_s * 1000
        assert (await tell(world, body, headers)).status_code == status

    play(tmp_path, story, wechat)


def test_signed_rightly_and_still_not_to_be_believed(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        whole: dict[str, Any] = json.loads(wechat.notice(PAID))
        resource = whole["resource"]
        bad: list[tuple[bytes, int, str]] = [
            (b"not json", 422, "WECHAT_RESOURCE_UNREADABLE"),
            (b'{"id":"EV-1","id":"EV-2"}', 422, "WECHAT_RESOURCE_UNREADABLE"),
            (json.dumps(whole | {"id": "x" * 65}).encode(), 422, "WECHAT_RESOURCE_UNREADABLE"),
            (json.dumps(whole | {"resource": None}).encode(), 422, "WECHAT_RESOURCE_UNREADABLE"),
            (
                json.dumps(whole | {"resource": resource | {"associated_data": "refund"}}).encode(),
                422,
                "WECHAT_RESOURCE_UNREADABLE",
            ),
            (wechat.notice(PAID, sp_mchid="1900000777"), 403, "WECHAT_OTHER_MERCHANT"),
            (wechat.notice(PAID, amount={"total": 12.5, "currency": "CNY"}), 422, "WECHAT_RESULT_UNREADABLE"),
        ]
        for body, status, code in bad:
            answer = await tell(world, body)
            assert (answer.status_code, answer.json()["message"]) == (status, code)
        unknown = await tell(world, wechat.notice(PAID), mch="1900000777")
        assert (unknown.status_code, unknown.json()["message"]) == (404, "WECHAT_ACCOUNT_UNKNOWN")
        assert (await tell(world, b"x" * 70_000)).status_code == 413
        assert await stored(world) == (0, 0)

    play(tmp_path, story, wechat)


# --- whose payment code ---------------------------------------------------------------------------------------------
async def payer(world: WechatWorld, *, code: str = CODE, **more: str) -> httpx.Response:
    async with face(world) as client:
        body = json.dumps({"auth_code": code, **more}).encode()
        path = f"/v1/workstations/{world.till.workstation_id}/payer"
        return await client.send(world.till.request(client, "POST", path, body))


def test_a_members_payment_code_names_the_member_and_no_openid(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        answer = await payer(world)
        assert answer.json() == {
            "member_id": world.member_id, "mch_id": wechat.mch_id, "sub_mch_id": wechat.sub_mch_id
        }  # fmt: skip
        assert wechat.calls == ["POST /tools/authcodetoopenid"]
        wechat.codes["134650061098828010"] = ("oStranger", "oSubStranger")
        stranger = await payer(world, code="134650061098828010")
        assert stranger.json()["member_id"] is None
        assert "Stranger" not in stranger.text
        assert await query(world.hq, "SELECT * FROM payers") == [], "nothing is kept of a stranger"

    play(tmp_path, story, wechat)


def test_a_payment_code_where_only_v3_keys_are_held_silences_nothing(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        await world.hq.wechat.office.add(entry_of(wechat, v2_key=""))
        await world.hq.wechat.office.trust(wechat.mch_id, wechat.wechat_serial, wechat.wechat_pem)
        answer = await payer(world)
        assert (answer.status_code, answer.json()["code"]) == (404, "WECHAT_MERCHANT_UNKNOWN")
        assert (await world.hq.wechat.office.accounts())[0].trouble == ""
        world.sell()
        await world.push()
        await world.work()
        assert await world.checks() == [("confirmed", "")], "the account does not rest"

    play(tmp_path, story, wechat, keys=False)


def test_an_erased_member_and_one_of_another_brand_are_nobody(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        await world.hq.init_brand("other", "别家", "")
        row = (await query(world.hq, "SELECT member_id FROM members"))[0]
        await world.hq.members.erase(BRAND, row["member_id"], "顾客", "申请")
        assert (await payer(world)).json()["member_id"] is None

    play(tmp_path, story, wechat)


@pytest.mark.parametrize(
    ("mischief", "status", "code"),
    [
        ("refuse:AUTHCODEEXPIRE/200", 409, "WECHAT_CODE_REFUSED"),
        ("refuse:NOAUTH/200", 503, "WECHAT_AWAY"),
        ("down", 503, "WECHAT_AWAY"),
        ("wrong_signature", 503, "WECHAT_AWAY"),
        ("slow", 503, "WECHAT_AWAY"),
    ],
)
def test_a_wechat_that_does_not_help(
    tmp_path: Path, wechat: WechatStandIn, mischief: str, status: int, code: str
) -> None:
    async def story(world: WechatWorld) -> None:
        wechat.mischief = mischief
        answer = await payer(world)
        wechat.hold.set()
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert CODE not in answer.text

    play(tmp_path, story, wechat)


def test_which_merchant_charges(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        more = tmp_path / "more.csv"
        more.write_text(f"mch_id,sub_mch_id,store_id\n{wechat.mch_id},1900000777,S1\n")
        await world.hq.import_merchants(BRAND, more)
        assert (await payer(world)).json()["code"] == "WECHAT_MERCHANT_UNNAMED"
        named = await payer(world, sub_mch_id=wechat.sub_mch_id)
        assert named.json()["member_id"] == world.member_id
        foreign = await payer(world, sub_mch_id="1900000999")
        assert (foreign.status_code, foreign.json()["code"]) == (404, "WECHAT_MERCHANT_UNKNOWN")

    play(tmp_path, story, wechat)


@pytest.mark.parametrize("code", ["160000000000000000", "1346500610988280", "１34650061098828009", CODE + "\n", ""])
def test_what_is_no_payment_code_is_not_asked(tmp_path: Path, wechat: WechatStandIn, code: str) -> None:
    async def story(world: WechatWorld) -> None:
        answer = await payer(world, code=code)
        assert answer.status_code == 422
        assert wechat.calls == []

    play(tmp_path, story, wechat)


def test_a_store_without_keys_and_a_caller_without_a_signature(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        assert (await payer(world)).json()["code"] == "WECHAT_MERCHANT_UNKNOWN"
        async with face(world) as client:
            path = f"/v1/workstations/{world.till.workstation_id}/payer"
            answer = await client.post(path, json={"auth_code": CODE})
            assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")

    play(tmp_path, story, wechat, keys=False)
