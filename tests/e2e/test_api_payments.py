"""WeChat results at the till (wire.md "WeChat evidence", R20): earn, never reprice; fail closed; once; tell nobody."""

import hashlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from agent.books_ports import JobKind
from agent.demo.world import MCH_ID, SUB_MCH_ID
from agent.domain.receipt import to_json
from tests.api_till import ApiTill, codes, problem, running, someone
from tests.state_files import found_in_files
from tests.till_world import cash

CART = [{"code": "10001"}]
LIST_FEN, GOLD_FEN = 1980, 1742


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("payments"), devices=True) as found:
        yield found


def wechat(amount_fen: int, **more: Any) -> dict[str, Any]:
    return {"type": "wechat", "amount_fen": amount_fen, **more}


def sell_paid(till: ApiTill, raw: str, *, tender_fen: int = LIST_FEN, **more: Any) -> dict[str, Any]:
    who = till.paid(raw)
    return till.sell([wechat(tender_fen)], lines=CART, identification_id=who["identification_id"], **more)


def nobody_earned(till: ApiTill, sale: dict[str, Any]) -> None:
    assert (sale["points_earned"], sale["join"]) == (0, None)
    event = till.event(sale)
    assert (event["postings"], event["claim_sha256"], event["totals"]["base_fen"]) == ([], None, 0)


# --- a member pays --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("v3", [False, True], ids=["v2 XML", "v3 JSON"])
def test_a_payment_earns_for_its_member_and_never_reprices_r20(till: ApiTill, v3: bool) -> None:
    gold = someone("gold", int(v3))
    quote = till.quote(CART)
    transaction_id, raw = till.wechat(LIST_FEN, gold, v3=v3)
    who = till.paid(raw)
    assert (who["by"], who["certainty"]) == ("wechat_payment", "payment")
    assert (who["may_price"], who["may_spend"], who["join_prompt"]) == (False, False, False)
    assert who["payment"] == {
        "transaction_id": transaction_id,
        "total_fen": LIST_FEN,
        "payer_fen": LIST_FEN,
        "sub_mch_id": SUB_MCH_ID,
        "scope": "known",
        "evidence": "asserted",
    }
    assert till.paid(raw) == who  # handed over twice, the same answer
    again = till.quote(CART, who["identification_id"])
    assert (again["payable_fen"], again["lines"][0]["reason"]) == (LIST_FEN, "list")
    sale = till.sell([wechat(LIST_FEN)], quote_id=quote["quote_id"], identification_id=who["identification_id"])
    assert (sale["payable_fen"], sale["collected_fen"], sale["discrepancies"]) == (LIST_FEN, LIST_FEN, [])
    assert sale["foregone_fen"] == LIST_FEN - GOLD_FEN  # of the payer's own tier, not of the one new members get
    assert sale["points_earned"] == again["points_to_earn"] > LIST_FEN // 100
    assert sale["points_balance"] == gold.points + sale["points_earned"]
    event = till.event(sale)
    assert (event["member"]["by"], event["member"]["priced"]) == ("wechat_payment", False)
    assert event["tenders"] == [
        {
            "type": "wechat",
            "amount_fen": LIST_FEN,
            "received_fen": None,
            "transaction_id": transaction_id,
            "evidence": "asserted",
            "mch_id": MCH_ID,
            "sub_mch_id": SUB_MCH_ID,
        }
    ]


def test_a_strangers_payment_gives_a_join_claim_whose_secret_is_on_paper_and_in_the_answer_only(till: ApiTill) -> None:
    transaction_id, raw = till.wechat(LIST_FEN)
    who = till.paid(raw)
    assert (who["member"], who["provisional"], who["join_prompt"]) == (None, True, True)
    sale = till.sell([wechat(LIST_FEN)], lines=CART, identification_id=who["identification_id"])
    assert (sale["member"], sale["points_earned"], sale["points_balance"]) == (None, 0, None)
    secret = parse_qs(urlsplit(sale["join"]["url"]).query)["c"][0]
    assert len(secret) == 22  # 128 bits
    assert (sale["join"]["saved_fen"], sale["join"]["points"] > 0) == (LIST_FEN - 1881, True)
    event = till.event(sale)
    assert event["claim_sha256"] == hashlib.sha256(secret.encode()).hexdigest()
    assert event["payer_ref"].startswith("pay_")
    assert event["postings"] == []
    jobs = [job for job in till.run(till.world.agent.ledger.jobs(5)) if job.kind is JobKind.RECEIPT]
    assert secret in str(to_json(jobs[0].document))
    openids = (f"oStranger{transaction_id}", f"oSub{transaction_id}")
    assert found_in_files(till.world.folder / "till", [secret, *openids]) == []
    assert secret not in str(till.run(till.world.agent.announcer.replay(0, 256)))


