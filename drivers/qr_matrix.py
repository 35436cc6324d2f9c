"""QR codes as plain matrices of modules, so that encoder and paper drawing need no picture library.

Pure in effect. Called by drivers.escpos_bytes and drivers.paper. The `qrcode` package is imported at first use (it
pulls in Pillow: 0.4 s cold), never at start.
"""

from functools import lru_cache
from typing import Final, TypeAlias

Matrix: TypeAlias = "tuple[tuple[bool, ...], ...]"
"""Rows of modules, True is ink; without quiet zone."""

_BYTES: Final = 4  # qrcode.util.MODE_8BIT_BYTE
QUIET_MODULES: Final = 4  # the standard's margin on each side
EPSON_LEVELS: Final = {"L": 48, "M": 49, "Q": 50, "H": 51}  # GS ( k fn 169


@lru_cache(maxsize=8)
def matrix(payload: str, level: str = "M") -> Matrix:
    """Give the modules of a QR code; the smallest version that fits. Raises ValueError when no version does.

    >>> len(matrix("https://example.com"))
    25
    """
    from qrcode.constants import ERROR_CORRECT_H, ERROR_CORRECT_L, ERROR_CORRECT_M, ERROR_CORRECT_Q
    from qrcode.exceptions import DataOverflowError
    from qrcode.main import QRCode
    from qrcode.util import QRData

    levels = {"L": ERROR_CORRECT_L, "M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q, "H": ERROR_CORRECT_H}
    code = QRCode(error_correction=levels[level], border=0)
    # One byte segment, as GS ( k takes it: the library's shorter mode for digits fails on long runs of zeros.
    code.add_data(QRData(payload.encode("utf-8"), mode=_BYTES))
    try:
        code.make(fit=True)
    except DataOverflowError:
        raise ValueError(f"{len(payload)} characters do not fit into a QR code") from None
    return tuple(tuple(bool(module) for module in row) for row in code.modules)


def with_quiet_zone(modules: Matrix) -> Matrix:
    """Add the margin a reader needs on all four sides."""
    width = len(modules) + 2 * QUIET_MODULES
    side = (False,) * QUIET_MODULES
    blank = ((False,) * width,) * QUIET_MODULES
    return (*blank, *((*side, *row, *side) for row in modules), *blank)
