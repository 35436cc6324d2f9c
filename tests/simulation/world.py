"""The simulated world: stores, HQ, network, customers and trouble of one seed, from the first morning to the end.

Called by tests.simulation.__main__ and the tests. All real but hardware, sockets and time: docs/simulation.md.
"""

import asyncio
import contextlib
import itertools
import logging
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import structlog

from agent.demo import world as chain
from tests.simulation import invariants
from tests.simulation.chance import DAY_S, HOUR_S
from tests.simulation.customers import Cashier
from tests.simulation.gremlins import Gremlins
from tests.simulation.headquarters import Headquarters
from tests.simulation.loop import VirtualLoop, run
from tests.simulation.network import Network
from tests.simulation.plan import Plan, Report
from tests.simulation.process import Killed
from tests.simulation.rights import Rights, moved
from tests.simulation.store import Name, SimulatedStore
from tests.simulation.trace import Trace
from tests.simulation.twins import Twins

_SHM = Path("/dev/shm")
_HEAL_H = 6
_PROOFS = 12
"""A proof gives back a bounded part of the seals that a restored HQ has lost, and says `healed` meanwhile."""
_LOOK_S, _RIGHTS_LOOKS, _FULL_LOOKS = 120, 5, 180
_AUDIT_EVENTS = 100
"""Sealed events rehashed per proof: far fewer than in a shop, so that the round robin goes round and costs little."""


def simulate(plan: Plan, trace_file: Path | None = None) -> Report:
    """Live through a plan; give what was found."""
    loop = VirtualLoop()
    report = Report(plan)
    started = time.perf_counter()
    logged = structlog.get_config()
    audits = [
        one for name, one in sys.modules.items() if name.startswith(("agent.", "sync.")) and "AUDIT_EVENTS" in vars(one)
    ]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        with contextlib.ExitStack() as stack:
            for module in audits:
                stack.enter_context(mock.patch.object(module, "AUDIT_EVENTS", _AUDIT_EVENTS))
            folder = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="pos-sim-", dir=_SHM if _SHM.is_dir() else None)
            )
            world = World(plan, Path(folder), loop, Trace(loop, trace_file), report)
            loop.set_exception_handler(world.on_lost_error)
            run(world.live(), loop)
    finally:
        structlog.configure(**logged)
    report.seconds = time.perf_counter() - started
    return report


