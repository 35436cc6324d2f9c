"""HQ's table of when coupons were used and given back, and the view of how long that took.

A forward-only migration, registered by sync.hq.schema; PostgreSQL's is in sync.hq.db.schema_members. Written by
sync.hq.coupon_uses only: facts that follow from events and can be counted again.
"""

from sqlite_utils.db import Database

from sync.hq.db.views import CYCLE

_SCRIPT = """
CREATE TABLE coupon_uses (
  coupon_id TEXT NOT NULL CHECK (length(coupon_id) BETWEEN 1 AND 160),
  place TEXT NOT NULL CHECK (length(place) BETWEEN 1 AND 200),
  brand_id TEXT NOT NULL REFERENCES brands,
  amount INTEGER NOT NULL CHECK (amount <> 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (coupon_id, place)
) STRICT;
CREATE INDEX coupon_uses_brand ON coupon_uses (brand_id);
"""


def coupon_uses(db: Database) -> None:
    """Uses of coupons with their times, and the view over them."""
    for statement in (_SCRIPT + CYCLE).split(";\n"):
        if statement.strip():
            db.execute(statement)
