"""Differences between what an event says and what HQ reckons: collected by code, one sentence a code.

Pure; for agent.domain.recompute and recompute_after.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from agent.domain.digest import Json

_NAMED: Final = 5  # LIMIT: places named in one sentence; one is already reason enough to look
_CHARS: Final = 400


class Found(NamedTuple):
    """One kind of difference of one event: a stable code, and where the figures differ."""

    code: str
    detail: str


@dataclass(slots=True)
class Differences:
    """What was found so far, by code, in the order it was found."""

    said: dict[str, list[str]] = field(default_factory=dict)

    def say(self, code: str, detail: str) -> None:
        """Note one difference."""
        self.said.setdefault(code, []).append(detail)

    def compare(self, code: str, where: str, recorded: Json, reckoned: Json) -> None:
        """Note every place below `where` at which both differ; fields that only the event has are its own affair.

        >>> found = Differences()
        >>> found.compare("PRICE_DIFFERS", "lines.1", {"paid_fen": 90, "more": 1}, {"paid_fen": 80})
        >>> found.found
        (Found(code='PRICE_DIFFERS', detail='lines.1.paid_fen 90, by the rules 80'),)
        """
        for place, theirs, ours in _apart(where, recorded, reckoned):
            self.say(code, f"{place} {_text(theirs)}, by the rules {_text(ours)}")

    @property
    def found(self) -> tuple[Found, ...]:
        """One entry a code, sorted."""
        return tuple(Found(code, _joined(details)) for code, details in sorted(self.said.items()))


def fields_of(row: Json, names: Collection[str]) -> dict[str, Json]:
    """Some fields of an object; those it does not have are None."""
    return {name: row.get(name) if isinstance(row, Mapping) else None for name in names}


def _apart(where: str, recorded: Json, reckoned: Json) -> Iterator[tuple[str, Json, Json]]:
    if isinstance(recorded, dict) and isinstance(reckoned, dict):
        for name, ours in reckoned.items():
            yield from _apart(f"{where}.{name}", recorded.get(name), ours)
    elif isinstance(recorded, list) and isinstance(reckoned, list) and len(recorded) == len(reckoned):
        for place, (theirs, ours) in enumerate(zip(recorded, reckoned, strict=True)):
            yield from _apart(f"{where}.{place}", theirs, ours)
    elif recorded != reckoned or isinstance(recorded, bool) != isinstance(reckoned, bool):
        yield where, recorded, reckoned


def _text(value: Json) -> str:
    if isinstance(value, list | dict):
        return f"{len(value)} entries"
    return "nothing" if value is None else str(value)[:80]


def _joined(details: list[str]) -> str:
    more = len(details) - _NAMED
    text = "; ".join(details[:_NAMED])[:_CHARS]
    return f"{text}; and {more} more" if more > 0 else text
