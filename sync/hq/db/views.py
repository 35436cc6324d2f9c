"""Figures of S66 as views, one text for both engines: joins, active members, tickets, exchange, coupons, RFM.

Applied by sync.hq.schema_members and sync.hq.db.migrations; read by sync.hq.metrics. They read facts that
sync.hq.member_counts keeps, never the text of events. Sums are whole before they are divided: rates are
basis points without their fraction, and null where there is nothing to divide by.
"""

from typing import Final

VIEWS: Final = """
CREATE VIEW metric_joins AS
  SELECT brand_id, month, offered, joined, CASE WHEN offered > 0 THEN joined * 10000 / offered END AS rate_bp
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, CAST(SUM(claims) AS bigint) AS offered,
    CAST(SUM(joined) AS bigint) AS joined FROM store_days GROUP BY brand_id, substr(business_day, 1, 7)) AS s;
CREATE VIEW metric_active AS
  SELECT brand_id, month, active, members, CASE WHEN members > 0 THEN active * 10000 / members END AS rate_bp
  FROM (SELECT a.brand_id, a.month, a.active, (SELECT COUNT(*) FROM members m WHERE m.brand_id = a.brand_id
      AND m.status = 'active' AND m.since_day <> '' AND substr(m.since_day, 1, 7) <= a.month) AS members
    FROM (SELECT d.brand_id, substr(d.business_day, 1, 7) AS month, COUNT(DISTINCT d.member_id) AS active
      FROM member_days d JOIN members n ON n.member_id = d.member_id AND n.status = 'active'
      WHERE d.spend_fen > 0 GROUP BY d.brand_id, substr(d.business_day, 1, 7)) AS a) AS b;
CREATE VIEW metric_tickets AS
  SELECT brand_id, month, sales, paid_fen, member_sales, member_paid_fen,
    CASE WHEN sales > 0 THEN paid_fen / sales END AS ticket_fen,
    CASE WHEN member_sales > 0 THEN member_paid_fen / member_sales END AS member_ticket_fen
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, CAST(SUM(sales) AS bigint) AS sales,
    CAST(SUM(paid_fen) AS bigint) AS paid_fen, CAST(SUM(member_sales) AS bigint) AS member_sales,
    CAST(SUM(member_paid_fen) AS bigint) AS member_paid_fen
    FROM store_days GROUP BY brand_id, substr(business_day, 1, 7)) AS s;
CREATE VIEW metric_arpu AS
  SELECT brand_id, month, buyers, spend_fen, spend_fen / buyers AS arpu_fen
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, COUNT(DISTINCT member_id) AS buyers,
    CAST(SUM(spend_fen) AS bigint) AS spend_fen
    FROM member_days WHERE spend_fen > 0 GROUP BY brand_id, substr(business_day, 1, 7)) AS d;
CREATE VIEW metric_exchange AS
  SELECT brand_id, month, earned, redeemed, CASE WHEN earned > 0 THEN redeemed * 10000 / earned END AS rate_bp
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month, CAST(SUM(earned) AS bigint) AS earned,
    CAST(SUM(redeemed) AS bigint) AS redeemed FROM member_days GROUP BY brand_id, substr(business_day, 1, 7)) AS d;
CREATE VIEW metric_coupons AS
  SELECT brand_id, batch_id, first_day, last_day, issued, used, withdrawn,
    CASE WHEN issued > withdrawn THEN used * 10000 / (issued - withdrawn) END AS rate_bp
  FROM (SELECT brand_id, batch_id, MIN(start_day) AS first_day, MAX(end_day) AS last_day, COUNT(*) AS issued,
    CAST(SUM(CASE WHEN state = 'used' THEN 1 ELSE 0 END) AS bigint) AS used,
    CAST(SUM(CASE WHEN state = 'void' THEN 1 ELSE 0 END) AS bigint) AS withdrawn
    FROM coupons GROUP BY brand_id, batch_id) AS c;
CREATE VIEW metric_rfm AS
  SELECT d.brand_id, d.member_id, substr(d.business_day, 1, 7) AS month, MAX(d.business_day) AS last_day,
    COUNT(*) AS visits, CAST(SUM(d.spend_fen) AS bigint) AS spend_fen
  FROM member_days d JOIN members m ON m.member_id = d.member_id AND m.status = 'active'
  WHERE d.spend_fen > 0 GROUP BY d.brand_id, d.member_id, substr(d.business_day, 1, 7);
"""

GIFTS: Final = """
CREATE VIEW metric_gifts AS
  SELECT brand_id, month, virtual_gifts, physical_gifts, points,
    virtual_gifts * 10000 / (virtual_gifts + physical_gifts) AS virtual_bp
  FROM (SELECT brand_id, substr(business_day, 1, 7) AS month,
    CAST(SUM(CASE WHEN kind = 'virtual' THEN 1 ELSE 0 END) AS bigint) AS virtual_gifts,
    CAST(SUM(CASE WHEN kind = 'physical' THEN 1 ELSE 0 END) AS bigint) AS physical_gifts,
    CAST(SUM(points) AS bigint) AS points
    FROM exchanges WHERE returned = 0 GROUP BY brand_id, substr(business_day, 1, 7)) AS e;
"""
"""Gifts that went out and stayed out, by the month of their exchange (S30)."""

CYCLE: Final = """
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
"""
"""How long after it was issued a coupon is used (S50): of one that came back and was used again, the last use."""
