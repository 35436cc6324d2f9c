"""Member cards at WeChat: join links by generation, balances told once and absolutely (facts/wechat.md D)."""

from pathlib import Path

import pytest

from agent.domain.errors import Refusal
from agent.domain.ledger import POINTS_ACCOUNT
from sync.hq import own_books
from sync.hq.bounds import WECHAT_CARD_TRIES, WECHAT_RETRY_CAP_S
from sync.hq.own_rows import OwnPosting
from sync.hq.wechat_cards import BrandCard
from sync.wechat.cards import Generation
from tests.unit import hq_wechat_world
from tests.unit.hq_wechat_world import BRAND, GOLD_NUMBER, SUB_OPENID, WechatWorld, play
from tests.unit.test_hq_world import query
from tests.wechat_stand_in import WechatStandIn

CARD, CODE = "pbLatjvWOibDc5-TBnbUk1pD12o0", "478515832665"


wechat_server, wechat = hq_wechat_world.wechat_server, hq_wechat_world.wechat


async def linked(world: WechatWorld, generation: Generation, shown: int = 0) -> None:
    card = BrandCard(BRAND, generation, world.wechat.mch_id, CARD, "1004")
    await world.hq.wechat.office.set_card(card)
    await world.hq.wechat.office.link_card(BRAND, GOLD_NUMBER, CODE, SUB_OPENID, shown)


async def earn(world: WechatWorld, points: int, reference: str) -> None:
    one = OwnPosting(BRAND, "join", reference, world.member_id, POINTS_ACCOUNT, points, "", world.clock.at_ms)
    await world.hq._write(lambda c: own_books.post(c, one))


async def tell(world: WechatWorld) -> int:
    """Work until nothing is due; how many cards were told."""
    told = 0
    while await world.hq.wechat.worker.prepare() or await world.hq.wechat.worker.tell_card():
        told += 1
        assert told < 50
    return told


@pytest.mark.parametrize("generation", [Generation.OPEN, Generation.BRAND])
def test_the_balance_is_told_and_told_again_only_when_it_changed(
    tmp_path: Path, wechat: WechatStandIn, generation: Generation
) -> None:
    async def story(world: WechatWorld) -> None:
        await linked(world, generation)
        await tell(world)
        assert wechat.points == {CODE: 100}
        calls = len(wechat.calls)
        await tell(world)
        assert len(wechat.calls) == calls, "nothing changed, nothing is told"
        await earn(world, 25, "a")
        await earn(world, 5, "b")
        await tell(world)
        assert wechat.points == {CODE: 130}
        assert len(wechat.calls) == calls + 1, "two changes, one balance"

    play(tmp_path, story, wechat)


def test_a_lost_answer_is_repeated_under_the_same_id(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        await linked(world, Generation.OPEN, shown=40)
        await world.hq.wechat.worker.prepare()
        wechat.mischief = "no_signature"  # WeChat took it, and what it answered cannot be believed
        assert await world.hq.wechat.worker.tell_card()
        wechat.mischief = ""
        world.clock.at_ms += WECHAT_RETRY_CAP_S * 1000
        assert await world.hq.wechat.worker.tell_card()
        assert len(wechat.requests_seen) == 1
        assert wechat.points == {CODE: 100}
        row = (await query(world.hq, "SELECT state, shown_points FROM wechat_member_cards"))[0]
        assert (row["state"], row["shown_points"]) == ("equal", 100)

    play(tmp_path, story, wechat)


def test_a_refusal_of_one_card_ends_with_a_person(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        await linked(world, Generation.OPEN)
        wechat.mischief = "refuse:INVALID_REQUEST/400"
        for _ in range(WECHAT_CARD_TRIES):
            await world.hq.wechat.worker.prepare()
            assert await world.hq.wechat.worker.tell_card()
            world.clock.at_ms += WECHAT_RETRY_CAP_S * 1000
        row = (await query(world.hq, "SELECT state, code FROM wechat_member_cards"))[0]
        assert (row["state"], row["code"]) == ("stuck", "INVALID_REQUEST")
        assert not await world.hq.wechat.worker.tell_card()
        wechat.mischief = ""
        await earn(world, 1, "news")
        await tell(world)
        assert wechat.points == {CODE: 101}, "a new balance is a new try"

    play(tmp_path, story, wechat)


def test_an_absent_wechat_never_counts_as_a_refusal(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        await linked(world, Generation.OPEN)
        wechat.mischief = "down"
        for _ in range(WECHAT_CARD_TRIES + 2):
            await world.hq.wechat.worker.tell_card()
            world.clock.at_ms += WECHAT_RETRY_CAP_S * 1000
        assert (await query(world.hq, "SELECT state FROM wechat_member_cards"))[0]["state"] == "waiting"

    play(tmp_path, story, wechat)


def test_erasing_a_member_forgets_the_card(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        await linked(world, Generation.OPEN)
        await world.hq.members.erase(BRAND, world.member_id, "顾客", "申请")
        assert await query(world.hq, "SELECT * FROM wechat_member_cards") == []
        await tell(world)
        assert wechat.points == {}

    play(tmp_path, story, wechat)


def test_join_links_by_generation(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        office = world.hq.wechat.office
        assert await office.join_url(BRAND, "S1") == "https://example.test/join?s=S1"
        await office.set_card(BrandCard(BRAND, Generation.OPEN, wechat.mch_id, CARD))
        assert await office.join_url(BRAND, "S1") == f"https://qr.example.com/{CARD}?o=S1"
        await office.set_card(BrandCard(BRAND, Generation.BRAND, wechat.mch_id, CARD, "1004"))
        assert await office.join_url(BRAND, "S1") == "https://example.test/join?s=S1", "generation 3 has no QR (D.3)"
        for scene in ("", "a b", "一号店", "x" * 33):
            with pytest.raises(Refusal) as caught:
                await office.join_url(BRAND, scene)
            assert caught.value.code == "WECHAT_SCENE_INVALID"
        await world.hq.init_brand("bare", "无页", "")
        with pytest.raises(Refusal, match="no join page"):
            await office.join_url("bare", "S1")

    play(tmp_path, story, wechat)


def test_what_is_no_card(tmp_path: Path, wechat: WechatStandIn) -> None:
    async def story(world: WechatWorld) -> None:
        office = world.hq.wechat.office
        for card in (BrandCard(BRAND, Generation.OPEN, wechat.mch_id), BrandCard(BRAND, Generation.BRAND, "1", CARD)):
            with pytest.raises(Refusal) as caught:
                await office.set_card(card)
            assert caught.value.code == "WECHAT_ID_INVALID"
        with pytest.raises(Refusal) as caught:
            await office.link_card(BRAND, "999999999999", CODE)
        assert caught.value.code == "MEMBER_UNKNOWN"
        with pytest.raises(Refusal) as caught:
            await office.link_card(BRAND, GOLD_NUMBER, "4785 1583")
        assert caught.value.code == "WECHAT_ID_INVALID"

    play(tmp_path, story, wechat)
