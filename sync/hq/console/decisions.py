"""What people decide at the console about discrepancies, suspended events and forks, each with a name and a reason.

Called by sync.hq.console.desk inside a write transaction. Events, seals and chains stay as they are: what a decision
moves of a member's balance are HQ's own postings (kind `release`, reference `decision.<log number>.<n>`).
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.errors import Refusal
from agent.domain.ids import EventName
from agent.domain.ledger import PENDING_ACCOUNT, POINTS_ACCOUNT
from sync.hq import console_log as log
from sync.hq import enrol, own_books
from sync.hq.db.seam import Connection
from sync.hq.feeds import hold_brand
from sync.hq.judge import judge
from sync.hq.own_rows import OwnPosting

_MOVED: Final = frozenset({POINTS_ACCOUNT, PENDING_ACCOUNT, "sv_principal", "sv_gift"})
Effects = dict[tuple[str, str, str], int]
"""(member, account, last day) -> amount."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """Who decides, why, and when."""

    name: str
    why: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class About:
    """What is decided about: of a workstation, an epoch, under a key."""

    workstation_id: str
    what: str
    epoch: str
    key: str


def discrepancy_key(side: str, place: str, key: str, code: str) -> str:
    """Name a discrepancy within its workstation and epoch."""
    return json.dumps([side, place, key, code], ensure_ascii=False)


def explain_discrepancy(connection: Connection, about: About, named: tuple[str, str, str, str], ruling: Ruling) -> None:
    """Explain one row of `discrepancies` (side, place, key, code); it counts as open again when it says else.

    Refusal 404 DISCREPANCY_UNKNOWN.
    """
    side, place, key, code = named
    row_key = {
        "id": about.workstation_id, "side": side, "place": place, "epoch": about.epoch, "key": key, "code": code,
    }  # fmt: skip
    where = (
        " WHERE workstation_id = :id AND side = :side AND place = :place AND epoch = :epoch AND key = :key"
        " AND code = :code"
    )
    row = connection.execute(f"SELECT detail FROM discrepancies{where}", row_key).fetchone()
    if row is None:
        raise Refusal("DISCREPANCY_UNKNOWN", "there is no such discrepancy", status=404)
    connection.execute(f"UPDATE discrepancies SET state = 'explained'{where}", row_key)
    _keep(connection, about, "explained", row["detail"], ruling, log.Act.DISCREPANCY_EXPLAIN)


def explain_difference(connection: Connection, about: About, seq: int, code: str, ruling: Ruling) -> None:
    """Explain an event that HQ reckons otherwise; Refusal 404 DISCREPANCY_UNKNOWN."""
    row = connection.execute(
        "SELECT detail FROM recomputations WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq"
        " AND code = :code",
        {"id": about.workstation_id, "epoch": about.epoch, "seq": seq, "code": code},
    ).fetchone()
    if row is None:
        raise Refusal("DISCREPANCY_UNKNOWN", "there is no such difference", status=404)
    _keep(connection, about, "explained", row["detail"], ruling, log.Act.DIFFERENCE_EXPLAIN)


def decide_suspended(connection: Connection, about: About, *, release: bool, ruling: Ruling) -> None:
    """Keep a suspended event as it is, or book what it moves by HQ's own postings; it stays suspended in its chain.

    Refusal 404 EVENT_UNKNOWN, 409 DECIDED_BEFORE, 409 NOT_RELEASABLE.
    """
    row = connection.execute(
        "SELECT body, code FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq"
        " AND state = 'suspended'",
        {"id": about.workstation_id, "epoch": about.epoch, "seq": int(about.key)},
    ).fetchone()
    if row is None:
        raise Refusal("EVENT_UNKNOWN", "there is no such suspended event", status=404)
    number = _keep(
        connection, about, "released" if release else "kept", row["code"], ruling,
        log.Act.SUSPENDED_RELEASE if release else log.Act.SUSPENDED_KEEP,
    )  # fmt: skip
    if release:
        _book(connection, about, _effects(connection, about, row["body"]), number, ruling.at_ms)


def decide_fork(connection: Connection, about: About, *, digest: bytes, other: bool, ruling: Ruling) -> None:
    """Say which of two versions of an event is true; for the other one HQ books the difference between both.

    Refusal 404 EVENT_UNKNOWN, 409 DECIDED_BEFORE, 409 NOT_RELEASABLE.
    """
    key = {"id": about.workstation_id, "epoch": about.epoch, "seq": int(about.key), "digest": digest}
    row = connection.execute(
        "SELECT c.body, e.body AS first_body, e.state FROM conflicts c JOIN events e"
        " ON e.workstation_id = c.workstation_id AND e.epoch = c.epoch AND e.seq = c.seq"
        " WHERE c.workstation_id = :id AND c.epoch = :epoch AND c.seq = :seq AND c.digest = :digest",
        key,
    ).fetchone()
    if row is None:
        raise Refusal("EVENT_UNKNOWN", "there are no two versions of this event", status=404)
    number = _keep(
        connection, about, "other" if other else "first", digest.hex(), ruling,
        log.Act.FORK_OTHER if other else log.Act.FORK_FIRST,
    )  # fmt: skip
    connection.execute(
        "UPDATE discrepancies SET state = 'explained' WHERE workstation_id = :id AND epoch = :epoch"
        " AND place = 'conflicts' AND code = 'FORK' AND key = :key",
        {"id": about.workstation_id, "epoch": about.epoch, "key": about.key},
    )
    if not other:
        return
    moves = _effects(connection, about, row["body"])
    if row["state"] == "ok":
        for place, amount in _effects(connection, about, row["first_body"]).items():
            moves[place] = moves.get(place, 0) - amount
    _book(connection, about, moves, number, ruling.at_ms)


def _effects(connection: Connection, about: About, body: str) -> Effects:
    """What an event moves, as far as a person's decision can move it; Refusal 409 NOT_RELEASABLE."""
    station = enrol.station(connection, about.workstation_id)
    assert station is not None, "its event refers to it"
    name = EventName(about.workstation_id, about.epoch, int(about.key))
    judged = judge(body, name, station.store_id, station.brand_id)
    hint = "keep it, and correct the member's balance at a till"
    if judged.code:
        raise Refusal("NOT_RELEASABLE", f"the event cannot be read: {judged.code}", hint=hint, status=409)
    own = {one.bucket for one in judged.postings if one.amount > 0}
    if judged.opened or judged.closing or any(one.lease and one.lease not in own for one in judged.postings):
        raise Refusal("NOT_RELEASABLE", "the event moves leases of its workstation", hint=hint, status=409)
    found: Effects = defaultdict(int)
    for one in judged.postings:
        if one.account not in _MOVED:
            raise Refusal("NOT_RELEASABLE", f"the event moves {one.account}", hint=hint, status=409)
        member = connection.execute(
            "SELECT 1 FROM members WHERE member_id = :id AND brand_id = :brand AND status = 'active'",
            {"id": one.owner, "brand": station.brand_id},
        ).fetchone()
        if member is None:
            raise Refusal("NOT_RELEASABLE", "headquarters does not know the member", hint=hint, status=409)
        found[one.owner, one.account, one.expires] += one.amount
    return dict(found)


