"""Forward-only migration of books.db, registered by agent.db.schema: who may sign in, what a token may do, who
opened the drawer.

A session of a page is a token too; it ends with the machine's run or after `until_boot_ms` of its life, so that nothing
depends on the wall clock.
"""

from sqlite_utils import Database

_STATEMENTS = """
CREATE TABLE operators (
  operator TEXT PRIMARY KEY CHECK (length(operator) BETWEEN 1 AND 32),
  name TEXT NOT NULL CHECK (length(name) <= 200),
  role TEXT NOT NULL CHECK (role IN ('cashier', 'manager')),
  pin_sealed BLOB NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE api_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT 'drawer print sell';

ALTER TABLE api_tokens ADD COLUMN operator TEXT NOT NULL DEFAULT '';

ALTER TABLE api_tokens ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';

ALTER TABLE api_tokens ADD COLUMN until_boot_ms INTEGER;

CREATE TABLE drawer_openings (
  job_id TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  operator TEXT NOT NULL CHECK (length(operator) BETWEEN 1 AND 200),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  app TEXT NOT NULL CHECK (length(app) <= 200)
) STRICT, WITHOUT ROWID"""


def people(database: Database) -> None:
    """Operators with their PINs, scopes of tokens, who opened the drawer."""
    for statement in _STATEMENTS.split(";\n\n"):
        database.execute(statement)
