"""HQ's tables of lots that end: HQ's own postings may say so, and what ends next is found by its day.

A forward-only migration, registered by sync.hq.schema. Written by sync.hq.own_rows.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE hq_postings_new (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (kind IN ('claim', 'claim_return', 'join', 'release', 'expire')),
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
CREATE INDEX lots_ending ON lots (expires, member_id) WHERE available > 0 AND expires <> '';
"""


def expiry(db: Database) -> None:
    """HQ's own postings know one more kind; lots are found by their last day."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
