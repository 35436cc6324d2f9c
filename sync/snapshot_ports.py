"""What loading a snapshot needs of the outside: HQ, the replica in use, and the place where the next one is gathered.

Used by sync.snapshot_load; implemented by sync.client, agent.db.replica and agent.db.replica_stage.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from agent.ports import Hq
from agent.replica_ports import Replica
from sync.protocol import Feed, FeedPage
from sync.snapshot import SnapshotAnswer, SnapshotManifest


class SnapshotHq(Hq, Protocol):
    """HQ as it gives snapshots."""

    async def snapshot(self, snapshot_id: str = "") -> SnapshotAnswer:
        """The newest, or the named one while it is kept."""
        ...

    async def pull_staged_alone(self, feed: Feed, cursor: int) -> Iterable[FeedPage]:
        """Read one page of it as it is at this moment."""
        ...

    async def pull_staged(self, feed: Feed, cursor: int) -> Iterable[FeedPage]:
        """Read a change feed into a replica that is not in use: no erasure counts as applied by it."""
        ...

    async def snapshot_bytes(self, snapshot_id: str, start: int, end: int, take: Callable[[bytes], object]) -> None:
        """Bytes start <= at < end, handed on as they come."""
        ...


class Staging(Protocol):
    """Where the next replica is gathered (agent.db.replica_stage)."""

    def pending(self) -> bool:
        """Whether something was begun and not finished."""
        ...

    def ready(self) -> bool:
        """Whether a whole, checked replica waits."""
        ...

    def free_bytes(self) -> int:
        """What may still be written there."""
        ...

    async def begun(self) -> SnapshotAnswer | None:
        """The snapshot whose parts are being gathered."""
        ...

    async def begin(self, answer: SnapshotAnswer) -> None:
        """Gather parts of this snapshot; those of another are thrown away."""
        ...

    async def parts(self, manifest: SnapshotManifest) -> int:
        """How many parts are here, whole."""
        ...

    async def add(self, manifest: SnapshotManifest, number: int, sealed: bytes) -> bool:
        """Check and keep a part; False when it is not what the manifest says."""
        ...

    async def finish(self, answer: SnapshotAnswer) -> bool:
        """Check the whole and make it ready; False when it is not sound, and nothing of it is kept."""
        ...

    async def drop(self) -> None:
        """Throw away what was gathered."""
        ...

    async def open(self) -> Replica:
        """Open the ready replica, to apply what changed since."""
        ...

    async def swap(self) -> None:
        """Let it take the place of the till's."""
        ...

    async def rest(self) -> None:
        """Close what is open; what is there stays."""
        ...


class Renewable(Replica, Protocol):
    """The replica in use."""

    async def rewind(self, feed: Feed) -> None:
        """Read a feed from its start again."""
        ...
