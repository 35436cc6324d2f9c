"""One store with one till whose books are in memory: sells, pushes and proves by the till's own Pusher and Reconciler.

Bodies are not kept: a sale is named by its number and written again whenever it is sent, so ten thousand stores with a
hundred sales each fit into memory. What is kept of each is the hash chain.
"""

import base64
from collections.abc import Sequence
from typing import Any, Final

import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent.books_ports import OutboxCounts, ProofRecord, StoredEvent
from agent.domain.digest import event_digest, extend, genesis
from agent.ports import Clock, Entropy
from agent.proof_ports import Difference, Unit
from sync.client import HttpHq
from sync.proof import Finding, Seal, seal_signing_bytes
from sync.protocol import BatchAnswer, EnrolRequest, PayerIdentity, VerdictKind
from sync.push import Pusher, PushPorts
from sync.reconcile import Reconciler
from sync.schedule import slot_s
from tests.thousands.sales import Sale

EPOCH: Final = "ep_one"
_KEPT: Final = 60  # proofs remembered, as many as last_run_ms looks at


class Shop:
    """Books, outbox and keys of one till, and the parts of the agent that talk to HQ."""

    def __init__(self, store_id: str, station_id: str, sales: Sequence[Sale], members: Sequence[str]) -> None:
        self.store_id = store_id
        self.station_id = station_id
        self.slot = slot_s(store_id)
        self._sales = sales
        self._members = members
        self._key = Ed25519PrivateKey.generate()
        self._hq_key: Ed25519PublicKey | None = None
        self._chains = [genesis(station_id, EPOCH)]
        self._waiting: list[int] = []
        self._seals: list[Seal] = []
        self.history: list[ProofRecord] = []
        self.strange: list[str] = []
        """Verdicts and findings there should be none of."""
        self._reached = True
        self.hq: HttpHq
        self.pusher: Pusher
        self.reconciler: Reconciler

    # --- the parts of the agent -------------------------------------------------------------------------------------
    def join(self, url: str, transport: httpx.AsyncBaseTransport, clock: Clock, entropy: Entropy) -> None:
        """Build what the agent builds, around these books."""
        self.hq = HttpHq(
            url, workstation_id=self.station_id, keys=self.any, transport=transport, on_contact=self._contact
        )
        self.pusher = Pusher(PushPorts(self.any, self.any, self.hq, self.any, clock, entropy), self.station_id)
        self.hq.on_next = self.pusher.leave_alone
        self.reconciler = Reconciler(
            self.any, self.any, self.pusher, self.hq, self.any, clock, entropy, self.station_id, self.any
        )

    @property
    def any(self) -> Any:
        """This shop as whichever port the agent's parts ask for."""
        return self

    def _contact(self, reached: bool, _reason: str) -> None:
        if reached and not self._reached:
            self.pusher.reached.set()
        self._reached = reached

    async def enrol(self, code: str) -> None:
        """Become the workstation the code is for."""
        public = base64.b64encode(self._key.public_key().public_bytes_raw()).decode()
        answer = await self.hq.enrol(EnrolRequest(code=code, public_key=public))
        assert answer.workstation_id == self.station_id
        self._hq_key = Ed25519PublicKey.from_public_bytes(base64.b64decode(answer.hq_public_key))

    # --- selling ----------------------------------------------------------------------------------------------------
    @property
    def sold(self) -> int:
        """Sales booked."""
        return len(self._chains) - 1

    @property
    def waiting(self) -> int:
        """Sales HQ has not answered for."""
        return len(self._waiting)

    @property
    def head(self) -> str:
        """The chain's head, hex."""
        return self._chains[-1].hex()

    def totals(self) -> tuple[int, int]:
        """Sales, and points earned by them."""
        return self.sold, sum(self.kind_of(seq).points for seq in range(1, self.sold + 1))

    def settled_to(self, seq: int) -> bool:
        """Whether HQ has answered for every sale up to here."""
        return not self._waiting or self._waiting[0] > seq

    def kind_of(self, seq: int) -> Sale:
        """Which of the carts a sale was."""
        return self._sales[seq % len(self._sales)]

    def member_of(self, seq: int) -> str:
        """Who bought, where it is a member's sale."""
        return self._members[(seq * 7919 + self.slot) % len(self._members)]

    def book(self) -> None:
        """Sell once more; the pusher is woken as after every sale."""
        seq = self.sold + 1
        self._chains.append(extend(self._chains[-1], event_digest(self._body(seq))))
        self._waiting.append(seq)
        self.pusher.wake.set()

    def _body(self, seq: int) -> bytes:
        return self.kind_of(seq).body(self.store_id, self.station_id, EPOCH, seq, self.member_of(seq)).encode()

    # --- the outbox -------------------------------------------------------------------------------------------------
    async def pending(self, limit: int, max_bytes: int) -> tuple[str, list[StoredEvent]]:
        """See Outbox.pending."""
        events: list[StoredEvent] = []
        size = 0
        for seq in self._waiting[:limit]:
            body = self._body(seq)
            size += len(body)
            if events and size > max_bytes:
                break
            events.append(StoredEvent(seq, body, self._chains[seq]))
        return EPOCH, events

    async def settle(self, _epoch: str, answer: BatchAnswer, _at_ms: int, _fresh: str = "") -> bool:
        """See Outbox.settle; anything but created and exists is noted."""
        good = (VerdictKind.CREATED, VerdictKind.EXISTS)
        self.strange += [f"{one.seq} {one.verdict} {one.code}" for one in answer.verdicts if one.verdict not in good]
        said = {one.seq for one in answer.verdicts}
        self._waiting = [seq for seq in self._waiting if seq not in said]
        return False

    async def requeue(self, _epoch: str, ranges: Sequence[tuple[int, int]]) -> int:
        """See Outbox.requeue."""
        lost = {seq for first, last in ranges for seq in range(first, last + 1)} - set(self._waiting)
        self.strange.append(f"HQ lost {len(lost)} events it had acknowledged")
        self._waiting = sorted({*self._waiting, *lost})
        return len(lost)

    async def epochs(self) -> list[str]:
        """See Outbox.epochs."""
        return [EPOCH]

    async def outbox_counts(self) -> OutboxCounts:
        """See Outbox.outbox_counts."""
        return OutboxCounts(self.waiting, 0, 0, self.sold - self.waiting)

    async def record_proof(self, proof: ProofRecord) -> None:
        """See Outbox.record_proof."""
        self.history = [proof, *self.history[:_KEPT]]

    async def proofs(self, limit: int) -> list[ProofRecord]:
        """See Outbox.proofs."""
        return self.history[:limit]

    async def payers(self, _refs: Sequence[str]) -> list[PayerIdentity]:
        """See Books.payers."""
        return []

    # --- the proof --------------------------------------------------------------------------------------------------
    async def unit(self, epoch: str, after: int | None = None, most: int = 0) -> Unit:
        """See ProofBooks.unit; its own rows are taken as they are."""
        start = self._seals[-1].last if self._seals else 0
        return Unit(epoch, start if after is None else after, self.sold, self._chains[-1].hex(), [], [], {})

    async def roll(self, _epoch: str) -> list[Finding]:
        """See ProofBooks.roll."""
        return []

    async def strangers(self) -> list[Finding]:
        """See ProofBooks.strangers."""
        return []

    async def check(self) -> list[Finding]:
        """See Downward.check: this till keeps no replica."""
        return []

    def is_hqs(self, seal: Seal) -> bool:
        """See ProofBooks.is_hqs."""
        return self.verify_hq(base64.b64decode(seal.signature), seal_signing_bytes(seal))

    async def seals(self, _epoch: str, after: int) -> list[Seal]:
        """See ProofBooks.seals."""
        return [seal for seal in self._seals if seal.last > after]

    async def keep_seals(self, seals: Sequence[Seal]) -> None:
        """See ProofBooks.keep_seals."""
        known = {seal.last for seal in self._seals}
        self._seals += [seal for seal in seals if seal.last not in known]

    async def chain_at(self, _epoch: str, seq: int) -> str:
        """See ProofBooks.chain_at."""
        return self._chains[seq].hex()

    async def last_seq(self, _epoch: str) -> int:
        """See ProofBooks.last_seq."""
        return self.sold

    async def leave_epoch(self, _epoch: str, held: int, _fresh: str, _at_ms: int) -> bool:
        """See ProofBooks.leave_epoch."""
        if held > self.sold:
            self.strange.append(f"HQ holds {held} events, {self.sold} were sold")
        return False

    async def learn_suspensions(self, _epoch: str, said: Sequence[tuple[int, str]], _upto: int) -> list[Finding]:
        """See ProofBooks.learn_suspensions."""
        self.strange += [f"{seq} suspended: {code}" for seq, code in said]
        return []

    async def record(self, differences: Sequence[Difference], _at_ms: int) -> list[Difference]:
        """See ProofBooks.record."""
        self.strange += [str(one.finding) for one in differences if not one.finding.heals]  # a lost answer heals
        return []

    # --- keys -------------------------------------------------------------------------------------------------------
    def sign(self, message: bytes) -> bytes:
        """See KeyRing.sign."""
        return self._key.sign(message)

    def verify_hq(self, signature: bytes, message: bytes) -> bool:
        """See KeyRing.verify_hq."""
        assert self._hq_key is not None
        try:
            self._hq_key.verify(signature, message)
        except InvalidSignature:
            return False
        return True
