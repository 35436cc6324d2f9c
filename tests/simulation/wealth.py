"""What the simulated brand lets its members spend: rules of redemption and recharging, purses, coupons, count cards.

Written into the files HQ imports at the beginning; the cashiers know of it what a customer would tell them. Amounts are
small, so that everything is soon spent up and the stores get in each other's way.
"""

import csv
from collections.abc import Iterable
from pathlib import Path

from agent.demo import world as chain
from agent.domain.digest import Json

RULES: dict[str, Json] = {
    **chain.RULES,
    "redeem": {"points_per_unit": 1, "fen_per_unit": 1, "cap_bp": 8000},
    "stored_value": True,
    "fund_custodian": "示例银行",
    "recharge": {"steps": [[3_000, 500], [5_000, 1_500]], "daily_limit_fen": 50_000, "gift_valid_days": 1},
    "points_valid_months": 12,
    "count_cards": [{"id": "juice5", "name": "橙汁五次卡", "total": 5, "price_fen": 6_000, "valid_days": 30}],
}
RECHARGES_FEN = (2_000, 3_000, 5_000)
PRODUCT, PRODUCT_FEN = "juice5", 6_000
BATCH, UNITS = "sim5", 5
_SV_YUAN, _GIFT_YUAN = 40, 8
_BATCHES = (
    "batch_id,name,type,start,end,off_yuan,off_bp,min_yuan,scope,max_off_yuan,stackable\n"
    f"{BATCH},立减5元券,amount_off,2026-01-01,2030-12-31,5.00,,,,,1\n"
)


def coupons(member: int) -> tuple[str, ...]:
    """Single-use coupons the n-th member holds."""
    return tuple(f"{BATCH}-{member:04d}-{place}" for place in range(2))


def card(member: int) -> str:
    """The n-th member's count card."""
    return f"simcard-{member:04d}"


def write_files(folder: Path, members: int) -> dict[str, Path]:
    """Write the CSV files of the demo's chain, with members who own something."""
    files = chain.write_files(folder, members)
    people = [chain.member(number) for number in range(members)]
    head = ("member_number", "tier_id", "points", "phone", "wechat", "sv_principal_yuan", "sv_gift_yuan")
    rows = [
        (
            one.number, one.tier_id, one.points, one.phone,
            f"{chain.APPID}:{one.openid};{chain.SUB_APPID}:{one.sub_openid}", _SV_YUAN, _GIFT_YUAN,
        )
        for one in people
    ]  # fmt: skip
    files["members"] = _csv(folder / "members.csv", (head, *rows))
    files["batches"].write_text(_BATCHES, encoding="utf-8")
    held = ((one, person.number, BATCH) for place, person in enumerate(people) for one in coupons(place))
    files["coupons"] = _csv(folder / "coupons.csv", (("coupon_id", "member_number", "batch_id"), *held))
    cards = ((card(place), one.number, "鲜榨果汁五次卡", UNITS, UNITS, 60) for place, one in enumerate(people))
    head_of_cards = ("card_id", "member_number", "name", "total", "left", "price_yuan")
    files["cards"] = _csv(folder / "cards.csv", (head_of_cards, *cards))
    return files


def _csv(path: Path, rows: Iterable[tuple[object, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path
