"""HQ and one till for tests of HQ's duties to members: rules, purchases of members, days that pass."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from agent.domain.business_day import SHANGHAI, parse_day
from agent.domain.digest import canonical
from sync.hq.service import HqService
from sync.protocol import Feed, MemberRow
from tests.unit.test_hq_feeds import page
from tests.unit.test_hq_world import BRAND, RULES, HandClock, Till, enrol, import_members, open_world, query

TODAY = "2026-09-21"
TIERS: list[dict[str, Any]] = [
    {"tier_id": name, "name": name, "pay_rate_bps": 10_000 - 500 * place, "earn_mult_x100": 100 + 50 * place}
    for place, name in enumerate(("plain", "silver", "gold"))
]
REVIEW: dict[str, Any] = {
    "levels": [
        {"tier_id": "plain"}, {"tier_id": "silver", "spend_fen": 50_000, "visits": 2},
        {"tier_id": "gold", "spend_fen": 200_000, "visits": 3},
    ],
    "ways_up": [{"tier_id": "silver", "by": "invites", "at": 1}, {"tier_id": "gold", "by": "spend_fen", "at": 900_000}],
}  # fmt: skip
GROWTH: dict[str, Any] = {
    "levels": [
        {"tier_id": "plain"}, {"tier_id": "silver", "growth": 1000}, {"tier_id": "gold", "growth": 5000},
    ],
    "visit": 5, "invite": 50,
}  # fmt: skip


def at_ms(day: str, hour: int = 12) -> int:
    """An instant of a day in Shanghai."""
    return int(datetime.combine(parse_day(day), time(hour), SHANGHAI).timestamp()) * 1000


class CareWorld:
    """One brand, one till, some members."""

    def __init__(self, hq: HqService, clock: HandClock, till: Till, ids: list[str]) -> None:
        self.hq, self.clock, self.till, self.ids = hq, clock, till, ids
        self._pushed = 0
        self._version = 1

    async def rules(self, **more: Any) -> None:
        """Publish another version with three tiers."""
        self._version += 1
        body: dict[str, Any] = {**RULES, "tiers": TIERS, "version": self._version, **more}
        await self.hq.import_rules(BRAND, body)

    def sell(self, member: int | None, fen: int, day: str = TODAY, *, points: int = 0, **more: Any) -> int:
        """Book a sale; its seq."""
        owner = None if member is None else self.ids[member]
        return self._book(owner, points, payable_fen=fen, business_day=day, at_ms=at_ms(day), **more)

    def give_back(self, of: int, member: int, fen: int, day: str = TODAY, *, kind: str = "return", **more: Any) -> int:
        """Book a return (or void) of a sale; `day` is the sale's."""
        names = {"of": {"epoch": self.till.epoch, "seq": of}, "sale_day": day, "kind": kind}
        return self._book(self.ids[member], more.pop("points", 0), payable_fen=-fen, **names, **more)

    def _book(self, owner: str | None, points: int, **more: Any) -> int:
        body = self.till.body(points=points, member=owner if points else None, **more)
        self.till.book(canonical(body | {"member": {"member_id": owner} if owner else None}).decode())
        return len(self.till.events)

    async def push(self) -> None:
        """Hand over what was booked since, and let HQ do all there is to do."""
        events = self.till.events[self._pushed :]
        if events:
            await self.hq.ingest(self.till.workstation_id, self.till.batch(events))
        self._pushed = len(self.till.events)
        await self.keep()

    async def keep(self) -> None:
        """Let HQ do all there is to do now."""
        while await self.hq.members.keep_some():
            pass

    async def day(self, day: str, hour: int = 12) -> None:
        """Another day, and what HQ does on it."""
        self.clock.at_ms = at_ms(day, hour)
        await self.keep()

    async def row(self, member: int) -> MemberRow:
        """What a till is told of a member."""
        rows = (await page(self.hq, Feed.MEMBERS, 0)).rows
        (found,) = [one for one in rows if isinstance(one, MemberRow) and one.member_id == self.ids[member]]
        return found

    async def all(self, sql: str, **parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a statement as tuples."""
        return [tuple(row.values()) for row in await query(self.hq, sql, **parameters)]


def play(
    folder: Path, story: Callable[[CareWorld], Awaitable[None]], *, members: int = 3, today: str = TODAY
) -> None:  # fmt: skip
    """Run a story in a fresh world."""

    async def run() -> None:
        clock = HandClock(at_ms(today))
        hq = await open_world(folder / "hq", clock)
        try:
            till = Till()
            await enrol(hq, till)
            await story(CareWorld(hq, clock, till, await import_members(hq, folder / "members.csv", members)))
        finally:
            await hq.close()

    asyncio.run(asyncio.wait_for(run(), 120))


__all__ = ["BRAND", "GROWTH", "REVIEW", "TIERS", "TODAY", "CareWorld", "at_ms", "date", "play", "query"]
