"""Coupons that were used in a store they were not given for (S49), for a person to read.

Called by sync.hq.recompute for each event that it reckons again, once. A till of today refuses them by itself; one of
before does not know of stores. What was sold stays sold.
"""

from typing import Final

from agent.domain.ledger import COUPON_ACCOUNT, posting_columns
from agent.domain.sale import Posting
from sync.hq import coupon_stores, offers_fold
from sync.hq.audit import record
from sync.hq.db.seam import Connection
from sync.hq.limits_audit import Audited
from sync.proof import Finding

COUPON_OTHER_STORE: Final = "COUPON_OTHER_STORE"


def follow(connection: Connection, one: Audited, now_ms: int) -> None:
    """Name each coupon that a sale used elsewhere."""
    if one.event.get("kind") != "sale":
        return
    for coupon_id in _used(connection, one):
        row = connection.execute(
            "SELECT store_id FROM workstations WHERE workstation_id = :id", {"id": one.workstation_id}
        ).fetchone()
        if not coupon_stores.usable_in(connection, coupon_id, row["store_id"]):
            detail = f"{coupon_id} may not be used in {row['store_id']}"
            found = Finding(
                side="hq", table="limits", epoch=one.epoch, key=f"{one.seq} {coupon_id}"[:200],
                code=COUPON_OTHER_STORE, detail=detail[:200],
            )  # fmt: skip
            record(connection, one.workstation_id, [found], now_ms)


def _used(connection: Connection, one: Audited) -> list[str]:
    """Coupons that an event took; of one that somebody altered what can be read."""
    found = []
    for _place, account, owner, amount, bucket, _expires, lease in posting_columns(one.event):
        texts = isinstance(owner, str) and isinstance(bucket, str) and isinstance(lease, str)
        if account == COUPON_ACCOUNT and texts and isinstance(amount, int) and amount < 0:
            posting = Posting(COUPON_ACCOUNT, str(owner), amount, bucket=str(bucket), lease=str(lease))
            found.append(offers_fold.lot(connection, one.workstation_id, posting))
    return found
