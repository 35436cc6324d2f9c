"""The demo's chain store: a brand, a store, a few thousand members, prices, rules. Made up, and the same each time.

Called by agent.demo.run, which imports it into HQ through the same CSV files and commands a chain would use. No real
person, openid or merchant is in it.
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.domain.digest import Json

BRAND, BRAND_NAME = "shuguo", "蜀果鲜生"
STORE, STORE_NAME = "S001", "春熙路店"
WORKSTATION = "S001-1"
JOIN_URL = "https://join.example.com/j?s=S001"
MEMBERS = 3000
OPERATORS = (("101", "小李", "cashier"), ("900", "王店长", "manager"))
PIN = "246810"
"""Of both, in the demo alone."""
APPID, SUB_APPID = "wx8888888888888888", "wx5f1d2c0de5a7e001"
MCH_ID, SUB_MCH_ID = "1900000109", "1900000100"

RULES: dict[str, Json] = {
    "version": 1,
    "join_tier_id": "normal",
    "tiers": [
        {"tier_id": "normal", "name": "普通会员", "pay_rate_bps": 9500, "earn_mult_x100": 100},
        {"tier_id": "silver", "name": "银卡会员", "pay_rate_bps": 9000, "earn_mult_x100": 120},
        {"tier_id": "gold", "name": "金卡会员", "pay_rate_bps": 8800, "earn_mult_x100": 150},
    ],
    "earn": {"points": 1, "per_fen": 100},
    "join_offer": {"coupon_fen": 500, "points": 10, "claims": True, "batch_id": "cpjoin"},
    "member_day": 8,
    "member_day_mult_x100": 200,
    "promos": [
        {
            "id": "p_breakfast", "type": "amount_off", "name": "早餐满70减6", "off_fen": 600, "min_fen": 7000,
            "scope": ["10006", "10009"], "priority": 10,
        },
        {
            "id": "p_nuts_half", "type": "percent_cheapest_unit", "name": "坚果第二件半价", "off_bp": 5000,
            "min_qty": 2, "scope": ["10009"],
        },
    ],
}  # fmt: skip

COUNT_CARD: dict[str, Any] = {
    "id": "juice10", "name": "鲜榨果汁十次卡", "total": 10, "price_fen": 12_000, "valid_days": 365,
}  # fmt: skip
DEMO_RULES: dict[str, Json] = {
    **RULES,
    "redeem": {"points_per_unit": 100, "fen_per_unit": 100, "cap_bp": 5000},
    "moling": "jiao",
    "points_valid_months": 12,
    "stored_value": True,
    "fund_custodian": "示例银行成都分行",
    "recharge": {"steps": [[30_000, 5_000], [50_000, 10_000]], "gift_valid_days": 180},
    "count_cards": [COUNT_CARD],
}
"""The rules with all that members may own; those above take no stored value and let no points be spent."""

# sku, barcode, name, list, member, promo, no_member_discount, earns, by_weight, min, market (yuan)
_GOODS = (
    ("10001", "6901028000017", "蒲江红心猕猴桃 500g", "19.80", "", "", 0, 1, 0, "", "22.00"),
    ("10002", "6901028000024", "攀枝花凯特芒果 1kg", "25.90", "", "22.90", 0, 1, 0, "20.00", "26.00"),
    ("10003", "6901028000031", "汉源大樱桃 250g", "39.90", "35.00", "", 0, 1, 0, "", "42.00"),
    ("10004", "6901028000048", "现切西瓜盒 400g", "12.80", "", "", 0, 1, 0, "", ""),
    ("10005", "6901028000055", "鲜榨橙汁 300ml", "15.00", "", "", 0, 1, 0, "9.00", ""),
    ("10006", "6901028000062", "希腊酸奶 6杯装", "32.50", "29.90", "", 0, 1, 0, "", "35.00"),
    ("10007", "6901028000079", "烟·软云", "23.00", "", "", 1, 0, 0, "23.00", ""),
    ("10008", "", "称重 赣南脐橙（每公斤）", "11.60", "", "", 0, 1, 1, "", "12.00"),
    ("10009", "6901028000093", "每日坚果 7日装", "49.90", "", "45.90", 0, 1, 0, "", "52.00"),
    ("10010", "6901028000109", "环保购物袋", "0.50", "", "", 1, 0, 0, "", ""),
)
# batch_id, name, type, start, end, off (yuan), off_bp, min (yuan), scope, max_off (yuan), stackable
_BATCHES = (
    ("cp5", "满30减5券", "amount_off", "2026-01-01", "2030-12-31", "5.00", "", "30.00", "", "", 1),
    ("cp85", "水果85折券", "percent_off", "2026-01-01", "2030-12-31", "", 1500, "", "10001;10002;10003", "12.00", ""),
    ("cpjoin", "入会5元无门槛券", "amount_off", "2026-01-01", "2030-12-31", "5.00", "", "", "", "", 1),
    ("cpgift", "环保购物袋礼品券", "gift", "2026-01-01", "2030-12-31", "", "", "", "10010", "", ""),
)
_CARTS = (
    (("10001", 2, None), ("10004", 1, None)),
    (("10003", 1, None), ("10005", 2, None), ("10010", 1, None)),
    (("10002", 1, None), ("10008", 1, 1536)),
    (("10006", 1, None), ("10009", 1, None)),
    (("10005", 1, None), ("10007", 1, None)),
    (("10001", 1, None), ("10003", 1, None), ("10008", 1, 842)),
    (("10009", 2, None), ("10004", 2, None)),
)


@dataclass(frozen=True, slots=True)
class DemoMember:
    """One made-up member."""

    number: str
    tier_id: str
    points: int
    phone: str
    openid: str
    """Under the service provider's appid."""
    sub_openid: str
    """Under the brand's own appid."""

    def coupons(self) -> list[tuple[str, str, str]]:
        """Coupon id, member number and batch of each coupon held: of every fifth member one or two."""
        share = pick("coupon", self.number) % 15
        held = ["cp5"] * (share < 3) + ["cp85"] * (share in (0, 1)) + ["cpgift"] * (share == 2)
        return [(f"{batch}-{pick(batch, self.number):015d}", self.number, batch) for batch in held]


