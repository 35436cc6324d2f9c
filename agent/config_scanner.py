"""The scanners' part of the configuration: [[scanner]] and [passthrough], and what is wrong between their keys.

Read through agent.config only.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, Field

from agent import limits
from agent.config_section import RULES, DeviceName

_LEAST_GAP_MS: Final = 5
_ONLY_FOR: Final = {"baud": "serial", "line": "serial", "alt_codes": "keyboard"}


def _gap(value: int) -> int:
    if 0 < value < _LEAST_GAP_MS:
        raise ValueError(f"should be 0, or {_LEAST_GAP_MS} and more")
    return value


class ScannerSection(BaseModel):
    """One scanner, by stable path."""

    model_config = RULES

    name: DeviceName
    kind: Literal["serial", "keyboard", "hid_pos"] = "serial"
    path: Annotated[str, Field(pattern=r"^/")]
    baud: Literal["auto", 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    """`auto` finds speed and line by listening."""
    line: Literal["8N1", "7E1", "7O1"] = "8N1"
    alt_codes: Literal["gbk", "unicode"] = "gbk"
    """What a number means that a keyboard scanner types with Alt on the keypad."""
    idle_gap_ms: Annotated[int, Field(ge=0, le=2000), AfterValidator(_gap)] = 0
    """0: as the kind needs."""
    duplicate_window_ms: Annotated[int, Field(ge=0, le=10_000)] = limits.SCAN_DUPLICATE_WINDOW_MS
    prefix: Annotated[str, Field(max_length=8)] = ""
    ending: Literal["auto", "terminator", "silence"] = "auto"
    """How a scan ends: `terminator` closes the last gap of `auto` for scanners that send CR, LF, TAB or ETX."""

    @property
    def gap_ms(self) -> int:
        """Silence that ends a code, in milliseconds."""
        default = limits.KEYBOARD_IDLE_GAP_MS if self.kind == "keyboard" else limits.SCAN_IDLE_GAP_MS
        return self.idle_gap_ms or default


class PassthroughSection(BaseModel):
    """A virtual serial port on which the POS reads item codes as from a scanner of its own."""

    model_config = RULES

    path: Annotated[str, Field(pattern=r"^(/.+)?$")] = ""
    """Where the POS finds the port: a link made here. Empty: no such port."""
    ending: Literal["cr", "lf", "crlf", "tab", "none"] = "cr"
    payment_codes: bool = False
    """Also what may be a payment code, for a POS that charges but does not listen to events."""
    group: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_\-]{0,31}$|^$")] = ""
    """Group that may open the port; empty: the service's own."""


def scanner_mistakes(scanners: list[dict[str, Any]]) -> list[str]:
    """What is wrong between the keys of the [[scanner]] tables, as raw as the file has them."""
    mistakes: list[str] = []
    paths = [one.get("path") for one in scanners]
    twice = sorted({str(path) for path in paths if path is not None and paths.count(path) > 1})
    mistakes += [f"scanner: the path {path} is used twice; two equal scanners: /dev/*/by-path" for path in twice]
    for number, one in enumerate(scanners, start=1):
        kind = one.get("kind", "serial")
        for key, fits in _ONLY_FOR.items():
            default = ScannerSection.model_fields[key].default
            if one.get(key, default) != default and kind != fits and kind in ("serial", "keyboard", "hid_pos"):
                mistakes.append(f"scanner.{number}: {key} is for kind {fits!r}, not {kind!r}")
        if one.get("baud") == "auto" and "line" in one:
            mistakes.append(f'scanner.{number}: baud = "auto" finds the line too; leave out line')
    return mistakes
