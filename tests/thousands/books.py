"""HQ's books after the hour, held against what the stores know they sold."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from tests.thousands.shop import Shop


@dataclass(frozen=True, slots=True)
class Books:
    """Counts that must be what the stores say, and counts of what must not be there."""

    events: int = 0
    """Rows of `events`: each has a name of its own by the primary key of `event_names`."""
    names: int = 0
    behind: int = 0
    """Workstations whose watermark is not their last sale."""
    other_heads: int = 0
    not_ok: int = 0
    conflicts: int = 0
    claims: int = 0
    other_balances: int = 0
    """Members whose balance is not what the stores' receipts add up to, or not the sum of its postings."""
    other_totals: int = 0
    """Workstations whose day totals are not what they sold."""
    open_differences: int = 0
    reckoned: int = 0
    """Events HQ has reckoned again by now; it goes on behind."""
    reckoned_otherwise: int = 0

    @classmethod
    def of(cls, url: str, shops: Sequence[Shop]) -> "Books":
        """Read them from the database itself."""
        points: Counter[str] = Counter()
        for shop in shops:
            for seq in range(1, shop.sold + 1):
                earned = shop.kind_of(seq).points
                if earned:
                    points[shop.member_of(seq)] += earned
        with psycopg.connect(url, autocommit=True) as database:

            def rows(sql: str) -> list[tuple[Any, ...]]:
                return list(database.execute(sql.encode()).fetchall())

            def count(sql: str) -> int:
                return int(rows(sql)[0][0])

            chains = {row[0]: row[1:] for row in rows("SELECT workstation_id, watermark, head, recomputed FROM chains")}
            held = {
                str(row[0]): int(row[1])
                for row in rows("SELECT member_id, balance FROM accounts WHERE account = 'points'")
            }
            posted = {
                str(row[0]): int(row[1])
                for row in rows("SELECT member_id, SUM(amount) FROM postings GROUP BY member_id")
            }
            totals = {
                str(row[0]): (int(row[1]), int(row[2]))
                for row in rows(
                    "SELECT workstation_id, SUM(events), SUM(points) FROM day_totals GROUP BY workstation_id"
                )
            }
            return cls(
                events=count("SELECT count(*) FROM events"),
                names=count("SELECT count(*) FROM event_names"),
                behind=sum(chains.get(one.station_id, (0,))[0] != one.sold for one in shops),
                other_heads=sum(chains[one.station_id][1] != bytes.fromhex(one.head) for one in shops),
                not_ok=count("SELECT count(*) FROM events WHERE state <> 'ok'"),
                conflicts=count("SELECT count(*) FROM conflicts"),
                claims=count("SELECT count(*) FROM claims"),
                other_balances=sum(
                    not points.get(one, 0) == held.get(one, 0) == posted.get(one, 0)
                    for one in points.keys() | held.keys() | posted.keys()
                ),
                other_totals=sum(totals.get(one.station_id) != one.totals() for one in shops),
                open_differences=count("SELECT count(*) FROM discrepancies"),
                reckoned=sum(int(row[2]) for row in chains.values()),
                reckoned_otherwise=count("SELECT count(*) FROM recomputations"),
            )

    def faults(self, shops: Sequence[Shop]) -> list[str]:
        """What is not as it must be."""
        sold = sum(shop.sold for shop in shops)
        members = sum(bool(shop.kind_of(seq).points) for shop in shops for seq in range(1, shop.sold + 1))
        wanted = Books(events=sold, names=sold, claims=sold - members, reckoned=self.reckoned)
        return [
            f"{name}: {getattr(self, name)}, not {getattr(wanted, name)}"
            for name in self.__slots__
            if getattr(self, name) != getattr(wanted, name)
        ]
