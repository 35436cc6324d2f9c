"""PostgreSQL: gifts that points are exchanged for. The tables of sync.hq.schema_gifts.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

GIFTS: Final = """
CREATE TABLE gifts (
  brand_id TEXT NOT NULL REFERENCES brands,
  gift_id TEXT NOT NULL CHECK (length(gift_id) BETWEEN 1 AND 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  kind TEXT NOT NULL CHECK (kind IN ('virtual', 'physical')),
  points bigint NOT NULL CHECK (points >= 1),
  stock bigint CHECK (stock >= 0),
  batch_id TEXT NOT NULL CHECK (length(batch_id) <= 64),
  is_off bigint NOT NULL CHECK (is_off IN (0, 1)),
  given bigint NOT NULL CHECK (given >= 0),
  PRIMARY KEY (brand_id, gift_id),
  CHECK (stock IS NULL OR given <= stock)
);
CREATE TABLE exchanges (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  gift_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('virtual', 'physical')),
  points bigint NOT NULL CHECK (points >= 1),
  coupon_id TEXT NOT NULL CHECK (length(coupon_id) <= 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  returned bigint NOT NULL DEFAULT 0 CHECK (returned IN (0, 1)),
  at_ms bigint NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
);
CREATE INDEX exchanges_brand ON exchanges (brand_id, business_day);
"""
