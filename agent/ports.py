"""What the application needs from the world, as Protocols: time, chance, keys and HQ; adapters implement them, the
composition root joins them.

Devices, replica and books have theirs in device_ports, replica_ports and books_ports. Imports domain and protocol
only. Everything that blocks or may wait is `async`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from sync.proof import LocateAnswer, LocateRequest
from sync.protocol import (
    Batch,
    BatchAnswer,
    EnrolAnswer,
    EnrolRequest,
    Feed,
    FeedPage,
    LookAnswer,
    LookRequest,
    ProofAnswer,
    ProofRequest,
)
from sync.ranges import RangesAnswer, RangesRequest


class Clock(Protocol):
    """Wall time for records, monotonic time for patience."""

    def now_ms(self) -> int:
        """UTC milliseconds."""
        ...

    def mono_s(self) -> float:
        """Seconds of monotonic time since some fixed moment of this process."""
        ...


class Entropy(Protocol):
    """Randomness, so that a simulation can seed it."""

    def token(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        ...

    def uniform(self, low: float, high: float) -> float:
        """A number for jitter; never for secrets."""
        ...


class KeyRing(Protocol):
    """All secrets of the store. No other module sees a key."""

    def encrypt(self, table: str, column: str, row: str, plaintext: str) -> bytes:
        """Seal one field (AES-256-GCM, AAD table|column|row, suite id first)."""
        ...

    def decrypt(self, table: str, column: str, row: str, sealed: bytes) -> str:
        """Open one field; raises StorageError when it does not belong there."""
        ...

    def blind_index(self, kind: Literal["code", "wx"], value: str) -> bytes:
        """Keyed 16-byte index of an identity: `code` = member code or number, `wx` = `appid:openid`."""
        ...

    def open_snapshot(self, snapshot_id: str, number: int, sealed: bytes) -> bytes | None:
        """Open part `number` of a snapshot of the brand; None when it was not sealed as that."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Sign as this workstation (Ed25519)."""
        ...

    def verify_hq(self, signature: bytes, message: bytes) -> bool:
        """Check HQ's signature with its public key."""
        ...


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the conversation with HQ has cost so far."""

    requests: int
    bytes_up: int
    bytes_down: int


class Hq(Protocol):
    """HQ as the store sees it. Raises HqUnreachable (back off) or HqRejected (HQ said no)."""

    async def enrol(self, request: EnrolRequest) -> EnrolAnswer:
        """Become a workstation."""
        ...

    async def push(self, batch: Batch) -> BatchAnswer:
        """Hand over events."""
        ...

    async def pull(self, feed: Feed, cursor: int) -> Iterable[FeedPage]:
        """Read a change feed: pages that follow each other, to its end or a moment before it."""
        ...

    async def pull_alone(self, feed: Feed, cursor: int) -> Iterable[FeedPage]:
        """Read one page of a change feed as it is at this moment."""
        ...

    async def look(self, request: LookRequest) -> LookAnswer:
        """Ask which feeds have moved."""
        ...

    async def prove(self, request: ProofRequest) -> ProofAnswer:
        """Ask for HQ's own rehash."""
        ...

    async def locate(self, request: LocateRequest) -> LocateAnswer:
        """Look closer at places of an epoch."""
        ...

    async def ranges(self, request: RangesRequest) -> RangesAnswer:
        """Compare ranges of the replica's keys."""
        ...

    def traffic(self) -> Traffic:
        """Counters since start."""
        ...
