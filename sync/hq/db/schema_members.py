"""PostgreSQL: members' days, tiers, reminders, referrals, erasures, channels. The tables of sync.hq.schema_members.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

FACTS: Final = """ALTER TABLE hq_postings DROP CONSTRAINT hq_postings_kind_check;
ALTER TABLE hq_postings ADD CONSTRAINT hq_postings_kind_check CHECK (length(kind) BETWEEN 1 AND 32);
ALTER TABLE chains ADD COLUMN counted bigint NOT NULL DEFAULT 0 CHECK (counted >= 0);
CREATE INDEX chains_uncounted ON chains (workstation_id, epoch) WHERE counted < watermark;
ALTER TABLE members ADD COLUMN since_day TEXT NOT NULL DEFAULT '' CHECK (length(since_day) IN (0, 10));
ALTER TABLE members ADD COLUMN last_day TEXT NOT NULL DEFAULT '' CHECK (length(last_day) IN (0, 10));
ALTER TABLE members ADD COLUMN quarter TEXT NOT NULL DEFAULT '' CHECK (length(quarter) IN (0, 10));
ALTER TABLE members ADD COLUMN quarter_spend_fen bigint NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN quarter_visits bigint NOT NULL DEFAULT 0 CHECK (quarter_visits >= 0);
ALTER TABLE members ADD COLUMN quarter_invites bigint NOT NULL DEFAULT 0 CHECK (quarter_invites >= 0);
ALTER TABLE members ADD COLUMN grown bigint NOT NULL DEFAULT 0;
CREATE INDEX members_unknown_since ON members (brand_id, member_id) WHERE since_day = '';
CREATE INDEX members_last_day ON members (brand_id, last_day) WHERE last_day <> '';
CREATE INDEX members_birthday ON members (brand_id, birthday) WHERE birthday <> '';
CREATE TABLE member_days (
  member_id TEXT NOT NULL REFERENCES members,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  brand_id TEXT NOT NULL REFERENCES brands,
  spend_fen bigint NOT NULL,
  earned bigint NOT NULL,
  redeemed bigint NOT NULL,
  PRIMARY KEY (member_id, business_day)
);
CREATE INDEX member_days_brand ON member_days (brand_id, business_day);
CREATE TABLE store_days (
  store_id TEXT NOT NULL CHECK (length(store_id) BETWEEN 1 AND 80),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  brand_id TEXT NOT NULL REFERENCES brands,
  sales bigint NOT NULL,
  paid_fen bigint NOT NULL,
  member_sales bigint NOT NULL,
  member_paid_fen bigint NOT NULL,
  claims bigint NOT NULL,
  joined bigint NOT NULL,
  PRIMARY KEY (store_id, business_day)
);
CREATE INDEX store_days_brand ON store_days (brand_id, business_day);
"""

OWN: Final = """
CREATE TABLE tier_changes (
  member_id TEXT NOT NULL REFERENCES members,
  period TEXT NOT NULL CHECK (length(period) BETWEEN 1 AND 100),
  brand_id TEXT NOT NULL REFERENCES brands,
  from_tier TEXT NOT NULL,
  to_tier TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 32),
  inputs TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  at_ms bigint NOT NULL,
  PRIMARY KEY (member_id, period)
);
CREATE INDEX tier_changes_brand ON tier_changes (brand_id, at_ms);
CREATE TABLE member_runs (
  brand_id TEXT NOT NULL REFERENCES brands,
  what TEXT NOT NULL CHECK (length(what) BETWEEN 1 AND 32),
  period TEXT NOT NULL CHECK (length(period) BETWEEN 1 AND 32),
  place TEXT NOT NULL,
  done_at_ms bigint,
  PRIMARY KEY (brand_id, what, period)
);
CREATE TABLE referrals (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  inviter_id TEXT NOT NULL CHECK (inviter_id <> member_id),
  at_ms bigint NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'paid')),
  times bigint NOT NULL DEFAULT 0 CHECK (times >= 0),
  sale TEXT NOT NULL DEFAULT '',
  left_fen bigint NOT NULL DEFAULT 0,
  paid_day TEXT NOT NULL DEFAULT '' CHECK (length(paid_day) IN (0, 10)),
  points bigint NOT NULL DEFAULT 0 CHECK (points >= 0)
);
CREATE INDEX referrals_inviter ON referrals (inviter_id, paid_day) WHERE state = 'paid';
CREATE TABLE sign_ins (
  member_id TEXT NOT NULL REFERENCES members,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  streak bigint NOT NULL CHECK (streak >= 1),
  points bigint NOT NULL CHECK (points >= 0),
  PRIMARY KEY (member_id, business_day)
);
CREATE TABLE reminders (
  member_id TEXT NOT NULL REFERENCES members,
  reminder_id TEXT NOT NULL CHECK (length(reminder_id) BETWEEN 1 AND 160),
  number bigint NOT NULL CHECK (number >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  marketing bigint NOT NULL CHECK (marketing IN (0, 1)),
  state TEXT NOT NULL CHECK (state IN ('given', 'withheld')),
  body TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  from_ms bigint NOT NULL,
  until_ms bigint NOT NULL,
  PRIMARY KEY (member_id, reminder_id)
);
CREATE INDEX reminders_number ON reminders (number);
"""

OUTSIDE: Final = """
CREATE TABLE erasures (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  asked_by TEXT NOT NULL CHECK (length(asked_by) BETWEEN 1 AND 200),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  at_ms bigint NOT NULL,
  members_no bigint NOT NULL,
  identities_no bigint NOT NULL,
  coupons_no bigint NOT NULL
);
CREATE INDEX erasures_brand ON erasures (brand_id, at_ms);
CREATE TABLE erasure_acks (
  member_id TEXT NOT NULL REFERENCES members,
  workstation_id TEXT NOT NULL,
  feed TEXT NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (member_id, workstation_id, feed)
);
CREATE TABLE channels (
  channel TEXT PRIMARY KEY CHECK (length(channel) BETWEEN 1 AND 32),
  brand_id TEXT NOT NULL REFERENCES brands,
  token_sha256 bytea NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
  url TEXT NOT NULL CHECK (length(url) <= 200),
  key_sealed bytea NOT NULL,
  seen_no bigint NOT NULL CHECK (seen_no >= 0),
  at_ms bigint NOT NULL,
  revoked_at_ms bigint
);
CREATE TABLE channel_events (
  channel TEXT NOT NULL REFERENCES channels,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  member_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  of_request TEXT NOT NULL CHECK (length(of_request) <= 64),
  asked bytea NOT NULL CHECK (length(asked) = 32),
  at_ms bigint NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  points bigint NOT NULL,
  paid_fen bigint NOT NULL,
  returned bigint NOT NULL DEFAULT 0 CHECK (returned >= 0),
  returned_points bigint NOT NULL DEFAULT 0 CHECK (returned_points >= 0),
  took TEXT NOT NULL,
  answer TEXT NOT NULL,
  PRIMARY KEY (channel, request_id)
);
CREATE INDEX channel_events_member ON channel_events (member_id, business_day);
CREATE TABLE channel_pushes (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL,
  push_id TEXT NOT NULL CHECK (length(push_id) BETWEEN 1 AND 64),
  feed_no bigint NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('equal', 'waiting', 'stuck')),
  code TEXT NOT NULL DEFAULT '' CHECK (length(code) <= 64),
  tries bigint NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms bigint NOT NULL,
  since_ms bigint NOT NULL,
  PRIMARY KEY (member_id, channel)
);
CREATE INDEX channel_pushes_due ON channel_pushes (due_at_ms) WHERE state = 'waiting';
CREATE INDEX channel_pushes_stuck ON channel_pushes (channel, member_id) WHERE state = 'stuck';
"""

COUPON_USES: Final = """
CREATE TABLE coupon_uses (
  coupon_id TEXT NOT NULL CHECK (length(coupon_id) BETWEEN 1 AND 160),
  place TEXT NOT NULL CHECK (length(place) BETWEEN 1 AND 200),
  brand_id TEXT NOT NULL REFERENCES brands,
  amount bigint NOT NULL CHECK (amount <> 0),
  at_ms bigint NOT NULL,
  PRIMARY KEY (coupon_id, place)
);
CREATE INDEX coupon_uses_brand ON coupon_uses (brand_id);
"""
