"""Asserted payments are confirmed by query or notification; what differs is kept with both sides (wire.md)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sync.hq import wechat_checks
from sync.hq.bounds import WECHAT_ABSENT_TRIES, WECHAT_QUIET_S, WECHAT_RETRY_CAP_S
from sync.hq.db.seam import Connection, Row
from sync.hq.wechat_checks import Check
from sync.hq.wechat_payments import Said
from tests.unit import hq_wechat_world
from tests.unit.hq_wechat_world import BRAND, DAY, PAID, SUB_OPENID, WechatWorld, entry_of, order, play
from tests.unit.test_hq_world import query
from tests.wechat_stand_in import WechatStandIn

wechat_server, wechat = hq_wechat_world.wechat_server, hq_wechat_world.wechat


@pytest.mark.parametrize("version", [2, 3])
def test_a_payment_that_wechat_confirms(tmp_path: Path, wechat: WechatStandIn, version: int) -> None:
    async def story(world: WechatWorld) -> None:
        only_v2 = {"v3_key": "", "serial": "", "private_key": ""} if version == 2 else {}
        await world.hq.wechat.office.add(entry_of(wechat, **only_v2))
        if version == 3:
            await world.hq.wechat.office.trust(wechat.mch_id, wechat.wechat_serial, wechat.wechat_pem)
        world.sell()
        await world.push()
        assert await world.work() == 1
        assert await world.checks() == [("confirmed", "")]
        assert await world.codes() == []
        assert len(wechat.calls) == 1
        await world.push()
        assert await world.later(86_400) == 0, "confirmed once is confirmed"

    play(tmp_path, story, wechat, keys=False)


@pytest.mark.parametrize(
    ("sold_fen", "state", "code"),
    [
        (1279, "SUCCESS", "WECHAT_AMOUNT_DIFFERS"),
        (1280, "NOTPAY", "WECHAT_NOT_PAID"),
        (1280, "REVOKED", "WECHAT_NOT_PAID"),
        (1280, "REFUND", ""),
    ],
)
def test_what_differs_is_kept_with_both_sides_and_changes_no_sale(
    tmp_path: Path, wechat: WechatStandIn, sold_fen: int, state: str, code: str
) -> None:
    order(wechat, state=state)

    async def story(world: WechatWorld) -> None:
        world.sell(payable_fen=sold_fen)
        await world.push()
        await world.work()
        assert await world.checks() == [("differs" if code else "confirmed", code)]
        differences = await world.hq.wechat.office.differences()
        if code:
            assert [(row["code"], row["transaction_id"]) for row in differences] == [(code, PAID)]
            assert f"{sold_fen // 100}.{sold_fen % 100:02d}" in str(differences[0]["ours"])
            assert state in str(differences[0]["theirs"])
            found = await query(world.hq, "SELECT place, code, detail FROM discrepancies WHERE place = 'wechat'")
            assert [row["code"] for row in found] == [code]
            assert "the till says" in found[0]["detail"]
        sales = await query(world.hq, "SELECT state FROM events")
        assert [row["state"] for row in sales] == ["ok"]

    play(tmp_path, story, wechat)


def test_an_order_paid_to_another_sub_merchant(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        world.sell(tender={"sub_mch_id": "1900000999"})
        await world.push()
        for _ in range(WECHAT_ABSENT_TRIES):
            await world.later(WECHAT_RETRY_CAP_S)
        assert await world.checks() == [("differs", "WECHAT_ORDER_UNKNOWN")], "asked under a merchant that has no such"

    play(tmp_path, story, wechat)


def test_no_such_order_is_believed_only_after_several_answers(tmp_path: Path, wechat: WechatStandIn) -> None:
    wechat.orders.clear()

    async def story(world: WechatWorld) -> None:
        world.sell()
        await world.push()
        for _ in range(WECHAT_ABSENT_TRIES - 1):
            await world.later(WECHAT_RETRY_CAP_S)
            assert await world.checks() == [("waiting", "WECHAT_ORDER_UNKNOWN")]
        await world.later(WECHAT_RETRY_CAP_S)
        assert await world.checks() == [("differs", "WECHAT_ORDER_UNKNOWN")]

    play(tmp_path, story, wechat)


@pytest.mark.parametrize("mischief", ["wrong_signature", "stale", "down"])
def test_a_wechat_that_cannot_be_believed_decides_nothing(tmp_path: Path, wechat: WechatStandIn, mischief: str) -> None:
    async def story(world: WechatWorld) -> None:
        world.sell()
        world.sell("4200001234202609210000000002")
        await world.push()
        wechat.mischief = mischief
        assert await world.work() == 1, "the second is not asked of a WeChat that failed the first"
        assert {state for state, _ in await world.checks()} == {"waiting"}
        wechat.mischief = ""
        order(wechat, "4200001234202609210000000002")
        await world.later(WECHAT_RETRY_CAP_S)
        assert await world.checks() == [("confirmed", "")] * 2

    play(tmp_path, story, wechat)


def test_a_refusal_for_a_person_rests_the_account_and_is_shown(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        world.sell()
        await world.push()
        for said, kind in (("SIGN_ERROR/401", "signature"), ("RATELIMIT_EXCEEDED/429", "rate")):
            wechat.mischief = f"refuse:{said}"
            await world.later(WECHAT_RETRY_CAP_S)
            shown = await world.hq.wechat.office.accounts()
            assert shown[0].trouble == f"{kind}: {said.split('/')[0]}"
            asked = len(wechat.calls)
            assert await world.later(WECHAT_QUIET_S - 1) == 0
            assert len(wechat.calls) == asked, "a resting account is asked nothing"
        wechat.mischief = ""
        await world.later(WECHAT_RETRY_CAP_S)
        assert await world.checks() == [("confirmed", "")]
        assert (await world.hq.wechat.office.accounts())[0].trouble == ""

    play(tmp_path, story, wechat)


def test_a_store_whose_merchant_is_left_open_waits_for_a_person(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        more = tmp_path / "more.csv"
        more.write_text(f"mch_id,sub_mch_id,store_id\n{wechat.mch_id},1900000777,S1\n")
        await world.hq.import_merchants(BRAND, more)
        world.sell(tender={"mch_id": None, "sub_mch_id": None})
        world.sell("4200001234202609210000000002")
        order(wechat, "4200001234202609210000000002")
        await world.push()
        await world.work()
        assert await world.checks() == [("stuck", "WECHAT_MERCHANT_UNKNOWN"), ("confirmed", "")]

    play(tmp_path, story, wechat)


def test_a_member_whom_only_wechat_knew_is_credited_once(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        world.sell(
            claim_sha256="ab" * 32,
            totals={"list_fen": 1280, "payable_fen": 1280, "base_fen": 1280, "points_earned": 0},
            rules_version=1,
        )
        await world.push()
        await world.work()
        assert await world.checks() == [("confirmed", "")]
        claims = await query(world.hq, "SELECT taken_by, points FROM claims")
        assert [(row["taken_by"], row["points"]) for row in claims] == [(world.member_id, 12)]
        kept = await query(world.hq, "SELECT payer_sealed FROM wechat_payments")
        assert [row["payer_sealed"] for row in kept] == [None], "a query's payer is used at once and not kept"

    play(tmp_path, story, wechat)


def test_no_key_or_openid_stands_in_the_database(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        world.sell()
        await world.push()
        await world.work()

    play(tmp_path, story, wechat)
    content = b"".join(path.read_bytes() for path in (tmp_path / "hq").iterdir() if path.name != "hq.key")
    assert wechat.mch_id.encode() in content, "the search must be able to find something"
    key_lines = wechat.merchant_pem.splitlines()[1:-1]
    for secret in (wechat.v2_key, wechat.v3_key, SUB_OPENID, *key_lines):
        assert secret.encode() not in content


def test_odd_fields_of_one_event_hold_up_no_other_payment(
    tmp_path: Path, wechat: WechatStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = "4200001234202609210000000002"

    async def story(world: WechatWorld) -> None:
        world.sell(at_ms=10**15)
        world.sell(other, tender={"amount_fen": 1280, "mch_id": "x" * 4})
        order(wechat, other)
        await world.push()
        monkeypatch.setattr(wechat_checks, "_merchant", _odd_of(other))
        await world.work()
        assert await world.checks() == [("confirmed", ""), ("stuck", "EVENT_UNREADABLE")]
        [row] = await query(world.hq, "SELECT day FROM wechat_checks WHERE seq = 1")
        assert row["day"] == DAY, "the day that the fold counted it in"
        found = await query(world.hq, "SELECT place, key FROM discrepancies WHERE code = 'EVENT_UNREADABLE'")
        assert found == [{"place": "wechat", "key": "2"}]

    play(tmp_path, story, wechat)


def _odd_of(transaction_id: str) -> Callable[..., tuple[str, str]]:
    merchant = wechat_checks._merchant

    def odd(connection: Connection, row: Row, own: Sequence[dict[str, Any]]) -> tuple[str, str]:
        if row["transaction_id"] == transaction_id:
            raise TypeError
        return merchant(connection, row, own)

    return odd


def test_a_check_that_nobody_can_conclude_holds_up_no_other(
    tmp_path: Path, wechat: WechatStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    conclude = wechat_checks.conclude

    def stumbles(connection: Connection, check: Check, said: Said, now_ms: int) -> str:
        if check.seq == 1:
            raise ValueError
        return conclude(connection, check, said, now_ms)

    async def story(world: WechatWorld) -> None:
        world.sell()
        world.sell("4200001234202609210000000002")
        order(wechat, "4200001234202609210000000002")
        await world.push()
        monkeypatch.setattr(wechat_checks, "conclude", stumbles)
        assert await world.work() == 2
        assert await world.checks() == [("stuck", "EVENT_UNREADABLE"), ("confirmed", "")]

    play(tmp_path, story, wechat)


@pytest.mark.parametrize("is_partner", [True, False])
def test_a_sub_merchant_without_permission_puts_no_other_to_rest(
    tmp_path: Path, wechat: WechatStandIn, is_partner: bool
) -> None:
    async def story(world: WechatWorld) -> None:
        office = world.hq.wechat.office
        await office.add(entry_of(wechat, is_partner=is_partner))
        world.sell()
        world.sell("4200001234202609210000000002")
        order(wechat, "4200001234202609210000000002")
        await world.push()
        wechat.mischief = "refuse:NO_AUTH/403"
        shown = []

        async def then_as_ever() -> None:
            shown.append((await office.accounts())[0].trouble)
            wechat.mischief = ""

        await world.hq.wechat.worker.prepare()
        looked = await world.hq.wechat.worker.confirm_some(then_as_ever)
        if is_partner:
            assert (looked, shown[0]) == (2, "permission: NO_AUTH")
            assert await world.checks() == [("waiting", "NO_AUTH"), ("confirmed", "")]
        else:
            assert looked == 1, "a merchant of its own asks for itself alone"
            assert await world.later(WECHAT_QUIET_S - 1) == 0

    play(tmp_path, story, wechat)
