"""Pictures as ESC/POS raster (GS v 0), in bands that every printer's buffer takes. Called by drivers.escpos_bytes."""

import base64
import zlib

from agent.domain.receipt import Picture

_BAND_ROWS = 255  # LIMIT: cheap units drop a raster whose height needs a second byte


def picture_raster(picture: Picture, width_dots: int) -> bytes:
    """Draw it, centred by a left margin of whole bytes; what is wider than the paper is cut off on the right.

    >>> from agent.domain.receipt import Picture
    >>> picture_raster(Picture(8, 2, "eJz73wgAAoEBgQ=="), 24).hex(" ")
    '1d 76 30 00 02 00 02 00 00 ff 00 81'
    """
    row_bytes = -(-picture.width_dots // 8)
    bits = zlib.decompress(base64.b64decode(picture.packed))
    room = width_dots // 8
    margin = max(0, (room - row_bytes) // 2)
    shown = min(row_bytes, room)
    rows = [bytes(margin) + bits[at * row_bytes : at * row_bytes + shown] for at in range(picture.height_dots)]
    out = bytearray()
    for start in range(0, len(rows), _BAND_ROWS):
        band = rows[start : start + _BAND_ROWS]
        out += b"\x1dv0\x00" + (margin + shown).to_bytes(2, "little") + len(band).to_bytes(2, "little") + b"".join(band)
    return bytes(out)
