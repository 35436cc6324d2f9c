"""Who earns and which payment stands (wire.md "WeChat evidence", R20): the judgement alone, by table and by chance."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.domain.evidence import Judged, judge, wechat_ids
from agent.domain.member import Certainty, Identification, IdentifiedBy, Member, PaymentEvidence
from agent.domain.sale import TenderLine, TenderType
from agent.domain.verified import VerifiedTicket

CODE = Identification("idn_c", IdentifiedBy.MEMBER_CODE, Member("mbr_c", "b", "gold", 0, "*"), Certainty.CODE)


PIN = VerifiedTicket("pin", 1_790_000_000, "n", "s")


def payment(total_fen: int = 1000, *, member: bool = True, scope: str = "known", number: str = "T1") -> Identification:
    who = Member("mbr_p", "b", "silver", 0, "*") if member else None
    by = IdentifiedBy.WECHAT_PAYMENT if scope == "known" else IdentifiedBy.NOBODY
    evidence = PaymentEvidence(number, total_fen, "m", "s", scope)
    return Identification("idn_p", by, who if scope == "known" else None, Certainty.PAYMENT, None, evidence)


def wechat(amount_fen: int, number: str | None = None) -> TenderLine:
    return TenderLine(TenderType.WECHAT, amount_fen, number)


def codes(judged: Judged) -> list[str]:
    return [one.code for one in judged.discrepancies]


CASH = TenderLine(TenderType.CASH, 1000)


@pytest.mark.parametrize(
    ("quoted", "shown", "tenders", "used", "who", "earns", "found"),
    [
        (None, None, [CASH], [], None, True, []),
        (CODE, None, [CASH], [], CODE, True, []),
        (None, CODE, [CASH], [], CODE, True, []),
        (CODE, payment(), [wechat(1000)], [], CODE, True, []),  # a family: the code wins
        (None, payment(), [wechat(1000)], [], payment(), True, []),
        (None, payment(member=False), [wechat(1000)], [], None, True, []),
        (None, payment(), [wechat(1000, "T1")], [], payment(), True, []),
        (None, payment(), [wechat(1000, "T2")], [], None, True, ["PAYMENT_NOT_A_TENDER"]),
        (None, payment(), [CASH], [], None, True, ["PAYMENT_NOT_A_TENDER"]),
        (CODE, payment(), [CASH], [], CODE, True, ["PAYMENT_NOT_A_TENDER"]),
        (None, payment(999), [wechat(1000)], [], None, False, ["PAYMENT_AMOUNT_DIFFERS"]),
        (CODE, payment(999), [wechat(1000)], [], CODE, False, ["PAYMENT_AMOUNT_DIFFERS"]),
        (None, payment(), [wechat(1000)], ["T1"], None, False, ["TRANSACTION_USED"]),
        (CODE, None, [wechat(1000, "T9")], ["T9"], CODE, False, ["TRANSACTION_USED"]),
        (None, None, [wechat(500, "T9"), wechat(500, "T9")], [], None, False, ["TRANSACTION_USED"]),
        (None, payment(scope="unknown_merchant"), [wechat(1000)], [], None, True, ["UNKNOWN_SUB_MCH_ID"]),
        (None, payment(scope="other_store"), [wechat(1000)], [], None, True, ["MERCHANT_OF_OTHER_STORE"]),
        (None, None, [TenderLine(TenderType.CARD, 1000, "T9")], ["T9"], None, True, []),
    ],
)
def test_who_earns(
    quoted: Identification | None,
    shown: Identification | None,
    tenders: list[TenderLine],
    used: list[str],
    who: Identification | None,
    earns: bool,
    found: list[str],
) -> None:
    judged = judge(quoted, shown, tenders, used)
    assert (judged.member_by, judged.earns, codes(judged)) == (who, earns, found)


@pytest.mark.parametrize(
    ("tenders", "used", "earns"),
    [([CASH], [], True), ([wechat(999)], [], False), ([wechat(1000)], ["T1"], False), ([wechat(1000)], [], True)],
)
def test_a_payer_who_was_verified_stays_whose_quote_it_is_whatever_becomes_of_the_payment(
    tenders: list[TenderLine], used: list[str], earns: bool
) -> None:
    verified = dataclasses.replace(payment(), certainty=Certainty.VERIFIED, ticket=PIN)
    for shown in (None, CODE, payment()):
        judged = judge(verified, shown, tenders, used)
        assert (judged.member_by, judged.earns) == (verified, earns), "else it is given what nobody pays for"


@pytest.mark.parametrize(
    ("tenders", "named"),
    [
        ([wechat(500), wechat(1000)], [None, "T1"]),  # the one of its amount
        ([wechat(1000), wechat(1000)], ["T1", None]),  # the first of equals
        ([wechat(1000), wechat(500, "T1")], [None, "T1"]),  # the one that names it, though its amount differs
        ([CASH, wechat(1000)], [None, "T1"]),
    ],
)
def test_which_tender_the_evidence_belongs_to(tenders: list[TenderLine], named: list[str | None]) -> None:
    judged = judge(None, payment(), tenders, [])
    assert [one.transaction_id for one in judged.tenders] == named


_NUMBERS = st.sampled_from(["T1", "T2", "T3", None])
_TENDERS = st.lists(st.builds(TenderLine, st.sampled_from(TenderType), st.integers(0, 3), _NUMBERS), max_size=4)
_SHOWN = st.one_of(st.none(), st.just(CODE), st.builds(payment, st.integers(1, 3), member=st.booleans()))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # two busy cores
@given(_SHOWN, _SHOWN, _TENDERS, st.sets(st.sampled_from(["T1", "T2", "T3"])))
def test_no_transaction_is_used_twice_and_no_money_changes(
    quoted: Identification | None, shown: Identification | None, tenders: list[TenderLine], used: set[str]
) -> None:
    judged = judge(quoted, shown, tenders, used)
    assert len(set(judged.transaction_ids)) == len(judged.transaction_ids)
    assert not set(judged.transaction_ids) & used
    assert set(judged.transaction_ids) | used >= set(wechat_ids(judged.tenders))
    assert [(one.type, one.amount_fen) for one in judged.tenders] == [(one.type, one.amount_fen) for one in tenders]
    again = set(wechat_ids(judged.tenders)) & used or len(wechat_ids(judged.tenders)) > len(judged.transaction_ids)
    assert ("TRANSACTION_USED" in codes(judged)) == bool(again)
    if judged.member_by is not None and judged.member_by.payment is not None:
        assert judged.payment is judged.member_by  # a payer earns only by evidence that stands
