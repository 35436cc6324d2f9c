"""Leases at HQ: granting them, calling them back, showing what is out, writing off those of a dead workstation.

Called by sync.hq.service inside its transactions. A lease is closed by its workstation's event (sync.hq.lease_book) or
written off by an operator, never by time.
"""

from dataclasses import dataclass, field

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ledger import COUPON_ACCOUNT
from agent.limits import LEASE_USABLE_S, LEASES_A_PAGE
from sync.hq import coupon_stores, lots, restored
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import Station
from sync.hq.feeds import watermarks_of
from sync.hq.lease_book import end, held_of, insert
from sync.lease_protocol import HeldLease, LeaseAnswer, LeaseGrant, LeasePage, LeaseRequest, LeaseShort, LeaseWant


# --- granting -------------------------------------------------------------------------------------------------------
def grant(connection: Connection, station: Station, request: LeaseRequest, now_ms: int, token: str) -> LeaseAnswer:
    """Debit lots and insert leases, once per request id. `token` names the new leases.

    Refusal HQ_RESTORED (sync.hq.restored), EPOCH_NOT_IN_FORCE, MEMBER_UNKNOWN, MEMBER_FROZEN. Too little is no
    refusal: what there is is granted, and what other workstations hold idle is called back.
    """
    who = station.workstation_id
    connection.hold(f"grants {who}")  # once per request id, however often it is asked at the same time
    restored.require_told(connection, station.brand_id)
    _require_epoch(connection, who, request)
    member = connection.execute(
        "SELECT frozen FROM members WHERE member_id = :id AND brand_id = :brand AND status = 'active'",
        {"id": request.member_id, "brand": station.brand_id},
    ).fetchone()
    if member is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", field="member_id", status=404)
    if member["frozen"]:
        raise Refusal("MEMBER_FROZEN", "headquarters has frozen this member's account", status=409)
    earlier = connection.execute(
        "SELECT * FROM leases WHERE workstation_id = :who AND request_id = :request_id ORDER BY lease_id",
        {"who": who, "request_id": request.request_id},
    ).fetchall()
    if earlier:
        return LeaseAnswer(leases=[_grant(row) for row in earlier if row["state"] == "open"])
    granting = _Granting(connection, station, request, now_ms, token)
    for want in request.wants:
        granting.give(want)
    if granting.given:
        restored.count_grant(connection)
    return LeaseAnswer(leases=granting.given, short=granting.short)


def _require_epoch(connection: Connection, who: str, request: LeaseRequest) -> None:
    """An epoch that was left behind, or that holds more at HQ than in the asking books, spends nothing any more."""
    key = {"who": who, "epoch": request.epoch}
    refused = Refusal(
        "EPOCH_NOT_IN_FORCE", "these books were restored or copied", hint="begin a new epoch", status=409, field="epoch"
    )
    top = connection.execute("SELECT MAX(seq) FROM events WHERE workstation_id = :who AND epoch = :epoch", key)
    if (top.fetchone()[0] or 0) > request.last:
        raise refused
    newest = connection.execute(
        "SELECT epoch FROM lease_epochs WHERE workstation_id = :who ORDER BY number DESC LIMIT 1", key
    ).fetchone()
    if newest is not None and newest["epoch"] == request.epoch:
        return
    known = connection.execute("SELECT 1 FROM lease_epochs WHERE workstation_id = :who AND epoch = :epoch", key)
    if known.fetchone() is not None:
        raise refused
    connection.execute(
        "INSERT INTO lease_epochs (workstation_id, number, epoch)"
        " SELECT :who, COALESCE(MAX(number), 0) + 1, :epoch FROM lease_epochs WHERE workstation_id = :who",
        key,
    )


