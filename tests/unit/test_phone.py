"""Who is it by phone number, at the till: forms of a number, HQ's answers, its absence, and nothing left behind."""

import asyncio
import time

import pytest

from agent.domain.errors import HqRejected, HqUnreachable, Refusal
from agent.domain.member import Certainty, IdentifiedBy
from agent.domain.phone import mobile
from agent.wording import SENTENCES
from sync.phone_protocol import PhoneAnswer, PhoneRequest
from tests.unit.identify_world import World, member

PHONE = "13812345678"


class FakeHq:
    """Answers, or does what a test wants instead."""

    def __init__(self, answer: PhoneAnswer | Exception | None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def phone(self, request: PhoneRequest) -> PhoneAnswer:
        self.asked.append(request.phone)
        if self.answer is None:
            await asyncio.Event().wait()  # a line that is up and says nothing
        if isinstance(self.answer, Exception):
            raise self.answer
        assert self.answer is not None
        return self.answer


@pytest.fixture
def world() -> World:
    found = World()
    found.replica.ids["mbr_1"] = member("mbr_1")
    found.replica.ids["mbr_x"] = member("mbr_x", brand_id="b2")
    return found


@pytest.mark.parametrize(
    "text",
    [
        PHONE, "+8613812345678", "+86 138 1234 5678", "0086-138-1234-5678", "86 13812345678", "138\u20131234\u20135678",
        " (138) 12345678\t", "\uff08+86\uff0913812345678", "1 3 8 1 2 3 4 5 6 7 8",
    ],
)  # fmt: skip
def test_a_number_as_people_write_it_is_one_number(world: World, text: str) -> None:
    hq = FakeHq(PhoneAnswer(member_id="mbr_1"))
    found = asyncio.run(world.asked(hq).by_phone(text))
    assert hq.asked == [PHONE]
    assert (found.by, found.certainty, found.member) == (IdentifiedBy.PHONE, Certainty.CODE, member("mbr_1").member)
    assert (found.prices, Certainty.CODE.may_spend, found.nonce) == (True, False, None)
    assert world.identifier.get(found.identification_id) is found


@pytest.mark.parametrize(
    "text",
    ["", "1381234567", "138123456789", "23812345678", "+8523812345678", "138-1234-567x", "１３８１２３４５６７８"],
)
def test_what_is_no_number_is_refused_and_hq_is_not_asked(world: World, text: str) -> None:
    hq = FakeHq(PhoneAnswer(member_id="mbr_1"))
    assert mobile(text) is None
    refused(world, hq, text, "PHONE_UNREADABLE", 422)
    assert hq.asked == []


def refused(world: World, hq: FakeHq, text: str, code: str, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        asyncio.run(world.asked(hq).by_phone(text))
    refusal = caught.value
    assert (refusal.code, refusal.status) == (code, status)
    assert code in SENTENCES
    said = [repr(refusal), repr(vars(refusal)), repr(refusal.__cause__), repr(refusal.__context__)]
    assert not text or not any(text in one for one in said)


@pytest.mark.parametrize(
    ("answer", "code", "status"),
    [
        (PhoneAnswer(member_id=None), "MEMBER_UNKNOWN", 404),
        (PhoneAnswer(member_id="mbr_new"), "MEMBER_UNKNOWN", 404),  # joined just now: with the next pull
        (PhoneAnswer(member_id="mbr_x"), "MEMBER_UNKNOWN", 404),  # of another brand
        (HqUnreachable("down"), "PHONE_NEEDS_NETWORK", 409),
        (HqRejected("busy", status=409, code="PHONE_TRIED_TOO_OFTEN"), "PHONE_TRIED_TOO_OFTEN", 409),
        (HqRejected("old", status=404, code="NOT_FOUND"), "PHONE_NEEDS_NETWORK", 409),  # an HQ without this call
    ],
)
def test_what_the_cashier_hears_where_nobody_is_named(
    world: World, answer: PhoneAnswer | Exception, code: str, status: int
) -> None:
    refused(world, FakeHq(answer), PHONE, code, status)


def test_an_hq_that_says_nothing_is_waited_for_as_long_as_the_deadline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.phone_lookup.NETWORK_DEADLINE_MS", 20)
    began_s = time.monotonic()
    refused(world, FakeHq(None), PHONE, "PHONE_NEEDS_NETWORK", 409)
    assert time.monotonic() - began_s < 10


def test_nothing_of_a_number_is_kept_or_shown(world: World) -> None:
    hq = FakeHq(PhoneAnswer(member_id="mbr_1"))
    asked = world.asked(hq)
    for _ in range(2):
        asyncio.run(asked.by_phone(PHONE))
    assert hq.asked == [PHONE, PHONE], "asked anew each time: no answer is remembered under a number"
    assert PHONE not in repr(PhoneRequest(phone=PHONE))
    assert PHONE not in repr([vars(world.identifier), vars(asked), vars(asked._phones)])
