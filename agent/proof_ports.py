"""What the hourly proof needs from books, replica and witness, as Protocols; agent.ports has the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.books_ports import StoredEvent
from agent.domain.buckets import Sums
from agent.domain.digest import Json
from agent.limits import PROOF_UNIT_EVENTS
from agent.witness_mark import Mark
from sync.proof import Finding, Seal, TotalsRow
from sync.protocol import Feed, FeedRow
from sync.ranges import KeyRange


@dataclass(frozen=True, slots=True)
class Unit:
    """What the store's own rehash gave of one epoch behind `after`: count, head, findings, bucket sums, totals."""

    epoch: str
    after: int
    count: int
    head: str
    altered: list[int]
    findings: list[Finding]
    sums: dict[int, Sums] = field(repr=False)
    totals: list[TotalsRow] = field(default_factory=list)
    more: bool = False
    """Whether the epoch goes on behind `count`: this is a part of the unit."""


@dataclass(frozen=True, slots=True)
class Side:
    """One side's version of an event: its digest and what it comes to."""

    digest: bytes
    payable_fen: int
    points: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A finding, and for an event both sides' versions where both exist."""

    finding: Finding
    seq: int | None = None
    sale_id: str = ""
    store: Side | None = None
    hq: Side | None = None

    def row(self) -> dict[str, object]:
        """Columns of the discrepancies table."""
        return {
            **self.finding.model_dump(exclude={"heals"}),
            "seq": self.seq,
            "sale_id": self.sale_id,
            "store_digest": self.store.digest if self.store else None,
            "store_fen": self.store.payable_fen if self.store else None,
            "store_points": self.store.points if self.store else None,
            "hq_digest": self.hq.digest if self.hq else None,
            "hq_fen": self.hq.payable_fen if self.hq else None,
            "hq_points": self.hq.points if self.hq else None,
        }


class ProofBooks(Protocol):
    """The part of books.db that is proven."""

    async def unit(self, epoch: str, after: int | None = None, most: int = PROOF_UNIT_EVENTS) -> Unit:
        """Rehash at most `most` events of an epoch behind its last good seal, or behind `after`."""
        ...

    async def roll(self, epoch: str) -> list[Finding]:
        """Re-prove a bounded part of the old sealed ranges."""
        ...

    async def strangers(self) -> list[Finding]:
        """Rows that belong to no epoch or no event."""
        ...

    async def sums(self, epoch: str, places: Sequence[int], size: int, count: int) -> dict[int, Sums]:
        """Bucket sums of places."""
        ...

    async def digests(self, epoch: str, places: Sequence[int], size: int, count: int) -> dict[int, int]:
        """42 bits of each event's digest."""
        ...

    async def event(self, epoch: str, seq: int) -> StoredEvent | None:
        """One event."""
        ...

    def is_hqs(self, seal: Seal) -> bool:
        """Whether our HQ signed it for us."""
        ...

    async def seals(self, epoch: str, after: int) -> list[Seal]:
        """Seals of an epoch behind `after`."""
        ...

    async def keep_seals(self, seals: Sequence[Seal]) -> None:
        """Store seals."""
        ...

    async def last_seq(self, epoch: str) -> int:
        """The last event of an epoch, 0 when there is none."""
        ...

    async def chain_at(self, epoch: str, seq: int) -> str:
        """Stored chain hash after an event, hex."""
        ...

    async def leave_epoch(self, epoch: str, held: int, fresh: str, at_ms: int) -> bool:
        """Mint an epoch if HQ holds more of this one than we do."""
        ...

    async def learn_suspensions(self, epoch: str, said: Sequence[tuple[int, str]], upto: int) -> list[Finding]:
        """Take over what HQ holds suspended."""
        ...

    async def record(self, differences: Sequence[Difference], at_ms: int) -> list[Difference]:
        """Keep discrepancies; give those that a person has explained and that are still the same."""
        ...


class Discrepancies(Protocol):
    """What differed, for a person to look at and explain."""

    async def listed(self, *, everything: bool) -> list[dict[str, Json]]:
        """Discrepancies as plain JSON, newest first: the open ones, or all of them."""
        ...

    async def explain(self, number: int, by: str, why: str, at_ms: int) -> None:
        """Note a person's explanation; raises Refusal for an unknown number."""
        ...


class ReplicaRows(Protocol):
    """The replica, row by row, for the downward check."""

    async def cursor(self, feed: Feed) -> int:
        """Last applied cursor of a feed."""
        ...

    async def key_ranges(self, feed: Feed, size: int, budget: int) -> list[KeyRange]:
        """The next ranges of the feed's keys to check, round robin; the position is kept by `checked`."""
        ...

    async def split(self, feed: Feed, wide: KeyRange, size: int) -> list[KeyRange]:
        """One range cut into smaller ones."""
        ...

    async def rows(self, feed: Feed, after: str, until: str) -> list[FeedRow]:
        """Rows of a range of keys: after < key <= until; an empty `until` has no end."""
        ...

    async def checked(self, feed: Feed, until: str) -> None:
        """Remember how far the check came."""
        ...

    async def repair(
        self, feed: Feed, gone: Sequence[FeedRow], rows: Sequence[FeedRow], watermarks: dict[str, int]
    ) -> None:
        """Remove what HQ does not have, then apply what it has."""
        ...


class Witness(Protocol):
    """The last acknowledged event, kept outside the backups of the books."""

    def read(self) -> Mark | None:
        """The mark, if there is one."""
        ...

    def write(self, mark: Mark) -> None:
        """Replace the mark durably."""
        ...
