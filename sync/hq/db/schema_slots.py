"""PostgreSQL: slots and reservations. The tables of sync.hq.schema_slots.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

SLOTS: Final = """
CREATE TABLE slots (
  brand_id TEXT NOT NULL REFERENCES brands,
  slot_id TEXT NOT NULL CHECK (length(slot_id) BETWEEN 1 AND 64),
  store_id TEXT NOT NULL REFERENCES stores,
  service TEXT NOT NULL CHECK (length(service) BETWEEN 1 AND 200),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  starts_ms bigint NOT NULL,
  minutes bigint NOT NULL CHECK (minutes >= 1),
  capacity bigint NOT NULL CHECK (capacity >= 1),
  is_off bigint NOT NULL CHECK (is_off IN (0, 1)),
  taken bigint NOT NULL CHECK (taken BETWEEN 0 AND capacity),
  PRIMARY KEY (brand_id, slot_id)
);
CREATE INDEX slots_day ON slots (brand_id, business_day, starts_ms);
CREATE TABLE reservations (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  slot_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('held', 'waiting', 'cancelled')),
  priority bigint NOT NULL CHECK (priority >= 0),
  at_ms bigint NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
);
CREATE INDEX reservations_slot ON reservations (brand_id, slot_id, state);
"""
