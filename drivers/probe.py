"""A page of numbered samples that any receipt printer is sent, and the profile that follows from what a person sees.

Used by `pos-agent devices setup` and `probe`. The page promises nothing: each sample shows what happens when a printer
does not know its command. What the printer can say about itself is not asked of a person (drivers.probe_talk).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeAlias

from agent.wording import CHINESE, label
from drivers.escpos_bytes import native_qr, qr_raster
from drivers.glyphs import HEIGHT_DOTS, Draw, code_point_box
from drivers.profiles import DOTS_PER_COLUMN, Profile, builtin
from drivers.qr_matrix import matrix

OPTIONS: Final[Mapping[str, tuple[int, ...]]] = {
    "ruler": (1, 2, 3),
    "chinese": (1, 2, 3),
    "qr": (1, 2),
    "beep": (0, 1, 2),
    "drawer": (0, 1, 2),
    "cut": (1, 2),
}
"""What is asked, in this order, and the numbers that may be answered."""

Value: TypeAlias = "str | int | bool"
Completion: TypeAlias = Literal["none", "gs_r", "gs_h"]
_RULERS: Final = {1: (32, 384), 2: (42, 512), 3: (48, 576)}  # columns, dots
_CHINESE: Final[Mapping[int, str]] = {1: "fs", 2: "power_up", 3: "image"}
_BEEPERS: Final[Mapping[int, str]] = {0: "none", 1: "esc_b", 2: "esc_paren_a"}
_SAMPLE: Final = "中文水果 ￥4.00"
_QR_TEXT: Final = "https://example.com/pos-agent-probe"
_QR_MODULE: Final = 6
_NARROWEST_DOTS: Final = 384
_FEED: Final = b"\x1bd\x04"


@dataclass(frozen=True, slots=True)
class Overheard:
    """What the printer says of itself: whether it answers DLE EOT, how it tells that a job is done, whether it reports
    changes by itself (GS a)."""

    status: bool
    completion: Completion
    asb: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What to write into [[printer]]: a profile and, where none fits exactly, the values that differ."""

    profile: str
    override: Mapping[str, Value]

    def toml(self) -> str:
        """The two lines of the configuration.

        >>> Choice("generic-80", {"native_qr": True, "columns": 42}).toml()
        'profile = "generic-80"\\noverride = { native_qr = true, columns = 42 }'
        """
        text = f'profile = "{self.profile}"'
        if not self.override:
            return text
        pairs = ", ".join(f"{key} = {_toml(value)}" for key, value in self.override.items())
        return f"{text}\noverride = {{ {pairs} }}"


def questions(language: int = CHINESE) -> dict[str, str]:
    """What to ask about the page, by the key of its answer."""
    return {key: label(f"probe_{key}", language) for key in OPTIONS}


def probe_page(draw: Draw = code_point_box, *, drawer: bool = True, questions: bytes = b"") -> bytes:
    """Write the page; `drawer` False leaves the drawer alone (it opens twice).

    `questions` are for the printer itself (drivers.probe_talk.ANSWERS): one that does not know them prints of them.

    ORDER: the Chinese sample of the power-up mode stands before the first FS &, which would change that mode.
    """
    page = bytearray(b"\x1b@POS PRINTER PROBE\n\nA RULER\n")
    for number, (columns, _) in _RULERS.items():
        page += f"[{number}]".ljust(columns - 1, "-").encode() + b"|\n"
    page += b"\nB CHINESE\n"
    page += b"[2] " + _SAMPLE.encode("gbk") + b"\n"
    page += b"[1] \x1c&" + _SAMPLE.encode("gbk") + b"\x1c.\n"
    page += b"[3] " + b"".join(_drawn(char, draw) for char in "中文水果") + b"\n"
    page += b"\nC QR\n[1]\n" + native_qr(_QR_TEXT, _QR_MODULE) + b"\n"
    page += b"[2]\n" + qr_raster(matrix(_QR_TEXT), _QR_MODULE, _NARROWEST_DOTS) + b"\n"
    page += b"\nD BEEP\n[1]\n\x1bB\x02\x02\n[2]\n\x1b(A\x04\x0001\x02\x02\n"
    if drawer:
        page += b"\nE DRAWER\n[1]\n\x1bp\x00\x32\x64\n[2]\n\x1bp\x01\x32\x64\n"
    if questions:
        page += b"\n(ignore these) " + questions + b"\n"
    return bytes(page + b"\nF CUT\n" + _FEED + b"\x1dVB\x00")


def choose(answers: Mapping[str, int], heard: Overheard = Overheard(False, "none")) -> Choice:
    """Find the profile that needs the fewest changes; raises ValueError naming every answer that is missing or wrong.

    >>> choose({"ruler": 3, "chinese": 1, "qr": 2, "beep": 0, "drawer": 1, "cut": 1}).toml()
    'profile = "generic-80"'
    """
    faults = [
        f"{key}: should be one of {', '.join(map(str, allowed))}, not {answers.get(key)!r}"
        for key, allowed in OPTIONS.items()
        if answers.get(key) not in allowed
    ]
    if faults:
        raise ValueError("\n".join(faults))
    columns, dots = _RULERS[answers["ruler"]]
    cutter = answers["cut"] == 1
    wanted: dict[str, Value] = {
        "columns": columns,
        "width_dots": dots,
        "chinese": _CHINESE[answers["chinese"]],
        "native_qr": answers["qr"] == 1,
        "beeper": _BEEPERS[answers["beep"]],
        "drawer_pin": 1 if answers["drawer"] == 2 else 0,
        "cutter": cutter,
        "feed_lines": 0 if cutter else 4,
        "status": heard.status,
        "completion": heard.completion,
        "asb": heard.asb,
    }
    choices = [Choice(name, _differing(kind, wanted)) for name, kind in builtin().items()]
    return min(choices, key=lambda choice: len(choice.override))


def _differing(kind: Profile, wanted: Mapping[str, Value]) -> dict[str, Value]:
    have = asdict(kind)
    return {key: value for key, value in wanted.items() if have[key] != value}


def _drawn(char: str, draw: Draw) -> bytes:
    return b"\x1b*\x21" + (2 * DOTS_PER_COLUMN).to_bytes(2, "little") + draw(char, HEIGHT_DOTS)


def _toml(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
