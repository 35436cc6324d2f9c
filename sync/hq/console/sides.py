"""Both sides of what differs, next to each other: what the store says and what headquarters holds.

Called by sync.hq.console.store. A side is a list of (label, value); labels are words of agent.wording.CONSOLE, money is
in fen under `payable`. Events hold no identities, so they may be shown.
"""

import json
import re
from typing import Any, Final, TypeAlias

from sync.hq.db.seam import Connection, Row

Side: TypeAlias = list[tuple[str, Any]]
_HASH_CHARS: Final = 16
_SEQ: Final = re.compile(r"[0-9]{1,15}")


def of_discrepancy(connection: Connection, row: Row) -> tuple[Side, Side]:
    """(store, headquarters) of one row of `discrepancies`."""
    said: Side = [("detail", row["detail"] or row["code"])]
    store: Side = said if row["side"] in ("store", "both") else []
    ours: Side = said if row["side"] in ("hq", "both") else []
    if row["place"] == "clock":
        return store, [("detail", "")]
    if row["place"] in ("events", "chains", "conflicts"):
        asked, held = _proof(connection, row)
        store, ours = store + asked, ours + held
    if row["place"] != "wechat" and _SEQ.fullmatch(row["key"]):
        event = connection.execute(
            "SELECT body, digest, state, code FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq",
            {"id": row["workstation_id"], "epoch": row["epoch"], "seq": int(row["key"])},
        ).fetchone()
        ours = ours + (of_event(event) if event is not None else [("missing", "")])
    return store or [("nothing_said", "")], ours or [("nothing_said", "")]


def _proof(connection: Connection, row: Row) -> tuple[Side, Side]:
    """What both sides said in the last proof of that epoch."""
    proof = connection.execute(
        "SELECT asked_count, asked_head, held_count, held_head FROM proofs"
        " WHERE workstation_id = :id AND epoch = :epoch ORDER BY proof_no DESC LIMIT 1",
        {"id": row["workstation_id"], "epoch": row["epoch"]},
    ).fetchone()
    if proof is None:
        return [], []
    return (
        [("count", proof["asked_count"]), ("head", proof["asked_head"].hex()[:_HASH_CHARS])],
        [("count", proof["held_count"]), ("head", proof["held_head"].hex()[:_HASH_CHARS])],
    )


def of_event(row: Row) -> Side:
    """What an event says, short: kind, day, amount, points, digest."""
    body = body_of(row["body"])
    totals = body.get("totals")
    totals = totals if isinstance(totals, dict) else {}
    said = {
        "kind": body.get("kind"),
        "business_day": body.get("business_day"),
        "payable": totals.get("payable_fen"),
        "points": totals.get("points_earned"),
        "digest": row["digest"].hex()[:_HASH_CHARS],
    }
    return [(name, value) for name, value in said.items() if isinstance(value, str | int)]


def of_difference(detail: str) -> tuple[Side, Side]:
    """(store, headquarters) of a recomputation: each figure that the event says and the rules make.

    >>> of_difference("lines.1.paid_fen 90, by the rules 80; earn 5, by the rules 4")
    ([('lines.1.paid_fen', '90'), ('earn', '5')], [('lines.1.paid_fen', '80'), ('earn', '4')])
    """
    store: Side = []
    ours: Side = []
    for part in detail.split("; "):
        said, found, reckoned = part.partition(", by the rules ")
        place, _, value = said.partition(" ")
        if found:
            store.append((place, value))
            ours.append((place, reckoned))
        else:
            store.append(("detail", part))
    return store, ours or [("detail", "")]


def of_wechat(said: str) -> Side:
    """One side of a difference with WeChat, as sync.hq.wechat_checks and wechat_bills write it.

    >>> of_wechat("SUCCESS 12.80, sub_mch_id 1900000100")
    [('state', 'SUCCESS'), ('yuan', '12.80'), ('sub_mch_id', '1900000100')]
    >>> of_wechat("12.81, event 3 of S001-1")
    [('yuan', '12.81'), ('event', '3 of S001-1')]
    >>> of_wechat("not in the bill")
    [('missing', '')]
    """
    if said.startswith(("no such", "not in")):
        return [("missing", "")]
    found: Side = []
    for place, part in enumerate(said.split(", ")):
        name, _, value = part.partition(" ")
        if place == 0:
            found += [("state", name), ("yuan", value)] if value else [("yuan", name)]
        else:
            found.append((name, value))
    return found


def body_of(text: str) -> dict[str, Any]:
    """An event's body; empty for one that is no JSON object."""
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
