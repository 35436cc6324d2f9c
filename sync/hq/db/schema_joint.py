"""PostgreSQL: joint membership. The tables of sync.hq.schema_joint.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

JOINT: Final = """
CREATE TABLE link_offers (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  to_brand TEXT NOT NULL CHECK (length(to_brand) BETWEEN 1 AND 32),
  code_sha256 bytea NOT NULL CHECK (length(code_sha256) = 32),
  consent TEXT NOT NULL CHECK (length(consent) BETWEEN 1 AND 64),
  at_ms bigint NOT NULL,
  until_ms bigint NOT NULL,
  taken bigint NOT NULL DEFAULT 0 CHECK (taken IN (0, 1)),
  PRIMARY KEY (member_id, channel, request_id)
);
CREATE INDEX link_offers_code ON link_offers (code_sha256);
CREATE TABLE links (
  member_id TEXT NOT NULL REFERENCES members,
  linked_at_ms bigint NOT NULL,
  brand_id TEXT NOT NULL REFERENCES brands,
  consent TEXT NOT NULL CHECK (length(consent) BETWEEN 1 AND 64),
  home_id TEXT NOT NULL CHECK (home_id <> member_id),
  home_brand TEXT NOT NULL CHECK (home_brand <> brand_id),
  home_consent TEXT NOT NULL CHECK (length(home_consent) BETWEEN 1 AND 64),
  home_at_ms bigint NOT NULL,
  ended_at_ms bigint NOT NULL DEFAULT 0 CHECK (ended_at_ms >= 0),
  PRIMARY KEY (member_id, linked_at_ms)
);
CREATE INDEX links_home ON links (home_id, brand_id);
CREATE INDEX links_brand ON links (brand_id, member_id) WHERE ended_at_ms = 0;
"""