def test_the_same_stranger_keeps_one_random_reference(till: ApiTill) -> None:
    _, raw = till.wechat(LIST_FEN)
    _, other = till.wechat(LIST_FEN)
    names = {name: other.split(f"<{name}><![CDATA[")[1].split("]]")[0] for name in ("openid", "sub_openid")}
    first = till.event(sell_paid(till, raw))
    mine = {name: raw.split(f"<{name}><![CDATA[")[1].split("]]")[0] for name in names}
    for name in names:
        other = other.replace(names[name], mine[name])
    second = till.event(sell_paid(till, other))
    assert first["payer_ref"] == second["payer_ref"]


# --- fail closed ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("v3", [False, True], ids=["v2 XML", "v3 JSON"])
def test_an_unknown_sub_mch_id_names_nobody_and_is_recorded(till: ApiTill, v3: bool) -> None:
    """S04: who receives the money is not ours, so a member's payment there earns nothing here."""
    _, raw = till.wechat(LIST_FEN, someone("gold", 2), v3=v3)
    raw = raw.replace(SUB_MCH_ID, "1999999999")
    who = till.paid(raw)
    assert (who["by"], who["member"], who["provisional"]) == ("nobody", None, False)
    assert who["payment"]["scope"] == "unknown_merchant"
    sale = sell_paid(till, raw)
    assert codes(sale) == ["UNKNOWN_SUB_MCH_ID"]
    event = till.event(sale)
    assert (event["member"], event["payer_ref"], event["postings"]) == (None, None, [])
    assert event["tenders"][0]["sub_mch_id"] == "1999999999"


def test_a_payment_of_another_amount_earns_for_nobody_and_is_recorded(till: ApiTill) -> None:
    transaction_id, raw = till.wechat(1, someone("gold", 2))
    sale = sell_paid(till, raw)
    assert codes(sale) == ["PAYMENT_AMOUNT_DIFFERS"]
    assert sale["member"] is None
    nobody_earned(till, sale)
    assert till.event(sale)["tenders"][0]["transaction_id"] == transaction_id  # and it is used up
    problem(till.call("POST", "/v1/payments/wechat", {"raw": till.wechat(0)[1]}), 422, "WECHAT_RESULT_UNREADABLE")


def test_a_payment_that_paid_for_no_tender_of_this_sale_names_nobody(till: ApiTill) -> None:
    who = till.paid(till.wechat(LIST_FEN, someone("gold", 2))[1])
    sale = till.sell([cash(LIST_FEN)], lines=CART, identification_id=who["identification_id"])
    assert codes(sale) == ["PAYMENT_NOT_A_TENDER"]
    assert (sale["member"], sale["points_earned"]) == (None, 0)


# --- once -----------------------------------------------------------------------------------------------------------
def test_one_transaction_pays_one_sale_a_second_is_recorded_without_points(till: ApiTill) -> None:
    transaction_id, raw = till.wechat(LIST_FEN, someone("gold", 2))
    assert codes(sell_paid(till, raw)) == []
    second = sell_paid(till, raw)  # the same living identification again
    assert codes(second) == ["TRANSACTION_USED"]
    assert second["member"] is None
    nobody_earned(till, second)
    named = till.sell([wechat(LIST_FEN, transaction_id=transaction_id)], lines=CART)  # only the number, no result
    assert codes(named) == ["TRANSACTION_USED"]
    nobody_earned(till, named)
    code = till.resolve(someone("gold", 2).number)["identification_id"]
    with_code = till.sell([wechat(GOLD_FEN, transaction_id=transaction_id)], lines=CART, identification_id=code)
    assert codes(with_code) == ["TRANSACTION_USED"]
    assert with_code["member"] is not None
    nobody_earned(till, with_code)  # HQ suspends such an event, so the till must not promise what it will not get


