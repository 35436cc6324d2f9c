"""What an event does to postings and leases, inside the transaction that books it; and whether leases still follow.

Called by agent.db.books and agent.db.walk. A spend beyond what is left, promised to others or ended takes the whole
event back.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agent.db import budget
from agent.db.lease_rules import FREE, PROMISED, USABLE
from agent.domain.budget import BUDGET_LEASE
from agent.domain.errors import Refusal
from agent.domain.ids import EventName
from agent.domain.lease import Closing, OpenedLease, closed_by, opened_by, short
from agent.domain.ledger import lot_name, opens_own_lease
from agent.domain.sale import Posting
from agent.sqlite import Connection, Row
from sync.proof import Finding


def book(
    connection: Connection, name: EventName, event: Mapping[str, Any], postings: Sequence[Posting], at_ms: int
) -> None:
    """Write the postings of an event, spend and refund the leases they name, open and close those it says.

    Refusal LEASE_SHORT when a lease does not cover a spend, LEASE_IN_USE when one was opened or moved meanwhile.
    """
    for place, one in enumerate(postings):
        connection.execute(
            "INSERT INTO postings (epoch, seq, position, account, owner, amount, bucket, expires, lease)"
            " VALUES (:epoch, :seq, :position, :account, :owner, :amount, :bucket, :expires, :lease)",
            {
                "epoch": name.epoch, "seq": name.seq, "position": place, "account": one.account, "owner": one.owner,
                "amount": one.amount, "bucket": one.bucket, "expires": one.expires, "lease": one.lease,
            },
        )  # fmt: skip
    lot = lot_name(name)
    for one in postings:
        if one.lease not in ("", BUDGET_LEASE) and not opens_own_lease(one, lot):
            _move(connection, one, {"at": at_ms, "epoch": name.epoch, "day": str(event.get("business_day", ""))})
    budget.require(connection, event, postings)
    for opened in opened_by(event, name, postings):
        _open(connection, name, opened, at_ms)
    closing = closed_by(event)
    if closing is not None:
        _close(connection, name, closing, at_ms)


def _move(connection: Connection, one: Posting, now: dict[str, object]) -> None:
    key = {"id": one.lease, "account": one.account, "owner": one.owner, "amount": abs(one.amount), **now}
    if one.amount > 0:  # a refund of what was closed goes to HQ's lots: nothing moves here
        connection.execute(
            "UPDATE leases SET remaining = remaining + :amount, touched_at_ms = :at"
            " WHERE lease_id = :id AND account = :account AND owner = :owner AND closed_seq IS NULL",
            key,
        )
        return
    spent = connection.execute(
        "UPDATE leases SET remaining = remaining - :amount, touched_at_ms = :at"
        f" WHERE lease_id = :id AND account = :account AND owner = :owner AND {USABLE} AND {FREE} >= :amount",
        key,
    )
    if spent.rowcount != 1:
        there = connection.execute(f"SELECT {FREE} FROM leases WHERE lease_id = :id AND {USABLE}", key).fetchone()
        raise short(-one.amount, 0 if there is None else max(0, there[0]))


def _open(connection: Connection, name: EventName, lease: OpenedLease, at_ms: int) -> None:
    inserted = connection.execute(
        "INSERT INTO leases (lease_id, epoch, seq, account, owner, amount, bucket, expires, usable_until_ms,"
        " remaining, touched_at_ms) VALUES (:id, :epoch, :seq, :account, :owner, :amount, :bucket, :expires, :until,"
        " :amount, :at) ON CONFLICT DO NOTHING",
        {
            "id": lease.lease_id, "epoch": name.epoch, "seq": name.seq, "account": lease.account,
            "owner": lease.owner, "amount": lease.amount, "bucket": lease.bucket, "expires": lease.expires,
            "until": lease.usable_until_ms, "at": at_ms,
        },
    )  # fmt: skip
    if inserted.rowcount != 1:
        raise Refusal("LEASE_IN_USE", f"{lease.lease_id} was opened meanwhile", hint="nothing is lost", status=409)


def _close(connection: Connection, name: EventName, closing: Closing, at_ms: int) -> None:
    """End leases. One that these books lack (they were restored) is closed by the event alone."""
    for one in closing.leases:
        key = {
            "id": one.lease_id, "left": one.left, "epoch": name.epoch, "seq": name.seq, "at": at_ms,
            "of": closing.of_epoch or name.epoch,
        }  # fmt: skip
        closed = connection.execute(
            "UPDATE leases SET closed_epoch = :epoch, closed_seq = :seq WHERE lease_id = :id AND closed_seq IS NULL"
            f" AND epoch = :of AND remaining = :left AND {PROMISED.format(of=':id')} = 0",
            key,
        )
        known = connection.execute("SELECT 1 FROM leases WHERE lease_id = :id", key).fetchone()
        if closed.rowcount != 1 and known is not None:
            raise Refusal("LEASE_IN_USE", f"{one.lease_id} moved meanwhile", hint="it is closed later", status=409)
        connection.execute("DELETE FROM lease_holds WHERE lease_id = :id", key)


# --- the audit ------------------------------------------------------------------------------------------------------
Place = tuple[str, str | int, str]
"""Where a list of leases goes on: the sort key of the last one read."""
START: Place = ("", "", "")
PAGE = 100  # LIMIT: leases in one job; a sale waits for no more than these
_OPEN = (
    "SELECT * FROM leases INDEXED BY leases_by_owner WHERE closed_seq IS NULL"
    " AND (owner, account, lease_id) > (:first, :second, :third) ORDER BY owner, account, lease_id LIMIT :page"
)
_CLOSED = (
    "SELECT * FROM leases INDEXED BY leases_by_closing WHERE closed_seq IS NOT NULL"
    " AND (closed_epoch, closed_seq, lease_id) > (:first, :second, :third)"
    " ORDER BY closed_epoch, closed_seq, lease_id LIMIT :page"
)
_FOLLOWS = (
    "SELECT l.*, l.amount + (SELECT COALESCE(SUM(p.amount), 0) FROM postings p JOIN epochs e ON e.epoch = p.epoch"
    " WHERE p.lease = l.lease_id AND p.lease <> '' AND NOT (p.epoch = l.epoch AND p.seq = l.seq)"
    " AND (l.closed_seq IS NULL OR (e.number, p.seq) <"
    " ((SELECT number FROM epochs c WHERE c.epoch = l.closed_epoch), l.closed_seq))) AS follows FROM"
)


def of_range(connection: Connection, key: dict[str, Any]) -> tuple[dict[int, list[Row]], dict[int, list[Row]]]:
    """Leases opened and leases closed by the events of one epoch in :seen < seq <= :last, by seq."""
    opened: dict[int, list[Row]] = {}
    closed: dict[int, list[Row]] = {}
    for row in connection.execute(
        f"{_FOLLOWS} leases l WHERE l.epoch = :epoch AND l.seq > :seen AND l.seq <= :last", key
    ):
        opened.setdefault(row["seq"], []).append(row)
    span = "l.closed_epoch = :epoch AND l.closed_seq > :seen AND l.closed_seq <= :last"
    for row in connection.execute(f"SELECT * FROM leases l WHERE {span}", key):
        closed.setdefault(row["closed_seq"], []).append(row)
    return opened, closed


def follows(
    name: EventName, event: Mapping[str, Any], postings: Sequence[Posting], opened: list[Row], closed: list[Row]
) -> bool:
    """Whether the leases of an event are those it says, with what is left of them."""
    try:
        wanted = opened_by(event, name, postings)
        closing = closed_by(event)
    except (ValueError, TypeError):  # an altered body
        return False
    here = {_lease_of(row) for row in opened}
    if here != set(wanted) or any(row["remaining"] != row["follows"] for row in opened):
        return False
    left = {one.lease_id: one.left for one in closing.leases} if closing is not None else {}
    return all(left.get(row["lease_id"]) == row["remaining"] for row in closed)


def _lease_of(row: Row) -> OpenedLease:
    return OpenedLease(
        row["lease_id"], row["account"], row["owner"], row["amount"], row["bucket"], row["expires"],
        row["usable_until_ms"],
    )  # fmt: skip


def open_after(connection: Connection, after: Place) -> list[Row]:
    """At most PAGE open leases behind `after`, by owner and account: what moves meanwhile keeps its place."""
    return connection.execute(_OPEN, _from(after)).fetchall()


def moved_after(connection: Connection, after: Place) -> list[Row]:
    """Postings (lease, epoch, seq, amount) on the leases `open_after` gives, but those that opened them.

    Not those of events HQ suspended.
    """
    return connection.execute(
        f"SELECT p.lease, p.epoch, p.seq, p.amount FROM ({_OPEN}) l CROSS JOIN postings p ON p.lease = l.lease_id"
        " AND p.lease <> '' AND NOT (p.epoch = l.epoch AND p.seq = l.seq)"
        " CROSS JOIN outbox o ON o.epoch = p.epoch AND o.seq = p.seq WHERE o.state <> 'suspended'",
        _from(after),
    ).fetchall()


def place_of(row: Row) -> Place:
    """The place of an open lease."""
    return row["owner"], row["account"], row["lease_id"]


def astray(connection: Connection, after: Place) -> tuple[list[Finding], Place | None]:
    """Open leases of one page whose rest does not follow from their postings; where to go on, None at the end."""
    rows = connection.execute(f"{_FOLLOWS} ({_OPEN}) l ORDER BY owner, account, lease_id", _from(after)).fetchall()
    odd = [row for row in rows if row["remaining"] != row["follows"]]
    found = [_finding(row, f"remaining {row['remaining']}, by postings {row['follows']}") for row in odd]
    return found, place_of(rows[-1]) if len(rows) == PAGE else None


def unclosed(connection: Connection, after: Place) -> tuple[list[Finding], Place | None]:
    """Closed leases of one page whose closing is not there; where to go on, None at the end."""
    rows = connection.execute(
        "SELECT l.*, EXISTS (SELECT 1 FROM events e WHERE e.epoch = l.closed_epoch AND e.seq = l.closed_seq"
        f" AND e.kind = 'lease_close') AS said FROM ({_CLOSED}) l ORDER BY closed_epoch, closed_seq, lease_id",
        _from(after),
    ).fetchall()
    found = [_finding(row, "no event closed it") for row in rows if not row["said"]]
    last = rows[-1] if len(rows) == PAGE else None
    return found, (last["closed_epoch"], last["closed_seq"], last["lease_id"]) if last is not None else None


def _from(after: Place) -> dict[str, object]:
    return {"first": after[0], "second": after[1], "third": after[2], "page": PAGE}


def _finding(row: Row, detail: str) -> Finding:
    key = str(row["lease_id"])[:200]
    return Finding(
        side="store", table="leases", epoch=str(row["epoch"])[:64], key=key, code="DOES_NOT_FOLLOW", detail=detail[:200]
    )
