"""HQ's tables of identity checks (S56): each brand's provider, and what it said of whom.

A forward-only migration, registered by sync.hq.schema. No name and no number is kept: `asked` and `person` are hashes
under HQ's own key.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE identity_providers (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 200),
  key_sealed BLOB NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE identity_checks (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  asked BLOB NOT NULL CHECK (length(asked) = 32),
  person BLOB NOT NULL CHECK (length(person) = 32),
  consent TEXT NOT NULL CHECK (length(consent) BETWEEN 1 AND 64),
  state TEXT NOT NULL CHECK (state IN ('unsure', 'refused', 'match', 'mismatch')),
  face TEXT NOT NULL CHECK (face IN ('', 'match', 'mismatch')),
  reference TEXT NOT NULL CHECK (length(reference) <= 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;
CREATE INDEX identity_checks_brand ON identity_checks (brand_id, at_ms);
"""


def identity(db: Database) -> None:
    """Providers and checks."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
