"""HQ's tables of what members are promised: coupon batches and coupons, count cards, and more of what a member is.

A forward-only migration, registered by sync.hq.schema. A batch version is never edited, a coupon is only ever issued,
used, given back or withdrawn; both rules are kept by sync.hq.coupon_write.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE feed_counters_new (
  brand_id TEXT NOT NULL REFERENCES brands,
  feed TEXT NOT NULL CHECK (length(feed) BETWEEN 1 AND 32),
  last_no INTEGER NOT NULL CHECK (last_no >= 0),
  PRIMARY KEY (brand_id, feed)
) STRICT;
INSERT INTO feed_counters_new (brand_id, feed, last_no) SELECT brand_id, feed, last_no FROM feed_counters;
DROP TABLE feed_counters;
ALTER TABLE feed_counters_new RENAME TO feed_counters;
INSERT INTO feed_counters (brand_id, feed, last_no) SELECT brand_id, 'coupons', 0 FROM brands;
ALTER TABLE items ADD COLUMN min_fen INTEGER CHECK (min_fen BETWEEN 0 AND 1000000000);
ALTER TABLE items ADD COLUMN market_fen INTEGER CHECK (market_fen BETWEEN 1 AND 1000000000);
CREATE TABLE coupon_batches (
  brand_id TEXT NOT NULL REFERENCES brands,
  batch_id TEXT NOT NULL CHECK (length(batch_id) BETWEEN 1 AND 64),
  version INTEGER NOT NULL CHECK (version >= 1),
  body TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (brand_id, batch_id, version)
) STRICT;
CREATE TABLE coupon_stocks (
  brand_id TEXT NOT NULL REFERENCES brands,
  batch_id TEXT NOT NULL,
  released INTEGER NOT NULL CHECK (released BETWEEN 0 AND 1000000000),
  PRIMARY KEY (brand_id, batch_id)
) STRICT;
CREATE TABLE coupons (
  coupon_id TEXT PRIMARY KEY CHECK (length(coupon_id) BETWEEN 4 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  member_id TEXT NOT NULL REFERENCES members,
  batch_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('issued', 'used', 'void')),
  start_day TEXT NOT NULL CHECK (length(start_day) = 10),
  end_day TEXT NOT NULL CHECK (length(end_day) = 10),
  claimed_at_ms INTEGER NOT NULL CHECK (claimed_at_ms >= 0),
  uses INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1),
  FOREIGN KEY (brand_id, batch_id, version) REFERENCES coupon_batches
) STRICT;
CREATE UNIQUE INDEX coupons_feed ON coupons (brand_id, feed_no);
CREATE INDEX coupons_member ON coupons (member_id);
CREATE INDEX coupons_batch ON coupons (brand_id, batch_id);
CREATE INDEX coupons_astray ON coupons (brand_id)
  WHERE state <> 'void' AND state <> CASE WHEN uses > 0 THEN 'used' ELSE 'issued' END;
CREATE TABLE count_cards (
  member_id TEXT NOT NULL REFERENCES members,
  card_id TEXT NOT NULL UNIQUE CHECK (length(card_id) BETWEEN 1 AND 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  total INTEGER NOT NULL CHECK (total BETWEEN 1 AND 100000),
  opening_left INTEGER NOT NULL CHECK (opening_left BETWEEN 0 AND total),
  moved INTEGER NOT NULL DEFAULT 0,
  price_fen INTEGER NOT NULL CHECK (price_fen BETWEEN 0 AND 1000000000),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  PRIMARY KEY (member_id, card_id)
) STRICT;
CREATE TABLE freezes (
  member_id TEXT NOT NULL REFERENCES members,
  decided_at_ms INTEGER NOT NULL,
  frozen INTEGER NOT NULL CHECK (frozen IN (0, 1)),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  PRIMARY KEY (member_id, decided_at_ms)
) STRICT;
ALTER TABLE members ADD COLUMN opening_sv_principal INTEGER NOT NULL DEFAULT 0
  CHECK (opening_sv_principal BETWEEN 0 AND 1000000000);
ALTER TABLE members ADD COLUMN opening_sv_gift INTEGER NOT NULL DEFAULT 0
  CHECK (opening_sv_gift BETWEEN 0 AND 1000000000);
ALTER TABLE members ADD COLUMN expiring_points INTEGER NOT NULL DEFAULT 0 CHECK (expiring_points >= 0);
ALTER TABLE members ADD COLUMN expiring_day TEXT NOT NULL DEFAULT '' CHECK (length(expiring_day) IN (0, 10));
ALTER TABLE members ADD COLUMN opening_month TEXT NOT NULL DEFAULT '' CHECK (length(opening_month) IN (0, 7));
ALTER TABLE members ADD COLUMN opening_month_spend INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0 CHECK (ordered IN (0, 1));
ALTER TABLE members ADD COLUMN month TEXT NOT NULL DEFAULT '' CHECK (length(month) IN (0, 7));
ALTER TABLE members ADD COLUMN month_spend_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN birthday TEXT NOT NULL DEFAULT '' CHECK (length(birthday) IN (0, 5));
ALTER TABLE members ADD COLUMN growth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN next_tier_id TEXT NOT NULL DEFAULT '' CHECK (length(next_tier_id) <= 64);
ALTER TABLE members ADD COLUMN next_tier_growth INTEGER NOT NULL DEFAULT 0 CHECK (next_tier_growth >= 0);
ALTER TABLE members ADD COLUMN first_order INTEGER NOT NULL DEFAULT 0 CHECK (first_order IN (0, 1));
ALTER TABLE members ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1));
ALTER TABLE members ADD COLUMN frozen_at_ms INTEGER NOT NULL DEFAULT 0 CHECK (frozen_at_ms >= 0);
"""


def offers(db: Database) -> None:
    """Coupon batches, coupons, count cards, freezes; prices to compare with; what else a till knows of a member."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
