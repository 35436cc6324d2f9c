"""Forward-only migration of books.db, registered by agent.db.schema: who switched training on and off (S40).

Kept in the till's own books in both modes. `begun_at_ms` is set once the till opened the books that were asked for.
"""

from sqlite_utils import Database

_TABLE = """
CREATE TABLE mode_changes (
  number INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  training INTEGER NOT NULL CHECK (training IN (0, 1)),
  operator TEXT NOT NULL CHECK (length(operator) BETWEEN 1 AND 200),
  app TEXT NOT NULL CHECK (length(app) <= 200),
  begun_at_ms INTEGER
) STRICT"""


def modes(database: Database) -> None:
    """Changes of the mode, asked for and begun."""
    database.execute(_TABLE)