@dataclass(slots=True)
class _Granting:
    """One request on its way; lives inside one transaction."""

    connection: Connection
    station: Station
    request: LeaseRequest
    now_ms: int
    token: str
    given: list[LeaseGrant] = field(default_factory=list)
    short: list[LeaseShort] = field(default_factory=list)

    def give(self, want: LeaseWant) -> None:
        """Grant one want from the lots there are."""
        member, day = self.request.member_id, business_day(self.now_ms)
        rest = None if want.amount == "all" else int(want.amount)
        granted = 0
        for row in lots.grantable(self.connection, member, want.account, want.bucket, day):
            if want.account == COUPON_ACCOUNT and not self._used_here(row["bucket"]):
                continue
            part = row["available"] if rest is None else min(rest - granted, row["available"])
            if part <= 0:
                break
            lots.take(self.connection, member, want.account, row["bucket"], part)
            self._insert(want.account, row["bucket"], row["expires"], part)
            granted += part
        if rest is not None and granted < rest:
            self.short.append(LeaseShort(account=want.account, bucket=want.bucket, wanted=rest, granted=granted))
            self._call_back(want)

    def _used_here(self, coupon_id: str) -> bool:
        return coupon_stores.usable_in(self.connection, coupon_id, self.station.store_id)

    def _insert(self, account: str, bucket: str, expires: str, amount: int) -> None:
        row = {
            "lease_id": f"{self.token}.{len(self.given) + 1}",
            "epoch": self.request.epoch,
            "member_id": self.request.member_id,
            "account": account,
            "bucket": bucket,
            "expires": expires,
            "amount": amount,
            "usable_until_ms": self.now_ms + LEASE_USABLE_S * 1000,
        }
        insert(self.connection, self.station.workstation_id, self.request.request_id, row)
        self.given.append(LeaseGrant.model_validate(row))

    def _call_back(self, want: LeaseWant) -> None:
        self.connection.execute(
            "UPDATE leases SET wanted = 1 WHERE state = 'open' AND settled < amount AND member_id = :member"
            " AND account = :account AND (:bucket = '' OR bucket = :bucket)"
            " AND (workstation_id <> :who OR epoch <> :epoch)",
            {
                "member": self.request.member_id,
                "account": want.account,
                "bucket": want.bucket,
                "who": self.station.workstation_id,
                "epoch": self.request.epoch,
            },
        )


def _grant(row: Row) -> LeaseGrant:
    names = ("lease_id", "epoch", "member_id", "account", "bucket", "expires", "amount", "usable_until_ms")
    return LeaseGrant.model_validate({name: row[name] for name in names})


# --- what workstations hold -----------------------------------------------------------------------------------------
def page(connection: Connection, station: Station, after: str) -> LeasePage:
    """Open leases of a workstation behind an id, and the watermarks of the same moment."""
    with connection.snapshot():
        rows = connection.execute(
            "SELECT * FROM leases WHERE workstation_id = :who AND state = 'open' AND lease_id > :after"
            " ORDER BY lease_id LIMIT :limit",
            {"who": station.workstation_id, "after": after, "limit": LEASES_A_PAGE + 1},
        ).fetchall()
        watermarks = watermarks_of(connection, station.workstation_id)
    found = [
        HeldLease(**_grant(row).model_dump(), settled=row["settled"], opened=row["seq"] > 0, wanted=bool(row["wanted"]))
        for row in rows[:LEASES_A_PAGE]
    ]
    return LeasePage(leases=found, more=len(rows) > LEASES_A_PAGE, watermarks=watermarks)


@dataclass(frozen=True, slots=True)
class AtRisk:
    """What a workstation could still spend of one account: leases, and the sum in the account's own units."""

    workstation_id: str
    account: str
    leases: int
    amount: int


def at_risk(connection: Connection, workstation_id: str = "") -> list[AtRisk]:
    """Open leases by workstation (or of one) and account."""
    rows = connection.execute(
        "SELECT * FROM leases WHERE state = 'open' AND (:who = '' OR workstation_id = :who)", {"who": workstation_id}
    )
    sums: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows:
        key = (row["workstation_id"], row["account"])
        count, amount = sums.get(key, (0, 0))
        sums[key] = (count + 1, amount + held_of(row))
    return [AtRisk(*key, *sums[key]) for key in sorted(sums)]


def write_off(connection: Connection, workstation_id: str, now_ms: int) -> list[AtRisk]:
    """Give a dead workstation's leases back to their members. A spend that comes all the same is a discrepancy."""
    known = connection.execute("SELECT 1 FROM workstations WHERE workstation_id = :who", {"who": workstation_id})
    if known.fetchone() is None:
        raise Refusal("WORKSTATION_UNKNOWN", f"there is no workstation {workstation_id}", status=404)
    connection.hold(f"station {workstation_id}")  # ORDER: no event of it spends a lease meanwhile
    connection.hold(f"grants {workstation_id}")
    found = at_risk(connection, workstation_id)
    rows = connection.execute(
        "SELECT * FROM leases WHERE workstation_id = :who AND state = 'open'", {"who": workstation_id}
    ).fetchall()
    for row in rows:
        amount = end(connection, row, "written_off")
        connection.execute(
            "INSERT INTO write_offs (workstation_id, lease_id, settled, amount, at_ms)"
            " VALUES (:who, :lease_id, :settled, :amount, :at_ms)",
            {
                "who": workstation_id,
                "lease_id": row["lease_id"],
                "settled": row["settled"],
                "amount": amount,
                "at_ms": now_ms,
            },
        )
    restored.write_off(connection, workstation_id, now_ms)
    return found
