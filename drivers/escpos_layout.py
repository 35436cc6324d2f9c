"""Text on a paper of so many columns: what can be printed, how wide it is, where lines break.

Pure; used by drivers.escpos_bytes and drivers.paper. A column is one ANK character; a Chinese one takes two: the width
of text is the number of its GBK bytes. (wcwidth is wrong for 446 GBK characters.) What GBK lacks is drawn, one column
wide or two. Never splits a pair.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

# GBK has no half-width yen sign; in GB18030 it is four bytes that a GBK printer shows as "0 6" (pains 22).
_SUBSTITUTES = str.maketrans(
    {
        "\u00a5": "￥",
        "•": "·",
        "\u2212": "-",
        "\u2011": "-",
        "©": "(C)",
        "®": "(R)",
        "™": "(TM)",
        "\t": " ",
        "\r": None,
        **dict.fromkeys(chr(code) for code in range(0x1F3FB, 0x1F400)),  # skin tones change the emoji before them
    }
)
_REPLACEMENT: Final = "□"  # half a surrogate pair is no character
_NO_LINE_START: Final = frozenset("，。、；：？！）】》〉」』”’％℃…·,.;:?!)]}%")


def printable(text: str) -> str:
    """Map text to what can be shown; control characters vanish, so no name can carry a command.

    >>> printable("¥12 €5 \x1bp0 龥𠮷")
    '￥12 €5 p0 龥𠮷'
    """
    shown: list[str] = []
    for char in unicodedata.normalize("NFC", text).translate(_SUBSTITUTES):
        kind = unicodedata.category(char)
        if kind in ("Cc", "Cf", "Me", "Mn"):
            continue
        if kind == "Cs":
            shown.append(_REPLACEMENT)
        elif kind[0] == "Z" and char != "\u3000":
            shown.append(" ")
        else:
            shown.append(char)
    return "".join(shown)


def in_gbk(char: str) -> bool:
    """Tell whether GBK has a character."""
    try:
        char.encode("gbk")
    except UnicodeEncodeError:
        return False
    return True


def columns(text: str) -> int:
    """Count the columns of printable text: its GBK bytes, and one or two for each character that is drawn.

    >>> columns("水 “x”"), columns("￥12.30"), columns("𠮷€")
    (8, 7, 3)
    """
    try:
        return len(text.encode("gbk"))
    except UnicodeEncodeError:
        return sum(len(char.encode("gbk")) if in_gbk(char) else drawn_columns(char) for char in text)


def drawn_columns(char: str) -> int:
    """Columns of a character that GBK lacks: as wide as a Chinese one, or as a letter.

    >>> drawn_columns("😀"), drawn_columns("ñ")
    (2, 1)
    """
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def wrap(text: str, width: int) -> list[str]:
    """Break printable text into lines of at most `width` columns: words stay whole where they fit, Chinese breaks
    anywhere but not before closing punctuation, a double-byte pair is never split. Always gives at least one line.

    >>> wrap("会员价可省 1.20 元，下次请先出示会员码", 20)
    ['会员价可省 1.20 元，', '下次请先出示会员码']
    >>> wrap("abc defgh", 7), wrap("水水水", 3)
    (['abc', 'defgh'], ['水', '水', '水'])
    """
    width = max(2, width)
    lines: list[str] = []
    line = ""
    for char in text:
        if columns(line) + columns(char) <= width:
            line += char
            continue
        kept, carried = _break(line, char)
        lines.append(kept.rstrip(" "))
        line = (carried + char).lstrip(" ") if char == " " or not carried else carried + char
    return [*lines, line]


def _break(line: str, following: str) -> tuple[str, str]:
    """Split a full line into what stays and what moves down with the character that did not fit."""
    if following == " ":
        return line, ""
    if following in _NO_LINE_START and len(line) > 2:
        at = len(line) - 1
        while at > 1 and line[at] in _NO_LINE_START:
            at -= 1
        return (line[:at], line[at:]) if columns(line[at:]) * 2 < columns(line) else (line, "")
    if following.isascii():
        at = len(line)
        while at > 0 and line[at - 1].isascii() and line[at - 1] != " ":
            at -= 1
        if at > 0 and line[:at].strip():
            return line[:at], line[at:]
    return line, ""


def pair_lines(left: str, right: str, width: int) -> list[str]:
    """Set a left and a right text on one line; when they do not fit the left one takes lines of its own.

    >>> pair_lines("合计", "1.00", 12)
    ['合计    1.00']
    >>> pair_lines("农夫山泉天然水", "1.00", 12)
    ['农夫山泉天然', '水      1.00']
    """
    rights = wrap(right, width)
    lines = wrap(left, width)
    if columns(lines[-1]) + 1 + columns(rights[0]) > width:
        lines.append("")
    last = lines.pop()
    gap = width - columns(last) - columns(rights[0])
    return [*lines, last + " " * gap + rights[0], *(_right(rest, width) for rest in rights[1:])]


def column_lines(cells: Sequence[str], shares: Sequence[int], width: int) -> list[str]:
    """Set a table row: shares are hundredths of the width, the first cell is left-aligned, the others right.

    >>> column_lines(("苹果", "x2", "12.30"), (50, 20, 30), 20)
    ['苹果        x2 12.30']
    """
    widths = [max(2, width * share // 100) for share in shares[: len(cells)]]
    widths[0] += max(0, width - sum(widths))
    wrapped = [wrap(cell, room) for cell, room in zip(cells, widths, strict=True)]
    rows: list[str] = []
    for index in range(max(len(lines) for lines in wrapped)):
        parts = [lines[index] if index < len(lines) else "" for lines in wrapped]
        padded = [parts[0] + " " * (widths[0] - columns(parts[0]))]
        padded += [_right(part, room) for part, room in zip(parts[1:], widths[1:], strict=True)]
        rows.append("".join(padded).rstrip(" "))
    return rows


def _right(text: str, width: int) -> str:
    return " " * max(0, width - columns(text)) + text
