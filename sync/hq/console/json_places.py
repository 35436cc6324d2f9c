"""Where every field of a JSON text stands, so that a fault can name its line; what JSON itself lets pass and we do not.

Pure; called by sync.hq.console.rules.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

HALF_A_CHARACTER: Final = "a text holds half of a character (a lone surrogate)"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where: line and column from 1; `field` is a path like `tiers.0.name`."""

    line: int
    column: int
    field: str
    text: str


@dataclass(slots=True)
class Read:
    """A text that was read: `body` is an object, else there are faults."""

    body: dict[str, Any] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read(text: str) -> Read:
    """Read an object; every double field and every number with a point is a fault, not only the first.

    >>> read('{"a": 1,\\n "a": 2.5}').faults[1]
    Fault(line=2, column=7, field='a', text='2.5 is not an integer: use basis points, hundredths or fen')
    >>> read('{"a": ').faults[0].text
    'not JSON: Expecting value'
    """
    found = Read()
    try:
        body = json.loads(text)
    except json.JSONDecodeError as error:
        found.faults.append(Fault(error.lineno, error.colno, "", f"not JSON: {error.msg}"))
        return found
    except RecursionError:
        found.faults.append(Fault(1, 1, "", "not JSON: nested too deeply"))
        return found
    if not isinstance(body, dict):
        found.faults.append(Fault(1, 1, "", "not an object"))
        return found
    found.body = body
    _Walk(text, [(one.start(), one[0]) for one in _TOKEN.finditer(text)], found).value("")
    if any(one.text == HALF_A_CHARACTER for one in found.faults):
        found.body = {}  # nobody can be told of it: it is no text
    return found


def at(text: str, offset: int, path: str, what: str) -> Fault:
    """A fault at an offset."""
    before = text[:offset]
    return Fault(before.count("\n") + 1, offset - before.rfind("\n"), path, what)


@dataclass(slots=True)
class _Walk:
    """Goes through the tokens of a text that is JSON."""

    text: str
    tokens: list[tuple[int, str]]
    found: Read
    next: int = 0

    def take(self) -> tuple[int, str]:
        token = self.tokens[self.next]
        self.next += 1
        return token

    def value(self, path: str) -> None:
        offset, said = self.take()
        self.found.places.setdefault(path, offset)
        self._whole(offset, path, said)
        if said == "{":
            self._object(path)
        elif said == "[":
            self._list(path)
        elif said[0] in "-0123456789NI" and any(sign in said for sign in ".eEIN"):
            what = f"{said[:40]} is not an integer: use basis points, hundredths or fen"
            self.found.faults.append(at(self.text, offset, path, what))

    def _whole(self, offset: int, path: str, said: str) -> bool:
        """Whether a token is one that can be written down; a fault where it is a text that ends within a character."""
        if said[0] != '"' or _SURROGATE.search(json.loads(said)) is None:
            return True
        self.found.faults.append(at(self.text, offset, path, HALF_A_CHARACTER))
        return False

    def _object(self, path: str) -> None:
        names: set[str] = set()
        while self.tokens[self.next][1] != "}":
            offset, token = self.take()
            name = str(json.loads(token)) if self._whole(offset, path, token) else ""
            place = f"{path}.{name}" if path else name
            if name in names:
                self.found.faults.append(at(self.text, offset, place, f"{name} stands here twice"))
            names.add(name)
            self.found.places.setdefault(place, offset)
            self.take()
            self.value(place)
            self._comma()
        self.take()

    def _list(self, path: str) -> None:
        number = 0
        while self.tokens[self.next][1] != "]":
            self.value(f"{path}.{number}" if path else str(number))
            number += 1
            self._comma()
        self.take()

    def _comma(self) -> None:
        if self.tokens[self.next][1] == ",":
            self.take()
