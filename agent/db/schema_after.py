"""Forward-only migration of books.db, registered by agent.db.schema: what was booked after a sale, found by the sale.

Every return, cancellation and use names in `subject` what it is about; lines of a sale are sold or given back.
"""

from sqlite_utils import Database

_STATEMENTS = """
CREATE INDEX events_by_subject ON events (json_extract(body, '$.subject'))
  WHERE json_extract(body, '$.subject') IS NOT NULL"""


def after_sales(database: Database) -> None:
    """Find events by what they are about."""
    for statement in _STATEMENTS.split(";\n\n"):
        database.execute(statement)
