"""Lotteries (S29), drawn at HQ by a number that was committed to before; stocks are never oversold.

`draw` is called by sync.hq.channel_events inside its transaction, which holds the brand: one draw after another.
`shown` tells channels and people what a day was drawn by. The seed of a day follows from HQ's data key, so that a
restored copy draws the same; whoever holds that key can know it ahead, nobody else.
"""

from typing import Any, Final, Literal, cast

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.lottery import commitment, drawn, picked
from agent.domain.play_rule import NOTHING, LotteryRule, Prize
from agent.domain.rules import RuleSet
from sync.channel_protocol import ChannelEvent, DrawnPrize, LotteryDay
from sync.hq import own_books, packs
from sync.hq.bounds import DRAWS_LISTED
from sync.hq.channel_booked import Booked
from sync.hq.channel_takes import take
from sync.hq.channels import Channel
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import brand_row
from sync.hq.keys import HqKeys
from sync.hq.own_rows import OwnPosting
from sync.hq.recompute import RuleBook

Outcome = Literal["points", "coupon", "nothing", "gone"]
DRAW: Final = "draw"
GONE: Final = "gone"
"""A prize that was drawn when its stock, or its batch, was used up."""


def draw(
    connection: Connection,
    keys: HqKeys,
    channel: Channel,
    rules: RuleSet,
    member_id: str,
    ask: ChannelEvent,
    now_ms: int,
) -> Booked:
    """Draw once: take what it costs, pick a prize, give it.

    Refusal 404 LOTTERY_UNKNOWN, 409 LOTTERY_CLOSED, DRAWS_USED_UP, and what `take` refuses.
    """
    day = business_day(now_ms)
    rule = _rule(rules, ask.lottery_id)
    if not rule.open_on(day):
        raise Refusal("LOTTERY_CLOSED", "this lottery is not open today", field="lottery_id", status=409)
    seed = _committed(connection, keys, channel.brand_id, rule.lottery_id, day, now_ms)
    cost = _cost(connection, rule, member_id, day)
    if cost:
        take(connection, channel.brand_id, member_id, POINTS_ACCOUNT, "", cost, now_ms)
    number = drawn(seed, rule.lottery_id, day, channel.name, ask.request_id, member_id)
    prize = rule.prizes[picked(number, [one.weight for one in rule.prizes])]
    outcome, coupon_id = _give(connection, keys, channel, rules, rule, prize, member_id, ask.request_id, now_ms)
    connection.execute(
        "INSERT INTO lottery_draws (member_id, channel, request_id, brand_id, lottery_id, business_day, rules_version,"
        " prize_id, outcome, cost_points, at_ms) VALUES (:member, :channel, :request, :brand, :lottery, :day, :version,"
        " :prize, :outcome, :cost, :now)",
        {
            "member": member_id, "channel": channel.name, "request": ask.request_id, "brand": channel.brand_id,
            "lottery": rule.lottery_id, "day": day, "version": rules.version, "prize": prize.prize_id,
            "outcome": outcome, "cost": cost, "now": now_ms,
        },
    )  # fmt: skip
    won = DrawnPrize(
        prize_id=prize.prize_id, name=prize.name, outcome=outcome, points=prize.points if outcome == "points" else 0,
        coupon_id=coupon_id, number=f"{number:064x}", commitment=commitment(seed),
    )  # fmt: skip
    return Booked(-cost, 0, day, spent=cost > 0, won_points=won.points, more={"prize": won})


def _rule(rules: RuleSet, lottery_id: str) -> LotteryRule:
    for one in rules.lotteries:
        if one.lottery_id == lottery_id:
            return one
    raise Refusal("LOTTERY_UNKNOWN", "the rules in force have no such lottery", field="lottery_id", status=404)


def _cost(connection: Connection, rule: LotteryRule, member_id: str, day: str) -> int:
    """What the member's next draw of the day costs; the free ones come first."""
    key = {"member": member_id, "lottery": rule.lottery_id, "day": day}
    done = connection.execute(
        "SELECT COUNT(*) FROM lottery_draws WHERE member_id = :member AND lottery_id = :lottery"
        " AND business_day = :day",
        key,
    ).fetchone()[0]
    if done >= rule.draws_a_day:
        why = f"{rule.draws_a_day} draws a day, and they are used up"
        raise Refusal("DRAWS_USED_UP", why, field="lottery_id", status=409)
    return 0 if done < rule.free_a_day else rule.cost_points


