"""The pricebook and merchants files. Columns, in any order; yuan with at most two decimals, flags 1/0:

  items      sku, name, list_yuan, [barcode], [member_yuan], [promo_yuan], [no_member_discount], [earns] (default 1),
             [by_weight] (prices are per kilogram), [deleted], [min_yuan] (no discount goes below it),
             [market_yuan] (for the floor of 70 %)
  merchants  mch_id, sub_mch_id (may be empty), store_id, [deleted]
Called by sync.hq.importer. Each row becomes the columns of its table. Pure but for reading the file.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from agent.limits import TEXT_CHARS
from sync.hq.csv_file import BadValue, Columns, Fault, fen, flag, matching, rows

Cells: TypeAlias = dict[str, str | int | None]
ITEM_COLUMNS: Final = Columns(
    ("sku", "name", "list_yuan"),
    (
        "barcode",
        "member_yuan",
        "promo_yuan",
        "no_member_discount",
        "earns",
        "by_weight",
        "deleted",
        "min_yuan",
        "market_yuan",
    ),
)
MERCHANT_COLUMNS: Final = Columns(("mch_id", "sub_mch_id", "store_id"), ("deleted",))
_SKU = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
_BARCODE = re.compile(r"[!-~]{0,64}")
_MCH_ID = re.compile(r"\d{1,32}", re.ASCII)
_MAX_FEN: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RowEntry:
    """One row: its key columns' values decide which row of the table it is."""

    line: int
    cells: Cells


def item_entries(path: Path) -> Iterator[RowEntry | Fault]:
    """Read the pricebook file row by row; Refusal when it cannot be used at all."""
    return _entries(path, ITEM_COLUMNS, _item)


def merchant_entries(path: Path) -> Iterator[RowEntry | Fault]:
    """Read the merchants file row by row; Refusal when it cannot be used at all."""
    return _entries(path, MERCHANT_COLUMNS, _merchant)


def _entries(path: Path, columns: Columns, read: Callable[[dict[str, str]], Cells]) -> Iterator[RowEntry | Fault]:
    for line, cells in rows(path, columns):
        if isinstance(cells, Fault):
            yield cells
            continue
        try:
            yield RowEntry(line, read(cells))
        except BadValue as error:
            yield Fault(line, str(error))


def _item(cells: dict[str, str]) -> Cells:
    name = cells["name"]
    if not 1 <= len(name) <= TEXT_CHARS:
        raise BadValue(f"name needs 1 to {TEXT_CHARS} characters")
    if not name.isprintable():
        raise BadValue("name holds a line break or control character; it goes on receipts")
    return {
        "sku": matching("sku", cells["sku"], _SKU, "use 1 to 64 of A-Z a-z 0-9 . _ : -"),
        "barcode": matching("barcode", cells["barcode"], _BARCODE, "use up to 64 printable ASCII characters"),
        "name": name,
        "list_fen": _price("list_yuan", cells["list_yuan"]),
        "member_fen": _price("member_yuan", cells["member_yuan"]) if cells["member_yuan"] else None,
        "promo_fen": _price("promo_yuan", cells["promo_yuan"]) if cells["promo_yuan"] else None,
        "no_member_discount": int(flag("no_member_discount", cells["no_member_discount"], default=False)),
        "earns": int(flag("earns", cells["earns"], default=True)),
        "by_weight": int(flag("by_weight", cells["by_weight"], default=False)),
        "deleted": int(flag("deleted", cells["deleted"], default=False)),
        "min_fen": _price("min_yuan", cells["min_yuan"]) if cells["min_yuan"] else None,
        "market_fen": _market(cells["market_yuan"]) if cells["market_yuan"] else None,
    }


def _market(text: str) -> int:
    price = _price("market_yuan", text)
    if price == 0:
        raise BadValue("market_yuan 0: leave it empty where there is no market price")
    return price


def _price(column: str, text: str) -> int:
    price = fen(column, text)
    if price > _MAX_FEN:
        raise BadValue(f"{column} {text!r}: more than ten million yuan")
    return price


def _merchant(cells: dict[str, str]) -> Cells:
    sub_mch_id = cells["sub_mch_id"]
    return {
        "mch_id": matching("mch_id", cells["mch_id"], _MCH_ID, "use digits"),
        "sub_mch_id": matching("sub_mch_id", sub_mch_id, _MCH_ID, "use digits") if sub_mch_id else "",
        "store_id": matching("store_id", cells["store_id"], _SKU, "no store id"),
        "deleted": int(flag("deleted", cells["deleted"], default=False)),
    }
