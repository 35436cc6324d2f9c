"""Erasing who a member is, at a person's request: kept, told to tills, acknowledged by them, and done again by copies.

Called by sync.hq.members_office, sync.hq.service and sync.hq.main inside their transactions. The request goes into a
file beside the database first, which belongs to no backup: a database restored from a copy erases again.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from agent.domain.errors import Refusal, StorageError
from agent.limits import TEXT_CHARS
from sync.hq import feed_gaps, identity_checks, joint_links, member_write, reservations, tasks
from sync.hq.bounds import DIFFERENCES_LISTED
from sync.hq.db.seam import Connection
from sync.hq.feeds import ends
from sync.protocol import Feed

FILE: Final = "hq.erasures"
FEEDS: Final = {Feed.MEMBERS: "members_no", Feed.IDENTITIES: "identities_no", Feed.COUPONS: "coupons_no"}


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request. `member_id` is random and says nobody; `reason` must not either."""

    brand_id: str
    member_id: str
    asked_by: str
    reason: str
    at_ms: int


class ErasureWitness(Protocol):
    """Keeps requests where no copy of the database reaches."""

    def read(self) -> list[Erasure]:
        """All of them, in order."""
        ...

    def add(self, one: Erasure) -> None:
        """Keep one durably; StorageError when that cannot be done."""
        ...


class FileErasures:
    """A line of JSON each, appended and waited for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Erasure]:
        """Whole lines; one that was torn by a power cut was never answered for."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _failed(error) from error
        found = []
        for line in text.split(b"\n"):
            try:
                found.append(Erasure(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found

    def add(self, one: Erasure) -> None:
        """Append a line; a torn one before it ends first."""
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, b"\n" + json.dumps(asdict(one), ensure_ascii=False).encode() + b"\n")
                os.fsync(handle)
            finally:
                os.close(handle)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise _failed(error) from error


def _failed(error: OSError) -> StorageError:
    return StorageError(f"the list of erasures failed: {error.strerror}", hint="look at the disk, then restart")


def check(connection: Connection, one: Erasure) -> None:
    """Refusal 422 REASON_NEEDED, 404 MEMBER_UNKNOWN."""
    for name, text in (("by", one.asked_by), ("why", one.reason)):
        if not 1 <= len(text.strip()) <= TEXT_CHARS:
            raise Refusal("REASON_NEEDED", f"say by whom and why, in 1 to {TEXT_CHARS} characters", field=name)
    known = connection.execute(
        "SELECT 1 FROM members WHERE member_id = :id AND brand_id = :brand",
        {"id": one.member_id, "brand": one.brand_id},
    )
    if known.fetchone() is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)


def erase(connection: Connection, one: Erasure) -> bool:
    """Erase a member, once; False where that was done before. Nothing that HQ keeps for itself names them after it."""
    key = {"id": one.member_id}
    if connection.execute("SELECT 1 FROM erasures WHERE member_id = :id", key).fetchone() is not None:
        return False
    member_write.erase(connection, one.brand_id, one.member_id)
    identity_checks.forget(connection, one.member_id)
    tasks.forget(connection, one.member_id)
    joint_links.forget(connection, one.member_id, one.at_ms)
    reservations.forget(connection, one.brand_id, one.member_id, one.at_ms)
    connection.execute("DELETE FROM reminders WHERE member_id = :id", key)
    last = ends(connection, one.brand_id)
    connection.execute(
        "INSERT INTO erasures (member_id, brand_id, asked_by, reason, at_ms, members_no, identities_no, coupons_no)"
        " VALUES (:member_id, :brand_id, :asked_by, :reason, :at_ms, :members_no, :identities_no, :coupons_no)",
        {**asdict(one), **{column: last.get(feed.value, 0) for feed, column in FEEDS.items()}},
    )
    return True


def replay(connection: Connection, witness: ErasureWitness, now_ms: int) -> int:
    """Do again what this database does not know of: it is a copy of an earlier one. How many that were.

    A member that the copy does not know yet has nothing to erase.
    """
    left = [one for one in witness.read() if _is_left(connection, one.member_id)]
    # ORDER: the leap first; a till that has read on since the copy would pass the tombstones by, and seem to know them.
    if left:
        feed_gaps.leap(connection, sorted({one.brand_id for one in left}), now_ms)
    return sum(erase(connection, one) for one in left)


