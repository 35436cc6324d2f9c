"""One look at all feeds says what their pages would: which have moved, what HQ wants back, what a till has applied."""

from pathlib import Path

from agent.domain.errors import Refusal
from sync.hq.service import HqService
from sync.protocol import Feed, LookAnswer, LookRequest
from tests.unit.test_hq_books import in_world
from tests.unit.test_hq_feeds import page
from tests.unit.test_hq_importer import write
from tests.unit.test_hq_restored import Chain, play
from tests.unit.test_hq_world import BRAND, Till, enrol, import_members, query

ITEMS = "sku,name,list_yuan\nA1,乌龙茶,12.80\nB2,糖,0.05\n"
Cursors = dict[Feed, int]


async def look(hq: HqService, cursors: Cursors, workstation_id: str = "S1-1") -> LookAnswer:
    return await look_by_name(hq, {feed.value: no for feed, no in cursors.items()}, workstation_id)


async def look_by_name(hq: HqService, cursors: dict[str, int], workstation_id: str = "S1-1") -> LookAnswer:
    station = await hq.station(workstation_id)
    assert station is not None
    return await hq.looking.look(station, LookRequest(cursors=cursors))


async def ends(hq: HqService, after: Cursors | None = None) -> Cursors:
    """Read every feed to its end, as a till does; where it ends."""
    found = dict.fromkeys(Feed, 0) if after is None else dict(after)
    for feed in Feed:
        while True:
            got = await hq.feed("S1-1", feed, found[feed])
            found[feed] = got.cursor
            if not got.more:
                break
    return found


async def is_worth_a_page(hq: HqService, feed: Feed, after: int) -> bool:
    try:
        return (await page(hq, feed, after)).rows != []
    except Refusal as error:
        return error.code == "CURSOR_AHEAD"


async def agrees(hq: HqService) -> None:
    """Whatever the cursor, a look names exactly the feeds whose page would not be empty."""
    last = {row["feed"]: row["last_no"] for row in await query(hq, "SELECT feed, last_no FROM feed_counters")}
    gaps = await query(hq, "SELECT from_no, to_no FROM feed_gaps")
    edges = {0, *last.values(), *(one[name] for one in gaps for name in ("from_no", "to_no"))}
    for cursor in sorted({max(0, edge + step) for edge in edges for step in (-1, 0, 1)}):
        wanted = [feed for feed in Feed if await is_worth_a_page(hq, feed, cursor)]
        assert (await look(hq, dict.fromkeys(Feed, cursor))).moved == wanted, cursor


def test_a_look_names_the_feeds_whose_page_would_not_be_empty(tmp_path: Path) -> None:
    async def story(hq: HqService, till: Till, ids: list[str]) -> None:
        await agrees(hq)
        at = await ends(hq)
        assert await look(hq, at) == LookAnswer(moved=[])
        await hq.import_items(BRAND, write(tmp_path, ITEMS))
        assert (await look(hq, at)).moved == [Feed.ITEMS]
        at = await ends(hq, at)
        assert await look(hq, at) == LookAnswer(moved=[])
        till.book(member=ids[0], points=10)
        await hq.ingest("S1-1", till.batch())
        assert (await look(hq, at)).moved == [Feed.MEMBERS]
        assert (await look(hq, at | {Feed.RULES: 99})).moved == [Feed.RULES, Feed.MEMBERS], "the page says why"
        await agrees(hq)
        await hq.declare_restored("put back")
        await agrees(hq)
        assert (await look(hq, await ends(hq))).moved == [], "nothing is given anew by the leap itself"
        await import_members(hq, tmp_path / "more.csv", 4)
        await agrees(hq)
        assert (await look(hq, await ends(hq))).moved == []

    in_world(tmp_path, story)


def test_brands_and_unknown_feeds_are_passed_over(tmp_path: Path) -> None:
    async def story(hq: HqService, _till: Till, _ids: list[str]) -> None:
        at = await ends(hq)
        await hq.init_brand("coffee", "咖啡", "")
        await import_members(hq, tmp_path / "coffee.csv", 5, "coffee")
        assert (await look(hq, at)).moved == []
        assert (await look(hq, {Feed.MEMBERS: 0})).moved == [Feed.MEMBERS], "of what was not asked nothing is said"
        assert await look_by_name(hq, {"salaries": 3, "rules": at[Feed.RULES]}) == LookAnswer(moved=[])

    in_world(tmp_path, story)


def test_what_a_till_has_applied_is_known_by_its_look(tmp_path: Path) -> None:
    async def missing(hq: HqService) -> list[list[str]]:
        return [one["missing"] for one in await hq.members.erased(BRAND)]

    async def story(hq: HqService, _till: Till, ids: list[str]) -> None:
        await enrol(hq, Till(workstation_id="S1-2"))
        at = await ends(hq)
        await look(hq, at)
        for member in ids:
            await hq.members.erase(BRAND, member, "legal", "asked by letter")
            assert (await look(hq, at)).moved == [Feed.MEMBERS, Feed.IDENTITIES]
            assert ["S1-1", "S1-2"] in await missing(hq), "what was not read is not applied"
            last = {feed: (await page(hq, feed, at[feed])).cursor for feed in Feed}  # HQ does not hear of this
            await look(hq, at | {Feed.MEMBERS: last[Feed.MEMBERS]})
            assert ["S1-1", "S1-2"] in await missing(hq), "identities are still to come"
            at = last
            for _ in range(2):
                assert (await look(hq, at)).moved == []
            assert set(map(tuple, await missing(hq))) == {("S1-2",)}
        await look(hq, at, "S1-2")
        assert await missing(hq) == [[], []]

    in_world(tmp_path, story)


def test_a_look_brings_recalls_and_the_restoration_that_waits_for_an_answer(tmp_path: Path) -> None:
    async def story(chain: Chain) -> None:
        at = await ends(chain.hq)
        assert await chain.one.acquire(chain.member, 60)
        (held,) = (await chain.one.wire.leases("")).leases
        await chain.two.acquire(chain.member, 100)  # there are 40: the first till is asked for the rest
        assert (await look(chain.hq, at)).recalls == [held.lease_id]
        assert (await look(chain.hq, at, "S1-2")).recalls == []
        await chain.hq.declare_restored("put back")
        asked = (await look(chain.hq, at)).report
        assert asked != ""
        assert (await look(chain.hq, at, "S1-2")).report == asked
        await chain.one.reporter.tell(asked)
        await chain.one.push()
        await chain.one.reporter.tell(asked)
        assert (await look(chain.hq, at)).report == "", "it has told"
        assert (await look(chain.hq, at, "S1-2")).report == asked

    play(tmp_path, story)
