"""What HQ gives a member once: the new-member pack (S08), coupons of birthdays and for those who stayed away.

Called by sync.hq.joining, sync.hq.reminders and sync.hq.members_office inside their transactions. Ids follow from what
a thing is given for, so giving again gives nothing more.
"""

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.rules import RuleSet
from sync.hq import coupon_write, own_books
from sync.hq.bounds import COUPON_ID_BYTES
from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys
from sync.hq.own_rows import OwnPosting

JOIN = "join"


def give(
    connection: Connection, keys: HqKeys, brand_id: str, rules: RuleSet, member_id: str, now_ms: int
) -> tuple[int, str]:
    """Give the new-member pack, once per member: (points, coupon id) that came of it now; "" where there is none."""
    offer = rules.join_offer
    expires = rules.points_expire(business_day(now_ms))
    posting = OwnPosting(brand_id, JOIN, member_id, member_id, POINTS_ACCOUNT, offer.points, expires, now_ms)
    points = offer.points if own_books.post(connection, posting) else 0
    if offer.points and not points:  # the pack was given before, perhaps with a coupon of a random id
        coupon_id = coupon_id_for(keys, member_id, JOIN)
        return 0, coupon_id if coupon_write.coupon(connection, coupon_id) is not None else ""
    return points, coupon_for(connection, keys, brand_id, offer.batch_id, member_id, JOIN, now_ms)


def coupon_for(
    connection: Connection, keys: HqKeys, brand_id: str, batch_id: str, member_id: str, reason: str, now_ms: int
) -> str:
    """Issue a coupon of a batch for one reason, once; its id. "" where the batch has ended or is out of stock."""
    if not batch_id:
        return ""
    coupon_id = coupon_id_for(keys, member_id, reason)
    if coupon_write.coupon(connection, coupon_id) is not None:
        return coupon_id
    number = number_of(connection, keys, brand_id, member_id)
    try:
        coupon_write.issue(connection, keys, brand_id, batch_id, number, coupon_id, now_ms)
    except Refusal:
        return ""
    return coupon_id


def coupon_id_for(keys: HqKeys, member_id: str, reason: str) -> str:
    """An id that only this HQ can make, and makes again for the same member and reason."""
    return random_id("c", keys.mark("coupon", f"{member_id}\n{reason}".encode())[:COUPON_ID_BYTES])


def number_of(connection: Connection, keys: HqKeys, brand_id: str, member_id: str) -> str:
    """The first code of a member, which is the number a new one was given; "" where there is none."""
    row = connection.execute(
        "SELECT identity_index, value_sealed FROM identities WHERE member_id = :id AND kind = 'code'"
        " AND deleted = 0 ORDER BY feed_no LIMIT 1",
        {"id": member_id},
    ).fetchone()
    if row is None:
        return ""
    place = f"{brand_id}/{bytes(row['identity_index']).hex()}"
    return keys.open("identities", "value", place, bytes(row["value_sealed"])).decode()
