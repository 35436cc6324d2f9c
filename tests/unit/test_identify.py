"""Who is it by a code, and how sure (till-api; R19; facts/wechat.md A.5)."""

import asyncio

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.domain.member import Certainty, Identification, IdentifiedBy
from agent.domain.scan import CodeKind, RawScan
from agent.limits import IDENTIFICATION_TTL_S, IDENTIFICATIONS, NONCES_SEEN
from tests.unit.identify_world import NOW_S, PAY_CODE, World, code_text, member
from tests.unit.wechat_samples import (
    micropay,
)


@pytest.fixture
def world() -> World:
    return World()


# --- classify: look-ups settle what shapes cannot -------------------------------------------------------------------
@pytest.mark.parametrize(
    ("text", "symbology", "unknown"),
    [
        ("281234567890123456789012", "Q1", CodeKind.ALIPAY),
        (PAY_CODE, "Q1", CodeKind.WECHAT_PAY),
        ("036000291452", None, CodeKind.ITEM),
        ("018255396048", None, CodeKind.MEMBER_CODE),
        ("6901234567892", "E0", CodeKind.ITEM),
        ("280012300500012345", None, CodeKind.ALIPAY),
    ],
)
def test_a_known_member_wins_over_every_shape(
    world: World, text: str, symbology: str | None, unknown: CodeKind
) -> None:
    assert world.classify(text, symbology) is unknown
    world.replica.codes[text] = member(brand_id="b2")
    assert world.classify(text, symbology) is unknown
    world.replica.codes[text] = member()
    assert world.classify(f" {text}\r\n", symbology) is CodeKind.MEMBER_CODE


def test_articles_come_after_members_and_before_payment(world: World) -> None:
    label = "280012300500012345"
    world.replica.items |= {"2800123", "018255396048", "SKU-1"}
    assert world.classify(label) is CodeKind.ITEM
    assert world.classify(label, "Q1") is CodeKind.ALIPAY  # a QR is no label
    assert world.classify("018255396048") is CodeKind.ITEM
    assert world.classify("SKU-1", "C0") is CodeKind.ITEM
    assert world.classify("SKU-2", "C0") is CodeKind.MEMBER_CODE


def test_ean_is_an_article_even_when_a_member_has_that_number(world: World) -> None:
    world.replica.items.add("6901234567892")
    world.replica.codes["6901234567892"] = member()
    world.replica.codes["036000291452"] = member()
    assert world.classify("6901234567892", "E0") is CodeKind.ITEM
    assert world.classify("036000291452", "E0") is CodeKind.ITEM


# --- static codes ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "code", ["018255396048", "163652150534672204", "281234567890123456789012", "VIP#42", PAY_CODE, "88010042"]
)
def test_static_codes_of_all_generations(world: World, code: str) -> None:
    world.replica.codes[code] = member()
    found = world.by_code(code + "\n")
    assert found.member == member().member
    assert (found.by, found.certainty) == (IdentifiedBy.MEMBER_CODE, Certainty.CODE)
    assert found.prices
    assert world.identifier.get(found.identification_id) is found


def test_codes_that_name_nobody_here(world: World) -> None:
    world.replica.codes["018255396048"] = member(brand_id="b2")
    world.refuses("018255396048", code="MEMBER_UNKNOWN", status=404)
    world.refuses("VIP-1", code="MEMBER_UNKNOWN", status=404)
    world.refuses("会员", code="CODE_UNREADABLE", status=422)
    world.refuses("１３４６５００６１０９８８２８００９", code="CODE_UNREADABLE", status=422)


@pytest.mark.parametrize("code", [PAY_CODE, "281234567890123456", "fp" + "a" * 33, "6212345678901234567"])
def test_payment_codes_need_hq_and_are_never_repeated(world: World, code: str) -> None:
    world.refuses(code, code="PAYMENT_CODE_NEEDS_NETWORK", status=409)
    with pytest.raises(Refusal) as caught:
        asyncio.run(world.asked().by_payment_code(code))
    assert caught.value.code == "PAYMENT_CODE_NEEDS_NETWORK"
    assert code not in repr(caught.value)
    assert code not in repr(vars(world.identifier))
    scan = asyncio.run(world.identifier.classify(RawScan(code, None, "gun", 1.0)))
    assert scan.kind.is_payment
    assert code not in repr(scan)
    with pytest.raises(Refusal, match="no code"):
        asyncio.run(world.asked().by_payment_code("１" * 18))


# --- dynamic codes --------------------------------------------------------------------------------------------------
def test_a_dynamic_code_names_a_member_once(world: World) -> None:
    world.replica.codes["100000000001"] = member()
    found = world.by_code(code_text())
    assert (found.by, found.certainty, found.nonce) == (IdentifiedBy.DYNAMIC_CODE, Certainty.DYNAMIC, "N" * 16)
    assert found.certainty is not None
    assert found.certainty.may_spend
    world.refuses(code_text(), code="DYNAMIC_CODE_REPLAYED", status=409)
    assert world.by_code(code_text(nonce="M" * 16)).nonce == "M" * 16


def test_two_tills_faces_at_once_get_one_answer(world: World) -> None:
    world.replica.codes["100000000001"] = member()

    async def both() -> tuple[Identification | BaseException, ...]:
        text = code_text()
        return await asyncio.gather(
            world.identifier.by_code(text), world.identifier.by_code(text), return_exceptions=True
        )

    answers = asyncio.run(both())
    assert [isinstance(answer, Refusal) for answer in answers] == [False, True]


def test_a_nonce_in_the_books_outlives_a_restart(world: World) -> None:
    world.replica.codes["100000000001"] = member()
    world.books.used.add("N" * 16)
    world.refuses(code_text(), code="DYNAMIC_CODE_REPLAYED", status=409)


