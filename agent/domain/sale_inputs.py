"""What decided a sale and is not among its results: recorded with the event, so that HQ can reckon it again (R13).

Pure. agent.booking gathers `Inputs`, agent.domain.sale_event writes them, agent.domain.recompute reads them back. WIRE:
what is absent was not there: no such price of the article, nothing asked, the day of the event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agent.domain.asks import NOTHING_ASKED, Amount, Asks, CardUse, Want
from agent.domain.cart import CartLine
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.offer_rules import held_offer
from agent.domain.offers import Offer
from agent.domain.prepaid import Purse, Voucher
from agent.domain.pricing import Item
from agent.domain.rules import RuleSet
from agent.domain.sale import Ask
from agent.limits import AMOUNT_FEN, POINTS, QTY, SALE_COUPONS, SALE_LINES

_PRICES: Final = ("member_fen", "promo_fen", "min_fen", "market_fen")
_HELD: Final = ("batch_id", "version", "start_day", "end_day", "claimed_at_ms")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Cart, asks and rights of the quote behind a sale; `business_day` is the quote's, "" that of the sale.

    `points`, `principal_fen` and `gift_fen` are what could be spent here then; `debt` the points owed (0 or more).
    """

    entries: Sequence[CartLine] = ()
    business_day: str = ""
    undated: bool = False
    """No clock was to be believed: offers bound to a date took no part (R15)."""
    asks: Asks = NOTHING_ASKED
    coupons: Sequence[HeldCoupon] = ()
    points: int = 0
    principal_fen: int = 0
    gift_fen: int = 0
    debt: int = 0
    birthday: bool = False
    earns: bool = True
    """False where a payment is contradicted or used already."""
    unbooked: Sequence[Want] = ()
    """What was granted and no right covered when it was booked."""

    def ask(self, rules: RuleSet) -> Ask:
        """What the pipeline was asked; nothing that was sold is refused for its price."""
        asks, offers = self.asks, [held_offer(one) for one in self.coupons]
        vouchers = [one for one in offers if isinstance(one, Voucher)]
        card = asks.count_card
        if card is not None and card.line is not None:
            vouchers.append(Voucher(card.card_id, {self.entries[card.line - 1].item.sku: card.units}))
        purse = None
        if asks.stored_value:
            amount = None if asks.stored_value == "max" else asks.stored_value
            purse = Purse(self.principal_fen, self.gift_fen, amount, rules.stored_value_mode)
        coupons = tuple(one for one in offers if isinstance(one, Offer))
        return Ask(coupons, asks.points, tuple(vouchers), purse, asks.cash, below_market_ok=True)


NO_INPUTS: Final = Inputs()


def line_inputs(entry: CartLine) -> dict[str, Json]:
    """What a line's result does not say of its article and charge.

    >>> line_inputs(CartLine(Item("a", "茶", 500, promo_fen=450), 2))
    {'promo_fen': 450}
    """
    item = entry.item
    found: dict[str, Json] = {name: getattr(item, name) for name in _PRICES if getattr(item, name) is not None}
    if item.no_member_discount:
        found["no_member_discount"] = True
    if entry.charged_fen is not None:
        found["charged_fen"] = entry.charged_fen
    if entry.label_fen is not None:
        found["label_fen"] = entry.label_fen
    if not entry.known:
        found["known"] = False
    return found


def sale_inputs(inputs: Inputs, business_day: str) -> dict[str, Json]:
    """The event's field `inputs`, or nothing where the lines say all.

    >>> sale_inputs(Inputs(asks=Asks(points=500, cash=True), points=1200), "2026-11-22")
    {'inputs': {'cash': True, 'points': 500, 'points_there': 1200}}
    """
    asks, found = inputs.asks, dict[str, Json]()
    if inputs.business_day not in ("", business_day):
        found["business_day"] = inputs.business_day
    for flag, value in (("undated", inputs.undated), ("cash", asks.cash), ("birthday", inputs.birthday)):
        if value:
            found[flag] = True
    if not inputs.earns:
        found["earns"] = False
    if asks.points:
        found |= {"points": asks.points, "points_there": inputs.points}
    if asks.stored_value:
        found |= {
            "stored_value": asks.stored_value,
            "principal_there_fen": inputs.principal_fen,
            "gift_there_fen": inputs.gift_fen,
        }
    card = asks.count_card
    if card is not None:
        found["count_card"] = {"card_id": card.card_id, "units": card.units, "line": card.line}
    if inputs.coupons:
        found["coupons"] = [
            {"coupon_id": one.coupon_id, **{name: getattr(one, name) for name in _HELD}, "body": dict(one.body)}
            for one in inputs.coupons
        ]
    if inputs.debt:
        found["debt"] = inputs.debt
    if inputs.unbooked:
        found["unbooked"] = [one.as_json() for one in inputs.unbooked]
    return {"inputs": found} if found else {}


