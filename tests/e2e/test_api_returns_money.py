"""R12 over the real API: points that were spent are paid out of the refund where the brand has it so (`short=cash`),
and a voucher of WeChat's own goes back in WeChat's proportion. To the books of a real HQ, which reckons them alike.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.api.after_answers import ReturnView, VoidView
from agent.demo import world as chain
from agent.demo.world import DemoMember
from agent.domain.digest import Json
from tests.after_till import RULES, AfterTill, after_till
from tests.api_till import someone
from tests.till_world import cash

CHERRIES = {"code": "10003", "qty": 20}


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AfterTill]:
    with after_till(tmp_path_factory.mktemp("money"), devices=True) as found:
        rules: dict[str, Json] = {
            **RULES,
            "version": 8,
            "return_short": "cash",
            "redeem": {"points_per_unit": 10, "fen_per_unit": 50},
        }
        found.till.run(found.till.world.server.hq.import_rules(chain.BRAND, rules))
        found.pull()
        yield found


def give_back(till: AfterTill, sale: dict[str, Any], qty: int, **more: Any) -> dict[str, Any]:
    body = {"return_id": till.till.fresh("ret"), "sale_id": sale["sale_id"], "lines": [{"line": 1, "qty": qty}], **more}
    return till.post("/v1/returns", ReturnView, body, status=200 if more.get("preview") else 201)


def spend_all(till: AfterTill, who: DemoMember) -> None:
    """A sale that hardly earns, because points pay nearly all of it."""
    have = int(till.wallet(who)["points"]) // 10 * 10
    rate = till.till.run(till.till.world.agent.replica.rules()).redeem
    assert rate is not None
    worth_fen = have // rate.points_per_unit * rate.fen_per_unit
    till.sell([{"code": "10004", "qty": worth_fen // 1100 + 1}], till.member(who), points=have)


def spent_out(till: AfterTill, who: DemoMember) -> tuple[dict[str, Any], int]:
    """A sale whose points the member has spent since, to below what it earned; what is left."""
    sale = till.sell([CHERRIES], till.member(who))
    spend_all(till, who)
    return sale, int(till.wallet(who)["points"])


def test_points_that_were_spent_are_paid_out_of_the_refund(till: AfterTill) -> None:
    who = someone("normal", 1)
    sale, left = spent_out(till, who)
    owed = sale["points_earned"] - left
    assert owed > 0, "the test needs points that are gone"
    shown = give_back(till, sale, 20, preview=True)
    back = give_back(till, sale, 20)
    units = owed // 10
    assert (back["points_in_cash"], back["kept_fen"]) == (units * 10, units * 50)
    assert (shown["kept_fen"], shown["points_debt"]) == (back["kept_fen"], back["points_debt"])
    assert back["points_debt"] == owed % 10, "less than a unit stays owed"
    assert back["points_balance"] == -(owed % 10) == till.wallet(who)["points"]
    assert back["refund_fen"] == sale["payable_fen"]
    assert [one["amount_fen"] for one in back["tenders"]] == [sale["payable_fen"] - back["kept_fen"]]
    event = till.till.event(back)
    assert event["totals"]["payable_fen"] == back["kept_fen"] - back["refund_fen"]
    assert event["tenders"][0]["kept_fen"] == back["kept_fen"]
    slip = till.slips()[-1]
    assert f"已用积分折现扣除 {units * 10:,}积分" in slip
    till.settle()
    assert till.at_hq(till.wallet(who)["member_id"], "points") == back["points_balance"]
    assert till.findings() == []


def test_what_was_kept_of_one_part_is_not_given_back_with_the_next(till: AfterTill) -> None:
    who = someone("normal", 2)
    sale, _ = spent_out(till, who)
    parts = [give_back(till, sale, qty) for qty in (7, 7, 6)]
    assert sum(one["refund_fen"] for one in parts) == sale["payable_fen"]
    kept = sum(one["kept_fen"] for one in parts)
    assert kept > 0
    handed = sum(tender["amount_fen"] for one in parts for tender in one["tenders"])
    assert handed == sale["payable_fen"] - kept
    assert sum(one["points_reversed"] for one in parts) == sale["points_earned"]
    till.settle()
    assert till.findings() == []


def test_points_that_only_lie_elsewhere_are_neither_owed_nor_paid_for(till: AfterTill) -> None:
    """The lease went back to HQ and another till may spend it: the balance covers what this till cannot reach."""
    rich = someone("gold", 2)
    before = till.wallet(rich)["points"]
    first = till.sell([CHERRIES], till.member(rich))
    have = int(first["points_earned"]) // 10 * 10
    till.sell([CHERRIES], till.member(rich), points=have)  # what was earned here is spent; the rest HQ holds
    assert till.wallet(rich)["points"] >= before - 10
    void = till.post(f"/v1/sales/{first['sale_id']}/void", VoidView, {"void_id": till.till.fresh("void")})
    assert (void["kept_fen"], void["points_in_cash"], void["points_debt"]) == (0, 0, 0)
    assert void["points_balance"] > 0
    till.settle()


def test_without_the_setting_points_are_owed_as_before(tmp_path: Path) -> None:
    with after_till(tmp_path) as plain:
        who = someone("normal", 3)
        sale, left = spent_out(plain, who)
        back = give_back(plain, sale, 20)
        assert (back["kept_fen"], back["points_in_cash"]) == (0, 0)
        assert back["points_debt"] == sale["points_earned"] - left > 0


def test_the_terms_of_the_sale_hold_for_its_return(tmp_path: Path) -> None:
    with after_till(tmp_path) as plain:
        who = someone("normal", 3)
        sale, _ = spent_out(plain, who)
        rules = {**RULES, "version": 9, "return_short": "cash"}
        plain.till.run(plain.till.world.server.hq.import_rules(chain.BRAND, rules))
        plain.pull()
        assert give_back(plain, sale, 20)["kept_fen"] == 0


def test_money_that_was_stored_goes_back_whole(till: AfterTill) -> None:
    who = someone("normal", 6)
    body = {"recharge_id": till.till.fresh("load"), "identification_id": till.member(who), "amount_fen": 30_000}
    assert till.till.call("POST", "/v1/recharges", {**body, "tenders": [cash(30_000)]}).status_code == 201
    sale = till.sell([CHERRIES], till.member(who), stored_value=20_000)
    spend_all(till, who)
    back = give_back(till, sale, 20)
    assert back["kept_fen"] > 0
    assert back["stored_value"]["principal_fen"] == 20_000
    by_type = {one["type"]: one["amount_fen"] for one in back["tenders"]}
    assert by_type == {"stored_value": 20_000, "cash": sale["payable_fen"] - 20_000 - back["kept_fen"]}


# --- vouchers of WeChat's own ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("v3", [False, True])
def test_a_wechat_voucher_goes_back_in_proportion(till: AfterTill, v3: bool) -> None:
    """R12: of 10 with a voucher of 3, a refund of 9 is asked as 9 and reaches the payer as 6.30."""
    transaction_id, raw = till.till.wechat(5940, v3=v3)
    paid = '"payer_total": 4158' if v3 else "<cash_fee><![CDATA[4158]]>"
    raw = raw.replace('"payer_total": 5940', paid).replace("<cash_fee><![CDATA[5940]]>", paid)
    seen = till.till.paid(raw)
    assert (seen["payment"]["total_fen"], seen["payment"]["payer_fen"]) == (5940, 4158)
    tender = {"type": "wechat", "amount_fen": 5940, "transaction_id": transaction_id}
    sale = till.till.sell([tender], lines=[{"code": "10001", "qty": 3}], identification_id=seen["identification_id"])
    assert sale["discrepancies"] == []
    assert till.till.event(sale)["tenders"][0]["voucher_fen"] == 1782
    assert "微信优惠 17.82  实付 41.58" in till.slips()[-1]
    backs = [give_back(till, sale, 1) for _ in range(3)]
    assert [one["tenders"][0]["amount_fen"] for one in backs] == [1980] * 3, "WeChat is asked for the whole"
    assert [one["tenders"][0]["to_payer_fen"] for one in backs] == [1386] * 3
    assert "实际退款 13.86 元" in till.slips()[-1]
    till.settle()


def test_without_a_voucher_all_of_a_refund_reaches_the_payer(till: AfterTill) -> None:
    sale = till.till.sell([cash(5940)], lines=[{"code": "10001", "qty": 3}])
    back = give_back(till, sale, 1)
    assert [(one["amount_fen"], one["to_payer_fen"]) for one in back["tenders"]] == [(1980, 1980)]
    assert "实际退款" not in till.slips()[-1]
