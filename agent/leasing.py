"""The right to spend offline, kept by the till: asked of HQ before it is needed, given back when nobody uses it.

The flow calls it through agent.lease_ports.Leases; the composition root runs `run` beside push and pull; the hourly
proof calls `check`. It never spends: that happens inside the transaction of the event that spends.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from agent.books_ports import Books, EventDraft
from agent.domain.business_day import business_day
from agent.domain.digest import Json
from agent.domain.errors import DiskLow, HqRejected, Refusal, SyncError
from agent.domain.ids import random_id
from agent.domain.lease import LEASE_CLOSE, LEASE_OPEN, ClosedLease, Closing, Lot, OpenedLease
from agent.domain.lease_event import LeasePlace, closing_body, opening_body
from agent.lease_ports import LeaseBooks, LeaseHq, OpenLease
from agent.limits import LEASE_IDLE_S, LEASE_LOOK_S, LEASES_AN_EVENT
from agent.ports import Clock, Entropy
from sync.lease_protocol import HeldLease, LeaseGrant, LeaseRequest, LeaseWant
from sync.proof import Finding

_ID_BYTES = 10
_TRIES = 3  # LIMIT: a till books a sale in seconds, HQ answers in milliseconds


class Leasing:
    """The Leases port: acquiring, promising and closing leases of one workstation."""

    def __init__(
        self,
        place: LeasePlace,
        books: Books,
        leases: LeaseBooks,
        hq: LeaseHq,
        clock: Clock,
        entropy: Entropy,
        wake_push: Callable[[], None] = lambda: None,
    ) -> None:
        self._place = place
        self._books = books
        self._leases = leases
        self._hq = hq
        self._clock = clock
        self._entropy = entropy
        self._wake_push = wake_push
        self._asked: dict[tuple[str, ...], str] = {}
        """Requests whose answer never came: asked again, HQ gives the same leases."""
        self._reached = False
        self._under_way = 0
        self.wake = asyncio.Event()
        """Set when HQ was reached or recalls something."""

    # --- for the flow
    async def spendable(self, member_id: str, account: str, business_day: str) -> list[Lot]:
        """Lots with what is left of them here, in the order of spending."""
        return await self._leases.spendable(member_id, account, business_day, self._clock.now_ms())

    async def hold(self, lease_id: str, amount: int, hold_id: str, until_ms: int) -> None:
        """Promise a part of a lease to a quote; Refusal LEASE_SHORT."""
        now_ms = self._clock.now_ms()
        await self._leases.hold(lease_id, amount, hold_id, until_ms, now_ms, business_day(now_ms))

    async def release(self, hold_id: str) -> None:
        """End a promise."""
        await self._leases.release(hold_id)

    async def acquire(self, member_id: str, wants: Sequence[LeaseWant], deadline_s: float) -> bool:
        """Ask HQ within `deadline_s`, all tries together; whether it answered. Refusal MEMBER_FROZEN, MEMBER_UNKNOWN.

        A grant counts only once its `lease_open` event is booked. An answer that comes too late, or never, is asked
        for again under the same id; what HQ granted and nobody asks for any more is found by `check` and closed.
        """
        self._under_way += 1
        try:
            return await self._acquire(member_id, wants, asyncio.get_running_loop().time() + deadline_s)
        finally:
            self._under_way -= 1

    def is_asking(self) -> bool:
        """Whether an answer of HQ may still be on its way into the books."""
        return self._under_way > 0

    async def _acquire(self, member_id: str, wants: Sequence[LeaseWant], deadline: float) -> bool:
        for _ in range(_TRIES):
            epoch, last = await self._leases.position()
            key = (epoch, member_id, *(one.model_dump_json() for one in wants))
            request_id = self._asked.setdefault(key, random_id("lr", self._entropy.token(_ID_BYTES)))
            request = LeaseRequest(
                request_id=request_id, epoch=epoch, last=last, member_id=member_id, wants=list(wants)
            )
            try:
                async with asyncio.timeout_at(deadline):  # HQ's time alone: a booking is never cut off
                    answer = await self._hq.lease(request)
                await self._open(answer.leases)
            except HqRejected as error:
                self._asked.pop(key, None)
                if error.code in ("MEMBER_FROZEN", "MEMBER_UNKNOWN"):
                    raise Refusal(error.code, error.message, hint=error.hint, status=409) from error
                if error.code == "EPOCH_NOT_IN_FORCE" and await self._leases.position() != (epoch, last):
                    continue  # a sale was booked and sent meanwhile: HQ holds more than we said
                return False
            except (SyncError, TimeoutError, DiskLow):
                return False
            self._asked.pop(key, None)
            return True
        return False

    async def _open(self, grants: Sequence[LeaseGrant]) -> None:
        """Book what HQ granted and these books do not have yet, in the epoch it was granted to."""
        fresh = await self._leases.missing([one.lease_id for one in grants])
        grants = [one for one in grants if one.lease_id in fresh]
        at_ms = self._clock.now_ms()
        for start in range(0, len(grants), LEASES_AN_EVENT):
            part = grants[start : start + LEASES_AN_EVENT]
            body = opening_body(self._place, at_ms, [_opened(one) for one in part])
            with contextlib.suppress(
                Refusal
            ):  # a new epoch began meanwhile: `check` closes what HQ granted the old one
                await self._book(LEASE_OPEN, body, at_ms, in_epoch=part[0].epoch)

    async def _book(self, kind: str, body: dict[str, Json], at_ms: int, *, in_epoch: str = "", once: str = "") -> None:
        """Book one event; `once` names what is to be booked a single time only."""
        caller_id = once or random_id(kind, self._entropy.token(_ID_BYTES))
        draft = EventDraft(kind=kind, caller_id=caller_id, request={}, body=body, answer={}, at_ms=at_ms)
        await self._books.commit(replace(draft, in_epoch=in_epoch))
        self._wake_push()

    # --- giving back
    async def on_recalls(self, lease_ids: Sequence[str]) -> None:
        """HQ wants leases back: closed as soon as no quote holds them."""
        if await self._leases.want_back(lease_ids):
            self.wake.set()

    async def close_idle(self) -> int:
        """Close what ended, was recalled, or lay idle; how many leases. While HQ is away idle ones stay open."""
        now_ms = self._clock.now_ms()
        idle_before_ms = now_ms - LEASE_IDLE_S * 1000 if self._reached else 0
        closed = 0
        while True:
            closing = await self._leases.closable(now_ms, idle_before_ms, business_day(now_ms))
            if closing is None or not await self._close(closing):
                return closed
            closed += len(closing.leases)

    async def _close(self, closing: Closing, once: str = "") -> bool:
        """Book a closing; False when a lease moved meanwhile."""
        at_ms = self._clock.now_ms()
        try:
            await self._book(LEASE_CLOSE, closing_body(self._place, at_ms, closing), at_ms, once=once)
        except Refusal:
            return False
        return True

    # --- with HQ
    async def check(self) -> list[Finding]:
        """Compare with HQ's list of what is open; what differs. Raises SyncError.

        What HQ granted and these books never opened is closed, so that the member gets it back; so is what these books
        hold of epochs they have left, and what HQ does not count as open (it was written off).
        """
        self._under_way += 1
        try:
            return await self._check()
        finally:
            self._under_way -= 1

    async def _check(self) -> list[Finding]:
        theirs, watermarks, steady = await self._list()
        ours = {one.lease.lease_id: one for one in await self._leases.open_leases(watermarks)}
        epoch, _ = await self._leases.position()
        found = [one for key in theirs.keys() & ours.keys() for one in _differs(theirs[key], ours[key], steady=steady)]
        gone = [one for key, one in ours.items() if key not in theirs and one.seq <= watermarks.get(one.epoch, 0)]
        found += [_finding(one.lease.lease_id, one.epoch, "NOT_OPEN_AT_HQ", f"left {one.remaining}") for one in gone]
        for closing in await self._leases.suspended():
            await self._close(closing)
        for one in gone:
            if one.epoch == epoch:
                await self._close(Closing((ClosedLease(one.lease.lease_id, one.remaining),)))
        found += await self._adopt([one for key, one in theirs.items() if key not in ours], epoch, watermarks)
        await self.on_recalls([one.lease_id for one in theirs.values() if one.wanted])
        return found

    async def _list(self) -> tuple[dict[str, HeldLease], dict[str, int], bool]:
        """HQ's list, the watermarks of its first page, and whether they stood still until the last."""
        page = await self._hq.leases("")
        theirs, watermarks, steady = {one.lease_id: one for one in page.leases}, page.watermarks, True
        while page.more and page.leases:
            page = await self._hq.leases(page.leases[-1].lease_id)
            theirs |= {one.lease_id: one for one in page.leases}
            steady = steady and page.watermarks == watermarks
        return theirs, watermarks, steady

    async def _adopt(self, strays: Sequence[HeldLease], epoch: str, watermarks: dict[str, int]) -> list[Finding]:
        """Take up what HQ granted these books; close what it granted to books that are no more.

        One that these very books once took up and have no longer is named: nothing altered heals by itself.
        """
        fresh = await self._leases.missing([one.lease_id for one in strays])
        strays = [one for one in strays if one.lease_id in fresh]
        await self._open([one for one in strays if one.epoch == epoch and not one.opened])
        for one in strays:
            if one.epoch != epoch:
                last = max(await self._leases.last_seq(one.epoch), watermarks.get(one.epoch, 0))
                once = hashlib.sha256(one.lease_id.encode()).hexdigest()[:40]  # these books have no row that says so
                await self._close(Closing((ClosedLease(one.lease_id, one.amount),), one.epoch, last), once)
        lost = [one for one in strays if one.epoch == epoch and one.opened]
        return [_finding(one.lease_id, epoch, "ONLY_AT_HQ", f"{one.amount - one.settled} left") for one in lost]

    async def run(self, interval_s: float = LEASE_LOOK_S) -> None:
        """Look for ever, every `interval_s` or when woken: what is suspended or astray first, then what lies idle."""
        while True:
            self.wake.clear()
            with contextlib.suppress(DiskLow):
                await self.look()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval_s):
                    await self.wake.wait()

    async def look(self) -> None:
        """One look: settle with HQ where something waits for it, close what can be closed."""
        with contextlib.suppress(SyncError):
            if self._asked or await self._leases.suspended():
                await self.check()
                self._asked.clear()
        await self.close_idle()

    def on_contact(self, reached: bool) -> None:
        """Told on the edge: idle leases are given back only while HQ can be reached."""
        self._reached = reached
        if reached:
            self.wake.set()


def _opened(one: LeaseGrant) -> OpenedLease:
    return OpenedLease(
        one.lease_id, one.account, one.member_id, one.amount, one.bucket, one.expires, one.usable_until_ms
    )


def _differs(theirs: HeldLease, ours: OpenLease, *, steady: bool) -> list[Finding]:
    """What HQ holds otherwise than these books; what is spent only where both speak of one moment."""
    same = _opened(theirs) == ours.lease and theirs.epoch == ours.epoch
    if same and (theirs.settled == ours.settled or not steady):
        return []
    detail = f"here {ours.lease.amount} of which {ours.settled} spent, HQ {theirs.amount} of which {theirs.settled}"
    return [_finding(theirs.lease_id, ours.epoch, "NOT_WHAT_HQ_SAYS", detail)]


def _finding(lease_id: str, epoch: str, code: str, detail: str) -> Finding:
    return Finding(side="both", table="leases", epoch=epoch, key=lease_id[:200], code=code, detail=detail)
