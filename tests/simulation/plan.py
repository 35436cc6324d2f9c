"""What a simulated world is made of, and how it ended."""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.gremlins import Rates


@dataclass(frozen=True, slots=True)
class Plan:
    """What a world is made of; the same plan gives the same trace."""

    seed: int = 7
    days: int = 3
    stores: int = 5
    sales: int = 200
    """Per store and day."""
    members: int = 20
    fault_rate: float = 0.06
    """Of requests."""
    rates: Rates = Rates()
    twins: int = 0
    """Workstations whose disk is copied, so that two sell under one name for some hours."""

    @property
    def command(self) -> str:
        """What replays this world, where its rates are the usual ones."""
        sizes = f"--seed {self.seed} --days {self.days} --stores {self.stores} --sales {self.sales}"
        return f"python -m tests.simulation {sizes} --members {self.members} --twins {self.twins}"


@dataclass(slots=True)
class Report:
    """How it ended."""

    plan: Plan
    trace: str = ""
    wrongs: list[str] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    figures: dict[str, int] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals by code."""
    seconds: float = 0.0
