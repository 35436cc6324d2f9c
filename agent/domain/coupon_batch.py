"""What one version of a coupon batch 券批次 promises, and whether it may be promised; a coupon as its holder has it.

Pure. HQ checks a batch here before it is published; issued versions are frozen (S46). Field names are those of the
offer cases: `type`, `name`, `start`, `end`, `off_fen`, `off_bp` (off the price: 8折 is 2000), `min_fen`, `min_qty`,
`scope`, `max_off_fen`, `priority`, `exclusive`, `stackable`; `stores`, `issuer` and `cross_store` say where (S49).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.digest import Json
from agent.domain.validity import NATURAL_DAYS, natural_days
from agent.limits import AMOUNT_FEN, QTY, TEXT_CHARS

OFF_BP: Final = (1_000, 5_000)  # S41: 9折 to 5折
SCOPE_SKUS: Final = 200  # LIMIT: every held coupon carries its offer down to the till
STORES: Final = 200  # LIMIT: as of SCOPE_SKUS; a coupon for more stores than these is one for the brand
PRIORITY: Final = 1_000
CODE_PREFIX: Final = "CP."  # WIRE: the scan class of coupons (agent.domain.scan)

_TYPES: Final = ("amount_off", "percent_off", "percent_cheapest_unit", "gift", "group")
_PERCENT: Final = ("percent_off", "percent_cheapest_unit")
_FIELDS: Final = frozenset(
    {
        "type", "name", "start", "end", "off_fen", "off_bp", "min_fen", "min_qty", "scope", "max_off_fen", "priority",
        "exclusive", "stackable", "stores", "issuer", "cross_store",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeldCoupon:
    """One coupon of one member with the offer of the version it was issued under (S46).

    `state` is `issued`, `used` or `void` as of HQ's row; `body` is the offer as checked by `faults`.
    """

    coupon_id: str
    member_id: str
    batch_id: str
    version: int
    state: str
    start_day: str
    end_day: str
    claimed_at_ms: int
    body: Mapping[str, Json]

    @property
    def code(self) -> str:
        """What its QR says."""
        return CODE_PREFIX + self.coupon_id

    def valid_on(self, business_day: str) -> bool:
        """Whether it may be used on a business day (R15): both days belong to it.

        >>> HeldCoupon("c1", "m1", "b1", 1, "issued", "2026-11-01", "2026-11-15", 0, {}).valid_on("2026-11-15")
        True
        """
        return self.start_day <= business_day <= self.end_day

    def used_in(self, store_id: str) -> bool:
        """Whether it may be used in a store (S49)."""
        return used_in(self.body, store_id)

    @property
    def stores(self) -> tuple[str, ...]:
        """The stores that it names: its issuer's, and others it was given for; none means the whole brand."""
        issuer, stores = self.body.get("issuer"), self.body.get("stores")
        named = [*([issuer] if isinstance(issuer, str) else []), *(stores if isinstance(stores, list) else [])]
        return tuple(dict.fromkeys(map(str, named)))


def used_in(body: Mapping[str, Json], store_id: str) -> bool:
    """Whether an offer may be used in a store (S49).

    One of an `issuer` only there, unless it is permitted `cross_store`; then, as without an issuer, in its `stores`, or
    without those in every store of the brand.

    >>> mine = {"issuer": "S001"}
    >>> used_in({}, "S002"), used_in(mine, "S001"), used_in(mine, "S002"), used_in({**mine, "cross_store": True}, "S2")
    (True, True, False, True)
    >>> used_in({"stores": ["S001"]}, "S002"), used_in({**mine, "cross_store": True, "stores": ["S002"]}, "S003")
    (False, False)
    """
    issuer, stores = body.get("issuer"), body.get("stores")
    if isinstance(issuer, str) and (store_id == issuer or body.get("cross_store") is not True):
        return store_id == issuer
    return not isinstance(stores, list) or store_id in stores


def validity_faults(start: Json, end: Json) -> list[str]:
    """Name what is wrong with a validity: not a date, the wrong way round, shorter than 15 natural days (S44).

    >>> validity_faults("2026-11-01", "2026-11-14")
    ['end: valid for 14 natural days, at least 15 (S44)']
    """
    found = [f"{name}: write a date as YYYY-MM-DD" for name, day in (("start", start), ("end", end)) if not _day(day)]
    if found:
        return found
    days = natural_days(parse_day(str(start)), parse_day(str(end)))
    if days < 1:
        return ["end: before start"]
    if days < NATURAL_DAYS:
        return [f"end: valid for {days} natural days, at least {NATURAL_DAYS} (S44)"]
    return []


