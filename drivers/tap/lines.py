"""The text of a job as lines: raw runs are kept with the mode they were printed in, and decoded when all are there.

Pure, bounded; fed by drivers.tap.session. GB18030 or UTF-8 is decided for a whole job: GBK text of more than a few
characters is never valid UTF-8, single words may be.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final

from agent import limits

_CODE_PAGES: Final = {
    0: "cp437", 2: "cp850", 3: "cp860", 4: "cp863", 5: "cp865", 13: "cp857", 14: "cp737", 15: "iso8859_7", 16: "cp1252",
    17: "cp866", 18: "cp852", 19: "cp858", 33: "cp775", 34: "cp855", 36: "cp862", 37: "cp864", 45: "cp1250",
    46: "cp1251", 47: "cp1253", 48: "cp1254", 49: "cp1255", 50: "cp1256", 51: "cp1257", 52: "cp1258",
}  # fmt: skip
_GAP: Final = b"\t"


class Lines:
    """Lines as they are printed. `too_long` means that some of the text was not kept."""

    def __init__(self) -> None:
        self._lines: list[list[tuple[str, bytes]]] = [[]]
        self._bytes = 0
        self.too_long = False

    def write(self, data: bytes, *, chinese: bool, code_page: int) -> None:
        """Add text in the printer's present mode."""
        self._bytes += len(data)
        if self._bytes > limits.TAP_TEXT_BYTES:
            self.too_long = True
            return
        codec = "gb18030" if chinese else _CODE_PAGES.get(code_page, "latin-1")
        line = self._lines[-1]
        if line and line[-1][0] == codec:
            line[-1] = (codec, line[-1][1] + data)
        else:
            line.append((codec, data))

    def gap(self) -> None:
        """The position moves to the right: what follows is another word."""
        if self._lines[-1]:
            self.write(_GAP, chinese=self._lines[-1][-1][0] == "gb18030", code_page=0)

    def end_line(self) -> None:
        """The line is printed."""
        if self._lines[-1]:
            self._lines.append([])

    def __bool__(self) -> bool:
        return any(self._lines)

    def read(self, *, utf8: bool = False) -> list[str]:
        """Decode all lines, normalised: full-width digits and letters as ASCII, no blank lines."""
        runs = [run for line in self._lines for run in line]
        utf8 = utf8 or _all_utf8(data for _, data in runs)
        texts = ("".join(_decode(codec, data, utf8=utf8) for codec, data in line) for line in self._lines)
        return [text for text in (unicodedata.normalize("NFKC", text).strip() for text in texts) if text]


def _decode(codec: str, data: bytes, *, utf8: bool) -> str:
    return data.decode("utf-8" if utf8 else codec, "replace")


def _all_utf8(runs: Iterator[bytes]) -> bool:
    found = False
    for run in runs:
        if run.isascii():
            continue
        try:
            run.decode("utf-8")
        except UnicodeDecodeError:
            return False
        found = True
    return found
