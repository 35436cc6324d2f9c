"""HQ's first tables: brands, stores and workstations, the feeds stores pull, the books of what stores send.

A forward-only migration, registered by sync.hq.schema.
"""

from sqlite_utils.db import Database

_ORGANISATION = """
CREATE TABLE hq_identity (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  public_key BLOB NOT NULL CHECK (length(public_key) = 32)
) STRICT;
CREATE TABLE brands (
  brand_id TEXT PRIMARY KEY CHECK (length(brand_id) BETWEEN 1 AND 32),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  join_url TEXT NOT NULL CHECK (length(join_url) <= 200),
  index_key_sealed BLOB NOT NULL,
  index_key_version INTEGER NOT NULL CHECK (index_key_version >= 1),
  created_at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE stores (
  store_id TEXT PRIMARY KEY CHECK (length(store_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200)
) STRICT;
CREATE TABLE workstations (
  workstation_id TEXT PRIMARY KEY CHECK (length(workstation_id) BETWEEN 1 AND 64),
  store_id TEXT NOT NULL REFERENCES stores,
  state TEXT NOT NULL CHECK (state IN ('new', 'enrolled', 'revoked')),
  public_key BLOB CHECK (length(public_key) = 32),
  code_hash BLOB UNIQUE CHECK (length(code_hash) = 32),
  code_expires_at_ms INTEGER,
  code_spent INTEGER NOT NULL DEFAULT 0 CHECK (code_spent IN (0, 1)),
  enrolled_at_ms INTEGER,
  CHECK (state <> 'enrolled' OR public_key IS NOT NULL)
) STRICT;
CREATE TABLE feed_counters (
  brand_id TEXT NOT NULL REFERENCES brands,
  feed TEXT NOT NULL CHECK (feed IN ('rules', 'items', 'merchants', 'members', 'identities')),
  last_no INTEGER NOT NULL CHECK (last_no >= 0),
  PRIMARY KEY (brand_id, feed)
) STRICT;
"""

_FEEDS = """
CREATE TABLE rule_sets (
  brand_id TEXT NOT NULL REFERENCES brands,
  version INTEGER NOT NULL CHECK (version >= 1),
  body TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, version)
) STRICT;
CREATE UNIQUE INDEX rule_sets_feed ON rule_sets (brand_id, feed_no);
CREATE TABLE items (
  brand_id TEXT NOT NULL REFERENCES brands,
  sku TEXT NOT NULL CHECK (length(sku) BETWEEN 1 AND 64),
  barcode TEXT NOT NULL CHECK (length(barcode) <= 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  list_fen INTEGER NOT NULL CHECK (list_fen BETWEEN 0 AND 1000000000),
  member_fen INTEGER CHECK (member_fen BETWEEN 0 AND 1000000000),
  promo_fen INTEGER CHECK (promo_fen BETWEEN 0 AND 1000000000),
  no_member_discount INTEGER NOT NULL CHECK (no_member_discount IN (0, 1)),
  earns INTEGER NOT NULL CHECK (earns IN (0, 1)),
  by_weight INTEGER NOT NULL CHECK (by_weight IN (0, 1)),
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, sku)
) STRICT;
CREATE UNIQUE INDEX items_feed ON items (brand_id, feed_no);
CREATE TABLE merchants (
  brand_id TEXT NOT NULL REFERENCES brands,
  mch_id TEXT NOT NULL CHECK (length(mch_id) BETWEEN 1 AND 32),
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) <= 32),
  store_id TEXT NOT NULL REFERENCES stores,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, mch_id, sub_mch_id, store_id)
) STRICT;
CREATE UNIQUE INDEX merchants_feed ON merchants (brand_id, feed_no);
CREATE TABLE members (
  member_id TEXT PRIMARY KEY CHECK (length(member_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  tier_id TEXT NOT NULL CHECK (length(tier_id) BETWEEN 1 AND 64),
  status TEXT NOT NULL CHECK (status IN ('active', 'deleted')),
  opening_points INTEGER NOT NULL CHECK (opening_points BETWEEN -1000000000 AND 1000000000),
  masked TEXT NOT NULL CHECK (length(masked) <= 64),
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1)
) STRICT;
CREATE UNIQUE INDEX members_feed ON members (brand_id, feed_no);
CREATE TABLE identities (
  brand_id TEXT NOT NULL REFERENCES brands,
  identity_index BLOB NOT NULL CHECK (length(identity_index) = 16),
  kind TEXT NOT NULL CHECK (kind IN ('code', 'wx', 'phone')),
  member_id TEXT NOT NULL REFERENCES members,
  value_sealed BLOB,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  feed_no INTEGER CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, identity_index),
  CHECK ((kind = 'phone') = (feed_no IS NULL)),
  CHECK (kind <> 'phone' OR value_sealed IS NULL)
) STRICT;
CREATE UNIQUE INDEX identities_feed ON identities (brand_id, feed_no);
CREATE INDEX identities_member ON identities (member_id);
"""

