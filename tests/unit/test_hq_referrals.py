"""Referral (S33), the new-member pack (S08) and sign-in (S29): each once, and taken back where it must be."""

from pathlib import Path

import pytest

from agent.domain.errors import Refusal
from sync.channel_protocol import ChannelAnswer, ChannelEvent, MemberRef
from sync.hq import own_books
from tests.unit.hq_care_world import BRAND, REVIEW, CareWorld, play
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_world import RULES

CARE = {"referral_points": 20, "sign_in_points": [1, 2, 3, 4, 5]}
BATCH = "batch_id,name,type,start,end,off_yuan\njoin5,减5,amount_off,2026-09-01,2026-12-31,5\n"


async def ask(world: CareWorld, request_id: str, kind: str, member: int = 0, **more: object) -> ChannelAnswer:
    """One event of the channel `mini`, which is made at the first."""
    token = getattr(world, "token", "")
    if not token:
        token = (await world.hq.channels.add("mini", BRAND, "")).token
        world.token = token  # type: ignore[attr-defined]
    channel = await world.hq.channels.of_token(token)
    assert channel is not None
    said: dict[str, object] = {"request_id": request_id, "kind": kind, **more}
    if "of" not in more:
        said["member"] = MemberRef(member_id=world.ids[member])
    return await world.hq.channels.take(channel, ChannelEvent.model_validate(said))


async def points(world: CareWorld) -> list[int]:
    return [(await world.row(member)).points for member in range(3)]


def test_both_sides_are_paid_once_and_charged_back_when_the_sale_is_void(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(care=CARE, tier_review=REVIEW)
        friend = MemberRef(member_id=world.ids[0])
        await ask(world, "r1", "referral", 2, inviter=friend)
        await ask(world, "r2", "referral", 2, inviter=friend)
        assert await points(world) == [0, 1, 2], "nothing before the first sale"
        sale = world.sell(2, 5_000)
        world.sell(2, 5_000)
        await world.push()
        assert await points(world) == [20, 1, 22]
        inviter = await world.row(0)
        assert (inviter.quarter_invites, inviter.tier_id) == (1, "silver"), "one friend is a way up (S20)"
        world.give_back(sale, 2, 2_000)
        await world.push()
        assert await points(world) == [20, 1, 22], "a part came back: the sale stands"
        world.give_back(sale, 2, 3_000)
        await world.push()
        assert await points(world) == [0, 1, 2]
        assert (await world.row(0)).quarter_invites == 0
        world.sell(2, 100)
        await world.push()
        assert await points(world) == [20, 1, 22], "the next sale may invite again"
        assert await world.hq._read(own_books.audit) == []

    play(tmp_path, story)


def test_nobody_invites_themselves_or_who_has_bought_or_was_invited(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(care=CARE)
        world.sell(1, 100)
        await world.push()
        await ask(world, "r0", "referral", 2, inviter=MemberRef(member_id=world.ids[0]))
        for number, (member, inviter, code) in enumerate(
            [(0, 0, "REFERRAL_SELF"), (1, 0, "REFERRAL_LATE"), (2, 1, "REFERRAL_TAKEN")]
        ):
            with pytest.raises(Refusal) as refused:
                await ask(world, f"r1{number}", "referral", member, inviter=MemberRef(member_id=world.ids[inviter]))
            assert refused.value.code == code

    play(tmp_path, story)


def test_a_streak_of_sign_ins_earns_more_each_day_and_begins_anew(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.rules(care=CARE)
        found = []
        for number, day in enumerate(("2026-09-21", "2026-09-22", "2026-09-23", "2026-09-25")):
            await world.day(day)
            one = await ask(world, f"s{number}", "sign_in", 0)
            found.append((one.points, one.streak))
        again = await ask(world, "s9", "sign_in", 0)
        assert found == [(1, 1), (2, 2), (3, 3), (1, 1)]
        assert (again.points, again.streak, again.balance) == (0, 1, 7)

    play(tmp_path, story)


def test_the_pack_is_given_once_to_whoever_was_imported(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        await world.hq.import_batches(BRAND, write(tmp_path, BATCH))
        await world.rules(join_offer={"points": 10, "coupon_fen": 500, "batch_id": "join5"})
        given = await world.hq.members.give_pack(BRAND, "100000000000")
        again = await world.hq.members.give_pack(BRAND, "100000000000")
        assert (given[0], again[0], given[1]) == (10, 0, again[1])
        assert (await world.row(0)).points == 10
        assert await world.all("SELECT member_id, batch_id FROM coupons") == [(world.ids[0], "join5")]
        with pytest.raises(Refusal, match="no such member"):
            await world.hq.members.give_pack(BRAND, "9")

    play(tmp_path, story)


def test_a_brand_without_such_rules_gives_nothing(tmp_path: Path) -> None:
    async def story(world: CareWorld) -> None:
        assert "care" not in RULES
        await ask(world, "r1", "referral", 2, inviter=MemberRef(member_id=world.ids[0]))
        assert (await ask(world, "s1", "sign_in", 0)).points == 0
        world.sell(2, 5_000)
        await world.push()
        assert await points(world) == [0, 1, 2]

    play(tmp_path, story)
