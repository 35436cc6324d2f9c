"""Where a coupon may be used, by the frozen version it was issued under (S49): asked before HQ lets it go.

Called by sync.hq.leases, sync.hq.channel_takes and sync.hq.stores_audit inside their transactions.
"""

import json
from typing import Final

from agent.domain.coupon_batch import used_in
from sync.hq.db.seam import Connection

ONLINE: Final = ""
"""The store of a channel: none."""


def usable_in(connection: Connection, coupon_id: str, store_id: str) -> bool:
    """Whether a coupon may be used in a store; one that HQ never issued is others' to judge."""
    row = connection.execute(
        "SELECT b.body FROM coupons c JOIN coupon_batches b ON b.brand_id = c.brand_id AND b.batch_id = c.batch_id"
        " AND b.version = c.version WHERE c.coupon_id = :id",
        {"id": coupon_id},
    ).fetchone()
    return row is None or used_in(json.loads(row["body"]), store_id)
