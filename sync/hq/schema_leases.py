"""HQ's tables of lots and leases: what of a balance can be granted, and what workstations hold the right to spend.

A forward-only migration, registered by sync.hq.schema. Written by sync.hq.lots and sync.hq.leases only.
"""

from sqlite_utils.db import Database

_SCRIPT = """
ALTER TABLE postings ADD COLUMN bucket TEXT NOT NULL DEFAULT '' CHECK (length(bucket) <= 160);
ALTER TABLE postings ADD COLUMN expires TEXT NOT NULL DEFAULT '' CHECK (length(expires) IN (0, 10));
ALTER TABLE postings ADD COLUMN lease TEXT NOT NULL DEFAULT '' CHECK (length(lease) <= 160);
CREATE INDEX postings_lease ON postings (workstation_id, lease) WHERE lease <> '';
CREATE TABLE lots (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  since_ms INTEGER NOT NULL,
  available INTEGER NOT NULL CHECK (account IN ('count', 'coupon')
    OR CASE WHEN bucket = 'debt' THEN available <= 0 ELSE available >= 0 END),
  PRIMARY KEY (member_id, account, bucket)
) STRICT;
INSERT INTO lots (member_id, account, bucket, expires, since_ms, available)
  SELECT member_id, account, CASE WHEN SUM(amount) < 0 THEN 'debt' ELSE 'opening' END, '', 0, SUM(amount)
  FROM postings GROUP BY member_id, account;
CREATE TABLE lot_openings (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  amount INTEGER NOT NULL,
  PRIMARY KEY (member_id, account, bucket)
) STRICT;
CREATE TABLE leases (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  lease_id TEXT NOT NULL CHECK (length(lease_id) BETWEEN 1 AND 160),
  request_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  amount INTEGER NOT NULL CHECK (amount >= 1),
  settled INTEGER NOT NULL,
  usable_until_ms INTEGER NOT NULL CHECK (usable_until_ms >= 0),
  state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'written_off')),
  wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)),
  PRIMARY KEY (workstation_id, lease_id)
) STRICT;
CREATE INDEX leases_member ON leases (member_id, account) WHERE state = 'open';
CREATE INDEX leases_open ON leases (workstation_id, lease_id) WHERE state = 'open';
CREATE INDEX leases_event ON leases (workstation_id, epoch, seq);
CREATE INDEX leases_request ON leases (workstation_id, request_id) WHERE request_id <> '';
CREATE TABLE lease_closings (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  lease_id TEXT NOT NULL,
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  of_epoch TEXT NOT NULL,
  after_seq INTEGER NOT NULL CHECK (after_seq >= 0),
  honoured INTEGER NOT NULL DEFAULT 0 CHECK (honoured IN (0, 1)),
  PRIMARY KEY (workstation_id, epoch, seq, lease_id)
) STRICT;
CREATE INDEX lease_closings_lease ON lease_closings (workstation_id, lease_id);
CREATE INDEX lease_closings_wait ON lease_closings (workstation_id) WHERE honoured = 0;
CREATE TABLE lease_epochs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  number INTEGER NOT NULL CHECK (number >= 1),
  epoch TEXT NOT NULL,
  PRIMARY KEY (workstation_id, epoch),
  UNIQUE (workstation_id, number)
) STRICT;
CREATE TABLE write_offs (
  workstation_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  settled INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, lease_id)
) STRICT;
"""


def leases(db: Database) -> None:
    """Lots, leases, their closings, write-offs; postings say lot and lease. What was earned before joins one lot."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
