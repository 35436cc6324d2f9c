"""Workstations with real books and a real HQ beside them, joined by a wire that loses what a test tells it to.

For tests of leases: everything is real but the transport, so that a whole chain of stores fits into one test.
"""

import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from agent.books_ports import EventDraft, Outcome
from agent.db.books import BooksDb
from agent.db.leases import LeasesDb
from agent.db.outbox import OutboxDb
from agent.db.proofs import ProofsDb
from agent.db.schema import books_migrations
from agent.db.store import Store
from agent.domain.business_day import business_day
from agent.domain.digest import Json
from agent.domain.errors import HqRejected, HqUnreachable, Refusal
from agent.domain.lease import plan_spend, spending
from agent.domain.lease_event import LeasePlace
from agent.domain.ledger import OWN_LOT, posting_rows
from agent.domain.sale import Posting
from agent.keyring import FileKeyRing, prepare_device_key, save_enrolment
from agent.lease_report import LeaseReporter
from agent.leasing import Leasing
from agent.witness import FileWitness
from sync.hq.service import HqService
from sync.lease_protocol import LeaseAnswer, LeasePage, LeaseReport, LeaseReported, LeaseRequest, LeaseWant
from sync.protocol import Batch, BatchAnswer, EnrolRequest, Feed, FeedPage
from sync.push import Pusher, PushPorts
from tests.stand_ins import CountingEntropy, SteppingClock
from tests.unit.test_hq_world import BRAND, STORE, query

A = TypeVar("A")


class Wire:
    """HQ as one workstation reaches it. `mode`: `up`, `down` (nothing arrives) or `deaf` (every answer is lost)."""

    def __init__(self, hq: HqService, workstation_id: str) -> None:
        self._hq = hq
        self._who = workstation_id
        self.mode = "up"
        self.sent: list[Batch] = []

    async def _through(self, call: Callable[[], Awaitable[A]]) -> A:
        if self.mode == "down":
            raise HqUnreachable("the cable is out")
        try:
            answer = await call()
        except Refusal as error:
            raise HqRejected(error.message, status=error.status, code=error.code) from error
        if self.mode == "deaf":
            raise HqUnreachable("the answer was lost")
        return answer

    async def push(self, batch: Batch) -> BatchAnswer:
        self.sent.append(batch)
        return await self._through(lambda: self._hq.ingest(self._who, batch))

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        return await self._through(lambda: self._hq.leases.grant(self._who, request))

    async def leases(self, after: str) -> LeasePage:
        return await self._through(lambda: self._hq.leases.page(self._who, after))

    async def report_leases(self, told: LeaseReport) -> LeaseReported:
        return await self._through(lambda: self._hq.leases.report(self._who, told))

    async def pull(self, feed: Feed, cursor: int) -> FeedPage:
        return await self._through(lambda: self._hq.feed(self._who, feed, cursor))

    def meet(self, hq: HqService) -> None:
        """HQ is another one from now on: the same, restored from a copy."""
        self._hq = hq


@dataclass(frozen=True)
class Spent:
    """What a sale took, so that it can be given back."""

    postings: tuple[Posting, ...]


