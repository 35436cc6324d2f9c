"""Nobody overspends: what members own against what they spent, in all books of the world together, at any moment.

Called by the world. Whoever spends needs a right (a lease), so the sum over all books may never fall below zero,
however they are cut off from each other. What the design admits is named: copies of one right in two places (`admit`).
It is counted apart, and nothing beyond it is forgiven.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT, DEBT_BUCKET, PENDING_ACCOUNT, POINTS_ACCOUNT
from sync.hq import lease_audit
from sync.hq.lease_book import held_of
from tests.simulation.headquarters import Headquarters
from tests.simulation.store import Name, SimulatedStore

Purse = tuple[str, str, str]
"""(account, owner, bucket): the bucket where it is what is owned, a coupon or a card, else empty."""
_ONES = (COUNT_ACCOUNT, COUPON_ACCOUNT)


def purse_of(account: str, owner: str, bucket: str) -> Purse:
    """Where a posting counts."""
    return account, owner, bucket if account in _ONES else ""


def is_right(posting: Mapping[str, Any]) -> bool:
    """Whether a posting gives or uses a right to spend.

    Points taken back with the goods, beyond what is left of them, are owed: debt, and its repayment, are no such thing.
    """
    owed = posting["amount"] < 0 and not posting["lease"] and posting["account"] == POINTS_ACCOUNT
    return not owed and posting["bucket"] != DEBT_BUCKET


class Rights:
    """What is owned, what was spent, and what the design admits to be spent twice."""

    def __init__(self, hq: Headquarters, stores: Sequence[SimulatedStore], wrongs: list[str]) -> None:
        self._hq = hq
        self.stores = list(stores)
        self._wrongs = wrongs
        self.openings = openings(hq)
        self.admitted: Counter[Purse] = Counter()
        """Rights of which two copies went about, in units of their account."""
        self.copied = False
        """Somebody went on from an old copy: HQ hears of some things again, and in another order."""
        self.looks = 0

    def admit(self, leases: Iterable[Mapping[str, Any]]) -> None:
        """Two places now hold these rights: rows with account, owner, bucket, amount."""
        self.copied = True
        for one in leases:
            self.admitted[purse_of(one["account"], one["owner"], one["bucket"])] += one["amount"]

    def hear_again(self) -> None:
        """HQ goes on from an old copy; of what it forgot it gave away nothing may be spent twice."""
        self.copied = True

    # --- at any moment ----------------------------------------------------------------------------------------------
    def look(self) -> None:
        """Judge all books that can be read; needs every till up, for a book that is shut may hold what was earned."""
        if self._hq.up.is_set():
            self._hq_adds_up()
        for store in self.stores:
            if store.up.is_set() and not store.closed:
                self._tills_leases(store)
        if all(store.up.is_set() or store.closed for store in self.stores) and self._hq.up.is_set():
            self.looks += 1
            self.overspent()

    def overspent(self) -> Counter[Purse]:
        """What was spent beyond what was owned; more than is admitted is wrong."""
        sums = Counter(self.openings)
        rows = self._hq.disk.rows("SELECT workstation_id, epoch, seq, body FROM events")
        held = {(row["workstation_id"], row["epoch"], row["seq"]): row["body"] for row in rows}
        for store in self.stores:
            for row in store.postings():
                if is_right(row):
                    sums[purse_of(row["account"], row["owner"], row["bucket"])] += row["amount"]
            for name, body in store.lost.items():
                if held.get(name) == body:
                    for key, amount in moved({name: body}).items():
                        sums[key] += amount
        beyond = Counter({key: -amount for key, amount in sums.items() if amount < 0})
        self._wrongs += [
            f"overspent: {amount} of {' '.join(key)}, {self.admitted[key]} admitted"
            for key, amount in beyond.items()
            if amount > self.admitted[key]
        ]
        return beyond

    def _tills_leases(self, store: SimulatedStore) -> None:
        odd = store.books.rows(
            "SELECT lease_id, amount, remaining FROM leases WHERE NOT remaining BETWEEN 0 AND amount"
        )
        self._wrongs += [
            f"{store.name}: {row['remaining']} of {row['amount']} left of {row['lease_id']}" for row in odd
        ]

    def _hq_adds_up(self) -> None:
        """Balance + openings = lots + what open leases hold, per member and account; nothing below zero."""
        disk, owned, there = self._hq.disk, Counter[tuple[str, str]](), Counter[tuple[str, str]]()
        for row in disk.rows("SELECT member_id, account, balance FROM accounts"):
            owned[row["member_id"], row["account"]] += row["balance"]
        for row in disk.rows("SELECT member_id, account, amount FROM lot_openings"):
            owned[row["member_id"], row["account"]] += row["amount"]
        for row in disk.rows("SELECT member_id, account, bucket, available FROM lots"):
            there[row["member_id"], row["account"]] += row["available"]
            if row["available"] < 0 and not self._may_owe(row):
                self._wrongs.append(f"hq: {row['available']} in lot {row['bucket']} of {row['account']}")
        for row in disk.rows("SELECT * FROM leases"):
            if row["state"] == "open":
                there[row["member_id"], row["account"]] += held_of(row)
            if not 0 <= row["settled"] <= row["amount"] and not self._is_admitted(row["account"], row["member_id"]):
                self._wrongs.append(f"hq: {row['settled']} of {row['amount']} spent of {row['lease_id']}")
        for key in sorted(owned.keys() | there.keys()):
            if key[1] != PENDING_ACCOUNT and owned[key] != there[key]:
                self._wrongs.append(f"hq: {key[1]} of {key[0]}: owned {owned[key]}, in lots and leases {there[key]}")
        if not self.copied:
            found = disk.rows("SELECT code, key, detail FROM discrepancies WHERE place = 'leases'")
            self._wrongs += [f"hq: lease {row['key']}: {row['code']} {row['detail']}" for row in found]

    def _may_owe(self, row: Mapping[str, Any]) -> bool:
        """Points that were spent and then taken back with the goods are owed; anything else only after a copy.

        What is owed is a lot of its own, but for coupons and cards, each of which answers for itself.
        """
        place = row["bucket"] == DEBT_BUCKET or row["account"] in _ONES
        return place and (self.copied or row["account"] == POINTS_ACCOUNT)

    def _is_admitted(self, account: str, owner: str) -> bool:
        return any(key[:2] == (account, owner) for key in self.admitted)

    # --- at the end -------------------------------------------------------------------------------------------------
    async def final(self, events: Mapping[Name, str]) -> dict[str, int]:
        """Everything has healed: every right came home, both sides add up; figures. `events` is what HQ folds."""
        self.look()
        hq, wrongs = self._hq, self._wrongs
        sums: Counter[tuple[str, str]] = Counter()
        for body in events.values():
            for one in json.loads(body)["postings"]:
                sums[one["owner"], one["account"]] += one["amount"]
        rows = hq.disk.rows("SELECT member_id, account, balance FROM accounts WHERE balance <> 0")
        if {(row[0], row[1]): row[2] for row in rows} != {key: amount for key, amount in sums.items() if amount}:
            wrongs.append("hq: accounts are not the fold of all events it holds")
        for row in hq.disk.rows("SELECT * FROM lots WHERE available < 0"):
            if row["account"] != POINTS_ACCOUNT and not self._is_admitted(row["account"], row["member_id"]):
                wrongs.append(f"hq: {row['member_id']} owes {-row['available']} of {row['account']}")
        out = hq.disk.rows("SELECT * FROM leases WHERE state = 'open'")
        doubled = {store.workstation_id for store in self.stores if store.doubled}
        waits = sum(held_of(row) for row in out if row["workstation_id"] in doubled)
        wrongs += [
            f"hq: {row['lease_id']} of {row['workstation_id']} never came back"
            for row in out
            if row["workstation_id"] not in doubled
        ]
        for store in self.stores:
            if not store.closed:
                kept = store.books.rows("SELECT lease_id FROM leases WHERE closed_seq IS NULL")
                wrongs += [f"{store.name}: still holds {row['lease_id']}" for row in kept]
        assert hq.service is not None
        found = await hq.service._write(lease_audit.lots)
        for one in sorted({store.workstation_id for store in self.stores}):
            found += await hq.service._write(partial(lease_audit.leases, workstation_id=one))
        wrongs += [f"hq: audit finds {one.key} {one.detail}" for one in found]
        beyond, spent = self.overspent(), Counter[str]()
        for row in hq.disk.rows("SELECT account, -SUM(amount) AS n FROM postings WHERE amount < 0 GROUP BY account"):
            spent[f"spent of {row['account']}"] = row["n"]
        return {
            **spent,
            "looks at all books together": self.looks,
            "rights that two copies held": sum(self.admitted.values()),
            "spent twice, as admitted": sum(beyond.values()),
            "held back until a person looks at a fork": waits,
        }


def openings(hq: Headquarters) -> Counter[Purse]:
    """What HQ has imported or issued of each purse."""
    found: Counter[Purse] = Counter()
    for row in hq.disk.rows("SELECT * FROM members"):
        for account in ("points", "sv_principal", "sv_gift"):
            found[account, row["member_id"], ""] = row[f"opening_{account}"]
    for row in hq.disk.rows("SELECT card_id, member_id, opening_left FROM count_cards"):
        found[COUNT_ACCOUNT, row["member_id"], row["card_id"]] = row["opening_left"]
    for row in hq.disk.rows("SELECT coupon_id, member_id FROM coupons"):
        found[COUPON_ACCOUNT, row["member_id"], row["coupon_id"]] = 1
    return found


def moved(events: Mapping[Name, str], *, debt: bool = False) -> Counter[Purse]:
    """What events move, by purse; with `debt`, what was owed and repaid too."""
    sums: Counter[Purse] = Counter()
    for body in events.values():
        for one in json.loads(body)["postings"]:
            if debt or is_right({"bucket": "", "lease": "", **one}):
                sums[purse_of(one["account"], one["owner"], one.get("bucket", ""))] += one["amount"]
    return sums
