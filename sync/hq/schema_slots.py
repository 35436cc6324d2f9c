"""HQ's tables of slots that members may reserve, and of their reservations (S11).

A forward-only migration, registered by sync.hq.schema.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE slots (
  brand_id TEXT NOT NULL REFERENCES brands,
  slot_id TEXT NOT NULL CHECK (length(slot_id) BETWEEN 1 AND 64),
  store_id TEXT NOT NULL REFERENCES stores,
  service TEXT NOT NULL CHECK (length(service) BETWEEN 1 AND 200),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  starts_ms INTEGER NOT NULL,
  minutes INTEGER NOT NULL CHECK (minutes >= 1),
  capacity INTEGER NOT NULL CHECK (capacity >= 1),
  is_off INTEGER NOT NULL CHECK (is_off IN (0, 1)),
  taken INTEGER NOT NULL CHECK (taken BETWEEN 0 AND capacity),
  PRIMARY KEY (brand_id, slot_id)
) STRICT;
CREATE INDEX slots_day ON slots (brand_id, business_day, starts_ms);
CREATE TABLE reservations (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  slot_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('held', 'waiting', 'cancelled')),
  priority INTEGER NOT NULL CHECK (priority >= 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;
CREATE INDEX reservations_slot ON reservations (brand_id, slot_id, state);
"""


def slots(db: Database) -> None:
    """Slots and reservations."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
