"""PostgreSQL: lots, leases and claims. The tables of sync.hq.schema_leases, schema_claims, schema_limits and
schema_restored.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

LOTS: Final = """
CREATE TABLE lots (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  since_ms bigint NOT NULL,
  available bigint NOT NULL CHECK (account IN ('count', 'coupon')
    OR CASE WHEN bucket = 'debt' THEN available <= 0 ELSE available >= 0 END),
  PRIMARY KEY (member_id, account, bucket)
);
CREATE INDEX lots_ending ON lots (expires, member_id) WHERE available > 0 AND expires <> '';
CREATE TABLE lot_openings (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  amount bigint NOT NULL,
  PRIMARY KEY (member_id, account, bucket)
);
CREATE TABLE leases (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  lease_id TEXT NOT NULL CHECK (length(lease_id) BETWEEN 1 AND 160),
  request_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  amount bigint NOT NULL CHECK (amount >= 1),
  settled bigint NOT NULL,
  usable_until_ms bigint NOT NULL CHECK (usable_until_ms >= 0),
  state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'written_off')),
  wanted bigint NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)),
  PRIMARY KEY (workstation_id, lease_id)
);
CREATE INDEX leases_member ON leases (member_id, account) WHERE state = 'open';
CREATE INDEX leases_open ON leases (workstation_id, lease_id) WHERE state = 'open';
CREATE INDEX leases_event ON leases (workstation_id, epoch, seq);
CREATE INDEX leases_request ON leases (workstation_id, request_id) WHERE request_id <> '';
CREATE TABLE lease_closings (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL,
  lease_id TEXT NOT NULL,
  remaining bigint NOT NULL CHECK (remaining >= 0),
  of_epoch TEXT NOT NULL,
  after_seq bigint NOT NULL CHECK (after_seq >= 0),
  honoured bigint NOT NULL DEFAULT 0 CHECK (honoured IN (0, 1)),
  PRIMARY KEY (workstation_id, epoch, seq, lease_id)
);
CREATE INDEX lease_closings_lease ON lease_closings (workstation_id, lease_id);
CREATE INDEX lease_closings_wait ON lease_closings (workstation_id) WHERE honoured = 0;
CREATE TABLE lease_epochs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  number bigint NOT NULL CHECK (number >= 1),
  epoch TEXT NOT NULL,
  PRIMARY KEY (workstation_id, epoch),
  UNIQUE (workstation_id, number)
);
CREATE TABLE write_offs (
  workstation_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  settled bigint NOT NULL,
  amount bigint NOT NULL CHECK (amount >= 0),
  at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, lease_id)
);
CREATE TABLE limit_moves (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  member_id TEXT NOT NULL,
  what TEXT NOT NULL CHECK (what IN ('earned', 'recharged', 'redeemed')),
  at_ms bigint NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  amount bigint NOT NULL CHECK (amount >= 1),
  PRIMARY KEY (workstation_id, epoch, seq, member_id, what)
);
CREATE INDEX limit_moves_member ON limit_moves (member_id, what, at_ms);
CREATE INDEX limit_moves_day ON limit_moves (member_id, business_day) WHERE what = 'recharged';
"""

CLAIMS: Final = """
CREATE TABLE hq_postings (
  seq bigint PRIMARY KEY CHECK (seq >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (kind IN ('claim', 'claim_return', 'join', 'release', 'expire')),
  reference TEXT NOT NULL CHECK (length(reference) BETWEEN 1 AND 160),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL,
  amount bigint NOT NULL CHECK (amount <> 0 AND amount BETWEEN -1000000000000 AND 1000000000000),
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  at_ms bigint NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  UNIQUE (kind, reference, account)
);
CREATE INDEX hq_postings_member ON hq_postings (member_id, account, amount);
CREATE INDEX hq_postings_expired ON hq_postings (member_id, account, bucket) WHERE kind = 'expire';
CREATE TABLE claims (
  brand_id TEXT NOT NULL REFERENCES brands,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  taken_by TEXT NOT NULL DEFAULT '',
  points bigint NOT NULL DEFAULT 0 CHECK (points >= 0),
  PRIMARY KEY (brand_id, sha256)
);
CREATE INDEX claims_event ON claims (workstation_id, epoch, seq);
CREATE INDEX claims_taken ON claims (brand_id, sha256) WHERE taken_by <> '';
CREATE TABLE claim_backs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  of_epoch TEXT NOT NULL,
  of_seq bigint NOT NULL,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  PRIMARY KEY (workstation_id, of_epoch, of_seq, epoch, seq)
);
CREATE INDEX claim_backs_event ON claim_backs (workstation_id, epoch, seq);
CREATE TABLE claim_joins (
  brand_id TEXT NOT NULL REFERENCES brands,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  asked bytea NOT NULL CHECK (length(asked) = 32),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  member_id TEXT NOT NULL,
  is_new bigint NOT NULL CHECK (is_new IN (0, 1)),
  at_ms bigint NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('credited', 'parked', 'refused')),
  code TEXT NOT NULL,
  points bigint NOT NULL CHECK (points >= 0),
  pack_points bigint NOT NULL CHECK (pack_points >= 0),
  coupon_id TEXT NOT NULL,
  PRIMARY KEY (brand_id, request_id)
);
CREATE INDEX claim_joins_parked ON claim_joins (brand_id, sha256, at_ms) WHERE state = 'parked';
CREATE INDEX claim_joins_member ON claim_joins (member_id) WHERE state = 'parked';
"""

RESTORED: Final = """
CREATE TABLE grants_made (
  id bigint PRIMARY KEY CHECK (id = 1),
  number bigint NOT NULL CHECK (number >= 0)
);
CREATE TABLE restorations (
  restoration_id TEXT NOT NULL CHECK (length(restoration_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  at_ms bigint NOT NULL,
  reason TEXT NOT NULL,
  done_at_ms bigint,
  PRIMARY KEY (restoration_id, brand_id)
);
CREATE INDEX restorations_open ON restorations (brand_id) WHERE done_at_ms IS NULL;
CREATE TABLE restoration_answers (
  restoration_id TEXT NOT NULL,
  workstation_id TEXT NOT NULL REFERENCES workstations,
  how TEXT NOT NULL CHECK (how IN ('reported', 'written_off')),
  at_ms bigint NOT NULL,
  PRIMARY KEY (restoration_id, workstation_id)
);
INSERT INTO grants_made (id, number) VALUES (1, 0);
"""

GAPS: Final = """
CREATE TABLE feed_gaps (
  brand_id TEXT NOT NULL REFERENCES brands,
  feed TEXT NOT NULL CHECK (length(feed) BETWEEN 1 AND 32),
  from_no bigint NOT NULL CHECK (from_no >= 0),
  to_no bigint NOT NULL CHECK (to_no > from_no),
  PRIMARY KEY (brand_id, feed, from_no)
);
"""
