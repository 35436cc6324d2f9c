"""HQ's tables of having been restored from a copy: grants it made, workstations that have told theirs, feed numbers.

Forward-only migrations, registered by sync.hq.schema. Written by sync.hq.restored and sync.hq.feed_gaps only.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE grants_made (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL CHECK (number >= 0)
) STRICT;
INSERT INTO grants_made (id, number) VALUES (1, 0);
CREATE TABLE restorations (
  restoration_id TEXT NOT NULL CHECK (length(restoration_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  done_at_ms INTEGER,
  PRIMARY KEY (restoration_id, brand_id)
) STRICT;
CREATE INDEX restorations_open ON restorations (brand_id) WHERE done_at_ms IS NULL;
CREATE TABLE restoration_answers (
  restoration_id TEXT NOT NULL,
  workstation_id TEXT NOT NULL REFERENCES workstations,
  how TEXT NOT NULL CHECK (how IN ('reported', 'written_off')),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (restoration_id, workstation_id)
) STRICT;
"""


_GAPS = """
CREATE TABLE feed_gaps (
  brand_id TEXT NOT NULL REFERENCES brands,
  feed TEXT NOT NULL CHECK (length(feed) BETWEEN 1 AND 32),
  from_no INTEGER NOT NULL CHECK (from_no >= 0),
  to_no INTEGER NOT NULL CHECK (to_no > from_no),
  PRIMARY KEY (brand_id, feed, from_no)
) STRICT;
"""


def feed_gaps(db: Database) -> None:
    """Feed numbers that were leapt over, for tills may have read them of an HQ that knew more."""
    for statement in _GAPS.split(";\n"):
        if statement.strip():
            db.execute(statement)


def restorations(db: Database) -> None:
    """Grants by number, restorations by brand, and who has answered to them."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
