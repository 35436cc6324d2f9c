"""Forward-only migrations of books.db: the schema is what these steps, in order, make of an empty file.

Run by agent.sqlite.open_database, each in its own transaction after a backup. A step that was released never changes.
No personal data in the clear: identities are keyed indexes or sealed fields from the first step on (R19).
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from agent.db.schema_access import access
from agent.db.schema_after import after_sales
from agent.db.schema_leases import leases
from agent.db.schema_modes import modes
from agent.db.schema_outbox import open_outbox
from agent.db.schema_people import people
from agent.db.schema_quotes import held_quotes
from agent.db.schema_replica import replica_migrations
from agent.db.schema_risk import risk

__all__ = ["books_migrations", "replica_migrations"]

books_migrations = Migrations("books")


def _script(database: Database, statements: str) -> None:
    # ORDER: statement by statement, because executescript() would commit the migration's own transaction.
    for statement in statements.split(";\n\n"):
        database.execute(statement)


@books_migrations()
def m001_books(database: Database) -> None:
    """Events, their postings, outbox, idempotency, used-up secrets, payers."""
    _script(
        database,
        """
CREATE TABLE epochs (
  epoch TEXT PRIMARY KEY CHECK (length(epoch) BETWEEN 8 AND 64),
  number INTEGER NOT NULL UNIQUE CHECK (number >= 1),
  created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
  epoch TEXT NOT NULL REFERENCES epochs,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  body TEXT NOT NULL CHECK (json_valid(body)),
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  chain BLOB NOT NULL CHECK (length(chain) = 32),
  kind TEXT NOT NULL GENERATED ALWAYS AS (json_extract(body, '$.kind')) STORED,
  at_ms INTEGER NOT NULL GENERATED ALWAYS AS (json_extract(body, '$.at_ms')) STORED,
  business_day TEXT NOT NULL GENERATED ALWAYS AS (json_extract(body, '$.business_day')) STORED,
  PRIMARY KEY (epoch, seq)
) STRICT;

CREATE INDEX events_by_day ON events (business_day, kind);

CREATE TRIGGER events_are_facts BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never edited'); END;

CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TABLE postings (
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL CHECK (position >= 0),
  account TEXT NOT NULL,
  owner TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount BETWEEN -1000000000000 AND 1000000000000),
  PRIMARY KEY (epoch, seq, position),
  FOREIGN KEY (epoch, seq) REFERENCES events
) STRICT, WITHOUT ROWID;

CREATE INDEX postings_by_owner ON postings (account, owner);

CREATE VIEW sale_lines AS
  SELECT e.epoch, e.seq, e.business_day, json_extract(l.value, '$.line') AS line, json_extract(l.value, '$.sku') AS sku,
         json_extract(l.value, '$.qty') AS qty, json_extract(l.value, '$.list_fen') AS list_fen,
         json_extract(l.value, '$.paid_fen') AS paid_fen, json_extract(l.value, '$.source') AS source
  FROM events e, json_each(e.body, '$.lines') l;

CREATE VIEW sale_tenders AS
  SELECT e.epoch, e.seq, e.business_day, json_extract(t.value, '$.type') AS type,
         json_extract(t.value, '$.amount_fen') AS amount_fen,
         json_extract(t.value, '$.transaction_id') AS transaction_id
  FROM events e, json_each(e.body, '$.tenders') t;

CREATE TABLE outbox (
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'acknowledged', 'suspended', 'conflict')),
  code TEXT NOT NULL DEFAULT '',
  settled_at_ms INTEGER,
  PRIMARY KEY (epoch, seq),
  FOREIGN KEY (epoch, seq) REFERENCES events
) STRICT, WITHOUT ROWID;

CREATE INDEX outbox_by_state ON outbox (state, epoch, seq);

CREATE TABLE requests (
  kind TEXT NOT NULL,
  caller_id TEXT NOT NULL CHECK (length(caller_id) BETWEEN 1 AND 64),
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  request TEXT NOT NULL,
  answer_sealed BLOB NOT NULL,
  PRIMARY KEY (kind, caller_id),
  FOREIGN KEY (epoch, seq) REFERENCES events
) STRICT, WITHOUT ROWID;

