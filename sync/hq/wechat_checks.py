"""Asserted payments, confirmed: every WeChat tender HQ folded waits here until WeChat itself says what was paid.

`follow` is called by sync.hq.fold, the rest by sync.hq.wechat_desk. The queue is rows, so a restart goes on where it
stopped. What differs is kept with both sides and alters nothing that was booked (wire.md, "WeChat evidence").
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.business_day import business_day
from agent.domain.money import yuan
from sync.hq import audit, event_fields, poison
from sync.hq.bounds import WECHAT_ABSENT_TRIES, WECHAT_CHECKS_A_STEP, WECHAT_RETRY_BASE_S, WECHAT_RETRY_CAP_S
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import Station
from sync.hq.judge import EVENT_UNREADABLE, Judgement
from sync.hq.wechat_payments import Said
from sync.proof import Finding
from sync.wechat.states import State

AMOUNT_DIFFERS: Final = "WECHAT_AMOUNT_DIFFERS"
NOT_PAID: Final = "WECHAT_NOT_PAID"
MERCHANT_DIFFERS: Final = "WECHAT_MERCHANT_DIFFERS"
ORDER_UNKNOWN: Final = "WECHAT_ORDER_UNKNOWN"
NO_MERCHANT: Final = "WECHAT_MERCHANT_UNKNOWN"
_PAID: Final = frozenset({State.SUCCESS, State.REFUND})
"""A payment that was refunded later was a payment."""
NOT_EXPLAINED: Final = (
    "NOT EXISTS (SELECT 1 FROM wechat_decisions x WHERE x.mch_id = d.mch_id AND x.transaction_id = d.transaction_id"
    " AND x.code = d.code AND x.ours = d.ours AND x.theirs = d.theirs)"
)
"""Of a row `d` of wechat_differences: nobody has explained what both sides say now."""


@dataclass(frozen=True, slots=True)
class Check:
    """One tender that waits to be confirmed: where it stands, and what the till asserts of it."""

    workstation_id: str
    epoch: str
    seq: int
    transaction_id: str
    brand_id: str
    mch_id: str
    sub_mch_id: str
    amount_fen: int
    day: str
    tries: int


# --- taking in ------------------------------------------------------------------------------------------------------
def follow(connection: Connection, station: Station, epoch: str, moves: Sequence[tuple[int, Judgement]]) -> None:
    """Queue the WeChat payments of folded events."""
    connection.bulk(
        "INSERT INTO wechat_checks (workstation_id, epoch, seq, transaction_id, brand_id)"
        " SELECT workstation_id, epoch, seq, transaction_id, brand_id FROM incoming AS i WHERE true"
        " ON CONFLICT DO NOTHING",
        [
            {
                "workstation_id": station.workstation_id, "epoch": epoch, "seq": seq, "brand_id": station.brand_id,
                "transaction_id": transaction_id,
            }
            for seq, judgement in moves
            for transaction_id in judgement.transaction_ids
        ],
    )  # fmt: skip


def prepare(connection: Connection, now_ms: int) -> int:
    """Read what new checks are about from their events; how many were read."""
    rows = connection.execute(
        "SELECT k.workstation_id, k.epoch, k.seq, k.transaction_id, e.body, s.store_id, k.brand_id"
        " FROM wechat_checks k JOIN events e ON e.workstation_id = k.workstation_id AND e.epoch = k.epoch"
        " AND e.seq = k.seq JOIN workstations w ON w.workstation_id = k.workstation_id"
        " JOIN stores s ON s.store_id = w.store_id WHERE k.state = 'new'"
        " ORDER BY k.workstation_id, k.epoch, k.seq LIMIT :limit",
        {"limit": WECHAT_CHECKS_A_STEP},
    ).fetchall()
    poison.each(
        connection,
        rows,
        lambda row: _prepare(connection, row, now_ms),
        lambda row, fault: _pass_over(connection, row, fault, now_ms),
    )
    return len(rows)


def _pass_over(connection: Connection, row: Row, fault: str, now_ms: int) -> None:
    key = _key(row)
    connection.execute(
        f"UPDATE wechat_checks SET state = 'stuck', code = :code WHERE {_KEY}",
        {"code": EVENT_UNREADABLE, **key},
    )
    poison.name(connection, row["workstation_id"], row["epoch"], row["seq"], "wechat", fault, now_ms)


def give_up(connection: Connection, check: Check, fault: str, now_ms: int) -> None:
    """A check that cannot be worked on waits for a person, and no other waits for it."""
    _settle(connection, check, "stuck", EVENT_UNREADABLE)
    poison.name(connection, check.workstation_id, check.epoch, check.seq, "wechat", fault, now_ms)


def _prepare(connection: Connection, row: Row, now_ms: int) -> None:
    event = _event(row["body"])
    said = event.get("tenders")
    tenders = [one for one in said if isinstance(one, dict)] if isinstance(said, list) else []
    own = [one for one in tenders if one.get("transaction_id") == row["transaction_id"]]
    mch_id, sub_mch_id = _merchant(connection, row, own)
    found = {
        "mch_id": mch_id,
        "sub_mch_id": sub_mch_id,
        "amount_fen": sum(one["amount_fen"] for one in own if isinstance(one.get("amount_fen"), int)),
        "day": _day(event, now_ms),
        "state": "waiting" if mch_id else "stuck",
        "code": "" if mch_id else NO_MERCHANT,
        "due": now_ms,
    }
    connection.execute(
        "UPDATE wechat_checks SET mch_id = :mch_id, sub_mch_id = :sub_mch_id, amount_fen = :amount_fen, day = :day,"
        f" state = :state, code = :code, due_at_ms = :due WHERE {_KEY}",
        {**found, **_key(row)},
    )


def _event(body: str) -> dict[str, Any]:
    """An event as it is kept; nothing of one that somebody altered, which the proof names."""
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _day(event: dict[str, Any], now_ms: int) -> str:
    """The day the fold counted the event in."""
    try:
        return event_fields.business_day(event)
    except event_fields.Fault:
        return business_day(now_ms)


def _merchant(connection: Connection, row: Row, tenders: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """The pair the till asserts, else the store's only one; empty where that leaves it open."""
    for tender in tenders:
        if isinstance(tender.get("mch_id"), str):
            return str(tender["mch_id"])[:32], str(tender.get("sub_mch_id") or "")[:32]
    known = connection.execute(
        "SELECT mch_id, sub_mch_id FROM merchants WHERE brand_id = :brand_id AND store_id = :store_id AND deleted = 0",
        {"brand_id": row["brand_id"], "store_id": row["store_id"]},
    ).fetchall()
    return (known[0]["mch_id"], known[0]["sub_mch_id"]) if len(known) == 1 else ("", "")


