"""HQ's decisions about a member who looks like fraud (S53): frozen, released, why, and when.

Called by sync.hq.service inside its transactions. A decision reaches tills with the member's row.
"""

from agent.domain.errors import Refusal
from agent.limits import TEXT_CHARS
from agent.sqlite import Connection
from sync.hq import releases
from sync.hq.coupon_write import member_of
from sync.hq.enrol import index_key
from sync.hq.feeds import touch_members
from sync.hq.keys import HqKeys


def decide(
    connection: Connection, keys: HqKeys, brand_id: str, member_number: str, frozen: bool, reason: str, at_ms: int
) -> None:
    """Freeze or release a member; every decision is kept. Refusal 404 MEMBER_UNKNOWN, 422 REASON_NEEDED.

    A release credits the points that tills held back: a person has looked (S53).
    """
    if not 1 <= len(reason.strip()) <= TEXT_CHARS:
        raise Refusal("REASON_NEEDED", f"say why, in 1 to {TEXT_CHARS} characters", field="reason")
    member_id = member_of(connection, brand_id, index_key(connection, keys, brand_id), member_number)
    if member_id is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)
    last = connection.execute(
        "SELECT frozen_at_ms FROM members WHERE member_id = :member_id", {"member_id": member_id}
    ).fetchone()
    row = {
        "member_id": member_id,
        "frozen": int(frozen),
        "reason": reason.strip(),
        "at_ms": max(at_ms, last["frozen_at_ms"] + 1),  # a clock that went back does not undo the order of decisions
    }
    connection.execute(
        "INSERT INTO freezes (member_id, decided_at_ms, frozen, reason) VALUES (:member_id, :at_ms, :frozen, :reason)",
        row,
    )
    connection.execute(
        "UPDATE members SET frozen = :frozen, frozen_at_ms = :at_ms WHERE member_id = :member_id",
        row,
    )
    touch_members(connection, brand_id, [member_id])
    if not frozen:
        releases.credit(connection, brand_id, member_id, row["at_ms"])
