"""S13: one person in two brands: linked by two consents, a tier lent one step, ledgers apart."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from agent.domain.errors import Refusal
from agent.domain.rules import RuleFaults, rule_set
from sync.channel_protocol import ChannelAnswer, ChannelEvent, MemberRef
from tests.unit.hq_care_world import BRAND, GROWTH, REVIEW, TIERS, CareWorld, play
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_world import RULES

OTHER = "bread"
TABLE = {"gold": "silver", "silver": "plain"}


class Two:
    """Brand `bread` (home), of a gold and a plain member, beside the world's own (guest); each has a channel."""

    def __init__(self, world: CareWorld) -> None:
        self.world, self.homes = world, list[str]()
        self.tokens: dict[str, str] = {}
        self.version = 1

    async def begin(
        self, folder: Path, ours: dict[str, Any] | None = None, theirs: dict[str, Any] | None = None
    ) -> None:
        hq = self.world.hq
        await hq.init_brand(OTHER, "面包", "https://example.test/join")
        await self.rules_of_home({BRAND: {}} if theirs is None else theirs)
        people = "member_number,tier_id,points\n200000000001,gold,70\n200000000002,plain,0\n"
        await hq.import_members(OTHER, write(folder, people))
        rows = await self.world.all("SELECT member_id FROM members WHERE brand_id = 'bread' ORDER BY tier_id")
        self.homes = [row[0] for row in rows]
        await self.world.rules(tier_review=REVIEW, joint={OTHER: TABLE} if ours is None else ours)
        for brand_id in (BRAND, OTHER):
            self.tokens[brand_id] = (await hq.channels.add(f"mini-{len(self.tokens)}", brand_id, "")).token
        await self.world.keep()

    async def rules_of_home(self, joint: dict[str, Any]) -> None:
        body = {**RULES, "tiers": TIERS, "version": self.version, "tier_review": REVIEW, "joint": joint}
        await self.world.hq.import_rules(OTHER, body)
        self.version += 1

    async def ask(self, of: str, request_id: str, kind: str, member_id: str, **more: Any) -> ChannelAnswer:
        channel = await self.world.hq.channels.of_token(self.tokens[of])
        assert channel is not None
        said = ChannelEvent(request_id=request_id, kind=kind, member=MemberRef(member_id=member_id), **more)  # type: ignore[arg-type]
        return await self.world.hq.channels.take(channel, said)

    async def code(self, request_id: str = "o1", home: int = 0) -> str:
        answer = await self.ask(OTHER, request_id, "link_offer", self.homes[home], brand_id=BRAND, consent="t-3")
        assert answer.link is not None
        assert (answer.link.state, answer.link.brand_id) == ("offered", BRAND)
        return answer.link.code

    async def link(self, code: str, request_id: str = "l1", guest: int = 0) -> ChannelAnswer:
        return await self.ask(BRAND, request_id, "link", self.world.ids[guest], code=code, consent="u-1")

    async def refused(self, work: Awaitable[object]) -> str:
        with pytest.raises(Refusal) as found:
            await work
        return found.value.code


def told(folder: Path, story: Callable[[Two], Awaitable[None]], **begin: Any) -> None:
    async def run(world: CareWorld) -> None:
        two = Two(world)
        await two.begin(folder, **begin)
        await story(two)

    play(folder, run)


