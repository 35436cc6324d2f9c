"""Headquarters with its console, served in a thread of its own, and a store in which everything has gone wrong."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from agent.domain.digest import canonical, event_digest, extend, genesis
from sync.hq import wechat_accounts
from sync.hq.console.people import People, Role
from sync.hq.server import HqServer
from sync.hq.service import HqService
from sync.hq.wechat_accounts import Entry
from sync.lease_protocol import LeaseRequest, LeaseWant
from sync.proof import Finding
from sync.protocol import ProofRequest, WireEvent
from tests.unit.test_hq_world import BRAND, HandClock, Till, enrol, import_members, open_world
from tests.unit.wechat_bills import MCH, SUB_MCH, bill, row

T = TypeVar("T")
PASSWORD = "eight horses run"
USERS = {"看看": Role.VIEWER, "阿强": Role.OPERATOR, "老板": Role.ADMIN, "财务": Role.ADMIN}
HOUR_MS = 3_600_000
BOOKED = ("4200001234202609210000000001", "4200001234202609210000000002")
BILL_DAY = "2026-09-21"
BILL = bill(row(BOOKED[0], "12.81"), row("4200001234202609210000000003", "3.00"))
"""One amount differs, one payment is not in the books, one sale not in the bill."""


@dataclass
class ServedHq:
    """HQ in a thread, driven from the test's."""

    hq: HqService
    people: People
    url: str
    clock: HandClock
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    members: list[str] = field(default_factory=list)

    def run(self, work: Coroutine[Any, Any, T], deadline_s: float = 120) -> T:
        """Run a coroutine on HQ's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, deadline_s), self.loop).result(deadline_s + 5)


@contextmanager
def served_hq(folder: Path) -> Iterator[ServedHq]:
    """A running HQ until the block ends."""
    ready = threading.Event()
    held: list[ServedHq] = []
    failed: list[BaseException] = []

    async def serve() -> None:
        clock = HandClock()
        hq = await open_world(folder / "hq", clock)
        server = HqServer(hq, uploads=folder / "uploads")
        try:
            url = await server.start()
            assert server.console is not None
            people = server.console.desk.people
            for name, role in USERS.items():
                await people.put(name, role, PASSWORD, "test")
            held.append(ServedHq(hq, people, url, clock, asyncio.get_running_loop(), asyncio.Event()))
            held[0].members = await import_members(hq, folder / "members.csv", 3)
            ready.set()
            await held[0].stop.wait()
        finally:
            await server.stop()

    def thread() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    running = threading.Thread(target=thread, name="hq")
    running.start()
    ready.wait()
    if failed:
        raise failed[0]
    try:
        yield held[0]
    finally:
        held[0].loop.call_soon_threadsafe(held[0].stop.set)
        running.join(60)
    if failed:
        raise failed[0]


async def prove(hq: HqService, till: Till, findings: list[Finding] | None = None, head: str = "") -> None:
    """Let a till prove what it has."""
    count = len(till.events)
    asked = ProofRequest(epoch=till.epoch, count=count, head=head or till.events[-1].chain, findings=findings or [])
    await hq.prove(till.workstation_id, asked)


async def troubled_store(hq: HqService, clock: HandClock, members: list[str]) -> Till:
    """Store S1: a proof, a finding of the till's, a suspended event, a fork, a lease; store S2 is well."""
    await hq.add_store(BRAND, "S2", "二号店")
    well = Till("S2-1", "S2")
    await enrol(hq, well)
    well.book()
    await hq.ingest("S2-1", well.batch())
    await prove(hq, well)
    till = Till()
    await enrol(hq, till)
    till.book(member=members[0], points=12)
    till.book(transaction_id="4200000001", payable_fen=2500)
    till.book(transaction_id="4200000001", payable_fen=2500, member=members[1], points=25)  # paid once, booked twice
    await hq.ingest("S1-1", till.batch())
    found = Finding(side="store", table="events", epoch="e1", key="1", code="ALTERED", detail="payable_fen 1380")
    await prove(hq, till, [found])
    await hq.ingest("S1-1", till.batch([_fork(till, members[0])]))
    wants = [LeaseWant(account="points", bucket="", amount="all")]
    await hq.leases.grant(
        "S1-1", LeaseRequest(request_id="rq-1", epoch="e1", last=3, member_id=members[2], wants=wants)
    )
    return till


def _fork(till: Till, member: str) -> WireEvent:
    """Another first sale under the same name, as a copy of the books would have made it."""
    booked, till.events = till.events, []
    body = canonical(till.body(member=member, points=40, payable_fen=4000)).decode()
    till.events = booked
    head = extend(genesis(till.workstation_id, till.epoch), event_digest(body.encode()))
    return WireEvent(seq=1, body=body, chain=head.hex())


async def wechat_trouble(hq: HqService, till: Till, clock: HandClock) -> None:
    """Two WeChat sales of 12.80 whose bill is BILL, at a merchant whose key WeChat refuses."""
    entry = Entry(MCH, "wx8888888888888888", True, "http://127.0.0.1:9", v2_key="192006250b4c09247ec02edce69f6a2d")
    await hq.wechat.office.add(entry)
    now = clock.now_ms()
    await hq.parts.books.write(lambda c: wechat_accounts.note(c, MCH, "signature: SIGNERROR", now, now + 300_000))
    await wechat_sales(hq, till, *BOOKED)


async def wechat_sales(hq: HqService, till: Till, *transactions: str) -> None:
    """Sales of 12.80 that the till asserts as paid by WeChat."""
    known = len(till.events)
    for transaction_id in transactions:
        tender = {
            "type": "wechat", "amount_fen": 1280, "received_fen": None, "transaction_id": transaction_id,
            "evidence": "asserted", "mch_id": MCH, "sub_mch_id": SUB_MCH,
        }  # fmt: skip
        till.book(payable_fen=1280, tenders=[tender])
    await hq.ingest("S1-1", till.batch(till.events[known:]))


def on_loop(served: ServedHq, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Make a coroutine on HQ's loop and wait for it."""
    return served.run(work())
