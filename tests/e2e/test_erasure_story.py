"""A member is erased while the till is away, and again when HQ comes back as a copy of before: real HQ, real till."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from agent.demo import world as chain
from agent.domain.errors import Refusal
from sync.hq.main import open_hq
from sync.hq.server import HqServer
from tests.till_world import TillWorld
from tests.unit.test_hq_world import Databases, query

ERASED, OTHER = chain.member(1), chain.member(2)


def play(folder: Path, story: Callable[[TillWorld], Awaitable[None]]) -> None:
    async def run() -> None:
        async with TillWorld(folder) as world:
            await story(world)

    asyncio.run(run())


async def known(world: TillWorld, number: str) -> bool:
    """Whether the till recognises a member, with the cable in or out."""
    try:
        return (await world.agent.till.resolve(number)).member is not None
    except Refusal as refused:
        if refused.code != "MEMBER_UNKNOWN":
            raise
        return False


async def missing(world: TillWorld) -> list[str]:
    """Tills that have not acknowledged the one erasure there is."""
    [one] = await world.server.hq.members.erased(chain.BRAND)
    found: list[str] = one["missing"]
    return found


async def restart(world: TillWorld, between: Callable[[Path], object]) -> None:
    """Stop HQ, do something to its books, start it where it was."""
    data = world.folder / "hq"
    await world.cable.pull()
    await world.server.stop()
    between(data)
    world.server = HqServer(await open_hq(data, world.clock, world.entropy, database=Databases.of(data)))
    await world.server.start(port=world.cable._port)
    await world.cable.plug()


def test_a_till_that_was_away_forgets_the_member_when_it_comes_back_and_says_so(tmp_path: Path) -> None:
    async def story(world: TillWorld) -> None:
        await world.cable.pull()
        assert await world.server.hq.members.erase(chain.BRAND, ERASED.number, "legal", "asked by letter")
        assert await known(world, ERASED.number), "it cannot know yet"
        assert await missing(world) == [chain.WORKSTATION]
        await world.cable.plug()
        await world.agent.puller.pull_all()
        assert not await known(world, ERASED.number)
        assert await known(world, OTHER.number)
        await world.agent.puller.pull_all()
        assert await missing(world) == []
        assert (await world.agent.daemon.prove()).result == "equal", "the books go on under an id that says nobody"

    play(tmp_path, story)


def test_a_copy_of_before_the_erasure_erases_again_and_tells_tills_that_had_read_on(tmp_path: Path) -> None:
    """One till has forgotten the member already, and reads all of it anew; nobody comes back to life on the way."""

    async def story(world: TillWorld) -> None:
        await restart(world, Databases.back_up)
        assert await world.server.hq.members.erase(chain.BRAND, ERASED.number, "legal", "asked by letter")
        await world.agent.puller.pull_all()
        await world.agent.puller.pull_all()
        assert await missing(world) == []
        await restart(world, Databases.put_back)
        assert await missing(world) == [chain.WORKSTATION], "what the copy knows of acknowledgements is nothing"
        assert not await known(world, ERASED.number)
        sealed = "SELECT 1 FROM identities i JOIN erasures e ON e.member_id = i.member_id WHERE i.deleted = 0"
        assert await query(world.server.hq, sealed) == []
        for _ in range(2):
            await world.agent.puller.pull_all()
        assert not await known(world, ERASED.number)
        assert await known(world, OTHER.number)
        assert await missing(world) == []
        assert (await world.agent.daemon.prove()).result == "equal"

    play(tmp_path, story)
