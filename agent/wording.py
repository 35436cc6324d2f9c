"""Every sentence a cashier or customer reads, in Chinese as a shop would say it and in English.

Pure data and look-up. Codes are public and stable (docs/till-api.md); sentences may change at any time.
No printed rule may claim a "final right of interpretation" (S60).
"""

from typing import Final

CHINESE: Final = 0
ENGLISH: Final = 1

# Refusals and discrepancies by code: what the cashier reads.
SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "INTERNAL": ("系统出错，请联系管理员", "Something went wrong; call the manager"),
    "INVALID_REQUEST": ("收银软件发送的数据有误", "The POS sent data that does not fit"),
}


def sentence(code: str, language: int = CHINESE) -> str:
    """Give the sentence for a code; an unknown code is shown as itself, never hidden."""
    pair = SENTENCES.get(code)
    return pair[language] if pair is not None else code
