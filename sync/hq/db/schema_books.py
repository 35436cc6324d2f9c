"""PostgreSQL: events and what is folded from them, proofs and seals. The tables of sync.hq.schema.

Applied by sync.hq.db.migrations, which writes TEXT out. Events and postings grow for ever and have a table for each
month (sync.hq.db.partitions); an event's name is unique in event_names, which has none.
"""

from typing import Final

FLOOR: Final = """
CREATE TABLE pos_agent_floor (table_name TEXT PRIMARY KEY, below_ms bigint NOT NULL);
"""

EVENTS: Final = """
CREATE TABLE chains (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL CHECK (length(epoch) BETWEEN 1 AND 64),
  watermark bigint NOT NULL CHECK (watermark >= 0),
  head bytea NOT NULL CHECK (length(head) = 32),
  sent_head bytea NOT NULL CHECK (length(sent_head) = 32),
  first_received_at_ms bigint NOT NULL,
  recomputed bigint NOT NULL DEFAULT 0 CHECK (recomputed >= 0),
  PRIMARY KEY (workstation_id, epoch)
);
CREATE INDEX chains_behind ON chains (workstation_id, epoch) WHERE recomputed < watermark;
CREATE TABLE event_names (
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL CHECK (length(epoch) BETWEEN 1 AND 64),
  seq bigint NOT NULL CHECK (seq >= 1),
  digest bytea NOT NULL CHECK (length(digest) = 32),
  chain bytea NOT NULL CHECK (length(chain) = 32),
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq)
);
CREATE TABLE events (
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL CHECK (length(epoch) BETWEEN 1 AND 64),
  seq bigint NOT NULL CHECK (seq >= 1),
  body TEXT NOT NULL CHECK (octet_length(body) BETWEEN 2 AND 524288),
  digest bytea NOT NULL CHECK (length(digest) = 32),
  chain bytea NOT NULL CHECK (length(chain) = 32),
  state TEXT NOT NULL CHECK (state IN ('ok', 'suspended')),
  code TEXT NOT NULL CHECK ((state = 'ok') = (code = '')),
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, received_at_ms)
) PARTITION BY RANGE (received_at_ms);
CREATE INDEX events_suspended ON events (workstation_id, epoch, seq) WHERE state = 'suspended';
CREATE TABLE conflicts (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL,
  digest bytea NOT NULL CHECK (length(digest) = 32),
  body TEXT NOT NULL CHECK (octet_length(body) BETWEEN 2 AND 524288),
  chain bytea NOT NULL CHECK (length(chain) = 32),
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, digest)
);
CREATE TABLE transactions (
  brand_id TEXT NOT NULL REFERENCES brands,
  transaction_id TEXT NOT NULL,
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (brand_id, transaction_id)
);
CREATE INDEX transactions_event ON transactions (workstation_id, epoch, seq);
CREATE TABLE day_totals (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  business_day TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ok', 'suspended')),
  events bigint NOT NULL CHECK (events >= 0),
  payable_fen bigint NOT NULL,
  points bigint NOT NULL,
  PRIMARY KEY (workstation_id, epoch, business_day, state)
);
CREATE TABLE payers (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  payer_ref TEXT NOT NULL CHECK (length(payer_ref) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  pairs_sealed bytea NOT NULL,
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, payer_ref)
);
CREATE TABLE postings (
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL,
  position bigint NOT NULL CHECK (position >= 0),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL,
  amount bigint NOT NULL CHECK (amount BETWEEN -1000000000000 AND 1000000000000),
  bucket TEXT NOT NULL DEFAULT '' CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL DEFAULT '' CHECK (length(expires) IN (0, 10)),
  lease TEXT NOT NULL DEFAULT '' CHECK (length(lease) <= 160),
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, position, received_at_ms)
) PARTITION BY RANGE (received_at_ms);
CREATE INDEX postings_member ON postings (member_id, account, amount);
CREATE INDEX postings_lease ON postings (workstation_id, lease) WHERE lease <> '';
CREATE TABLE accounts (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  balance bigint NOT NULL,
  PRIMARY KEY (member_id, account)
);
"""

PROOFS: Final = """
CREATE TABLE proofs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  proof_no bigint NOT NULL CHECK (proof_no >= 1),
  at_ms bigint NOT NULL,
  asked_count bigint NOT NULL,
  asked_head bytea NOT NULL CHECK (length(asked_head) = 32),
  held_count bigint NOT NULL,
  held_head bytea NOT NULL CHECK (length(held_head) = 32),
  equal bigint NOT NULL CHECK (equal IN (0, 1)),
  suspended bigint NOT NULL CHECK (suspended >= 0),
  detail TEXT NOT NULL,
  signature bytea NOT NULL CHECK (length(signature) = 64),
  PRIMARY KEY (workstation_id, epoch, proof_no)
);
CREATE TABLE seals (
  place bigint NOT NULL CHECK (place >= 1),
  place_signature bytea NOT NULL CHECK (length(place_signature) = 64),
  number bigint NOT NULL CHECK (number >= 1),
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  first bigint NOT NULL CHECK (first >= 1),
  last bigint NOT NULL CHECK (last >= first),
  head bytea NOT NULL CHECK (length(head) = 32),
  hour TEXT NOT NULL,
  at_ms bigint NOT NULL,
  totals TEXT NOT NULL,
  suspended bytea NOT NULL CHECK (length(suspended) = 32),
  signature bytea NOT NULL CHECK (length(signature) = 64),
  PRIMARY KEY (workstation_id, place),
  UNIQUE (workstation_id, epoch, last),
  UNIQUE (workstation_id, epoch, number)
);
CREATE INDEX seals_place ON seals (place);
CREATE TABLE discrepancies (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  side TEXT NOT NULL CHECK (side IN ('store', 'hq', 'both')),
  place TEXT NOT NULL,
  epoch TEXT NOT NULL,
  key TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  first_seen_ms bigint NOT NULL,
  last_seen_ms bigint NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'explained')),
  PRIMARY KEY (workstation_id, side, place, epoch, key, code)
);
CREATE TABLE audits (
  workstation_id TEXT NOT NULL,
  what TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  partial TEXT NOT NULL,
  PRIMARY KEY (workstation_id, what)
);
CREATE TABLE recomputations (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  detail TEXT NOT NULL,
  at_ms bigint NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, code)
);
"""
