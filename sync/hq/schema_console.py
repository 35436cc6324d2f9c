"""HQ's tables of its console: who signs in, what they did and why, how every store stands, members to be forgotten.

A forward-only migration, registered by sync.hq.schema; PostgreSQL's is sync.hq.db.schema_console. Written by
sync.hq.console only. Decisions lie beside the books and change no row of theirs.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE console_users (
  name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  password TEXT NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  locked_until_ms INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE console_sessions (
  token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
  name TEXT NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX console_sessions_name ON console_sessions (name);
CREATE TABLE console_log (
  number INTEGER PRIMARY KEY CHECK (number >= 1),
  at_ms INTEGER NOT NULL,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  act TEXT NOT NULL CHECK (length(act) BETWEEN 1 AND 64),
  object TEXT NOT NULL CHECK (length(object) <= 500),
  why TEXT NOT NULL CHECK (length(why) <= 200),
  detail TEXT NOT NULL
) STRICT;
CREATE TABLE decisions (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  what TEXT NOT NULL CHECK (what IN ('discrepancy', 'difference', 'suspended', 'fork')),
  epoch TEXT NOT NULL,
  key TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('explained', 'released', 'kept', 'first', 'other')),
  covers TEXT NOT NULL,
  name TEXT NOT NULL,
  why TEXT NOT NULL CHECK (length(why) BETWEEN 1 AND 200),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, what, epoch, key)
) STRICT;
CREATE TABLE store_standings (
  store_id TEXT PRIMARY KEY,
  brand_id TEXT NOT NULL,
  store_name TEXT NOT NULL,
  stations INTEGER NOT NULL,
  level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 3),
  trouble INTEGER NOT NULL CHECK (trouble >= 0),
  proof_ms INTEGER NOT NULL,
  proof TEXT NOT NULL CHECK (proof IN ('equal', 'different', 'none')),
  silent INTEGER NOT NULL,
  waiting INTEGER NOT NULL,
  suspended INTEGER NOT NULL,
  forks INTEGER NOT NULL,
  discrepancies INTEGER NOT NULL,
  differences INTEGER NOT NULL,
  leases INTEGER NOT NULL,
  stranded INTEGER NOT NULL,
  risk_fen INTEGER NOT NULL,
  risk_points INTEGER NOT NULL
) STRICT;
CREATE INDEX store_standings_trouble ON store_standings (trouble DESC, store_id);
CREATE INDEX store_standings_brand ON store_standings (brand_id, trouble DESC, store_id);
CREATE INDEX store_standings_level ON store_standings (brand_id, level);
CREATE TABLE erasure_requests (
  request_id TEXT PRIMARY KEY CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  member_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('asked', 'refused', 'erased')),
  why TEXT NOT NULL CHECK (length(why) BETWEEN 1 AND 200),
  asked_by TEXT NOT NULL,
  asked_at_ms INTEGER NOT NULL,
  decided_by TEXT NOT NULL DEFAULT '' CHECK (decided_by <> asked_by OR state = 'refused'),
  decided_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX erasure_requests_open ON erasure_requests (member_id) WHERE state = 'asked';
CREATE INDEX workstations_store ON workstations (store_id);
CREATE INDEX proofs_latest ON proofs (workstation_id, at_ms);
CREATE INDEX discrepancies_open ON discrepancies (workstation_id) WHERE state = 'open';
CREATE INDEX members_frozen ON members (brand_id, member_id) WHERE frozen = 1;
CREATE INDEX accounts_pending ON accounts (member_id) WHERE account = 'points_pending' AND balance <> 0;
CREATE INDEX postings_pending ON postings (workstation_id, member_id) WHERE account = 'points_pending';
CREATE INDEX claim_joins_latest ON claim_joins (brand_id, at_ms);
"""


_READS = "CREATE INDEX console_log_act ON console_log (act, at_ms)"


def reads(db: Database) -> None:
    """An index of acts: reads in the clear are counted at each."""
    db.execute(_READS)


def console(db: Database) -> None:
    """Users, sessions and log of the console, decisions, standings of stores, erasures; indexes for what it shows."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
