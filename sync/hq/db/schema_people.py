"""PostgreSQL: brands and stores, what they sell by, and their members. The tables of sync.hq.schema and schema_offers.

Applied by sync.hq.db.migrations, which writes TEXT out. What several shards would have to agree on is no constraint
here (docs/adr/0011): feed numbers are unique because their counter is held to the commit.
"""

from typing import Final

ORGANISATION: Final = """
CREATE TABLE hq_identity (
  id bigint PRIMARY KEY CHECK (id = 1),
  public_key bytea NOT NULL CHECK (length(public_key) = 32)
);
CREATE TABLE brands (
  brand_id TEXT PRIMARY KEY CHECK (length(brand_id) BETWEEN 1 AND 32),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  join_url TEXT NOT NULL CHECK (length(join_url) <= 200),
  index_key_sealed bytea NOT NULL,
  index_key_version bigint NOT NULL CHECK (index_key_version >= 1),
  created_at_ms bigint NOT NULL
);
CREATE TABLE stores (
  store_id TEXT PRIMARY KEY CHECK (length(store_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200)
);
CREATE TABLE workstations (
  workstation_id TEXT PRIMARY KEY CHECK (length(workstation_id) BETWEEN 1 AND 64),
  store_id TEXT NOT NULL REFERENCES stores,
  state TEXT NOT NULL CHECK (state IN ('new', 'enrolled', 'revoked')),
  public_key bytea CHECK (length(public_key) = 32),
  code_hash bytea UNIQUE CHECK (length(code_hash) = 32),
  code_expires_at_ms bigint,
  code_spent bigint NOT NULL DEFAULT 0 CHECK (code_spent IN (0, 1)),
  enrolled_at_ms bigint,
  CHECK (state <> 'enrolled' OR public_key IS NOT NULL)
);
CREATE TABLE feed_counters (
  brand_id TEXT NOT NULL REFERENCES brands,
  feed TEXT NOT NULL CHECK (length(feed) BETWEEN 1 AND 32),
  last_no bigint NOT NULL CHECK (last_no >= 0),
  PRIMARY KEY (brand_id, feed)
);
CREATE TABLE reader_tokens (
  token_sha256 bytea PRIMARY KEY CHECK (length(token_sha256) = 32),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  created_at_ms bigint NOT NULL,
  revoked_at_ms bigint,
  kind TEXT NOT NULL DEFAULT 'seals' CHECK (kind IN ('seals', 'join')),
  brand_id TEXT NOT NULL DEFAULT '' CHECK ((kind = 'join') = (brand_id <> ''))
);
"""

CATALOGUE: Final = """
CREATE TABLE rule_sets (
  brand_id TEXT NOT NULL REFERENCES brands,
  version bigint NOT NULL CHECK (version >= 1),
  body TEXT NOT NULL,
  created_at_ms bigint NOT NULL,
  feed_no bigint NOT NULL CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, version)
);
CREATE UNIQUE INDEX rule_sets_feed ON rule_sets (brand_id, feed_no);
CREATE TABLE items (
  brand_id TEXT NOT NULL REFERENCES brands,
  sku TEXT NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
  barcode TEXT NOT NULL CHECK (length(barcode) <= 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  list_fen bigint NOT NULL CHECK (list_fen BETWEEN 0 AND 1000000000),
  member_fen bigint CHECK (member_fen BETWEEN 0 AND 1000000000),
  promo_fen bigint CHECK (promo_fen BETWEEN 0 AND 1000000000),
  no_member_discount bigint NOT NULL CHECK (no_member_discount IN (0, 1)),
  earns bigint NOT NULL CHECK (earns IN (0, 1)),
  by_weight bigint NOT NULL CHECK (by_weight IN (0, 1)),
  deleted bigint NOT NULL CHECK (deleted IN (0, 1)),
  feed_no bigint NOT NULL CHECK (feed_no >= 1),
  min_fen bigint CHECK (min_fen BETWEEN 0 AND 1000000000),
  market_fen bigint CHECK (market_fen BETWEEN 1 AND 1000000000),
  PRIMARY KEY (brand_id, sku)
);
CREATE UNIQUE INDEX items_feed ON items (brand_id, feed_no);
CREATE TABLE merchants (
  brand_id TEXT NOT NULL REFERENCES brands,
  mch_id TEXT NOT NULL CHECK (length(mch_id) BETWEEN 1 AND 32),
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) <= 32),
  store_id TEXT NOT NULL REFERENCES stores,
  deleted bigint NOT NULL CHECK (deleted IN (0, 1)),
  feed_no bigint NOT NULL CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, mch_id, sub_mch_id, store_id)
);
CREATE UNIQUE INDEX merchants_feed ON merchants (brand_id, feed_no);
CREATE TABLE coupon_batches (
  brand_id TEXT NOT NULL REFERENCES brands,
  batch_id TEXT NOT NULL CHECK (length(batch_id) BETWEEN 1 AND 64),
  version bigint NOT NULL CHECK (version >= 1),
  body TEXT NOT NULL,
  created_at_ms bigint NOT NULL,
  PRIMARY KEY (brand_id, batch_id, version)
);
CREATE TABLE coupon_stocks (
  brand_id TEXT NOT NULL REFERENCES brands,
  batch_id TEXT NOT NULL,
  released bigint NOT NULL CHECK (released BETWEEN 0 AND 1000000000),
  PRIMARY KEY (brand_id, batch_id)
);
"""

