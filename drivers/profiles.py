"""What each kind of receipt printer can do, as frozen data: width, cutter, Chinese, QR, status, drawer, beeper.

The data stand in profiles.toml; this module reads and checks them. Used by the encoder and the printer driver; chosen
by name in the configuration. Must never import python-escpos: that configures the root logger and leaves a temporary
directory behind (facts/devices.md), so only its data file is read.
"""

import difflib
import importlib.util
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

DOTS_PER_COLUMN: Final = 12  # Font A on every ESC/POS printer; a Chinese character takes two columns
_FILE: Final = Path(__file__).with_name("profiles.toml")
_PYTHON_ESCPOS: Final = "python-escpos:"


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid", strict=True))
class Profile:
    """One kind of printer. Dots are at 203 dpi, times milliseconds; `columns` counts ANK characters of Font A."""

    name: str
    width_dots: Annotated[int, Field(ge=192, le=1024, multiple_of=8)]
    columns: Annotated[int, Field(ge=16, le=80)]
    cutter: bool
    native_qr: bool = False
    chinese: Literal["fs", "power_up", "image"] = "fs"
    """`fs` sends FS & once per job, `power_up` trusts the mode it starts in, `image` draws every Chinese character."""
    status: bool = False
    """It answers DLE EOT, so silence means trouble."""
    asb: bool = False
    """It reports changes by itself once asked to (GS a), also while it waits for paper in the middle of a job."""
    completion: Literal["none", "gs_r", "gs_h"] = "none"
    """How it says that a job is done: not at all, by answering GS r 1, or GS ( H with the job's number."""
    buffer_bytes: Annotated[int, Field(ge=256, le=1 << 20)] = 4096
    """What it surely takes before it prints; a longer job is sent in pieces and its state looked at between them."""
    drawer_pin: Literal[0, 1] = 0
    drawer_on_ms: Annotated[int, Field(ge=2, le=510)] = 100
    drawer_off_ms: Annotated[int, Field(ge=2, le=510)] = 200
    beeper: Literal["none", "esc_b", "esc_paren_a"] = "none"
    """There is no standard, and a printer that does not know the command prints it: off unless chosen."""
    qr_module: Annotated[int, Field(ge=1, le=16)] = 6
    """Dots per QR module: 6 = 0.75 mm at 203 dpi, what a phone reads at arm's length."""
    feed_lines: Annotated[int, Field(ge=0, le=20)] = 0
    """Lines before the cut, or before the tear bar where there is no cutter. GS V 66 feeds to the cutter by itself."""

    @model_validator(mode="after")
    def _agree(self) -> "Profile":
        if self.drawer_on_ms > self.drawer_off_ms:
            raise ValueError("drawer_on_ms is longer than drawer_off_ms (ESC p)")
        if self.columns * DOTS_PER_COLUMN > self.width_dots:
            raise ValueError(f"{self.columns} columns of {DOTS_PER_COLUMN} dots are wider than width_dots")
        if self.asb and not self.status:
            raise ValueError("asb needs status: what reports by itself also answers")
        return self


def one_way(kind: Profile) -> Profile:
    """The same printer behind a way that carries nothing back (a file, CUPS): nothing is asked of it."""
    return changed(kind, {"status": False, "asb": False, "completion": "none"})


def changed(kind: Profile, values: Mapping[str, object]) -> Profile:
    """A profile with some values changed; raises ValueError naming every fault at once.

    >>> changed(profile("generic-80"), {"native_qr": True}).native_qr
    True
    """
    return _checked(kind.name, {**asdict(kind), **values})


def profile(name: str) -> Profile:
    """Give a builtin profile, or `python-escpos:<name>`; raises ValueError naming what there is.

    >>> profile("generic-58").width_dots, profile("generic-80").columns
    (384, 48)
    """
    if name.startswith(_PYTHON_ESCPOS):
        return from_python_escpos(name.removeprefix(_PYTHON_ESCPOS))
    found = builtin().get(name)
    if found is None:
        near = difflib.get_close_matches(name, builtin(), n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(
            f"no printer profile {name!r}{hint}; there are {', '.join(sorted(builtin()))} and {_PYTHON_ESCPOS}<name>"
        )
    return found


@lru_cache(maxsize=1)
def builtin() -> Mapping[str, Profile]:
    """The profiles of profiles.toml, by name."""
    return read_profiles(_FILE.read_text(encoding="utf-8"))


def read_profiles(text: str) -> dict[str, Profile]:
    """Read profiles written as TOML, one table each; raises ValueError with every fault of every table, one a line.

    >>> first = "[a]\\nwidth_dots = 384\\ncolumns = 32\\ncutter = false\\n"
    >>> both = read_profiles(first + '[b]\\nlike = "a"\\ncutter = true')
    >>> both["b"].cutter, both["b"].columns
    (True, 32)
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not TOML: {error}") from error
    found: dict[str, Profile] = {}
    faults: list[str] = []
    for name, table in raw.items():
        if not isinstance(table, dict):
            faults.append(f"{name}: is no table")
            continue
        values = dict(table)
        like = values.pop("like", None)
        if like is not None and like not in found:
            faults.append(f"{name}: like = {like!r} names no profile above")
            continue
        try:
            found[name] = _checked(name, {**(asdict(found[like]) if like is not None else {}), **values})
        except ValueError as error:
            faults += str(error).splitlines()
    if faults:
        raise ValueError("\n".join(faults))
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
        name=f"{_PYTHON_ESCPOS}{name}",
        width_dots=dots // 8 * 8,
        columns=min(columns, dots // 8 * 8 // DOTS_PER_COLUMN),
        cutter=cutter,
        native_qr=bool(raw["features"].get("qrCode")),
        feed_lines=0 if cutter else 4,
    )


def _checked(name: str, values: Mapping[str, Any]) -> Profile:
    """Make a profile; ValueError has one line a fault."""
    known = {field.name for field in fields(Profile)}
    faults = [_unknown(name, key, known) for key in values if key not in known]
    try:
        made = Profile(**{**{key: value for key, value in values.items() if key in known}, "name": name})
    except ValidationError as error:
        for fault in error.errors():
            where = ".".join(str(part) for part in fault["loc"])
            text = "is missing" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
            faults.append(f"{name}: {where}: {text}" if where else f"{name}: {text}")
    if faults:
        raise ValueError("\n".join(faults))
    return made


def _unknown(name: str, key: str, known: set[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"{name}: unknown key {key}" + (f"; did you mean {near[0]}?" if near else "")
