"""HQ's tables of proofs: postings beside their events, seals, discrepancies, where audits stand, tokens of readers.

A forward-only migration, registered by sync.hq.schema.
"""

from sqlite_utils.db import Database

_PROOF = """
CREATE TABLE postings (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL CHECK (position >= 0),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount BETWEEN -1000000000000 AND 1000000000000),
  PRIMARY KEY (workstation_id, epoch, seq, position)
) STRICT;
CREATE INDEX postings_member ON postings (member_id, account, amount);
INSERT INTO postings (workstation_id, epoch, seq, position, member_id, account, amount)
  SELECT e.workstation_id, e.epoch, e.seq, p.key, json_extract(p.value, '$.owner'), json_extract(p.value, '$.account'),
    json_extract(p.value, '$.amount')
  FROM events e JOIN chains c ON c.workstation_id = e.workstation_id AND c.epoch = e.epoch AND e.seq <= c.watermark,
    json_each(e.body, '$.postings') p WHERE e.state = 'ok';
CREATE INDEX transactions_event ON transactions (workstation_id, epoch, seq);
CREATE TABLE seals (
  place INTEGER PRIMARY KEY,
  place_signature BLOB NOT NULL CHECK (length(place_signature) = 64),
  number INTEGER NOT NULL CHECK (number >= 1),
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  first INTEGER NOT NULL CHECK (first >= 1),
  last INTEGER NOT NULL CHECK (last >= first),
  head BLOB NOT NULL CHECK (length(head) = 32),
  hour TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  totals TEXT NOT NULL,
  suspended BLOB NOT NULL CHECK (length(suspended) = 32),
  signature BLOB NOT NULL CHECK (length(signature) = 64),
  UNIQUE (workstation_id, epoch, last),
  UNIQUE (workstation_id, epoch, number)
) STRICT;
CREATE TABLE discrepancies (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  side TEXT NOT NULL CHECK (side IN ('store', 'hq', 'both')),
  place TEXT NOT NULL,
  epoch TEXT NOT NULL,
  key TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'explained')),
  PRIMARY KEY (workstation_id, side, place, epoch, key, code)
) STRICT;
CREATE TABLE audits (
  workstation_id TEXT NOT NULL,
  what TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  partial TEXT NOT NULL,
  PRIMARY KEY (workstation_id, what)
) STRICT;
CREATE TABLE reader_tokens (
  token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  created_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT;
"""


def proof(db: Database) -> None:
    """Postings beside their events, seals, discrepancies, where audits stand, tokens of HQ's own systems."""
    for statement in _PROOF.split(";\n"):
        if statement.strip():
            db.execute(statement)
