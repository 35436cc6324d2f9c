"""TOML -> frozen settings. Every mistake is reported at once, with the key's path and the nearest known key.

Called by the composition root and the CLI only. Raises ConfigError, which the CLI turns into exit 78.
"""

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, ValidationError

from agent import limits
from agent.config_printer import PrinterSection, printer_mistakes
from agent.config_scanner import PassthroughSection, ScannerSection, scanner_mistakes
from agent.config_section import RULES
from agent.domain.errors import ConfigError

Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    model_config = RULES


class HqSection(_Section):
    """Where HQ is. Who we are there is in the enrolment, not here."""

    url: Annotated[str, Field(pattern=r"^https?://[^/\s]+(/[^\s]*)?$")]
    ca_file: str = ""
    """PEM bundle when HQ's certificate comes from the chain's own authority."""
    pull_interval_s: Annotated[int, Field(ge=5, le=3600)] = limits.PULL_INTERVAL_S


class ApiSection(_Section):
    """The till's API. Loopback only."""

    host: Literal["127.0.0.1", "::1"] = "127.0.0.1"
    port: Port = 8787
    unix_socket: str = ""
    """Empty: `agent.sock` in the state directory."""
    allowed_origins: list[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]] = []


class HwProxySection(_Section):
    """The listener for clients of Odoo's box: status, paper, drawer. Off while no origin is allowed."""

    port: Port = 8069
    allowed_origins: list[Annotated[str, Field(pattern=r"^https?://[^/\s]+$")]] = []


class ReceiptSection(_Section):
    """What goes on paper and where."""

    printer: str = ""
    """Name of the printer for receipts; empty: the first one."""
    language: Literal["zh", "en"] = "zh"
    open_drawer_on_cash: bool = True
    footer: Annotated[str, Field(max_length=limits.TEXT_CHARS)] = ""


class WorkstationSection(_Section):
    """How this workstation works today."""

    training: bool = False
    """Book into a file of its own that is never pushed; paper is marked as no receipt (S40)."""
    tables: bool = False
    """Whether the cashier page asks for table numbers (S10)."""


class Settings(_Section):
    """The whole configuration."""

    state_dir: Annotated[str, Field(pattern=r"^/")] = "/var/lib/pos-agent"
    keys_dir: str = ""
    """Empty: `keys` in the state directory."""
    hq: HqSection
    workstation: WorkstationSection = WorkstationSection()
    api: ApiSection = ApiSection()
    scanner: list[ScannerSection] = []
    passthrough: PassthroughSection = PassthroughSection()
    printer: list[PrinterSection] = []
    receipt: ReceiptSection = ReceiptSection()
    hw_proxy: HwProxySection = HwProxySection()

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
    mistakes = _contradictions(raw)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        mistakes = [_describe(dict(fault)) for fault in error.errors()] + mistakes
    if mistakes or settings is None:
        raise ConfigError([f"{source}: {mistake}" for mistake in mistakes], source=source)
    return settings


def _contradictions(raw: dict[str, Any]) -> list[str]:
    """What is wrong between keys; looked for in the raw file, so that one wrong field hides no other mistake."""
    mistakes: list[str] = []
    for kind in ("scanner", "printer"):
        names = [one.get("name") for one in _tables(raw, kind)]
        twice = sorted({str(name) for name in names if name is not None and names.count(name) > 1})
        mistakes += [f"{kind}: the name {name!r} is used twice" for name in twice]
    mistakes += scanner_mistakes(_tables(raw, "scanner"))
    for number, one in enumerate(_tables(raw, "printer"), start=1):
        mistakes += printer_mistakes(number, one)
    receipt, printers = raw.get("receipt"), [one.get("name") for one in _tables(raw, "printer")]
    chosen = receipt.get("printer") if isinstance(receipt, dict) else None
    if chosen and chosen not in printers:
        mistakes.append(f"receipt.printer: {chosen!r} names no [[printer]]; there is {printers}")
    hq = raw.get("hq")
    url = str(hq.get("url", "")) if isinstance(hq, dict) else ""
    if url.startswith("http://") and urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        mistakes.append("hq.url: plain http is for HQ on this machine only; use https")
    return mistakes


def _tables(raw: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = raw.get(kind)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _describe(fault: dict[str, object]) -> str:
    where = fault["loc"]
    assert isinstance(where, tuple)
    path = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in where) or "(whole file)"
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(where[-1]), _known_keys(), n=1)
        return f"{path}: unknown key" + (f"; did you mean {near[0]}?" if near else "")
    if fault["type"] == "missing":
        return f"{path}: is missing"
    return f"{path}: {fault['msg']}"


def _known_keys() -> list[str]:
    devices = (ScannerSection, PassthroughSection, PrinterSection)
    sections = (Settings, HqSection, WorkstationSection, ApiSection, *devices, ReceiptSection, HwProxySection)
    return sorted({name for section in sections for name in section.model_fields})
