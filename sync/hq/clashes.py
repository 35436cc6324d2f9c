"""What speaks against an event once HQ's other books are asked: members it does not know, payments that count already.

Called by sync.hq.books, a whole batch at a time and inside its transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from sync.hq.db.seam import Connection, Contended
from sync.hq.enrol import Station
from sync.hq.judge import MEMBER_UNKNOWN, TRANSACTION_USED, Judgement

_Place: TypeAlias = tuple[str, str, int]


@dataclass(slots=True)
class Clashes:
    """One batch of one epoch."""

    connection: Connection
    station: Station
    epoch: str
    _used: dict[str, _Place] = field(default_factory=dict)
    """Transaction id -> the event it counts for."""
    _marks: list[dict[str, object]] = field(default_factory=list)

    def settle(self, judged: Sequence[tuple[int, Judgement]]) -> dict[int, str]:
        """Seq -> why an event is suspended, empty where it is not; payments of the others are marked as used."""
        asked = [one for _seq, one in judged if not one.code]
        known = self._members(sorted({owner for one in asked for owner in one.owners}))
        self._used = self._transactions(sorted({used for one in asked for used in one.transaction_ids}))
        codes = {seq: one.code or self._clash(seq, one, known) for seq, one in judged}
        if self._marks:
            self._mark()
        return codes

    def _members(self, owners: Sequence[str]) -> frozenset[str]:
        if not owners:
            return frozenset()
        wanted, key = self.connection.any_of("id", owners)
        rows = self.connection.execute(
            f"SELECT member_id FROM members WHERE brand_id = :brand_id AND member_id {wanted}",
            {"brand_id": self.station.brand_id, **key},
        )
        return frozenset(row["member_id"] for row in rows)

    def _transactions(self, ids: Sequence[str]) -> dict[str, _Place]:
        if not ids:
            return {}
        wanted, key = self.connection.any_of("id", ids)
        rows = self.connection.execute(
            "SELECT transaction_id, workstation_id, epoch, seq FROM transactions"
            f" WHERE brand_id = :brand_id AND transaction_id {wanted}",
            {"brand_id": self.station.brand_id, **key},
        )
        return {row["transaction_id"]: (row["workstation_id"], row["epoch"], row["seq"]) for row in rows}

    def _clash(self, seq: int, judgement: Judgement, known: frozenset[str]) -> str:
        """In the order of the batch: an event is judged beside those before it."""
        if not judgement.owners <= known:
            return MEMBER_UNKNOWN
        ids, place = judgement.transaction_ids, (self.station.workstation_id, self.epoch, seq)
        # An event that was lost here and comes again meets its own mark.
        if len(set(ids)) < len(ids) or any(self._used.get(one, place) != place for one in ids):
            return TRANSACTION_USED
        for one in ids:
            if one not in self._used:
                self._used[one] = place
                self._marks.append(
                    {
                        "brand_id": self.station.brand_id,
                        "transaction_id": one,
                        "workstation_id": place[0],
                        "epoch": place[1],
                        "seq": seq,
                    }
                )
        return ""

    def _mark(self) -> None:
        # ORDER: by id, so that two batches with the same payments wait for each other in one direction only.
        marks = sorted(self._marks, key=lambda one: str(one["transaction_id"]))
        inserted = self.connection.bulk(
            "INSERT INTO transactions (brand_id, transaction_id, workstation_id, epoch, seq)"
            " SELECT brand_id, transaction_id, workstation_id, epoch, seq FROM incoming AS i WHERE true"
            " ON CONFLICT DO NOTHING",
            marks,
        )
        if inserted < len(marks):
            raise Contended  # another workstation's batch used one of them meanwhile
