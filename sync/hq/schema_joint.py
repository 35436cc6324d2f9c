"""HQ's tables of joint membership (S13): codes that members were given, and links between brands with both consents.

A forward-only migration, registered by sync.hq.schema. A link that ended stays: consents are kept (S59).
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE link_offers (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  to_brand TEXT NOT NULL CHECK (length(to_brand) BETWEEN 1 AND 32),
  code_sha256 BLOB NOT NULL CHECK (length(code_sha256) = 32),
  consent TEXT NOT NULL CHECK (length(consent) BETWEEN 1 AND 64),
  at_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  taken INTEGER NOT NULL DEFAULT 0 CHECK (taken IN (0, 1)),
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;
CREATE INDEX link_offers_code ON link_offers (code_sha256);
CREATE TABLE links (
  member_id TEXT NOT NULL REFERENCES members,
  linked_at_ms INTEGER NOT NULL,
  brand_id TEXT NOT NULL REFERENCES brands,
  consent TEXT NOT NULL CHECK (length(consent) BETWEEN 1 AND 64),
  home_id TEXT NOT NULL CHECK (home_id <> member_id),
  home_brand TEXT NOT NULL CHECK (home_brand <> brand_id),
  home_consent TEXT NOT NULL CHECK (length(home_consent) BETWEEN 1 AND 64),
  home_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER NOT NULL DEFAULT 0 CHECK (ended_at_ms >= 0),
  PRIMARY KEY (member_id, linked_at_ms)
) STRICT;
CREATE INDEX links_home ON links (home_id, brand_id);
CREATE INDEX links_brand ON links (brand_id, member_id) WHERE ended_at_ms = 0;
"""


def joint(db: Database) -> None:
    """Offers of links, and links."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
