"""HQ's table of what each workstation has tried within the hour: phone numbers, wrong PINs.

A forward-only migration, registered by sync.hq.schema; PostgreSQL's is in sync.hq.db.schema_lookups. Written by
sync.hq.hourly only. It holds no number and no member.
"""

from sqlite_utils.db import Database

_HOURLY_ASKS = """
CREATE TABLE hourly_asks (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  what TEXT NOT NULL CHECK (what IN ('phone', 'pin', 'sms')),
  hour INTEGER NOT NULL,
  spent INTEGER NOT NULL CHECK (spent >= 0),
  PRIMARY KEY (workstation_id, what)
) STRICT
"""


def hourly_asks(db: Database) -> None:
    """What is spent of an hour, by workstation."""
    db.execute(_HOURLY_ASKS)
