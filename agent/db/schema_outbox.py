"""Forward-only migration of books.db, registered by agent.db.schema: what waits is found without what is settled.

The outbox grows by every sale for ever; only its open rows are ever looked for.
"""

from sqlite_utils import Database

_STATEMENTS = (
    "DROP INDEX outbox_by_state",
    "CREATE INDEX outbox_waiting ON outbox (epoch, seq) WHERE state = 'pending'",
    "CREATE INDEX outbox_odd ON outbox (state, epoch, seq) WHERE state IN ('suspended', 'conflict')",
)


def open_outbox(database: Database) -> None:
    """Index the rows that wait, and those that HQ refused; settled rows cost a sale nothing."""
    for statement in _STATEMENTS:
        database.execute(statement)