CREATE TABLE used_transactions (
  transaction_id TEXT PRIMARY KEY,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE used_nonces (
  nonce TEXT PRIMARY KEY,
  used_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE payers (
  payer_ref TEXT PRIMARY KEY,
  brand_id TEXT NOT NULL,
  pairs_sealed BLOB NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE payer_identities (
  identity_index BLOB PRIMARY KEY CHECK (length(identity_index) = 16),
  payer_ref TEXT NOT NULL REFERENCES payers ON DELETE CASCADE
) STRICT, WITHOUT ROWID""",
    )


@books_migrations()
def m002_print_ledger(database: Database) -> None:
    """Print jobs (documents sealed: they carry claims), the event stream, proofs, API tokens."""
    _script(
        database,
        """
CREATE TABLE print_jobs (
  number INTEGER PRIMARY KEY,
  job_id TEXT NOT NULL UNIQUE,
  printer TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('receipt', 'join_prompt', 'drawer', 'test')),
  document_sealed BLOB,
  state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'confirmed', 'unconfirmed', 'expired', 'failed')),
  note TEXT NOT NULL DEFAULT '',
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  reprint_of TEXT,
  epoch TEXT,
  seq INTEGER,
  FOREIGN KEY (epoch, seq) REFERENCES events
) STRICT;

CREATE INDEX print_jobs_waiting ON print_jobs (printer, state, number);

CREATE TABLE notices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  data TEXT NOT NULL CHECK (json_valid(data))
) STRICT;

CREATE TABLE proofs (
  number INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  trigger TEXT NOT NULL,
  epoch TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count >= 0),
  head TEXT NOT NULL,
  result TEXT NOT NULL CHECK (result IN ('equal', 'healed', 'explained', 'different', 'unreachable')),
  detail TEXT NOT NULL CHECK (json_valid(detail))
) STRICT;

CREATE TABLE api_tokens (
  token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
  app TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT, WITHOUT ROWID""",
    )


@books_migrations()
def m003_proof(database: Database) -> None:
    """Seals of HQ, discrepancies for a person, where the rolling audit stands."""
    _script(
        database,
        """
CREATE TABLE seals (
  epoch TEXT NOT NULL REFERENCES epochs,
  last INTEGER NOT NULL CHECK (last >= 1),
  first INTEGER NOT NULL CHECK (first BETWEEN 1 AND last),
  seal TEXT NOT NULL CHECK (json_valid(seal)),
  PRIMARY KEY (epoch, last)
) STRICT, WITHOUT ROWID;

CREATE TABLE discrepancies (
  number INTEGER PRIMARY KEY,
  side TEXT NOT NULL CHECK (side IN ('store', 'hq', 'both')),
  place TEXT NOT NULL,
  epoch TEXT NOT NULL,
  key TEXT NOT NULL,
  code TEXT NOT NULL,
  detail TEXT NOT NULL,
  seq INTEGER,
  sale_id TEXT NOT NULL DEFAULT '',
  store_digest BLOB,
  store_fen INTEGER,
  store_points INTEGER,
  hq_digest BLOB,
  hq_fen INTEGER,
  hq_points INTEGER,
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'explained')),
  explained_by TEXT NOT NULL DEFAULT '',
  why TEXT NOT NULL DEFAULT '',
  explained_at_ms INTEGER,
  UNIQUE (side, place, epoch, key, code)
) STRICT;

CREATE TABLE audits (
  epoch TEXT PRIMARY KEY,
  seq INTEGER NOT NULL CHECK (seq >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX requests_by_event ON requests (epoch, seq);

CREATE INDEX used_transactions_by_event ON used_transactions (epoch, seq)""",
    )


books_migrations(name="m004_leases")(leases)
books_migrations(name="m005_risk")(risk)
books_migrations(name="m006_after_sales")(after_sales)
books_migrations(name="m007_held_quotes")(held_quotes)
books_migrations(name="m008_people")(people)
books_migrations(name="m009_access_log")(access)
books_migrations(name="m010_open_outbox")(open_outbox)
books_migrations(name="m011_modes")(modes)
