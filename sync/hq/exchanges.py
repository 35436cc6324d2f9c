"""Points exchanged for gifts of the catalogue (S30): out of free lots, once per request, never more than there are.

Called by sync.hq.channel_events inside its transaction, which holds the brand: one exchange after another.
"""

import json
from typing import Final

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ledger import COUPON_ACCOUNT, POINTS_ACCOUNT
from agent.domain.rules import RuleSet
from sync.channel_protocol import ChannelEvent, GiftOffer, GiftsOffered, GivenGift
from sync.hq import cooldown, coupon_write, gift_write, lots, packs
from sync.hq.channel_booked import Booked
from sync.hq.channel_takes import give_back, take
from sync.hq.channels import Channel
from sync.hq.db.seam import Connection, Row
from sync.hq.keys import HqKeys

EXCHANGE: Final = "exchange"


def exchange(
    connection: Connection,
    keys: HqKeys,
    channel: Channel,
    rules: RuleSet,
    member_id: str,
    ask: ChannelEvent,
    now_ms: int,
) -> Booked:
    """Take a gift's points and give it: Refusal 404 GIFT_UNKNOWN, 409 GIFT_GONE, and what `take` refuses.

    A coupon is issued at once; anything else is the channel's to deliver.
    """
    key = {"brand": channel.brand_id, "gift": ask.gift_id}
    gift = connection.execute("SELECT * FROM gifts WHERE brand_id = :brand AND gift_id = :gift", key).fetchone()
    if gift is None or gift["is_off"]:
        raise Refusal("GIFT_UNKNOWN", "this brand offers no such gift", field="gift_id", status=404)
    if gift["stock"] is not None and gift["given"] >= gift["stock"]:
        raise Refusal("GIFT_GONE", "none of this gift are left", field="gift_id", status=409)
    cooldown.require(connection, rules, member_id, POINTS_ACCOUNT, now_ms)
    taken = take(connection, channel.brand_id, member_id, POINTS_ACCOUNT, "", gift["points"], now_ms)
    coupon_id = _coupon(connection, keys, channel, gift, member_id, ask.request_id, now_ms)
    day = business_day(now_ms)
    connection.execute("UPDATE gifts SET given = given + 1 WHERE brand_id = :brand AND gift_id = :gift", key)
    connection.execute(
        "INSERT INTO exchanges (member_id, channel, request_id, brand_id, gift_id, kind, points, coupon_id,"
        " business_day, at_ms) VALUES (:member, :channel, :request, :brand, :gift, :kind, :points, :coupon, :day,"
        " :now)",
        {
            **key, "member": member_id, "channel": channel.name, "request": ask.request_id, "kind": gift["kind"],
            "points": gift["points"], "coupon": coupon_id, "day": day, "now": now_ms,
        },
    )  # fmt: skip
    cooldown.note(connection, channel.brand_id, rules, member_id, POINTS_ACCOUNT, now_ms)
    given = GivenGift(gift_id=gift["gift_id"], name=gift["name"], kind=gift["kind"], coupon_id=coupon_id)
    took = {"lots": [list(one) for one in taken]}
    return Booked(-gift["points"], 0, day, took, spent=True, more={"gift": given})  # type: ignore[arg-type]


def _coupon(
    connection: Connection, keys: HqKeys, channel: Channel, gift: Row, member_id: str, request_id: str, now_ms: int
) -> str:
    if not gift["batch_id"]:
        return ""
    reason = f"{EXCHANGE} {channel.name}.{request_id}"
    found = packs.coupon_for(connection, keys, channel.brand_id, gift["batch_id"], member_id, reason, now_ms)
    if not found:
        why = "the coupon batch of this gift has ended or is used up"
        raise Refusal("GIFT_GONE", why, field="gift_id", status=409)
    return found


def back(connection: Connection, channel: Channel, of: Row, now_ms: int) -> Booked:
    """Undo an exchange, whole and once: points into their lots, the gift into stock, its coupon withdrawn.

    Refusal 409 NOTHING_TO_RETURN (undone before), COUPON_NOT_FREE (its coupon was used, has ended, or a till holds it).
    """
    key = {"member": of["member_id"], "channel": of["channel"], "request": of["request_id"]}
    done = connection.execute(
        "UPDATE exchanges SET returned = 1 WHERE member_id = :member AND channel = :channel AND request_id = :request"
        " AND returned = 0 RETURNING brand_id, gift_id, points, coupon_id",
        key,
    ).fetchone()
    if done is None:
        raise Refusal("NOTHING_TO_RETURN", "this exchange was undone before", field="of", status=409)
    if done["coupon_id"]:
        _take_coupon_back(connection, channel.brand_id, of["member_id"], done["coupon_id"], now_ms)
    connection.execute(
        "UPDATE gifts SET given = given - 1 WHERE brand_id = :brand AND gift_id = :gift",
        {"brand": done["brand_id"], "gift": done["gift_id"]},
    )
    taken = json.loads(of["took"])["lots"]
    give_back(connection, channel.brand_id, of["member_id"], POINTS_ACCOUNT, taken, 0, done["points"], now_ms)
    return Booked(done["points"], 0, of["business_day"])


def _take_coupon_back(connection: Connection, brand_id: str, member_id: str, coupon_id: str, now_ms: int) -> None:
    free = lots.grantable(connection, member_id, COUPON_ACCOUNT, coupon_id, business_day(now_ms))
    if not free or not coupon_write.withdraw(connection, brand_id, coupon_id):
        raise Refusal("COUPON_NOT_FREE", "the coupon of this exchange is not free", field="of", status=409)


def offered(connection: Connection, brand_id: str) -> GiftsOffered:
    """The catalogue as a channel shows it."""
    found = []
    for row in gift_write.gifts(connection, brand_id):
        if not row["is_off"]:
            left = None if row["stock"] is None else row["stock"] - row["given"]
            found.append(
                GiftOffer(gift_id=row["gift_id"], name=row["name"], kind=row["kind"], points=row["points"], left=left)
            )
    return GiftsOffered(gifts=found)
