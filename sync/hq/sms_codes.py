"""The one code a member may have on their phone: made, sent, tried at the same till, dead after use or five tries.

Called by sync.hq.sms and sync.hq.verifying inside their transactions. A code is sealed, and good for five minutes; the
row stays, so that nobody's phone is flooded.
"""

import hmac
from dataclasses import dataclass, field
from typing import Literal

from agent.domain.business_day import business_day
from sync.hq.bounds import SMS_A_DAY, SMS_AGAIN_S, SMS_CODE_S, SMS_CODE_TRIES
from sync.hq.db.seam import Connection, Row
from sync.hq.keys import HqKeys

Tried = Literal["right", "code_wrong", "code_expired"]
TooMuch = Literal["too_soon", "too_many"]


@dataclass(frozen=True, slots=True)
class Code:
    """What is sent, and until when it is good (ms of HQ's clock)."""

    request_id: str
    code: str = field(repr=False)
    at_ms: int

    @property
    def until_ms(self) -> int:
        """When it is good for nothing any more."""
        return self.at_ms + SMS_CODE_S * 1000


def hold(connection: Connection, member_id: str) -> None:
    """Before it is seen whose number it is: nobody is erased meanwhile, and left with a code."""
    connection.hold(f"sms code {member_id}")


def remove(connection: Connection, member_id: str) -> None:
    """Forget the code of somebody who is erased."""
    hold(connection, member_id)
    connection.execute("DELETE FROM sms_codes WHERE member_id = :id", {"id": member_id})


def begin(connection: Connection, keys: HqKeys, workstation_id: str, member_id: str, fresh: Code) -> Code | TooMuch:
    """The code to send now: `fresh`, or the earlier one that nobody knows the fate of, under its own request id."""
    hold(connection, member_id)  # ORDER: before it is read; two tills may ask at once
    row, now_ms, day = _row(connection, member_id), fresh.at_ms, business_day(fresh.at_ms)
    if row is not None and _lives(row, workstation_id, now_ms) and row["state"] == "unsure":
        return Code(row["request_id"], _code(keys, member_id, row), row["at_ms"])
    if row is not None and row["state"] != "unsure" and 0 <= now_ms - row["at_ms"] < SMS_AGAIN_S * 1000:
        return "too_soon"
    of_day = row["of_day"] + 1 if row is not None and row["day"] == day else 1
    if of_day > SMS_A_DAY:
        return "too_many"
    connection.execute(
        "INSERT INTO sms_codes (member_id, workstation_id, request_id, code_sealed, state, tries, at_ms, day, of_day)"
        " VALUES (:member, :workstation, :request, :code, 'unsure', 0, :now, :day, :of_day)"
        " ON CONFLICT (member_id) DO UPDATE SET workstation_id = excluded.workstation_id,"
        " request_id = excluded.request_id, code_sealed = excluded.code_sealed, state = excluded.state, tries = 0,"
        " at_ms = excluded.at_ms, day = excluded.day, of_day = excluded.of_day",
        {
            "member": member_id, "workstation": workstation_id, "request": fresh.request_id, "now": now_ms, "day": day,
            "of_day": of_day, "code": keys.seal("sms_codes", "code", member_id, fresh.code.encode()),
        },
    )  # fmt: skip
    return fresh


def settle(connection: Connection, member_id: str, code: Code, outcome: Literal["sent", "refused"]) -> None:
    """Keep what became of a message; of one that was used up or replaced meanwhile nothing changes."""
    state = "sent" if outcome == "sent" else "dead"
    connection.execute(
        "UPDATE sms_codes SET state = :state WHERE member_id = :id AND request_id = :request AND state = 'unsure'",
        {"state": state, "id": member_id, "request": code.request_id},
    )


def tried(connection: Connection, keys: HqKeys, workstation_id: str, member_id: str, code: str, now_ms: int) -> Tried:
    """Try a code at the till it was sent from; the right one is used up, and so is one after five wrong tries."""
    hold(connection, member_id)
    row = _row(connection, member_id)
    if row is None or not _lives(row, workstation_id, now_ms):
        return "code_expired"
    right = hmac.compare_digest(_code(keys, member_id, row).encode(), code.encode())
    tries = row["tries"] + 1
    connection.execute(
        "UPDATE sms_codes SET tries = :tries, state = CASE WHEN :dead = 1 THEN 'dead' ELSE state END"
        " WHERE member_id = :id",
        {"tries": tries, "dead": int(right or tries >= SMS_CODE_TRIES), "id": member_id},
    )
    return "right" if right else "code_wrong"


def _row(connection: Connection, member_id: str) -> Row | None:
    row: Row | None = connection.execute(
        "SELECT * FROM sms_codes WHERE member_id = :id", {"id": member_id}
    ).fetchone()  # fmt: skip
    return row


def _lives(row: Row, workstation_id: str, now_ms: int) -> bool:
    age_ms = now_ms - row["at_ms"]
    return bool(row["state"] != "dead" and row["workstation_id"] == workstation_id and 0 <= age_ms < SMS_CODE_S * 1000)


def _code(keys: HqKeys, member_id: str, row: Row) -> str:
    return keys.open("sms_codes", "code", member_id, bytes(row["code_sealed"])).decode()
