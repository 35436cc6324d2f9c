"""The tables of HQ's database, as forward-only migrations; each stands in a sync.hq.schema_* module.

STRICT tables with CHECK bounds; portable SQL (PostgreSQL follows): keys of what grows are led by workstation_id or
member_id, look-ups of a whole brand by brand_id. A row that stores pull carries `feed_no`, its place in the feed of
its brand; a change moves it to the end, a deletion is a tombstone. Applied by agent.sqlite.open_database.
"""

from sqlite_utils.migrations import Migrations

from sync.hq.schema_claims import claims
from sync.hq.schema_console import console, reads
from sync.hq.schema_coupon_uses import coupon_uses
from sync.hq.schema_expiry import expiry
from sync.hq.schema_first import first
from sync.hq.schema_gifts import gifts
from sync.hq.schema_identity import identity
from sync.hq.schema_joint import joint
from sync.hq.schema_leases import leases
from sync.hq.schema_limits import limits
from sync.hq.schema_lookups import hourly_asks
from sync.hq.schema_members import members
from sync.hq.schema_offers import offers
from sync.hq.schema_pins import member_pins, sms
from sync.hq.schema_play import play
from sync.hq.schema_proof import proof
from sync.hq.schema_recompute import recomputations
from sync.hq.schema_redemptions import redemptions
from sync.hq.schema_restored import feed_gaps, restorations
from sync.hq.schema_slots import slots
from sync.hq.schema_wechat import wechat, wechat_decisions

MIGRATIONS = Migrations("hq")

MIGRATIONS(name="m001_first")(first)
MIGRATIONS(name="m002_proof")(proof)
MIGRATIONS(name="m003_offers")(offers)
MIGRATIONS(name="m004_leases")(leases)
MIGRATIONS(name="m005_claims")(claims)
MIGRATIONS(name="m006_recomputations")(recomputations)
MIGRATIONS(name="m007_restorations")(restorations)
MIGRATIONS(name="m008_expiry")(expiry)
MIGRATIONS(name="m009_wechat")(wechat)
MIGRATIONS(name="m010_limits")(limits)
MIGRATIONS(name="m011_members")(members)
MIGRATIONS(name="m012_console")(console)
MIGRATIONS(name="m013_wechat_decisions")(wechat_decisions)
MIGRATIONS(name="m014_coupon_uses")(coupon_uses)
MIGRATIONS(name="m015_reads")(reads)
MIGRATIONS(name="m016_feed_gaps")(feed_gaps)
MIGRATIONS(name="m017_redemptions")(redemptions)
MIGRATIONS(name="m018_asks")(hourly_asks)
MIGRATIONS(name="m019_pins")(member_pins)
MIGRATIONS(name="m020_play")(play)
MIGRATIONS(name="m021_gifts")(gifts)
MIGRATIONS(name="m022_slots")(slots)
MIGRATIONS(name="m023_joint")(joint)
MIGRATIONS(name="m024_identity")(identity)
MIGRATIONS(name="m025_sms")(sms)
