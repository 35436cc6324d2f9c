"""What is personal and not masked, read at the console: with a reason, in the log, three a minute (S55, R16).

Called by sync.hq.console.desk. HQ can open the birthday and WeChat identities; phones exist here as their masked form
and a keyed index alone. Refused reads count too and stand above the stores for a day.
"""

from dataclasses import dataclass
from typing import Final, Literal

from agent.domain.errors import Refusal
from agent.domain.risk import READ_WINDOW_MS, READS_A_WINDOW, may_read_plaintext
from sync.hq import console_log as log
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys

READ: Final = log.Act.MEMBER_PLAIN
REFUSED: Final = log.Act.MEMBER_PLAIN_REFUSED
_DAY_MS: Final = 24 * 3_600_000
Field = Literal["birthday", "wechat"]


@dataclass(frozen=True, slots=True)
class Read:
    """What is asked: of which member of a brand, which field, why."""

    brand_id: str
    member_id: str
    field: Field
    why: str


def read(connection: Connection, keys: HqKeys, name: str, ask: Read, at_ms: int) -> list[str] | None:
    """The field in the clear; None where `name` has read too much within a minute, which is noted just the same.

    Refusal 404 MEMBER_UNKNOWN, 422 REASON_NEEDED.
    """
    why = log.reason(ask.why)
    row = connection.execute(
        "SELECT birthday FROM members WHERE member_id = :id AND brand_id = :brand AND status = 'active'",
        {"id": ask.member_id, "brand": ask.brand_id},
    ).fetchone()
    if row is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)
    connection.hold("console log")  # ORDER: before looking: two reads at once are one after the other
    earlier = connection.execute(
        "SELECT at_ms FROM console_log WHERE act IN (:read, :refused) AND at_ms > :since AND name = :name",
        {"read": READ, "refused": REFUSED, "since": at_ms - READ_WINDOW_MS, "name": name},
    ).fetchall()
    allowed = may_read_plaintext([one["at_ms"] for one in earlier], at_ms)
    log.note(connection, log.Entry(name, READ if allowed else REFUSED, ask.member_id, why, ask.field), at_ms)
    if not allowed:
        return None
    return _wechat(connection, keys, ask) if ask.field == "wechat" else [row["birthday"]] if row["birthday"] else []


def too_many() -> Refusal:
    """Say that it was too much, after the entry in the log is kept."""
    what = f"more than {READS_A_WINDOW} reads of personal data within a minute"
    return Refusal("PLAINTEXT_READS", what, hint="wait a minute; it stands in the log", status=429)


def alarms(connection: Connection, now_ms: int) -> int:
    """How many reads were refused within a day."""
    row = connection.execute(
        "SELECT COUNT(*) AS n FROM console_log WHERE act = :refused AND at_ms > :since",
        {"refused": REFUSED, "since": now_ms - _DAY_MS},
    ).fetchone()
    return int(row["n"])


def _wechat(connection: Connection, keys: HqKeys, ask: Read) -> list[str]:
    rows = connection.execute(
        "SELECT identity_index, value_sealed FROM identities WHERE member_id = :id AND kind = 'wx' AND deleted = 0"
        " ORDER BY feed_no",
        {"id": ask.member_id},
    ).fetchall()
    places = [f"{ask.brand_id}/{bytes(row['identity_index']).hex()}" for row in rows]
    return [
        keys.open("identities", "value", place, bytes(row["value_sealed"])).decode()
        for place, row in zip(places, rows, strict=True)
    ]
