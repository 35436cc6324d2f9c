"""A member verified by their PIN, at the till: HQ's signed word alone raises the certainty, and nothing is kept."""

import asyncio
import base64
from typing import cast

import pytest

from agent.domain.errors import HqRejected, HqUnreachable, Refusal
from agent.domain.member import Certainty, Identification, IdentifiedBy
from agent.domain.verified import VerifiedTicket, signing_bytes
from agent.identify_asked import AskedIdentifier
from agent.limits import IDENTIFICATION_TTL_S
from agent.phone_lookup import MembersById, PhoneDesk, PhoneLookup
from agent.ports import KeyRing
from agent.verifying import Verifier
from agent.wording import SENTENCES
from sync.verify_protocol import SmsAnswer, SmsRequest, VerifyAnswer, VerifyRequest
from tests.unit.identify_world import HQ_KEY, NOW_S, FakeKeyRing, World, code_text, member
from tests.unit.wechat_samples import APPID, OPENID, micropay

PIN = "482913"


class FakeHq:
    """Signs for `signed_for`, or does what a test wants instead."""

    def __init__(self, fault: Exception | None = None, signed_for: tuple[str, str, str] = ("S1-1", "b1", "mbr_1")):
        self.fault, self.signed_for = fault, signed_for
        self.asked: list[VerifyRequest] = []
        self.sent: list[SmsRequest] = []

    async def send_sms(self, request: SmsRequest) -> SmsAnswer:
        if self.fault is not None:
            raise self.fault
        self.sent.append(request)
        return SmsAnswer(expires_s=300)

    async def verify(self, request: VerifyRequest) -> VerifyAnswer:
        self.asked.append(request)
        if self.fault is not None:
            raise self.fault
        nonce = f"N{len(self.asked):015d}"
        signature = HQ_KEY.sign(signing_bytes(*self.signed_for, "pin", NOW_S, nonce))
        return VerifyAnswer(how="pin", at_s=NOW_S, nonce=nonce, signature=base64.b64encode(signature).decode())


@pytest.fixture
def world() -> World:
    found = World()
    found.replica.codes["100000000001"] = member("mbr_1")
    return found


def asked(world: World, hq: FakeHq) -> AskedIdentifier:
    phones = PhoneLookup(cast("PhoneDesk", None), cast("MembersById", world.replica))
    return AskedIdentifier(
        world.identifier, None, phones, Verifier(hq, cast("KeyRing", FakeKeyRing()), "S1-1", "b1")
    )  # fmt: skip


def verify(world: World, hq: FakeHq, who: Identification) -> Identification:
    return asyncio.run(asked(world, hq).verified(who.identification_id, pin=PIN))


def refused(world: World, hq: FakeHq, identification_id: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        asyncio.run(asked(world, hq).verified(identification_id, pin=PIN))
    said = caught.value
    assert said.code in SENTENCES
    assert PIN not in repr([said, vars(said), said.__cause__, said.__context__])
    return said


def test_a_verified_member_may_spend_and_the_former_identification_stays_what_it_was(world: World) -> None:
    code = world.by_code("100000000001")
    hq = FakeHq()
    raised = verify(world, hq, code)
    assert (raised.by, raised.certainty, raised.member) == (
        IdentifiedBy.MEMBER_CODE, Certainty.VERIFIED, member("mbr_1").member
    )  # fmt: skip
    assert raised.ticket is not None
    assert (raised.ticket.how, raised.nonce) == ("pin", raised.ticket.nonce)
    assert Certainty.VERIFIED.may_spend
    assert raised.prices
    assert world.identifier.get(code.identification_id) is code
    assert code.certainty is Certainty.CODE
    assert asyncio.run(world.identifier.balance_of(raised.identification_id)) == 100
    world.clock.passes(IDENTIFICATION_TTL_S)
    assert world.identifier.get(raised.identification_id) is None, "verified for a quarter of an hour, as anybody is"


def test_whoever_was_recognised_may_be_verified_a_dynamic_code_too(world: World) -> None:
    dynamic = world.by_code(code_text())
    raised = verify(world, FakeHq(), dynamic)
    assert (raised.by, raised.certainty) == (IdentifiedBy.DYNAMIC_CODE, Certainty.VERIFIED)
    assert raised.nonce != dynamic.nonce


def test_a_payer_who_was_verified_is_one_payer_and_the_payment_alone_still_verifies_nobody(world: World) -> None:
    world.replica.openids[APPID, OPENID] = member("mbr_1")
    paid = world.by_wechat(micropay())
    raised = verify(world, FakeHq(), paid)
    assert (raised.certainty, raised.payment) == (Certainty.VERIFIED, paid.payment)
    assert world.by_wechat(micropay()) is paid, "handed over again without a PIN"
    assert world.identifier.paid_lately(888, 60) == [paid], "two would be two customers to the tap"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (HqUnreachable("down"), "VERIFY_NEEDS_NETWORK"),
        (HqRejected("old", status=404, code="NOT_FOUND"), "VERIFY_NEEDS_NETWORK"),  # an HQ without this call
        *[
            (HqRejected("no", status=409, code=code), code)
            for code in ("MEMBER_PIN_WRONG", "MEMBER_PIN_LOCKED", "MEMBER_PIN_UNSET", "PIN_TRIED_TOO_OFTEN")
        ],
    ],
)
def test_what_the_cashier_hears_where_nobody_is_verified(world: World, fault: Exception, code: str) -> None:
    who = world.by_code("100000000001")
    said = refused(world, FakeHq(fault), who.identification_id)
    assert (said.code, said.status) == (code, 409)
    assert world.identifier.get(who.identification_id) is who


