"""PostgreSQL: what workstations have tried within the hour, PINs. Tables of sync.hq.schema_lookups and schema_pins.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

HOURLY_ASKS: Final = """
CREATE TABLE hourly_asks (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  what TEXT NOT NULL CHECK (what IN ('phone', 'pin', 'sms')),
  hour bigint NOT NULL,
  spent bigint NOT NULL CHECK (spent >= 0),
  PRIMARY KEY (workstation_id, what)
);
"""

MEMBER_PINS: Final = """
CREATE TABLE member_pins (
  member_id TEXT PRIMARY KEY REFERENCES members,
  pin_sealed bytea NOT NULL,
  failures bigint NOT NULL DEFAULT 0 CHECK (failures >= 0),
  locked_until_ms bigint NOT NULL DEFAULT 0,
  set_at_ms bigint NOT NULL
);
"""

SMS: Final = """
CREATE TABLE sms_gateways (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 200),
  key_sealed bytea NOT NULL,
  at_ms bigint NOT NULL
);
CREATE TABLE sms_codes (
  member_id TEXT PRIMARY KEY REFERENCES members,
  workstation_id TEXT NOT NULL REFERENCES workstations,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  code_sealed bytea NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('unsure', 'sent', 'dead')),
  tries bigint NOT NULL CHECK (tries >= 0),
  at_ms bigint NOT NULL,
  day TEXT NOT NULL CHECK (length(day) = 10),
  of_day bigint NOT NULL CHECK (of_day >= 1)
);
"""
