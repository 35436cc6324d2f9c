"""PostgreSQL: redemptions of members. The tables of sync.hq.schema_redemptions.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

REDEMPTIONS: Final = """
ALTER TABLE members ADD COLUMN points_spent_at_ms bigint NOT NULL DEFAULT 0 CHECK (points_spent_at_ms >= 0);
ALTER TABLE members ADD COLUMN coupon_used_at_ms bigint NOT NULL DEFAULT 0 CHECK (coupon_used_at_ms >= 0);
CREATE TABLE redemptions (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL CHECK (account IN ('points', 'coupon')),
  at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, member_id, account)
);
CREATE INDEX redemptions_member ON redemptions (member_id, account, at_ms);
"""
