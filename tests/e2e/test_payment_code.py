"""A payment code scanned before payment: till, HQ and a strict stand-in of WeChat, over real HTTP (R20)."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.api.answers_member import IdentificationView
from agent.demo import world as chain
from sync.hq.wechat_accounts import Entry
from sync.wechat.transport import Transport
from tests.api_till import CART, GOLD_FEN, ApiTill, checked, codes, problem, running, someone
from tests.state_files import found_in_files
from tests.till_world import cash
from tests.wechat_stand_in import WechatStandIn

CODE = "134650061098828009"


@pytest.fixture(scope="module")
def wechat() -> Iterator[WechatStandIn]:
    with WechatStandIn(
        mch_id=chain.MCH_ID, appid=chain.APPID, sub_mch_id=chain.SUB_MCH_ID, sub_appid=chain.SUB_APPID
    ) as stand_in:
        yield stand_in


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("payment_code")


@pytest.fixture(scope="module")
def till(folder: Path, wechat: WechatStandIn) -> Iterator[ApiTill]:
    with running(folder) as running_till:
        hq = running_till.world.server.hq
        hq.wechat.calls._transport = Transport(verify=False)
        entry = Entry(
            wechat.mch_id, wechat.appid, True, wechat.url, v2_key=wechat.v2_key, v3_key=wechat.v3_key,
            serial=wechat.serial, private_key=wechat.merchant_pem,
        )  # fmt: skip
        running_till.run(hq.wechat.office.add(entry))
        running_till.run(hq.wechat.office.trust(wechat.mch_id, wechat.wechat_serial, wechat.wechat_pem))
        running_till.run(hq.wechat.office.set_sub_appid(wechat.mch_id, wechat.sub_mch_id, wechat.sub_appid))
        yield running_till


@pytest.fixture(autouse=True)
def a_busy_machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline has its own test; elsewhere an answer is wanted."""
    if "mischief" not in request.fixturenames:
        monkeypatch.setattr("agent.payment_code.NETWORK_DEADLINE_MS", 10_000)


@pytest.fixture(autouse=True)
def fresh(wechat: WechatStandIn) -> None:
    wechat.mischief = ""
    wechat.calls.clear()
    wechat.hold.clear()
    wechat.codes.clear()


def wechat_questions(wechat: WechatStandIn) -> list[str]:
    """Who-is-it questions; a sale of an earlier test may be confirmed by query at any moment."""
    return [call for call in wechat.calls if call.startswith("POST /tools/")]


def shown(till: ApiTill, code: str = CODE) -> dict[str, object]:
    return checked(till.call("POST", "/v1/members/resolve", {"auth_code": code}), IdentificationView)


def test_the_tier_price_applies_before_payment_and_nothing_may_be_spent(till: ApiTill, wechat: WechatStandIn) -> None:
    gold = someone("gold")
    wechat.codes[CODE] = (gold.openid, gold.sub_openid)
    who = shown(till)
    assert (who["by"], who["certainty"], who["may_price"], who["may_spend"]) == (
        "payment_code", "payment", True, False
    )  # fmt: skip
    assert isinstance(who["identification_id"], str)
    quote = till.quote(CART, who["identification_id"])
    assert [line["net_fen"] for line in quote["lines"]] == GOLD_FEN
    refused = till.call(
        "POST", "/v1/quotes", {"lines": CART, "identification_id": who["identification_id"], "points": 100}
    )
    problem(refused, 409, "SPENDING_NEEDS_DYNAMIC_CODE")
    assert wechat_questions(wechat) == ["POST /tools/authcodetoopenid"]

    again = shown(till)
    assert again["member"] == who["member"]
    assert len(wechat_questions(wechat)) == 1, "one question per code: it was asked already"

    transaction_id, raw = till.wechat(quote["payable_fen"], gold)
    paid = till.paid(raw)
    tender = {"type": "wechat", "amount_fen": quote["payable_fen"], "transaction_id": transaction_id}
    sale = till.sell([tender], quote_id=quote["quote_id"], identification_id=paid["identification_id"])
    assert codes(sale) == []
    assert sale["points_earned"] > 0


def test_paid_by_another_than_the_code_was_priced_for(till: ApiTill, wechat: WechatStandIn) -> None:
    gold, silver = someone("gold"), someone("silver")
    code = "134650061098828011"
    wechat.codes[code] = (gold.openid, gold.sub_openid)
    quote = till.quote(CART, str(shown(till, code)["identification_id"]))
    for payer in (silver, None):
        transaction_id, raw = till.wechat(quote["payable_fen"], payer)
        paid = till.paid(raw)
        tender = {"type": "wechat", "amount_fen": quote["payable_fen"], "transaction_id": transaction_id}
        sale = till.sell([tender], quote_id=quote["quote_id"], identification_id=paid["identification_id"])
        assert codes(sale) == ["PAYER_DIFFERS"]
        quote = till.quote(CART, str(shown(till, code)["identification_id"]))


