"""HQ's tables of recomputation: how far events were reckoned again, and what differed.

A forward-only migration, registered by sync.hq.schema. Written by sync.hq.recompute only.
"""

from sqlite_utils.db import Database

_SCRIPT = """
ALTER TABLE chains ADD COLUMN recomputed INTEGER NOT NULL DEFAULT 0 CHECK (recomputed >= 0);
CREATE INDEX chains_behind ON chains (workstation_id, epoch) WHERE recomputed < watermark;
CREATE TABLE recomputations (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  detail TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, code)
) STRICT;
"""


def recomputations(db: Database) -> None:
    """Differences of events from what HQ reckons, one row a code; chains know how far that has come."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
