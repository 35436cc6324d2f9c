"""HQ's tables of claims: what receipts promise to whoever joins by them, who asked, and HQ's own postings.

A forward-only migration, registered by sync.hq.schema. Written by sync.hq.claims,
sync.hq.joining and sync.hq.own_books.
"""

from sqlite_utils.db import Database

_SCRIPT = """
ALTER TABLE reader_tokens ADD COLUMN kind TEXT NOT NULL DEFAULT 'seals' CHECK (kind IN ('seals', 'join'));
ALTER TABLE reader_tokens ADD COLUMN brand_id TEXT NOT NULL DEFAULT '' CHECK ((kind = 'join') = (brand_id <> ''));
CREATE TABLE hq_postings (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (kind IN ('claim', 'claim_return', 'join', 'release')),
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
CREATE INDEX hq_postings_member ON hq_postings (member_id, account, amount);
CREATE TABLE claims (
  brand_id TEXT NOT NULL REFERENCES brands,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  taken_by TEXT NOT NULL DEFAULT '',
  points INTEGER NOT NULL DEFAULT 0 CHECK (points >= 0),
  PRIMARY KEY (brand_id, sha256)
) STRICT;
CREATE UNIQUE INDEX claims_event ON claims (workstation_id, epoch, seq);
CREATE INDEX claims_taken ON claims (brand_id, sha256) WHERE taken_by <> '';
INSERT OR IGNORE INTO claims (brand_id, sha256, workstation_id, epoch, seq)
  SELECT s.brand_id, json_extract(e.body, '$.claim_sha256'), e.workstation_id, e.epoch, e.seq
  FROM events e JOIN chains c ON c.workstation_id = e.workstation_id AND c.epoch = e.epoch AND e.seq <= c.watermark
    JOIN workstations w ON w.workstation_id = e.workstation_id JOIN stores s ON s.store_id = w.store_id
  WHERE e.state = 'ok' AND length(json_extract(e.body, '$.claim_sha256')) = 64;
CREATE TABLE claim_backs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  of_epoch TEXT NOT NULL,
  of_seq INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  PRIMARY KEY (workstation_id, of_epoch, of_seq, epoch, seq)
) STRICT;
CREATE INDEX claim_backs_event ON claim_backs (workstation_id, epoch, seq);
CREATE TABLE claim_joins (
  brand_id TEXT NOT NULL REFERENCES brands,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  asked BLOB NOT NULL CHECK (length(asked) = 32),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  member_id TEXT NOT NULL REFERENCES members,
  is_new INTEGER NOT NULL CHECK (is_new IN (0, 1)),
  at_ms INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('credited', 'parked', 'refused')),
  code TEXT NOT NULL,
  points INTEGER NOT NULL CHECK (points >= 0),
  pack_points INTEGER NOT NULL CHECK (pack_points >= 0),
  coupon_id TEXT NOT NULL,
  PRIMARY KEY (brand_id, request_id)
) STRICT;
CREATE INDEX claim_joins_parked ON claim_joins (brand_id, sha256, at_ms) WHERE state = 'parked';
CREATE INDEX claim_joins_member ON claim_joins (member_id) WHERE state = 'parked';
"""


def claims(db: Database) -> None:
    """Claims of events, joins that asked for them, HQ's own postings, tokens of join pages."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
