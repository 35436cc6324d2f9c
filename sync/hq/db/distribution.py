"""How the tables of PostgreSQL would be spread over several machines by Citus (docs/adr/0011); nothing does it yet.

Read by tests/contract/test_hq_schema.py, which proves that the schema allows it, and by whoever does it.
"""

from typing import Final

REFERENCE: Final = frozenset(
    {
        "console_users", "console_sessions", "console_log", "store_standings", "erasure_requests", "hq_identity",
        "brands", "stores", "workstations", "feed_counters", "reader_tokens", "rule_sets", "items", "merchants",
        "coupon_batches", "coupon_stocks", "hq_postings", "grants_made", "restorations", "feed_gaps", "wechat_accounts",
        "wechat_trusted", "wechat_sub_appids", "wechat_bills", "wechat_cards", "member_runs", "channels",
        "sms_gateways",
        "lottery_days", "lottery_stocks", "gifts", "slots", "identity_providers",
    }
)  # fmt: skip
"""Small, or numbered for all of headquarters: on every machine."""

BY_COLUMN: Final = {
    "chains": "workstation_id",
    "event_names": "workstation_id",
    "events": "workstation_id",
    "conflicts": "workstation_id",
    "day_totals": "workstation_id",
    "payers": "workstation_id",
    "postings": "workstation_id",
    "proofs": "workstation_id",
    "seals": "workstation_id",
    "discrepancies": "workstation_id",
    "audits": "workstation_id",
    "recomputations": "workstation_id",
    "leases": "workstation_id",
    "lease_closings": "workstation_id",
    "lease_epochs": "workstation_id",
    "write_offs": "workstation_id",
    "claim_backs": "workstation_id",
    "restoration_answers": "workstation_id",
    "limit_moves": "workstation_id",
    "redemptions": "workstation_id",
    "decisions": "workstation_id",
    "hourly_asks": "workstation_id",
    "members": "member_id",
    "accounts": "member_id",
    "count_cards": "member_id",
    "member_pins": "member_id",
    "sms_codes": "member_id",
    "freezes": "member_id",
    "lots": "member_id",
    "lot_openings": "member_id",
    "identities": "identity_index",
    "coupons": "coupon_id",
    "coupon_uses": "coupon_id",
    "transactions": "transaction_id",
    "claims": "sha256",
    "claim_joins": "request_id",
    "wechat_notices": "notice_id",
    "wechat_payments": "transaction_id",
    "wechat_checks": "transaction_id",
    "wechat_bill_rows": "transaction_id",
    "wechat_differences": "transaction_id",
    "wechat_decisions": "transaction_id",
    "wechat_member_cards": "member_id",
    "member_days": "member_id",
    "store_days": "store_id",
    "tier_changes": "member_id",
    "referrals": "member_id",
    "sign_ins": "member_id",
    "reminders": "member_id",
    "erasures": "member_id",
    "erasure_acks": "member_id",
    "tasks_done": "member_id",
    "exchanges": "member_id",
    "link_offers": "member_id",
    "identity_checks": "member_id",
    "links": "member_id",
    "reservations": "member_id",
    "lottery_draws": "member_id",
    "channel_events": "request_id",
    "channel_pushes": "member_id",
}
"""What is asked for by its own name alone is spread by that name."""

LOCAL: Final = frozenset({"pos_agent_migrations", "pos_agent_floor"})
"""Of the coordinator."""