def test_a_transaction_stays_used_across_a_restart_and_while_hq_is_away(till: ApiTill) -> None:
    _, raw = till.wechat(LIST_FEN, someone("gold", 2))
    sell_paid(till, raw)
    till.reopen()
    problem(till.call("POST", "/v1/payments/wechat", {"raw": raw}), 409, "TRANSACTION_USED")


def test_one_transaction_cannot_pay_two_tenders_of_one_sale(till: ApiTill) -> None:
    transaction_id, raw = till.wechat(990, someone("gold", 2))
    who = till.paid(raw)["identification_id"]
    tenders = [wechat(990, transaction_id=transaction_id)] * 2
    sale = till.sell(tenders, lines=CART, identification_id=who)
    assert codes(sale) == ["TRANSACTION_USED"]
    nobody_earned(till, sale)


def test_of_two_wechat_tenders_the_one_of_the_payments_amount_is_its_own(till: ApiTill) -> None:
    transaction_id, raw = till.wechat(1480, someone("gold", 2))
    who = till.paid(raw)["identification_id"]
    sale = till.sell([wechat(500), wechat(1480)], lines=CART, identification_id=who)
    assert codes(sale) == []
    assert [one["transaction_id"] for one in till.event(sale)["tenders"]] == [None, transaction_id]


# --- a family -------------------------------------------------------------------------------------------------------
def test_code_of_one_and_payment_of_another_the_code_wins_and_the_payer_stays_as_evidence(till: ApiTill) -> None:
    child, parent = someone("silver", 2), someone("gold", 2)
    shown = till.resolve(child.number)
    quote = till.quote(CART, shown["identification_id"])
    payment = till.paid(till.wechat(quote["payable_fen"], parent)[1])
    sale = till.sell(
        [wechat(quote["payable_fen"])], quote_id=quote["quote_id"], identification_id=payment["identification_id"]
    )
    assert sale["discrepancies"] == []
    assert sale["member"]["member_id"] == shown["member"]["member_id"]
    assert sale["points_earned"] == quote["points_to_earn"]
    event = till.event(sale)
    assert event["member"]["priced"] is True
    assert event["payer_member_id"] == payment["member"]["member_id"]
    assert event["payer_ref"] is None


# --- hostile --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "raw",
    [
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><openid>&a;oSecretOpenid</openid></xml>',
        '<!DOCTYPE x [<!ENTITY a "oSecretOpenid"><!ENTITY b "&a;&a;&a;&a;">]><xml><openid>&b;</openid></xml>',
        "<xml><openid>oSecretOpenid</openid><openid>oSecretOpenid2</openid></xml>",
        '{"trade_state":"SUCCESS","payer":{"openid":"oSecretOpenid"},"amount":{"total":1.5}}',
        '{"trade_state":"SUCCESS","trade_state":"oSecretOpenid"}',
        "oSecretOpenid",
    ],
)
def test_hostile_results_are_refused_and_nothing_of_them_comes_back(till: ApiTill, raw: str) -> None:
    response = till.call("POST", "/v1/payments/wechat", {"raw": raw})
    problem(response, 422, "WECHAT_RESULT_UNREADABLE")
    assert "oSecret" not in response.text
    assert "root:" not in response.text
    assert found_in_files(till.world.folder / "till", ["oSecretOpenid"]) == []


def test_a_payment_that_is_not_complete_or_differs_from_before_is_refused(till: ApiTill) -> None:
    _, raw = till.wechat(LIST_FEN)
    waiting = raw.replace("<result_code><![CDATA[SUCCESS", "<result_code><![CDATA[FAIL").replace(
        "</xml>", "<err_code>USERPAYING</err_code></xml>"
    )
    problem(till.call("POST", "/v1/payments/wechat", {"raw": waiting}), 409, "PAYMENT_NOT_COMPLETE")
    till.paid(raw)
    changed = raw.replace(f"<total_fee><![CDATA[{LIST_FEN}", "<total_fee><![CDATA[999999")
    problem(till.call("POST", "/v1/payments/wechat", {"raw": changed}), 409, "TRANSACTION_CONFLICT")