def _is_left(connection: Connection, member_id: str) -> bool:
    found = connection.execute(
        "SELECT 1 FROM members m WHERE m.member_id = :id AND NOT EXISTS"
        " (SELECT 1 FROM erasures e WHERE e.member_id = m.member_id)",
        {"id": member_id},
    )
    return found.fetchone() is not None


# --- tills ----------------------------------------------------------------------------------------------------------
_NEWS: Final = (
    " FROM erasures e JOIN stores s ON s.brand_id = e.brand_id JOIN workstations w ON w.store_id = s.store_id"
    " JOIN feed_counters c ON c.brand_id = e.brand_id AND c.feed = :feed"
    " WHERE w.workstation_id = :who AND e.{column} <= :after AND NOT EXISTS (SELECT 1 FROM erasure_acks a"
    "  WHERE a.member_id = e.member_id AND a.workstation_id = :who AND a.feed = :feed)"
    # A cursor of what was forgotten, or that this HQ never gave, says nothing of what stands here.
    f" AND c.last_no >= :after AND NOT {feed_gaps.IS_FORGOTTEN}"
)


HAS_NEWS: Final = (
    "EXISTS (SELECT 1 FROM erasures e WHERE e.brand_id = :brand AND ("
    + " OR ".join(
        f"e.{column} <= :{feed.value} AND NOT EXISTS (SELECT 1 FROM erasure_acks a WHERE a.member_id = e.member_id"
        f" AND a.workstation_id = :who AND a.feed = '{feed.value}')"
        for feed, column in FEEDS.items()
    )
    + "))"
)
"""Whether workstation `:who` of `:brand` acknowledges anything by its cursors, parameters named as the FEEDS."""


def is_news(connection: Connection, workstation_id: str, feed: Feed, after: int) -> bool:
    """Whether a till that asks for what comes behind `after` acknowledges anything: a look without a write."""
    if feed not in FEEDS:
        return False
    key = {"who": workstation_id, "feed": feed.value, "after": after}
    return connection.execute(f"SELECT 1{_NEWS.format(column=FEEDS[feed])} LIMIT 1", key).fetchone() is not None


def acknowledge(connection: Connection, workstation_id: str, feed: Feed, after: int, now_ms: int) -> None:
    """A till asks for what comes behind a cursor: it has applied everything up to it."""
    connection.execute(
        "INSERT INTO erasure_acks (member_id, workstation_id, feed, at_ms) SELECT e.member_id, :who, :feed, :now"
        f"{_NEWS.format(column=FEEDS[feed])} ON CONFLICT DO NOTHING",
        {"who": workstation_id, "feed": feed.value, "now": now_ms, "after": after},
    )


def listed(connection: Connection, brand_id: str) -> list[dict[str, Any]]:
    """Requests, newest first, each with the enrolled workstations that have not acknowledged all of it."""
    rows = connection.execute(
        "SELECT member_id, brand_id, asked_by, reason, at_ms FROM erasures WHERE :brand = '' OR brand_id = :brand"
        " ORDER BY at_ms DESC, member_id LIMIT :limit",
        {"brand": brand_id, "limit": DIFFERENCES_LISTED},
    ).fetchall()
    return [{**dict(row), "missing": _missing(connection, row["member_id"], row["brand_id"])} for row in rows]


def _missing(connection: Connection, member_id: str, brand_id: str) -> list[str]:
    rows = connection.execute(
        "SELECT w.workstation_id FROM workstations w JOIN stores s ON s.store_id = w.store_id"
        " WHERE s.brand_id = :brand AND w.state = 'enrolled' AND (SELECT COUNT(*) FROM erasure_acks a"
        "  WHERE a.member_id = :id AND a.workstation_id = w.workstation_id) < :feeds ORDER BY w.workstation_id",
        {"brand": brand_id, "id": member_id, "feeds": len(FEEDS)},
    )
    return [row["workstation_id"] for row in rows]
