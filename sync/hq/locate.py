"""The descent to what was altered: sums, digests and at last whole events of the places a store asks about.

Called by sync.hq.service; reads only, and computes everything from bodies.
"""

import base64

from agent.domain.buckets import BUCKET_EVENTS, SUB_EVENTS, add, h42, pack, pack_h
from agent.domain.buckets import Sums as _Sums
from agent.domain.digest import event_digest
from agent.limits import LOCATE_EVENTS
from sync.hq.db.seam import Connection
from sync.proof import HeldEvent, Level, LocateAnswer, LocateRequest


class Search:
    """One descent step under way, a place at a time, so that other work gets its turn."""

    def __init__(self, workstation_id: str, request: LocateRequest) -> None:
        self._who = workstation_id
        self._request = request
        most = LOCATE_EVENTS if request.level is Level.EVENTS else len(request.places)
        self._places = list(request.places[:most])
        self._parts: list[bytes] = []
        self._events: list[HeldEvent] = []

    def step(self, connection: Connection) -> bool:
        """Answer the next places, some 1,000 events' worth; True when all are."""
        share = {Level.BUCKETS: 1, Level.SUBS: 32, Level.DIGESTS: 32, Level.EVENTS: LOCATE_EVENTS}[self._request.level]
        for place in self._places[:share]:
            self._answer(connection, place)
        del self._places[:share]
        return not self._places

    def answer(self) -> LocateAnswer:
        """Everything found."""
        return LocateAnswer(packed=base64.b64encode(b"".join(self._parts)).decode(), events=self._events)

    def _answer(self, connection: Connection, place: int) -> None:
        if self._request.level is Level.EVENTS:
            self._event(connection, place)
            return
        size = BUCKET_EVENTS if self._request.level is Level.BUCKETS else SUB_EVENTS
        first, last = place * size, place * size + size - 1
        rows = connection.execute(
            "SELECT seq, body FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq BETWEEN :first AND"
            " :last AND seq <= :count",
            {"id": self._who, "epoch": self._request.epoch, "first": first, "last": last, "count": self._request.count},
        )
        held = {row["seq"]: h42(event_digest(row["body"].encode())) for row in rows}
        if self._request.level is Level.DIGESTS:
            self._parts.append(pack_h(held, first, last))
            return
        sums: dict[int, _Sums] = {}
        for seq, h in held.items():
            add(sums, seq, h, size)
        self._parts.append(pack(sums, place, place))

    def _event(self, connection: Connection, seq: int) -> None:
        row = connection.execute(
            "SELECT seq, body, state, code FROM events WHERE workstation_id = :id AND epoch = :epoch AND seq = :seq",
            {"id": self._who, "epoch": self._request.epoch, "seq": seq},
        ).fetchone()
        if row is not None:
            self._events.append(HeldEvent(**dict(row)))
