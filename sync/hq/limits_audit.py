"""Limits of a member over all workstations (S35, S48, S53, R16), and words of supervisors for a person to read.

Called by sync.hq.recompute for each event that it reckons again, once. It moves no balance, refuses nothing: what was
sold stays sold. More points in an hour than the rules allow freeze the member until a person has looked. Events come in
any order; each is judged by the moment it was made, and whoever it pushes over a limit is named too.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.domain import risk
from agent.domain.after_event import COUNT_USE
from agent.domain.ledger import ACCOUNTS, PENDING_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT, posting_columns
from agent.domain.rules import RuleSet
from sync.hq import freezes
from sync.hq.audit import record
from sync.hq.bounds import DIFFERENCES_LISTED
from sync.hq.db.seam import Connection, Row
from sync.proof import Finding

POINTS_OVER_HOUR: Final = "POINTS_OVER_HOUR"
RECHARGE_OVER_DAY: Final = "RECHARGE_OVER_DAY"
REDEEMED_OFTEN: Final = "REDEEMED_OFTEN"
OVERRIDE: Final = "OVERRIDE"
_PLACE: Final = "limits"


@dataclass(frozen=True, slots=True)
class Audited:
    """One folded event of a workstation of `brand_id`, and the rules it was made by."""

    workstation_id: str
    brand_id: str
    epoch: str
    seq: int
    event: Mapping[str, Any]
    rules: RuleSet


def follow(connection: Connection, one: Audited, now_ms: int) -> None:
    """Count what an event earned, recharged and redeemed, and keep what goes beyond a limit for a person."""
    _overrides(connection, one, now_ms)
    at_ms, day = one.event.get("at_ms"), one.event.get("business_day")
    if not isinstance(at_ms, int) or not isinstance(day, str):
        return
    for (member_id, what), amount in sorted(_moves(one.event).items()):
        key = {
            "workstation_id": one.workstation_id, "epoch": one.epoch, "seq": one.seq, "member_id": member_id,
            "what": what, "at_ms": at_ms, "day": day, "amount": amount,
        }  # fmt: skip
        connection.execute(
            "INSERT INTO limit_moves (workstation_id, epoch, seq, member_id, what, at_ms, business_day, amount)"
            " VALUES (:workstation_id, :epoch, :seq, :member_id, :what, :at_ms, :day, :amount)"
            " ON CONFLICT (workstation_id, epoch, seq, member_id, what) DO NOTHING",
            key,
        )
        if what == "earned":
            _points_an_hour(connection, one, key, now_ms)
        elif what == "recharged":
            _recharged_a_day(connection, one, key, now_ms)
        else:
            _redeemed_often(connection, one, key, now_ms)


def listed(connection: Connection, workstation_id: str = "") -> list[tuple[str, str, int, str, str, int]]:
    """What stands for a person: (workstation, epoch, seq, code, detail, first seen), newest first."""
    rows = connection.execute(
        "SELECT workstation_id, epoch, key, code, detail, first_seen_ms FROM discrepancies WHERE place = 'limits'"
        " AND state = 'open' AND (:id = '' OR workstation_id = :id)"
        " ORDER BY first_seen_ms DESC, workstation_id, epoch, key LIMIT :limit",
        {"id": workstation_id, "limit": DIFFERENCES_LISTED},
    )
    return [
        (
            row["workstation_id"],
            row["epoch"],
            int(row["key"].split()[0]),
            row["code"],
            row["detail"],
            row["first_seen_ms"],
        )
        for row in rows
    ]


def _moves(event: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """(member_id, what) -> points earned, fen recharged, one redemption."""
    kind, found = event.get("kind"), dict[tuple[str, str], int]()
    for account, owner, amount in _posted(event):
        if kind == "sale" and amount > 0 and account in (POINTS_ACCOUNT, PENDING_ACCOUNT):
            found[owner, "earned"] = found.get((owner, "earned"), 0) + amount
        elif kind == "recharge" and amount > 0 and account == PRINCIPAL_ACCOUNT:
            found[owner, "recharged"] = found.get((owner, "recharged"), 0) + amount
        elif kind in ("sale", COUNT_USE) and amount < 0 and account in ACCOUNTS:
            found[owner, "redeemed"] = 1
    return found


def _posted(event: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """(account, owner, amount) of what can be read: somebody may have altered a stored event since."""
    for _place, account, owner, amount, *_lot in posting_columns(event):
        if isinstance(account, str) and isinstance(owner, str) and isinstance(amount, int):
            yield account, owner, amount


# --- points an hour -------------------------------------------------------------------------------------------------
def _points_an_hour(connection: Connection, one: Audited, key: Mapping[str, Any], now_ms: int) -> None:
    most, window_ms = one.rules.risk.points_an_hour, risk.POINTS_WINDOW_MS
    rows = _about(connection, key, window_ms)
    over = [
        (row["at_ms"], verdict.window)
        for row in rows
        if row["at_ms"] >= key["at_ms"]
        for verdict in (risk.points_hour(((at["at_ms"], at["amount"]) for at in rows), row["at_ms"], 0, most=most),)
        if verdict.freeze
    ]
    if over:
        window = max(points for _at, points in over)
        detail = f"{window} points in an hour, {most} allowed"
        _keep(connection, _finding(key, POINTS_OVER_HOUR, detail), one.workstation_id, now_ms)
        freezes.impose(connection, one.brand_id, key["member_id"], f"{POINTS_OVER_HOUR}: {detail}", now_ms)


# --- recharges a day ------------------------------------------------------------------------------------------------
def _recharged_a_day(connection: Connection, one: Audited, key: Mapping[str, Any], now_ms: int) -> None:
    """A recharge cancelled later still counts: the limit is on attempts to move money (R9)."""
    limit_fen = one.rules.purse.recharge.daily_limit_fen
    rows = connection.execute(
        "SELECT * FROM limit_moves WHERE member_id = :member_id AND what = 'recharged' AND business_day = :day"
        " ORDER BY at_ms, workstation_id, epoch, seq",
        key,
    ).fetchall()
    sum_fen = 0
    for row in rows:
        if risk.over_daily_recharge(sum_fen, row["amount"], limit_fen):
            detail = f"{sum_fen + row['amount']} fen recharged on {row['business_day']}, {limit_fen} allowed"
            _keep(connection, _finding(row, RECHARGE_OVER_DAY, detail), row["workstation_id"], now_ms)
        sum_fen += row["amount"]


# --- redemptions ----------------------------------------------------------------------------------------------------
def _redeemed_often(connection: Connection, one: Audited, key: Mapping[str, Any], now_ms: int) -> None:
    """Uses of count cards count like any other redemption. A till asks a second time by what it sees itself (S48); only
    what several tills saw a part of is for a person."""
    rule = one.rules.risk
    window_ms = rule.redemption_window_min * 60_000
    rows = _about(connection, key, window_ms)
    for place, row in enumerate(rows):
        within = [at for at in rows[: place + 1] if at["at_ms"] > row["at_ms"] - window_ms]
        earlier = [at["at_ms"] for at in within[:-1]]
        often = risk.needs_confirmation(earlier, row["at_ms"], free=rule.free_redemptions, window_ms=window_ms)
        if often and len({at["workstation_id"] for at in within}) > 1 and row["at_ms"] >= key["at_ms"]:
            detail = f"{len(within)} redemptions in {rule.redemption_window_min} min, {rule.free_redemptions} allowed"
            _keep(connection, _finding(row, REDEEMED_OFTEN, detail), row["workstation_id"], now_ms)


def _about(connection: Connection, key: Mapping[str, Any], window_ms: int) -> list[Row]:
    """What a member did from one window before an event to one window after it, in order."""
    return connection.execute(
        "SELECT * FROM limit_moves WHERE member_id = :member_id AND what = :what AND at_ms > :after AND at_ms < :until"
        " ORDER BY at_ms, workstation_id, epoch, seq",
        {**key, "after": key["at_ms"] - window_ms, "until": key["at_ms"] + window_ms},
    ).fetchall()


# --- supervisors ----------------------------------------------------------------------------------------------------
def _overrides(connection: Connection, one: Audited, now_ms: int) -> None:
    """What a supervisor allowed: code, by whom, why. A person at HQ reads it, as they read what differs."""
    for code, operator, reason in _allowed(one.event):
        key = {"epoch": one.epoch, "seq": one.seq, "member_id": code}
        detail = f"{code} allowed by {operator}: {reason}"
        _keep(connection, _finding(key, OVERRIDE, detail), one.workstation_id, now_ms)


def _allowed(event: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for said in event.get("overrides") or ():
        if isinstance(said, dict):
            yield str(said.get("code", "")), str(said.get("operator", "")), str(said.get("reason", ""))


def _finding(key: Mapping[str, Any] | Row, code: str, detail: str) -> Finding:
    name = f"{key['seq']} {key['member_id']}"
    return Finding(side="hq", table=_PLACE, epoch=key["epoch"], key=name[:200], code=code, detail=detail[:200])


def _keep(connection: Connection, found: Finding, workstation_id: str, now_ms: int) -> None:
    record(connection, workstation_id, [found], now_ms)
