"""Forward-only migration of books.db, registered by agent.db.schema: leases, their holds, lots of postings.

A lease follows from the events that open, spend and close it; only `wanted` and `touched_at_ms`, which decide when an
idle one is closed, do not.
"""

from sqlite_utils import Database

_STATEMENTS = """
ALTER TABLE postings ADD COLUMN bucket TEXT NOT NULL DEFAULT '';

ALTER TABLE postings ADD COLUMN expires TEXT NOT NULL DEFAULT '';

ALTER TABLE postings ADD COLUMN lease TEXT NOT NULL DEFAULT '';

CREATE INDEX postings_by_lease ON postings (lease) WHERE lease <> '';

CREATE TABLE leases (
  lease_id TEXT PRIMARY KEY CHECK (length(lease_id) BETWEEN 1 AND 160),
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  account TEXT NOT NULL,
  owner TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 1),
  bucket TEXT NOT NULL,
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  usable_until_ms INTEGER NOT NULL CHECK (usable_until_ms >= 0),
  remaining INTEGER NOT NULL CHECK (remaining BETWEEN 0 AND amount),
  closed_epoch TEXT,
  closed_seq INTEGER,
  wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)),
  touched_at_ms INTEGER NOT NULL,
  FOREIGN KEY (epoch, seq) REFERENCES events,
  FOREIGN KEY (closed_epoch, closed_seq) REFERENCES events,
  CHECK ((closed_epoch IS NULL) = (closed_seq IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX leases_by_owner ON leases (owner, account) WHERE closed_seq IS NULL;

CREATE INDEX leases_open ON leases (epoch, touched_at_ms) WHERE closed_seq IS NULL;

CREATE INDEX leases_by_event ON leases (epoch, seq);

CREATE INDEX leases_by_closing ON leases (closed_epoch, closed_seq) WHERE closed_seq IS NOT NULL;

CREATE TABLE lease_holds (
  hold_id TEXT NOT NULL CHECK (length(hold_id) BETWEEN 1 AND 64),
  lease_id TEXT NOT NULL REFERENCES leases,
  amount INTEGER NOT NULL CHECK (amount >= 1),
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (hold_id, lease_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX lease_holds_by_lease ON lease_holds (lease_id, until_ms)"""


def leases(database: Database) -> None:
    """Leases and their holds; postings say lot, expiry and lease."""
    for statement in _STATEMENTS.split(";\n\n"):
        database.execute(statement)