def due(connection: Connection, mch_id: str, now_ms: int) -> list[Check]:
    """The next checks of a merchant, longest due first."""
    rows = connection.execute(
        "SELECT workstation_id, epoch, seq, transaction_id, brand_id, mch_id, sub_mch_id, amount_fen, day, tries"
        " FROM wechat_checks WHERE mch_id = :mch_id AND state = 'waiting' AND due_at_ms <= :now"
        " ORDER BY due_at_ms LIMIT :limit",
        {"mch_id": mch_id, "now": now_ms, "limit": WECHAT_CHECKS_A_STEP},
    ).fetchall()
    return [Check(*tuple(row)) for row in rows]


# --- comparing -----------------------------------------------------------------------------------------------------
def conclude(connection: Connection, check: Check, said: Said, now_ms: int) -> str:
    """Compare both sides; "" where the payment is confirmed, else the code it was kept under, or "open"."""
    if said.state.is_open and said.state is not State.NOTPAY:
        postpone(connection, check, said.state.value, now_ms)
        return "open"
    code = ""
    if said.state not in _PAID:
        code = NOT_PAID
    elif said.total_fen != check.amount_fen:
        code = AMOUNT_DIFFERS
    elif check.sub_mch_id != said.sub_mch_id != "":
        code = MERCHANT_DIFFERS
    if code:
        _differs(connection, check, code, said, now_ms)
    else:
        _settle(connection, check, "confirmed", "")
    return code


