"""An HID-POS scanner's reports: its descriptor as makers write it, and the reports of one code.

Layout: id 2, length, AIM identifier, 56 bytes of data, the maker's symbology, reserved, and bit 0 of the last byte for
"more follows" (Access-IS LSR118 manual, HID reports; usages of HID Point of Sale Usage Tables 1.02).
"""

DESCRIPTOR = bytes.fromhex(
    "058c 0902 a101"  # page Bar Code Scanner, usage Bar Code Scanner, application
    "0912 a102 8502 1500 26ff00 7508"  # Scanned Data Report, logical collection, id 2, bytes
    "9501 0501 093b 8102"  # Byte Count
    "9503 058c 09fb 09fc 09fd 8102"  # Symbology Identifier 1 to 3
    "9538 09fe 820201"  # Decoded Data, 56 buffered bytes
    "9502 0600ff 0904 0900 8102"  # two bytes of the maker's own
    "9501 058c 09ff 2501 7501 8102 7507 8103 c0"  # Decode Data Continued, seven bits of nothing
    "0914 a102 8504 0900 7508 9501 9182 c0"  # Trigger Report, an output
    "c0"
)
SIZE = 64
_DATA = 56


def reports(text: str, aim: str = "]Q1") -> list[bytes]:
    """The input reports of one code."""
    data = text.encode()
    parts = [data[at : at + _DATA] for at in range(0, len(data), _DATA)] or [b""]
    return [
        bytes([2, len(part)])
        + aim.encode().ljust(3, b"\0")
        + part.ljust(_DATA, b"\0")
        + b"s\0"
        + bytes([number < len(parts) - 1])
        for number, part in enumerate(parts)
    ]
