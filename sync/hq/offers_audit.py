"""What HQ's own tables of coupons must say of each other; what tills hold is compared by the downward check.

Called by sync.hq.prove with every proof, for the brand of the workstation.
"""

import json

from agent.domain.coupon_batch import faults
from agent.limits import FINDINGS
from sync.hq.db.seam import Connection
from sync.proof import Finding


def offers(connection: Connection, brand_id: str) -> list[Finding]:
    """Batch versions without a gap, offers that could be published, coupons whose state follows from their uses."""
    key = {"brand_id": brand_id, "limit": FINDINGS}
    found = []
    versions = connection.execute(
        "SELECT batch_id FROM coupon_batches WHERE brand_id = :brand_id GROUP BY batch_id"
        " HAVING MAX(version) <> COUNT(*) OR MIN(version) <> 1 LIMIT :limit",
        key,
    )
    found += [_finding("coupon_batches", row["batch_id"], "versions have a gap") for row in versions]
    for row in connection.execute(
        "SELECT batch_id, version, body FROM coupon_batches WHERE brand_id = :brand_id ORDER BY batch_id, version"
        " LIMIT :limit",
        key,
    ):
        reasons = _reasons(row["body"])
        if reasons:
            found.append(_finding("coupon_batches", f"{row['batch_id']} {row['version']}", reasons))
    coupons = connection.execute(
        "SELECT coupon_id FROM coupons WHERE brand_id = :brand_id AND state <> 'void'"
        " AND state <> CASE WHEN uses > 0 THEN 'used' ELSE 'issued' END LIMIT :limit",
        key,
    )
    return found + [_finding("coupons", row["coupon_id"], "state does not follow from its uses") for row in coupons]


def _reasons(body: str) -> str:
    try:
        offer = json.loads(body)
    except ValueError:
        return "not JSON"
    return "; ".join(faults(offer)) if isinstance(offer, dict) else "not an object"


def _finding(table: str, key: str, detail: str) -> Finding:
    return Finding(side="hq", table=table, epoch="", key=key, code="DOES_NOT_FOLLOW", detail=detail[:200])