class World:
    """One run."""

    def __init__(self, plan: Plan, folder: Path, loop: VirtualLoop, trace: Trace, report: Report) -> None:
        self._plan = plan
        self._folder = folder
        self._report = report
        self._wrongs = report.wrongs
        self.trace = trace
        self.hq = Headquarters(folder / "hq", plan.seed, loop, trace)
        network = Network(self.hq, trace)
        self.stores = [
            SimulatedStore(n, folder / f"store-{n}", plan.seed, loop, network, fault_rate=plan.fault_rate)
            for n in range(plan.stores)
        ]
        self.cashiers = [self._cashier(store) for store in self.stores]
        self.twins = [
            Twins(store, folder / f"twin-{store.name}", plan.seed, self._meet) for store in self.stores[: plan.twins]
        ]
        self._of_twins: dict[Name, str] = {}
        # What a copy told HQ is told by nobody again once the copy is switched off.
        rates = replace(plan.rates, hq_restored=0, books_restored=0) if plan.twins else plan.rates
        self._gremlins = Gremlins(plan.seed, rates)

    def _cashier(self, store: SimulatedStore) -> Cashier:
        plan = self._plan
        return Cashier(store, self.hq, plan.seed, members=plan.members, sales_a_day=plan.sales)

    def _meet(self, twin: SimulatedStore) -> Cashier:
        """A copy of a workstation began to sell: what it does counts too."""
        twin.on_copied = self.rights.admit
        self.rights.stores.append(twin)
        return self._cashier(twin)

    async def _live_twice(self, twins: Twins) -> None:
        await twins.run(self._plan.days)
        if twins.twin is not None and twins.cashier is not None:
            self._of_twins |= twins.events
            self._wrongs += [*twins.wrongs, *twins.cashier.patience.wrongs, *twins.twin.wrongs]

    def on_lost_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Whatever nobody waited for: a dead process's last words, or a mistake."""
        error = context.get("exception")
        if not isinstance(error, Killed):
            self._wrongs.append(f"lost: {context.get('message')} {error!r}")

    def _machines(self) -> list[Headquarters | SimulatedStore]:
        return [self.hq, *self.stores]

    async def live(self) -> None:
        """Open, sell under trouble, heal, check."""
        plan, report = self._plan, self._report
        await self.hq.start()
        await self.hq.fill(self._folder / "import", plan.stores, plan.members)
        assert self.hq.service is not None
        for store in self.stores:
            await store.enrol(self.hq.service)
        self.hq.back_up()
        balances = invariants.Balances(self.stores, invariants.opening_points(self.hq), self._wrongs)
        balances.twins = plan.twins > 0
        self.rights = Rights(self.hq, self.stores, self._wrongs)
        self.hq.on_restored = self.rights.hear_again
        for one in self.stores:
            one.on_copied = self.rights.admit
        for store in self.stores:
            await store.start()
        machines = [asyncio.create_task(one.run()) for one in self._machines()]
        self._gremlins.start(self.stores, self.hq)
        selling = [asyncio.create_task(cashier.run(plan.days)) for cashier in self.cashiers]
        selling += [asyncio.create_task(self._live_twice(one)) for one in self.twins]
        for cashier in self.cashiers:
            cashier.on_shown = balances.check
        watch = asyncio.create_task(self._look())
        try:
            await _all_or_first_failure(selling, [*machines, watch])
            await asyncio.sleep(max(0.0, plan.days * DAY_S - asyncio.get_running_loop().time()))
            await self._gremlins.stop()
            await self._heal()
            await self._final()
            report.figures["balances shown and judged"] = balances.shown
        except Exception as error:
            self._wrongs.append(f"the world ended: {error!r}")
            raise
        finally:
            watch.cancel()
            self._collect()

    async def _look(self) -> None:
        for looks in itertools.count():
            await asyncio.sleep(_LOOK_S)
            if looks % _RIGHTS_LOOKS == 0:
                self.rights.look()
            for store, cashier in zip(self.stores, self.cashiers, strict=True):
                if store.up.is_set():
                    invariants.check_queues(store, asyncio.get_running_loop().time(), self._wrongs)
                    if looks % _FULL_LOOKS == 0:
                        invariants.check_store(store, cashier.patience.acknowledged, self._wrongs)

    async def _heal(self) -> None:
        """Everything works again; wait until nothing waits any more."""
        self.trace.note("world", "healed")
        for disk_owner in self._machines():
            for disk in disk_owner.process.disks.values():
                disk.cut = None
        for store in self.stores:
            store.link.broken_until_s = store.link.fault_rate = 0.0
            store.paper.fault_rate, store.paper.out, store.clock.wrong_by_ms = 0.0, False, 0
            store.paper.in_since_s = asyncio.get_running_loop().time()
        for _ in range(_HEAL_H * 6):
            await asyncio.sleep(600)
            if (
                all(store.up.is_set() and not invariants.waiting(store) for store in self.stores)
                and self.hq.up.is_set()
            ):
                break
        await asyncio.sleep(HOUR_S)

    async def _final(self) -> None:
        """The end: everything was delivered, proven equal, printed once, and is answered as it was."""
        report = self._report
        events: dict[Name, str] = {}
        for store, cashier in zip(self.stores, self.cashiers, strict=True):
            assert store.agent is not None
            if waiting := invariants.waiting(store):
                self._wrongs.append(f"{store.name}: {waiting} after everything was healed")
            events |= invariants.check_store(store, cashier.patience.acknowledged, self._wrongs)
            await invariants.check_answers(store, cashier.patience.acknowledged, self._wrongs)
            for _ in range(_PROOFS):  # the first may still heal, and say so
                run = await store.agent.daemon.prove("final")
                if run.result == "equal" or store.doubled:
                    break
            self.trace.note(store.name, "proof", run.result, *(f"{one.count} {one.head}" for one in run.epochs))
            if store.doubled:
                continue  # one of two books is at HQ, the other waits for a person
            if run.result != "equal":
                found = [f"{one.finding.code} {one.finding.table} {one.finding.key}" for one in run.differences[:5]]
                self._wrongs.append(f"{store.name}: the last proof is {run.result} {run.reason} {found}")
        lost = {name: body for store in self.stores for name, body in store.lost.items()}
        held = invariants.check_hq(self.hq, events, lost, self._of_twins, self._wrongs)
        report.figures |= await self.rights.final(held)
        await self._final_balances(held)

    async def _final_balances(self, events: dict[Name, str]) -> None:
        """Every till shows the truth of every member: points and stored value."""
        truths = self.rights.openings + Counter()
        for key, amount in moved(events, debt=True).items():
            truths[key] += amount
        for store in self.stores:
            if store.doubled:
                continue  # it counts what it booked and HQ put aside
            assert store.agent is not None
            await store.agent.puller.pull_all()
            for number in range(self._plan.members):
                view = await store.till.view(await store.till.resolve(chain.member(number).number))
                member = view["member"]
                assert isinstance(member, dict)
                purses = member["stored_value"]
                assert isinstance(purses, dict)
                shown = {"points": member["points"], "sv_principal": purses["principal_fen"]}
                for account, says in shown.items():
                    if says != (truth := truths[account, str(member["member_id"]), ""]):
                        shows = f"{says} {account} of {member['member_id']}, truth {truth}"
                        self._wrongs.append(f"{store.name}: shows {shows} at the end")

    def _collect(self) -> None:
        report = self._report
        for store in self.stores:
            self._wrongs += store.wrongs + store.paper.wrongs
        for cashier in self.cashiers:
            self._wrongs += cashier.patience.wrongs
        done = Counter(one.kind for cashier in self.cashiers for one in cashier.patience.acknowledged)
        report.figures |= {f"acknowledged: {kind}": count for kind, count in done.items()}
        report.refused = sum((cashier.patience.refused for cashier in self.cashiers), Counter())
        report.figures["papers"] = sum(sum(store.paper.printed.values()) for store in self.stores)
        report.figures["requests"] = sum(store.link.requests for store in self.stores)
        report.counts, report.tail = self.trace.counts, list(self.trace.tail)
        report.trace = self.trace.close()


async def _all_or_first_failure(selling: list["asyncio.Task[None]"], machines: list["asyncio.Task[None]"]) -> None:
    """Wait for the cashiers; a machine that ends is a mistake, a cashier's error too."""
    waiting: set[asyncio.Task[None]] = set(selling)
    while waiting:
        done, _ = await asyncio.wait([*waiting, *machines], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if done & set(machines):
            raise AssertionError("a machine ended by itself")
        waiting -= done
