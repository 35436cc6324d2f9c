"""QR codes as images for a screen: SVG in a data URL. Takes some 60 ms for an address; never call it on the event loop.

Called by the composition root for the join page and by agent.api.screen through the slow worker.
"""

import base64
from io import BytesIO
from typing import Final

import qrcode
from qrcode.image.svg import SvgPathImage
from qrcode.util import QRData

_BYTES: Final = 4  # qrcode.util.MODE_8BIT_BYTE


def drawn(payload: str) -> str:
    """A QR code as a data URL.

    >>> drawn("https://example.com")[:26]
    'data:image/svg+xml;base64,'
    """
    # As bytes: the library's shorter mode for digits fails on long runs of zeros.
    said = QRData(payload.encode(), mode=_BYTES)
    made = qrcode.make(said, image_factory=SvgPathImage, error_correction=qrcode.ERROR_CORRECT_M, border=4)
    held = BytesIO()
    made.save(held)
    return "data:image/svg+xml;base64," + base64.b64encode(held.getvalue()).decode()
