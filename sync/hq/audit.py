"""HQ's audit of itself: chains, totals, balances, conflicts, feeds; a bounded part per proof.

Called by sync.hq.prove. Positions are persisted, so that a restart goes on where it stopped, round robin. It names what
does not follow and repairs nothing.
"""

import json

from agent.domain.digest import event_digest, extend, genesis
from sync.hq import seals
from sync.hq.bounds import AUDIT_ACCOUNTS, CONFLICTS_NAMED
from sync.hq.db.seam import Connection
from sync.hq.walk import Walk
from sync.proof import Finding


def start_of(connection: Connection, workstation_id: str, epoch: str, after: int) -> tuple[bytes, bytes]:
    """(head, chain as sent) after a sealed seq: the head is the seal's, the chain that of the event's row."""
    if after == 0:
        start = genesis(workstation_id, epoch)
        return start, start
    row = seals.ending_at(connection, workstation_id, epoch, after)
    assert row is not None, "the caller asks for sealed ends only"
    event = connection.execute(
        "SELECT chain FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq",
        {"id": workstation_id, "epoch": epoch, "seq": after},
    ).fetchone()
    return row["head"], row["head"] if event is None else event["chain"]


def keep_place(connection: Connection, workstation_id: str, what: str, epoch: str, seq: int) -> None:
    """Remember where an audit stands."""
    connection.execute(
        "INSERT INTO audits (workstation_id, what, epoch, seq, partial) VALUES (:id, :what, :epoch, :seq, '')"
        " ON CONFLICT (workstation_id, what) DO UPDATE SET seq = excluded.seq, epoch = excluded.epoch",
        {"id": workstation_id, "what": what, "epoch": epoch, "seq": seq},
    )


def watermark_of(connection: Connection, workstation_id: str, epoch: str) -> int:
    """The stored watermark, 0 when the chain has no row."""
    row = connection.execute(
        "SELECT watermark FROM chains WHERE workstation_id = :id AND epoch = :epoch",
        {"id": workstation_id, "epoch": epoch},
    ).fetchone()
    return 0 if row is None else int(row["watermark"])


def top_of(connection: Connection, workstation_id: str, epoch: str) -> int:
    """The highest seq HQ holds of an epoch, behind a gap or not."""
    row = connection.execute(
        "SELECT MAX(seq) FROM events WHERE workstation_id = :id AND epoch = :epoch",
        {"id": workstation_id, "epoch": epoch},
    ).fetchone()
    return int(row[0] or 0)


def chain_row(connection: Connection, walk: Walk) -> None:
    """Compare the chain's row and the day totals with a walk that reached the end of what HQ holds."""
    who, key = walk.station.workstation_id, {"id": walk.station.workstation_id, "epoch": walk.epoch}
    row = connection.execute(
        "SELECT watermark, head, sent_head FROM chains WHERE workstation_id = :id AND epoch = :epoch", key
    ).fetchone()
    top = connection.execute(
        "SELECT MAX(seq) FROM events WHERE workstation_id = :id AND epoch = :epoch", key
    ).fetchone()[0]
    if row is None:
        if top is not None:
            walk.find("chains", walk.epoch, "MISSING")
        return
    if walk.missing or (top or 0) > walk.count:
        return  # more came in meanwhile, or it is behind a gap: the next proof reaches the end
    if row["watermark"] != walk.count:
        walk.find("chains", walk.epoch, "DOES_NOT_FOLLOW", f"watermark {row['watermark']}, events to {walk.count}")
        return
    if row["head"] != walk.head or row["sent_head"] != walk.sent:
        walk.find("chains", walk.epoch, "DOES_NOT_FOLLOW", "head")
    _day_totals(connection, walk, who)


def _day_totals(connection: Connection, walk: Walk, workstation_id: str) -> None:
    """Sealed totals plus those of the unit must be what the day totals say."""
    key = {"id": workstation_id, "epoch": walk.epoch, "from": walk.book_from}
    rows = connection.execute(
        "SELECT totals FROM seals WHERE workstation_id = :id AND epoch = :epoch AND last < :from", key
    )
    sums: dict[tuple[str, str], list[int]] = {}
    for part in [*(json.loads(row["totals"]) for row in rows), walk.book.rows()]:
        for day, _kind, state, *amounts in part:
            held = sums.setdefault((day, state), [0, 0, 0])
            sums[day, state] = [a + b for a, b in zip(held, amounts, strict=True)]
    stored = {
        (row["business_day"], row["state"]): [row["events"], row["payable_fen"], row["points"]]
        for row in connection.execute("SELECT * FROM day_totals WHERE workstation_id = :id AND epoch = :epoch", key)
    }
    for day, state in sorted(sums.keys() | stored.keys()):
        if sums.get((day, state)) != stored.get((day, state)):
            detail = f"events, fen, points: {stored.get((day, state))}, by events {sums.get((day, state))}"
            walk.find("day_totals", f"{day} {state}", "DOES_NOT_FOLLOW", detail)