def test_a_message_is_asked_for_by_the_number_the_customer_says(world: World) -> None:
    who, hq = world.by_code("100000000001"), FakeHq()
    assert asyncio.run(asked(world, hq).send_sms(who.identification_id, "+86 138-1234 5678")) == 300
    assert [(one.member_id, one.phone) for one in hq.sent] == [("mbr_1", "13812345678")]
    assert "13812345678" not in repr(hq.sent)
    for identification_id, number, code in (
        (who.identification_id, "138", "PHONE_UNREADABLE"),
        ("idn_unknown", "13812345678", "IDENTIFICATION_EXPIRED"),
        (world.identifier.nobody().identification_id, "13812345678", "MEMBER_REQUIRED"),
    ):
        with pytest.raises(Refusal) as said:
            asyncio.run(asked(world, hq).send_sms(identification_id, number))
        assert said.value.code == code
    assert len(hq.sent) == 1


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("SMS_NOT_CONFIGURED", "sms_code"), ("SMS_NOT_SENT", "sms_code"), ("SMS_TOO_SOON", "sms_code"),
        ("SMS_TOO_MANY", "sms_code"), ("PHONE_NOT_THEIRS", "phone"), ("PHONE_TRIED_TOO_OFTEN", "phone"),
        ("WHATEVER", None),
    ],
)  # fmt: skip
def test_what_the_cashier_hears_where_nothing_was_sent(world: World, code: str, field: str | None) -> None:
    who = world.by_code("100000000001")
    hq = FakeHq(HqRejected("no", status=409, code=code))
    with pytest.raises(Refusal) as said:
        asyncio.run(asked(world, hq).send_sms(who.identification_id, "13812345678"))
    assert (said.value.code, said.value.field) == (code if field else "VERIFY_NEEDS_NETWORK", field)
    assert "13812345678" not in repr([said.value, vars(said.value), said.value.__context__])


@pytest.mark.parametrize("signed_for", [("S1-2", "b1", "mbr_1"), ("S1-1", "b2", "mbr_1"), ("S1-1", "b1", "mbr_2")])
def test_a_word_for_another_member_brand_or_till_raises_nobody(world: World, signed_for: tuple[str, str, str]) -> None:
    who = world.by_code("100000000001")
    assert refused(world, FakeHq(signed_for=signed_for), who.identification_id).code == "VERIFY_NEEDS_NETWORK"


def test_hq_is_not_asked_where_there_is_nobody_to_verify(world: World) -> None:
    hq, nobody = FakeHq(), world.identifier.nobody()
    assert refused(world, hq, nobody.identification_id).code == "MEMBER_REQUIRED"
    assert refused(world, hq, "idn_unknown").code == "IDENTIFICATION_EXPIRED"
    who = world.by_code("100000000001")
    world.clock.passes(IDENTIFICATION_TTL_S)
    assert refused(world, hq, who.identification_id).code == "IDENTIFICATION_EXPIRED"
    assert hq.asked == []


def test_an_hq_that_says_nothing_is_waited_for_as_long_as_the_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent(FakeHq):
        async def verify(self, request: VerifyRequest) -> VerifyAnswer:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr("agent.verifying.NETWORK_DEADLINE_MS", 20)
    who = world.by_code("100000000001")
    assert refused(world, Silent(), who.identification_id).code == "VERIFY_NEEDS_NETWORK"


def test_in_a_training_nobody_is_verified(world: World) -> None:
    who = world.by_code("100000000001")
    with pytest.raises(Refusal) as said:
        asyncio.run(world.asked().verified(who.identification_id, pin=PIN))
    assert said.value.code == "VERIFY_NEEDS_NETWORK"


def test_a_ticket_counts_for_one_member_at_one_till_and_not_for_ever() -> None:
    ticket = VerifiedTicket("pin", NOW_S, "n", "s")
    assert ticket.signed_bytes("S1-1", "b1", "m") == f"pos-agent/verified/1\nS1-1\nb1\nm\npin\n{NOW_S}\nn\n".encode()
    lives = [ticket.covers((NOW_S + second) * 1000) for second in (-301, -300, 0, 900, 3000, 3001)]
    assert lives == [False, True, True, True, True, False]
