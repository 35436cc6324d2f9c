"""Member cards at WeChat: which a brand has, which card is whose, and balances that WeChat must still be told.

Called by sync.hq.wechat_office and sync.hq.wechat_desk inside their transactions. The members' own feed says whose
balance changed; what is sent is the balance itself, under an id that stays the same until it is answered.
"""

import json
from dataclasses import dataclass, field
from typing import Final

from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.domain.ledger import POINTS_ACCOUNT
from agent.ports import Entropy
from sync.hq.bounds import WECHAT_CARD_TRIES, WECHAT_CHECKS_A_STEP, WECHAT_RETRY_BASE_S, WECHAT_RETRY_CAP_S
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import brand_row, index_key
from sync.hq.keys import HqKeys
from sync.protocol import identity_index
from sync.wechat.cards import CardPoints, Generation
from sync.wechat.fields import ID, OPENID

_REQUEST_BYTES: Final = 15


@dataclass(frozen=True, slots=True)
class BrandCard:
    """The card a brand has at WeChat, and the merchant number that may call for it."""

    brand_id: str
    generation: Generation
    mch_id: str = ""
    card_id: str = ""
    wechat_brand_id: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """One card to tell WeChat about."""

    member_id: str
    generation: Generation
    mch_id: str
    tries: int
    points: CardPoints = field(repr=False)


def put(connection: Connection, card: BrandCard) -> None:
    """Say which card a brand has. Refusal WECHAT_ID_INVALID, BRAND_UNKNOWN."""
    brand_row(connection, card.brand_id)
    needed = {
        Generation.LINK: (),
        Generation.OPEN: (card.mch_id, card.card_id),
        Generation.BRAND: (card.mch_id, card.card_id, card.wechat_brand_id),
    }[card.generation]
    if not all(ID.fullmatch(one) or OPENID.fullmatch(one) for one in needed):
        what = f"a card of generation {card.generation} needs --mch, --card" + (
            " and --wechat-brand" if card.generation is Generation.BRAND else ""
        )
        raise Refusal("WECHAT_ID_INVALID", what, hint="copy them from the merchant platform", field="card_id")
    connection.execute(
        "INSERT INTO wechat_cards (brand_id, generation, mch_id, card_id, wechat_brand_id)"
        " VALUES (:brand_id, :generation, :mch_id, :card_id, :wechat_brand_id) ON CONFLICT (brand_id) DO UPDATE SET"
        " generation = excluded.generation, mch_id = excluded.mch_id, card_id = excluded.card_id,"
        " wechat_brand_id = excluded.wechat_brand_id, members_seen = 0",
        {
            "brand_id": card.brand_id, "generation": card.generation.value, "mch_id": card.mch_id,
            "card_id": card.card_id, "wechat_brand_id": card.wechat_brand_id,
        },
    )  # fmt: skip


def of_brand(connection: Connection, brand_id: str) -> BrandCard:
    """The card of a brand; the plain link where nobody said otherwise."""
    row = connection.execute("SELECT * FROM wechat_cards WHERE brand_id = :id", {"id": brand_id}).fetchone()
    if row is None:
        return BrandCard(brand_id, Generation.LINK)
    return BrandCard(
        brand_id, Generation(row["generation"]), row["mch_id"], row["card_id"], row["wechat_brand_id"]
    )  # fmt: skip


def link(
    connection: Connection, keys: HqKeys, brand_id: str, member_number: str, code: str, openid: str, shown: int
) -> None:
    """Say which card code (and openid under the card's appid) is a member's; `shown` is what WeChat shows now.

    Refusal MEMBER_UNKNOWN (404), WECHAT_ID_INVALID.
    """
    if not ID.fullmatch(code) or not (openid == "" or OPENID.fullmatch(openid)):
        raise Refusal("WECHAT_ID_INVALID", "the card code or openid does not have WeChat's form", field="code")
    index = identity_index(index_key(connection, keys, brand_id), "code", member_number)
    row = connection.execute(
        "SELECT member_id FROM identities WHERE brand_id = :brand AND identity_index = :index AND deleted = 0",
        {"brand": brand_id, "index": index},
    ).fetchone()
    if row is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", field="member_number", status=404)
    member_id = row["member_id"]
    secret = json.dumps({"code": code, "openid": openid}).encode()
    connection.execute(
        "INSERT INTO wechat_member_cards (member_id, brand_id, card_sealed, shown_points)"
        " VALUES (:member, :brand, :sealed, :shown) ON CONFLICT (member_id) DO UPDATE SET"
        " card_sealed = excluded.card_sealed, shown_points = excluded.shown_points, state = 'equal', code = '',"
        " tries = 0",
        {
            "member": member_id, "brand": brand_id, "shown": shown,
            "sealed": keys.seal("wechat_member_cards", "card", member_id, secret),
        },
    )  # fmt: skip
    _want(connection, member_id, _points_of(connection, member_id), 0, "")


