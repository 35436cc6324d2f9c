"""HQ's tables of members' PINs, of codes sent to their phones, and of how often one was wrong.

Forward-only migrations, registered by sync.hq.schema; PostgreSQL's are in sync.hq.db.schema_lookups. Written by
sync.hq.member_pins, sms_codes and sms_gateways; a row of a member goes with their erasure.
"""

from sqlite_utils.db import Database

_MEMBER_PINS = """
CREATE TABLE member_pins (
  member_id TEXT PRIMARY KEY REFERENCES members,
  pin_sealed BLOB NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  locked_until_ms INTEGER NOT NULL DEFAULT 0,
  set_at_ms INTEGER NOT NULL
) STRICT
"""


def member_pins(db: Database) -> None:
    """Salt and scrypt of each PIN, sealed; wrong tries in a row, and until when no more are taken."""
    db.execute(_MEMBER_PINS)


_SMS = """
CREATE TABLE sms_gateways (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 200),
  key_sealed BLOB NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE sms_codes (
  member_id TEXT PRIMARY KEY REFERENCES members,
  workstation_id TEXT NOT NULL REFERENCES workstations,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  code_sealed BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('unsure', 'sent', 'dead')),
  tries INTEGER NOT NULL CHECK (tries >= 0),
  at_ms INTEGER NOT NULL,
  day TEXT NOT NULL CHECK (length(day) = 10),
  of_day INTEGER NOT NULL CHECK (of_day >= 1)
) STRICT;
"""


def sms(db: Database) -> None:
    """Each brand's way to send messages, and the one code a member may have."""
    for statement in _SMS.split(";\n"):
        if statement.strip():
            db.execute(statement)
