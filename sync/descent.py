"""From "the heads differ" to the events that differ: buckets, sub-buckets, digests, then both sides' contents.

Called by sync.reconcile. Buckets only locate; that something differs was decided by the chain.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Literal

from agent.domain.buckets import (
    BUCKET_EVENTS,
    H_BYTES,
    SUB_EVENTS,
    Sums,
    split,
    subs_of,
    unpack,
    unpack_h,
)
from agent.domain.digest import event_digest
from agent.domain.errors import HqUnreachable
from agent.domain.totals import measure
from agent.limits import LOCATE_EVENTS, LOCATE_PLACES
from agent.ports import Hq
from agent.proof_ports import Difference, ProofBooks, Side, Unit
from sync.proof import Finding, HeldEvent, Level, LocateRequest, ProofAnswer

_SUM_BYTES = 18


class Descent:
    """Locates what differs in one epoch up to `count`."""

    def __init__(self, books: ProofBooks, hq: Hq, epoch: str, count: int) -> None:
        self._books = books
        self._hq = hq
        self._epoch = epoch
        self._count = count

    async def unit(self, unit: Unit, answer: ProofAnswer) -> list[int]:
        """Seqs in which the unit under proof differs, from the buckets that came with the answer."""
        if answer.after != unit.after:
            unit = await self._books.unit(self._epoch, answer.after, self._count - answer.after)
        if answer.after != unit.after:  # HQ still has a seal that we have lost: compare whole buckets
            return await self.span(1, self._count)
        theirs = _unpacked(answer.buckets, (answer.after + 1) // BUCKET_EVENTS)
        named, closer = split(unit.sums, theirs)
        return sorted({*named, *await self._closer(closer)})

    async def span(self, first: int, last: int) -> list[int]:
        """Seqs in which a sealed range differs."""
        numbers = range(first // BUCKET_EVENTS, last // BUCKET_EVENTS + 1)
        named: list[int] = []
        closer: list[int] = []
        for places in _shares(numbers):
            theirs = await self._sums(Level.BUCKETS, places)
            ours = await self._books.sums(self._epoch, places, BUCKET_EVENTS, self._count)
            at_once, more = split(ours, theirs)
            named += at_once
            closer += more
        found = {*named, *await self._closer(closer)}
        return sorted(seq for seq in found if first <= seq <= last)

    async def _closer(self, numbers: Sequence[int]) -> list[int]:
        """Through sub-buckets, and digests where a sub-bucket differs in more than one event."""
        found: list[int] = []
        for subs in _shares(subs_of(numbers)):
            theirs = await self._sums(Level.SUBS, subs)
            ours = await self._books.sums(self._epoch, subs, SUB_EVENTS, self._count)
            named, rest = split(ours, theirs, SUB_EVENTS)
            found += named
            if rest:
                found += await self._digests(rest)
        return found

    async def _digests(self, subs: Sequence[int]) -> list[int]:
        answer = await self._hq.locate(self._ask(Level.DIGESTS, subs))
        packed = _bytes(answer.packed, len(subs) * SUB_EVENTS * H_BYTES)
        ours = await self._books.digests(self._epoch, subs, SUB_EVENTS, self._count)
        found: list[int] = []
        for place, sub in enumerate(subs):
            size = SUB_EVENTS * H_BYTES
            theirs = unpack_h(packed[place * size : (place + 1) * size], sub * SUB_EVENTS)
            span = range(sub * SUB_EVENTS, (sub + 1) * SUB_EVENTS)
            found += [seq for seq in span if ours.get(seq) != theirs.get(seq)]
        return found

    async def _sums(self, level: Level, places: Sequence[int]) -> dict[int, Sums]:
        answer = await self._hq.locate(self._ask(level, places))
        packed = _bytes(answer.packed, len(places) * _SUM_BYTES)
        found: dict[int, Sums] = {}
        for at, place in enumerate(places):
            found |= unpack(packed[at * _SUM_BYTES : (at + 1) * _SUM_BYTES], place)
        return found

    def _ask(self, level: Level, places: Sequence[int]) -> LocateRequest:
        return LocateRequest(epoch=self._epoch, count=self._count, level=level, places=list(places))

    async def compare(self, seqs: Sequence[int], ours: set[int], theirs: set[int]) -> list[Difference]:
        """Both sides' contents of located events; `ours` and `theirs` are seqs whose chain a side found broken.

        The first LOCATE_EVENTS are fetched for a person to compare, the others named.
        """
        held: dict[int, HeldEvent] = {}
        if seqs:
            answer = await self._hq.locate(self._ask(Level.EVENTS, seqs[:LOCATE_EVENTS]))
            held = {event.seq: event for event in answer.events}
        found = []
        for place, seq in enumerate(seqs):
            store, sale_id = await self._ours(seq)
            hq = None
            if seq in held:
                said = measure(held[seq].body)
                hq = Side(event_digest(held[seq].body.encode()), said.payable_fen, said.points)
                sale_id = sale_id or said.sale_id
            side = _side(seq in ours, seq in theirs)
            code = "ALTERED" if store and (hq or place >= LOCATE_EVENTS) else "ONLY_HERE" if store else "ONLY_AT_HQ"
            finding = Finding(side=side, table="events", epoch=self._epoch, key=str(seq), code=code)
            found.append(Difference(finding, seq, sale_id, store, hq))
        return found

    async def _ours(self, seq: int) -> tuple[Side | None, str]:
        event = await self._books.event(self._epoch, seq)
        if event is None:
            return None, ""
        said = measure(event.body.decode())
        return Side(event_digest(event.body), said.payable_fen, said.points), said.sale_id


def _side(ours: bool, theirs: bool) -> Literal["store", "hq", "both"]:
    """Whose chain is broken there; `both` when neither or both, so that a person looks at both."""
    if ours == theirs:
        return "both"
    return "store" if ours else "hq"


def _shares(places: Iterable[int]) -> Iterable[list[int]]:
    whole = list(places)
    for start in range(0, len(whole), LOCATE_PLACES):
        yield whole[start : start + LOCATE_PLACES]


def _bytes(text: str, size: int) -> bytes:
    try:
        packed = base64.b64decode(text, validate=True)
    except ValueError:
        packed = b""
    if len(packed) != size:
        raise HqUnreachable("what HQ sent to compare is not whole", hint="is HQ of another version?")
    return packed


def _unpacked(text: str, first: int) -> dict[int, Sums]:
    try:
        return unpack(base64.b64decode(text, validate=True), first)
    except ValueError as error:
        raise HqUnreachable("what HQ sent to compare is not whole", hint="is HQ of another version?") from error