def absent(connection: Connection, check: Check, now_ms: int) -> str:
    """WeChat knows no such order: believed only when it says so again and again."""
    if check.tries + 1 < WECHAT_ABSENT_TRIES:
        postpone(connection, check, ORDER_UNKNOWN, now_ms)
        return "open"
    _differs(connection, check, ORDER_UNKNOWN, None, now_ms)
    return ORDER_UNKNOWN


def postpone(connection: Connection, check: Check, code: str, now_ms: int) -> None:
    """Ask again later, each time later."""
    wait_s = min(WECHAT_RETRY_CAP_S, WECHAT_RETRY_BASE_S * 2 ** min(check.tries, 16))
    connection.execute(
        f"UPDATE wechat_checks SET tries = tries + 1, code = :code, due_at_ms = :due WHERE {_KEY}",
        {"code": code[:64], "due": now_ms + wait_s * 1000, **_key_of(check)},
    )


def recheck(connection: Connection, mch_id: str, transaction_id: str, now_ms: int) -> None:
    """Something new was said of a payment: whoever waits for it looks at once."""
    connection.execute(
        "UPDATE wechat_checks SET due_at_ms = :now WHERE transaction_id = :id AND mch_id = :mch AND state = 'waiting'",
        {"now": now_ms, "id": transaction_id, "mch": mch_id},
    )


def _differs(connection: Connection, check: Check, code: str, said: Said | None, now_ms: int) -> None:
    ours = f"{yuan(check.amount_fen)}, sub_mch_id {check.sub_mch_id or '-'}"
    theirs = "no such order"
    if said is not None:
        theirs = f"{said.state.value} {yuan(said.total_fen)}, sub_mch_id {said.sub_mch_id or '-'}"
    _settle(connection, check, "differs", code)
    keep_difference(connection, check, code, ours, theirs, now_ms)
    finding = Finding(
        side="both", table="wechat", epoch=check.epoch, key=check.transaction_id, code=code,
        detail=f"event {check.seq}: the till says {ours}; WeChat says {theirs}",
    )  # fmt: skip
    audit.record(connection, check.workstation_id, [finding], now_ms)


def keep_difference(connection: Connection, check: Check, code: str, ours: str, theirs: str, now_ms: int) -> None:
    """Keep both sides of a difference, first and last time seen."""
    connection.execute(
        "INSERT INTO wechat_differences (mch_id, transaction_id, code, workstation_id, epoch, seq, day, ours, theirs,"
        " first_seen_ms, last_seen_ms) VALUES (:mch_id, :transaction_id, :code, :workstation_id, :epoch, :seq, :day,"
        " :ours, :theirs, :now, :now) ON CONFLICT (mch_id, transaction_id, code) DO UPDATE SET ours = excluded.ours,"
        " theirs = excluded.theirs, last_seen_ms = excluded.last_seen_ms, state = 'open'",
        {
            "mch_id": check.mch_id, "day": check.day, "code": code, "ours": ours, "theirs": theirs, "now": now_ms,
            **_key_of(check),
        },
    )  # fmt: skip


def _settle(connection: Connection, check: Check, state: str, code: str) -> None:
    connection.execute(
        f"UPDATE wechat_checks SET state = :state, code = :code WHERE {_KEY}",
        {"state": state, "code": code, **_key_of(check)},
    )


_KEY: Final = "workstation_id = :workstation_id AND epoch = :epoch AND seq = :seq AND transaction_id = :transaction_id"


def _key(row: Row) -> dict[str, object]:
    return {name: row[name] for name in ("workstation_id", "epoch", "seq", "transaction_id")}


def _key_of(check: Check) -> dict[str, object]:
    return {
        "workstation_id": check.workstation_id, "epoch": check.epoch, "seq": check.seq,
        "transaction_id": check.transaction_id,
    }  # fmt: skip