def _book(connection: Connection, about: About, moves: Effects, number: int, at_ms: int) -> None:
    station = enrol.station(connection, about.workstation_id)
    assert station is not None, "its event refers to it"
    for place, ((member_id, account, expires), amount) in enumerate(sorted(moves.items()), start=1):
        reference = f"decision.{number}.{place}"
        posting = OwnPosting(
            station.brand_id, "release", reference, member_id, account, amount, expires if amount > 0 else "", at_ms
        )
        own_books.post(connection, posting)


_FINAL: Final = frozenset({"released", "first", "other"})


def _keep(connection: Connection, about: About, decision: str, covers: str, ruling: Ruling, act: log.Act) -> int:
    """Write a decision and its entry in the log; the entry's number."""
    why = log.reason(ruling.why)
    row: dict[str, Any] = {
        "id": about.workstation_id, "what": about.what, "epoch": about.epoch, "key": about.key,
        "decision": decision, "covers": covers, "name": ruling.name, "why": why, "at_ms": ruling.at_ms,
    }  # fmt: skip
    connection.hold(f"station {about.workstation_id}")
    station = enrol.station(connection, about.workstation_id)
    if station is not None and about.what in ("suspended", "fork"):
        hold_brand(connection, station.brand_id)  # ORDER: before the log, as all acts on members do
    held = connection.execute(
        "SELECT decision, name FROM decisions WHERE workstation_id = :id AND what = :what AND epoch = :epoch"
        " AND key = :key",
        row,
    ).fetchone()
    if held is not None and held["decision"] in _FINAL:
        raise Refusal("DECIDED_BEFORE", f"{held['name']} decided this before", status=409)
    connection.execute(
        "INSERT INTO decisions (workstation_id, what, epoch, key, decision, covers, name, why, at_ms)"
        " VALUES (:id, :what, :epoch, :key, :decision, :covers, :name, :why, :at_ms)"
        " ON CONFLICT (workstation_id, what, epoch, key) DO UPDATE SET decision = excluded.decision,"
        " covers = excluded.covers, name = excluded.name, why = excluded.why, at_ms = excluded.at_ms",
        row,
    )
    of = f"{about.workstation_id} {about.epoch} {about.key}"
    return log.note(connection, log.Entry(ruling.name, act, of, why, covers), ruling.at_ms)