@pytest.mark.parametrize(("age_s", "fresh"), [(0, True), (150, True), (151, False), (-60, True), (-61, False)])
def test_window(world: World, age_s: int, fresh: bool) -> None:
    world.replica.codes["100000000001"] = member()
    text = code_text(at_s=NOW_S - age_s)
    if fresh:
        assert world.by_code(text).member is not None
    else:
        world.refuses(text, code="DYNAMIC_CODE_EXPIRED", status=422)


def test_no_trick_with_the_wall_clock_reopens_a_code(world: World) -> None:
    world.replica.codes["100000000001"] = member()
    world.by_code(code_text())
    world.clock.passes(100_000)
    world.by_code(code_text(at_s=NOW_S + 100_000, nonce="M" * 16))  # the first nonce is forgotten by now
    world.clock.ms = NOW_S * 1000
    world.refuses(code_text(), code="DYNAMIC_CODE_REPLAYED", status=409)
    world.clock.mono += 100_000  # the wall clock stands still
    world.clock.ms = (NOW_S + 100_000) * 1000
    world.refuses(code_text(at_s=NOW_S + 100_000, nonce="M" * 16), code="DYNAMIC_CODE_REPLAYED", status=409)
    assert world.by_code(code_text(at_s=NOW_S + 100_001, nonce="O" * 16)).member is not None


def test_seen_nonces_are_bounded_and_pruned(world: World) -> None:
    world.replica.codes["100000000001"] = member()
    seen = world.identifier._nonces._seen

    def nth(n: int) -> str:
        return code_text(at_s=NOW_S - 100 + n // 50, nonce=f"{n:016d}")

    async def fill() -> None:
        for n in range(NONCES_SEEN + 10):
            await world.identifier.by_code(nth(n))

    asyncio.run(fill())
    assert len(seen) == NONCES_SEEN
    world.refuses(nth(0), code="DYNAMIC_CODE_REPLAYED", status=409)  # forgotten, yet not accepted again
    world.clock.passes(211)
    world.by_code(code_text(at_s=NOW_S + 211))
    assert len(seen) == 1


def test_forged_codes(world: World) -> None:
    world.replica.codes["100000000001"] = world.replica.codes["100000000002"] = member()
    other = Ed25519PrivateKey.generate()
    world.refuses(code_text(key=other), code="DYNAMIC_CODE_FORGED", status=422)
    world.refuses(code_text().replace("100000000001", "100000000002"), code="DYNAMIC_CODE_FORGED", status=422)
    world.refuses(code_text().replace(str(NOW_S), str(NOW_S + 1)), code="DYNAMIC_CODE_FORGED", status=422)
    world.refuses(code_text().replace("N" * 16, "O" * 16), code="DYNAMIC_CODE_FORGED", status=422)
    world.refuses("MC1.b1.rubbish", code="DYNAMIC_CODE_FORGED", status=422)
    world.refuses("MC1." + PAY_CODE, code="DYNAMIC_CODE_FORGED", status=422)
    assert world.by_code(code_text()).member is not None  # none of them used the nonce up


def test_another_brands_code_and_an_unknown_member(world: World) -> None:
    world.refuses(code_text(brand="b2"), code="DYNAMIC_CODE_OTHER_BRAND", status=422)
    world.refuses(code_text(), code="MEMBER_UNKNOWN", status=404)
    world.replica.codes["100000000001"] = member()  # pulled a moment later: the same code still works
    assert world.by_code(code_text()).member is not None


# --- what was handed out --------------------------------------------------------------------------------------------
def test_an_identification_lives_15_minutes_of_monotonic_time(world: World) -> None:
    name = world.identifier.nobody().identification_id
    world.clock.mono += IDENTIFICATION_TTL_S - 0.1
    world.clock.ms += 10**9  # the wall clock has no say
    assert world.identifier.get(name) is not None
    world.clock.mono += 0.1
    assert world.identifier.get(name) is None
    assert world.identifier.get("idn_nobody") is None


def test_identifications_are_bounded_oldest_first(world: World) -> None:
    first = world.by_wechat(micropay())
    second = world.identifier.nobody()
    for _ in range(IDENTIFICATIONS - 1):
        world.identifier.nobody()
    assert world.identifier.get(first.identification_id) is None
    assert world.identifier.get(second.identification_id) is second
    assert len(world.identifier._identified._held) == IDENTIFICATIONS
    assert world.identifier._identified._by_transaction == {}
    world.clock.passes(IDENTIFICATION_TTL_S)
    world.identifier.nobody()
    assert len(world.identifier._identified._held) == 1


def test_nobody_and_ids(world: World) -> None:
    nobody = world.identifier.nobody()
    assert (nobody.by, nobody.member, nobody.payer_ref, nobody.payment) == (IdentifiedBy.NOBODY, None, None, None)
    assert not nobody.prices
    assert nobody.identification_id == random_id("idn", (1).to_bytes(15))
    assert world.identifier.nobody().identification_id != nobody.identification_id


def test_balance_adds_what_the_snapshot_has_not_seen(world: World) -> None:
    world.replica.codes["018255396048"] = member(points=100)
    world.books.rows["points", "mbr_1"] = [("e1", 5, 1000), ("e1", 6, 7), ("e2", 1, -2)]
    found = world.by_code("018255396048")
    assert asyncio.run(world.identifier.balance(member(points=100))) == 105
    assert asyncio.run(world.identifier.balance_of(found.identification_id)) == 105
    assert asyncio.run(world.identifier.balance_of(world.identifier.nobody().identification_id)) is None
    assert asyncio.run(world.identifier.balance_of("idn_x")) is None
