"""HQ's tables of its duties to members: days, tiers, reminders, referrals, erasures, online channels; views of figures.

A forward-only migration, registered by sync.hq.schema. Facts of days follow from events and can be counted again; the
rest is HQ's own.
"""

from typing import Final

from sqlite_utils.db import Database

from sync.hq.db.views import VIEWS

_POSTINGS: Final = """CREATE TABLE hq_postings_new (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  reference TEXT NOT NULL CHECK (length(reference) BETWEEN 1 AND 160),
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount <> 0 AND amount BETWEEN -1000000000000 AND 1000000000000),
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  at_ms INTEGER NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  UNIQUE (kind, reference, account)
) STRICT;
INSERT INTO hq_postings_new (seq, brand_id, kind, reference, member_id, account, amount, bucket, expires, at_ms, digest)
  SELECT seq, brand_id, kind, reference, member_id, account, amount, bucket, expires, at_ms, digest FROM hq_postings;
DROP TABLE hq_postings;
ALTER TABLE hq_postings_new RENAME TO hq_postings;
CREATE INDEX hq_postings_member ON hq_postings (member_id, account, amount);
CREATE INDEX hq_postings_expired ON hq_postings (member_id, account, bucket) WHERE kind = 'expire';
"""
_FACTS: Final = """ALTER TABLE chains ADD COLUMN counted INTEGER NOT NULL DEFAULT 0 CHECK (counted >= 0);
CREATE INDEX chains_uncounted ON chains (workstation_id, epoch) WHERE counted < watermark;
ALTER TABLE members ADD COLUMN since_day TEXT NOT NULL DEFAULT '' CHECK (length(since_day) IN (0, 10));
ALTER TABLE members ADD COLUMN last_day TEXT NOT NULL DEFAULT '' CHECK (length(last_day) IN (0, 10));
ALTER TABLE members ADD COLUMN quarter TEXT NOT NULL DEFAULT '' CHECK (length(quarter) IN (0, 10));
ALTER TABLE members ADD COLUMN quarter_spend_fen INTEGER NOT NULL DEFAULT 0;
ALTER TABLE members ADD COLUMN quarter_visits INTEGER NOT NULL DEFAULT 0 CHECK (quarter_visits >= 0);
ALTER TABLE members ADD COLUMN quarter_invites INTEGER NOT NULL DEFAULT 0 CHECK (quarter_invites >= 0);
ALTER TABLE members ADD COLUMN grown INTEGER NOT NULL DEFAULT 0;
CREATE INDEX members_unknown_since ON members (brand_id, member_id) WHERE since_day = '';
CREATE INDEX members_last_day ON members (brand_id, last_day) WHERE last_day <> '';
CREATE INDEX members_birthday ON members (brand_id, birthday) WHERE birthday <> '';
CREATE TABLE member_days (
  member_id TEXT NOT NULL REFERENCES members,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  brand_id TEXT NOT NULL REFERENCES brands,
  spend_fen INTEGER NOT NULL,
  earned INTEGER NOT NULL,
  redeemed INTEGER NOT NULL,
  PRIMARY KEY (member_id, business_day)
) STRICT;
CREATE INDEX member_days_brand ON member_days (brand_id, business_day);
CREATE TABLE store_days (
  store_id TEXT NOT NULL CHECK (length(store_id) BETWEEN 1 AND 80),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  brand_id TEXT NOT NULL REFERENCES brands,
  sales INTEGER NOT NULL,
  paid_fen INTEGER NOT NULL,
  member_sales INTEGER NOT NULL,
  member_paid_fen INTEGER NOT NULL,
  claims INTEGER NOT NULL,
  joined INTEGER NOT NULL,
  PRIMARY KEY (store_id, business_day)
) STRICT;
CREATE INDEX store_days_brand ON store_days (brand_id, business_day);
"""
_OWN: Final = """CREATE TABLE tier_changes (
  member_id TEXT NOT NULL REFERENCES members,
  period TEXT NOT NULL CHECK (length(period) BETWEEN 1 AND 100),
  brand_id TEXT NOT NULL REFERENCES brands,
  from_tier TEXT NOT NULL,
  to_tier TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 32),
  inputs TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, period)
) STRICT;
CREATE INDEX tier_changes_brand ON tier_changes (brand_id, at_ms);
CREATE TABLE member_runs (
  brand_id TEXT NOT NULL REFERENCES brands,
  what TEXT NOT NULL CHECK (length(what) BETWEEN 1 AND 32),
  period TEXT NOT NULL CHECK (length(period) BETWEEN 1 AND 32),
  place TEXT NOT NULL,
  done_at_ms INTEGER,
  PRIMARY KEY (brand_id, what, period)
) STRICT;
CREATE TABLE referrals (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  inviter_id TEXT NOT NULL CHECK (inviter_id <> member_id),
  at_ms INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'paid')),
  times INTEGER NOT NULL DEFAULT 0 CHECK (times >= 0),
  sale TEXT NOT NULL DEFAULT '',
  left_fen INTEGER NOT NULL DEFAULT 0,
  paid_day TEXT NOT NULL DEFAULT '' CHECK (length(paid_day) IN (0, 10)),
  points INTEGER NOT NULL DEFAULT 0 CHECK (points >= 0)
) STRICT;
CREATE INDEX referrals_inviter ON referrals (inviter_id, paid_day) WHERE state = 'paid';
CREATE TABLE sign_ins (
  member_id TEXT NOT NULL REFERENCES members,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  streak INTEGER NOT NULL CHECK (streak >= 1),
  points INTEGER NOT NULL CHECK (points >= 0),
  PRIMARY KEY (member_id, business_day)
) STRICT;
CREATE TABLE reminders (
  member_id TEXT NOT NULL REFERENCES members,
  reminder_id TEXT NOT NULL CHECK (length(reminder_id) BETWEEN 1 AND 160),
  number INTEGER NOT NULL CHECK (number >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  marketing INTEGER NOT NULL CHECK (marketing IN (0, 1)),
  state TEXT NOT NULL CHECK (state IN ('given', 'withheld')),
  body TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  from_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, reminder_id)
) STRICT;
CREATE INDEX reminders_number ON reminders (number);
"""
_OUTSIDE: Final = """CREATE TABLE erasures (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  asked_by TEXT NOT NULL CHECK (length(asked_by) BETWEEN 1 AND 200),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  at_ms INTEGER NOT NULL,
  members_no INTEGER NOT NULL,
  identities_no INTEGER NOT NULL,
  coupons_no INTEGER NOT NULL
) STRICT;
CREATE INDEX erasures_brand ON erasures (brand_id, at_ms);
CREATE TABLE erasure_acks (
  member_id TEXT NOT NULL REFERENCES members,
  workstation_id TEXT NOT NULL,
  feed TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, workstation_id, feed)
) STRICT;
CREATE TABLE channels (
  channel TEXT PRIMARY KEY CHECK (length(channel) BETWEEN 1 AND 32),
  brand_id TEXT NOT NULL REFERENCES brands,
  token_sha256 BLOB NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
  url TEXT NOT NULL CHECK (length(url) <= 200),
  key_sealed BLOB NOT NULL,
  seen_no INTEGER NOT NULL CHECK (seen_no >= 0),
  at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT;
CREATE TABLE channel_events (
  channel TEXT NOT NULL REFERENCES channels,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  member_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  of_request TEXT NOT NULL CHECK (length(of_request) <= 64),
  asked BLOB NOT NULL CHECK (length(asked) = 32),
  at_ms INTEGER NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  points INTEGER NOT NULL,
  paid_fen INTEGER NOT NULL,
  returned INTEGER NOT NULL DEFAULT 0 CHECK (returned >= 0),
  returned_points INTEGER NOT NULL DEFAULT 0 CHECK (returned_points >= 0),
  took TEXT NOT NULL,
  answer TEXT NOT NULL,
  PRIMARY KEY (channel, request_id)
) STRICT;
CREATE INDEX channel_events_member ON channel_events (member_id, business_day);
CREATE TABLE channel_pushes (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL,
  push_id TEXT NOT NULL CHECK (length(push_id) BETWEEN 1 AND 64),
  feed_no INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('equal', 'waiting', 'stuck')),
  code TEXT NOT NULL DEFAULT '' CHECK (length(code) <= 64),
  tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel)
) STRICT;
CREATE INDEX channel_pushes_due ON channel_pushes (due_at_ms) WHERE state = 'waiting';
CREATE INDEX channel_pushes_stuck ON channel_pushes (channel, member_id) WHERE state = 'stuck';
"""


def members(db: Database) -> None:
    """HQ's own postings take any kind; facts of members' days; what HQ gives, tells and forgets."""
    for script in (_POSTINGS, _FACTS, _OWN, _OUTSIDE, VIEWS):
        for statement in script.split(";\n"):
            if statement.strip():
                db.execute(statement)
