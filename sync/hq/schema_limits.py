"""HQ's table of what limits count: points earned, recharges and redemptions of members, at all workstations.

A forward-only migration, registered by sync.hq.schema. Written by sync.hq.limits_audit only.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE limit_moves (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  member_id TEXT NOT NULL REFERENCES members,
  what TEXT NOT NULL CHECK (what IN ('earned', 'recharged', 'redeemed')),
  at_ms INTEGER NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  amount INTEGER NOT NULL CHECK (amount >= 1),
  PRIMARY KEY (workstation_id, epoch, seq, member_id, what)
) STRICT;
CREATE INDEX limit_moves_member ON limit_moves (member_id, what, at_ms);
CREATE INDEX limit_moves_day ON limit_moves (member_id, business_day) WHERE what = 'recharged';
"""


def limits(db: Database) -> None:
    """What members earned, recharged and redeemed, event by event, by member and time."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
