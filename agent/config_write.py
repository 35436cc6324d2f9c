"""Setting one device's table in the configuration file, leaving every other line as a person wrote it.

Called by the commands that set devices up. What comes out is checked as a whole before it takes the old file's place,
and it takes it in one step.
"""

import os
import re
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from agent.config import parse

Value = str | int
_HEADER: Final = re.compile(r"^\[")
_KEY: Final = re.compile(r"^([A-Za-z0-9_-]+)\s*=")


def with_table(text: str, kind: str, values: Mapping[str, Value]) -> str:
    """Give the text with the [[kind]] table named `values["name"]` saying just this; comments in it stay.

    Keys the table has and `values` has not are taken out. A table of that name that is not there is added at the end.

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
        added = ["", f"[[{kind}]]", *(_line(key, value) for key, value in values.items())]
        return "\n".join([*lines, *added]) + "\n"
    start, end = place
    kept: list[str] = []
    left = dict(values)
    for line in lines[start + 1 : end]:
        key = _KEY.match(line)
        if key is None:
            kept.append(line)
        elif key[1] in left:
            kept.append(_line(key[1], left.pop(key[1])))
            if key[1] == "name":
                at = len(kept)
    kept[at:at] = [_line(key, value) for key, value in left.items()]
    return "\n".join([*lines[: start + 1], *kept, *lines[end:]]) + "\n"


def write_table(path: Path, kind: str, values: Mapping[str, Value]) -> None:
    """Put a table into the file; raises ConfigError when what comes out is no configuration, OSError when it cannot."""
    text = with_table(path.read_text(encoding="utf-8"), kind, values)
    parse(text, source=str(path))
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        shutil.copystat(path, fresh)
        held = path.stat()
        os.chown(fresh, held.st_uid, held.st_gid)
        os.fsync(file.fileno())
    fresh.replace(path)


def _find(lines: list[str], kind: str, name: Value) -> tuple[int, int] | None:
    """Where the table of that name begins, and where the next one does."""
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    for start, end in pairwise([*headers, len(lines)]):
        if lines[start].strip() == f"[[{kind}]]" and _line("name", name) in (line.strip() for line in lines[start:end]):
            return start, end
    return None


def _line(key: str, value: Value) -> str:
    if isinstance(value, int):
        return f"{key} = {value}"
    escaped = "".join(f"\\u{ord(char):04x}" if char < " " or char in '"\\\x7f' else char for char in value)
    return f'{key} = "{escaped}"'
