-- Generated from the migrations; never edited. Renew with: POS_AGENT_GOLDEN=write make test


-- ===== books.db =====

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

CREATE TRIGGER access_log_is_fact BEFORE UPDATE ON access_log
BEGIN SELECT RAISE(ABORT, 'the access log is never edited'); END;

CREATE TRIGGER events_are_facts BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never edited'); END;

CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END;

CREATE TABLE access_log (
  number INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  member_id TEXT NOT NULL CHECK (length(member_id) <= 64),
  field TEXT NOT NULL CHECK (field IN ('birthday')),
  operator TEXT NOT NULL CHECK (length(operator) BETWEEN 1 AND 200),
  app TEXT NOT NULL CHECK (length(app) <= 200),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  allowed INTEGER NOT NULL CHECK (allowed IN (0, 1))
) STRICT;

CREATE TABLE api_tokens (
  token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
  app TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
, scopes TEXT NOT NULL DEFAULT 'drawer print sell', operator TEXT NOT NULL DEFAULT '', boot_id TEXT NOT NULL DEFAULT '', until_boot_ms INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE audits (
  epoch TEXT PRIMARY KEY,
  seq INTEGER NOT NULL CHECK (seq >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE clock_mark (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  true_ms INTEGER NOT NULL,
  boot_id TEXT NOT NULL CHECK (length(boot_id) <= 64),
  boot_ms INTEGER NOT NULL,
  source TEXT NOT NULL CHECK (source IN ('hq', 'manager')),
  told_by TEXT NOT NULL CHECK (length(told_by) <= 200)
) STRICT;

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

CREATE TABLE drawer_openings (
  job_id TEXT PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  operator TEXT NOT NULL CHECK (length(operator) BETWEEN 1 AND 200),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  app TEXT NOT NULL CHECK (length(app) <= 200)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE freezes (
  number INTEGER PRIMARY KEY,
  member_id TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  points INTEGER NOT NULL CHECK (points >= 1),
  lifted_at_ms INTEGER,
  lifted_by TEXT NOT NULL DEFAULT '' CHECK (length(lifted_by) <= 200),
  why TEXT NOT NULL DEFAULT '' CHECK (length(why) <= 200),
  UNIQUE (epoch, seq, member_id),
  FOREIGN KEY (epoch, seq) REFERENCES events,
  CHECK ((lifted_at_ms IS NULL) = (lifted_by = ''))
) STRICT;

CREATE TABLE held_quotes (
  quote_id TEXT PRIMARY KEY CHECK (length(quote_id) BETWEEN 1 AND 64),
  until_ms INTEGER NOT NULL,
  row_sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE lease_holds (
  hold_id TEXT NOT NULL CHECK (length(hold_id) BETWEEN 1 AND 64),
  lease_id TEXT NOT NULL REFERENCES leases,
  amount INTEGER NOT NULL CHECK (amount >= 1),
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (hold_id, lease_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE leases (
  lease_id TEXT PRIMARY KEY CHECK (length(lease_id) BETWEEN 1 AND 160),
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  account TEXT NOT NULL,
  owner TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 1),
  bucket TEXT NOT NULL,
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  usable_until_ms INTEGER NOT NULL CHECK (usable_until_ms >= 0),
  remaining INTEGER NOT NULL CHECK (remaining BETWEEN 0 AND amount),
  closed_epoch TEXT,
  closed_seq INTEGER,
  wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)),
  touched_at_ms INTEGER NOT NULL,
  FOREIGN KEY (epoch, seq) REFERENCES events,
  FOREIGN KEY (closed_epoch, closed_seq) REFERENCES events,
  CHECK ((closed_epoch IS NULL) = (closed_seq IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE mode_changes (
  number INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  training INTEGER NOT NULL CHECK (training IN (0, 1)),
  operator TEXT NOT NULL CHECK (length(operator) BETWEEN 1 AND 200),
  app TEXT NOT NULL CHECK (length(app) <= 200),
  begun_at_ms INTEGER
) STRICT;

CREATE TABLE notices (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at_ms INTEGER NOT NULL,
  kind TEXT NOT NULL,
  data TEXT NOT NULL CHECK (json_valid(data))
) STRICT;

CREATE TABLE operators (
  operator TEXT PRIMARY KEY CHECK (length(operator) BETWEEN 1 AND 32),
  name TEXT NOT NULL CHECK (length(name) <= 200),
  role TEXT NOT NULL CHECK (role IN ('cashier', 'manager')),
  pin_sealed BLOB NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'acknowledged', 'suspended', 'conflict')),
  code TEXT NOT NULL DEFAULT '',
  settled_at_ms INTEGER,
  PRIMARY KEY (epoch, seq),
  FOREIGN KEY (epoch, seq) REFERENCES events
) STRICT, WITHOUT ROWID;

CREATE TABLE payer_identities (
  identity_index BLOB PRIMARY KEY CHECK (length(identity_index) = 16),
  payer_ref TEXT NOT NULL REFERENCES payers ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE payers (
  payer_ref TEXT PRIMARY KEY,
  brand_id TEXT NOT NULL,
  pairs_sealed BLOB NOT NULL,
  created_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE postings (
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL CHECK (position >= 0),
  account TEXT NOT NULL,
  owner TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount BETWEEN -1000000000000 AND 1000000000000), bucket TEXT NOT NULL DEFAULT '', expires TEXT NOT NULL DEFAULT '', lease TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (epoch, seq, position),
  FOREIGN KEY (epoch, seq) REFERENCES events
) STRICT, WITHOUT ROWID;

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

CREATE TABLE seals (
  epoch TEXT NOT NULL REFERENCES epochs,
  last INTEGER NOT NULL CHECK (last >= 1),
  first INTEGER NOT NULL CHECK (first BETWEEN 1 AND last),
  seal TEXT NOT NULL CHECK (json_valid(seal)),
  PRIMARY KEY (epoch, last)
) STRICT, WITHOUT ROWID;

CREATE TABLE used_nonces (
  nonce TEXT PRIMARY KEY,
  used_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE used_transactions (
  transaction_id TEXT PRIMARY KEY,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX access_log_by_time ON access_log (at_ms);

CREATE INDEX events_by_day ON events (business_day, kind);

CREATE INDEX events_by_subject ON events (json_extract(body, '$.subject'))
  WHERE json_extract(body, '$.subject') IS NOT NULL;

CREATE INDEX freezes_standing ON freezes (member_id) WHERE lifted_at_ms IS NULL;

CREATE INDEX lease_holds_by_lease ON lease_holds (lease_id, until_ms);

CREATE INDEX leases_by_closing ON leases (closed_epoch, closed_seq) WHERE closed_seq IS NOT NULL;

CREATE INDEX leases_by_event ON leases (epoch, seq);

CREATE INDEX leases_by_owner ON leases (owner, account) WHERE closed_seq IS NULL;

CREATE INDEX leases_open ON leases (epoch, touched_at_ms) WHERE closed_seq IS NULL;

CREATE INDEX outbox_odd ON outbox (state, epoch, seq) WHERE state IN ('suspended', 'conflict');

CREATE INDEX outbox_waiting ON outbox (epoch, seq) WHERE state = 'pending';

CREATE INDEX postings_by_lease ON postings (lease) WHERE lease <> '';

CREATE INDEX postings_by_owner ON postings (account, owner);

CREATE INDEX postings_pending ON postings (epoch, seq) WHERE account = 'points_pending';

CREATE INDEX print_jobs_waiting ON print_jobs (printer, state, number);

CREATE INDEX requests_by_event ON requests (epoch, seq);

CREATE INDEX used_transactions_by_event ON used_transactions (epoch, seq);


-- ===== replica.db =====

CREATE TABLE checks (feed TEXT PRIMARY KEY, until TEXT NOT NULL) STRICT, WITHOUT ROWID;

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

CREATE TABLE cursors (
  feed TEXT PRIMARY KEY,
  cursor INTEGER NOT NULL CHECK (cursor >= 0)
) STRICT, WITHOUT ROWID;

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
, min_fen INTEGER, market_fen INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE members (
  member_no INTEGER PRIMARY KEY,
  member_id TEXT NOT NULL UNIQUE,
  tier_id TEXT NOT NULL DEFAULT '',
  points INTEGER NOT NULL DEFAULT 0,
  masked TEXT NOT NULL DEFAULT '',
  pull_no INTEGER NOT NULL DEFAULT 0,
  known INTEGER NOT NULL DEFAULT 0 CHECK (known IN (0, 1))
, sv_principal_fen INTEGER NOT NULL DEFAULT 0, sv_gift_fen INTEGER NOT NULL DEFAULT 0, cards TEXT NOT NULL DEFAULT '' CHECK (cards = '' OR json_valid(cards)), expiring_points INTEGER NOT NULL DEFAULT 0, expiring_day TEXT NOT NULL DEFAULT '', month TEXT NOT NULL DEFAULT '', month_spend_fen INTEGER NOT NULL DEFAULT 0, birthday TEXT NOT NULL DEFAULT '', growth INTEGER NOT NULL DEFAULT 0, next_tier_id TEXT NOT NULL DEFAULT '', next_tier_growth INTEGER NOT NULL DEFAULT 0, first_order INTEGER NOT NULL DEFAULT 0 CHECK (first_order IN (0, 1)), frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)), frozen_at_ms INTEGER NOT NULL DEFAULT 0, quarter TEXT NOT NULL DEFAULT '', quarter_spend_fen INTEGER NOT NULL DEFAULT 0, quarter_visits INTEGER NOT NULL DEFAULT 0, quarter_invites INTEGER NOT NULL DEFAULT 0, points_spent_at_ms INTEGER NOT NULL DEFAULT 0, coupon_used_at_ms INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE merchants (
  mch_id TEXT NOT NULL,
  sub_mch_id TEXT NOT NULL,
  brand_id TEXT NOT NULL,
  store_id TEXT NOT NULL,
  PRIMARY KEY (mch_id, sub_mch_id, brand_id, store_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE offers (
  batch_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 0),
  body TEXT NOT NULL,
  PRIMARY KEY (batch_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE pulls (
  pull_no INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  watermark INTEGER NOT NULL,
  PRIMARY KEY (pull_no, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE rule_sets (
  version INTEGER PRIMARY KEY,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE TABLE snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), true_ms INTEGER, boot_id TEXT NOT NULL, boot_ms INTEGER NOT NULL) STRICT;

CREATE INDEX coupons_by_member ON coupons (member_id);

CREATE INDEX items_by_barcode ON items (barcode) WHERE barcode <> '';


-- ===== hq.db =====

CREATE VIEW metric_active AS
  SELECT brand_id, month, active, members, CASE WHEN members > 0 THEN active * 10000 / members END AS rate_bp
  FROM (SELECT a.brand_id, a.month, a.active, (SELECT COUNT(*) FROM members m WHERE m.brand_id = a.brand_id
      AND m.status = 'active' AND m.since_day <> '' AND substr(m.since_day, 1, 7) <= a.month) AS members
    FROM (SELECT d.brand_id, substr(d.business_day, 1, 7) AS month, COUNT(DISTINCT d.member_id) AS active
      FROM member_days d JOIN members n ON n.member_id = d.member_id AND n.status = 'active'
      WHERE d.spend_fen > 0 GROUP BY d.brand_id, substr(d.business_day, 1, 7)) AS a) AS b;

CREATE VIEW metric_arpu AS
  SELECT brand_id, month, buyers, spend_fen, spend_fen / buyers AS arpu_fen
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, COUNT(DISTINCT member_id) AS buyers,
    CAST(SUM(spend_fen) AS bigint) AS spend_fen
    FROM member_days WHERE spend_fen > 0 GROUP BY brand_id, substr(business_day, 1, 7)) AS d;

CREATE VIEW metric_coupons AS
  SELECT brand_id, batch_id, first_day, last_day, issued, used, withdrawn,
    CASE WHEN issued > withdrawn THEN used * 10000 / (issued - withdrawn) END AS rate_bp
  FROM (SELECT brand_id, batch_id, MIN(start_day) AS first_day, MAX(end_day) AS last_day, COUNT(*) AS issued,
    CAST(SUM(CASE WHEN state = 'used' THEN 1 ELSE 0 END) AS bigint) AS used,
    CAST(SUM(CASE WHEN state = 'void' THEN 1 ELSE 0 END) AS bigint) AS withdrawn
    FROM coupons GROUP BY brand_id, batch_id) AS c;

CREATE VIEW metric_cycle AS
  SELECT brand_id, batch_id, first_day, last_day, used, within_48h, within_72h, within_120h,
    within_48h * 10000 / used AS rate_48h_bp, within_72h * 10000 / used AS rate_72h_bp,
    within_120h * 10000 / used AS rate_120h_bp
  FROM (SELECT c.brand_id, c.batch_id, MIN(c.start_day) AS first_day, MAX(c.end_day) AS last_day, COUNT(*) AS used,
    CAST(SUM(CASE WHEN u.at_ms - c.claimed_at_ms <= 172800000 THEN 1 ELSE 0 END) AS bigint) AS within_48h,
    CAST(SUM(CASE WHEN u.at_ms - c.claimed_at_ms <= 259200000 THEN 1 ELSE 0 END) AS bigint) AS within_72h,
    CAST(SUM(CASE WHEN u.at_ms - c.claimed_at_ms <= 432000000 THEN 1 ELSE 0 END) AS bigint) AS within_120h
    FROM coupons c JOIN (SELECT coupon_id, MAX(at_ms) AS at_ms FROM coupon_uses WHERE amount < 0
      GROUP BY coupon_id) AS u ON u.coupon_id = c.coupon_id
    WHERE c.state = 'used' GROUP BY c.brand_id, c.batch_id) AS b;

CREATE VIEW metric_exchange AS
  SELECT brand_id, month, earned, redeemed, CASE WHEN earned > 0 THEN redeemed * 10000 / earned END AS rate_bp
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, CAST(SUM(earned) AS bigint) AS earned,
    CAST(SUM(redeemed) AS bigint) AS redeemed FROM member_days GROUP BY brand_id, substr(business_day, 1, 7)) AS d;

CREATE VIEW metric_gifts AS
  SELECT brand_id, month, virtual_gifts, physical_gifts, points,
    virtual_gifts * 10000 / (virtual_gifts + physical_gifts) AS virtual_bp
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month,
    CAST(SUM(CASE WHEN kind = 'virtual' THEN 1 ELSE 0 END) AS bigint) AS virtual_gifts,
    CAST(SUM(CASE WHEN kind = 'physical' THEN 1 ELSE 0 END) AS bigint) AS physical_gifts,
    CAST(SUM(points) AS bigint) AS points
    FROM exchanges WHERE returned = 0 GROUP BY brand_id, substr(business_day, 1, 7)) AS e;

CREATE VIEW metric_joins AS
  SELECT brand_id, month, offered, joined, CASE WHEN offered > 0 THEN joined * 10000 / offered END AS rate_bp
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, CAST(SUM(claims) AS bigint) AS offered,
    CAST(SUM(joined) AS bigint) AS joined FROM store_days GROUP BY brand_id, substr(business_day, 1, 7)) AS s;

CREATE VIEW metric_rfm AS
  SELECT d.brand_id, d.member_id, substr(d.business_day, 1, 7) AS month, MAX(d.business_day) AS last_day,
    COUNT(*) AS visits, CAST(SUM(d.spend_fen) AS bigint) AS spend_fen
  FROM member_days d JOIN members m ON m.member_id = d.member_id AND m.status = 'active'
  WHERE d.spend_fen > 0 GROUP BY d.brand_id, d.member_id, substr(d.business_day, 1, 7);

CREATE VIEW metric_tickets AS
  SELECT brand_id, month, sales, paid_fen, member_sales, member_paid_fen,
    CASE WHEN sales > 0 THEN paid_fen / sales END AS ticket_fen,
    CASE WHEN member_sales > 0 THEN member_paid_fen / member_sales END AS member_ticket_fen
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, CAST(SUM(sales) AS bigint) AS sales,
    CAST(SUM(paid_fen) AS bigint) AS paid_fen, CAST(SUM(member_sales) AS bigint) AS member_sales,
    CAST(SUM(member_paid_fen) AS bigint) AS member_paid_fen
    FROM store_days GROUP BY brand_id, substr(business_day, 1, 7)) AS s;

CREATE TABLE accounts (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  balance INTEGER NOT NULL,
  PRIMARY KEY (member_id, account)
) STRICT;

CREATE TABLE audits (
  workstation_id TEXT NOT NULL,
  what TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  partial TEXT NOT NULL,
  PRIMARY KEY (workstation_id, what)
) STRICT;

CREATE TABLE brands (
  brand_id TEXT PRIMARY KEY CHECK (length(brand_id) BETWEEN 1 AND 32),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  join_url TEXT NOT NULL CHECK (length(join_url) <= 200),
  index_key_sealed BLOB NOT NULL,
  index_key_version INTEGER NOT NULL CHECK (index_key_version >= 1),
  created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE chains (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL CHECK (length(epoch) BETWEEN 1 AND 64),
  watermark INTEGER NOT NULL CHECK (watermark >= 0),
  head BLOB NOT NULL CHECK (length(head) = 32),
  sent_head BLOB NOT NULL CHECK (length(sent_head) = 32),
  first_received_at_ms INTEGER NOT NULL, recomputed INTEGER NOT NULL DEFAULT 0 CHECK (recomputed >= 0), counted INTEGER NOT NULL DEFAULT 0 CHECK (counted >= 0),
  PRIMARY KEY (workstation_id, epoch)
) STRICT;

CREATE TABLE channel_events (
  channel TEXT NOT NULL REFERENCES channels,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  member_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  of_request TEXT NOT NULL CHECK (length(of_request) <= 64),
  asked BLOB NOT NULL CHECK (length(asked) = 32),
  at_ms INTEGER NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  points INTEGER NOT NULL,
  paid_fen INTEGER NOT NULL,
  returned INTEGER NOT NULL DEFAULT 0 CHECK (returned >= 0),
  returned_points INTEGER NOT NULL DEFAULT 0 CHECK (returned_points >= 0),
  took TEXT NOT NULL,
  answer TEXT NOT NULL,
  PRIMARY KEY (channel, request_id)
) STRICT;

CREATE TABLE channel_pushes (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL,
  push_id TEXT NOT NULL CHECK (length(push_id) BETWEEN 1 AND 64),
  feed_no INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('equal', 'waiting', 'stuck')),
  code TEXT NOT NULL DEFAULT '' CHECK (length(code) <= 64),
  tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms INTEGER NOT NULL,
  since_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel)
) STRICT;

CREATE TABLE channels (
  channel TEXT PRIMARY KEY CHECK (length(channel) BETWEEN 1 AND 32),
  brand_id TEXT NOT NULL REFERENCES brands,
  token_sha256 BLOB NOT NULL UNIQUE CHECK (length(token_sha256) = 32),
  url TEXT NOT NULL CHECK (length(url) <= 200),
  key_sealed BLOB NOT NULL,
  seen_no INTEGER NOT NULL CHECK (seen_no >= 0),
  at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT;

CREATE TABLE claim_backs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  of_epoch TEXT NOT NULL,
  of_seq INTEGER NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  PRIMARY KEY (workstation_id, of_epoch, of_seq, epoch, seq)
) STRICT;

CREATE TABLE claim_joins (
  brand_id TEXT NOT NULL REFERENCES brands,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  asked BLOB NOT NULL CHECK (length(asked) = 32),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  member_id TEXT NOT NULL REFERENCES members,
  is_new INTEGER NOT NULL CHECK (is_new IN (0, 1)),
  at_ms INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('credited', 'parked', 'refused')),
  code TEXT NOT NULL,
  points INTEGER NOT NULL CHECK (points >= 0),
  pack_points INTEGER NOT NULL CHECK (pack_points >= 0),
  coupon_id TEXT NOT NULL,
  PRIMARY KEY (brand_id, request_id)
) STRICT;

CREATE TABLE claims (
  brand_id TEXT NOT NULL REFERENCES brands,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  taken_by TEXT NOT NULL DEFAULT '',
  points INTEGER NOT NULL DEFAULT 0 CHECK (points >= 0),
  PRIMARY KEY (brand_id, sha256)
) STRICT;

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

CREATE TABLE console_log (
  number INTEGER PRIMARY KEY CHECK (number >= 1),
  at_ms INTEGER NOT NULL,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  act TEXT NOT NULL CHECK (length(act) BETWEEN 1 AND 64),
  object TEXT NOT NULL CHECK (length(object) <= 500),
  why TEXT NOT NULL CHECK (length(why) <= 200),
  detail TEXT NOT NULL
) STRICT;

CREATE TABLE console_sessions (
  token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
  name TEXT NOT NULL,
  until_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE console_users (
  name TEXT PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
  role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  password TEXT NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  locked_until_ms INTEGER NOT NULL DEFAULT 0,
  created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE count_cards (
  member_id TEXT NOT NULL REFERENCES members,
  card_id TEXT NOT NULL UNIQUE CHECK (length(card_id) BETWEEN 1 AND 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  total INTEGER NOT NULL CHECK (total BETWEEN 1 AND 100000),
  opening_left INTEGER NOT NULL CHECK (opening_left BETWEEN 0 AND total),
  moved INTEGER NOT NULL DEFAULT 0,
  price_fen INTEGER NOT NULL CHECK (price_fen BETWEEN 0 AND 1000000000),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  PRIMARY KEY (member_id, card_id)
) STRICT;

CREATE TABLE coupon_batches (
  brand_id TEXT NOT NULL REFERENCES brands,
  batch_id TEXT NOT NULL CHECK (length(batch_id) BETWEEN 1 AND 64),
  version INTEGER NOT NULL CHECK (version >= 1),
  body TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  PRIMARY KEY (brand_id, batch_id, version)
) STRICT;

CREATE TABLE coupon_stocks (
  brand_id TEXT NOT NULL REFERENCES brands,
  batch_id TEXT NOT NULL,
  released INTEGER NOT NULL CHECK (released BETWEEN 0 AND 1000000000),
  PRIMARY KEY (brand_id, batch_id)
) STRICT;

CREATE TABLE coupon_uses (
  coupon_id TEXT NOT NULL CHECK (length(coupon_id) BETWEEN 1 AND 160),
  place TEXT NOT NULL CHECK (length(place) BETWEEN 1 AND 200),
  brand_id TEXT NOT NULL REFERENCES brands,
  amount INTEGER NOT NULL CHECK (amount <> 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (coupon_id, place)
) STRICT;

CREATE TABLE coupons (
  coupon_id TEXT PRIMARY KEY CHECK (length(coupon_id) BETWEEN 4 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  member_id TEXT NOT NULL REFERENCES members,
  batch_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('issued', 'used', 'void')),
  start_day TEXT NOT NULL CHECK (length(start_day) = 10),
  end_day TEXT NOT NULL CHECK (length(end_day) = 10),
  claimed_at_ms INTEGER NOT NULL CHECK (claimed_at_ms >= 0),
  uses INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1),
  FOREIGN KEY (brand_id, batch_id, version) REFERENCES coupon_batches
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

CREATE TABLE erasure_acks (
  member_id TEXT NOT NULL REFERENCES members,
  workstation_id TEXT NOT NULL,
  feed TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, workstation_id, feed)
) STRICT;

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

CREATE TABLE erasures (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  asked_by TEXT NOT NULL CHECK (length(asked_by) BETWEEN 1 AND 200),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  at_ms INTEGER NOT NULL,
  members_no INTEGER NOT NULL,
  identities_no INTEGER NOT NULL,
  coupons_no INTEGER NOT NULL
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

CREATE TABLE exchanges (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  gift_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('virtual', 'physical')),
  points INTEGER NOT NULL CHECK (points >= 1),
  coupon_id TEXT NOT NULL CHECK (length(coupon_id) <= 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  returned INTEGER NOT NULL DEFAULT 0 CHECK (returned IN (0, 1)),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;

CREATE TABLE "feed_counters" (
  brand_id TEXT NOT NULL REFERENCES brands,
  feed TEXT NOT NULL CHECK (length(feed) BETWEEN 1 AND 32),
  last_no INTEGER NOT NULL CHECK (last_no >= 0),
  PRIMARY KEY (brand_id, feed)
) STRICT;

CREATE TABLE feed_gaps (
  brand_id TEXT NOT NULL REFERENCES brands,
  feed TEXT NOT NULL CHECK (length(feed) BETWEEN 1 AND 32),
  from_no INTEGER NOT NULL CHECK (from_no >= 0),
  to_no INTEGER NOT NULL CHECK (to_no > from_no),
  PRIMARY KEY (brand_id, feed, from_no)
) STRICT;

CREATE TABLE freezes (
  member_id TEXT NOT NULL REFERENCES members,
  decided_at_ms INTEGER NOT NULL,
  frozen INTEGER NOT NULL CHECK (frozen IN (0, 1)),
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
  PRIMARY KEY (member_id, decided_at_ms)
) STRICT;

CREATE TABLE gifts (
  brand_id TEXT NOT NULL REFERENCES brands,
  gift_id TEXT NOT NULL CHECK (length(gift_id) BETWEEN 1 AND 64),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  kind TEXT NOT NULL CHECK (kind IN ('virtual', 'physical')),
  points INTEGER NOT NULL CHECK (points >= 1),
  stock INTEGER CHECK (stock >= 0),
  batch_id TEXT NOT NULL CHECK (length(batch_id) <= 64),
  is_off INTEGER NOT NULL CHECK (is_off IN (0, 1)),
  given INTEGER NOT NULL CHECK (given >= 0),
  PRIMARY KEY (brand_id, gift_id),
  CHECK (stock IS NULL OR given <= stock)
) STRICT;

CREATE TABLE grants_made (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  number INTEGER NOT NULL CHECK (number >= 0)
) STRICT;

CREATE TABLE hourly_asks (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  what TEXT NOT NULL CHECK (what IN ('phone', 'pin', 'sms')),
  hour INTEGER NOT NULL,
  spent INTEGER NOT NULL CHECK (spent >= 0),
  PRIMARY KEY (workstation_id, what)
) STRICT
;

CREATE TABLE hq_identity (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  public_key BLOB NOT NULL CHECK (length(public_key) = 32)
) STRICT;

CREATE TABLE "hq_postings" (
  seq INTEGER PRIMARY KEY CHECK (seq >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  reference TEXT NOT NULL CHECK (length(reference) BETWEEN 1 AND 160),
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount <> 0 AND amount BETWEEN -1000000000000 AND 1000000000000),
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  at_ms INTEGER NOT NULL,
  digest BLOB NOT NULL CHECK (length(digest) = 32),
  UNIQUE (kind, reference, account)
) STRICT;

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

CREATE TABLE identity_providers (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 200),
  key_sealed BLOB NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

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
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1), min_fen INTEGER CHECK (min_fen BETWEEN 0 AND 1000000000), market_fen INTEGER CHECK (market_fen BETWEEN 1 AND 1000000000),
  PRIMARY KEY (brand_id, sku)
) STRICT;

CREATE TABLE lease_closings (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  lease_id TEXT NOT NULL,
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  of_epoch TEXT NOT NULL,
  after_seq INTEGER NOT NULL CHECK (after_seq >= 0),
  honoured INTEGER NOT NULL DEFAULT 0 CHECK (honoured IN (0, 1)),
  PRIMARY KEY (workstation_id, epoch, seq, lease_id)
) STRICT;

CREATE TABLE lease_epochs (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  number INTEGER NOT NULL CHECK (number >= 1),
  epoch TEXT NOT NULL,
  PRIMARY KEY (workstation_id, epoch),
  UNIQUE (workstation_id, number)
) STRICT;

CREATE TABLE leases (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  lease_id TEXT NOT NULL CHECK (length(lease_id) BETWEEN 1 AND 160),
  request_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  amount INTEGER NOT NULL CHECK (amount >= 1),
  settled INTEGER NOT NULL,
  usable_until_ms INTEGER NOT NULL CHECK (usable_until_ms >= 0),
  state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'written_off')),
  wanted INTEGER NOT NULL DEFAULT 0 CHECK (wanted IN (0, 1)),
  PRIMARY KEY (workstation_id, lease_id)
) STRICT;

CREATE TABLE limit_moves (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  member_id TEXT NOT NULL REFERENCES members,
  what TEXT NOT NULL CHECK (what IN ('earned', 'recharged', 'redeemed')),
  at_ms INTEGER NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  amount INTEGER NOT NULL CHECK (amount >= 1),
  PRIMARY KEY (workstation_id, epoch, seq, member_id, what)
) STRICT;

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

CREATE TABLE lot_openings (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  amount INTEGER NOT NULL,
  PRIMARY KEY (member_id, account, bucket)
) STRICT;

CREATE TABLE lots (
  member_id TEXT NOT NULL REFERENCES members,
  account TEXT NOT NULL,
  bucket TEXT NOT NULL CHECK (length(bucket) <= 160),
  expires TEXT NOT NULL CHECK (length(expires) IN (0, 10)),
  since_ms INTEGER NOT NULL,
  available INTEGER NOT NULL CHECK (account IN ('count', 'coupon')
    OR CASE WHEN bucket = 'debt' THEN available <= 0 ELSE available >= 0 END),
  PRIMARY KEY (member_id, account, bucket)
) STRICT;

CREATE TABLE lottery_days (
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL CHECK (length(lottery_id) BETWEEN 1 AND 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  commitment TEXT NOT NULL CHECK (length(commitment) = 64),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (brand_id, lottery_id, business_day)
) STRICT;

CREATE TABLE lottery_draws (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  rules_version INTEGER NOT NULL CHECK (rules_version >= 1),
  prize_id TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('points', 'coupon', 'nothing', 'gone')),
  cost_points INTEGER NOT NULL CHECK (cost_points >= 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;

CREATE TABLE lottery_stocks (
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL,
  prize_id TEXT NOT NULL CHECK (length(prize_id) BETWEEN 1 AND 64),
  given INTEGER NOT NULL CHECK (given >= 0),
  PRIMARY KEY (brand_id, lottery_id, prize_id)
) STRICT;

CREATE TABLE member_days (
  member_id TEXT NOT NULL REFERENCES members,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  brand_id TEXT NOT NULL REFERENCES brands,
  spend_fen INTEGER NOT NULL,
  earned INTEGER NOT NULL,
  redeemed INTEGER NOT NULL,
  PRIMARY KEY (member_id, business_day)
) STRICT;

CREATE TABLE member_pins (
  member_id TEXT PRIMARY KEY REFERENCES members,
  pin_sealed BLOB NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  locked_until_ms INTEGER NOT NULL DEFAULT 0,
  set_at_ms INTEGER NOT NULL
) STRICT
;

CREATE TABLE member_runs (
  brand_id TEXT NOT NULL REFERENCES brands,
  what TEXT NOT NULL CHECK (length(what) BETWEEN 1 AND 32),
  period TEXT NOT NULL CHECK (length(period) BETWEEN 1 AND 32),
  place TEXT NOT NULL,
  done_at_ms INTEGER,
  PRIMARY KEY (brand_id, what, period)
) STRICT;

CREATE TABLE members (
  member_id TEXT PRIMARY KEY CHECK (length(member_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  tier_id TEXT NOT NULL CHECK (length(tier_id) BETWEEN 1 AND 64),
  status TEXT NOT NULL CHECK (status IN ('active', 'deleted')),
  opening_points INTEGER NOT NULL CHECK (opening_points BETWEEN -1000000000 AND 1000000000),
  masked TEXT NOT NULL CHECK (length(masked) <= 64),
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1)
, opening_sv_principal INTEGER NOT NULL DEFAULT 0
  CHECK (opening_sv_principal BETWEEN 0 AND 1000000000), opening_sv_gift INTEGER NOT NULL DEFAULT 0
  CHECK (opening_sv_gift BETWEEN 0 AND 1000000000), expiring_points INTEGER NOT NULL DEFAULT 0 CHECK (expiring_points >= 0), expiring_day TEXT NOT NULL DEFAULT '' CHECK (length(expiring_day) IN (0, 10)), opening_month TEXT NOT NULL DEFAULT '' CHECK (length(opening_month) IN (0, 7)), opening_month_spend INTEGER NOT NULL DEFAULT 0, ordered INTEGER NOT NULL DEFAULT 0 CHECK (ordered IN (0, 1)), month TEXT NOT NULL DEFAULT '' CHECK (length(month) IN (0, 7)), month_spend_fen INTEGER NOT NULL DEFAULT 0, birthday TEXT NOT NULL DEFAULT '' CHECK (length(birthday) IN (0, 5)), growth INTEGER NOT NULL DEFAULT 0, next_tier_id TEXT NOT NULL DEFAULT '' CHECK (length(next_tier_id) <= 64), next_tier_growth INTEGER NOT NULL DEFAULT 0 CHECK (next_tier_growth >= 0), first_order INTEGER NOT NULL DEFAULT 0 CHECK (first_order IN (0, 1)), frozen INTEGER NOT NULL DEFAULT 0 CHECK (frozen IN (0, 1)), frozen_at_ms INTEGER NOT NULL DEFAULT 0 CHECK (frozen_at_ms >= 0), since_day TEXT NOT NULL DEFAULT '' CHECK (length(since_day) IN (0, 10)), last_day TEXT NOT NULL DEFAULT '' CHECK (length(last_day) IN (0, 10)), quarter TEXT NOT NULL DEFAULT '' CHECK (length(quarter) IN (0, 10)), quarter_spend_fen INTEGER NOT NULL DEFAULT 0, quarter_visits INTEGER NOT NULL DEFAULT 0 CHECK (quarter_visits >= 0), quarter_invites INTEGER NOT NULL DEFAULT 0 CHECK (quarter_invites >= 0), grown INTEGER NOT NULL DEFAULT 0, points_spent_at_ms INTEGER NOT NULL DEFAULT 0 CHECK (points_spent_at_ms >= 0), coupon_used_at_ms INTEGER NOT NULL DEFAULT 0 CHECK (coupon_used_at_ms >= 0)) STRICT;

CREATE TABLE merchants (
  brand_id TEXT NOT NULL REFERENCES brands,
  mch_id TEXT NOT NULL CHECK (length(mch_id) BETWEEN 1 AND 32),
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) <= 32),
  store_id TEXT NOT NULL REFERENCES stores,
  deleted INTEGER NOT NULL CHECK (deleted IN (0, 1)),
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, mch_id, sub_mch_id, store_id)
) STRICT;

CREATE TABLE payers (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  payer_ref TEXT NOT NULL CHECK (length(payer_ref) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  pairs_sealed BLOB NOT NULL,
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, payer_ref)
) STRICT;

CREATE TABLE postings (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  position INTEGER NOT NULL CHECK (position >= 0),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount BETWEEN -1000000000000 AND 1000000000000), bucket TEXT NOT NULL DEFAULT '' CHECK (length(bucket) <= 160), expires TEXT NOT NULL DEFAULT '' CHECK (length(expires) IN (0, 10)), lease TEXT NOT NULL DEFAULT '' CHECK (length(lease) <= 160),
  PRIMARY KEY (workstation_id, epoch, seq, position)
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

CREATE TABLE reader_tokens (
  token_sha256 BLOB PRIMARY KEY CHECK (length(token_sha256) = 32),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  created_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
, kind TEXT NOT NULL DEFAULT 'seals' CHECK (kind IN ('seals', 'join')), brand_id TEXT NOT NULL DEFAULT '' CHECK ((kind = 'join') = (brand_id <> ''))) STRICT;

CREATE TABLE recomputations (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  detail TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, code)
) STRICT;

CREATE TABLE redemptions (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  member_id TEXT NOT NULL,
  account TEXT NOT NULL CHECK (account IN ('points', 'coupon')),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, epoch, seq, member_id, account)
) STRICT;

CREATE TABLE referrals (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  inviter_id TEXT NOT NULL CHECK (inviter_id <> member_id),
  at_ms INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'paid')),
  times INTEGER NOT NULL DEFAULT 0 CHECK (times >= 0),
  sale TEXT NOT NULL DEFAULT '',
  left_fen INTEGER NOT NULL DEFAULT 0,
  paid_day TEXT NOT NULL DEFAULT '' CHECK (length(paid_day) IN (0, 10)),
  points INTEGER NOT NULL DEFAULT 0 CHECK (points >= 0)
) STRICT;

CREATE TABLE reminders (
  member_id TEXT NOT NULL REFERENCES members,
  reminder_id TEXT NOT NULL CHECK (length(reminder_id) BETWEEN 1 AND 160),
  number INTEGER NOT NULL CHECK (number >= 1),
  brand_id TEXT NOT NULL REFERENCES brands,
  kind TEXT NOT NULL CHECK (length(kind) BETWEEN 1 AND 32),
  marketing INTEGER NOT NULL CHECK (marketing IN (0, 1)),
  state TEXT NOT NULL CHECK (state IN ('given', 'withheld')),
  body TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  from_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, reminder_id)
) STRICT;

