"""What people do at headquarters' console, as one object: each act in one transaction with its entry in the log.

Built by sync.hq.console.join for sync.hq.console.calls. Roles are checked by the calls; what is done here is done in
the name of a person who may.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from agent.domain.errors import DiskLow, Refusal, StorageError
from agent.domain.ids import random_id
from sync.hq import console_log as log
from sync.hq import enrol, freezes, leases, rules_write, standings
from sync.hq.bounds import CONSOLE_FIRST_S, CONSOLE_FRESH_S
from sync.hq.console import decisions, erasing, members, plain, rules, store, wechat
from sync.hq.console.decisions import About, Ruling, discrepancy_key
from sync.hq.console.people import People, Person
from sync.hq.db.seam import Connection
from sync.hq.parts import Parts

T = TypeVar("T")
_REQUEST_BYTES: Final = 10


@dataclass(slots=True)
class Desk:
    """The console of one headquarters."""

    parts: Parts
    people: People
    erase: Callable[[dict[str, Any], str], Awaitable[None]]
    """Forgets the member of an erasure request, in the name of whoever confirmed."""
    _looked_ms: int = 0
    _round: asyncio.Task[None] | None = field(default=None, repr=False)

    # --- stores -----------------------------------------------------------------------------------------------------
    async def overview(self, look: standings.Look) -> dict[str, Any]:
        """Brands with their levels and one page of stores; reckoned anew beside it when it is old.

        `as_of_ms` is 0 while the first round since the start goes on: what the last process knew is shown.
        """
        if self._round is None:
            self._round = asyncio.create_task(self._reckon())
            await asyncio.wait(
                {self._round}, timeout=CONSOLE_FIRST_S
            )  # the first look waits a little, later ones do not
        elif self._round.done() and self._now_ms() - self._looked_ms > CONSOLE_FRESH_S * 1000:
            self._round = asyncio.create_task(self._reckon())

        def work(connection: Connection) -> dict[str, Any]:
            return {
                "brands": standings.levels(connection),
                "stores": standings.page(connection, look),
                "wechat": wechat.counts(connection, self._now_ms()),
                "plain_refused": plain.alarms(connection, self._now_ms()),
            }

        return {**await self.parts.books.read(work), "as_of_ms": self._looked_ms}

    async def _reckon(self) -> None:
        """One round over all stores, in small steps; a database that cannot serves the last round."""
        after: str | None = ""
        try:
            while after is not None:
                place = after
                after = await self.parts.books.write(lambda c: standings.step(c, place, self._now_ms()))  # noqa: B023
            self._looked_ms = self._now_ms()
        except (DiskLow, StorageError):
            return

    async def close(self) -> None:
        """Let a round that is under way go."""
        if self._round is not None:
            self._round.cancel()
            await asyncio.gather(self._round, return_exceptions=True)

    async def store(self, store_id: str) -> dict[str, Any]:
        """A store's page, its standing reckoned now."""

        def work(connection: Connection) -> dict[str, Any]:
            standings.refresh(connection, [store_id], self._now_ms())
            return store.view(connection, store_id)

        return await self.parts.books.write(work)

    async def body(self, workstation_id: str, epoch: str, seq: int) -> dict[str, Any]:
        """One event as it came."""
        return await self.parts.books.read(lambda c: store.body(c, workstation_id, epoch, seq))

    # --- decisions --------------------------------------------------------------------------------------------------
    async def explain(self, who: Person, station: str, epoch: str, named: tuple[str, str, str, str], why: str) -> None:
        """Explain a discrepancy: side, place, key, code."""
        about = About(station, "discrepancy", epoch, discrepancy_key(*named))
        ruling = self._ruling(who, why)
        await self._act(station, lambda c: decisions.explain_discrepancy(c, about, named, ruling))

    async def explain_difference(self, who: Person, station: str, epoch: str, seq: int, code: str, why: str) -> None:
        """Explain an event that HQ reckons otherwise."""
        about, ruling = About(station, "difference", epoch, f"{seq} {code}"), self._ruling(who, why)
        await self._act(station, lambda c: decisions.explain_difference(c, about, seq, code, ruling))

    async def wechat(self, mch_id: str, day: str) -> dict[str, Any]:
        """What WeChat and the books say differently, accounts and bills."""
        return await self.parts.books.read(lambda c: wechat.view(c, self.parts.keys, mch_id, day, self._now_ms()))

    async def explain_wechat(self, who: Person, named: tuple[str, str, str], why: str) -> None:
        """Explain a difference with WeChat: merchant, transaction, code."""

        def work(connection: Connection) -> None:
            store_id = wechat.explain(connection, named, self._ruling(who, why))
            if store_id:
                standings.refresh(connection, [store_id], self._now_ms())

        await self.parts.books.write(work)

    async def suspended(self, who: Person, station: str, epoch: str, seq: int, *, release: bool, why: str) -> None:
        """Release or keep a suspended event."""
        about, ruling = About(station, "suspended", epoch, str(seq)), self._ruling(who, why)
        await self._act(station, lambda c: decisions.decide_suspended(c, about, release=release, ruling=ruling))

    async def fork(
        self, who: Person, station: str, epoch: str, seq: int, digest: bytes, *, other: bool, why: str
    ) -> None:
        """Say which version of an event is true."""
        about, ruling = About(station, "fork", epoch, str(seq)), self._ruling(who, why)
        await self._act(station, lambda c: decisions.decide_fork(c, about, digest=digest, other=other, ruling=ruling))

    async def write_off(self, who: Person, station: str, seen: list[dict[str, Any]], why: str) -> list[dict[str, Any]]:
        """Write off what a workstation holds. Refusal 409 AMOUNT_MOVED when it is not what the person has seen."""
        reason, now = log.reason(why), self._now_ms()

        def work(connection: Connection) -> list[dict[str, Any]]:
            connection.hold(f"station {station}")  # ORDER: what is seen is what is written off
            held = [
                {"account": one.account, "leases": one.leases, "amount": one.amount}
                for one in leases.at_risk(connection, station)
            ]
            if held != seen:
                raise Refusal("AMOUNT_MOVED", "it holds something else by now", hint="look again", status=409)
            leases.write_off(connection, station, now)
            said = ", ".join(f"{one['account']} {one['amount']} in {one['leases']}" for one in held)
            log.note(connection, log.Entry(who.name, log.Act.LEASE_WRITE_OFF, station, reason, said), now)
            return held

        return await self._act(station, work)

    async def _act(self, workstation_id: str, work: Callable[[Connection], T]) -> T:
        """One act about a workstation; how its store stands is reckoned with it."""

        def whole(connection: Connection) -> T:
            station = enrol.station(connection, workstation_id)
            if station is None:
                raise Refusal("WORKSTATION_UNKNOWN", "there is no such workstation", status=404)
            done = work(connection)
            standings.refresh(connection, [station.store_id], self._now_ms())
            return done

        return await self.parts.books.write(whole)

    # --- members ----------------------------------------------------------------------------------------------------
    async def member(self, who: Person, brand_id: str, code: str) -> dict[str, Any]:
        """Find a member; that somebody looked is kept, also where nobody is found. Refusal 404 MEMBER_UNKNOWN."""
        now = self._now_ms()

        def work(connection: Connection) -> dict[str, Any] | None:
            found = members.find(connection, self.parts.keys, brand_id, code)
            seen = "" if found is None else found["member"]["member_id"]
            log.note(connection, log.Entry(who.name, log.Act.MEMBER_LOOK, seen, "", "" if seen else "nobody"), now)
            return found

        found = await self.parts.books.write(work)
        if found is None:
            raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)
        return found

    async def read_plain(self, who: Person, ask: plain.Read) -> list[str]:
        """Read what is personal and not masked. Refusal PLAINTEXT_READS, MEMBER_UNKNOWN, REASON_NEEDED."""
        now = self._now_ms()
        found = await self.parts.books.write(lambda c: plain.read(c, self.parts.keys, who.name, ask, now))
        if found is None:
            raise plain.too_many()
        return found

    async def freeze(self, who: Person, brand_id: str, member_id: str, *, frozen: bool, why: str) -> None:
        """Freeze a member, keep them frozen, or release them and what was held back."""
        reason, now = log.reason(why), self._now_ms()

        def work(connection: Connection) -> None:
            freezes.decide_member(connection, brand_id, member_id, frozen, reason, now)
            act = log.Act.MEMBER_FREEZE if frozen else log.Act.MEMBER_RELEASE
            log.note(connection, log.Entry(who.name, act, member_id, reason, ""), now)

        await self.parts.books.write(work)

    async def ask_erasure(self, who: Person, brand_id: str, member_id: str, why: str) -> None:
        """Ask to forget a member."""
        request_id, now = random_id("er", self.parts.entropy.token(_REQUEST_BYTES)), self._now_ms()
        entry = log.Entry(who.name, log.Act.ERASURE_ASK, member_id, log.reason(why), request_id)
        await self.parts.books.write(lambda c: erasing.ask(c, request_id, brand_id, member_id, entry, now))

    async def decide_erasure(self, who: Person, request_id: str, *, erase: bool, why: str) -> None:
        """Confirm (a second person) or refuse."""
        now, why = self._now_ms(), why.strip()
        if erase:
            row = await self.parts.books.read(lambda c: dict(erasing.asked(c, request_id, who.name, erase=True)))
            await self.erase(row, who.name)  # ORDER: done, then noted; done again it changes nothing
        await self.parts.books.write(lambda c: erasing.decide(c, request_id, who.name, erase=erase, why=why, at_ms=now))

    # --- rules ------------------------------------------------------------------------------------------------------
    async def publish(self, who: Person, brand_id: str, text: str, why: str) -> int:
        """Publish a draft as the next version; its number. Refusal RULES_INVALID, RULES_CHANGED."""
        body, reason, now = rules.body_of(text), log.reason(why), self._now_ms()

        def work(connection: Connection) -> int:
            enrol.brand_row(connection, brand_id)
            if not rules_write.publish(connection, brand_id, body, now):
                raise Refusal("RULES_CHANGED", "this version is in force already", status=409)
            version = body["version"]
            assert isinstance(version, int)
            entry = log.Entry(who.name, log.Act.RULES_PUBLISH, f"{brand_id} {version}", reason, "")
            log.note(connection, entry, now)
            return version

        return await self.parts.books.write(work)

    # --- whatever reads only, and what others of HQ did -------------------------------------------------------------
    async def read(self, work: Callable[[Connection], T]) -> T:
        """Look at the books."""
        return await self.parts.books.read(work)

    async def noted(self, entry: log.Entry, doing: Coroutine[Any, Any, T], said: Callable[[T], str]) -> T:
        """Carry out what is a call of HqService, then note it with what came of it."""
        done = await doing
        now = self._now_ms()
        full = log.Entry(entry.name, entry.act, entry.object, entry.why, said(done))
        await self.parts.books.write(lambda c: log.note(c, full, now))
        return done

    def _ruling(self, who: Person, why: str) -> Ruling:
        return Ruling(who.name, why, self._now_ms())

    def _now_ms(self) -> int:
        return self.parts.clock.now_ms()
