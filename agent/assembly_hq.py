"""The half of the composition root that talks to headquarters: what pushes, pulls, proves, leases and loads snapshots.

Called by agent.assembly, which says what the two halves share.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent import logs
from agent.config import Settings
from agent.db.books import BooksDb
from agent.db.leases import LeasesDb
from agent.db.outbox import OutboxDb
from agent.db.proofs import ProofsDb
from agent.db.replica import ReplicaDb
from agent.db.replica_rows import ReplicaRowsDb
from agent.db.replica_stage import ReplicaStage
from agent.db.replica_swap import ReplicaStore
from agent.db.schema_replica import migration_names
from agent.db.snapshot import SnapshotDb
from agent.db.store import Store
from agent.devices import Outside
from agent.domain.lease_event import LeasePlace
from agent.edges import Edges
from agent.enrolling import tls
from agent.keyring import FileKeyRing
from agent.lease_report import LeaseReporter
from agent.leasing import Leasing
from agent.ports import Clock, Entropy
from agent.proof_ports import Witness
from agent.training import TrainingHq
from sync.client import HttpHq
from sync.downward import Downward
from sync.protocol import EnrolAnswer, Feed
from sync.pull import Puller
from sync.push import Pusher, PushPorts
from sync.reconcile import Reconciler
from sync.snapshot_load import SnapshotLoader


@dataclass(frozen=True, slots=True)
class Shared:
    """What both halves of the composition root use."""

    settings: Settings
    outside: Outside
    place: LeasePlace
    enrolment: EnrolAnswer
    keys: FileKeyRing
    clock: Clock
    entropy: Entropy
    witness: Witness
    books_store: Store
    replica_store: ReplicaStore
    books: BooksDb
    outbox: OutboxDb
    proofs: ProofsDb
    replica: ReplicaDb
    snapshot: SnapshotDb
    edges: Edges


@dataclass(frozen=True, slots=True)
class HqHalf:
    """What talks to headquarters. `close` ends it."""

    hq: HttpHq
    pusher: Pusher
    puller: Puller
    leasing: Leasing
    snapshots: SnapshotLoader
    reconciler: Reconciler
    stage: ReplicaStage

    async def close(self) -> None:
        """Close the stage of snapshots, then the way to HQ, whatever becomes of the stage."""
        try:
            await self.stage.close()
        finally:
            await self.hq.close()


def hq_half(shared: Shared, on_time: Callable[[int, float], None], on_rules: Callable[[], None]) -> HqHalf:
    """Build it; `on_time` hears HQ's clock (ms UTC, s of round trip), `on_rules` that there are rules to sell by."""
    training = shared.settings.workstation.training
    hq = _way(shared, on_time)
    told = TrainingHq(hq, shared.replica, shared.clock, shared.entropy) if training else hq
    workstation_id = shared.place.workstation_id
    ports = PushPorts(shared.outbox, shared.books, told, shared.keys, shared.clock, shared.entropy)
    pusher = Pusher(ports, workstation_id)
    pusher.on_fork = shared.edges.fork
    hq.on_next = pusher.leave_alone

    async def on_rows(feed: Feed, _: int) -> None:
        if feed is Feed.RULES:
            on_rules()

    puller = Puller(shared.replica, told, shared.entropy, on_rows)
    puller.on_pulled = shared.snapshot.pulled
    leasing = _leasing(shared, told, pusher, puller)
    stage = ReplicaStage(
        shared.replica_store, shared.replica, shared.place.brand_id, shared.keys, shared.outside.make_worker
    )
    snapshots = _snapshots(shared, stage, hq, puller, on_rules)
    downward = Downward(ReplicaRowsDb(shared.replica_store, shared.replica), told, puller, leasing.check)
    downward.too_different = snapshots.renew
    reconciler = Reconciler(
        shared.outbox, shared.proofs, pusher, told, shared.keys, shared.clock, shared.entropy, workstation_id, downward
    )
    return HqHalf(hq, pusher, puller, leasing, snapshots, reconciler, stage)


def _way(shared: Shared, on_time: Callable[[int, float], None]) -> HttpHq:
    return HttpHq(
        shared.settings.hq.url,
        workstation_id=shared.place.workstation_id,
        keys=shared.keys,
        verify=tls(shared.settings),
        transport=shared.outside.hq_transport,
        on_contact=shared.edges.hq_contact,
        on_time=on_time,
        clock=shared.clock,
    )


def _leasing(shared: Shared, told: HttpHq | TrainingHq, pusher: Pusher, puller: Puller) -> Leasing:
    """Rights to spend: asked for, recalled, and told to an HQ that lost them."""
    leases = LeasesDb(shared.books_store, shared.witness)
    leasing = Leasing(shared.place, shared.books, leases, told, shared.clock, shared.entropy, pusher.hurry)
    puller.on_recalls = leasing.on_recalls
    reporter = LeaseReporter(LeasesDb(shared.books_store), told, shared.outbox, leasing.is_asking, pusher.hurry)
    puller.on_report = reporter.tell
    return leasing


def _snapshots(
    shared: Shared, stage: ReplicaStage, hq: HttpHq, puller: Puller, on_rules: Callable[[], None]
) -> SnapshotLoader:
    """What takes a whole new replica where feeds would take too long; it wakes the puller, and the puller it."""
    loader = SnapshotLoader(
        stage, shared.replica, hq, shared.keys, shared.entropy,
        brand_id=shared.place.brand_id, key_version=shared.enrolment.index_key_version, migrations=migration_names(),
        on_state=_log_snapshot,
    )  # fmt: skip

    def on_swapped() -> None:
        on_rules()
        puller.wake.set()

    loader.on_swapped = on_swapped
    puller.far_behind = loader.worth
    return loader


def _log_snapshot(state: str, reason: str) -> None:
    logs.get().info("replica.snapshot", state=state, reason=reason)