MEMBERS: Final = """
CREATE TABLE members (
  member_id TEXT PRIMARY KEY CHECK (length(member_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  tier_id TEXT NOT NULL CHECK (length(tier_id) BETWEEN 1 AND 64),
  status TEXT NOT NULL CHECK (status IN ('active', 'deleted')),
  opening_points bigint NOT NULL CHECK (opening_points BETWEEN -1000000000 AND 1000000000),
  masked TEXT NOT NULL CHECK (length(masked) <= 64),
  feed_no bigint NOT NULL CHECK (feed_no >= 1),
  opening_sv_principal bigint NOT NULL DEFAULT 0 CHECK (opening_sv_principal BETWEEN 0 AND 1000000000),
  opening_sv_gift bigint NOT NULL DEFAULT 0 CHECK (opening_sv_gift BETWEEN 0 AND 1000000000),
  expiring_points bigint NOT NULL DEFAULT 0 CHECK (expiring_points >= 0),
  expiring_day TEXT NOT NULL DEFAULT '' CHECK (length(expiring_day) IN (0, 10)),
  opening_month TEXT NOT NULL DEFAULT '' CHECK (length(opening_month) IN (0, 7)),
  opening_month_spend bigint NOT NULL DEFAULT 0,
  ordered bigint NOT NULL DEFAULT 0 CHECK (ordered IN (0, 1)),
  month TEXT NOT NULL DEFAULT '' CHECK (length(month) IN (0, 7)),
  month_spend_fen bigint NOT NULL DEFAULT 0,
  birthday TEXT NOT NULL DEFAULT '' CHECK (length(birthday) IN (0, 5)),
  growth bigint NOT NULL DEFAULT 0,
  next_tier_id TEXT NOT NULL DEFAULT '' CHECK (length(next_tier_id) <= 64),
  next_tier_growth bigint NOT NULL DEFAULT 0 CHECK (next_tier_growth >= 0),
  first_order bigint NOT NULL DEFAULT 0 CHECK (first_order IN (0, 1)),
  frozen bigint NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)),
  frozen_at_ms bigint NOT NULL DEFAULT 0 CHECK (frozen_at_ms >= 0)
);
CREATE INDEX members_feed ON members (brand_id, feed_no);
CREATE TABLE identities (
  brand_id TEXT NOT NULL REFERENCES brands,
  identity_index bytea NOT NULL CHECK (length(identity_index) = 16),
  kind TEXT NOT NULL CHECK (kind IN ('code', 'wx', 'phone')),
  member_id TEXT NOT NULL,
  value_sealed bytea,
  deleted bigint NOT NULL CHECK (deleted IN (0, 1)),
  feed_no bigint CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, identity_index),
  CHECK ((kind = 'phone') = (feed_no IS NULL)),
  CHECK (kind <> 'phone' OR value_sealed IS NULL)
);
CREATE INDEX identities_feed ON identities (brand_id, feed_no);
CREATE INDEX identities_member ON identities (member_id);
CREATE TABLE coupons (
  coupon_id TEXT PRIMARY KEY CHECK (length(coupon_id) BETWEEN 4 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  member_id TEXT NOT NULL,
  batch_id TEXT NOT NULL,
  version bigint NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('issued', 'used', 'void')),
  start_day TEXT NOT NULL CHECK (length(start_day) = 10),
  end_day TEXT NOT NULL CHECK (length(end_day) = 10),
  claimed_at_ms bigint NOT NULL CHECK (claimed_at_ms >= 0),
  uses bigint NOT NULL DEFAULT 0,
  deleted bigint NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  feed_no bigint NOT NULL CHECK (feed_no >= 1),
  FOREIGN KEY (brand_id, batch_id, version) REFERENCES coupon_batches
);
CREATE INDEX coupons_feed ON coupons (brand_id, feed_no);
CREATE INDEX coupons_member ON coupons (member_id);
CREATE INDEX coupons_batch ON coupons (brand_id, batch_id);
CREATE INDEX coupons_astray ON coupons (brand_id)
  WHERE state <> 'void' AND state <> CASE WHEN uses > 0 THEN 'used' ELSE 'issued' END;
CREATE TABLE count_cards (
  member_id TEXT NOT NULL REFERENCES members,
  card_id TEXT NOT NULL CHECK (length(card_id) BETWEEN 1 AND 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  total bigint NOT NULL CHECK (total BETWEEN 1 AND 100000),
  opening_left bigint NOT NULL CHECK (opening_left BETWEEN 0 AND total),
  moved bigint NOT NULL DEFAULT 0,
  price_fen bigint NOT NULL CHECK (price_fen BETWEEN 0 AND 1000000000),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  PRIMARY KEY (member_id, card_id)
);
CREATE INDEX count_cards_card ON count_cards (card_id);
CREATE TABLE freezes (
  member_id TEXT NOT NULL REFERENCES members,
  decided_at_ms bigint NOT NULL,
  frozen bigint NOT NULL CHECK (frozen IN (0, 1)),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  PRIMARY KEY (member_id, decided_at_ms)
);
"""