CREATE TABLE reservations (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  slot_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('held', 'waiting', 'cancelled')),
  priority INTEGER NOT NULL CHECK (priority >= 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;

CREATE TABLE restoration_answers (
  restoration_id TEXT NOT NULL,
  workstation_id TEXT NOT NULL REFERENCES workstations,
  how TEXT NOT NULL CHECK (how IN ('reported', 'written_off')),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (restoration_id, workstation_id)
) STRICT;

CREATE TABLE restorations (
  restoration_id TEXT NOT NULL CHECK (length(restoration_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  at_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  done_at_ms INTEGER,
  PRIMARY KEY (restoration_id, brand_id)
) STRICT;

CREATE TABLE rule_sets (
  brand_id TEXT NOT NULL REFERENCES brands,
  version INTEGER NOT NULL CHECK (version >= 1),
  body TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  feed_no INTEGER NOT NULL CHECK (feed_no >= 1),
  PRIMARY KEY (brand_id, version)
) STRICT;

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

CREATE TABLE sign_ins (
  member_id TEXT NOT NULL REFERENCES members,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  streak INTEGER NOT NULL CHECK (streak >= 1),
  points INTEGER NOT NULL CHECK (points >= 0),
  PRIMARY KEY (member_id, business_day)
) STRICT;

CREATE TABLE slots (
  brand_id TEXT NOT NULL REFERENCES brands,
  slot_id TEXT NOT NULL CHECK (length(slot_id) BETWEEN 1 AND 64),
  store_id TEXT NOT NULL REFERENCES stores,
  service TEXT NOT NULL CHECK (length(service) BETWEEN 1 AND 200),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  starts_ms INTEGER NOT NULL,
  minutes INTEGER NOT NULL CHECK (minutes >= 1),
  capacity INTEGER NOT NULL CHECK (capacity >= 1),
  is_off INTEGER NOT NULL CHECK (is_off IN (0, 1)),
  taken INTEGER NOT NULL CHECK (taken BETWEEN 0 AND capacity),
  PRIMARY KEY (brand_id, slot_id)
) STRICT;

CREATE TABLE sms_codes (
  member_id TEXT PRIMARY KEY REFERENCES members,
  workstation_id TEXT NOT NULL REFERENCES workstations,
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  code_sealed BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('unsure', 'sent', 'dead')),
  tries INTEGER NOT NULL CHECK (tries >= 0),
  at_ms INTEGER NOT NULL,
  day TEXT NOT NULL CHECK (length(day) = 10),
  of_day INTEGER NOT NULL CHECK (of_day >= 1)
) STRICT;

CREATE TABLE sms_gateways (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  url TEXT NOT NULL CHECK (length(url) BETWEEN 1 AND 200),
  key_sealed BLOB NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE store_days (
  store_id TEXT NOT NULL CHECK (length(store_id) BETWEEN 1 AND 80),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  brand_id TEXT NOT NULL REFERENCES brands,
  sales INTEGER NOT NULL,
  paid_fen INTEGER NOT NULL,
  member_sales INTEGER NOT NULL,
  member_paid_fen INTEGER NOT NULL,
  claims INTEGER NOT NULL,
  joined INTEGER NOT NULL,
  PRIMARY KEY (store_id, business_day)
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

CREATE TABLE stores (
  store_id TEXT PRIMARY KEY CHECK (length(store_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200)
) STRICT;

CREATE TABLE tasks_done (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  task_id TEXT NOT NULL CHECK (length(task_id) BETWEEN 1 AND 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  points INTEGER NOT NULL CHECK (points >= 1),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;

CREATE TABLE tier_changes (
  member_id TEXT NOT NULL REFERENCES members,
  period TEXT NOT NULL CHECK (length(period) BETWEEN 1 AND 100),
  brand_id TEXT NOT NULL REFERENCES brands,
  from_tier TEXT NOT NULL,
  to_tier TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (length(reason) BETWEEN 1 AND 32),
  inputs TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, period)
) STRICT;

CREATE TABLE transactions (
  brand_id TEXT NOT NULL REFERENCES brands,
  transaction_id TEXT NOT NULL,
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (brand_id, transaction_id)
) STRICT;

CREATE TABLE wechat_accounts (
  mch_id TEXT PRIMARY KEY CHECK (length(mch_id) BETWEEN 1 AND 32),
  appid TEXT NOT NULL CHECK (length(appid) BETWEEN 1 AND 32),
  is_partner INTEGER NOT NULL CHECK (is_partner IN (0, 1)),
  base_url TEXT NOT NULL CHECK (length(base_url) BETWEEN 1 AND 200),
  secrets_sealed BLOB NOT NULL,
  revision INTEGER NOT NULL CHECK (revision >= 1),
  changed_at_ms INTEGER NOT NULL,
  trouble TEXT NOT NULL DEFAULT '' CHECK (length(trouble) <= 64),
  trouble_at_ms INTEGER NOT NULL DEFAULT 0,
  quiet_until_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE wechat_bill_rows (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 32),
  kind TEXT NOT NULL CHECK (kind IN ('SUCCESS', 'REFUND', 'REVOKED')),
  refund_id TEXT NOT NULL CHECK (length(refund_id) <= 32),
  bill_day TEXT NOT NULL CHECK (length(bill_day) = 10),
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) <= 32),
  out_trade_no TEXT NOT NULL CHECK (length(out_trade_no) <= 32),
  total_fen INTEGER NOT NULL CHECK (total_fen BETWEEN 0 AND 1000000000),
  refund_fen INTEGER NOT NULL CHECK (refund_fen BETWEEN 0 AND 1000000000),
  PRIMARY KEY (mch_id, transaction_id, kind, refund_id)
) STRICT;

CREATE TABLE wechat_bills (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  bill_day TEXT NOT NULL CHECK (length(bill_day) = 10),
  payments INTEGER NOT NULL CHECK (payments >= 0),
  total_fen INTEGER NOT NULL,
  refunds INTEGER NOT NULL CHECK (refunds >= 0),
  refund_fen INTEGER NOT NULL,
  checked_at_ms INTEGER NOT NULL,
  PRIMARY KEY (mch_id, bill_day)
) STRICT;

CREATE TABLE wechat_cards (
  brand_id TEXT PRIMARY KEY REFERENCES brands,
  generation TEXT NOT NULL CHECK (generation IN ('link', 'open', 'brand')),
  mch_id TEXT NOT NULL CHECK (length(mch_id) <= 32),
  card_id TEXT NOT NULL CHECK (length(card_id) <= 64),
  wechat_brand_id TEXT NOT NULL CHECK (length(wechat_brand_id) <= 64),
  members_seen INTEGER NOT NULL DEFAULT 0 CHECK (members_seen >= 0)
) STRICT;

CREATE TABLE wechat_checks (
  workstation_id TEXT NOT NULL REFERENCES workstations,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  mch_id TEXT NOT NULL DEFAULT '' CHECK (length(mch_id) <= 32),
  sub_mch_id TEXT NOT NULL DEFAULT '' CHECK (length(sub_mch_id) <= 32),
  amount_fen INTEGER NOT NULL DEFAULT 0,
  day TEXT NOT NULL DEFAULT '' CHECK (length(day) IN (0, 10)),
  state TEXT NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'waiting', 'confirmed', 'differs', 'stuck')),
  code TEXT NOT NULL DEFAULT '' CHECK (length(code) <= 64),
  tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (workstation_id, epoch, seq, transaction_id)
) STRICT;

CREATE TABLE wechat_decisions (
  mch_id TEXT NOT NULL CHECK (length(mch_id) <= 32),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 64),
  code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  ours TEXT NOT NULL CHECK (length(ours) <= 200),
  theirs TEXT NOT NULL CHECK (length(theirs) <= 200),
  name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
  why TEXT NOT NULL CHECK (length(why) BETWEEN 1 AND 200),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (mch_id, transaction_id, code)
) STRICT;

CREATE TABLE wechat_differences (
  mch_id TEXT NOT NULL CHECK (length(mch_id) <= 32),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 64),
  code TEXT NOT NULL CHECK (length(code) BETWEEN 1 AND 64),
  workstation_id TEXT NOT NULL,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  day TEXT NOT NULL CHECK (length(day) IN (0, 10)),
  ours TEXT NOT NULL CHECK (length(ours) <= 200),
  theirs TEXT NOT NULL CHECK (length(theirs) <= 200),
  first_seen_ms INTEGER NOT NULL,
  last_seen_ms INTEGER NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'healed')),
  PRIMARY KEY (mch_id, transaction_id, code)
) STRICT;

