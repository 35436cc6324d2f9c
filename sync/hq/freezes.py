"""HQ's decisions about a member who looks like fraud (S53): frozen, released, why, and when.

Called by sync.hq.service inside its transactions. A decision reaches tills with the member's row.
"""

from agent.domain.errors import Refusal
from agent.limits import TEXT_CHARS
from sync.hq import releases
from sync.hq.coupon_write import member_of
from sync.hq.db.seam import Connection
from sync.hq.enrol import index_key
from sync.hq.feeds import hold_brand, touch_members
from sync.hq.keys import HqKeys


def decide(
    connection: Connection, keys: HqKeys, brand_id: str, member_number: str, frozen: bool, reason: str, at_ms: int
) -> None:
    """Freeze or release a member; every decision is kept. Refusal 404 MEMBER_UNKNOWN, 422 REASON_NEEDED.

    A release credits the points that tills held back: a person has looked (S53).
    """
    member_id = member_of(connection, brand_id, index_key(connection, keys, brand_id), member_number)
    decide_member(connection, brand_id, member_id or "", frozen, reason, at_ms)


def decide_member(connection: Connection, brand_id: str, member_id: str, frozen: bool, reason: str, at_ms: int) -> None:
    """The same by member id. Refusal 404 MEMBER_UNKNOWN, 422 REASON_NEEDED."""
    if not 1 <= len(reason.strip()) <= TEXT_CHARS:
        raise Refusal("REASON_NEEDED", f"say why, in 1 to {TEXT_CHARS} characters", field="reason")
    hold_brand(connection, brand_id)
    known = "SELECT 1 FROM members WHERE member_id = :id AND brand_id = :brand AND status = 'active'"
    if connection.execute(known, {"id": member_id, "brand": brand_id}).fetchone() is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", status=404)
    decided_ms = _write(connection, brand_id, member_id, frozen, reason.strip(), at_ms)
    if not frozen:
        releases.credit(connection, brand_id, member_id, decided_ms)


def impose(connection: Connection, brand_id: str, member_id: str, reason: str, at_ms: int) -> bool:
    """Freeze a member by HQ's own rule until a person has looked; False when they are frozen already."""
    row = connection.execute("SELECT frozen FROM members WHERE member_id = :id", {"id": member_id}).fetchone()
    if row is None or row["frozen"]:
        return False
    hold_brand(connection, brand_id)
    _write(connection, brand_id, member_id, True, reason[:TEXT_CHARS], at_ms)
    return True


def _write(connection: Connection, brand_id: str, member_id: str, frozen: bool, reason: str, at_ms: int) -> int:
    last = connection.execute(
        "SELECT frozen_at_ms FROM members WHERE member_id = :member_id", {"member_id": member_id}
    ).fetchone()
    decided_ms = max(at_ms, int(last["frozen_at_ms"]) + 1)  # ORDER: a clock went back, decisions do not
    row = {
        "member_id": member_id,
        "frozen": int(frozen),
        "reason": reason,
        "at_ms": decided_ms,
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
    return decided_ms
