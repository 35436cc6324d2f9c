"""Forward-only migration of books.db, registered by agent.db.schema: who read personal data in the clear (S55, S59).

Rows are kept: an authorisation log is shown to an auditor for two years.
"""

from sqlite_utils import Database

_STATEMENTS = """
CREATE TABLE access_log (
  number INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  member_id TEXT NOT NULL CHECK (length(member_id) <= 64),
  field TEXT NOT NULL CHECK (field IN ('birthday')),
  operator TEXT NOT NULL CHECK (length(operator) BETWEEN 1 AND 200),
  app TEXT NOT NULL CHECK (length(app) <= 200),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  allowed INTEGER NOT NULL CHECK (allowed IN (0, 1))
) STRICT;

CREATE INDEX access_log_by_time ON access_log (at_ms);

CREATE TRIGGER access_log_is_fact BEFORE UPDATE ON access_log
BEGIN SELECT RAISE(ABORT, 'the access log is never edited'); END"""


def access(database: Database) -> None:
    """Reads of sensitive fields in the clear, refused ones too."""
    for statement in _STATEMENTS.split(";\n\n"):
        database.execute(statement)