CREATE TABLE wechat_member_cards (
  member_id TEXT PRIMARY KEY REFERENCES members,
  brand_id TEXT NOT NULL REFERENCES brands,
  card_sealed BLOB NOT NULL,
  shown_points INTEGER NOT NULL DEFAULT 0,
  wanted_points INTEGER NOT NULL DEFAULT 0,
  request_id TEXT NOT NULL DEFAULT '' CHECK (length(request_id) <= 64),
  state TEXT NOT NULL DEFAULT 'equal' CHECK (state IN ('equal', 'waiting', 'stuck')),
  code TEXT NOT NULL DEFAULT '' CHECK (length(code) <= 64),
  tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
  due_at_ms INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE wechat_notices (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  notice_id TEXT NOT NULL CHECK (length(notice_id) BETWEEN 1 AND 64),
  event_type TEXT NOT NULL CHECK (length(event_type) <= 64),
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) <= 32),
  received_at_ms INTEGER NOT NULL,
  PRIMARY KEY (mch_id, notice_id)
) STRICT;

CREATE TABLE wechat_payments (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  transaction_id TEXT NOT NULL CHECK (length(transaction_id) BETWEEN 1 AND 32),
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) <= 32),
  out_trade_no TEXT NOT NULL CHECK (length(out_trade_no) <= 32),
  state TEXT NOT NULL CHECK (length(state) <= 16),
  total_fen INTEGER NOT NULL CHECK (total_fen BETWEEN 0 AND 1000000000),
  source TEXT NOT NULL CHECK (source IN ('query', 'notice')),
  payer_sealed BLOB,
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (mch_id, transaction_id)
) STRICT;

