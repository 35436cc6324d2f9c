"""PostgreSQL: identity checks. The tables of sync.hq.schema_identity.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

IDENTITY: Final = """
CREATE TABLE identity_providers (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 200),
  key_sealed bytea NOT NULL,
  at_ms bigint NOT NULL
);
CREATE TABLE identity_checks (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  asked bytea NOT NULL CHECK (length(asked) = 32),
  person bytea NOT NULL CHECK (length(person) = 32),
  consent TEXT NOT NULL CHECK (length(consent) BETWEEN 1 AND 64),
  state TEXT NOT NULL CHECK (state IN ('unsure', 'refused', 'match', 'mismatch')),
  face TEXT NOT NULL CHECK (face IN ('', 'match', 'mismatch')),
  reference TEXT NOT NULL CHECK (length(reference) <= 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  at_ms bigint NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
);
CREATE INDEX identity_checks_brand ON identity_checks (brand_id, at_ms);
"""