def pick(*what: object) -> int:
    """A number that looks random and is the same each time."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:6], "big")


def openid(prefix: str, number: int) -> str:
    """A made-up openid of the usual 28 characters."""
    return prefix + hashlib.sha256(f"{prefix}{number}".encode()).hexdigest()[: 28 - len(prefix)]


def member(number: int) -> DemoMember:
    """The n-th member."""
    share = pick("tier", number) % 100
    tier_id = "gold" if share < 10 else "silver" if share < 35 else "normal"
    return DemoMember(
        number=f"{180000000000 + number:012d}",
        tier_id=tier_id,
        points=pick("points", number) % 3000,
        phone=f"138{pick('phone', number) % 100_000_000:08d}",
        openid=openid("oDemoSp_", number),
        sub_openid=openid("oDemo_", number),
    )


def cart(number: int) -> list[dict[str, int | str]]:
    """What the n-th customer buys, as lines of the till's API."""
    lines: list[dict[str, int | str]] = []
    for sku, qty, grams in _CARTS[number % len(_CARTS)]:
        lines.append({"code": sku, "qty": qty} if grams is None else {"code": sku, "grams": grams})
    return lines


def write_files(folder: Path, members: int = MEMBERS) -> dict[str, Path]:
    """Write the CSV files a chain would export from its back office, with the first `members` members."""
    folder.mkdir(parents=True, exist_ok=True)
    people = (member(number) for number in range(members))
    return {
        "items": _csv(
            folder / "items.csv",
            "sku,barcode,name,list_yuan,member_yuan,promo_yuan,no_member_discount,earns,by_weight,min_yuan,market_yuan",
            _GOODS,
        ),
        "members": _csv(
            folder / "members.csv",
            "member_number,tier_id,points,phone,wechat",
            (
                (one.number, one.tier_id, one.points, one.phone, f"{APPID}:{one.openid};{SUB_APPID}:{one.sub_openid}")
                for one in people
            ),
        ),
        "batches": _csv(
            folder / "batches.csv",
            "batch_id,name,type,start,end,off_yuan,off_bp,min_yuan,scope,max_off_yuan,stackable",
            _BATCHES,
        ),
        "coupons": _csv(
            folder / "coupons.csv",
            "coupon_id,member_number,batch_id",
            (row for number in range(members) for row in member(number).coupons()),
        ),
        "merchants": _csv(folder / "merchants.csv", "mch_id,sub_mch_id,store_id", ((MCH_ID, SUB_MCH_ID, STORE),)),
    }


def _csv(path: Path, header: str, rows: object) -> Path:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header.split(","))
    writer.writerows(rows)  # type: ignore[arg-type]
    path.write_text(text.getvalue(), encoding="utf-8")
    return path
