"""R3: what a scale's label says, 13 or 18 digits with a check digit. The amount on it is authoritative.

Pure; called by whoever turns a scanned article code into a cart line.
"""

from dataclasses import dataclass
from enum import StrEnum

from agent.domain.scan import has_check_digit


class LabelFormat(StrEnum):
    """Order and number of digits: F flag, a digit count for the article (PLU), E amount in fen, G grams, then check."""

    F6E5 = "F6E5"
    FF5E5 = "FF5E5"
    F6G5 = "F6G5"
    FF5G5 = "FF5G5"
    FF5E5G5 = "FF5E5G5"

    @property
    def digits(self) -> int:
        """Length of the whole label."""
        return 18 if self is LabelFormat.FF5E5G5 else 13


@dataclass(frozen=True, slots=True)
class ScaleLabel:
    """A label read: article with its leading zeros, amount in fen and grams where it carries them."""

    plu: str
    amount_fen: int | None
    grams: int | None


def read_label(barcode: str, label_format: LabelFormat | None = None) -> ScaleLabel | None:
    """Read a label; None when its length or check digit is wrong: it is refused, never guessed (R3).

    Without a format, 18 digits are FF5E5G5 and 13 digits F6E5.

    >>> read_label("260012301819004566")
    ScaleLabel(plu='00123', amount_fen=1819, grams=456)
    >>> read_label("2000123018195")
    ScaleLabel(plu='000123', amount_fen=1819, grams=None)
    >>> read_label("2000123018196") is None
    True
    """
    if label_format is None:
        label_format = LabelFormat.FF5E5G5 if len(barcode) == 18 else LabelFormat.F6E5
    if len(barcode) != label_format.digits or not barcode.isascii() or not has_check_digit(barcode):
        return None
    plu = barcode[2:7] if label_format.startswith("FF") else barcode[1:7]
    first = int(barcode[7:12])
    if label_format is LabelFormat.FF5E5G5:
        return ScaleLabel(plu, first, int(barcode[12:17]))
    if label_format.endswith("G5"):
        return ScaleLabel(plu, None, first)
    return ScaleLabel(plu, first, None)
