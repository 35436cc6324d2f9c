"""HQ's tables of gifts that points are exchanged for, of exchanges, and the figure of both kinds (S30).

A forward-only migration, registered by sync.hq.schema. What points were taken stands in hq_postings.
"""

from sqlite_utils.db import Database

from sync.hq.db.views import GIFTS

_SCRIPT = """
CREATE TABLE gifts (
  brand_id TEXT NOT NULL REFERENCES brands,
  gift_id TEXT NOT NULL CHECK (length(gift_id) BETWEEN 1 AND 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  kind TEXT NOT NULL CHECK (kind IN ('virtual', 'physical')),
  points INTEGER NOT NULL CHECK (points >= 1),
  stock INTEGER CHECK (stock >= 0),
  batch_id TEXT NOT NULL CHECK (length(batch_id) <= 64),
  is_off INTEGER NOT NULL CHECK (is_off IN (0, 1)),
  given INTEGER NOT NULL CHECK (given >= 0),
  PRIMARY KEY (brand_id, gift_id),
  CHECK (stock IS NULL OR given <= stock)
) STRICT;
CREATE TABLE exchanges (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  gift_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('virtual', 'physical')),
  points INTEGER NOT NULL CHECK (points >= 1),
  coupon_id TEXT NOT NULL CHECK (length(coupon_id) <= 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  returned INTEGER NOT NULL DEFAULT 0 CHECK (returned IN (0, 1)),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;
CREATE INDEX exchanges_brand ON exchanges (brand_id, business_day);
"""


def gifts(db: Database) -> None:
    """The catalogue, and what went out of it."""
    for statement in (_SCRIPT + GIFTS).split(";\n"):
        if statement.strip():
            db.execute(statement)
