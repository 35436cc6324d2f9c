"""tap.toml -> frozen settings. A file of its own: a mistake in the daemon's must not stop the receipts of the POS.

Called by drivers.tap.service's starter and tap-file. Raises ConfigError with every mistake at once (exit 78).
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from agent.domain.errors import ConfigError
from drivers.profiles import Profile, profile
from drivers.tap.job import Rules
from drivers.tap.templates import standard

T = TypeVar("T")
_BAUDS: Final = (9600, 19200, 38400, 57600, 115200)
_FLOWS: Final = ("none", "xonxoff", "rtscts")
_FASTEST_PACE: Final = 1_000_000
_KEYS: Final[Mapping[str, Mapping[str, type]]] = {
    "printer": {
        "kind": str,
        "path": str,
        "host": str,
        "port": int,
        "baud": int,
        "flow": str,
        "pace_bytes_per_s": int,
        "profile": str,
    },
    "listen": {"host": str, "port": int, "serial": str, "serial_for_all": bool},
    "daemon": {"socket": str},
    "paper": {"chinese_at_start": bool, "pictures": bool},
}


@dataclass(frozen=True, slots=True)
class TapSettings:
    """The tap's configuration. `port` 0 takes a free one; empty `serial` is no serial line, empty `host` no TCP."""

    kind: str = "chardev"
    path: str = ""
    printer_host: str = ""
    printer_port: int = 9100
    baud: int = 9600
    flow: str = "none"
    pace_bytes_per_s: int = 0
    profile: Profile = field(default_factory=lambda: profile("generic-80"))
    host: str = "127.0.0.1"
    port: int = 9100
    serial: str = ""
    serial_for_all: bool = False
    socket: str = "/var/lib/pos-agent/tap.sock"
    rules: Rules = field(default_factory=lambda: Rules(profile("generic-80"), standard()))


def load(path: Path) -> TapSettings:
    """Read a configuration file; raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path} cannot be read: {error}"], source=str(path)) from error
    return parse(text, source=str(path))


def parse(text: str, *, source: str = "tap.toml") -> TapSettings:
    """Read configuration text; raises ConfigError listing every mistake.

    >>> parse('[printer]\\nkind = "tcp"\\nhost = "192.0.2.7"').printer_host
    '192.0.2.7'
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{source} is not TOML: {error}"], source=source) from error
    mistakes = _shape(raw)
    if not mistakes:
        mistakes = _sense(raw.get("printer", {}), raw.get("listen", {}))
    chosen = _try(lambda: profile(raw.get("printer", {}).get("profile", "generic-80")), "printer.profile", mistakes)
    words = _try(lambda: standard().with_words(raw.get("words", {})), "words", mistakes)
    extra = _try(lambda: _commands(raw.get("commands", {})), "commands", mistakes)
    if mistakes or chosen is None or words is None or extra is None:
        raise ConfigError([f"{source}: {mistake}" for mistake in mistakes], source=source)
    paper, printer, listen = raw.get("paper", {}), raw.get("printer", {}), raw.get("listen", {})
    own = {key: printer.get(key) for key in ("kind", "path", "baud", "flow", "pace_bytes_per_s")}
    given: dict[str, Any] = own | {
        "printer_host": printer.get("host"), "printer_port": printer.get("port"), "host": listen.get("host"),
        "port": listen.get("port"), "serial": listen.get("serial"), "serial_for_all": listen.get("serial_for_all"),
        "socket": raw.get("daemon", {}).get("socket"),
    }  # fmt: skip
    rules = Rules(chosen, words, paper.get("chinese_at_start", True), paper.get("pictures", True), extra)
    return TapSettings(profile=chosen, rules=rules, **{key: one for key, one in given.items() if one is not None})


def _shape(raw: dict[str, Any]) -> list[str]:
    mistakes = []
    for section, found in raw.items():
        if not isinstance(found, dict) or section not in (*_KEYS, "words", "commands"):
            mistakes.append(f"{section}: unknown section; there is {', '.join([*_KEYS, 'words', 'commands'])}")
            continue
        for key, value in found.items() if section in _KEYS else ():
            wanted = _KEYS[section].get(key)
            if wanted is None:
                mistakes.append(f"{section}.{key}: unknown key; there is {', '.join(_KEYS[section])}")
            elif type(value) is not wanted:
                mistakes.append(f"{section}.{key}: must be {wanted.__name__}")
    return mistakes


def _sense(printer: dict[str, Any], listen: dict[str, Any]) -> list[str]:
    mistakes = []
    kind = printer.get("kind", "chardev")
    if kind not in ("chardev", "serial", "tcp"):
        mistakes.append(f"printer.kind: {kind!r} is none of chardev, serial, tcp")
    elif kind == "tcp" and not printer.get("host"):
        mistakes.append("printer.host: a tcp printer needs one")
    elif kind != "tcp" and not str(printer.get("path", "")).startswith("/"):
        mistakes.append(f"printer.path: a {kind} printer needs an absolute one")
    if printer.get("baud", 9600) not in _BAUDS:
        mistakes.append(f"printer.baud: must be one of {', '.join(map(str, _BAUDS))}")
    mistakes += _pace(kind, printer)
    for section, port in (("printer", printer.get("port", 9100)), ("listen", listen.get("port", 9100))):
        if not 0 <= port <= 65535:
            mistakes.append(f"{section}.port: must be 0 to 65535")
    if not listen.get("host", "127.0.0.1") and not listen.get("serial"):
        mistakes.append("listen: neither host nor serial: no POS could reach its printer")
    if listen.get("serial") and not listen["serial"].startswith("/"):
        mistakes.append("listen.serial: must be an absolute path")
    return mistakes


def _pace(kind: str, printer: dict[str, Any]) -> list[str]:
    """What keeps a slow serial printer from losing bytes."""
    mistakes = []
    flow, pace = printer.get("flow", "none"), printer.get("pace_bytes_per_s", 0)
    if flow == "dtrdsr":
        mistakes.append(
            "printer.flow: dtrdsr does not work here, Linux has no such flow control: set the printer to XON/XOFF and "
            'say "xonxoff", or wire its DTR to our CTS and say "rtscts", or set printer.pace_bytes_per_s'
        )
    elif flow not in _FLOWS:
        mistakes.append(f"printer.flow: {flow!r} is none of {', '.join(_FLOWS)}")
    elif flow != "none" and kind != "serial":
        mistakes.append("printer.flow: only a serial printer has it")
    if not 0 <= pace <= _FASTEST_PACE:
        mistakes.append(f"printer.pace_bytes_per_s: must be 0 to {_FASTEST_PACE}")
    elif pace and kind != "serial":
        mistakes.append("printer.pace_bytes_per_s: only a serial printer has it")
    return mistakes


def _commands(raw: dict[str, Any]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for text, arguments in raw.items():
        name = bytes.fromhex(text)
        known = len(name) == 2 and name[0] in b"\x1b\x1c\x1d\x10"
        if not known or type(arguments) is not int or not 0 <= arguments <= 64:
            raise ValueError(f"{text}: two bytes in hexadecimal that begin a command, and 0 to 64 argument bytes")
        found[name] = arguments
    return found


def _try(make: Callable[[], T], where: str, mistakes: list[str]) -> T | None:
    try:
        return make()
    except (ValueError, TypeError, AttributeError) as error:
        mistakes.append(f"{where}: {error}")
        return None
