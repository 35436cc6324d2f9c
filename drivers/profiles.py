"""What each kind of receipt printer can do, as frozen data: width, cutter, QR, status, drawer.

Used by the encoder and the printer driver; chosen by name in the configuration. Must never import python-escpos: that
configures the root logger and leaves a temporary directory behind (facts/devices.md), so only its data file is read.
"""

import importlib.util
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

DOTS_PER_COLUMN: Final = 12  # Font A on every ESC/POS printer; a Chinese character takes two columns


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of printer. `columns` counts ANK characters of Font A; times are milliseconds, widths dots.

    `chinese`: `fs` sends FS & once per job, `power_up` trusts the mode the printer starts in. `completion`: `gs_r`
    ends a job with GS r 1 and waits for its answer. `status`: the printer answers DLE EOT, so silence means trouble.
    """

    name: str
    width_dots: int
    columns: int
    cutter: bool
    native_qr: bool = False
    chinese: Literal["fs", "power_up"] = "fs"
    completion: Literal["none", "gs_r"] = "none"
    status: bool = False
    drawer_pin: Literal[0, 1] = 0
    drawer_on_ms: int = 100
    drawer_off_ms: int = 200
    qr_module: int = 6
    """Dots per QR module: 6 = 0.75 mm at 203 dpi, what a phone reads at arm's length."""
    feed_lines: int = 0
    """Lines before the cut, or before the tear bar where there is no cutter. GS V 66 feeds to the cutter by itself."""

    def __post_init__(self) -> None:
        if self.width_dots <= 0 or self.width_dots % 8 or self.columns < 16:
            raise ValueError(f"profile {self.name}: width must be a multiple of 8 dots and at least 16 columns")
        if not 1 <= self.qr_module <= 16 or not 0 <= self.feed_lines <= 20:
            raise ValueError(f"profile {self.name}: qr_module is 1..16, feed_lines 0..20")
        if not 2 <= self.drawer_on_ms <= self.drawer_off_ms <= 510:
            raise ValueError(f"profile {self.name}: drawer times are 2..510 ms, on no longer than off (ESC p)")


# The generic ones promise nothing: QR as a raster image, because units without GS ( k print the payload as text
# (pains 23), and no question is asked that a write-only unit would leave unanswered: their jobs end "sent".
_GENERIC_58 = Profile("generic-58", width_dots=384, columns=32, cutter=False, feed_lines=4)
_GENERIC_80 = Profile("generic-80", width_dots=576, columns=48, cutter=True)

BUILTIN: Final[dict[str, Profile]] = {
    profile.name: profile
    for profile in (
        _GENERIC_58,
        _GENERIC_80,
        replace(_GENERIC_58, name="escpos-58", native_qr=True, status=True, completion="gs_r"),
        replace(_GENERIC_80, name="escpos-80", native_qr=True, status=True, completion="gs_r"),
        Profile(
            "epson-tm-t88-cn",
            width_dots=512,
            columns=42,
            cutter=True,
            native_qr=True,
            status=True,
            completion="gs_r",
        ),
    )
}

_PYTHON_ESCPOS = "python-escpos:"


def profile(name: str) -> Profile:
    """Give a builtin profile, or `python-escpos:<name>`; raises ValueError naming what there is.

    >>> profile("generic-58").width_dots, profile("generic-80").columns
    (384, 48)
    """
    if name.startswith(_PYTHON_ESCPOS):
        return from_python_escpos(name.removeprefix(_PYTHON_ESCPOS))
    found = BUILTIN.get(name)
    if found is None:
        raise ValueError(
            f"no printer profile {name!r}; there are {', '.join(sorted(BUILTIN))} and {_PYTHON_ESCPOS}<name>"
        )
    return found


def from_python_escpos(name: str) -> Profile:
    """Build a profile from python-escpos's capabilities: width, columns, cutter, native QR; the rest stays cautious.

    Only the JSON file is read, the package is never imported. Raises ValueError for an unknown name or one without a
    width.

    >>> from_python_escpos("POS-5890").columns
    32
    """
    spec = importlib.util.find_spec("escpos")
    if spec is None or not spec.submodule_search_locations:
        raise ValueError("python-escpos is not installed")
    text = Path(spec.submodule_search_locations[0], "capabilities.json").read_text(encoding="utf-8")
    profiles = json.loads(text)["profiles"]
    if name not in profiles:
        raise ValueError(f"python-escpos has no profile {name!r}; it has {', '.join(sorted(profiles))}")
    raw = profiles[name]
    dots, columns = raw["media"]["width"]["pixels"], raw["fonts"]["0"]["columns"]
    if not isinstance(dots, int) or not isinstance(columns, int):
        raise ValueError(f"python-escpos does not know the width of {name!r}")  # it says "Unknown"
    cutter = bool(raw["features"].get("paperFullCut") or raw["features"].get("paperPartCut"))
    return Profile(
        f"{_PYTHON_ESCPOS}{name}",
        width_dots=dots // 8 * 8,
        columns=min(columns, dots // DOTS_PER_COLUMN),
        cutter=cutter,
        native_qr=bool(raw["features"].get("qrCode")),
        feed_lines=0 if cutter else 4,
    )