def faults(body: Mapping[str, Json]) -> list[str]:
    """Name everything that is wrong with an offer, each fault beginning with its field; [] when it may be issued.

    >>> faults({"type": "percent_off", "name": "八折券", "off_bp": 8000, "start": "2026-11-01", "end": "2026-11-30"})
    ['off_bp: takes 1000 to 5000 off 10000: 9折 to 5折 (S41); 8折 is 2000']
    """
    kind = body.get("type")
    found = [f"{name}: not known" for name in body if name not in _FIELDS]
    if kind not in _TYPES:
        found.append(f"type: use one of {', '.join(_TYPES)}")
    name = body.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= TEXT_CHARS or not name.isprintable():
        found.append(f"name: needs 1 to {TEXT_CHARS} printable characters; it goes on receipts")
    found += validity_faults(body.get("start"), body.get("end"))
    found += _value_faults(body, kind)
    for field, low, high in (
        ("min_fen", 0, AMOUNT_FEN), ("min_qty", 1, QTY), ("max_off_fen", 1, AMOUNT_FEN), ("priority", 0, PRIORITY),
    ):  # fmt: skip
        if field in body and not _integer(body[field], low, high):
            found.append(f"{field}: write a whole number from {low} to {high}")
    found += [f"{flag}: write true or false" for flag in ("exclusive", "stackable") if not _flag(body, flag)]
    if body.get("exclusive") is True and body.get("stackable") is True:
        found.append("stackable: an exclusive coupon does not stack")
    return found + _scope_faults(body, kind) + _store_faults(body)


def _value_faults(body: Mapping[str, Json], kind: Json) -> list[str]:
    """The face value: fen for amount_off, basis points off for percentages, neither for gift and group."""
    found: list[str] = []
    off_fen, off_bp, min_fen = body.get("off_fen"), body.get("off_bp"), body.get("min_fen", 0)
    if kind == "amount_off" and not _integer(off_fen, 1, AMOUNT_FEN):
        found.append("off_fen: an amount_off coupon needs its face value in fen, 1 or more")
    elif kind == "amount_off" and _integer(min_fen, 1, AMOUNT_FEN) and _number(off_fen) > _number(min_fen):
        found.append("off_fen: more than min_fen, and no change is given (R5)")
    if kind in _PERCENT and not _integer(off_bp, *OFF_BP):
        found.append(f"off_bp: takes {OFF_BP[0]} to {OFF_BP[1]} off 10000: 9折 to 5折 (S41); 8折 is 2000")
    if kind in _TYPES and kind != "amount_off" and "off_fen" in body:
        found.append(f"off_fen: has no place in {kind}")
    if kind in _TYPES and kind not in _PERCENT and "off_bp" in body:
        found.append(f"off_bp: has no place in {kind}")
    if kind in _TYPES and kind not in _PERCENT and "max_off_fen" in body:
        found.append(f"max_off_fen: has no place in {kind}")
    return found


def _scope_faults(body: Mapping[str, Json], kind: Json) -> list[str]:
    scope = body.get("scope")
    if scope is None:
        return [f"scope: a {kind} coupon names its articles"] if kind in ("gift", "group") else []
    if not isinstance(scope, list) or not 1 <= len(scope) <= SCOPE_SKUS:
        return [f"scope: list 1 to {SCOPE_SKUS} skus, or leave it out for all"]
    if not all(isinstance(sku, str) and 1 <= len(sku) <= 64 for sku in scope):
        return ["scope: an sku is a text of 1 to 64 characters"]
    if kind != "group" and len(set(map(str, scope))) != len(scope):
        return ["scope: an sku comes twice"]
    return []


def _store_faults(body: Mapping[str, Json]) -> list[str]:
    """Where it may be used: other stores than the one that issues it need the permission (S49)."""
    issuer, stores, found = body.get("issuer"), body.get("stores"), list[str]()
    if issuer is not None and not _name(issuer):
        found.append("issuer: a store id is a text of 1 to 64 characters")
    if not _flag(body, "cross_store"):
        found.append("cross_store: write true or false")
    elif body.get("cross_store") is True and issuer is None:
        found.append("cross_store: a coupon without an issuer is nobody's to permit elsewhere")
    if stores is None:
        return found
    if not isinstance(stores, list) or not 1 <= len(stores) <= STORES or not all(map(_name, stores)):
        return [*found, f"stores: list 1 to {STORES} store ids, or leave it out for all of the brand"]
    if len(set(map(str, stores))) != len(stores):
        found.append("stores: a store comes twice")
    if issuer is not None and body.get("cross_store") is not True and stores != [issuer]:
        found.append("stores: others than the issuer need cross_store (S49)")
    return found


def _name(value: Json) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 64


def _integer(value: Json, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0


def _flag(body: Mapping[str, Json], name: str) -> bool:
    return isinstance(body.get(name, False), bool)


def _day(value: Json) -> bool:
    try:
        return isinstance(value, str) and parse_day(value).isoformat() == value
    except ValueError:
        return False
