"""Who is it by a completed payment, and whose merchant it was (till-api; R20; facts/wechat.md E)."""

import pytest

from agent.domain.member import Certainty, IdentifiedBy
from agent.limits import IDENTIFICATION_TTL_S
from agent.replica_ports import MerchantScope
from tests.unit.identify_world import World, member
from tests.unit.wechat_samples import (
    APPID,
    MCH,
    OPENID,
    SUB_APPID,
    SUB_MCH,
    SUB_OPENID,
    TRANSACTION,
    micropay,
    partner,
)


@pytest.fixture
def world() -> World:
    return World()


# --- payments -------------------------------------------------------------------------------------------------------
def test_the_brands_own_openid_comes_first(world: World) -> None:
    world.replica.openids[SUB_APPID, SUB_OPENID] = member("mbr_sub")
    world.replica.openids[APPID, OPENID] = member("mbr_provider")
    found = world.by_wechat(micropay())
    assert found.member is not None
    assert found.member.member_id == "mbr_sub"
    assert (found.by, found.certainty, found.payer_ref) == (IdentifiedBy.WECHAT_PAYMENT, Certainty.PAYMENT, None)
    assert not found.prices  # R20
    assert found.payment is not None
    assert (found.payment.transaction_id, found.payment.total_fen, found.payment.scope) == (TRANSACTION, 888, "known")
    assert (found.payment.mch_id, found.payment.sub_mch_id) == (MCH, SUB_MCH)


def test_the_providers_openid_serves_when_the_brands_is_missing(world: World) -> None:
    world.replica.openids[APPID, OPENID] = member()
    assert world.by_wechat(micropay(sub_openid=None)).member == member().member
    assert world.by_wechat(partner(transaction_id="2")).member == member().member


def test_a_member_of_another_brand_is_nobody_here(world: World) -> None:
    world.replica.openids[APPID, OPENID] = member(brand_id="b2")
    found = world.by_wechat(micropay())
    assert (found.member, found.payer_ref) == (None, "pyr_1")


def test_an_openid_counts_only_under_its_appid(world: World) -> None:
    world.replica.openids[APPID, SUB_OPENID] = member("mbr_wrong")
    assert world.by_wechat(micropay()).member is None


def test_an_unknown_payer_is_provisional_with_both_pairs(world: World) -> None:
    found = world.by_wechat(micropay())
    assert (found.member, found.payer_ref, found.certainty) == (None, "pyr_1", Certainty.PAYMENT)
    assert world.books.payers == [("b1", [(SUB_APPID, SUB_OPENID), (APPID, OPENID)])]


@pytest.mark.parametrize(
    ("scope", "verdict"),
    [
        (None, "unknown_merchant"),
        (MerchantScope("b2", frozenset({"S1"})), "other_store"),
        (MerchantScope("b1", frozenset({"S2"})), "other_store"),
        (MerchantScope("b1", frozenset()), "other_store"),
    ],
)
def test_merchants_out_of_scope_fail_closed(world: World, scope: MerchantScope | None, verdict: str) -> None:
    world.replica.openids[SUB_APPID, SUB_OPENID] = member()
    world.replica.merchants = {(MCH, SUB_MCH): scope} if scope is not None else {}
    found = world.by_wechat(micropay())
    assert (found.by, found.member, found.payer_ref, found.certainty) == (IdentifiedBy.NOBODY, None, None, None)
    assert found.payment is not None
    assert found.payment.scope == verdict
    assert not found.prices
    assert world.books.payers == []


def test_a_direct_merchant_is_mapped_without_a_sub_merchant(world: World) -> None:
    world.refuses(micropay(sub_mch_id=None, trade_type=None), code="WECHAT_RESULT_UNREADABLE", status=422, wechat=True)
    found = world.by_wechat(micropay(sub_mch_id=None))
    assert found.payment is not None
    assert found.payment.scope == "unknown_merchant"
    other = World()
    other.replica.merchants[MCH, ""] = MerchantScope("b1", frozenset({"S1"}))
    assert other.by_wechat(micropay(sub_mch_id=None)).payer_ref == "pyr_1"


def test_a_payment_without_openid_is_evidence_of_nobody(world: World) -> None:
    found = world.by_wechat(micropay(openid=None, sub_openid=None))
    assert (found.by, found.payer_ref) == (IdentifiedBy.NOBODY, None)
    assert found.payment is not None
    assert found.payment.scope == "known"


@pytest.mark.parametrize("state", ["USERPAYING", "NOTPAY", "CLOSED", "REVOKED", "REFUND", "PAYERROR", "ODD"])
def test_only_a_completed_payment_names_somebody(world: World, state: str) -> None:
    refusal = world.refuses(micropay(trade_state=state), code="PAYMENT_NOT_COMPLETE", status=409, wechat=True)
    assert ("UNKNOWN" if state == "ODD" else state) in refusal.message
    world.refuses(partner(trade_state=state), code="PAYMENT_NOT_COMPLETE", status=409, wechat=True)


def test_one_payment_is_one_identification_whichever_answer_tells_of_it(world: World) -> None:
    first = world.by_wechat(micropay())
    assert world.by_wechat(micropay()) is first
    assert world.by_wechat(micropay(trade_state="SUCCESS")) is first
    assert world.by_wechat(partner()) is first
    world.books.used.add(TRANSACTION)  # its own sale was booked: a repeated call still gets the same answer
    assert world.by_wechat(micropay()) is first
    world.clock.passes(IDENTIFICATION_TTL_S)
    world.refuses(micropay(), code="TRANSACTION_USED", status=409, wechat=True)


def test_an_answer_without_its_sub_merchant_is_the_same_payment(world: World) -> None:
    first = world.by_wechat(micropay())
    assert world.by_wechat(micropay(sub_mch_id=None)) is first
    other = World()
    closed = other.by_wechat(micropay(sub_mch_id=None))
    assert closed.by is IdentifiedBy.NOBODY
    assert other.by_wechat(micropay(sub_mch_id=None)) is closed
    assert other.by_wechat(micropay()).payer_ref == "pyr_1"  # this answer says more, and nothing was booked yet
    other.replica.merchants.clear()
    later = other.by_wechat(micropay())
    assert later.payer_ref == "pyr_1"  # a map that lost the merchant does not undo what was found


def test_a_payment_of_another_sale_is_refused(world: World) -> None:
    world.books.used.add(TRANSACTION)
    world.refuses(micropay(), code="TRANSACTION_USED", status=409, wechat=True)


def test_the_same_payment_cannot_change_its_amount_or_merchant(world: World) -> None:
    world.by_wechat(micropay())
    world.refuses(micropay(total_fee="999"), code="TRANSACTION_CONFLICT", status=409, wechat=True)
    world.refuses(micropay(sub_mch_id="1"), code="TRANSACTION_CONFLICT", status=409, wechat=True)


def test_no_openid_stays_in_what_is_handed_out(world: World) -> None:
    shown = repr(world.by_wechat(micropay())) + repr(world.identifier._identified._held)
    for secret in (OPENID, SUB_OPENID):
        assert secret not in shown
    refusal = world.refuses(micropay(total_fee="900"), code="TRANSACTION_CONFLICT", status=409, wechat=True)
    assert OPENID not in repr(vars(refusal))