_BOOKS = """
CREATE TABLE accounts (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  balance INTEGER NOT NULL,
  PRIMARY KEY (member_id, account)
) STRICT;
CREATE TABLE chains (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL CHECK (length(epoch) BETWEEN 1 AND 64),
  watermark INTEGER NOT NULL CHECK (watermark >= 0),
  head BLOB NOT NULL CHECK (length(head) = 32),
  sent_head BLOB NOT NULL CHECK (length(sent_head) = 32),
  first_received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch)
) STRICT;
CREATE TABLE events (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL CHECK (length(epoch) BETWEEN 1 AND 64),
  seq INTEGER NOT NULL CHECK (seq >= 1),
  body TEXT NOT NULL CHECK (length(CAST(body AS BLOB)) BETWEEN 2 AND 524288),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  chain BLOB NOT NULL CHECK (length(chain) = 32),
  state TEXT NOT NULL CHECK (state IN ('ok', 'suspended')),
  code TEXT NOT NULL CHECK ((state = 'ok') = (code = '')),
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq)
) STRICT;
CREATE INDEX events_suspended ON events (workstation_id, epoch, seq) WHERE state = 'suspended';
CREATE TABLE conflicts (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  body TEXT NOT NULL CHECK (length(CAST(body AS BLOB)) BETWEEN 2 AND 524288),
  chain BLOB NOT NULL CHECK (length(chain) = 32),
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, digest)
) STRICT;
CREATE TABLE transactions (
  brand_id TEXT NOT NULL REFERENCES brands,
  transaction_id TEXT NOT NULL,
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (brand_id, transaction_id)
) STRICT;
CREATE TABLE day_totals (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  business_day TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('ok', 'suspended')),
  events INTEGER NOT NULL CHECK (events >= 0),
  payable_fen INTEGER NOT NULL,
  points INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch, business_day, state)
) STRICT;
CREATE TABLE payers (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  payer_ref TEXT NOT NULL CHECK (length(payer_ref) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  pairs_sealed BLOB NOT NULL,
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, payer_ref)
) STRICT;
CREATE TABLE proofs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  proof_no INTEGER NOT NULL CHECK (proof_no >= 1),
  at_ms INTEGER NOT NULL,
  asked_count INTEGER NOT NULL,
  asked_head BLOB NOT NULL CHECK (length(asked_head) = 32),
  held_count INTEGER NOT NULL,
  held_head BLOB NOT NULL CHECK (length(held_head) = 32),
  equal INTEGER NOT NULL CHECK (equal IN (0, 1)),
  suspended INTEGER NOT NULL CHECK (suspended >= 0),
  detail TEXT NOT NULL,
  signature BLOB NOT NULL CHECK (length(signature) = 64),
  PRIMARY KEY (workstation_id, epoch, proof_no)
) STRICT;
"""


def first(db: Database) -> None:
    """Everything HQ starts with."""
    for script in (_ORGANISATION, _FEEDS, _BOOKS):
        for statement in script.split(";\n"):
            if statement.strip():
                db.execute(statement)
