"""Member cards at WeChat: what is sent for a join QR and for a balance of points, by generation (facts/wechat.md D).

Pure; called by sync.hq.wechat_desk, which signs and sends. Balances are absolute and every request has an id of its
own, so that one sent twice changes nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from agent.domain.errors import Refusal

_OUTER: Final = re.compile(r"[0-9a-zA-Z_\-]{1,32}")  # narrower than D.2's, so that it needs no escaping anywhere


class Generation(StrEnum):
    """Which of WeChat's member cards a brand has."""

    LINK = "link"
    """None, or cards without a QR of WeChat's (商家名片, generation 3): the QR holds the brand's own page."""
    OPEN = "open"
    """会员卡 `membercard-open` (generation 2)."""
    BRAND = "brand"
    """商家名片会员 `brand/partner/card-member` (generation 3): points only; it has no QR (D.3)."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One call to make."""

    method: str
    target: str
    body: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class CardPoints:
    """A member's card, and what its balance is to become. `before` is what WeChat shows as far as HQ knows."""

    card_id: str
    code: str
    request_id: str
    before: int
    points: int
    wechat_brand_id: str = ""
    openid: str = ""


def join_link(join_url: str, scene: str) -> str:
    """Write the merchant's own link: the join page, and where it was shown. Refusal WECHAT_SCENE_INVALID.

    >>> join_link("https://example.com/join?b=1", "S001-counter")
    'https://example.com/join?b=1&s=S001-counter'
    """
    _check_scene(scene)
    parts = urlsplit(join_url)
    query = "&".join(one for one in (parts.query, urlencode({"s": scene})) if one)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))


def join_ask(card_id: str, scene: str) -> Ask:
    """Ask generation 2 for a card's QR; the answer's `url` is what the QR holds. Refusal WECHAT_SCENE_INVALID.

    >>> join_ask("pbLatj", "S001").target
    '/v3/marketing/membercard-open/cards/pbLatj/qrcode'
    """
    _check_scene(scene)
    target = f"/v3/marketing/membercard-open/cards/{quote(card_id, safe='')}/qrcode"
    return Ask("POST", target, {"activate_type": "AUTO_ACTIVATE", "outer_str": scene})


def points_ask(generation: Generation, card: CardPoints) -> Ask:
    """Tell WeChat a card's balance. A balance below zero (debt) shows as zero: WeChat knows no debt.

    >>> points_ask(Generation.OPEN, CardPoints("c", "1", "r1", 100, 40)).body["add_bonus_value"]
    -60
    """
    points = max(0, card.points)
    if generation is Generation.OPEN:
        target = (
            f"/v3/marketing/membercard-open/cards/{quote(card.card_id, safe='')}"
            f"/codes/{quote(card.code, safe='')}/rights"
        )
        body: dict[str, object] = {
            "out_request_no": card.request_id,
            "before_bonus_value": max(0, card.before),
            "bonus_value": points,
            "add_bonus_value": points - max(0, card.before),
            "need_inform_bonus": False,
        }
        return Ask("PATCH", target, body)
    if generation is Generation.BRAND:
        body = {
            "out_request_no": card.request_id,
            "brand_id": card.wechat_brand_id,
            "card_id": card.card_id,
            "openid": card.openid,
            "user_card_code": card.code,
            "point_balance": points,
        }
        return Ask("POST", "/v3/brand/partner/card-member/user-points/sync", body)
    raise Refusal("WECHAT_CARD_UNKNOWN", "this brand has no member card at WeChat", hint="`pos-agent hq wechat card`")


def _check_scene(scene: str) -> None:
    if not _OUTER.fullmatch(scene):
        raise Refusal(
            "WECHAT_SCENE_INVALID", "a scene has 1 to 32 letters, digits, - and _", hint="for instance the store id"
        )
