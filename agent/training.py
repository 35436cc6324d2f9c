"""Training 训练模式 (S40): a till that works in every way and books into a file of its own that nobody else ever sees.

Used by the composition root alone. Members and prices come from the replica; rights to spend are made up from it;
nothing is pushed or proven. Each start in training begins with empty books, and the first start after it deletes them.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final, NoReturn

from agent.device_ports import Printer, PrinterStatus, PrintVerdict
from agent.domain.errors import HqRejected, HqUnreachable
from agent.domain.ids import random_id
from agent.domain.ledger import (
    COUNT_ACCOUNT,
    COUPON_ACCOUNT,
    GIFT_ACCOUNT,
    OPENING_BUCKET,
    POINTS_ACCOUNT,
    PRINCIPAL_ACCOUNT,
)
from agent.domain.receipt import Document
from agent.domain.receipt_training import as_training
from agent.limits import LEASE_USABLE_S
from agent.ports import Clock, Entropy, Hq, Traffic
from agent.replica_ports import Replica
from agent.witness_mark import Mark
from sync.lease_protocol import (
    LeaseAnswer,
    LeaseGrant,
    LeasePage,
    LeaseReport,
    LeaseReported,
    LeaseRequest,
    LeaseShort,
    LeaseWant,
)
from sync.proof import LocateAnswer, LocateRequest, ProofAnswer, ProofRequest
from sync.protocol import Batch, BatchAnswer, EnrolAnswer, EnrolRequest, Feed, FeedPage, LookAnswer, LookRequest
from sync.ranges import RangesAnswer, RangesRequest

BOOKS: Final = "books.db"
TRAINING_BOOKS: Final = "training.db"
_LEASE_BYTES: Final = 10


def throw_away(state: Path) -> None:
    """Delete the books of the last training."""
    # ORDER: -wal and -shm first: beside a new file they would be taken for its own.
    for old in sorted(state.glob(f"{TRAINING_BOOKS}*"), reverse=True):
        old.unlink()


class NoWitness:
    """The Witness port of books that HQ never hears of."""

    def read(self) -> Mark | None:
        """Nothing was ever acknowledged."""
        return None

    def write(self, mark: Mark) -> None:
        """Nothing ever is."""


class TrainingPrinter:
    """A printer whose every paper is marked."""

    def __init__(self, printer: Printer, language: int) -> None:
        self._printer = printer
        self._language = language
        self.name = printer.name

    async def print(self, document: Document) -> PrintVerdict:
        """Put a marked document on paper."""
        return await self._printer.print(as_training(document, self._language))

    async def status(self) -> PrinterStatus:
        """Ask the printer."""
        return await self._printer.status()

    def distrust(self, document: Document) -> None:
        """Tell the printer what an earlier process may have left half-sent."""
        self._printer.distrust(document)

    def close(self) -> None:
        """Abandon the device."""
        self._printer.close()


class TrainingHq:
    """HQ as training sees it: members and prices may be pulled, rights to spend are made up here, nothing goes up."""

    def __init__(self, hq: Hq, replica: Replica, clock: Clock, entropy: Entropy) -> None:
        self._hq = hq
        self._replica = replica
        self._clock = clock
        self._entropy = entropy
        self._given: dict[tuple[str, str, str], int] = {}
        self._answers: dict[str, LeaseAnswer] = {}

    async def pull(self, feed: Feed, cursor: int) -> Iterable[FeedPage]:
        """Read members and prices as ever; what HQ recalls concerns the real books."""
        return _left_alone(await self._hq.pull(feed, cursor))

    async def pull_alone(self, feed: Feed, cursor: int) -> Iterable[FeedPage]:
        """As `pull`."""
        return _left_alone(await self._hq.pull_alone(feed, cursor))

    async def look(self, request: LookRequest) -> LookAnswer:
        """Ask as ever, and leave alone what concerns the real books."""
        answer = await self._hq.look(request)
        return answer.model_copy(update={"recalls": [], "report": ""})

    async def ranges(self, request: RangesRequest) -> RangesAnswer:
        """Compare ranges of the replica as ever."""
        return await self._hq.ranges(request)

    async def enrol(self, request: EnrolRequest) -> EnrolAnswer:
        """Never."""
        _refuse()

    async def push(self, batch: Batch) -> BatchAnswer:
        """Never."""
        _refuse()

    async def prove(self, request: ProofRequest) -> ProofAnswer:
        """Never."""
        _refuse()

    async def locate(self, request: LocateRequest) -> LocateAnswer:
        """Never."""
        _refuse()

    def traffic(self) -> Traffic:
        """Counters since start."""
        return self._hq.traffic()

    async def report_leases(self, told: LeaseReport) -> LeaseReported:
        """Never."""
        _refuse()

    async def leases(self, after: str) -> LeasePage:
        """HQ holds no lease of a training."""
        return LeasePage(leases=[], more=False, watermarks={})

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Grant from what the replica says a member owns, less what this training has granted before."""
        if request.request_id in self._answers:
            return self._answers[request.request_id]
        found = await self._replica.by_id(request.member_id)
        if found is None:
            raise HqRejected("the replica has no such member", status=404, code="MEMBER_UNKNOWN")
        answer = LeaseAnswer(leases=[], short=[])
        for want in request.wants:
            for bucket, there, expires in await self._lots(request.member_id, want):
                self._grant(answer, request, want, bucket, there, expires)
        self._answers[request.request_id] = answer
        return answer

    def _grant(
        self, answer: LeaseAnswer, request: LeaseRequest, want: LeaseWant, bucket: str, there: int, expires: str
    ) -> None:
        key = (request.member_id, want.account, bucket)
        left = max(0, there - self._given.get(key, 0))
        amount = left if want.amount == "all" else min(left, int(want.amount))
        if amount:
            self._given[key] = self._given.get(key, 0) + amount
            answer.leases.append(
                LeaseGrant(
                    lease_id=random_id("training", self._entropy.token(_LEASE_BYTES)),
                    epoch=request.epoch,
                    member_id=request.member_id,
                    account=want.account,
                    bucket=bucket,
                    expires=expires,
                    amount=amount,
                    usable_until_ms=self._clock.now_ms() + LEASE_USABLE_S * 1000,
                )
            )
        if want.amount != "all" and amount < want.amount:
            answer.short.append(
                LeaseShort(account=want.account, bucket=want.bucket, wanted=want.amount, granted=amount)
            )

    async def _lots(self, member_id: str, want: LeaseWant) -> list[tuple[str, int, str]]:
        """(bucket, amount, expires) of what the replica says is there; one lot to an account, named as HQ does."""
        found = await self._replica.by_id(member_id)
        assert found is not None, "it was looked up before"
        member = found.member
        if want.account == COUNT_ACCOUNT:
            return [(one.card_id, one.left, one.expires) for one in member.cards if one.card_id == want.bucket]
        if want.account == COUPON_ACCOUNT:
            held = await self._replica.coupons_of(member_id)
            return [(one.coupon_id, 1, one.end_day) for one in held if one.coupon_id == want.bucket]
        lots = {
            POINTS_ACCOUNT: (OPENING_BUCKET, member.points),
            PRINCIPAL_ACCOUNT: ("", member.sv_principal_fen),
            GIFT_ACCOUNT: (OPENING_BUCKET, member.sv_gift_fen),
        }
        bucket, amount = lots[want.account]
        return [(bucket, amount, "")]


def _left_alone(pages: Iterable[FeedPage]) -> Iterable[FeedPage]:
    return (page.model_copy(update={"recalls": [], "report": ""}) for page in pages)


def _refuse() -> NoReturn:
    raise HqUnreachable("this till is in training: nothing goes to headquarters")
