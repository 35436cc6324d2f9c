"""Ten thousand stores at once and one million sales drained: the hour of tests.thousands, HQ killed in it, as figures.

POS_AGENT_STORES, _SALES, _FASTER make it smaller; so does `--quick`. The whole takes most of an hour on two cores.
"""

import tempfile
from pathlib import Path

from tests.bench.table import Figure
from tests.postgres import binaries, running
from tests.thousands.outcome import Outcome, Size
from tests.thousands.world import Chain

_QUICK = Size(stores=200, sales=20, faster=30, down_s=10)


async def figures(*, quick: bool) -> list[Figure]:
    """Live the hour with the kill in it, and say what it came to; nothing where PostgreSQL is not installed."""
    if binaries() is None:
        return []
    size = Size.of_environment(_QUICK if quick else None)
    with running(durable=True) as server, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        chain = Chain(Path(folder), server, size)
        await chain.begin()
        outcome = await chain.live()
    wrong = outcome.books.faults(chain.shops) + outcome.strange
    return _table(outcome, len(wrong) + outcome.unproven)


def _table(out: Outcome, wrong: int) -> list[Figure]:
    size, before, after = out.size, out.before, out.after
    what = f"{size.stores} stores, {out.total} sales, HQ killed:"
    times = f"p50 {before.ms('batches', 0.5):.0f} ms, p99 {before.ms('batches', 0.99):.0f} ms"
    later = f"p50 {after.ms('batches', 0.5):.0f} ms, p99 {after.ms('batches', 0.99):.0f} ms"
    drained, proven = out.total / out.drained_s, size.stores / out.second_s
    busiest = max(out.minute())
    return [
        Figure(f"{what} drained", f"{drained:.0f} sales/s, hour x {size.faster:g}", "an hour's sales in an hour",
               drained / (out.total / 3600), 1, 3, more_is_better=True),
        Figure(f"{what} the hour's proofs again", f"{proven:.0f} proofs/s", "all within the five minutes of slots",
               proven / (size.stores / 300), 1, 3, more_is_better=True),
        Figure(f"{what} a push before, after the kill", times, later, after.ms("batches", 0.99) / 1000, 20, 5, " s"),
        Figure(f"{what} caught up", f"{out.caught_up_s:.0f} s after the restart", f"away for {size.down_s:g} s",
               out.caught_up_s, 600, 60, " s"),
        Figure(f"{what} busiest second after the restart", f"{busiest} calls, {after.refused} refused in all",
               f"{size.stores} stores wait", busiest / size.stores, 0.34, 0.02),
        Figure(f"{what} HQ's memory", f"{out.peak_mb:.0f} MB, {out.open_files} descriptors",
               f"processor: HQ {out.hq_cpu_s:.0f} s, PostgreSQL {out.db_cpu_s:.0f} s, stores {out.stores_cpu_s:.0f} s",
               out.peak_mb, 1536, 300, " MB"),
        Figure(f"{what} wrong in the books", f"{wrong}", "every sale once, balances add up, all proofs equal",
               wrong, 0, 0, ""),
    ]  # fmt: skip
