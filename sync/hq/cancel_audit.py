"""Recharges cancelled by a till that could not know what of their gift had ended at HQ (R9).

Called by sync.hq.recompute for each event that it reckons again, once. cash = max(0, min(a, P) - max(0, g - G)) takes
back what of the gift was spent; what ended unspent is void and nobody spent it (case P09, like R12 for points). A till
that gave its rights back before the end counts it as spent: what it paid too little is for a person to pay.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from agent.domain.after_event import RECHARGE, RECHARGE_CANCEL
from agent.domain.business_day import business_day
from agent.domain.ids import EventName
from agent.domain.ledger import GIFT_ACCOUNT, lot_name, posting_columns
from sync.hq import expiry
from sync.hq.audit import record
from sync.hq.db.seam import Connection
from sync.proof import Finding

RECHARGE_CANCEL_SHORT: Final = "RECHARGE_CANCEL_SHORT"


def follow(connection: Connection, name: EventName, event: Mapping[str, Any], now_ms: int) -> None:
    """Keep it for a person when a cancellation took back gift money that had ended unspent."""
    of = _cancelled(name, event)
    if of is None:
        return
    row = connection.execute(
        "SELECT body FROM events WHERE workstation_id = :who AND epoch = :epoch AND seq = :seq",
        {"who": name.workstation_id, "epoch": of.epoch, "seq": of.seq},
    ).fetchone()
    recharge = {} if row is None else _read(row["body"])
    if recharge.get("kind") != RECHARGE:
        return
    lot = lot_name(of)
    moves = [(account, owner) for _place, account, owner, *_rest in posting_columns(recharge)]
    owners = sorted({owner for account, owner in moves if account == GIFT_ACCOUNT and isinstance(owner, str)})
    ended = sum(_ended(connection, owner, lot, business_day(now_ms)) for owner in owners)
    given, back = _total(recharge, "gift_fen"), _total(event, "gift_fen")
    # Both below zero: principal that was kept.
    taken_fen = _total(event, "payable_fen") - _total(event, "principal_fen")
    spent_fen = max(0, given - ended + back)
    short_fen = min(taken_fen - spent_fen, ended)
    if short_fen > 0:
        detail = f"{short_fen} fen more are due: {ended} fen of the gift had ended unspent"
        key = f"{name.seq} {lot}"[:200]
        found = Finding(
            side="hq", table="limits", epoch=name.epoch, key=key, code=RECHARGE_CANCEL_SHORT, detail=detail
        )  # fmt: skip
        record(connection, name.workstation_id, [found], now_ms)


def _cancelled(name: EventName, event: Mapping[str, Any]) -> EventName | None:
    """The recharge that an event cancels; None where it cancels none that can be read."""
    of = event.get("of")
    if event.get("kind") != RECHARGE_CANCEL or not isinstance(of, dict):
        return None
    epoch, seq = of.get("epoch"), of.get("seq")
    if not isinstance(epoch, str) or not isinstance(seq, int) or isinstance(seq, bool):
        return None
    return EventName(name.workstation_id, epoch, seq)


def _read(body: str) -> Mapping[str, Any]:
    """An event as it is kept: one that was suspended may be no JSON at all."""
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _total(event: Mapping[str, Any], name: str) -> int:
    totals = event.get("totals")
    value = totals.get(name) if isinstance(totals, dict) else 0
    return value if isinstance(value, int) else 0


def _ended(connection: Connection, owner: str, lot: str, today: str) -> int:
    """What of a gift lot ended unspent: posted already, or still waiting to be."""
    row = connection.execute(
        "SELECT available FROM lots WHERE member_id = :owner AND account = :account AND bucket = :lot"
        " AND expires <> '' AND expires < :today",
        {"owner": owner, "account": GIFT_ACCOUNT, "lot": lot, "today": today},
    ).fetchone()
    return expiry.sums(connection, owner, GIFT_ACCOUNT).get(lot, 0) + (0 if row is None else max(0, row["available"]))
