"""WeChat Pay at the console: accounts and what ails them, bills, and differences with both sides next to each other.

Called by sync.hq.console.desk and .store inside their transactions. A difference that somebody explained counts as open
again as soon as either side says something else; what was booked is never touched here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from agent.domain.errors import Refusal
from sync.hq import console_log as log
from sync.hq import wechat_accounts
from sync.hq.bounds import CONSOLE_LISTED, CONSOLE_WAITING_COUNTED
from sync.hq.console import sides
from sync.hq.console.decisions import Ruling
from sync.hq.db.seam import Connection, Row
from sync.hq.keys import HqKeys
from sync.hq.wechat_bills import BillReport
from sync.hq.wechat_checks import NOT_EXPLAINED

_SELECT: Final = (
    "SELECT d.mch_id, d.transaction_id, d.code, d.workstation_id, d.epoch, d.seq, d.day, d.ours, d.theirs,"
    " d.first_seen_ms, d.last_seen_ms, w.store_id, e.name, e.why, e.at_ms, CASE WHEN e.ours = d.ours"
    " AND e.theirs = d.theirs THEN 'explained' ELSE 'open' END AS verdict FROM wechat_differences d"
    " LEFT JOIN wechat_decisions e ON e.mch_id = d.mch_id AND e.transaction_id = d.transaction_id AND e.code = d.code"
    " LEFT JOIN workstations w ON w.workstation_id = d.workstation_id WHERE d.state = 'open'"
)
_ORDER: Final = " ORDER BY verdict DESC, d.last_seen_ms DESC, d.transaction_id, d.code LIMIT :limit"


# --- looking --------------------------------------------------------------------------------------------------------
def view(connection: Connection, keys: HqKeys, mch_id: str, day: str, now_ms: int) -> dict[str, Any]:
    """The page: accounts without their keys, bills checked last, differences (of a merchant and day, or all)."""
    key = {"mch_id": mch_id, "day": day, "limit": CONSOLE_LISTED}
    rows = connection.execute(
        f"{_SELECT} AND (d.mch_id = :mch_id OR :mch_id = '') AND (d.day = :day OR :day = ''){_ORDER}", key
    ).fetchall()
    bills = connection.execute(
        "SELECT mch_id, bill_day, payments, total_fen, refunds, refund_fen, checked_at_ms FROM wechat_bills"
        " ORDER BY checked_at_ms DESC, mch_id, bill_day LIMIT :limit",
        key,
    )
    return {
        "accounts": _accounts(connection, keys, now_ms),
        "bills": [dict(row) for row in bills.fetchall()],
        "differences": [_shown(row) for row in rows],
        **counts(connection, now_ms),
    }


def counts(connection: Connection, now_ms: int) -> dict[str, int]:
    """How many differences nobody has explained, and how many accounts rest after a refusal."""
    differing = connection.execute(
        f"SELECT COUNT(*) AS n FROM wechat_differences d WHERE d.state = 'open' AND {NOT_EXPLAINED}"
    ).fetchone()
    resting = connection.execute(
        "SELECT COUNT(*) AS n FROM wechat_accounts WHERE trouble <> '' OR quiet_until_ms > :now", {"now": now_ms}
    ).fetchone()
    return {"open": int(differing["n"]), "troubled": int(resting["n"])}


def of_stations(connection: Connection, places: str, key: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Differences of some workstations' sales, in the form of a store's discrepancies."""
    rows = connection.execute(f"{_SELECT} AND d.workstation_id IN ({places}){_ORDER}", key).fetchall()
    found = [{**_shown(row), "side": "both", "place": "wechat", "key": row["transaction_id"]} for row in rows]
    return [{**one, "hq": [("wechat", ""), *one["hq"]]} for one in found]


def _accounts(connection: Connection, keys: HqKeys, now_ms: int) -> list[dict[str, Any]]:
    found = []
    for one in wechat_accounts.shown(connection, keys):
        waiting = connection.execute(
            "SELECT COUNT(*) AS n FROM (SELECT 1 FROM wechat_checks WHERE mch_id = :id AND state = 'waiting'"
            " LIMIT :most) AS waiting",
            {"id": one.mch_id, "most": CONSOLE_WAITING_COUNTED},
        ).fetchone()
        rests = one.rests_until_ms if one.rests_until_ms > now_ms else 0
        found.append({**asdict(one), "rests_until_ms": rests, "waiting": int(waiting["n"])})
    return found


def _shown(row: Row) -> dict[str, Any]:
    ours, theirs = sides.of_wechat(row["ours"]), sides.of_wechat(row["theirs"])
    decided = None
    if row["name"] is not None:
        decided = {"decision": "explained", "name": row["name"], "why": row["why"], "at_ms": row["at_ms"]}
        if row["verdict"] == "open":
            decided["outdated"] = True
    names = (
        "mch_id", "transaction_id", "code", "workstation_id", "epoch", "seq", "day", "first_seen_ms", "last_seen_ms",
        "store_id",
    )  # fmt: skip
    shown = {name: row[name] for name in names}
    return {**shown, "state": row["verdict"], "store": ours, "hq": theirs, "decision": decided}


# --- deciding -------------------------------------------------------------------------------------------------------
def explain(connection: Connection, named: tuple[str, str, str], ruling: Ruling) -> str:
    """Explain one difference (mch_id, transaction, code) as it stands now; its store's id, "" for none.

    Refusal 404 DISCREPANCY_UNKNOWN, 422 REASON_NEEDED.
    """
    mch_id, transaction_id, code = named
    key = {"mch_id": mch_id, "transaction_id": transaction_id, "code": code}
    connection.hold(f"wechat {mch_id} {transaction_id}")
    row = connection.execute(
        f"{_SELECT} AND d.mch_id = :mch_id AND d.transaction_id = :transaction_id AND d.code = :code", key
    ).fetchone()
    if row is None:
        raise Refusal("DISCREPANCY_UNKNOWN", "there is no such difference, or it has healed", status=404)
    why = log.reason(ruling.why)
    connection.execute(
        "INSERT INTO wechat_decisions (mch_id, transaction_id, code, ours, theirs, name, why, at_ms) VALUES (:mch_id,"
        " :transaction_id, :code, :ours, :theirs, :name, :why, :at_ms) ON CONFLICT (mch_id, transaction_id, code)"
        " DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs, name = excluded.name, why = excluded.why,"
        " at_ms = excluded.at_ms",
        {**key, "ours": row["ours"], "theirs": row["theirs"], "name": ruling.name, "why": why, "at_ms": ruling.at_ms},
    )
    connection.execute(
        "UPDATE discrepancies SET state = 'explained' WHERE workstation_id = :id AND place = 'wechat'"
        " AND key = :transaction_id AND code = :code",
        {**key, "id": row["workstation_id"]},
    )
    said = f"the books: {row['ours']}; WeChat: {row['theirs']}"
    log.note(connection, log.Entry(ruling.name, log.Act.WECHAT_EXPLAIN, " ".join(named), why, said), ruling.at_ms)
    return str(row["store_id"] or "")


def summed(report: BillReport) -> str:
    """What a check of a bill came to, for the log."""
    return (
        f"{report.payments} payments of {report.total_fen} fen, {report.booked} booked of {report.booked_fen} fen,"
        f" {len(report.differences)} differences"
    )
