"""At every moment the books add up, and no member ever spends more than they own.

A chain of workstations and an HQ under random grants, spends, refunds, closings, lost answers, duplicates, partitions,
restored copies and new epochs; at the end both books are equal and every right has come back.
"""

import asyncio
import contextlib
import functools
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from agent.db.book_rows import insert_epoch
from agent.domain.errors import Refusal, SyncError
from agent.domain.ids import EventName
from agent.domain.lease import plan_spend, spending
from agent.domain.sale import Posting
from agent.witness import FileWitness
from sync.hq import lease_audit
from tests.lease_world import Spent, Station, account_state
from tests.stand_ins import SteppingClock
from tests.unit.test_hq_world import HandClock, import_members, open_world, query

T = TypeVar("T")
ACCOUNTS = ("points", "sv_principal", "count")
STATIONS = st.integers(0, 2)
WHO = st.integers(0, 1)
ACCOUNT = st.sampled_from(ACCOUNTS)
AMOUNT = st.integers(1, 20)
WHAT = (
    "ask", "ask", "earn", "earn", "spend", "spend", "spend", "spend", "plan", "pay", "pay", "refund", "promise",
    "give_back", "push", "push", "look",
)  # fmt: skip
TROUBLE = ("up", "down", "deaf", "again", "again", "compare", "compare", "back_up", "restore", "new_epoch")
ACTION = st.tuples(st.sampled_from(WHAT), STATIONS, WHO, ACCOUNT, AMOUNT)
_MEMORY = Path("/dev/shm")


