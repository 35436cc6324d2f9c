"""PostgreSQL: what WeChat Pay said and what is checked. The tables of sync.hq.schema_wechat.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

WECHAT: Final = """
CREATE TABLE wechat_accounts (
  mch_id TEXT PRIMARY KEY CHECK (length(mch_id) BETWEEN 1 AND 32),
  appid TEXT NOT NULL CHECK (length(appid) BETWEEN 1 AND 32),
  is_partner bigint NOT NULL CHECK (is_partner IN (0, 1)),
  base_url TEXT NOT NULL CHECK (length(base_url) BETWEEN 1 AND 200),
  secrets_sealed bytea NOT NULL,
  revision bigint NOT NULL CHECK (revision >= 1),
  changed_at_ms bigint NOT NULL,
  trouble TEXT NOT NULL DEFAULT '' CHECK (length(trouble) <= 64),
  trouble_at_ms bigint NOT NULL DEFAULT 0,
  quiet_until_ms bigint NOT NULL DEFAULT 0
);
CREATE TABLE wechat_trusted (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  serial TEXT NOT NULL CHECK (length(serial) BETWEEN 1 AND 64),
  pem TEXT NOT NULL CHECK (length(pem) <= 16384),
  at_ms bigint NOT NULL,
  PRIMARY KEY (mch_id, serial)
);
CREATE TABLE wechat_sub_appids (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) BETWEEN 1 AND 32),
  sub_appid TEXT NOT NULL CHECK (length(sub_appid) BETWEEN 1 AND 32),
  PRIMARY KEY (mch_id, sub_mch_id)
);
CREATE TABLE wechat_notices (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  notice_id TEXT NOT NULL CHECK (length(notice_id) BETWEEN 1 AND 64),
  event_type TEXT NOT NULL CHECK (length(event_type) <= 64),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) <= 32),
  received_at_ms bigint NOT NULL,
  PRIMARY KEY (mch_id, notice_id)
);
CREATE TABLE wechat_payments (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 32),
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) <= 32),
  out_trade_no TEXT NOT NULL CHECK (length(out_trade_no) <= 32),
  state TEXT NOT NULL CHECK (length(state) <= 16),
  total_fen bigint NOT NULL CHECK (total_fen BETWEEN 0 AND 1000000000),
  source TEXT NOT NULL CHECK (source IN ('query', 'notice')),
  payer_sealed bytea,
  at_ms bigint NOT NULL,
  PRIMARY KEY (mch_id, transaction_id)
);
CREATE INDEX wechat_payments_named ON wechat_payments (at_ms) WHERE payer_sealed IS NOT NULL;
CREATE TABLE wechat_checks (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  mch_id TEXT NOT NULL DEFAULT '' CHECK (length(mch_id) <= 32),
  sub_mch_id TEXT NOT NULL DEFAULT '' CHECK (length(sub_mch_id) <= 32),
  amount_fen bigint NOT NULL DEFAULT 0,
  day TEXT NOT NULL DEFAULT '' CHECK (length(day) IN (0, 10)),
  state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'waiting', 'confirmed', 'differs', 'stuck')),
  code TEXT NOT NULL DEFAULT '' CHECK (length(code) <= 64),
  tries bigint NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (workstation_id, epoch, seq, transaction_id)
);
CREATE INDEX wechat_checks_new ON wechat_checks (workstation_id, epoch, seq) WHERE state = 'new';
CREATE INDEX wechat_checks_due ON wechat_checks (mch_id, due_at_ms) WHERE state = 'waiting';
CREATE INDEX wechat_checks_transaction ON wechat_checks (transaction_id);
CREATE INDEX wechat_checks_day ON wechat_checks (mch_id, day);
CREATE TABLE wechat_bills (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  bill_day TEXT NOT NULL CHECK (length(bill_day) = 10),
  payments bigint NOT NULL CHECK (payments >= 0),
  total_fen bigint NOT NULL,
  refunds bigint NOT NULL CHECK (refunds >= 0),
  refund_fen bigint NOT NULL,
  checked_at_ms bigint NOT NULL,
  PRIMARY KEY (mch_id, bill_day)
);
CREATE TABLE wechat_bill_rows (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 32),
  kind TEXT NOT NULL CHECK (kind IN ('SUCCESS', 'REFUND', 'REVOKED')),
  refund_id TEXT NOT NULL CHECK (length(refund_id) <= 32),
  bill_day TEXT NOT NULL CHECK (length(bill_day) = 10),
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) <= 32),
  out_trade_no TEXT NOT NULL CHECK (length(out_trade_no) <= 32),
  total_fen bigint NOT NULL CHECK (total_fen BETWEEN 0 AND 1000000000),
  refund_fen bigint NOT NULL CHECK (refund_fen BETWEEN 0 AND 1000000000),
  PRIMARY KEY (mch_id, transaction_id, kind, refund_id)
);
CREATE INDEX wechat_bill_rows_day ON wechat_bill_rows (mch_id, bill_day);
CREATE TABLE wechat_differences (
  mch_id TEXT NOT NULL CHECK (length(mch_id) <= 32),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 64),
  code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 0),
  day TEXT NOT NULL CHECK (length(day) IN (0, 10)),
  ours TEXT NOT NULL CHECK (length(ours) <= 200),
  theirs TEXT NOT NULL CHECK (length(theirs) <= 200),
  first_seen_ms bigint NOT NULL,
  last_seen_ms bigint NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'healed')),
  PRIMARY KEY (mch_id, transaction_id, code)
);
CREATE INDEX wechat_differences_open ON wechat_differences (last_seen_ms) WHERE state = 'open';
CREATE TABLE wechat_cards (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  generation TEXT NOT NULL CHECK (generation IN ('link', 'open', 'brand')),
  mch_id TEXT NOT NULL CHECK (length(mch_id) <= 32),
  card_id TEXT NOT NULL CHECK (length(card_id) <= 64),
  wechat_brand_id TEXT NOT NULL CHECK (length(wechat_brand_id) <= 64),
  members_seen bigint NOT NULL DEFAULT 0 CHECK (members_seen >= 0)
);
CREATE TABLE wechat_member_cards (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  card_sealed bytea NOT NULL,
  shown_points bigint NOT NULL DEFAULT 0,
  wanted_points bigint NOT NULL DEFAULT 0,
  request_id TEXT NOT NULL DEFAULT '' CHECK (length(request_id) <= 64),
  state TEXT NOT NULL DEFAULT 'equal' CHECK (state IN ('equal', 'waiting', 'stuck')),
  code TEXT NOT NULL DEFAULT '' CHECK (length(code) <= 64),
  tries bigint NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms bigint NOT NULL DEFAULT 0
);
CREATE INDEX wechat_member_cards_due ON wechat_member_cards (brand_id, due_at_ms) WHERE state = 'waiting';
"""

DECISIONS: Final = """
CREATE TABLE wechat_decisions (
  mch_id TEXT NOT NULL CHECK (length(mch_id) <= 32),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 64),
  code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  ours TEXT NOT NULL CHECK (length(ours) <= 200),
  theirs TEXT NOT NULL CHECK (length(theirs) <= 200),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  why TEXT NOT NULL CHECK (length(why) BETWEEN 1 AND 200),
  at_ms bigint NOT NULL,
  PRIMARY KEY (mch_id, transaction_id, code)
);
CREATE INDEX wechat_differences_station ON wechat_differences (workstation_id) WHERE state = 'open';
"""
