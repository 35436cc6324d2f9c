"""Rule sets at the console: versions, every fault of a draft with its line, what a draft changes, publishing.

Called by sync.hq.console.desk. A published version is never edited: publishing adds the next one.
"""

import difflib
import json
import re
from dataclasses import asdict
from typing import Any, Final

from agent.domain.digest import Json
from agent.domain.errors import Refusal
from sync.hq import rules_write
from sync.hq.bounds import CONSOLE_LISTED
from sync.hq.console.json_places import Fault, Read, at, read
from sync.hq.db.seam import Connection

_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def versions(connection: Connection, brand_id: str) -> list[dict[str, Any]]:
    """Versions of a brand, newest first."""
    rows = connection.execute(
        "SELECT version, created_at_ms FROM rule_sets WHERE brand_id = :brand ORDER BY version DESC LIMIT :limit",
        {"brand": brand_id, "limit": CONSOLE_LISTED},
    )
    return [dict(row) for row in rows.fetchall()]


def text_of(connection: Connection, brand_id: str, version: int = 0) -> str:
    """One version as text for people, the newest for 0; "" where a brand has none. Refusal 404 RULES_UNKNOWN."""
    row = connection.execute(
        "SELECT body FROM rule_sets WHERE brand_id = :brand AND (:version = 0 OR version = :version)"
        " ORDER BY version DESC LIMIT 1",
        {"brand": brand_id, "version": version},
    ).fetchone()
    if row is None and version:
        raise Refusal("RULES_UNKNOWN", "there is no such version", status=404)
    return "" if row is None else _pretty(json.loads(row["body"]))


def check(connection: Connection, brand_id: str, text: str) -> dict[str, Any]:
    """Every fault of a draft, what a person should look at, and what it changes of the version in force."""
    found = read(text)
    faults = [*found.faults]
    warnings: list[Fault] = []
    if found.body:
        floats = any("not an integer" in one.text for one in faults)
        faults += [_placed(text, found, one) for one in _faults(found.body, floats)]
        newest = connection.execute(
            "SELECT MAX(version) AS version FROM rule_sets WHERE brand_id = :brand", {"brand": brand_id}
        ).fetchone()["version"]
        version = found.body.get("version")
        if isinstance(version, int) and newest is not None and version <= newest:
            faults.append(_placed(text, found, f"version must be {newest + 1} or more: {newest} is in force"))
        warnings = [_placed(text, found, one) for one in rules_write.lint(connection, brand_id, found.body)]
    faults.sort(key=lambda one: (one.line, one.column))
    return {
        "faults": [asdict(one) for one in faults],
        "warnings": [asdict(one) for one in warnings],
        "changes": changes(text_of(connection, brand_id), _pretty(found.body) if found.body else ""),
    }


def body_of(text: str) -> dict[str, Json]:
    """The draft as it is published; Refusal RULES_INVALID for what is no JSON object of whole numbers."""
    found = read(text)
    if found.faults:
        raise Refusal("RULES_INVALID", "; ".join(f"line {one.line}: {one.text}" for one in found.faults))
    return found.body


def changes(old: str, new: str) -> list[str]:
    """Lines that go (`-`), come (`+`) or stand around them.

    >>> changes('{\\n  "a": 1\\n}', '{\\n  "a": 2\\n}')
    [' {', '-  "a": 1', '+  "a": 2', ' }']
    """
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=3)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def _faults(body: dict[str, Any], floats: bool) -> list[str]:
    """Faults of the rules themselves; numbers with a point are named already, by their place."""
    return [one for one in rules_write.faults(body) if not (floats and "float" in one)]


def _placed(text: str, found: Read, fault: str) -> Fault:
    """Name the line of the field that a fault speaks of; the first line where it names none."""
    for word in _WORD.findall(fault):
        path = word.rstrip(".")
        known = path if path in found.places else next((p for p in found.places if p.endswith("." + path)), None)
        if known is not None:
            return at(text, found.places[known], known, fault)
    return Fault(1, 1, "", fault)


def _pretty(body: Any) -> str:
    return json.dumps(body, ensure_ascii=False, indent=2, sort_keys=True)
