"""Carts from the lines a POS sends: articles looked up, what is unknown kept as charged, payment codes kept out.

Called by agent.booking and agent.quoting. It reads the pricebook only.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.order import OrderLine, SaleOrder
from agent.domain.pricing import Item
from agent.domain.sale import CartLine, Discrepancy
from agent.domain.scan import normalise, payment_kind
from agent.replica_ports import Pricebook
from agent.wording import label

UNSPECIFIED = "UNSPECIFIED"
"""The sku of the one line a sale gets when neither its quote nor its lines are known, and of what must not be kept."""


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with one line of an order, and which field of it: refused in a quote, recorded in a sale."""

    field: str
    found: Discrepancy


async def entries_of(pricebook: Pricebook, lines: Sequence[OrderLine]) -> tuple[list[CartLine], list[LineFault]]:
    """Look up articles; one that is unknown is kept as charged, earns nothing and is reported by its number."""
    entries: list[CartLine] = []
    faults: list[LineFault] = []
    for index, line in enumerate(lines):
        item = await pricebook.item(line.code)
        fault = _line_fault(line, item)
        if fault is not None:
            code, field, why = fault
            faults.append(LineFault(f"lines.{index}.{field}", Discrepancy(code, f"line {index + 1}: {why}")))
        if item is None:
            entries.append(as_charged(line))
        else:  # grams of goods sold by the piece mean nothing: half a kilogram is not half a packet
            entries.append(CartLine(item, line.qty, line.grams if item.by_weight else None, line.charged_fen))
    return entries, faults


async def without_payment_codes(pricebook: Pricebook, order: SaleOrder) -> SaleOrder:
    """Drop a payment code that was typed or scanned in place of an article: it must never reach the disk."""
    lines = list(order.lines)
    for index, line in enumerate(lines):
        if payment_kind(normalise(line.code)) is not None and await pricebook.item(line.code) is None:
            lines[index] = dataclasses.replace(line, code=UNSPECIFIED)
    return dataclasses.replace(order, lines=tuple(lines))


def as_charged(line: OrderLine) -> CartLine:
    """A line the pricebook cannot price: booked as charged, earns nothing."""
    charged_fen = line.charged_fen or 0
    unit_fen = charged_fen // line.qty if line.grams is None else charged_fen
    name = line.name or (label("unspecified") if line.code == UNSPECIFIED else line.code)
    item = Item(line.code, name, unit_fen, no_member_discount=True, earns=False)  # nothing to promise a member on it
    return CartLine(item, line.qty, line.grams, charged_fen, known=False)


def _line_fault(line: OrderLine, item: Item | None) -> tuple[str, str, str] | None:
    """Code, field and reason of what is wrong with a line; the reason never repeats the code that was scanned."""
    if item is None:
        return "ITEM_UNKNOWN", "code", "no item is known by this code"
    if item.by_weight and line.grams is None:
        return "WEIGHT_MISSING", "grams", "this item is sold by weight and the line has no grams"
    if not item.by_weight and line.grams is not None:
        return "NOT_BY_WEIGHT", "grams", "this item is sold by the piece and the line has grams"
    return None