def test_a_link_gives_the_tier_of_the_table_and_keeps_both_consents(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        world, code = two.world, await two.code()
        done = await two.link(code)
        assert done.link is not None
        assert (done.link.state, done.link.brand_id, done.link.tier_id) == ("linked", OTHER, "silver")
        assert await two.link(code) == done, "the same request"
        assert (await world.row(0)).tier_id == "silver"
        links = (await world.hq.channels.play.links(OTHER))["links"]
        assert [(one["consent"], one["home_consent"], one["home_id"]) for one in links] == [
            ("u-1", "t-3", two.homes[0])
        ]
        [(reason, to_tier)] = await world.all("SELECT reason, to_tier FROM tier_changes")
        assert (reason, to_tier) == ("joint", "silver")
        assert done.balance == 0, "no points go from one brand to the other"
        balances = await world.all("SELECT opening_points FROM members WHERE member_id = :id", id=two.homes[0])
        assert balances == [(70,)]
        kept = await world.all("SELECT code_sha256 FROM link_offers")
        assert code not in str(kept)

    told(tmp_path, story)


def test_a_code_is_good_once_for_one_brand_and_ten_minutes(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        code = await two.code()
        assert await two.refused(two.link("ln_nonsense", "l0")) == "LINK_UNKNOWN"
        await two.link(code)
        assert await two.refused(two.link(code, "l2", guest=1)) == "LINK_UNKNOWN"
        late = await two.code("o2", home=1)
        two.world.clock.at_ms += 600_000
        assert await two.refused(two.link(late, "l3", guest=1)) == "LINK_UNKNOWN"
        assert await two.refused(two.ask(OTHER, "l4", "link", two.homes[1], code=late, consent="x")) == "LINK_UNKNOWN"

    told(tmp_path, story)


@pytest.mark.parametrize("begin", [{"theirs": {}}, {"ours": {}}])
def test_without_an_agreement_of_both_brands_nothing_is_offered(tmp_path: Path, begin: dict[str, Any]) -> None:
    async def story(two: Two) -> None:
        assert await two.refused(two.code()) == "JOINT_OFF"

    told(tmp_path, story, **begin)


def test_a_brand_lends_itself_nothing(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        own = two.ask(BRAND, "o1", "link_offer", two.world.ids[0], brand_id=BRAND, consent="u-1")
        assert await two.refused(own) == "JOINT_OFF"

    told(tmp_path, story, ours={OTHER: TABLE, BRAND: {}})


@pytest.mark.parametrize("number", range(3))
def test_two_links_at_the_same_time_lend_one_tier_one_way(tmp_path: Path, number: int) -> None:
    """Each brand holds itself alone: without more, both would be home and guest of the other."""

    async def story(two: Two) -> None:
        guest = two.world.ids[0]
        there = await two.code()
        back = (await two.ask(BRAND, "o2", "link_offer", guest, brand_id=OTHER, consent="u-1")).link
        assert back is not None
        mine = two.link(there)
        theirs = two.ask(OTHER, "l2", "link", two.homes[0], code=back.code, consent="t-3")
        both = [mine, theirs] if number else [theirs, mine]
        done = await asyncio.gather(*both, return_exceptions=True)
        assert [one.code for one in done if isinstance(one, Refusal)] == ["LINK_TAKEN"]
        assert len(await two.world.all("SELECT * FROM links WHERE ended_at_ms = 0")) == 1

    told(tmp_path, story, ours={OTHER: TABLE}, theirs={BRAND: TABLE})


def test_a_tier_is_lent_one_step_and_to_one_membership_of_a_brand(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        await two.link(await two.code())
        assert await two.refused(two.link(await two.code("o2"), "l2", guest=1)) == "LINK_TAKEN", "one home, one guest"
        assert await two.refused(two.link(await two.code("o3", home=1), "l3")) == "LINK_TAKEN", "one guest, one home"
        guest = two.world.ids[0]
        back = two.ask(BRAND, "o4", "link_offer", guest, brand_id=OTHER, consent="u-1")
        assert await two.refused(back) == "LINK_TAKEN", "a guest lends to nobody"
        offered = await two.ask(BRAND, "o5", "link_offer", two.world.ids[1], brand_id=OTHER, consent="u-1")
        assert offered.link is not None
        home = two.ask(OTHER, "l5", "link", two.homes[0], code=offered.link.code, consent="t-3")
        assert await two.refused(home) == "LINK_TAKEN", "a home gets nothing back"

    told(tmp_path, story)


def test_a_home_raises_no_member_after_the_other(tmp_path: Path) -> None:
    """What is lent stays until a review: one gold member would otherwise make all of a brand silver."""

    async def story(two: Two) -> None:
        world = two.world
        await two.link(await two.code())
        await two.ask(BRAND, "u1", "unlink", world.ids[0])
        assert (await world.row(0)).tier_id == "silver"
        assert await two.refused(two.link(await two.code("o2"), "l2", guest=1)) == "LINK_TAKEN"
        world.clock.at_ms += 1
        await two.link(await two.code("o3"), "l3")  # the same person again
        await world.hq.members.erase(BRAND, world.ids[0], "legal", "asked")
        await two.link(await two.code("o4"), "l4", guest=1)
        assert (await world.row(1)).tier_id == "silver", "nothing that was lent is left"

    told(tmp_path, story)


def test_a_review_takes_no_lent_tier_until_the_link_or_the_home_tier_ends(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        world = two.world
        await two.link(await two.code())
        await world.day("2026-10-04")
        assert (await world.row(0)).tier_id == "silver", "given in that quarter"
        await world.day("2027-01-04")
        assert (await world.row(0)).tier_id == "plain", "the home was reviewed and is plain by now"
        home = await world.all("SELECT tier_id FROM members WHERE member_id = :id", id=two.homes[0])
        assert home == [("plain",)]

    told(tmp_path, story)


def test_a_home_that_holds_its_tier_holds_the_guests(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        world = two.world
        await two.link(await two.code())
        await world.day("2026-12-30")
        for number in range(3):
            await world.day(f"2026-12-{28 + number}")
            await two.ask(OTHER, f"p{number}", "purchase", two.homes[0], paid_fen=100_000)
        await world.day("2027-01-04")
        assert (await world.row(0)).tier_id == "silver"
        await two.ask(BRAND, "u1", "unlink", world.ids[0])
        assert (await world.row(0)).tier_id == "silver", "nothing is taken at once"
        assert await two.refused(two.ask(BRAND, "u2", "unlink", world.ids[0])) == "LINK_UNKNOWN"
        await world.day("2027-04-04")
        assert (await world.row(0)).tier_id == "plain"

    told(tmp_path, story)


def test_a_home_that_rises_later_raises_the_guest_the_next_day(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        world = two.world
        done = await two.link(await two.code(home=1))
        assert done.link is not None
        assert done.link.tier_id == "plain"
        await two.ask(OTHER, "p1", "purchase", two.homes[1], paid_fen=900_000)  # a way up to gold
        await world.day("2026-09-22")
        assert (await world.row(0)).tier_id == "silver"
        assert (await world.row(1)).tier_id == "plain"

    told(tmp_path, story)


def test_a_home_brand_that_agrees_no_more_lends_no_more(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        await two.link(await two.code(home=1))
        await two.rules_of_home({})
        await two.ask(OTHER, "p1", "purchase", two.homes[1], paid_fen=900_000)  # a way up to gold
        await two.world.day("2026-09-22")
        assert (await two.world.row(0)).tier_id == "plain"

    told(tmp_path, story)


def test_where_growth_is_reviewed_each_month_a_home_raises_again_the_next(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        world, guest = two.world, two.world.ids[0]
        await world.rules(growth=GROWTH, joint={OTHER: TABLE})
        await world.day("2026-10-05")
        assert (await two.link(await two.code())).link.tier_id == "silver"  # type: ignore[union-attr]
        await two.ask(BRAND, "u1", "unlink", guest)
        await world.day("2026-11-04")
        await world.day("2026-12-04")
        assert (await world.row(0)).tier_id == "plain"
        await two.rules_of_home({BRAND: {}})
        assert (await two.link(await two.code("o2"), "l2")).link.tier_id == "silver"  # type: ignore[union-attr]

    told(tmp_path, story)


def test_erasing_either_side_ends_the_link(tmp_path: Path) -> None:
    async def story(two: Two) -> None:
        await two.link(await two.code())
        await two.world.hq.members.erase(OTHER, two.homes[0], "legal", "asked")
        [(ended,)] = await two.world.all("SELECT ended_at_ms FROM links")
        assert ended == two.world.clock.at_ms

    told(tmp_path, story)


def test_every_fault_of_the_rule_is_named_at_once() -> None:
    body = {**RULES, "tiers": TIERS, "tier_review": REVIEW}
    with pytest.raises(RuleFaults) as found:
        rule_set({**body, "joint": {"a": {"gold": "black", "x": 1}, "b": 7}})
    assert found.value.faults == (
        "joint.a.gold: black is no level of tier_review or growth",
        "joint.a.x: 1 is no level of tier_review or growth",
        "joint.b must be an object: its tiers, and the tier of each here",
    )
    with pytest.raises(RuleFaults, match="joint must be an object"):
        rule_set({**body, "joint": ["a"]})
    for more in (
        {"kind": "link", "code": "c"},
        {"kind": "unlink", "consent": "t"},
        {"kind": "link_offer", "consent": "t"},
    ):
        with pytest.raises(ValidationError):
            ChannelEvent.model_validate({"request_id": "r", "member": {"member_id": "m"}, **more})
