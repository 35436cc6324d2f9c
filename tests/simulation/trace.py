"""What happened, in order: hashed as it is written, so that two runs of one seed can be compared by one line.

Entries hold virtual times, actors, actions and outcomes; never an address, a path or anything in hash order.
"""

import hashlib
import json
from collections import Counter, deque
from pathlib import Path

from tests.simulation.loop import VirtualLoop

_TAIL = 60


class Trace:
    """The event trace of one run."""

    def __init__(self, loop: VirtualLoop, file: Path | None = None) -> None:
        self._loop = loop
        self._hash = hashlib.sha256()
        self._file = file.open("w", encoding="utf-8") if file is not None else None
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self.counts: Counter[str] = Counter()

    def note(self, actor: str, action: str, *outcome: object) -> None:
        """Write one entry."""
        entry = [round(self._loop.time() * 1000), actor, action, *(str(part) for part in outcome)]
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        self._hash.update(line.encode() + b"\n")
        self.tail.append(line)
        self.counts[action] += 1
        if self._file is not None:
            self._file.write(line + "\n")

    def close(self) -> str:
        """End the trace; give its SHA-256."""
        if self._file is not None:
            self._file.close()
        return self._hash.hexdigest()
