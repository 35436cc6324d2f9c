"""What was measured of a large brand (tests.bench.replica), and how it is shown."""

from dataclasses import dataclass, field

from agent.limits import REPLICA_CHECK_ROWS
from tests.bench.table import Figure, micro, percentile


@dataclass
class Measured:
    """Seconds, bytes and samples (seconds each) of one run."""

    members: int
    engine: str = "a file"
    fill_s: float = 0
    build_s: float = 0
    build_cpu_s: float = 0
    build_peak: int = 0
    hq_meanwhile: list[float] = field(default_factory=list)
    size: int = 0
    packed: int = 0
    load_s: float = 0
    stages: dict[str, float] = field(default_factory=dict)
    looked_up: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    delta_rows: int = 0
    delta_s: float = 0
    looked_up_meanwhile: list[float] = field(default_factory=list)
    lag_meanwhile: list[float] = field(default_factory=list)
    check_s: float = 0
    looked_up_while_checked: list[float] = field(default_factory=list)
    repaired: dict[str, int] = field(default_factory=dict)
    repair_s: float = 0
    refill_s: float = 0


def figures(found: Measured) -> list[Figure]:
    """The table's rows."""
    many = f"{found.members:,} members"
    ratio = percentile(found.looked_up, 0.99) / percentile(found.bare, 0.99)
    meanwhile = f"HQ answers meanwhile: p50 {_ms(found.hq_meanwhile, 0.5)}, p99 {_ms(found.hq_meanwhile, 0.99)}"
    size = f"{found.size / 1e6:,.0f} MB, {found.packed / 1e6:,.0f} MB on the way"
    deltas = f"look-ups meanwhile p50 {_ms(found.looked_up_meanwhile, 0.5)}, p99 {_ms(found.looked_up_meanwhile, 0.99)}"
    checked = f"look-ups meanwhile p99 {_ms(found.looked_up_while_checked, 0.99)}"
    check = f"{checked}; with 3 altered rows {found.repair_s:.1f} s; {found.repaired} in {found.refill_s:.1f} s"
    spent = f"HQ's books in {found.engine}; {found.build_cpu_s:.0f} s of CPU, at most {found.build_peak / 1e6:,.0f} MB"
    stages = " ".join(f"{state} {at_s:.1f} s" for state, at_s in found.stages.items())
    return [
        Figure(f"build a snapshot of {many}", f"{found.build_s:.1f} s; {size}", f"{spent}; {meanwhile}",
               found.members * 2 / found.build_s, None, None, " rows/s", more_is_better=True),
        Figure(f"first load of {many}", f"{found.load_s:.1f} s", stages,
               found.size / 1e6 / found.load_s, None, None, " MB/s", more_is_better=True),
        Figure(f"resolve a code among {many} (p99)", micro(found.looked_up), f"bare SQLite {micro(found.bare)}",
               ratio, 2, 1.2),
        Figure(f"deltas into a replica of {many}", f"{found.delta_rows:,} rows in {found.delta_s:.1f} s", deltas,
               found.delta_rows / found.delta_s, None, None, " rows/s", more_is_better=True),
        Figure(f"downward check, {REPLICA_CHECK_ROWS:,} rows a feed", f"{found.check_s:.1f} s", check,
               found.check_s, None, None, " s"),
    ]  # fmt: skip


def _ms(samples: list[float], share: float) -> str:
    return f"{percentile(samples, share) * 1000:.2f} ms" if samples else "-"