def inputs_of(event: Mapping[str, Json]) -> Inputs:
    """Read the inputs of a sale's event back; ValueError where they are not what a till writes."""
    said, lines = event.get("inputs", {}), event.get("lines")
    if not isinstance(said, dict) or not isinstance(lines, list) or not 1 <= len(lines) <= SALE_LINES:
        raise ValueError("inputs or lines cannot be read")
    coupons = _list(said.get("coupons", []), SALE_COUPONS)
    return Inputs(
        entries=tuple(_entry(row) for row in map(_dict, lines)),
        business_day=_text(said.get("business_day", "")),
        undated=said.get("undated") is True,
        asks=Asks(
            points=_amount(said.get("points", 0), POINTS),
            stored_value=_amount(said.get("stored_value", 0), AMOUNT_FEN),
            count_card=_card(said.get("count_card"), len(lines)),
            cash=said.get("cash") is True,
        ),
        coupons=tuple(_coupon(_dict(one)) for one in coupons),
        points=whole(said.get("points_there", 0), POINTS, -POINTS),
        principal_fen=whole(said.get("principal_there_fen", 0), AMOUNT_FEN, -AMOUNT_FEN),
        gift_fen=whole(said.get("gift_there_fen", 0), AMOUNT_FEN, -AMOUNT_FEN),
        debt=whole(said.get("debt", 0), POINTS),
        birthday=said.get("birthday") is True,
        earns=said.get("earns") is not False,
        unbooked=tuple(_want(_dict(one)) for one in _list(said.get("unbooked", []), SALE_LINES)),
    )


def whole(value: Json, most: int, least: int = 0) -> int:
    """A whole number within its bounds; ValueError. LIMIT: what HQ reckons with is bounded before it reckons."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise ValueError("not a whole number within bounds")


def _entry(row: Mapping[str, Json]) -> CartLine:
    prices = {name: whole(row[name], AMOUNT_FEN) for name in _PRICES if row.get(name) is not None}
    list_fen = whole(row.get("list_unit_fen"), AMOUNT_FEN)
    item = Item(
        _text(row.get("sku")),
        _text(row.get("name")),
        list_fen,
        **prices,
        no_member_discount=row.get("no_member_discount") is True,
        earns=row.get("earns") is True,
        by_weight=row.get("grams") is not None,
    )

    def maybe(name: str, most: int) -> int | None:
        return None if row.get(name) is None else whole(row[name], most)

    return CartLine(
        item,
        whole(row.get("qty"), QTY),
        maybe("grams", AMOUNT_FEN),
        maybe("charged_fen", AMOUNT_FEN),
        known=row.get("known") is not False,
        label_fen=maybe("label_fen", AMOUNT_FEN),
    )


def _coupon(row: Mapping[str, Json]) -> HeldCoupon:
    return HeldCoupon(
        coupon_id=_text(row["coupon_id"]),
        member_id="",
        batch_id=_text(row["batch_id"]),
        version=whole(row["version"], 2**31),
        state="issued",
        start_day=_text(row["start_day"]),
        end_day=_text(row["end_day"]),
        claimed_at_ms=whole(row["claimed_at_ms"], 2**53),
        body=_dict(row["body"]),
    )


def _card(value: Json, lines: int) -> CardUse | None:
    if value is None:
        return None
    row = _dict(value)
    return CardUse(_text(row["card_id"]), whole(row["units"], QTY), whole(row["line"], lines, 1))


def _want(row: Mapping[str, Json]) -> Want:
    return Want(_text(row["account"]), whole(row["amount"], AMOUNT_FEN), _text(row["bucket"]))


def _amount(value: Json, most: int) -> Amount:
    return "max" if value == "max" else whole(value, most)


def _dict(value: Json) -> Mapping[str, Json]:
    if isinstance(value, dict):
        return value
    raise ValueError("not an object")


def _list(value: Json, most: int) -> Sequence[Json]:
    if isinstance(value, list) and len(value) <= most:
        return value
    raise ValueError("not a list within bounds")


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    raise ValueError("not a text")