# --- which balances changed -----------------------------------------------------------------------------------------
def look(connection: Connection, entropy: Entropy, now_ms: int) -> int:
    """Queue cards whose members' rows moved in their feed since the last look; how many rows were looked at."""
    looked = 0
    brands = connection.execute(
        "SELECT brand_id, members_seen FROM wechat_cards WHERE generation <> 'link' ORDER BY brand_id"
    ).fetchall()
    for brand in brands:
        rows = connection.execute(
            "SELECT m.member_id, m.feed_no, c.shown_points, c.wanted_points, c.state,"
            " m.opening_points + COALESCE((SELECT a.balance FROM accounts a WHERE a.member_id = m.member_id"
            f" AND a.account = '{POINTS_ACCOUNT}'), 0) AS points FROM members m"
            " LEFT JOIN wechat_member_cards c ON c.member_id = m.member_id"
            " WHERE m.brand_id = :brand AND m.feed_no > :seen ORDER BY m.feed_no LIMIT :limit",
            {"brand": brand["brand_id"], "seen": brand["members_seen"], "limit": WECHAT_CHECKS_A_STEP},
        ).fetchall()
        for row in rows:
            if row["state"] is not None and _is_news(row):
                request_id = random_id("pts", entropy.token(_REQUEST_BYTES))
                _want(connection, row["member_id"], row["points"], now_ms, request_id)
        if rows:
            connection.execute(
                "UPDATE wechat_cards SET members_seen = :seen WHERE brand_id = :brand",
                {"seen": rows[-1]["feed_no"], "brand": brand["brand_id"]},
            )
        looked += len(rows)
    return looked


def _is_news(row: Row) -> bool:
    told = row["shown_points"] if row["state"] == "equal" else row["wanted_points"]
    return bool(row["points"] != told)


def _points_of(connection: Connection, member_id: str) -> int:
    row = connection.execute(
        "SELECT m.opening_points + COALESCE((SELECT a.balance FROM accounts a WHERE a.member_id = m.member_id"
        f" AND a.account = '{POINTS_ACCOUNT}'), 0) AS points FROM members m WHERE m.member_id = :id",
        {"id": member_id},
    ).fetchone()
    return int(row["points"])


def _want(connection: Connection, member_id: str, points: int, now_ms: int, request_id: str) -> None:
    connection.execute(
        "UPDATE wechat_member_cards SET wanted_points = :points, request_id = :request, state = CASE"
        " WHEN shown_points = :points THEN 'equal' ELSE 'waiting' END, tries = 0, code = '', due_at_ms = :now"
        " WHERE member_id = :member",
        {"points": points, "request": request_id, "now": now_ms, "member": member_id},
    )


# --- telling WeChat -------------------------------------------------------------------------------------------------
def due(connection: Connection, keys: HqKeys, entropy: Entropy, now_ms: int) -> Due | None:
    """The next card to tell WeChat about, of a merchant that may be asked."""
    row = connection.execute(
        "SELECT m.*, c.generation, c.mch_id, c.card_id, c.wechat_brand_id FROM wechat_member_cards m"
        " JOIN wechat_cards c ON c.brand_id = m.brand_id JOIN wechat_accounts a ON a.mch_id = c.mch_id"
        " AND a.quiet_until_ms <= :now WHERE m.state = 'waiting' AND m.due_at_ms <= :now"
        " AND c.generation <> 'link' ORDER BY m.due_at_ms LIMIT 1",
        {"now": now_ms},
    ).fetchone()
    if row is None:
        return None
    request_id = row["request_id"] or random_id("pts", entropy.token(_REQUEST_BYTES))
    if not row["request_id"]:  # ORDER: the id is in the books before WeChat hears it, so that a restart repeats it
        connection.execute(
            "UPDATE wechat_member_cards SET request_id = :request WHERE member_id = :member",
            {"request": request_id, "member": row["member_id"]},
        )
    card = json.loads(keys.open("wechat_member_cards", "card", row["member_id"], bytes(row["card_sealed"])))
    points = CardPoints(
        row["card_id"], card["code"], request_id, row["shown_points"], row["wanted_points"], row["wechat_brand_id"],
        card["openid"],
    )  # fmt: skip
    return Due(row["member_id"], Generation(row["generation"]), row["mch_id"], row["tries"], points)


def told(connection: Connection, one: Due) -> None:
    """WeChat took a balance; a newer one that came meanwhile stays due."""
    connection.execute(
        "UPDATE wechat_member_cards SET shown_points = :points, state = CASE WHEN wanted_points = :points"
        " THEN 'equal' ELSE 'waiting' END, tries = 0, code = '' WHERE member_id = :member",
        {"points": one.points.points, "member": one.member_id},
    )


def failed(connection: Connection, one: Due, code: str, now_ms: int, *, counts: bool) -> None:
    """WeChat did not take it: later again, and after too many refusals a person must look."""
    wait_s = min(WECHAT_RETRY_CAP_S, WECHAT_RETRY_BASE_S * 2 ** min(one.tries, 16))
    stuck = counts and one.tries + 1 >= WECHAT_CARD_TRIES
    connection.execute(
        "UPDATE wechat_member_cards SET tries = tries + 1, code = :code, due_at_ms = :due, state = :state"
        " WHERE member_id = :member",
        {
            "code": code[:64], "due": now_ms + wait_s * 1000, "state": "stuck" if stuck else "waiting",
            "member": one.member_id,
        },
    )  # fmt: skip
