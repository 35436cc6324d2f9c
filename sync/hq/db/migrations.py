"""Forward-only migrations of PostgreSQL: each once, in order, recorded, by one process at a time.

Called by sync.hq.db.pool with the first connection. A database that knows a step which this program does not is newer
and is refused. A change of sync.hq.schema needs a step here; tests/contract/test_hq_schema.py compares the two.
"""

from dataclasses import dataclass
from typing import Final

from agent.domain.errors import StorageError
from sync.hq.db import (
    schema_books,
    schema_console,
    schema_gifts,
    schema_identity,
    schema_joint,
    schema_lookups,
    schema_members,
    schema_people,
    schema_play,
    schema_redemptions,
    schema_rights,
    schema_slots,
    schema_wechat,
    views,
)
from sync.hq.db.postgres import PgConnection

_LOCK: Final = "migrations"
_RECORD: Final = """
CREATE TABLE IF NOT EXISTS pos_agent_migrations (
  name text PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
)"""


@dataclass(frozen=True, slots=True)
class Step:
    """One migration; `script` is run in one transaction. TEXT is a text ordered by its bytes, as in SQLite."""

    name: str
    script: str


STEPS: Final = (
    Step(
        "p001_first",
        schema_people.ORGANISATION
        + schema_people.CATALOGUE
        + schema_people.MEMBERS
        + schema_books.FLOOR
        + schema_books.EVENTS
        + schema_books.PROOFS
        + schema_rights.LOTS
        + schema_rights.CLAIMS
        + schema_rights.RESTORED,
    ),
    Step("p002_wechat", schema_wechat.WECHAT),
    Step("p003_members", schema_members.FACTS + schema_members.OWN + schema_members.OUTSIDE + views.VIEWS),
    Step("p004_console", schema_console.CONSOLE),
    Step("p005_decisions", schema_wechat.DECISIONS),
    Step("p006_cycle", schema_members.COUPON_USES + views.CYCLE),
    Step("p007_reads", schema_console.READS),
    Step("p008_gaps", schema_rights.GAPS),
    Step("p009_redemptions", schema_redemptions.REDEMPTIONS),
    Step("p010_asks", schema_lookups.HOURLY_ASKS),
    Step("p011_pins", schema_lookups.MEMBER_PINS),
    Step("p012_play", schema_play.PLAY),
    Step("p013_gifts", schema_gifts.GIFTS + views.GIFTS),
    Step("p014_slots", schema_slots.SLOTS),
    Step("p015_joint", schema_joint.JOINT),
    Step("p016_identity", schema_identity.IDENTITY),
    Step("p017_sms", schema_lookups.SMS),
)


def migrate(connection: PgConnection, steps: tuple[Step, ...] = STEPS) -> None:
    """Apply what is pending; StorageError when the database is newer than this program."""
    with connection.transaction():
        connection.hold(_LOCK)
        connection.script(_RECORD)
        applied = {row["name"] for row in connection.execute("SELECT name FROM pos_agent_migrations")}
        unknown = sorted(applied - {step.name for step in steps})
        if unknown:
            raise StorageError(
                f"the database was written by a newer pos-agent ({', '.join(unknown)})",
                hint="install that version again",
            )
        connection.script("SET LOCAL statement_timeout = 0")
        for step in steps:
            if step.name not in applied:
                connection.script(written_out(step.script))
                connection.execute("INSERT INTO pos_agent_migrations (name) VALUES (:name)", {"name": step.name})


def written_out(script: str) -> str:
    """Write TEXT as PostgreSQL knows it.

    >>> written_out("name TEXT NOT NULL")
    'name text COLLATE "C" NOT NULL'
    """
    return script.replace(" TEXT", ' text COLLATE "C"')
