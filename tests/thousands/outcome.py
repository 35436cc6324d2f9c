"""How large an hour is, and what it came to."""

import os
from dataclasses import dataclass, field

from tests.thousands.books import Books
from tests.thousands.meter import Phase

_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Size:
    """How large a chain, how much each store sells in the hour, how many times as fast the hour goes by."""

    stores: int = 10_000
    sales: int = 100
    faster: float = 6.0
    down_s: float = 20.0
    """Real seconds between the kill and the new start."""
    connections: int = 4

    @classmethod
    def of_environment(cls, given: "Size | None" = None) -> "Size":
        """POS_AGENT_STORES, _SALES, _FASTER, _DOWN_S, _CONNECTIONS; what is not there is as `given`, else whole."""
        given, env = given or cls(), os.environ
        return cls(
            int(env.get("POS_AGENT_STORES", given.stores)),
            int(env.get("POS_AGENT_SALES", given.sales)),
            float(env.get("POS_AGENT_FASTER", given.faster)),
            float(env.get("POS_AGENT_DOWN_S", given.down_s)),
            int(env.get("POS_AGENT_CONNECTIONS", given.connections)),
        )


@dataclass(slots=True)
class Outcome:
    """What an hour came to. Seconds are real."""

    size: Size
    codes_s: float = 0.0
    enrol_s: float = 0.0
    before: Phase = field(default_factory=Phase)
    away: Phase = field(default_factory=Phase)
    after: Phase = field(default_factory=Phase)
    """From the restart until every sale of the hour is in HQ's books."""
    second: Phase = field(default_factory=Phase)
    """The next hour's proofs, with nothing to push."""
    hour_s: float = 0.0
    drained_s: float = 0.0
    caught_up_s: float = 0.0
    """From the restart until all that was sold before it is in HQ's books, and every proof of the hour answered."""
    second_s: float = 0.0
    peak_mb: float = 0.0
    open_files: int = 0
    hq_cpu_s: float = 0.0
    db_cpu_s: float = 0.0
    stores_cpu_s: float = 0.0
    books: Books = field(default_factory=Books)
    strange: list[str] = field(default_factory=list)
    unproven: int = 0
    """Stores whose latest proof did not find both books equal with every sale in them."""

    @property
    def total(self) -> int:
        """Sales."""
        return self.size.stores * self.size.sales

    def minute(self) -> list[int]:
        """Calls in each second of the first minute after the restart."""
        arrivals = self.after.arrivals
        first = min(arrivals, default=0)
        return [arrivals[second] for second in range(first, first + _MINUTE)]

    def lines(self) -> list[str]:
        """For people."""
        size, minute = self.size, self.minute()
        return [
            (f"{size.stores} stores, {self.total} sales, the hour {size.faster:g} times as fast, HQ away for"
             f" {size.down_s:g} s, {size.connections} connections"),
            f"codes for all {self.codes_s:.1f} s; enrolled over HTTP {size.stores / max(self.enrol_s, 1e-9):.0f}/s",
            f"before: {self.before.told()}",
            f"away:   {self.away.told()}",
            f"after:  {self.after.told()}",
            f"second round: {self.second.told()}; {size.stores / max(self.second_s, 1e-9):.0f} proofs/s",
            (f"calls/s in the minute after the restart: most {max(minute)}, mean {sum(minute) / _MINUTE:.0f};"
             f" refused at most {max(self.after.turned.values(), default=0)}/s"),
            (f"drained {self.total / max(self.drained_s, 1e-9):.0f} sales/s over {self.drained_s:.0f} s (the hour took"
             f" {self.hour_s:.0f} s); caught up {self.caught_up_s:.0f} s after the restart"),
            (f"HQ {self.peak_mb:.0f} MB at most, {self.open_files} descriptors; processor: HQ {self.hq_cpu_s:.0f} s,"
             f" PostgreSQL {self.db_cpu_s:.0f} s, all stores {self.stores_cpu_s:.0f} s"),
            f"books: {self.books}",
        ]  # fmt: skip
