"""What went over the line between a POS and the till: one Exchange for each request. Written by agent.kit.relay."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Exchange:
    """One request, what the till answered, and what reached the POS. Times are seconds of one monotonic clock."""

    number: int
    at_s: float
    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    done: str = "pass"
    """What the relay did to it."""
    till_status: int = 0
    """0: the till was not asked, or did not answer."""
    till_answer: bytes = b""
    pos_status: int = 0
    """0: nothing reached the POS."""
    ended_s: float = 0.0
    last_event: int | None = None
    """The last event id that reached the POS on this stream."""

    @property
    def sent(self) -> Any:
        """The body as JSON; None when it is none."""
        return _json(self.body)

    @property
    def said(self) -> Any:
        """The till's answer as JSON; None when it is none."""
        return _json(self.till_answer)

    def shown(self) -> str:
        """The request as a report prints it; never the token."""
        lines = [f"{self.method} {self.path}"]
        if "last-event-id" in self.headers:
            lines.append(f"Last-Event-ID: {self.headers['last-event-id']}")
        if self.body:
            lines.append(self.body.decode("utf-8", "replace"))
        reached = f"{self.pos_status}" if self.pos_status else "no answer"
        return (
            "\n".join(lines) + f"\n-> {reached}" + (f" (the till said {self.till_status})" if self._differs() else "")
        )

    def _differs(self) -> bool:
        return self.till_status not in (0, self.pos_status)


@dataclass(slots=True)
class Record:
    """All exchanges, oldest first."""

    exchanges: list[Exchange] = field(default_factory=list)

    def calls(self, method: str, path_end: str, since: int = 0) -> list[Exchange]:
        """Requests of a method whose path ends so, behind the `since`-th."""
        return [one for one in self.exchanges[since:] if one.method == method and one.path.endswith(path_end)]

    def __len__(self) -> int:
        return len(self.exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self.exchanges)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
