"""`make sim`: live through one seed and say how it ended; exit 1, and how to replay it, when something broke."""

import argparse
import sys
from pathlib import Path

from tests.simulation.chance import DAY_S
from tests.simulation.plan import Plan, Report
from tests.simulation.world import simulate


def main() -> int:
    """Run one world."""
    usual = Plan()
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--days", type=int, default=usual.days)
    parser.add_argument("--stores", type=int, default=usual.stores)
    parser.add_argument("--sales", type=int, default=usual.sales, help="per store and day")
    parser.add_argument("--members", type=int, default=usual.members)
    parser.add_argument("--twins", type=int, default=usual.twins, help="workstations whose disk is copied")
    parser.add_argument("--trace-file", type=Path, help="also write the trace there, to compare two runs line by line")
    asked = parser.parse_args()
    plan = Plan(
        seed=asked.seed, days=asked.days, stores=asked.stores, sales=asked.sales,
        members=asked.members, twins=asked.twins,
    )  # fmt: skip
    try:
        report = simulate(plan, asked.trace_file)
    except BaseException:
        print(f"FAILED; replay with: {plan.command}", file=sys.stderr)
        raise
    tell(report)
    return 1 if report.wrongs else 0


def tell(report: Report) -> None:
    """Print a report."""
    plan = report.plan
    for name, count in sorted(report.figures.items()) + sorted(report.counts.items()):
        print(f"{count:>10,}  {name}")
    print(f"{'':>10}  refused: {', '.join(f'{code} {count}' for code, count in sorted(report.refused.items()))}")
    virtual_s = plan.days * DAY_S * plan.stores
    print(f"{virtual_s / report.seconds:,.0f} store-seconds per second ({report.seconds:.1f} s real)")
    print(f"trace {report.trace}")
    if report.wrongs:
        print(*report.tail, sep="\n")
        print(*(f"WRONG {wrong}" for wrong in report.wrongs[:40]), sep="\n")
        print(f"{len(report.wrongs)} wrongs; replay with: {plan.command}")


if __name__ == "__main__":
    sys.exit(main())