def conflicts(connection: Connection, workstation_id: str) -> list[Finding]:
    """Every fork by name, and conflicts that do not follow from their bodies or belong to no event."""
    rows = connection.execute(
        "SELECT c.epoch, c.seq, c.digest, c.body, c.chain, e.digest AS held FROM conflicts c LEFT JOIN events e"
        " ON e.workstation_id = c.workstation_id AND e.epoch = c.epoch AND e.seq = c.seq"
        " WHERE c.workstation_id = :id ORDER BY c.epoch, c.seq LIMIT :limit",
        {"id": workstation_id, "limit": CONFLICTS_NAMED},
    ).fetchall()
    found = _forgotten(connection, workstation_id)
    for row in rows:
        digest = event_digest(row["body"].encode())
        before = [
            one["chain"]
            for one in connection.execute(
                "SELECT chain FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq"
                " UNION ALL SELECT chain FROM conflicts WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq",
                {"id": workstation_id, "epoch": row["epoch"], "seq": row["seq"] - 1},
            )
        ] or ([genesis(workstation_id, row["epoch"])] if row["seq"] == 1 else [])
        unlinked = bool(before) and row["chain"] not in [extend(head, digest) for head in before]
        named = f'"epoch":"{row["epoch"]}"' in row["body"] and f'"seq":{row["seq"]},' in row["body"]
        broken = digest != row["digest"] or row["held"] is None or digest == row["held"] or unlinked or not named
        place, code = ("conflicts", "DOES_NOT_FOLLOW") if broken else ("conflicts", "FORK")
        found.append(Finding(side="hq", table=place, epoch=row["epoch"], key=str(row["seq"]), code=code))
    return found


def _forgotten(connection: Connection, workstation_id: str) -> list[Finding]:
    """Forks that were recorded once and whose other version is gone."""
    rows = connection.execute(
        "SELECT epoch, key FROM discrepancies d WHERE workstation_id = :id AND place = 'conflicts' AND code = 'FORK'"
        " AND NOT EXISTS (SELECT 1 FROM conflicts c WHERE c.workstation_id = d.workstation_id AND c.epoch = d.epoch"
        " AND CAST(c.seq AS TEXT) = d.key) LIMIT :limit",
        {"id": workstation_id, "limit": CONFLICTS_NAMED},
    )
    return [Finding(side="hq", table="conflicts", epoch=row["epoch"], key=row["key"], code="MISSING") for row in rows]


def feeds(connection: Connection, brand_id: str) -> list[Finding]:
    """Rows whose place in a feed is behind the feed's end: they were not written by HQ."""
    found = []
    for feed, table in (
        ("rules", "rule_sets"),
        ("items", "items"),
        ("merchants", "merchants"),
        ("members", "members"),
        ("identities", "identities"),
        ("coupons", "coupons"),
    ):
        row = connection.execute(
            f"SELECT MAX(feed_no) FROM {table} WHERE brand_id = :brand AND feed_no >"
            " (SELECT last_no FROM feed_counters WHERE brand_id = :brand AND feed = :feed)",
            {"brand": brand_id, "feed": feed},
        ).fetchone()
        if row[0] is not None:
            key = f"feed_no {row[0]}"
            found.append(Finding(side="hq", table=table, epoch="", key=key, code="BEHIND_THE_FEED"))
    return found


def accounts(connection: Connection) -> list[Finding]:
    """Compare the next AUDIT_ACCOUNTS balances of HQ with the sums of their postings; wraps at the end."""
    row = connection.execute("SELECT epoch FROM audits WHERE workstation_id = '' AND what = 'accounts'").fetchone()
    place = "" if row is None else str(row["epoch"])
    key: dict[str, object] = {"place": place, "limit": AUDIT_ACCOUNTS}
    ids = [
        one["member_id"]
        for one in connection.execute(
            "SELECT member_id FROM (SELECT member_id FROM accounts WHERE member_id > :place"
            " UNION SELECT member_id FROM postings WHERE member_id > :place"
            " UNION SELECT member_id FROM hq_postings WHERE member_id > :place) AS all_sides"
            " ORDER BY member_id LIMIT :limit",
            key,
        )
    ]
    last = ids[-1] if ids else ""
    key["last"] = last
    span = "member_id > :place AND member_id <= :last"
    sums = {
        (one["member_id"], one["account"]): one["amount"]
        for one in connection.execute(
            "SELECT member_id, account, SUM(amount) AS amount FROM ("
            f"SELECT member_id, account, amount FROM postings WHERE {span}"
            f" UNION ALL SELECT member_id, account, amount FROM hq_postings WHERE {span}) AS all_postings"
            " GROUP BY member_id, account",
            key,
        )
    }
    held = {
        (one["member_id"], one["account"]): one["balance"]
        for one in connection.execute(f"SELECT member_id, account, balance FROM accounts WHERE {span}", key)
    }
    keep_place(connection, "", "accounts", last if len(ids) == AUDIT_ACCOUNTS else "", 0)
    return [
        Finding(
            side="hq",
            table="accounts",
            epoch="",
            key=f"{member_id} {account}",
            code="DOES_NOT_FOLLOW",
            detail=f"balance {held.get((member_id, account))}, by postings {sums.get((member_id, account))}",
        )
        for member_id, account in sorted(sums.keys() | held.keys())
        if sums.get((member_id, account)) != held.get((member_id, account))
    ]


def record(connection: Connection, workstation_id: str, findings: list[Finding], at_ms: int) -> None:
    """Keep findings, first and last time seen; what a person explained is open again once it says something else."""
    connection.executemany(
        "INSERT INTO discrepancies (workstation_id, side, place, epoch, key, code, detail, first_seen_ms, last_seen_ms)"
        " VALUES (:id, :side, :table, :epoch, :key, :code, :detail, :at_ms, :at_ms)"
        " ON CONFLICT (workstation_id, side, place, epoch, key, code) DO UPDATE SET"
        " last_seen_ms = excluded.last_seen_ms, detail = excluded.detail,"
        " state = CASE WHEN discrepancies.detail = excluded.detail THEN discrepancies.state ELSE 'open' END",
        [{"id": workstation_id, "at_ms": at_ms, **one.model_dump()} for one in findings],
    )
