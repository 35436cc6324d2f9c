"""Forward-only migration of books.db, registered by agent.db.schema: quotes whose rights are promised."""

from sqlite_utils import Database

_TABLE = """
CREATE TABLE held_quotes (
  quote_id TEXT PRIMARY KEY CHECK (length(quote_id) BETWEEN 1 AND 64),
  until_ms INTEGER NOT NULL,
  row_sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID"""


def held_quotes(database: Database) -> None:
    """Quotes that survive a restart, as long as their leases are held."""
    database.execute(_TABLE)