class Station:
    """One workstation: books, leases, outbox, and the wire to HQ."""

    def __init__(self, folder: Path, hq: HqService, workstation_id: str, clock: SteppingClock) -> None:
        self.folder, self.hq, self.workstation_id, self.clock = folder / workstation_id, hq, workstation_id, clock
        self.folder.mkdir(parents=True)
        self.entropy = _Entropy(workstation_id)
        self.wire = Wire(hq, workstation_id)
        self._sales = 0

    async def enrol(self) -> None:
        """Become a workstation of HQ and open the books."""
        code = await self.hq.add_workstation(STORE, self.workstation_id)
        public_key = prepare_device_key(self.folder / "keys", self.entropy)
        save_enrolment(self.folder / "keys", await self.hq.redeem(EnrolRequest(code=code, public_key=public_key)))
        await self.open()

    async def open(self, *, heed: bool = True) -> None:
        """Open the books as at a start."""
        self.store = await Store.open(self.folder / "books.db", books_migrations)
        self.keys = FileKeyRing(self.folder / "keys", self.entropy)
        self.books = BooksDb(self.store, self.workstation_id, self.keys, self.clock, self.entropy)
        await self.books.ensure_epoch()
        witness = FileWitness(self.folder / "keys")
        if heed:
            await self.books.heed(witness.read())
        self.outbox = OutboxDb(self.store, self.workstation_id, witness)
        self.proofs = ProofsDb(self.store, self.workstation_id, self.keys)
        self.leases = LeasesDb(self.store, witness)
        wire: Any = self.wire
        ports = PushPorts(self.outbox, self.books, wire, self.keys, self.clock, self.entropy)
        self.pusher = Pusher(ports, self.workstation_id)
        place = LeasePlace(self.workstation_id, STORE, BRAND)
        self.leasing = Leasing(place, self.books, self.leases, self.wire, self.clock, self.entropy)
        self.leasing.on_contact(True)
        self.reporter = LeaseReporter(self.leases, self.wire, self.outbox, self.leasing.is_asking)

    async def close(self) -> None:
        """Close the books."""
        await self.store.close()

    async def back_up(self) -> None:
        """Copy the books, as a careless backup does."""
        await self.close()
        shutil.copy2(self.folder / "books.db", self.folder / "books.copy")
        await self.open()

    async def restore(self) -> None:
        """Put an old copy in place of the books."""
        await self.close()
        shutil.copy2(self.folder / "books.copy", self.folder / "books.db")
        await self.open()

    async def book(self, postings: Sequence[Posting], tenders: Sequence[Any] = (), **more: Any) -> Outcome:
        """Book a sale with these postings; `more` are fields of its draft."""
        self._sales += 1
        number, at_ms = f"{self._sales}-{self.entropy.token(4).hex()}", self.clock.now_ms()
        body: dict[str, Json] = {
            "v": 1, "kind": "sale", "workstation_id": self.workstation_id, "store_id": STORE, "brand_id": BRAND,
            "at_ms": at_ms, "business_day": business_day(at_ms), "sale_id": number, "tenders": list(tenders),
            "totals": {"payable_fen": 0}, "postings": posting_rows(postings), "discrepancies": [],
        }  # fmt: skip
        draft = EventDraft("sale", number, {}, body, {}, tuple(postings), at_ms=at_ms)
        return await self.books.commit(replace(draft, **more))

    async def earn(self, member: str, amount: int, account: str = "points", expires: str = "") -> str:
        """Earn here; the name of the lot."""
        bucket = "" if account == "sv_principal" else OWN_LOT
        name = (await self.book([Posting(account, member, amount, bucket, expires, OWN_LOT)])).name
        return f"{name.workstation_id}.{name.epoch}.{name.seq}"

    async def spend(self, member: str, amount: int, account: str = "points") -> Spent:
        """Spend what may be spent here; Refusal LEASE_SHORT."""
        lots = await self.lots(member, account)
        postings = spending(lots, plan_spend(lots, amount))
        await self.book(postings)
        return Spent(postings)

    async def refund(self, spent: Spent) -> None:
        """Give back what a sale took."""
        await self.book([replace(one, amount=-one.amount) for one in spent.postings])

    async def lots(self, member: str, account: str = "points") -> list[Any]:
        """Spendable lots."""
        return list(await self.leasing.spendable(member, account, business_day(self.clock.now_ms())))

    async def free(self, member: str, account: str = "points") -> int:
        """How much may be spent here now."""
        return sum(lot.remaining for lot in await self.lots(member, account))

    async def acquire(self, member: str, amount: Any, account: Any = "points", bucket: str = "") -> bool:
        """Ask HQ for a lease."""
        return await self.leasing.acquire(member, [LeaseWant(account=account, amount=amount, bucket=bucket)], 5)

    async def push(self) -> None:
        """Send all that waits."""
        await self.pusher.push_all()

    async def pull(self) -> str:
        """Read what HQ says of members, from the beginning, and answer where it asks; the restoration it asks of."""
        page = await self.wire.pull(Feed.MEMBERS, 0)
        if page.report:
            await self.reporter.tell(page.report)
        return page.report

    async def idle(self) -> int:
        """Give back what lies idle, long after the last sale."""
        self.clock.ms += 3_600_000
        return await self.leasing.close_idle()

    async def audit(self) -> list[Any]:
        """What the store's own rows do not follow from, over all epochs."""
        found = list(await self.proofs.strangers())
        for epoch in await self.outbox.epochs():
            found += (await self.proofs.unit(epoch)).findings
        return found


class _Entropy(CountingEntropy):
    """Different bytes in each workstation."""

    def __init__(self, salt: str) -> None:
        super().__init__()
        self._salt = sum(salt.encode())

    def token(self, size: int) -> bytes:
        return bytes([self._salt % 256]) + super().token(size - 1) if size > 1 else super().token(size)


async def account_state(hq: HqService, member: str, account: str = "points") -> dict[str, int]:
    """Balance with openings, lots, and what open leases hold, as HQ has them."""
    one = {"id": member, "account": account}
    balance = await query(
        hq, "SELECT COALESCE(SUM(balance), 0) AS n FROM accounts WHERE member_id = :id AND account = :account", **one
    )
    opened = await query(
        hq, "SELECT COALESCE(SUM(amount), 0) AS n FROM lot_openings WHERE member_id = :id AND account = :account", **one
    )
    lots = await query(
        hq, "SELECT COALESCE(SUM(available), 0) AS n FROM lots WHERE member_id = :id AND account = :account", **one
    )
    out = await query(
        hq,
        "SELECT COALESCE(SUM(CASE WHEN settled >= amount THEN 0 WHEN settled <= 0 THEN amount"
        " ELSE amount - settled END), 0) AS n FROM leases"
        " WHERE member_id = :id AND account = :account AND state = 'open'",
        **one,
    )
    return {"owned": balance[0]["n"] + opened[0]["n"], "lots": lots[0]["n"], "out": out[0]["n"]}