CREATE TABLE wechat_sub_appids (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  sub_mch_id TEXT NOT NULL CHECK (length(sub_mch_id) BETWEEN 1 AND 32),
  sub_appid TEXT NOT NULL CHECK (length(sub_appid) BETWEEN 1 AND 32),
  PRIMARY KEY (mch_id, sub_mch_id)
) STRICT;

CREATE TABLE wechat_trusted (
  mch_id TEXT NOT NULL REFERENCES wechat_accounts,
  serial TEXT NOT NULL CHECK (length(serial) BETWEEN 1 AND 64),
  pem TEXT NOT NULL CHECK (length(pem) <= 16384),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (mch_id, serial)
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

CREATE TABLE write_offs (
  workstation_id TEXT NOT NULL,
  lease_id TEXT NOT NULL,
  settled INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount >= 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (workstation_id, lease_id)
) STRICT;

CREATE INDEX accounts_pending ON accounts (member_id) WHERE account = 'points_pending' AND balance <> 0;

CREATE INDEX chains_behind ON chains (workstation_id, epoch) WHERE recomputed < watermark;

CREATE INDEX chains_uncounted ON chains (workstation_id, epoch) WHERE counted < watermark;

CREATE INDEX channel_events_member ON channel_events (member_id, business_day);

CREATE INDEX channel_pushes_due ON channel_pushes (due_at_ms) WHERE state = 'waiting';

CREATE INDEX channel_pushes_stuck ON channel_pushes (channel, member_id) WHERE state = 'stuck';

CREATE INDEX claim_backs_event ON claim_backs (workstation_id, epoch, seq);

CREATE INDEX claim_joins_latest ON claim_joins (brand_id, at_ms);

CREATE INDEX claim_joins_member ON claim_joins (member_id) WHERE state = 'parked';

CREATE INDEX claim_joins_parked ON claim_joins (brand_id, sha256, at_ms) WHERE state = 'parked';

CREATE UNIQUE INDEX claims_event ON claims (workstation_id, epoch, seq);

CREATE INDEX claims_taken ON claims (brand_id, sha256) WHERE taken_by <> '';

CREATE INDEX console_log_act ON console_log (act, at_ms);

CREATE INDEX console_sessions_name ON console_sessions (name);

CREATE INDEX coupon_uses_brand ON coupon_uses (brand_id);

CREATE INDEX coupons_astray ON coupons (brand_id)
  WHERE state <> 'void' AND state <> CASE WHEN uses > 0 THEN 'used' ELSE 'issued' END;

CREATE INDEX coupons_batch ON coupons (brand_id, batch_id);

CREATE UNIQUE INDEX coupons_feed ON coupons (brand_id, feed_no);

CREATE INDEX coupons_member ON coupons (member_id);

CREATE INDEX discrepancies_open ON discrepancies (workstation_id) WHERE state = 'open';

CREATE UNIQUE INDEX erasure_requests_open ON erasure_requests (member_id) WHERE state = 'asked';

CREATE INDEX erasures_brand ON erasures (brand_id, at_ms);

CREATE INDEX events_suspended ON events (workstation_id, epoch, seq) WHERE state = 'suspended';

CREATE INDEX exchanges_brand ON exchanges (brand_id, business_day);

CREATE INDEX hq_postings_expired ON hq_postings (member_id, account, bucket) WHERE kind = 'expire';

CREATE INDEX hq_postings_member ON hq_postings (member_id, account, amount);

CREATE UNIQUE INDEX identities_feed ON identities (brand_id, feed_no);

CREATE INDEX identities_member ON identities (member_id);

CREATE INDEX identity_checks_brand ON identity_checks (brand_id, at_ms);

CREATE UNIQUE INDEX items_feed ON items (brand_id, feed_no);

CREATE INDEX lease_closings_lease ON lease_closings (workstation_id, lease_id);

CREATE INDEX lease_closings_wait ON lease_closings (workstation_id) WHERE honoured = 0;

CREATE INDEX leases_event ON leases (workstation_id, epoch, seq);

CREATE INDEX leases_member ON leases (member_id, account) WHERE state = 'open';

CREATE INDEX leases_open ON leases (workstation_id, lease_id) WHERE state = 'open';

CREATE INDEX leases_request ON leases (workstation_id, request_id) WHERE request_id <> '';

CREATE INDEX limit_moves_day ON limit_moves (member_id, business_day) WHERE what = 'recharged';

CREATE INDEX limit_moves_member ON limit_moves (member_id, what, at_ms);

CREATE INDEX link_offers_code ON link_offers (code_sha256);

CREATE INDEX links_brand ON links (brand_id, member_id) WHERE ended_at_ms = 0;

CREATE INDEX links_home ON links (home_id, brand_id);

CREATE INDEX lots_ending ON lots (expires, member_id) WHERE available > 0 AND expires <> '';

CREATE INDEX lottery_draws_day ON lottery_draws (brand_id, lottery_id, business_day, at_ms);

CREATE INDEX lottery_draws_member ON lottery_draws (member_id, lottery_id, business_day);

CREATE INDEX member_days_brand ON member_days (brand_id, business_day);

CREATE INDEX members_birthday ON members (brand_id, birthday) WHERE birthday <> '';

CREATE UNIQUE INDEX members_feed ON members (brand_id, feed_no);

CREATE INDEX members_frozen ON members (brand_id, member_id) WHERE frozen = 1;

CREATE INDEX members_last_day ON members (brand_id, last_day) WHERE last_day <> '';

CREATE INDEX members_unknown_since ON members (brand_id, member_id) WHERE since_day = '';

CREATE UNIQUE INDEX merchants_feed ON merchants (brand_id, feed_no);

CREATE INDEX postings_lease ON postings (workstation_id, lease) WHERE lease <> '';

CREATE INDEX postings_member ON postings (member_id, account, amount);

CREATE INDEX postings_pending ON postings (workstation_id, member_id) WHERE account = 'points_pending';

CREATE INDEX proofs_latest ON proofs (workstation_id, at_ms);

CREATE INDEX redemptions_member ON redemptions (member_id, account, at_ms);

CREATE INDEX referrals_inviter ON referrals (inviter_id, paid_day) WHERE state = 'paid';

CREATE INDEX reminders_number ON reminders (number);

CREATE INDEX reservations_slot ON reservations (brand_id, slot_id, state);

CREATE INDEX restorations_open ON restorations (brand_id) WHERE done_at_ms IS NULL;

CREATE UNIQUE INDEX rule_sets_feed ON rule_sets (brand_id, feed_no);

CREATE INDEX slots_day ON slots (brand_id, business_day, starts_ms);

CREATE INDEX store_days_brand ON store_days (brand_id, business_day);

CREATE INDEX store_standings_brand ON store_standings (brand_id, trouble DESC, store_id);

CREATE INDEX store_standings_level ON store_standings (brand_id, level);

CREATE INDEX store_standings_trouble ON store_standings (trouble DESC, store_id);

CREATE INDEX tasks_done_task ON tasks_done (member_id, task_id, business_day);

CREATE INDEX tier_changes_brand ON tier_changes (brand_id, at_ms);

CREATE INDEX transactions_event ON transactions (workstation_id, epoch, seq);

CREATE INDEX wechat_bill_rows_day ON wechat_bill_rows (mch_id, bill_day);

CREATE INDEX wechat_checks_day ON wechat_checks (mch_id, day);

CREATE INDEX wechat_checks_due ON wechat_checks (mch_id, due_at_ms) WHERE state = 'waiting';

CREATE INDEX wechat_checks_new ON wechat_checks (workstation_id, epoch, seq) WHERE state = 'new';

CREATE INDEX wechat_checks_transaction ON wechat_checks (transaction_id);

CREATE INDEX wechat_differences_open ON wechat_differences (last_seen_ms) WHERE state = 'open';

CREATE INDEX wechat_differences_station ON wechat_differences (workstation_id) WHERE state = 'open';

CREATE INDEX wechat_member_cards_due ON wechat_member_cards (brand_id, due_at_ms) WHERE state = 'waiting';

CREATE INDEX wechat_payments_named ON wechat_payments (at_ms) WHERE payer_sealed IS NOT NULL;

CREATE INDEX workstations_store ON workstations (store_id);
