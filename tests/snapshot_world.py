"""HQ with a brand of a few thousand members over real HTTP, and a till's replica that loads snapshots from it."""

import base64
from pathlib import Path
from types import TracebackType

import httpx

from agent.db.replica import ReplicaDb
from agent.db.replica_rows import ReplicaRowsDb
from agent.db.replica_stage import ReplicaStage
from agent.db.replica_swap import REPLICA, ReplicaStore
from agent.db.schema_replica import migration_names
from agent.keyring import FileKeyRing, load_enrolment, prepare_device_key, save_enrolment
from agent.system import SystemEntropy
from sync.client import HttpHq
from sync.hq.server import HqServer
from sync.hq.service import HqService
from sync.hq.snapshots import Snapshots
from sync.protocol import EnrolRequest, Feed
from sync.pull import Puller
from sync.snapshot_load import SnapshotLoader
from tests.unit.test_hq_world import BRAND, STORE, members_file, open_world

PART_BYTES = 32 * 1024
MEMBERS = 900
WORKSTATION = "S1-1"


def code_of(number: int) -> str:
    """The member number that `members_file` gives the n-th member."""
    return str(100_000_000_000 + number)


async def _unheard(_feed: Feed, _rows: int) -> None:
    pass


class Headquarters:
    """HQ on a loopback port with `members` members, whose snapshots come in small parts."""

    def __init__(self, folder: Path, members: int = MEMBERS) -> None:
        self.folder = folder
        self._members = members

    async def __aenter__(self) -> "Headquarters":
        self.hq: HqService = await open_world(self.folder / "hq")
        members_file(self.folder / "members.csv", self._members)
        assert (await self.hq.import_members(BRAND, self.folder / "members.csv")).faults == []
        assert isinstance(self.hq.snapshots, Snapshots)
        self.snapshots = self.hq.snapshots
        self.snapshots.part_bytes = PART_BYTES
        self.server = HqServer(self.hq)
        self.url = await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.stop()

    async def enrol(self, folder: Path, workstation_id: str = WORKSTATION) -> None:
        """Make the keys of a till under `folder`."""
        await enrol_till(self.hq, folder, workstation_id)


async def enrol_till(hq: HqService, folder: Path, workstation_id: str = WORKSTATION) -> None:
    """Make a till's keys under `folder`, as `pos-agent enrol` does."""
    code = await hq.add_workstation(STORE, workstation_id)
    public_key = prepare_device_key(folder / "keys", SystemEntropy())
    save_enrolment(folder / "keys", await hq.redeem(EnrolRequest(code=code, public_key=public_key)))


class TillReplica:
    """The replica of one till, with everything that fills it."""

    def __init__(self, folder: Path, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.folder = folder
        self._url = url
        self._transport = transport
        self.states: list[str] = []

    async def __aenter__(self) -> "TillReplica":
        entropy = SystemEntropy()
        enrolment = load_enrolment(self.folder / "keys")
        self.keys = FileKeyRing(self.folder / "keys", entropy)
        self.store = await ReplicaStore.open(self.folder / REPLICA)
        self.replica = ReplicaDb(self.store, enrolment.brand_id, self.keys)
        self.rows = ReplicaRowsDb(self.store, self.replica)
        self.hq = HttpHq(self._url, workstation_id=enrolment.workstation_id, keys=self.keys, transport=self._transport)
        self.puller = Puller(self.replica, self.hq, entropy, _unheard)
        self.stage = ReplicaStage(self.store, self.replica, enrolment.brand_id, self.keys)
        self.loader = SnapshotLoader(
            self.stage, self.replica, self.hq, self.keys, entropy,
            brand_id=enrolment.brand_id, key_version=enrolment.index_key_version, migrations=migration_names(),
            on_state=lambda state, _: self.states.append(state), behind_rows=1, range_bytes=3 * PART_BYTES,
        )  # fmt: skip
        self.puller.far_behind = self.loader.worth
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stage.close()
        await self.hq.close()
        await self.store.close()

    async def names(self, numbers: range) -> list[bool]:
        """Which of these members are found by their number."""
        return [await self.replica.by_code(code_of(number)) is not None for number in numbers]

    async def everything(self) -> dict[str, list[str]]:
        """Every row as it travels."""
        return {feed.value: [row.model_dump_json() for row in await self.rows.rows(feed, "", "")] for feed in Feed}


def index_key(folder: Path) -> bytes:
    """The brand's index key as a till holds it."""
    return base64.b64decode(load_enrolment(folder / "keys").index_key)
