"""Bucket sums find what differs: a lone event at once, any number of events by descending (wire.md, hourly proof)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.domain.buckets import (
    BUCKET_EVENTS,
    H_BITS,
    SUB_EVENTS,
    Sums,
    h42,
    lone_difference,
    pack,
    pack_h,
    split,
    subs_of,
    sums_of,
    unpack,
    unpack_h,
)
from agent.domain.digest import event_digest


def h(seq: int, version: int = 0) -> int:
    return h42(event_digest(f"{seq}/{version}".encode()))


def test_the_largest_bucket_fits_int64_and_eighteen_bytes() -> None:
    top = 2**H_BITS - 1
    (sums,) = sums_of((seq, top) for seq in range(BUCKET_EVENTS)).values()
    assert sums.weighted < 2**63
    assert len(pack({0: sums}, 0, 0)) == 18
    assert unpack(pack({0: sums}, 0, 0), 0) == {0: sums}


@settings(max_examples=60, deadline=None)
@given(altered=st.sets(st.integers(1, 3000), min_size=1, max_size=40), absent=st.sets(st.integers(1, 3000), max_size=9))
def test_every_difference_is_named_and_nothing_else(altered: set[int], absent: set[int]) -> None:
    ours = {seq: h(seq) for seq in range(1, 3001)}
    theirs = {seq: h(seq, int(seq in altered)) for seq in ours if seq not in absent}
    named, closer = split(sums_of(ours.items()), sums_of(theirs.items()))
    inside = set(subs_of(closer))

    def subs(events: dict[int, int]) -> dict[int, Sums]:
        return {n: sums for n, sums in sums_of(events.items(), SUB_EVENTS).items() if n in inside}

    more, rest = split(subs(ours), subs(theirs), SUB_EVENTS)
    for sub in rest:
        first, last = sub * SUB_EVENTS, (sub + 1) * SUB_EVENTS - 1
        there = unpack_h(pack_h(theirs, first, last), first)
        more += [seq for seq in range(first, last + 1) if ours.get(seq) != there.get(seq)]
    assert sorted(named + more) == sorted(altered | absent)


@settings(max_examples=30, deadline=None)
@given(seq=st.integers(1, 10**6))
def test_a_lone_difference_is_named_from_the_sums(seq: int) -> None:
    number = seq // BUCKET_EVENTS
    run = range(max(1, number * BUCKET_EVENTS), (number + 1) * BUCKET_EVENTS)
    ours = sums_of((one, h(one)) for one in run)[number]
    theirs = sums_of((one, h(one, int(one == seq))) for one in run)[number]
    assert lone_difference(ours, theirs, number) == seq
    without = sums_of((one, h(one)) for one in run if one != seq)[number]
    assert lone_difference(ours, without, number) == seq