class Chain(RuleBasedStateMachine):
    """Three workstations, two members who own 100 points, 100 fen and two count cards of 50 units each."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
        self.clock = SteppingClock()
        self.spent: list[tuple[Station, EventName, Spent]] = []
        self.planned: list[tuple[Station, tuple[Posting, ...]]] = []

    def run_(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def build(self) -> None:
        self.run_(self._build())

    async def _build(self) -> None:
        self.hq = await open_world(self.folder / "hq", HandClock(self.clock.ms))
        self.stations = [Station(self.folder, self.hq, f"S1-{n}", self.clock) for n in (1, 2, 3)]
        self.members = await import_members(self.hq, self.folder / "members.csv", 2)
        await self.hq._write(lambda c: c.execute("UPDATE members SET opening_points = 100, opening_sv_principal = 100"))
        await self.hq._write(
            lambda c: c.executemany(
                "INSERT INTO count_cards (member_id, card_id, name, total, opening_left, price_fen, expires)"
                " VALUES (:member, :card, 'ten', 50, 50, 0, '')",
                [{"member": one, "card": f"{one}-{n}"} for one in self.members for n in (1, 2)],
            )
        )
        for station in self.stations:
            await station.enrol()
            for member in self.members:
                await station.acquire(member, 30)
            await station.back_up()

    def teardown(self) -> None:
        if hasattr(self, "stations"):
            try:
                self.run_(self._come_to_rest())
            finally:
                self.run_(self._close())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def _close(self) -> None:
        for station in self.stations:
            await station.close()
        await self.hq.close()

    # --- what happens
    @rule(actions=st.lists(ACTION, min_size=6, max_size=12))
    def business(self, actions: list[tuple[str, int, int, str, int]]) -> None:
        """Everyday life, many acts in a row: a machine that takes them one by one rarely comes far."""
        for what, at, who, account, amount in actions:
            with contextlib.suppress(SyncError):
                self.run_(getattr(self, f"_{what}")(self.stations[at], self.members[who], account, amount))

    async def _ask(self, station: Station, member: str, account: str, amount: int) -> None:
        await station.acquire(member, amount * 3 if amount % 4 else "all", account)

    async def _earn(self, station: Station, member: str, account: str, amount: int) -> None:
        await station.earn(member, amount, account)

    async def _spend(self, station: Station, member: str, account: str, amount: int) -> None:
        if await station.free(member, account) < amount:
            with pytest.raises(Refusal, match="may be spent here now"):
                await station.spend(member, amount, account)
            return
        took = await station.spend(member, amount, account)
        epoch, last = await station.leases.position()
        self.spent.append((station, EventName(station.workstation_id, epoch, last), took))

    async def _plan(self, station: Station, member: str, account: str, amount: int) -> None:
        """A quote that nothing was promised to: by the time it is paid, its leases may be spent, closed, suspended."""
        lots = await station.lots(member, account)
        if sum(lot.remaining for lot in lots) >= amount:
            self.planned.append((station, spending(lots, plan_spend(lots, amount))))

    async def _pay(self, _station: Station, _member: str, _account: str, amount: int) -> None:
        """A planned quote is paid, some of them again and again."""
        if self.planned:
            station, postings = self.planned[-1 - amount % min(3, len(self.planned))]
            with contextlib.suppress(Refusal):
                await station.book(postings)

    async def _refund(self, _station: Station, _member: str, _account: str, amount: int) -> None:
        if self.spent:
            station, _, spent = self.spent.pop(amount % len(self.spent))
            await station.refund(spent)

    async def _promise(self, station: Station, member: str, account: str, amount: int) -> None:
        for lot in (await station.lots(member, account))[:1]:
            with contextlib.suppress(Refusal):
                await station.leasing.hold(lot.lease_id, amount, f"quote-{self.clock.ms}", self.clock.ms + 600_000)

    async def _give_back(self, station: Station, _member: str, _account: str, _amount: int) -> None:
        await station.idle()

    async def _push(self, station: Station, _member: str, _account: str, _amount: int) -> None:
        await station.push()

    async def _look(self, station: Station, _member: str, _account: str, _amount: int) -> None:
        await station.leasing.look()

    @rule(at=STATIONS, what=st.sampled_from(TROUBLE), data=st.data())
    def trouble(self, at: int, what: str, data: st.DataObject) -> None:
        """Cables, clocks and people: what makes a distributed ledger go wrong."""
        station = self.stations[at]
        if what in ("up", "down", "deaf"):
            station.wire.mode = what
        elif what == "again":
            self.run_(self._again(station, data))
        elif what == "compare":
            with contextlib.suppress(SyncError):
                assert self.run_(station.leasing.check()) == []
        else:
            self.run_(getattr(self, f"_{what}")(station))

    async def _again(self, station: Station, data: st.DataObject) -> None:
        """Batches come twice and in any order, one event at a time, waiting ones before those they follow."""
        epoch, events = await station.outbox.pending(500, 10**6)
        held = [(epoch, one) for one in events]
        for batch in station.wire.sent[-2:]:
            for sent in batch.events:
                mine = await station.proofs.event(batch.epoch, sent.seq)
                if mine is not None and mine.body.decode() == sent.body:
                    held.append((batch.epoch, mine))
        for of, event in data.draw(st.permutations(held[:6])) if held else []:
            await self.hq.ingest(station.workstation_id, await station.pusher._batch(of, [event]))

    async def _back_up(self, station: Station) -> None:
        await station.back_up()

    async def _restore(self, station: Station) -> None:
        """An old copy takes the place of the books; the witness tells, for it knows all that HQ has acknowledged."""
        epoch, _ = await station.leases.position()
        mark = FileWitness(station.folder / "keys").read()
        [row] = await query(
            self.hq,
            "SELECT COALESCE(MAX(seq), 0) AS top FROM events WHERE workstation_id = :who AND epoch = :epoch",
            who=station.workstation_id,
            epoch=epoch,
        )
        if row["top"] > (mark.seq if mark is not None and mark.epoch == epoch else 0):
            return  # HQ holds what the witness has not heard of: such a copy is told only by the fork it makes
        await station.restore()
        kept = []
        for place, name, spent in self.spent:
            if place is not station or await station.proofs.event(name.epoch, name.seq) is not None:
                kept.append((place, name, spent))
        self.spent = kept

    async def _new_epoch(self, station: Station) -> None:
        fresh = f"ep_forced_{self.clock.ms}_{station.workstation_id}"
        self.clock.ms += 1
        await station.store.run(lambda c: insert_epoch(c, fresh, self.clock.ms))

    # --- what holds
    @invariant()
    def the_books_add_up(self) -> None:
        if hasattr(self, "stations"):
            self.run_(self._add_up())

    async def _add_up(self) -> None:
        for member in self.members:
            for account in ACCOUNTS:
                found = await account_state(self.hq, member, account)
                assert found["owned"] == found["lots"] + found["out"], found
                assert min(found.values()) >= 0, found
                waiting = sum([await self._waiting(one, member, account) for one in self.stations])
                assert found["owned"] + waiting >= 0, "more was spent than was ever there"
        assert await query(self.hq, "SELECT * FROM lots WHERE available < 0") == []
        assert await query(self.hq, "SELECT * FROM discrepancies WHERE place = 'leases'") == []

    async def _waiting(self, station: Station, member: str, account: str) -> int:
        """What a workstation has booked and HQ has not folded yet."""
        marks = await query(
            self.hq, "SELECT epoch, watermark FROM chains WHERE workstation_id = :who", who=station.workstation_id
        )
        seen = {row["epoch"]: row["watermark"] for row in marks}
        rows = await station.books.postings(account, member)
        return sum(amount for epoch, seq, amount in rows if seq > seen.get(epoch, 0))

    # --- at rest
    async def _come_to_rest(self) -> None:
        for station in self.stations:
            station.wire.mode = "up"
        for _ in range(3):
            for station in self.stations:
                await station.push()
                await station.leasing.check()
                await station.leasing.look()
                await station.idle()
                await station.push()
        for station in self.stations:
            assert await station.leasing.check() == []
            assert await station.audit() == []
            await self._equal(station)
        await self._add_up()
        for member in self.members:
            for account in ACCOUNTS:
                found = await account_state(self.hq, member, account)
                assert found["out"] == 0, "every right came back"
        for station in self.stations:
            who = station.workstation_id
            assert await self.hq._write(functools.partial(lease_audit.leases, workstation_id=who)) == []
        assert await self.hq._write(lease_audit.lots) == []

    async def _equal(self, station: Station) -> None:
        epoch, last = await station.leases.position()
        rows = await query(
            self.hq,
            "SELECT watermark, head FROM chains WHERE workstation_id = :who AND epoch = :epoch",
            who=station.workstation_id,
            epoch=epoch,
        )
        held = (rows[0]["watermark"], rows[0]["head"].hex()) if rows else (0, "")
        assert held == (last, await station.proofs.chain_at(epoch, last))


TestChain = Chain.TestCase
TestChain.settings = settings(
    max_examples=25,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a whole chain takes many minutes
)
