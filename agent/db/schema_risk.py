"""Forward-only migration of books.db, registered by agent.db.schema: members frozen here, and what the clock was told.

A freeze is written by the transaction of the event that caused it; who lifted it and why stays beside it.
"""

from sqlite_utils import Database

_STATEMENTS = """
CREATE TABLE freezes (
  number INTEGER PRIMARY KEY,
  member_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  points INTEGER NOT NULL CHECK (points >= 1),
  lifted_at_ms INTEGER,
  lifted_by TEXT NOT NULL DEFAULT '' CHECK (length(lifted_by) <= 200),
  why TEXT NOT NULL DEFAULT '' CHECK (length(why) <= 200),
  UNIQUE (epoch, seq, member_id),
  FOREIGN KEY (epoch, seq) REFERENCES events,
  CHECK ((lifted_at_ms IS NULL) = (lifted_by = ''))
) STRICT;

CREATE INDEX freezes_standing ON freezes (member_id) WHERE lifted_at_ms IS NULL;

CREATE INDEX postings_pending ON postings (epoch, seq) WHERE account = 'points_pending';

CREATE TABLE clock_mark (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  true_ms INTEGER NOT NULL,
  boot_id TEXT NOT NULL CHECK (length(boot_id) <= 64),
  boot_ms INTEGER NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('hq', 'manager')),
  told_by TEXT NOT NULL CHECK (length(told_by) <= 200)
) STRICT"""


def risk(database: Database) -> None:
    """Freezes of members, and the moment HQ or the manager last said what time it is."""
    for statement in _STATEMENTS.split(";\n\n"):
        database.execute(statement)
