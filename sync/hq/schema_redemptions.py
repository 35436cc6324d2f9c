"""HQ's tables of redemptions: when members last redeemed, anywhere, and each redemption at a till (S32).

A forward-only migration, registered by sync.hq.schema. Written by sync.hq.cooldown only, where a brand's rules have a
cool-down.
"""

from sqlite_utils.db import Database

_SCRIPT = """
ALTER TABLE members ADD COLUMN points_spent_at_ms INTEGER NOT NULL DEFAULT 0 CHECK (points_spent_at_ms >= 0);
ALTER TABLE members ADD COLUMN coupon_used_at_ms INTEGER NOT NULL DEFAULT 0 CHECK (coupon_used_at_ms >= 0);
CREATE TABLE redemptions (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL CHECK (account IN ('points', 'coupon')),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, member_id, account)
) STRICT;
CREATE INDEX redemptions_member ON redemptions (member_id, account, at_ms);
"""


def redemptions(db: Database) -> None:
    """When members redeemed."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
