"""The printers' part of the configuration: [[printer]], and what contradicts in it. Read through agent.config."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field

from agent import limits
from agent.config_section import RULES, DeviceName

_NEEDS: Final = {"chardev": "path", "serial": "path", "file": "path", "tcp": "host", "usb": "usb", "cups": "queue"}
_LOCAL: Final = r"^(/|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$)"
_ONLY_FOR: Final = {
    "host": ("tcp",),
    "port": ("tcp",),
    "baud": ("serial",),
    "flow": ("serial",),
    "pace_bytes_per_s": ("serial",),
    "usb": ("usb",),
    "queue": ("cups",),
    "server": ("cups",),
}


class PrinterSection(BaseModel):
    """One receipt printer."""

    model_config = RULES

    name: DeviceName
    kind: Literal["chardev", "usb", "serial", "tcp", "cups", "file"]
    path: str = ""
    usb: Annotated[str, Field(pattern=r"^$|^[0-9a-fA-F]{4}:[0-9a-fA-F]{4}(:.{1,126})?$")] = ""
    host: str = ""
    port: Annotated[int, Field(ge=0, le=65535)] = 9100
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 9600
    flow: Literal["none", "xonxoff", "rtscts", "dtrdsr"] = "none"
    pace_bytes_per_s: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    queue: Annotated[str, Field(pattern=r"^[^/#\s]{0,127}$")] = ""
    server: Annotated[str, Field(pattern=_LOCAL)] = "/run/cups/cups.sock"
    profile: str = "generic-80"
    override: dict[str, str | int | bool] = {}
    """Single values of the profile, as the probe page found them."""
    watch_s: Annotated[int, Field(ge=0, le=60)] = limits.PRINT_WATCH_S
    """Seconds between two looks at the printer when nothing is printed; 0 never looks."""


def printer_mistakes(number: int, table: dict[str, Any]) -> list[str]:
    """What contradicts within the `number`-th [[printer]], from the raw file, so that no mistake hides another."""
    kind = table.get("kind")
    mistakes: list[str] = []
    need = _NEEDS.get(kind) if isinstance(kind, str) else None
    if need == "path" and not str(table.get("path", "")).startswith("/"):
        mistakes.append(f"printer.{number}: a {kind} printer needs path, an absolute one")
    elif need is not None and not table.get(need):
        mistakes.append(f"printer.{number}: a {kind} printer needs {need}")
    for key, kinds in _ONLY_FOR.items():
        set_here = key in table and table[key] != PrinterSection.model_fields[key].default
        if set_here and isinstance(kind, str) and kind in _NEEDS and kind not in kinds:
            mistakes.append(f"printer.{number}: {key} is for {' and '.join(kinds)} only")
    return mistakes
