"""Bucket sums: where two ends' events differ, in 18 bytes per 1,024 events.

Pure; both ends compute them from event bodies, never from a stored digest. Per bucket `(count, sum h, sum i*h)` with
`i` the place in the bucket and `h` 42 bits of the event digest. Buckets only locate; the chain decides. WIRE: frozen.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

BUCKET_EVENTS: Final = 1024  # WIRE: one bucket
SUB_EVENTS: Final = 32  # WIRE: one sub-bucket, the second step of a descent
H_BITS: Final = 42  # LIMIT: 1,024 * 1,023 * 2**42 stays below 2**62, so all sums fit int64
_PACKED: Final = struct.Struct(">HQQ")
H_BYTES: Final = 6


class Sums(NamedTuple):
    """The sums of one bucket; EMPTY has no events."""

    events: int
    total: int
    weighted: int


EMPTY: Final = Sums(0, 0, 0)


def h42(digest: bytes) -> int:
    """The first 42 bits of an event digest.

    >>> h42(b"\\xff" * 32) == 2**42 - 1
    True
    """
    return int.from_bytes(digest[:H_BYTES], "big") >> (8 * H_BYTES - H_BITS)


def add(sums: dict[int, Sums], seq: int, h: int, size: int = BUCKET_EVENTS) -> None:
    """Count one event into its bucket; `size` is a power of two.

    >>> sums = {}
    >>> add(sums, 1, 5), add(sums, 1026, 7), sums
    (None, None, {0: Sums(events=1, total=5, weighted=5), 1: Sums(events=1, total=7, weighted=14)})
    """
    number = seq // size
    held = sums.get(number, EMPTY)
    sums[number] = Sums(held.events + 1, held.total + h, held.weighted + (seq & (size - 1)) * h)


def sums_of(events: Iterable[tuple[int, int]], size: int = BUCKET_EVENTS) -> dict[int, Sums]:
    """Sum (seq, h) pairs by bucket number (`seq // size`)."""
    sums: dict[int, Sums] = {}
    for seq, h in events:
        add(sums, seq, h, size)
    return sums


def pack(sums: Mapping[int, Sums], first: int, last: int) -> bytes:
    """Write buckets `first` to `last`, 18 bytes each, empty ones too.

    >>> len(pack({0: Sums(1, 5, 5)}, 0, 1)), unpack(pack({0: Sums(1, 5, 5)}, 0, 1), 0)
    (36, {0: Sums(events=1, total=5, weighted=5)})
    """
    return b"".join(_PACKED.pack(*sums.get(number, EMPTY)) for number in range(first, last + 1))


def unpack(packed: bytes, first: int) -> dict[int, Sums]:
    """Read what pack wrote, without the empty buckets; raises ValueError when it is not whole buckets."""
    if len(packed) % _PACKED.size:
        raise ValueError("not a whole number of buckets")
    read = (Sums(*fields) for fields in _PACKED.iter_unpack(packed))
    return {number: sums for number, sums in enumerate(read, first) if sums != EMPTY}


def pack_h(events: Mapping[int, int], first: int, last: int) -> bytes:
    """Write one h per seq from `first` to `last`, 6 bytes each; an absent event is all ones.

    >>> unpack_h(pack_h({3: 9}, 2, 4), 2)
    {3: 9}
    """
    absent = b"\xff" * H_BYTES
    return b"".join(events[seq].to_bytes(H_BYTES, "big") if seq in events else absent for seq in range(first, last + 1))


def unpack_h(packed: bytes, first: int) -> dict[int, int]:
    """Read what pack_h wrote; raises ValueError when it is not whole."""
    if len(packed) % H_BYTES:
        raise ValueError("not a whole number of digests")
    parts = (packed[at : at + H_BYTES] for at in range(0, len(packed), H_BYTES))
    return {seq: int.from_bytes(part, "big") for seq, part in enumerate(parts, first) if part != b"\xff" * H_BYTES}


def lone_difference(ours: Sums, theirs: Sums, number: int, size: int = BUCKET_EVENTS) -> int | None:
    """The seq of the one event in which bucket `number` differs, None when more than one does.

    One altered event moves `sum h` by d and `sum i*h` by i*d; one absent event does so too and moves the count.
    Two or more give a whole quotient in range by chance only (about 2**-42).

    >>> lone_difference(sums_of([(1, 5), (2, 7)])[0], sums_of([(1, 5), (2, 9)])[0], 0)
    2
    >>> lone_difference(sums_of([(1, 5), (2, 7)])[0], sums_of([(1, 6), (2, 9)])[0], 0)
    """
    moved, weighted = theirs.total - ours.total, theirs.weighted - ours.weighted
    if abs(theirs.events - ours.events) > 1 or moved == 0 or weighted % moved:
        return None
    place = weighted // moved
    return number * size + place if 0 <= place < size else None


def differing(ours: Mapping[int, Sums], theirs: Mapping[int, Sums]) -> list[int]:
    """Numbers of the buckets that differ, ascending.

    >>> differing({0: Sums(1, 5, 5)}, {0: Sums(1, 5, 5), 2: Sums(1, 1, 0)})
    [2]
    """
    return sorted(n for n in ours.keys() | theirs.keys() if ours.get(n, EMPTY) != theirs.get(n, EMPTY))


def split(
    ours: Mapping[int, Sums], theirs: Mapping[int, Sums], size: int = BUCKET_EVENTS
) -> tuple[list[int], list[int]]:
    """(seqs named at once, numbers of buckets that need a closer look).

    >>> split(sums_of([(1, 5), (1030, 1)]), sums_of([(1, 6), (1030, 1)]))
    ([1], [])
    """
    named: list[int] = []
    closer: list[int] = []
    for number in differing(ours, theirs):
        seq = lone_difference(ours.get(number, EMPTY), theirs.get(number, EMPTY), number, size)
        if seq is None:
            closer.append(number)
        else:
            named.append(seq)
    return named, closer


def subs_of(numbers: Sequence[int]) -> list[int]:
    """The sub-bucket numbers inside these buckets.

    >>> subs_of([1])[:2], len(subs_of([0, 1]))
    ([32, 33], 64)
    """
    per = BUCKET_EVENTS // SUB_EVENTS
    return [sub for number in numbers for sub in range(number * per, (number + 1) * per)]
