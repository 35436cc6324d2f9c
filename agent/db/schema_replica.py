"""Forward-only migrations of replica.db, by the rules of agent.db.schema.

Everything here can be thrown away and pulled again. A birthday is a month and a day, nothing else (R19).
"""

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

replica_migrations = Migrations("replica")


def _script(database: Database, statements: str) -> None:
    # ORDER: statement by statement, because executescript() would commit the migration's own transaction.
    for statement in statements.split(";\n\n"):
        database.execute(statement)


@replica_migrations()
def r001_replica(database: Database) -> None:
    """What HQ sends down. Everything here can be thrown away and pulled again."""
    _script(
        database,
        """
CREATE TABLE members (
  member_no INTEGER PRIMARY KEY,
  member_id TEXT NOT NULL UNIQUE,
  tier_id TEXT NOT NULL DEFAULT '',
  points INTEGER NOT NULL DEFAULT 0,
  masked TEXT NOT NULL DEFAULT '',
  pull_no INTEGER NOT NULL DEFAULT 0,
  known INTEGER NOT NULL DEFAULT 0 CHECK (known IN (0, 1))
) STRICT;

CREATE TABLE identities (
  head INTEGER NOT NULL,
  tail BLOB NOT NULL CHECK (length(tail) = 8),
  member_no INTEGER NOT NULL REFERENCES members,
  PRIMARY KEY (head, tail)
) STRICT, WITHOUT ROWID;

CREATE TABLE items (
  sku TEXT PRIMARY KEY,
  barcode TEXT NOT NULL,
  name TEXT NOT NULL,
  list_fen INTEGER NOT NULL CHECK (list_fen >= 0),
  member_fen INTEGER,
  promo_fen INTEGER,
  no_member_discount INTEGER NOT NULL,
  earns INTEGER NOT NULL,
  by_weight INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX items_by_barcode ON items (barcode) WHERE barcode <> '';

CREATE TABLE merchants (
  mch_id TEXT NOT NULL,
  sub_mch_id TEXT NOT NULL,
  brand_id TEXT NOT NULL,
  store_id TEXT NOT NULL,
  PRIMARY KEY (mch_id, sub_mch_id, brand_id, store_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_sets (
  version INTEGER PRIMARY KEY,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE TABLE cursors (
  feed TEXT PRIMARY KEY,
  cursor INTEGER NOT NULL CHECK (cursor >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE pulls (
  pull_no INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  watermark INTEGER NOT NULL,
  PRIMARY KEY (pull_no, epoch)
) STRICT, WITHOUT ROWID""",
    )


@replica_migrations()
def r002_checks(database: Database) -> None:
    """How far the downward check came, by feed."""
    database.execute("CREATE TABLE checks (feed TEXT PRIMARY KEY, until TEXT NOT NULL) STRICT, WITHOUT ROWID")


@replica_migrations()
def r003_offers(database: Database) -> None:
    """Coupons with the offers they were issued under, count cards, balances, prices to compare with."""
    _script(
        database,
        """
ALTER TABLE items ADD COLUMN min_fen INTEGER;

ALTER TABLE items ADD COLUMN market_fen INTEGER;

ALTER TABLE members ADD COLUMN sv_principal_fen INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN sv_gift_fen INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN cards TEXT NOT NULL DEFAULT '' CHECK (cards = '' OR json_valid(cards));

ALTER TABLE members ADD COLUMN expiring_points INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN expiring_day TEXT NOT NULL DEFAULT '';

ALTER TABLE members ADD COLUMN month TEXT NOT NULL DEFAULT '';

ALTER TABLE members ADD COLUMN month_spend_fen INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN birthday TEXT NOT NULL DEFAULT '';

ALTER TABLE members ADD COLUMN growth INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN next_tier_id TEXT NOT NULL DEFAULT '';

ALTER TABLE members ADD COLUMN next_tier_growth INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN first_order INTEGER NOT NULL DEFAULT 0 CHECK (first_order IN (0, 1));

ALTER TABLE members ADD COLUMN frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1));

ALTER TABLE members ADD COLUMN frozen_at_ms INTEGER NOT NULL DEFAULT 0;

CREATE TABLE offers (
  batch_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 0),
  body TEXT NOT NULL,
  PRIMARY KEY (batch_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE coupons (
  coupon_id TEXT PRIMARY KEY,
  member_id TEXT NOT NULL,
  batch_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL,
  start_day TEXT NOT NULL,
  end_day TEXT NOT NULL,
  claimed_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX coupons_by_member ON coupons (member_id)""",
    )


@replica_migrations()
def r004_snapshot(database: Database) -> None:
    """When every feed was last read to its end: by HQ's time, and by this machine's own."""
    database.execute(
        "CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), true_ms INTEGER, boot_id TEXT NOT NULL,"
        " boot_ms INTEGER NOT NULL) STRICT"
    )


@replica_migrations()
def r005_quarter(database: Database) -> None:
    """What HQ counted of a member's quarter (S18)."""
    _script(
        database,
        """
ALTER TABLE members ADD COLUMN quarter TEXT NOT NULL DEFAULT '';

ALTER TABLE members ADD COLUMN quarter_spend_fen INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN quarter_visits INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN quarter_invites INTEGER NOT NULL DEFAULT 0""",
    )


@replica_migrations()
def r006_redeemed(database: Database) -> None:
    """When a member last redeemed anywhere (S32)."""
    _script(
        database,
        """
ALTER TABLE members ADD COLUMN points_spent_at_ms INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN coupon_used_at_ms INTEGER NOT NULL DEFAULT 0""",
    )


def migration_names() -> frozenset[str]:
    """What this program can read: a replica made with another migration is of a newer one."""
    return frozenset(step.name for step in replica_migrations.pending(Database(memory=True)))
