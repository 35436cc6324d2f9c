"""HQ after it was restored from a copy: no grant to anybody until every workstation has told what it holds.

Called by sync.hq.main at start, by sync.hq.service, sync.hq.leases, sync.hq.prove and the desk inside their
transactions (docs/adr/0008). A restoration concerns every brand; a workstation of one brand holds no rights of another.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from agent.domain.errors import Refusal, StorageError
from agent.domain.ids import random_id
from agent.domain.lease import OpenedLease
from agent.limits import LEASE_USABLE_S
from sync.hq import feed_gaps
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.grant_witness import GrantWitness
from sync.hq.keys import HqKeys
from sync.lease_protocol import LeaseReport, LeaseReported

HQ_RESTORED: Final = "HQ_RESTORED"
_MARK_BYTES: Final = 5  # 40 bits: whoever guesses a mark must have a million million events folded first
_MARK_CHARS: Final = 8
_PREFIX: Final = "ls_"


@dataclass(frozen=True, slots=True)
class Awaited:
    """A workstation that has not told what it holds; nothing is granted in its brand meanwhile."""

    workstation_id: str
    brand_id: str
    state: str
    """`new`, `enrolled` or `revoked`: what is not enrolled cannot tell, and has to be written off."""


# --- ids of leases that only this HQ can make -----------------------------------------------------------------------
def lease_token(keys: HqKeys, entropy: bytes) -> str:
    """Name leases of one grant: random, and marked so that HQ knows its own after it has forgotten them."""
    return random_id("ls", entropy + keys.mark("lease", entropy)[:_MARK_BYTES])


def is_ours(keys: HqKeys, lease_id: str) -> bool:
    """Whether HQ itself made this lease id, in this life or one that it has forgotten.

    The id is `ls_`, the random part and its mark in base32, a dot and a number.
    """
    text = lease_id.removeprefix(_PREFIX).partition(".")[0]
    if not lease_id.startswith(_PREFIX) or len(text) <= _MARK_CHARS:
        return False
    entropy = _entropy_of(text)
    return entropy is not None and hmac.compare_digest(lease_token(keys, entropy), f"{_PREFIX}{text}")


def _entropy_of(text: str) -> bytes | None:
    try:
        return base64.b32decode(text.upper() + "=" * (-len(text) % 8))[:-_MARK_BYTES]
    except ValueError:
        return None


# --- noticing -------------------------------------------------------------------------------------------------------
def made(connection: Connection) -> int:
    """The mark of this database (sync.hq.marks): every grant raises it, every start, and what is written."""
    return int(connection.execute("SELECT number FROM grants_made WHERE id = 1").fetchone()["number"])


def count_grant(connection: Connection) -> None:
    """Raise the mark for a grant, in its transaction; the witness hears of it before the till does."""
    connection.execute("UPDATE grants_made SET number = number + 1 WHERE id = 1")


def watch(connection: Connection, witness: GrantWitness, now_ms: int) -> None:
    """Compare the database with the witness; one that knows less, or has lost its witness, was restored.

    Called in a transaction: at start, after each reconnect, every minute, and where a grant finds itself Forgotten.
    """
    connection.hold("restored")
    # ORDER: the witness first; a grant of this moment is in the database before the witness hears of it.
    seen = witness.read()
    number = made(connection)
    if seen is None and number:
        declare(connection, "HQ's witness (hq.grants) is gone", now_ms)
    elif seen is not None and seen > number:
        declare(connection, f"the database has mark {number}, its witness {seen}", now_ms, seen=seen)


def admit(connection: Connection, witness: GrantWitness, *, new_process: bool) -> None:
    """Whether a data directory without a witness may work on a server's books: only when its operator says which it is.

    A second process would stop the grants of the first otherwise. Raises StorageError.
    """
    number = made(connection)
    if witness.read() is not None or not number:
        return
    if not new_process:
        raise StorageError(
            "the database holds books, and this directory has no witness of them (hq.grants)",
            hint="one more HQ of the same books: `pos-agent hq serve --new-process`. Was the directory lost, or the"
            " database put back: `pos-agent hq restored --yes`, then start again",
        )
    witness.write(number)


class Forgotten(Exception):
    """A grant took a number that the witness knows already: the database was put back under a running HQ."""


def require_new(connection: Connection, witness: GrantWitness, brand_id: str) -> None:
    """After count_grant, in its transaction: raises Forgotten, so that nothing of the grant stays.

    Refusal HQ_RESTORED where another found that out since this transaction began.
    """
    if made(connection) <= (witness.read() or 0):
        raise Forgotten
    require_told(connection, brand_id)


def notice(connection: Connection, reason: str, of_ms: int, now_ms: int) -> None:
    """Something HQ made at `of_ms` is not in its database: it was restored, unless that is known already."""
    known = connection.execute("SELECT MAX(at_ms) AS at_ms FROM restorations").fetchone()["at_ms"]
    if known is None or of_ms > known:
        declare(connection, reason, max(now_ms, of_ms))


def notice_strangers(
    connection: Connection, keys: HqKeys, station: Station, strangers: Iterable[OpenedLease], now_ms: int
) -> None:
    """Look at leases that a workstation opened and HQ never granted, as far as it knows."""
    for one in strangers:
        if is_ours(keys, one.lease_id):
            reason = f"{station.workstation_id} holds lease {one.lease_id}"
            notice(connection, reason, one.usable_until_ms - LEASE_USABLE_S * 1000, now_ms)


def declare(connection: Connection, reason: str, now_ms: int, *, seen: int = 0) -> None:
    """From now on nothing is granted until every workstation has told what it holds; an earlier wait begins anew.

    Feeds go on behind whatever tills have read of them. `seen`: the mark that the witness knows.
    """
    connection.execute("UPDATE restorations SET done_at_ms = :now WHERE done_at_ms IS NULL", {"now": now_ms})
    restoration = "rs_" + hashlib.sha256(f"{now_ms}\n{reason}".encode()).hexdigest()[:24]
    connection.execute(
        "INSERT INTO restorations (restoration_id, brand_id, at_ms, reason)"
        " SELECT :id, brand_id, :now, :reason FROM brands WHERE 1 = 1 ON CONFLICT (restoration_id, brand_id)"
        " DO UPDATE SET done_at_ms = NULL",
        {"id": restoration, "now": now_ms, "reason": reason[:200]},
    )
    found = connection.execute("SELECT brand_id FROM brands ORDER BY brand_id").fetchall()
    brands = [row["brand_id"] for row in found]
    feed_gaps.leap(connection, brands, now_ms, seen=seen)
    for brand_id in brands:
        _finish(connection, brand_id, now_ms)


# --- waiting --------------------------------------------------------------------------------------------------------
def waiting(connection: Connection, brand_id: str) -> str:
    """The restoration whose answers a brand waits for; "" where nothing is waited for."""
    row = connection.execute(
        "SELECT restoration_id FROM restorations WHERE brand_id = :brand AND done_at_ms IS NULL", {"brand": brand_id}
    ).fetchone()
    return "" if row is None else str(row["restoration_id"])


def require_told(connection: Connection, brand_id: str) -> None:
    """Refusal 409 HQ_RESTORED while a workstation of the brand may hold what HQ has forgotten."""
    if waiting(connection, brand_id):
        raise refusal()


def refusal() -> Refusal:
    """409 HQ_RESTORED."""
    return Refusal(
        HQ_RESTORED,
        "headquarters was restored from a copy and waits for the workstations to tell what they hold",
        hint="pos-agent hq restored names them",
        status=409,
    )


def wanted_of(connection: Connection, station: Station) -> str:
    """The restoration that a workstation should answer to, "" for none."""
    restoration = waiting(connection, station.brand_id)
    key = {"id": restoration, "who": station.workstation_id}
    answered = "SELECT 1 FROM restoration_answers WHERE restoration_id = :id AND workstation_id = :who"
    return restoration if restoration and connection.execute(answered, key).fetchone() is None else ""


def report(connection: Connection, station: Station, told: LeaseReport, now_ms: int) -> LeaseReported:
    """Take a workstation's report: done once HQ holds its books without a gap, and so every lease it took up.

    Otherwise `missing` names what has to be sent first. A report about another restoration is not done.
    """
    if wanted_of(connection, station) != told.restoration:
        return LeaseReported(done=False)
    rows = connection.execute(
        "SELECT epoch, watermark FROM chains WHERE workstation_id = :who", {"who": station.workstation_id}
    )
    held = {row["epoch"]: row["watermark"] for row in rows}
    missing = [
        (epoch, held.get(epoch, 0) + 1, last)
        for epoch, last in sorted(told.epochs.items())
        if held.get(epoch, 0) < last
    ]
    if not missing:
        _answer(connection, station.workstation_id, told.restoration, "reported", now_ms)
        _finish(connection, station.brand_id, now_ms)
    return LeaseReported(done=not missing, missing=missing)


def write_off(connection: Connection, workstation_id: str, now_ms: int) -> None:
    """A person wrote a workstation off: it is waited for no longer."""
    row = connection.execute(
        "SELECT s.brand_id FROM workstations w JOIN stores s ON s.store_id = w.store_id WHERE w.workstation_id = :who",
        {"who": workstation_id},
    ).fetchone()
    restoration = waiting(connection, row["brand_id"])
    if restoration:
        _answer(connection, workstation_id, restoration, "written_off", now_ms)
        _finish(connection, row["brand_id"], now_ms)


def awaited(connection: Connection, brand_id: str = "") -> list[Awaited]:
    """Workstations that are waited for, of one brand or of all."""
    rows = connection.execute(
        "SELECT w.workstation_id, s.brand_id, w.state FROM restorations r JOIN stores s ON s.brand_id = r.brand_id"
        " JOIN workstations w ON w.store_id = s.store_id WHERE r.done_at_ms IS NULL"
        " AND (:brand = '' OR r.brand_id = :brand) AND NOT EXISTS (SELECT 1 FROM restoration_answers a"
        "  WHERE a.restoration_id = r.restoration_id AND a.workstation_id = w.workstation_id)"
        " ORDER BY w.workstation_id",
        {"brand": brand_id},
    )
    return [Awaited(row["workstation_id"], row["brand_id"], row["state"]) for row in rows]


def _answer(connection: Connection, workstation_id: str, restoration: str, how: str, now_ms: int) -> None:
    connection.execute(
        "INSERT INTO restoration_answers (restoration_id, workstation_id, how, at_ms)"
        " VALUES (:id, :who, :how, :now) ON CONFLICT (restoration_id, workstation_id) DO NOTHING",
        {"id": restoration, "who": workstation_id, "how": how, "now": now_ms},
    )


def _finish(connection: Connection, brand_id: str, now_ms: int) -> None:
    if not awaited(connection, brand_id):
        connection.execute(
            "UPDATE restorations SET done_at_ms = :now WHERE brand_id = :brand AND done_at_ms IS NULL",
            {"brand": brand_id, "now": now_ms},
        )
