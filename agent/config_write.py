"""Setting one device's table in the configuration file, leaving every other line as a person wrote it.

Called by the commands that set devices up: they show the difference, ask, and then have it written. What comes out is
checked as a whole before it takes the old file's place; it takes it in one step, and the old one stays as a copy.
"""

import difflib
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

from agent.config import parse
from agent.domain.errors import ConfigError

Plain: TypeAlias = "str | int | bool"
Value: TypeAlias = "Plain | Mapping[str, Plain]"
_HEADER: Final = re.compile(r"^\s*\[")
_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*=")
_REMARK: Final = re.compile(r"""^[^=]*=(?:"(?:\\.|[^"\\])*"|'[^']*'|[^"'#])*?(\s*#.*)$""")


@dataclass(frozen=True, slots=True)
class Change:
    """A configuration file as it is and as it would be."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """What is taken out and put in, with three lines around; empty when nothing changes."""
        before, after, name = self.before.splitlines(), self.after.splitlines(), str(self.path)
        return "\n".join(difflib.unified_diff(before, after, fromfile=name, tofile=name, lineterm=""))

    def write(self, now_ms: int) -> Path:
        """Write it and give the copy of the old file that stays beside it.

        Raises ConfigError when the file was changed since it was read, OSError when it cannot be written.
        """
        path = self.path.resolve()
        if path.read_text(encoding="utf-8") != self.before:
            raise ConfigError([f"{path} was changed meanwhile; nothing was written"], source=str(path))
        stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
        kept = path.with_name(f"{path.name}.before-{stamp}")
        if not kept.exists():
            _replace(kept, self.before, like=path)
        _replace(path, self.after, like=path)
        return kept


def planned(path: Path, kind: str, values: Mapping[str, Value]) -> Change:
    """What putting a table into the file would change; raises ConfigError when what comes out is no configuration."""
    before = path.read_text(encoding="utf-8")
    after = with_table(before, kind, values)
    parse(after, source=str(path))
    return Change(path, before, after)


def with_table(text: str, kind: str, values: Mapping[str, Value]) -> str:
    """Give the text with the [[kind]] table named `values["name"]` saying just this; comments in it stay.

    Keys the table has and `values` has not are taken out, tables below it ([kind.override]) as well. A table of that
    name that is not there is added at the end.

    >>> print(with_table('[[scanner]]\\nname = "a"\\n# old\\nbaud = 1200\\n', "scanner", {"name": "a", "path": "/x"}))
    [[scanner]]
    name = "a"
    path = "/x"
    # old
    <BLANKLINE>
    """
    lines = text.removesuffix("\n").split("\n") if text else []
    place = _find(lines, kind, values["name"])
    if place is None:
        added = [f"[[{kind}]]", *(_line(key, value) for key, value in values.items())]
        return "\n".join([*lines, *([""] if lines else []), *added]) + "\n"
    start, end = place
    kept: list[str] = []
    left = dict(values)
    at, below = 0, False
    for line in lines[start + 1 : end]:
        key = _KEY.match(line)
        below = below or bool(_HEADER.match(line))
        if key is None and not _HEADER.match(line):
            kept.append(line)
        elif key is not None and not below and key[1] in left:
            kept.append(_changed(line, key[1], left.pop(key[1])))
            if key[1] == "name":
                at = len(kept)
    kept[at:at] = [_line(key, value) for key, value in left.items()]
    return "\n".join([*lines[: start + 1], *kept, *lines[end:]]) + "\n"


def _find(lines: list[str], kind: str, name: Value) -> tuple[int, int] | None:
    """Where the table of that name begins, and where the next one does that is not below it."""
    below = (f"[{kind}.", f"[[{kind}.")
    headers = [
        number for number, line in enumerate(lines) if _HEADER.match(line) and not line.lstrip().startswith(below)
    ]
    wanted = _line("name", name)
    for start, end in pairwise([*headers, len(lines)]):
        if lines[start].split("#")[0].strip() == f"[[{kind}]]" and any(
            _named(line) == wanted for line in lines[start:end]
        ):
            return start, end
    return None


def _named(line: str) -> str:
    """A line that names the table, as this module writes it."""
    found = re.match(r"""^\s*name\s*=\s*(?:"([^"\\]*)"|'([^']*)')\s*(?:#.*)?$""", line)
    return _line("name", found[1] if found[1] is not None else found[2]) if found else line.strip()


def _changed(line: str, key: str, value: Value) -> str:
    """The key's line with this value; the remark behind it stays."""
    remark = _REMARK.match(line)
    return _line(key, value) + (remark[1] if remark else "")


def _line(key: str, value: Value) -> str:
    return f"{key} = {_value(value)}"


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(char):04x}" if char < " " or char in '"\\\x7f' else char for char in value)
        return f'"{escaped}"'
    return "{ " + ", ".join(_line(key, one) for key, one in value.items()) + " }" if value else "{}"


def _replace(path: Path, text: str, *, like: Path) -> None:
    """Put a file there in one step, with the owner and mode of another; it is on the disk when this returns."""
    fresh = path.with_name(f".{path.name}.new")
    held = like.stat()
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            shutil.copymode(like, fresh)
            os.chown(fresh, held.st_uid, held.st_gid)
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
