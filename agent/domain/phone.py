"""A mainland mobile number as somebody says or types it, made the one form that HQ indexes. Pure; keeps nothing.

Used by agent.identify_asked. A number stands in no log, event, answer or refusal (R19).
"""

import re
from typing import Final

_BETWEEN: Final = re.compile(r"[\s()\uff08\uff09\-\u2010-\u2015\uff0d]")
"""What people write between the digits."""
_FORM: Final = re.compile(r"(?:\+86|0086|86)?(1[0-9]{10})", re.ASCII)


def mobile(text: str) -> str | None:
    """Eleven digits beginning with 1, without country code, spaces and dashes; None for anything else.

    >>> mobile(" +86 138-1234 5678 "), mobile("008613812345678"), mobile("（+86）13812345678")
    ('13812345678', '13812345678', '13812345678')
    >>> mobile("1381234567"), mobile("23812345678"), mobile("１３８１２３４５６７８")
    (None, None, None)
    """
    found = _FORM.fullmatch(_BETWEEN.sub("", text))
    return found[1] if found is not None else None
