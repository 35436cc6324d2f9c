"""How a figure is shown: what, measured, the baseline of the same run, their ratio, the floor and the moonshot."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. `value` is what is held against the floor; smaller is better unless `more_is_better`."""

    what: str
    measured: str
    baseline: str
    value: float
    floor: float | None
    moonshot: float | None
    unit: str = "x"
    more_is_better: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether the floor holds; None where there is none."""
        if self.floor is None:
            return None
        return self.value >= self.floor if self.more_is_better else self.value <= self.floor


def percentile(samples: Sequence[float], share: float) -> float:
    """The `share` quantile (0..1) of samples."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def micro(samples: Sequence[float]) -> str:
    """p50 and p99 in microseconds."""
    return f"p50 {statistics.median(samples) * 1e6:.0f} us, p99 {percentile(samples, 0.99) * 1e6:.0f} us"


def show(figures: Sequence[Figure]) -> None:
    """Print the table."""
    table = Table(title="Measured on this machine, baselines in the same run", title_justify="left")
    for heading in ("what", "measured", "baseline", "value", "floor", "moonshot", ""):
        table.add_column(heading, overflow="fold")
    for one in figures:
        mark = {True: "[green]holds[/green]", False: "[red]MISSED[/red]", None: ""}[one.holds]
        floor = "" if one.floor is None else f"{one.floor:g}{one.unit}"
        moonshot = "" if one.moonshot is None else f"{one.moonshot:g}{one.unit}"
        table.add_row(one.what, one.measured, one.baseline, f"{one.value:.3g}{one.unit}", floor, moonshot, mark)
    console = Console(highlight=False)
    console.width = max(console.width, 150)
    console.print(table)
