"""What lotteries were drawn by (S29) and who comes when (S11), for channels and people.

Made by sync.hq.channel_office."""

from datetime import timedelta
from typing import Any

from agent.domain.business_day import business_day, parse_day
from agent.domain.errors import Refusal
from sync.channel_protocol import LotteryDay
from sync.hq import joint_links, lottery, reservations
from sync.hq.member_standing import newest_rules
from sync.hq.parts import Parts
from sync.hq.recompute import RuleBook


class PlayOffice:
    """Raises Refusal when what is asked cannot be done."""

    def __init__(self, parts: Parts, rules: RuleBook) -> None:
        self._parts = parts
        self._rules = rules

    async def day(self, brand_id: str, lottery_id: str, day: str) -> LotteryDay:
        """The commitment of a business day (today's without one), and the seed of one that is over."""
        now, keys = self._parts.clock.now_ms(), self._parts.keys
        wanted = checked_day(day) or business_day(now)
        return await self._parts.books.write(
            lambda c: lottery.shown(
                c, keys, newest_rules(c, self._rules, brand_id), brand_id, lottery_id, wanted, now
            )
        )  # fmt: skip

    async def draws(self, brand_id: str, lottery_id: str, day: str, after: str) -> dict[str, Any]:
        """One page of a day's draws, each drawn again, with what they were drawn by."""
        now, keys = self._parts.clock.now_ms(), self._parts.keys
        wanted = checked_day(day) or (parse_day(business_day(now)) - timedelta(days=1)).isoformat()
        by = await self.day(brand_id, lottery_id, wanted)
        rows, place = await self._parts.books.read(
            lambda c: lottery.draws(c, keys, self._rules, brand_id, lottery_id, wanted, after)
        )
        return {**by.model_dump(), "draws": rows, "after": place}

    async def links(self, brand_id: str) -> dict[str, Any]:
        """Links of a brand with others, and what both sides consented to (S13)."""
        return {"links": await self._parts.books.read(lambda c: joint_links.listed(c, brand_id))}

    async def reservations(self, brand_id: str, day: str, store_id: str) -> dict[str, Any]:
        """Who comes on a day, today without one, to one store or to all."""
        wanted = checked_day(day) or business_day(self._parts.clock.now_ms())
        rows = await self._parts.books.read(lambda c: reservations.listed(c, brand_id, wanted, store_id))
        return {"day": wanted, "reservations": rows}


def checked_day(text: str) -> str:
    """A day as it is asked for, "" for none. Refusal 422 DAYS_INVALID."""
    try:
        return parse_day(text).isoformat() if text else ""
    except ValueError as error:
        raise Refusal("DAYS_INVALID", "a day is written as YYYY-MM-DD", field="day") from error
