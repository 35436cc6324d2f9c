"""What events do to leases at HQ: opened, spent, given back, closed, one by one as they become contiguous.

Called by sync.hq.fold (LeaseBook) and sync.hq.leases. Per member and account, at every moment: balance + openings =
sum of lots + sum over open leases of what they still hold.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from agent.domain.budget import BUDGET_LEASE
from agent.domain.ids import EventName
from agent.domain.lease import OpenedLease
from agent.domain.ledger import (
    DEBT_BUCKET,
    OPENING_BUCKET,
    PENDING_ACCOUNT,
    POINTS_ACCOUNT,
    lot_name,
    opens_own_lease,
)
from agent.domain.sale import Posting
from sync.hq import lots
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import Station
from sync.hq.feeds import hold_brand
from sync.hq.judge import Judgement
from sync.hq.lot_credits import Credits
from sync.proof import Finding

POINTS_FROZEN: Final = "POINTS_FROZEN"
LEASE_CLOSED: Final = "LEASE_CLOSED"
LEASE_OVERSPENT: Final = "LEASE_OVERSPENT"
LEASE_UNKNOWN: Final = "LEASE_UNKNOWN"
LEASE_LEFT_DIFFERS: Final = "LEASE_LEFT_DIFFERS"
_OPEN: Final = (
    "INSERT INTO leases (workstation_id, lease_id, request_id, epoch, seq, member_id, account, bucket, expires,"
    " amount, settled, usable_until_ms, state) SELECT who, lease_id, request_id, epoch, seq, member_id, account,"
    " bucket, expires, amount, 0, usable_until_ms, 'open' FROM incoming AS i"
)


HELD: Final = "CASE WHEN settled < 0 THEN amount WHEN settled > amount THEN 0 ELSE amount - settled END"
"""What an open lease still holds, in SQL: as `held`."""


def held(amount: int, settled: int, state: str) -> int:
    """What a lease still holds: nothing once it is closed, never below zero, never above what was granted.

    >>> held(100, 30, "open"), held(100, 130, "open"), held(100, -5, "open"), held(100, 30, "closed")
    (70, 0, 100, 0)
    """
    return max(0, min(amount, amount - settled)) if state == "open" else 0


def held_of(row: Row) -> int:
    """What the lease of a row still holds."""
    return held(row["amount"], row["settled"], row["state"])


def insert(connection: Connection, who: str, request_id: str, row: dict[str, Any]) -> None:
    """Insert an open lease of workstation `who`; `seq` 0 while its workstation has not said that it holds it."""
    connection.bulk(_OPEN, [{"seq": 0, **row, "who": who, "request_id": request_id}])


@dataclass(slots=True)
class LeaseBook:
    """What the events of one epoch do to lots and leases, event by event, in the order of the chain."""

    connection: Connection
    station: Station
    epoch: str
    now_ms: int
    found: list[Finding] = field(default_factory=list)
    """Facts for a person: spends of leases that were closed, overspent or unknown."""
    strangers: list[OpenedLease] = field(default_factory=list)
    """Opened by their workstation, and never granted as far as HQ knows."""
    _opens: list[dict[str, str | int]] = field(default_factory=list)
    _credits: Credits = field(init=False)

    def __post_init__(self) -> None:
        self._credits = Credits(self.connection)

    def _settle_up(self) -> None:
        """Write leases and credits that waited for one another; before any of either is read."""
        self._credits.settle()
        opens, self._opens = self._opens, []
        self.connection.bulk(_OPEN, opens)

    def fold(self, seq: int, event: Judgement) -> None:
        """Book one event that has become contiguous and is not suspended."""
        if not event.postings and not event.opened and event.closing is None:
            return
        lot = lot_name(EventName(self.station.workstation_id, self.epoch, seq))
        for opened in event.opened:
            if not any(opens_own_lease(one, lot) and one.lease == opened.lease_id for one in event.postings):
                self._confirm(seq, opened, event.business_day)
        for posting in event.postings:
            self._post(seq, lot, posting, event)
        if event.closing is not None:
            closing = event.closing
            for one in closing.leases:
                self.connection.execute(
                    "INSERT INTO lease_closings (workstation_id, epoch, seq, lease_id, remaining, of_epoch, after_seq)"
                    " VALUES (:who, :epoch, :seq, :lease_id, :remaining, :of_epoch, :after_seq)",
                    {
                        "who": self.station.workstation_id,
                        "epoch": self.epoch,
                        "seq": seq,
                        "lease_id": one.lease_id,
                        "remaining": one.left,
                        "of_epoch": closing.of_epoch,
                        "after_seq": closing.after_seq,
                    },
                )
            self.honour(seq)

    def honour(self, upto: int) -> None:
        """Close what may be closed: HQ holds the lease's epoch contiguously up to the closing (`upto` of our own).

        Only what both ends say is left comes back; a spend that is suspended here holds its lease open.
        """
        self._settle_up()
        rows = self.connection.execute(
            "SELECT c.epoch, c.seq, c.lease_id, c.remaining FROM lease_closings c LEFT JOIN chains h"
            " ON h.workstation_id = c.workstation_id AND h.epoch = c.of_epoch"
            " WHERE c.workstation_id = :who AND c.honoured = 0 AND (CASE c.of_epoch WHEN ''"
            " THEN c.epoch = :epoch AND c.seq <= :upto"
            " WHEN :epoch THEN c.after_seq <= :upto ELSE c.after_seq <= COALESCE(h.watermark, 0) END)"
            " ORDER BY c.epoch, c.seq, c.lease_id",
            {"who": self.station.workstation_id, "epoch": self.epoch, "upto": upto},
        ).fetchall()
        if rows:
            hold_brand(self.connection, self.station.brand_id)  # ORDER: whose leases they are is found out only now
        for row in rows:
            lease = self._lease(row["lease_id"])
            if lease is None:
                self._find(row["seq"], row["lease_id"], LEASE_UNKNOWN, "closed, and never granted here")
            elif held_of(lease) > row["remaining"]:
                detail = f"left here {held_of(lease)}, at the workstation {row['remaining']}"
                self._find(row["seq"], row["lease_id"], LEASE_LEFT_DIFFERS, detail)
                continue
            else:
                end(self.connection, lease, "closed")
            self.connection.execute(
                "UPDATE lease_closings SET honoured = 1 WHERE workstation_id = :who AND epoch = :epoch AND seq = :seq"
                " AND lease_id = :lease_id",
                {"who": self.station.workstation_id, **{key: row[key] for key in ("epoch", "seq", "lease_id")}},
            )

    def _confirm(self, seq: int, opened: OpenedLease, day: str) -> None:
        """A granted lease that the workstation has taken up; one HQ has lost (a restored copy) is granted again."""
        self._settle_up()
        key = {"who": self.station.workstation_id, "id": opened.lease_id, "epoch": self.epoch, "seq": seq}
        known = self.connection.execute(
            "UPDATE leases SET seq = :seq WHERE workstation_id = :who AND lease_id = :id AND epoch = :epoch"
            " AND seq = 0",
            key,
        )
        if known.rowcount or self._lease(opened.lease_id) is not None:
            return
        self.strangers.append(opened)
        self._find(seq, opened.lease_id, LEASE_UNKNOWN, f"{opened.amount} opened, and never granted here")
        owed = lots.debit(
            self.connection, opened.owner, opened.account, opened.bucket, opened.amount,
            day=day, now_ms=self.now_ms, expires=opened.expires,
        )  # fmt: skip
        if owed:
            self._find(seq, opened.lease_id, LEASE_OVERSPENT, f"{owed} more than the member has")
        self._open(seq, opened)

    def _open(self, seq: int, opened: OpenedLease) -> None:
        row: dict[str, str | int] = {
            "who": self.station.workstation_id,
            "request_id": "",
            "lease_id": opened.lease_id,
            "epoch": self.epoch,
            "seq": seq,
            "member_id": opened.owner,
            "account": opened.account,
            "bucket": opened.bucket,
            "expires": opened.expires,
            "amount": opened.amount,
            "usable_until_ms": opened.usable_until_ms,
        }
        self._opens.append(row)

    def _post(self, seq: int, lot: str, one: Posting, event: Judgement) -> None:
        if one.account == PENDING_ACCOUNT:  # held back: nothing that could be granted, and a person must look (S53)
            if one.amount > 0:
                self._find(seq, one.owner, POINTS_FROZEN, f"{one.amount} points held back", "accounts")
            return
        if opens_own_lease(one, lot):
            self._open(seq, OpenedLease(one.lease, one.account, one.owner, one.amount, one.bucket, one.expires))
        elif one.lease:
            self._settle(seq, one, event)
        elif one.amount > 0:
            bucket = lot if one.bucket == DEBT_BUCKET else one.bucket or _nameless(one.account)
            self._credit(one, bucket, one.amount, event.at_ms)
        elif one.amount < 0:
            self._debit(one, one.bucket or _nameless(one.account), -one.amount, event.business_day)

    def _settle(self, seq: int, one: Posting, event: Judgement) -> None:
        """A spend of a lease, or its refund; what the lease does not cover moves lots, and a person is told."""
        if one.lease == BUDGET_LEASE:  # R13: it stands for the customer; sync.hq.budget_fold names who overdrew
            bucket = one.bucket or _nameless(one.account)
            if one.amount > 0:
                self._credit(one, bucket, one.amount, event.at_ms)
            elif one.amount < 0:
                self._debit(one, bucket, -one.amount, event.business_day)
            return
        lease = self._lease(one.lease)
        beyond = one.amount
        if lease is not None and (lease["member_id"], lease["account"]) == (one.owner, one.account):
            settled = lease["settled"] - one.amount
            self.connection.execute(
                "UPDATE leases SET settled = :settled WHERE workstation_id = :who AND lease_id = :id",
                {"settled": settled, "who": self.station.workstation_id, "id": one.lease},
            )
            beyond = one.amount - held(lease["amount"], settled, lease["state"]) + held_of(lease)
        if beyond > 0:
            self._credit(one, one.bucket or _nameless(one.account), beyond, event.at_ms)
        elif beyond < 0:
            bucket = one.bucket or ("" if lease is None else lease["bucket"])
            owed = self._debit(one, bucket, -beyond, event.business_day)
            code = LEASE_UNKNOWN if lease is None else LEASE_OVERSPENT if lease["state"] == "open" else LEASE_CLOSED
            self._find(seq, one.lease, code, f"{-beyond} {one.account} spent, {owed} of it beyond the balance")

    def _credit(self, one: Posting, bucket: str, amount: int, at_ms: int) -> None:
        self._credits.put(one, bucket, amount, at_ms)

    def _debit(self, one: Posting, bucket: str, amount: int, day: str) -> int:
        self._settle_up()
        return lots.debit(
            self.connection, one.owner, one.account, bucket, amount, day=day, now_ms=self.now_ms, expires=one.expires
        )

    def _lease(self, lease_id: str) -> Row | None:
        self._settle_up()
        row: Row | None = self.connection.execute(
            "SELECT * FROM leases WHERE workstation_id = :who AND lease_id = :id",
            {"who": self.station.workstation_id, "id": lease_id},
        ).fetchone()
        return row

    def _find(self, seq: int, lease_id: str, code: str, detail: str, table: str = "leases") -> None:
        key = f"{seq} {lease_id}"
        self.found.append(Finding(side="hq", table=table, epoch=self.epoch, key=key, code=code, detail=detail))


def end(connection: Connection, lease: Row, state: str) -> int:
    """Close an open lease (or write it off) and put what it held back where it can be granted; how much that was."""
    left = held_of(lease)
    connection.execute(
        "UPDATE leases SET state = :state, wanted = 0 WHERE workstation_id = :who AND lease_id = :id"
        " AND state = 'open'",
        {"state": state, "who": lease["workstation_id"], "id": lease["lease_id"]},
    )
    if left:
        lot = lease["bucket"] if lease["bucket"] != DEBT_BUCKET else ""  # nothing is credited to what is owed
        bucket = lot or _nameless(lease["account"])
        lots.credit(connection, lease["member_id"], lease["account"], bucket, left, expires=lease["expires"])
    return left


def _nameless(account: str) -> str:
    """The lot of what names none: points of events before there were lots; stored value principal has but one."""
    return OPENING_BUCKET if account == POINTS_ACCOUNT else ""
