"""What a workstation has tried within the hour of what an honest till does seldom: phone numbers, wrong PINs, messages.

Called by sync.hq.phones, sync.hq.sms and sync.hq.verifying inside their transactions. It stands in a row, so that
neither a restart nor another process of HQ begins anew.
"""

from typing import Final, Literal

from agent.domain.business_day import local_time
from sync.hq.db.seam import Connection
from sync.proof import Finding

What = Literal["phone", "pin", "sms"]
_HOUR_MS: Final = 3_600_000


def spent(connection: Connection, workstation_id: str, what: What, now_ms: int) -> int:
    """What is spent of this hour so far; nobody else spends of it until the transaction ends."""
    connection.hold(f"hourly {workstation_id} {what}")  # ORDER: before it is read; questions come side by side
    row = connection.execute(
        "SELECT spent FROM hourly_asks WHERE workstation_id = :id AND what = :what AND hour = :hour",
        {"id": workstation_id, "what": what, "hour": now_ms // _HOUR_MS},
    ).fetchone()
    return 0 if row is None else int(row["spent"])


def spend(connection: Connection, workstation_id: str, what: What, cost: int, now_ms: int) -> None:
    """Count something; the row of an earlier hour is written over."""
    connection.execute(
        "INSERT INTO hourly_asks (workstation_id, what, hour, spent) VALUES (:id, :what, :hour, :cost)"
        " ON CONFLICT (workstation_id, what) DO UPDATE SET spent = excluded.spent"
        " + CASE WHEN hourly_asks.hour = excluded.hour THEN hourly_asks.spent ELSE 0 END, hour = excluded.hour",
        {"id": workstation_id, "what": what, "hour": now_ms // _HOUR_MS, "cost": cost},
    )


def noted(what: What, code: str, detail: str, now_ms: int) -> Finding:
    """One fact an hour, for a person."""
    key = f"{what} {local_time(now_ms):%Y-%m-%d %H}:00"
    return Finding(side="store", table="asks", epoch="", key=key, code=code, detail=detail)
