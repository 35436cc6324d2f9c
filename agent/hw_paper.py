"""What Odoo's point of sale wants printed, as a document of ours: a base64 picture, or the XML of older versions.

Called by agent.hw_proxy. Input comes from a web page: pictures and XML are bounded before they are read.
"""

import base64
import binascii
import io
import zlib
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import defusedxml.ElementTree as SafeXml
from defusedxml.common import DefusedXmlException
from PIL import Image, UnidentifiedImageError

from agent.domain.receipt import Block, Document, Feed, Pair, Picture, Rule, Text
from agent.limits import HW_PROXY_ROWS, RECEIPT_TEXT_CHARS, SALE_LINES

_HEADINGS = {"h1": 2, "h2": 2, "h3": 1, "h4": 1, "h5": 1, "h6": 1}
_BREAKS = frozenset({"p", "div", "section", "article", "header", "footer", "li", "ul", "ol", "receipt", "line"})


def from_picture(receipt: str, width_dots: int) -> Document:
    """A base64 JPEG or PNG (also as a data: URL), scaled down to the paper; raises ValueError for anything else."""
    try:
        raw = base64.b64decode(receipt.rpartition(",")[2], validate=True)
        with Image.open(io.BytesIO(raw), formats=("JPEG", "PNG")) as opened:
            if opened.width < 1 or opened.height * min(1, width_dots / opened.width) > HW_PROXY_ROWS:
                raise ValueError("the picture is too long")
            if opened.width * opened.height > HW_PROXY_ROWS * 4 * width_dots:
                raise ValueError("the picture is too large")
            flat = Image.new("RGB", opened.size, "white")
            shown = opened.convert("RGBA")
            flat.paste(shown, mask=shown.getchannel("A"))
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError) as error:
        raise ValueError("not a picture in base64") from error
    grey = flat.convert("L")
    if grey.width > width_dots:
        grey = grey.resize((width_dots, max(1, grey.height * width_dots // grey.width)), Image.Resampling.LANCZOS)
    ink = grey.point(lambda level: 0 if level > 127 else 255).convert("1", dither=Image.Dither.NONE)
    packed = base64.b64encode(zlib.compress(ink.tobytes())).decode()
    return Document((Picture(ink.width, ink.height, packed),))


def from_xml(receipt: str) -> Document:
    """The receipt language of versions before 13: headings, paragraphs, lines of left and right, rules.

    Raises ValueError when it is not XML.

    >>> from_xml("<receipt><h1>水果店</h1><line><left>橙</left><right>4.00</right></line><hr/></receipt>").blocks
    (Text(text='水果店', align='center', scale=2, bold=True), Pair(left='橙', right='4.00', bold=False), Rule(char='-'))
    """
    try:
        root = SafeXml.fromstring(receipt)
    except (SafeXml.ParseError, DefusedXmlException, ValueError) as error:
        raise ValueError("not XML") from error
    blocks = list(_blocks(root))
    if not 0 < len(blocks) <= SALE_LINES * 2:
        raise ValueError("nothing to print, or too much")
    return Document(tuple(blocks))


def _blocks(node: Any) -> Iterator[Block]:
    if node.tag == "hr":
        yield Rule()
    elif node.tag == "br":
        yield Feed()
    elif node.tag in _HEADINGS:
        yield Text(_text(node), "center", _HEADINGS[node.tag], True)
    elif node.tag == "line" and node.find("left") is not None:
        right = node.find("right")
        yield Pair(_text(node.find("left")), "" if right is None else _text(right))
    elif not any(child.tag in _BREAKS or child.tag in _HEADINGS or child.tag in ("hr", "br") for child in node):
        if _text(node):
            yield Text(_text(node))
    else:
        if (node.text or "").strip():
            yield Text(str(node.text).strip()[:RECEIPT_TEXT_CHARS])
        for child in node:
            yield from _blocks(child)
            if (child.tail or "").strip():
                yield Text(str(child.tail).strip()[:RECEIPT_TEXT_CHARS])


def _text(node: Any) -> str:
    words = [_value(one) if one.tag == "value" else (one.text or "") for one in node.iter()]
    tails = [one.tail or "" for one in node.iter() if one is not node]
    text = words[0] + "".join(word + tail for word, tail in zip(words[1:], tails, strict=True))
    return " ".join(text.split())[:RECEIPT_TEXT_CHARS]


def _value(node: Any) -> str:
    """A number as its attributes want it; as it came when it is none."""
    text = (node.text or "").strip()
    try:
        places = Decimal(1).scaleb(-min(6, int(node.get("value-decimals", "2"))))
        text = str(Decimal(text).quantize(places, ROUND_HALF_UP))
    except (InvalidOperation, ValueError):
        return text
    symbol = node.get("value-symbol", "")
    return f"{text}{symbol}" if node.get("value-symbol-position") == "after" else f"{symbol}{text}"
