"""SQL: when a lease may be spent here, and what of it is free. Read by agent.db.leases, lease_rows and budget."""

LIVE = "h.until_ms > :at AND h.until_ms <= :at + 86400000"
"""SQL: whether a promise stands at `:at`. No quote lives for a day: such a one was made while the clock ran ahead."""
PROMISED = f"(SELECT COALESCE(SUM(h.amount), 0) FROM lease_holds h WHERE h.lease_id = {{of}} AND {LIVE})"
FREE = f"remaining - {PROMISED.format(of='leases.lease_id')}"
"""SQL: what of a lease is neither spent nor promised at `:at`."""
USABLE = (
    "closed_seq IS NULL AND epoch = :epoch AND (usable_until_ms = 0 OR usable_until_ms > :at)"
    " AND (expires = '' OR expires >= :day)"
)
"""SQL: whether a lease may be spent in `:epoch`, the one in force, at `:at` on business day `:day`."""
