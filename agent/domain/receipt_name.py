"""The shop's name at the top of its paper, so that no printer breaks it before its last sign 店.

Pure; called by agent.domain.receipts and receipts_purse. A document knows no width: what stands here fits 58 mm.
"""

from collections.abc import Iterator
from typing import Final
from unicodedata import east_asian_width

from agent.domain.receipt import Text

_BIG_COLUMNS: Final = 16  # LIMIT: half of the 32 columns of 58 mm, because big signs are twice as wide


def shop_name(name: str) -> Iterator[Text]:
    """Brand and store big on one line where both fit, else each on its own; a part that is too long is not big.

    >>> [(one.text, one.scale) for one in shop_name("鲜果时光 成都春熙路店")]
    [('鲜果时光', 2), ('成都春熙路店', 2)]
    >>> [(one.text, one.scale) for one in shop_name("鲜果时光 成都高新区天府三街店")]
    [('鲜果时光', 2), ('成都高新区天府三街店', 1)]
    """
    for part in [name] if _columns(name) <= _BIG_COLUMNS else name.split():
        yield Text(part, align="center", scale=2 if _columns(part) <= _BIG_COLUMNS else 1, bold=True)


def _columns(text: str) -> int:
    return sum(2 if east_asian_width(sign) in "WFA" else 1 for sign in text)
