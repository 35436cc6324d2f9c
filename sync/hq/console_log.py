"""The console's log: who did what to what, and why (S59). Rows are only ever added.

Written by sync.hq.console inside the transaction of the act itself, so that no act is without its entry.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from agent.domain.errors import Refusal
from agent.limits import TEXT_CHARS
from sync.hq.bounds import CONSOLE_LISTED
from sync.hq.db.seam import Connection


class Act(StrEnum):
    """Everything people do at the console; rows name it so for ever. Sentences: agent/words/console_acts.py."""

    SIGN_IN = "sign-in"
    SIGN_IN_REFUSED = "sign-in.refused"
    USER_PUT = "user.put"
    USER_REMOVE = "user.remove"
    DISCREPANCY_EXPLAIN = "discrepancy.explain"
    DIFFERENCE_EXPLAIN = "difference.explain"
    SUSPENDED_RELEASE = "suspended.release"
    SUSPENDED_KEEP = "suspended.keep"
    FORK_FIRST = "fork.first"
    FORK_OTHER = "fork.other"
    LEASE_WRITE_OFF = "lease.write-off"
    MEMBER_LOOK = "member.look"
    MEMBER_PLAIN = "member.plain"
    MEMBER_PLAIN_REFUSED = "member.plain.refused"
    MEMBER_FREEZE = "member.freeze"
    MEMBER_RELEASE = "member.release"
    ERASURE_ASK = "erasure.ask"
    ERASURE_CONFIRM = "erasure.confirm"
    ERASURE_REFUSE = "erasure.refuse"
    RULES_PUBLISH = "rules.publish"
    IMPORT_MEMBERS = "import.members"
    IMPORT_ITEMS = "import.items"
    IMPORT_MERCHANTS = "import.merchants"
    IMPORT_BATCHES = "import.batches"
    IMPORT_COUPONS = "import.coupons"
    IMPORT_CARDS = "import.cards"
    IMPORT_GIFTS = "import.gifts"
    IMPORT_SLOTS = "import.slots"
    SEALS_DOWNLOAD = "seals.download"
    WECHAT_EXPLAIN = "wechat.explain"
    WECHAT_BILL = "wechat.bill"


@dataclass(frozen=True, slots=True)
class Entry:
    """One act. `object` names what it was done to; no identity of a member is written, only the random id."""

    name: str
    act: Act
    object: str
    why: str
    detail: str


def reason(why: str) -> str:
    """The reason as typed, without the space around it; Refusal 422 REASON_NEEDED.

    >>> reason("  looked at the till  ")
    'looked at the till'
    """
    if not 1 <= len(why.strip()) <= TEXT_CHARS:
        raise Refusal("REASON_NEEDED", f"say why, in 1 to {TEXT_CHARS} characters", field="why", status=422)
    return why.strip()


def note(connection: Connection, entry: Entry, at_ms: int) -> int:
    """Add an entry; its number."""
    connection.hold("console log")  # ORDER: to the commit, so that numbers are dense
    number = int(connection.execute("SELECT COALESCE(MAX(number), 0) + 1 AS n FROM console_log").fetchone()["n"])
    connection.execute(
        "INSERT INTO console_log (number, at_ms, name, act, object, why, detail)"
        " VALUES (:number, :at_ms, :name, :act, :object, :why, :detail)",
        {
            "number": number,
            "at_ms": at_ms,
            "name": entry.name,
            "act": entry.act.value,
            "object": entry.object[:500],
            "why": entry.why,
            "detail": entry.detail,
        },
    )
    return number


def page(connection: Connection, before: int, name: str = "") -> list[dict[str, Any]]:
    """Entries before a number (0: the newest), newest first; of one person where `name` is given."""
    rows = connection.execute(
        "SELECT * FROM console_log WHERE (:before = 0 OR number < :before) AND (:name = '' OR name = :name)"
        " ORDER BY number DESC LIMIT :limit",
        {"before": before, "name": name, "limit": CONSOLE_LISTED},
    )
    return [dict(row) for row in rows.fetchall()]
