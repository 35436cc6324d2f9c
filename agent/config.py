"""TOML -> frozen settings. Every mistake is reported at once, with the key's path and the nearest known key.

Called by the composition root and the CLI only. Raises ConfigError, which the CLI turns into exit 78.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent import limits
from agent.domain.errors import ConfigError

DeviceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9\-]{0,31}$")]
Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class HqSection(_Section):
    """Where HQ is. Who we are there is in the enrolment, not here."""

    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+(/[^\s]*)?$")]
    ca_file: str = ""
    """PEM bundle when HQ's certificate comes from the chain's own authority."""
    pull_interval_s: Annotated[int, Field(ge=5, le=3600)] = limits.PULL_INTERVAL_S

    @model_validator(mode="after")
    def _no_plain_http_off_the_box(self) -> "HqSection":
        host = self.url.split("://", 1)[1].split("/", 1)[0].rsplit(":", 1)[0].strip("[]")
        if self.url.startswith("http://") and host not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError("plain http is for HQ on this machine only; use https")
        return self


class ApiSection(_Section):
    """The till's API. Loopback only."""

    host: Literal["127.0.0.1", "::1"] = "127.0.0.1"
    port: Port = 8787
    unix_socket: str = ""
    """Empty: `agent.sock` in the state directory."""
    allowed_origins: list[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]] = []


class ScannerSection(_Section):
    """One serial scanner, by stable path."""

    name: DeviceName
    path: Annotated[str, Field(pattern=r"^/")]
    baud: Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200] = 9600
    idle_gap_ms: Annotated[int, Field(ge=5, le=2000)] = limits.SCAN_IDLE_GAP_MS
    duplicate_window_ms: Annotated[int, Field(ge=0, le=10_000)] = limits.SCAN_DUPLICATE_WINDOW_MS
    prefix: Annotated[str, Field(max_length=8)] = ""
    ending: Literal["auto", "terminator", "silence"] = "auto"
    """How a scan ends: `terminator` closes the last gap of `auto` for scanners that send CR, LF, TAB or ETX."""


class PrinterSection(_Section):
    """One receipt printer."""

    name: DeviceName
    kind: Literal["chardev", "serial", "tcp", "file"]
    path: str = ""
    host: str = ""
    port: Port = 9100
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 9600
    profile: str = "generic-80"

    @model_validator(mode="after")
    def _reachable(self) -> "PrinterSection":
        if self.kind == "tcp" and not self.host:
            raise ValueError("a tcp printer needs host")
        if self.kind != "tcp" and not self.path.startswith("/"):
            raise ValueError(f"a {self.kind} printer needs path, an absolute one")
        return self


class ReceiptSection(_Section):
    """What goes on paper and where."""

    printer: str = ""
    """Name of the printer for receipts; empty: the first one."""
    language: Literal["zh", "en"] = "zh"
    open_drawer_on_cash: bool = True
    footer: Annotated[str, Field(max_length=limits.TEXT_CHARS)] = ""


class Settings(_Section):
    """The whole configuration."""

    state_dir: Annotated[str, Field(pattern=r"^/")] = "/var/lib/pos-agent"
    keys_dir: str = ""
    """Empty: `keys` in the state directory."""
    hq: HqSection
    api: ApiSection = ApiSection()
    scanner: list[ScannerSection] = []
    printer: list[PrinterSection] = []
    receipt: ReceiptSection = ReceiptSection()

    @model_validator(mode="after")
    def _names_agree(self) -> "Settings":
        mistakes = []
        for kind, names in (("scanner", [s.name for s in self.scanner]), ("printer", [p.name for p in self.printer])):
            mistakes += [f"{kind} name {name!r} is used twice" for name in sorted(names) if names.count(name) > 1][:1]
        printers = [printer.name for printer in self.printer]
        if self.receipt.printer and self.receipt.printer not in printers:
            mistakes.append(f"receipt.printer {self.receipt.printer!r} names no [[printer]]; there is {printers}")
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self

    @property
    def state(self) -> Path:
        """State directory."""
        return Path(self.state_dir)

    @property
    def keys(self) -> Path:
        """Key directory."""
        return Path(self.keys_dir) if self.keys_dir else self.state / "keys"

    @property
    def socket(self) -> Path:
        """Unix socket of the local API."""
        return Path(self.api.unix_socket) if self.api.unix_socket else self.state / "agent.sock"


def load(path: Path) -> Settings:
    """Read a configuration file; raises ConfigError listing every mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} cannot be read: {error}"], source=str(path)) from error
    return parse(text, source=str(path))


def parse(text: str, *, source: str = "configuration") -> Settings:
    """Read configuration text; raises ConfigError listing every mistake."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{source} is not TOML: {error}"], source=source) from error
    try:
        return Settings.model_validate(raw)
    except ValidationError as error:
        mistakes = [_describe(dict(fault)) for fault in error.errors()]
        raise ConfigError([f"{source}: {mistake}" for mistake in mistakes], source=source) from error


def _describe(fault: dict[str, object]) -> str:
    where = fault["loc"]
    assert isinstance(where, tuple)
    path = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in where) or "(whole file)"
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(where[-1]), _known_keys(), n=1)
        return f"{path}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if fault["type"] == "missing":
        return f"{path}: is missing"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{path}: {message}"


def _known_keys() -> list[str]:
    sections = (Settings, HqSection, ApiSection, ScannerSection, PrinterSection, ReceiptSection)
    return sorted({name for section in sections for name in section.model_fields})
