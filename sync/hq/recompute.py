"""HQ reckons folded events again (R13): each once, behind the fold, and keeps what differs for a person.

Called by sync.hq.desk in small steps between other work, so that no till waits for it. It changes no balance and
suspends nothing: HQ keeps what was sold as sold.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agent.domain.differences import Found
from agent.domain.ids import EventName
from agent.domain.recompute_after import BACK, recomputed_event
from agent.domain.rules import NO_RULES, RuleSet, rule_set
from sync.hq import cancel_audit, cooldown, limits_audit, poison, stores_audit
from sync.hq.audit import keep_place
from sync.hq.bounds import AUDIT_RECOMPUTED, DIFFERENCES_LISTED, RECOMPUTE_STEP_CHARS, RECOMPUTE_STEP_EVENTS
from sync.hq.db.seam import Connection, Row
from sync.proof import Finding

_EVENTS: Final = (
    "SELECT e.epoch, e.seq, e.body, e.state, s.brand_id FROM events e JOIN workstations w USING (workstation_id)"
    " JOIN stores s USING (store_id) WHERE e.workstation_id = :id"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One event that says something else than HQ reckons, by code."""

    workstation_id: str
    epoch: str
    seq: int
    code: str
    detail: str
    at_ms: int


@dataclass(slots=True)
class RuleBook:
    """Rule sets as they were published, read once each: a version never changes."""

    read: dict[tuple[str, int], RuleSet] = field(default_factory=dict)

    def get(self, connection: Connection, brand_id: str, version: object) -> RuleSet | None:
        """The rule set of a version, None where HQ never published it; 0 is a till's before its first pull."""
        if not isinstance(version, int) or isinstance(version, bool):
            return None
        if version == 0:
            return NO_RULES
        if (brand_id, version) not in self.read:
            row = connection.execute(
                "SELECT body FROM rule_sets WHERE brand_id = :brand_id AND version = :version",
                {"brand_id": brand_id, "version": version},
            ).fetchone()
            if row is None:
                return None
            try:
                self.read[brand_id, version] = rule_set(json.loads(row["body"]))
            except ValueError:
                return None  # somebody altered it: the downward check names that
        return self.read[brand_id, version]


def step(connection: Connection, book: RuleBook, at_ms: int) -> bool:
    """Reckon the next few events of one epoch: RECOMPUTE_STEP_EVENTS, fewer of long ones; False when none was left."""
    connection.hold("recompute")  # one step after another
    chain = connection.execute(
        "SELECT workstation_id, epoch, recomputed, watermark FROM chains WHERE recomputed < watermark"
        " ORDER BY workstation_id, epoch LIMIT 1"
    ).fetchone()
    if chain is None:
        return False
    upto = min(chain["watermark"], chain["recomputed"] + RECOMPUTE_STEP_EVENTS)
    key = {"id": chain["workstation_id"], "epoch": chain["epoch"], "after": chain["recomputed"], "upto": upto}
    rows, chars = [], 0
    for row in connection.execute(
        f"{_EVENTS} AND e.epoch = :epoch AND e.seq > :after AND e.seq <= :upto ORDER BY e.seq", key
    ).fetchall():
        rows.append(row)
        chars += len(row["body"])
        if chars > RECOMPUTE_STEP_CHARS:
            key["upto"] = row["seq"]
            break
    poison.each(
        connection,
        [row for row in rows if row["state"] == "ok"],
        lambda row: _one(connection, book, key, row, at_ms),
        lambda row, fault: poison.name(
            connection, key["id"], row["epoch"], row["seq"], "recomputations", fault, at_ms
        ),
    )  # fmt: skip
    connection.execute("UPDATE chains SET recomputed = :upto WHERE workstation_id = :id AND epoch = :epoch", key)
    return True


def _one(connection: Connection, book: RuleBook, key: Mapping[str, Any], row: Row, at_ms: int) -> None:
    """Reckon one event again, and follow its limits."""
    connection.executemany(
        "INSERT INTO recomputations (workstation_id, epoch, seq, code, detail, at_ms)"
        " VALUES (:id, :epoch, :seq, :code, :detail, :at_ms)"
        " ON CONFLICT (workstation_id, epoch, seq, code) DO UPDATE SET detail = excluded.detail",
        [
            {
                "id": key["id"], "epoch": row["epoch"], "seq": row["seq"], "code": one.code, "detail": one.detail,
                "at_ms": at_ms,
            }
            for one in _reckon(connection, book, key["id"], row)
        ],
    )  # fmt: skip
    _follow_limits(connection, book, key["id"], row, at_ms)


def _follow_limits(connection: Connection, book: RuleBook, workstation_id: str, row: Row, at_ms: int) -> None:
    event = _event(row["body"])
    rules = book.get(connection, row["brand_id"], event.get("rules_version")) or NO_RULES
    audited = limits_audit.Audited(workstation_id, row["brand_id"], row["epoch"], row["seq"], event, rules)
    limits_audit.follow(connection, audited, at_ms)
    cooldown.audit(connection, audited, at_ms)
    stores_audit.follow(connection, audited, at_ms)
    cancel_audit.follow(connection, EventName(workstation_id, row["epoch"], row["seq"]), event, at_ms)


def differences(connection: Connection, workstation_id: str = "") -> list[Difference]:
    """What differs, of one workstation or all, newest first; at most DIFFERENCES_LISTED."""
    rows = connection.execute(
        "SELECT workstation_id, epoch, seq, code, detail, at_ms FROM recomputations"
        " WHERE :id = '' OR workstation_id = :id"
        " ORDER BY at_ms DESC, workstation_id, epoch, seq DESC, code LIMIT :limit",
        {"id": workstation_id, "limit": DIFFERENCES_LISTED},
    )
    found = [Difference(*row) for row in rows]
    found += [Difference(*row) for row in limits_audit.listed(connection, workstation_id)]
    return sorted(found, key=lambda one: -one.at_ms)[:DIFFERENCES_LISTED]