def test_somebody_who_is_no_member_is_asked_to_join(till: ApiTill, wechat: WechatStandIn) -> None:
    code = "134650061098828012"
    wechat.codes[code] = ("oNobody", "oSubNobody")
    who = shown(till, code)
    assert (who["member"], who["join_prompt"], who["may_price"]) == (None, True, False)
    sale = till.sell([cash(1980)], lines=[{"code": "10001"}], identification_id=who["identification_id"])
    assert codes(sale) == []


@pytest.mark.parametrize("mischief", ["down", "wrong_signature", "slow"])
def test_without_wechat_the_local_answer_comes_within_the_deadline(
    till: ApiTill, wechat: WechatStandIn, mischief: str
) -> None:
    wechat.mischief = mischief
    code = {"down": "134650061098828013", "wrong_signature": "134650061098828014", "slow": "134650061098828015"}
    wechat.codes[code[mischief]] = ("oNobody", "oSubNobody")
    began = till.clock.mono_s()
    answer = till.call("POST", "/v1/members/resolve", {"auth_code": code[mischief]})
    took_s = till.clock.mono_s() - began
    wechat.hold.set()
    problem(answer, 409, "PAYMENT_CODE_NEEDS_NETWORK")
    assert took_s < 5, "the deadline is 800 ms; the rest is a machine under load"
    till.run(till.world.server.hq.wechat.office.add(_again(wechat)))  # new keys end an account's rest


def _again(wechat: WechatStandIn) -> Entry:
    return Entry(wechat.mch_id, wechat.appid, True, wechat.url, v2_key=wechat.v2_key)


def test_a_code_that_is_used_up(till: ApiTill, wechat: WechatStandIn) -> None:
    problem(
        till.call("POST", "/v1/members/resolve", {"auth_code": "134650061098828016"}), 409, "WECHAT_CODE_REFUSED"
    )  # fmt: skip


def test_what_names_nobody_here(till: ApiTill, wechat: WechatStandIn) -> None:
    for code, status, said in (
        ("281234567890123456", 409, "PAYMENT_CODE_NEEDS_NETWORK"),  # Alipay's: nobody answers for it
        ("100000000001", 422, "CODE_UNREADABLE"),
        ("1" * 33, 422, "INVALID_REQUEST"),
    ):
        problem(till.call("POST", "/v1/members/resolve", {"auth_code": code}), status, said)
    both = {"auth_code": CODE, "code": "100000000001"}
    problem(till.call("POST", "/v1/members/resolve", both), 422, "INVALID_REQUEST")
    assert wechat_questions(wechat) == []


def test_without_hq_the_till_says_so(till: ApiTill, wechat: WechatStandIn) -> None:
    till.run(till.world.cable.pull())
    try:
        answer = till.call("POST", "/v1/members/resolve", {"auth_code": "134650061098828017"})
        problem(answer, 409, "PAYMENT_CODE_NEEDS_NETWORK")
    finally:
        till.run(till.world.cable.plug())


def test_no_payment_code_reaches_a_file(till: ApiTill, folder: Path, wechat: WechatStandIn) -> None:
    code = "134650061098828018"
    gold = someone("gold")
    wechat.codes[code] = (gold.openid, gold.sub_openid)
    who = shown(till, code)
    till.sell([cash(1742)], lines=[{"code": "10001"}], identification_id=who["identification_id"])
    till.run(till.world.agent.daemon.reconcile())
    assert found_in_files(folder / "till", [CODE, code, gold.sub_openid]) == []
    held = b"".join(path.read_bytes() for path in (folder / "hq").iterdir() if path.is_file())
    assert chain.MCH_ID.encode() in held, "the search must be able to find something"
    assert not [secret for secret in (CODE, code, gold.sub_openid) if secret.encode() in held]


def test_a_running_hq_confirms_by_itself_what_the_till_asserts(till: ApiTill, wechat: WechatStandIn) -> None:
    async def states() -> dict[str, str]:
        found = await till.world.server.hq._read(
            lambda c: c.execute("SELECT transaction_id, state FROM wechat_checks").fetchall()
        )
        return {row["transaction_id"]: row["state"] for row in found}

    async def settled(transaction_id: str) -> str:
        while (await states()).get(transaction_id) in (None, "new", "waiting"):  # noqa: ASYNC110 - rows tell nobody
            await asyncio.sleep(0.05)
        return (await states())[transaction_id]

    for asserted_fen, wanted in ((1980, "confirmed"), (1979, "differs")):
        transaction_id, raw = till.wechat(asserted_fen)
        wechat.orders[transaction_id] = {
            "out_trade_no": "o1", "total": 1980, "state": "SUCCESS", "openid": "oA", "sub_openid": "oB",
            "sub_mch_id": wechat.sub_mch_id,
        }  # fmt: skip
        tender = {"type": "wechat", "amount_fen": asserted_fen}
        line = {"code": "10001", "charged_fen": asserted_fen}
        till.sell([tender], lines=[line], identification_id=till.paid(raw)["identification_id"])
        till.run(till.world.agent.pusher.push_all())
        assert till.run(settled(transaction_id)) == wanted
