"""The receipt as data: a list of blocks that knows nothing of bytes, and its JSON form for the print ledger.

Pure. `agent.domain.receipts` (the builders) decides what stands on paper; drivers.escpos_bytes how it becomes bytes.
WIRE: the JSON form is stored in the print ledger, so a new agent must read what an older one queued.
"""

from dataclasses import dataclass
from typing import TypeAlias

import orjson

from agent.domain.digest import Json


@dataclass(frozen=True, slots=True)
class Text:
    """One paragraph; wraps at the paper's width. `scale` 1..4 multiplies width and height."""

    text: str
    align: str = "left"
    scale: int = 1
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Left text and right text on one line; a left text that is too long takes lines of its own."""

    left: str
    right: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Columns:
    """A table row: texts and their widths in hundredths of the paper; the first is left-aligned, the others right."""

    cells: tuple[str, ...]
    shares: tuple[int, ...]
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the paper."""

    char: str = "-"


@dataclass(frozen=True, slots=True)
class Qr:
    """A QR code, centred, big enough for a phone at arm's length."""

    payload: str


@dataclass(frozen=True, slots=True)
class Feed:
    """Blank lines."""

    lines: int = 1


@dataclass(frozen=True, slots=True)
class Drawer:
    """Pulse the cash drawer. Stands alone in a document of its own (pains 25)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in black and white: rows of whole bytes, a set bit is ink, zlib and base64 in `packed`."""

    width_dots: int
    height_dots: int
    packed: str


Block: TypeAlias = "Text | Pair | Columns | Rule | Qr | Feed | Drawer | Picture"


@dataclass(frozen=True, slots=True)
class Document:
    """What one print job puts on paper; `cut` ends it with a cut where the printer has a cutter."""

    blocks: tuple[Block, ...]
    cut: bool = True


_KINDS: dict[str, type] = {
    "text": Text,
    "pair": Pair,
    "columns": Columns,
    "rule": Rule,
    "qr": Qr,
    "feed": Feed,
    "drawer": Drawer,
    "picture": Picture,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}
_BEGUN = {kind: f'{{"kind":"{name}"'.encode() for name, kind in _KINDS.items()}


def to_json(document: Document) -> dict[str, Json]:
    """Write a document for the print ledger.

    >>> to_json(Document((Text("水"),)))["blocks"]
    [{'kind': 'text', 'text': '水', 'align': 'left', 'scale': 1, 'bold': False}]
    """
    blocks: list[Json] = []
    for block in document.blocks:
        fields = {name: getattr(block, name) for name in block.__slots__}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        blocks.append({"kind": _NAMES[type(block)], **plain})
    return {"v": 1, "cut": document.cut, "blocks": blocks}


def ledger_text(document: Document) -> str:
    """Write a document as JSON text, what to_json gives and no less: inside every commit, so block by block in C.

    >>> ledger_text(Document((Text("水"), Drawer()), cut=False))
    '{"v":1,"cut":false,"blocks":[{"kind":"text","text":"水","align":"left","scale":1,"bold":false},{"kind":"drawer"}]}'
    """
    blocks = []
    for block in document.blocks:
        fields = orjson.dumps(block)
        blocks.append(_BEGUN[type(block)] + (b"," if len(fields) > len(b"{}") else b"") + fields[1:])
    head = b'{"v":1,"cut":true,"blocks":[' if document.cut else b'{"v":1,"cut":false,"blocks":['
    return (head + b",".join(blocks) + b"]}").decode()


def from_json(plain: dict[str, Json]) -> Document:
    """Read a document back from the print ledger; raises ValueError for a form this agent does not know.

    >>> from_json(to_json(Document((Pair("合计", "1.00"), Feed(2)), cut=False)))
    Document(blocks=(Pair(left='合计', right='1.00', bold=False), Feed(lines=2)), cut=False)
    """
    blocks = plain.get("blocks")
    if plain.get("v") != 1 or not isinstance(blocks, list):
        raise ValueError("print document of an unknown version")
    read: list[Block] = []
    for raw in blocks:
        if not isinstance(raw, dict) or raw.get("kind") not in _KINDS:
            raise ValueError("print document with an unknown block")
        fields = {
            name: tuple(value) if isinstance(value, list) else value for name, value in raw.items() if name != "kind"
        }
        read.append(_KINDS[str(raw["kind"])](**fields))
    return Document(tuple(read), cut=bool(plain.get("cut", True)))