def _give(
    connection: Connection,
    keys: HqKeys,
    channel: Channel,
    rules: RuleSet,
    rule: LotteryRule,
    prize: Prize,
    member_id: str,
    request_id: str,
    now_ms: int,
) -> tuple[Outcome, str]:
    """Give a prize: (outcome, coupon id). One whose stock is used up is gone; the others are no likelier for it."""
    if prize.kind == NOTHING:
        return NOTHING, ""
    key = {"brand": channel.brand_id, "lottery": rule.lottery_id, "prize": prize.prize_id}
    held = connection.execute(
        "SELECT given FROM lottery_stocks WHERE brand_id = :brand AND lottery_id = :lottery AND prize_id = :prize", key
    ).fetchone()
    if prize.stock is not None and (0 if held is None else held["given"]) >= prize.stock:
        return GONE, ""
    reference, coupon_id = f"{channel.name}.{request_id}", ""
    if prize.kind == "coupon":
        coupon_id = packs.coupon_for(
            connection, keys, channel.brand_id, prize.batch_id, member_id, f"{DRAW} {reference}", now_ms
        )  # fmt: skip
        if not coupon_id:
            return GONE, ""
    else:
        expires = rules.points_expire(business_day(now_ms))
        own_books.post(
            connection,
            OwnPosting(channel.brand_id, DRAW, reference, member_id, POINTS_ACCOUNT, prize.points, expires, now_ms),
        )
    connection.execute(
        "INSERT INTO lottery_stocks (brand_id, lottery_id, prize_id, given) VALUES (:brand, :lottery, :prize, 1)"
        " ON CONFLICT (brand_id, lottery_id, prize_id) DO UPDATE SET given = lottery_stocks.given + 1",
        key,
    )
    return cast("Outcome", prize.kind), coupon_id


# --- what it was drawn by -------------------------------------------------------------------------------------------
def _seed(keys: HqKeys, brand_id: str, lottery_id: str, day: str) -> bytes:
    return keys.mark("lottery", f"{brand_id}\n{lottery_id}\n{day}".encode())


def _committed(
    connection: Connection, keys: HqKeys, brand_id: str, lottery_id: str, day: str, now_ms: int
) -> bytes:  # fmt: skip
    """The seed of a day, whose commitment is kept from the first time anybody asks."""
    seed = _seed(keys, brand_id, lottery_id, day)
    connection.execute(
        "INSERT INTO lottery_days (brand_id, lottery_id, business_day, commitment, at_ms) VALUES (:brand, :lottery,"
        " :day, :commitment, :now) ON CONFLICT DO NOTHING",
        {"brand": brand_id, "lottery": lottery_id, "day": day, "commitment": commitment(seed), "now": now_ms},
    )
    return seed


def shown(
    connection: Connection, keys: HqKeys, rules: RuleSet, brand_id: str, lottery_id: str, day: str, now_ms: int
) -> LotteryDay:
    """The commitment of a business day, at once for today and tomorrow; the seed of one that is over.

    Refusal 404 LOTTERY_UNKNOWN; a day that nobody asked about or drew on has neither.
    """
    brand_row(connection, brand_id)
    today = business_day(now_ms)
    if today <= day <= business_day(now_ms + 86_400_000):
        _rule(rules, lottery_id)
        _committed(connection, keys, brand_id, lottery_id, day, now_ms)
    row = connection.execute(
        "SELECT commitment FROM lottery_days WHERE brand_id = :brand AND lottery_id = :lottery AND business_day = :day",
        {"brand": brand_id, "lottery": lottery_id, "day": day},
    ).fetchone()
    if row is None:
        raise Refusal("LOTTERY_UNKNOWN", "nothing was committed to for this day", field="lottery_id", status=404)
    seed = _seed(keys, brand_id, lottery_id, day).hex() if day < today else ""
    return LotteryDay(lottery_id=lottery_id, business_day=day, commitment=row["commitment"], seed=seed)


def draws(
    connection: Connection, keys: HqKeys, book: RuleBook, brand_id: str, lottery_id: str, day: str, after: str
) -> tuple[list[dict[str, Any]], str]:
    """One page of a day's draws, each drawn again; and the place to ask from next, "" at the end."""
    seed = _seed(keys, brand_id, lottery_id, day)
    rows = connection.execute(
        "SELECT * FROM lottery_draws WHERE brand_id = :brand AND lottery_id = :lottery AND business_day = :day"
        " AND channel || ' ' || request_id > :after ORDER BY channel || ' ' || request_id LIMIT :limit",
        {"brand": brand_id, "lottery": lottery_id, "day": day, "after": after, "limit": DRAWS_LISTED},
    ).fetchall()
    found = [{**dict(row), "follows": _follows(connection, book, seed, row)} for row in rows]
    last = f"{rows[-1]['channel']} {rows[-1]['request_id']}" if len(rows) == DRAWS_LISTED else ""
    return found, last


def _follows(connection: Connection, book: RuleBook, seed: bytes, row: Row) -> bool:
    """Whether a recorded draw is what its seed, names and rules give."""
    rules = book.get(connection, row["brand_id"], row["rules_version"])
    rule = next((one for one in rules.lotteries if one.lottery_id == row["lottery_id"]), None) if rules else None
    if rule is None:
        return False
    names = (row["lottery_id"], row["business_day"], row["channel"], row["request_id"], row["member_id"])
    prize = rule.prizes[picked(drawn(seed, *names), [one.weight for one in rule.prizes])]
    return bool(prize.prize_id == row["prize_id"] and row["outcome"] in (prize.kind, GONE))
