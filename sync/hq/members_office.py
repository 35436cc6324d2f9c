"""HQ's duties to members, joined over one database: what its schedule does, and what people ask.

Made by sync.hq.service; `run` is started by sync.hq.server. All it has to do stands in rows, so a restart goes on where
it stopped, and what was missed while HQ was down is caught up.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from agent.domain.business_day import business_day, parse_day
from agent.domain.care_rule import SLEEPS_DAYS
from agent.domain.errors import DiskLow, Refusal, StorageError
from sync.hq import (
    erasures,
    member_counts,
    members_calendar,
    metrics,
    packs,
    recount,
    reminders,
    tier_moves,
    tiers_review,
)
from sync.hq.bounds import DIFFERENCES_LISTED, HQ_RETRY_S, KEEP_LOOK_S
from sync.hq.channels import Channel
from sync.hq.coupon_write import member_of
from sync.hq.db.seam import Connection, DatabaseAway
from sync.hq.enrol import brand_row, index_key
from sync.hq.erasures import Erasure, ErasureWitness
from sync.hq.keeping import pause_after
from sync.hq.keys import HqKeys
from sync.hq.member_standing import newest_rules
from sync.hq.parts import Parts
from sync.hq.phones import Phones
from sync.hq.recompute import RuleBook
from sync.hq.reminders_page import Reminder, reminder_of
from sync.hq.sms import Sms
from sync.hq.tiers_review import ended, look
from sync.hq.verifying import Verifying
from sync.protocol import Feed


class MembersOffice:
    """Raises Refusal when what is asked cannot be done."""

    def __init__(self, parts: Parts, erased: ErasureWitness) -> None:
        self._books = parts.books
        self._keys = parts.keys
        self._clock = parts.clock
        self._erased = erased
        self._rules = RuleBook()
        self.phones = Phones(parts)
        """Whose phone number is this, asked by tills."""
        self.sms = Sms(parts)
        self.verifying = Verifying(parts)
        """Is this really the member, asked by tills; and members' PINs."""
        self.wake = asyncio.Event()
        """Set when events came in: there is something to count."""
        self.busy: Callable[[], bool] = lambda: False
        """Whether stores wait for HQ: each step of what is counted has the brand to itself."""

    # --- the schedule -----------------------------------------------------------------------------------------------
    async def keep_some(self) -> bool:
        """Count, review and remind a little; False when nothing was left to do."""
        now = self._clock.now_ms()
        return await self._books.write(lambda c: member_counts.step(c, self._rules, now)) or (
            await self._books.write(lambda c: members_calendar.step(c, self._keys, self._rules, now))
        )

    async def run(self) -> None:
        """Keep until cancelled. A full disk, or a server that is away, only makes it wait."""
        while True:
            self.wake.clear()
            began_s = self._clock.mono_s()
            try:
                more = await self.keep_some()
                pause_s = pause_after(self._clock.mono_s() - began_s, busy=self.busy())
            except (DiskLow, DatabaseAway):
                more, pause_s = True, HQ_RETRY_S
            except StorageError:
                return  # whoever serves ends the process
            if more or self.busy():
                await asyncio.sleep(pause_s)
            if more:
                continue
            try:
                async with asyncio.timeout(KEEP_LOOK_S):  # a day begins without anything coming in
                    await self.wake.wait()
            except TimeoutError:
                continue

    # --- tiers ------------------------------------------------------------------------------------------------------
    async def review(self, brand_id: str, *, dry_run: bool) -> dict[str, Any]:
        """Review the last period that is over, or only say what that would do: `period` and `moves`."""
        now = self._clock.now_ms()
        while await self._books.write(lambda c: member_counts.step(c, self._rules, now)):
            pass
        rules = await self._books.read(lambda c: newest_rules(c, self._rules, brand_row(c, brand_id)["brand_id"]))
        period = ended(rules, now)
        if period is None:
            raise Refusal("NO_REVIEW", "these rules review no tiers", hint="tier_review or growth with levels")
        if dry_run:
            moves, place = [], ""
            while True:
                found, place = await self._books.read(lambda c, at=place: look(c, brand_id, rules, period, at))  # type: ignore[misc]
                moves += found
                if not place:
                    break
            shown = [{"member_id": one.member_id, "from": one.from_tier, "to": one.to_tier} for one in moves]
            return {"period": period.name, "moves": shown}
        while await self._books.write(lambda c: tiers_review.step(c, brand_id, rules, period, now)):
            pass
        return {"period": period.name, "moves": await self._books.read(lambda c: _moved(c, brand_id, period.name))}

    async def changes(self, brand_id: str, first: str, last: str) -> list[dict[str, Any]]:
        """Tier changes of some business days, newest first."""
        return await self._books.read(
            lambda c: tier_moves.changes(c, brand_id, first, last, DIFFERENCES_LISTED)
        )  # fmt: skip

    async def recount(self, brand_id: str, progress: Callable[[str, int], None]) -> int:
        """Count a brand's facts anew from its events; how many events that were."""
        return await self._books.write(lambda c: recount.recount(c, brand_id, progress))

    # --- packs, reminders, figures ----------------------------------------------------------------------------------
    async def give_pack(self, brand_id: str, member_number: str) -> tuple[int, str]:
        """Give the new-member pack to somebody who was imported, once; (points, coupon id) given now."""
        now = self._clock.now_ms()

        def work(connection: Connection) -> tuple[int, str]:
            member_id = _by_number(connection, self._keys, brand_id, member_number)
            rules = newest_rules(connection, self._rules, brand_id)
            return packs.give(connection, self._keys, brand_id, rules, member_id, now)

        return await self._books.write(work)

    async def reminders(self, after: int, channel: Channel | None = None) -> list[Reminder]:
        """One page of reminders behind a number; a channel gets its own brand's, with whom to tell."""
        brand_id = "" if channel is None else channel.brand_id
        keys = None if channel is None else self._keys
        return await self._books.read(
            lambda c: [reminder_of(c, keys, row) for row in reminders.page(c, brand_id, after)]
        )  # fmt: skip

    async def figures(
        self, metric: str, brand_id: str, first: str, last: str, after: str
    ) -> tuple[list[list[Any]], str]:  # fmt: skip
        """One page of a figure (sync.hq.metrics), and the place to ask from next. Refusal BRAND_UNKNOWN, DAYS_INVALID,
        METRIC_UNKNOWN."""
        today = parse_day(business_day(self._clock.now_ms()))
        since = {days: (today - timedelta(days=days)).isoformat() for days in SLEEPS_DAYS}
        if first > last:
            raise Refusal("DAYS_INVALID", f"{first} is after {last}", hint="give the first day and then the last")
        await self._books.read(lambda c: brand_row(c, brand_id))
        return await self._books.read(lambda c: metrics.page(c, metric, brand_id, first, last, after, since))

    # --- erasures ---------------------------------------------------------------------------------------------------
    async def erase(self, brand_id: str, member: str, asked_by: str, reason: str) -> bool:
        """Erase a member, named by number or id; False where that was done before."""
        now = self._clock.now_ms()

        def named(connection: Connection) -> Erasure:
            found = member_of(connection, brand_id, index_key(connection, self._keys, brand_id), member)
            one = Erasure(brand_id, found or member, asked_by.strip(), reason.strip(), now)
            erasures.check(connection, one)
            return one

        one = await self._books.read(named)

        def work(connection: Connection) -> bool:
            self._erased.add(one)  # ORDER: beside the database first: a copy of it must hear of it again
            return erasures.erase(connection, one)

        return await self._books.write(work)

    async def acknowledge(self, workstation_id: str, feed: Feed, after: int) -> None:
        """A till asks for what comes behind a cursor; it writes only where there is an erasure to acknowledge."""
        now = self._clock.now_ms()
        if await self._books.read(lambda c: erasures.is_news(c, workstation_id, feed, after)):
            await self._books.write(lambda c: erasures.acknowledge(c, workstation_id, feed, after, now))

    async def erased(self, brand_id: str) -> list[dict[str, Any]]:
        """Requests, newest first, with the tills that have not acknowledged them."""
        return await self._books.read(lambda c: erasures.listed(c, brand_id))


def _moved(connection: Connection, brand_id: str, period: str) -> list[dict[str, Any]]:
    rows = connection.execute(
        "SELECT member_id, from_tier, to_tier FROM tier_changes WHERE brand_id = :brand AND period = :period"
        " ORDER BY member_id",
        {"brand": brand_id, "period": period},
    )
    return [{"member_id": row["member_id"], "from": row["from_tier"], "to": row["to_tier"]} for row in rows]


def _by_number(connection: Connection, keys: HqKeys, brand_id: str, number: str) -> str:
    member_id = member_of(connection, brand_id, index_key(connection, keys, brand_id), number)
    if member_id is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)
    return member_id
