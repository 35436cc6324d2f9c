"""Credits to lots by the batch: what sync.hq.lots.credit does one by one, in a few statements for all of them.

Used by sync.hq.lease_book inside the transaction that takes a batch in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.domain.ledger import DEBT_BUCKET
from agent.domain.sale import Posting
from sync.hq import lots
from sync.hq.db.seam import Connection
from sync.hq.feeds import hold_member

_Credit: TypeAlias = tuple[str, str, str, int, str, int]
"""Member, account, lot, amount, expiry, when it was earned."""


@dataclass(slots=True)
class Credits:
    """Credits that wait for each other; settle() before lots are read or debited."""

    connection: Connection
    _waiting: list[_Credit] = field(default_factory=list)

    def put(self, one: Posting, bucket: str, amount: int, at_ms: int) -> None:
        """Credit `amount` (above 0) for a posting, with the next settle()."""
        if bucket == DEBT_BUCKET:
            self.settle()
            lots.credit(self.connection, one.owner, one.account, bucket, amount, expires=one.expires, at_ms=at_ms)
        else:
            self._waiting.append((one.owner, one.account, bucket, amount, one.expires, at_ms))

    def settle(self) -> None:
        """Write what waits: debts are repaid in the order of credits, a new lot is as its first credit says."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        owners = sorted({one[0] for one in waiting})
        hold_member(self.connection, *owners)
        owed = self._owed(owners)
        repaid: dict[tuple[str, str], int] = {}
        rows: dict[tuple[str, str, str], dict[str, str | int]] = {}
        for owner, account, bucket, amount, expires, at_ms in waiting:
            part = min(amount, owed.get((owner, account), 0))
            if part:
                owed[owner, account] -= part
                repaid[owner, account] = repaid.get((owner, account), 0) + part
            if amount > part:
                key = {"member_id": owner, "account": account, "bucket": bucket}
                row = rows.setdefault(
                    (owner, account, bucket), {**key, "expires": expires, "at_ms": at_ms, "amount": 0}
                )
                row["amount"] = int(row["amount"]) + amount - part
        self.connection.bulk(
            "UPDATE lots SET available = lots.available + i.amount FROM incoming AS i"
            " WHERE lots.member_id = i.member_id AND lots.account = i.account AND lots.bucket = 'debt'",
            [{"member_id": owner, "account": account, "amount": part} for (owner, account), part in repaid.items()],
        )
        self.connection.bulk(
            "INSERT INTO lots (member_id, account, bucket, expires, since_ms, available)"
            " SELECT member_id, account, bucket, expires, at_ms, amount FROM incoming AS i WHERE true"
            " ON CONFLICT (member_id, account, bucket) DO UPDATE SET available = lots.available + excluded.available",
            list(rows.values()),
        )

    def _owed(self, owners: Sequence[str]) -> dict[tuple[str, str], int]:
        """(member, account) -> what is to be repaid."""
        wanted, key = self.connection.any_of("id", owners)
        found = self.connection.execute(
            f"SELECT member_id, account, available FROM lots WHERE member_id {wanted} AND bucket = 'debt'", key
        )
        return {(row["member_id"], row["account"]): -row["available"] for row in found}