def counted(connection: Connection, workstation_id: str) -> int:
    """How many differences HQ holds of a workstation."""
    row = connection.execute(
        "SELECT COUNT(*) FROM recomputations WHERE workstation_id = :id", {"id": workstation_id}
    ).fetchone()
    return int(row[0])


def audit(connection: Connection, book: RuleBook, workstation_id: str) -> list[Finding]:
    """Reckon the next AUDIT_RECOMPUTED events once more, round robin, and compare with the rows that are kept."""
    key: dict[str, Any] = {"id": workstation_id, "limit": AUDIT_RECOMPUTED}
    place = connection.execute(
        "SELECT epoch, seq FROM audits WHERE workstation_id = :id AND what = 'recomputed'", key
    ).fetchone()
    key |= {"epoch": "", "seq": 0} if place is None else dict(place)
    rows = connection.execute(
        f"{_EVENTS} AND (e.epoch, e.seq) > (:epoch, :seq) ORDER BY e.epoch, e.seq LIMIT :limit", key
    ).fetchall()
    done = {
        row["epoch"]: row["recomputed"]
        for row in connection.execute("SELECT epoch, recomputed FROM chains WHERE workstation_id = :id", key)
    }
    found = []
    for row in rows:
        reckoned = row["state"] == "ok" and row["seq"] <= done.get(row["epoch"], 0)
        ours = [tuple(one) for one in _reckon(connection, book, workstation_id, row)] if reckoned else []
        if _kept(connection, workstation_id, row) != ours:
            found.append(_finding("recomputations", row["epoch"], str(row["seq"])))
    more = len(rows) == AUDIT_RECOMPUTED
    keep_place(connection, workstation_id, "recomputed", *((rows[-1]["epoch"], rows[-1]["seq"]) if more else ("", 0)))
    return found + _strays(connection, key)


def _kept(connection: Connection, workstation_id: str, event: Row) -> list[tuple[str, str]]:
    rows = connection.execute(
        "SELECT code, detail FROM recomputations WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq"
        " ORDER BY code",
        {"id": workstation_id, "epoch": event["epoch"], "seq": event["seq"]},
    )
    return [(row["code"], row["detail"]) for row in rows]


def _strays(connection: Connection, key: Mapping[str, Any]) -> list[Finding]:
    """Rows of no event, and marks beyond what is folded."""
    rows = connection.execute(
        "SELECT epoch, seq FROM recomputations r WHERE workstation_id = :id AND NOT EXISTS (SELECT 1 FROM events e"
        " WHERE e.workstation_id = r.workstation_id AND e.epoch = r.epoch AND e.seq = r.seq) LIMIT :limit",
        key,
    ).fetchall()
    found = [_finding("recomputations", row["epoch"], str(row["seq"])) for row in rows]
    marks = connection.execute(
        "SELECT epoch FROM chains WHERE workstation_id = :id AND recomputed > watermark LIMIT :limit", key
    )
    return found + [_finding("chains", row["epoch"], row["epoch"]) for row in marks]


def _finding(table: str, epoch: str, key: str) -> Finding:
    detail = "recomputed" if table == "chains" else "not what HQ reckons"
    return Finding(side="hq", table=table, epoch=epoch[:64], key=key[:200], code="DOES_NOT_FOLLOW", detail=detail)


def _reckon(connection: Connection, book: RuleBook, workstation_id: str, row: Row) -> tuple[Found, ...]:
    event = _event(row["body"])
    rules = book.get(connection, row["brand_id"], event.get("rules_version"))
    if event.get("kind") not in BACK:
        return recomputed_event(event, rules)
    of = event.get("of")
    of_epoch, of_seq = (of.get("epoch"), of.get("seq")) if isinstance(of, dict) else (None, None)
    if not isinstance(of_epoch, str) or not isinstance(of_seq, int):
        return recomputed_event(event, rules)
    key = {"id": workstation_id, "of_epoch": of_epoch, "of_seq": of_seq}
    sale = connection.execute(
        "SELECT body FROM events WHERE workstation_id = :id AND epoch = :of_epoch AND seq = :of_seq",
        key,
    ).fetchone()
    return recomputed_event(
        event, rules, None if sale is None else _event(sale["body"]), _earlier(connection, key, row, event)
    )


def _event(body: str) -> Mapping[str, Any]:
    """An event as it is kept; nothing of one that somebody altered, which the proof names."""
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _earlier(
    connection: Connection, key: Mapping[str, Any], row: Row, event: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Returns of the same sale before this one: in its books by seq, in others (a copy was restored) by time."""
    rows = connection.execute(
        "SELECT e.epoch, e.seq, e.body FROM claim_backs b JOIN events e ON e.workstation_id = b.workstation_id"
        " AND e.epoch = b.epoch AND e.seq = b.seq AND e.state = 'ok' WHERE b.workstation_id = :id"
        " AND b.of_epoch = :of_epoch AND b.of_seq = :of_seq ORDER BY e.epoch, e.seq",
        key,
    )
    found = []
    for one in rows:
        body = _event(one["body"])
        same = one["epoch"] == row["epoch"]
        if (one["seq"] < row["seq"]) if same else (_at_ms(body) < _at_ms(event)):
            found.append(body)
    return found


def _at_ms(event: Mapping[str, Any]) -> int:
    at_ms = event.get("at_ms")
    return at_ms if isinstance(at_ms, int) else 0
