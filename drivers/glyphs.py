"""Characters that the printer's own font lacks, drawn as dots: emoji, rare hanzi, other scripts.

Called by drivers.escpos_bytes for each such character. Fonts of this machine are searched at the first one; where there
is none, or none has the character, a box with its code point stands for it: printing never fails for want of a font.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

HEIGHT_DOTS: Final = 24  # Font A and Chinese characters; ESC * 33 prints exactly three bytes a column
Draw: TypeAlias = "Callable[[str, int], bytes]"
"""(character, width in dots) -> three bytes a column, top dot first, as ESC * 33 takes them."""

FONT_FOLDERS: Final = ("/usr/local/share/fonts", "/usr/share/fonts")
# In this order; the number is the face in a collection: simplified Chinese before the others.
FONT_FILES: Final = (
    ("NotoSansCJK-Regular.ttc", 2),
    ("NotoSansSC-Regular.otf", 0),
    ("SourceHanSansSC-Regular.otf", 0),
    ("wqy-zenhei.ttc", 0),
    ("wqy-microhei.ttc", 0),
    ("DroidSansFallbackFull.ttf", 0),
    ("DejaVuSans.ttf", 0),
    ("NotoSans-Regular.ttf", 0),
    ("NotoEmoji-Regular.ttf", 0),
    ("Symbola.ttf", 0),
    ("NotoColorEmoji.ttf", 0),
    ("unifont.otf", 0),
    ("unifont.ttf", 0),
    ("unifont_upper.otf", 0),
)
_COLOUR: Final = "NotoColorEmoji.ttf"
_COLOUR_SIZE: Final = 109  # the only size that file has
_NOWHERE: Final = "\U0010fffe"  # no font has it: how a font draws what it lacks
_FONT_MARKS: Final = (b"\x00\x01\x00\x00", b"OTTO", b"ttcf", b"true")
_INK_LEVEL: Final = 112  # of 255: thin strokes of a hanzi survive at 24 dots

_DIGITS: Final = {  # 3 x 5 dots, a row is three bits
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711", "5": "74717", "6": "74757", "7": "71111",
    "8": "75757", "9": "75717", "A": "75755", "B": "65656", "C": "74447", "D": "65556", "E": "74647", "F": "74644",
}  # fmt: skip


def code_point_box(char: str, width_dots: int) -> bytes:
    """Draw the last resort: the character's code point in two rows of digits, framed where there is room.

    >>> len(code_point_box("€", 12)), len(code_point_box("𠮷", 24))
    (36, 72)
    """
    code = f"{ord(char):04X}"
    half = -(-len(code) // 2)
    code = code.rjust(2 * half, "0")
    stretch = 2 if width_dots >= 2 * 12 else 1
    pitch = (3 * stretch) + 1
    left = (width_dots - half * pitch + 1) // 2
    dots = {(x, y) for x in range(width_dots) for y in (0, HEIGHT_DOTS - 1)}
    if left >= 2:
        dots |= {(x, y) for x in (0, width_dots - 1) for y in range(HEIGHT_DOTS)}
    for row in range(2):
        for index, digit in enumerate(code[row * half : (row + 1) * half]):
            for y, bits in enumerate(_DIGITS[digit]):
                for x in (at for at in range(3) if int(bits) >> (2 - at) & 1):
                    dots |= {
                        (left + index * pitch + x * stretch + wide, 2 + row * 11 + y * 2 + high)
                        for wide in range(stretch)
                        for high in range(2)
                    }
    return _columns(width_dots, lambda x, y: (x, y) in dots)


class Glyphs:
    """Draws characters with the fonts that are found; one per printer, used in that printer's thread."""

    def __init__(self, folders: Sequence[str] = FONT_FOLDERS) -> None:
        self._folders = folders
        self._fonts: list[_Font] | None = None
        self.draw: Draw = lru_cache(maxsize=256)(self._draw)

    def _draw(self, char: str, width_dots: int) -> bytes:
        """Draw one character; see Draw."""
        if self._fonts is None:
            self._fonts = list(_found(self._folders))
        for font in self._fonts:
            picture = font.picture(char, width_dots)
            if picture is not None:
                pixels: Any = picture.load()
                return _columns(width_dots, lambda x, y, pixels=pixels: pixels[x, y] >= _INK_LEVEL)  # type: ignore[misc]
        return code_point_box(char, width_dots)


class _Font:
    """One font file; opened at the size that a character needs."""

    def __init__(self, path: str, face: int) -> None:
        self._path, self._face = path, face
        self._colour = Path(path).name == _COLOUR
        self._sizes = (_COLOUR_SIZE,) if self._colour else (24, 22, 20, 18, 16, 12)
        self._of_size(self._sizes[0])  # raises OSError for a broken file

    @lru_cache(maxsize=8)  # noqa: B019 - as long as the printer it draws for
    def _of_size(self, size: int) -> "FreeTypeFont":
        from PIL import ImageFont

        with Path(self._path).open("rb") as file:
            if file.read(4) not in _FONT_MARKS:  # Pillow would look for another file of this name
                raise OSError(f"{self._path} is no font")
        return ImageFont.truetype(self._path, size, index=self._face)

    def picture(self, char: str, width_dots: int) -> "Image | None":
        """Draw a character, ink white on black; None when the font lacks it."""
        for size in self._sizes:
            font = self._of_size(size)
            mask = font.getmask(char)
            if not mask.getbbox() or bytes(mask) == bytes(font.getmask(_NOWHERE)):
                return None
            left, top, right, bottom = font.getbbox(char)
            if self._colour or (right - left <= width_dots and bottom - top <= HEIGHT_DOTS) or size == self._sizes[-1]:
                return self._drawn(char, size, (int(left), int(top), int(right), int(bottom)), width_dots)
        return None

    def _drawn(self, char: str, size: int, box: tuple[int, int, int, int], width_dots: int) -> "Image":
        from PIL import Image, ImageDraw, ImageOps

        left, top, right, bottom = box
        if self._colour:
            page = Image.new("RGB", (max(1, right - left), max(1, bottom - top)), "white")
            ImageDraw.Draw(page).text((-left, -top), char, font=self._of_size(size), embedded_color=True)
            grey = ImageOps.invert(page.convert("L").resize((width_dots, HEIGHT_DOTS)))
            return grey.convert("1").convert("L")  # colours become a pattern of dots
        cell = Image.new("L", (width_dots, HEIGHT_DOTS), 0)
        at = ((width_dots - (right - left)) // 2 - left, (HEIGHT_DOTS - (bottom - top)) // 2 - top)
        ImageDraw.Draw(cell).text(at, char, font=self._of_size(size), fill=255)
        return cell


def _found(folders: Sequence[str]) -> Iterator[_Font]:
    """Open the fonts that are there, in our order; a broken file is passed over."""
    places: dict[str, str] = {}
    for folder in folders:
        for where, _, names in os.walk(folder):
            for name in names:
                places.setdefault(name, str(Path(where, name)))
    for name, face in FONT_FILES:
        if name in places:
            with contextlib.suppress(OSError, ValueError):
                yield _Font(places[name], face)


def _columns(width_dots: int, ink: Callable[[int, int], bool]) -> bytes:
    """Pack dots column by column, the top dot in the highest bit."""
    packed = bytearray()
    for x in range(width_dots):
        bits = 0
        for y in range(HEIGHT_DOTS):
            bits = bits << 1 | bool(ink(x, y))
        packed += bits.to_bytes(HEIGHT_DOTS // 8, "big")
    return bytes(packed)
