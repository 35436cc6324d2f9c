"""Writing coupons: issued once to one member under one version, used and given back by events, withdrawn by people.

Called by sync.hq.importer, sync.hq.service, sync.hq.member_write and the fold, inside their transactions. A coupon
never changes its member, batch, version or days (S46).
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time

from agent.domain.business_day import SHANGHAI, parse_day
from agent.domain.coupon_batch import validity_faults
from agent.domain.errors import Refusal
from sync.hq.batch_write import issued_of, newest, stock_of
from sync.hq.coupon_csv import CouponEntry, check_id
from sync.hq.csv_file import BadValue, Fault
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import index_key
from sync.hq.feeds import hold_brand, reserve
from sync.hq.keys import HqKeys
from sync.hq.row_write import Written
from sync.protocol import Feed, identity_index


@dataclass(slots=True)
class CouponTable:
    """Coupons of one brand, keyed by coupon id; members are found by their number."""

    brand_id: str
    at_ms: int
    index_key: bytes = field(repr=False)
    seen: dict[str, int] = field(default_factory=dict)
    fresh: Counter[str] = field(default_factory=Counter)
    """Coupons of each batch that this import will add."""
    issued: dict[str, int] = field(default_factory=dict)
    """Coupons of each batch that were there before."""

    @classmethod
    def of(cls, connection: Connection, keys: HqKeys, brand_id: str, at_ms: int) -> "CouponTable":
        """Prepare; Refusal BRAND_UNKNOWN."""
        return cls(brand_id, at_ms, index_key(connection, keys, brand_id))

    def check(self, connection: Connection, chunk: Sequence[CouponEntry]) -> list[Fault]:
        """Refuse unknown members and batches, changed coupons, short validity (S44) and over-issue (S47)."""
        found = []
        for entry in chunk:
            before = self.seen.setdefault(entry.coupon_id, entry.line)
            reasons = (
                [f"coupon_id {entry.coupon_id} is on line {before} already"]
                if before != entry.line
                else self._objections(connection, entry)
            )
            if reasons:
                found.append(Fault(entry.line, "; ".join(reasons)))
        return found

    def _objections(self, connection: Connection, entry: CouponEntry) -> list[str]:
        held = coupon(connection, entry.coupon_id)
        member_id = member_of(connection, self.brand_id, self.index_key, entry.member_number)
        batch = newest(connection, self.brand_id, entry.batch_id)
        if held is not None:
            return self._changes(held, entry, member_id)
        found = []
        if entry.void:
            found.append(f"coupon_id: {entry.coupon_id} was never issued, so it cannot be withdrawn")
        if member_id is None:
            found.append("member_number: no such member")
        if batch is None:
            return [*found, f"batch_id: {entry.batch_id} is no batch of this brand"]
        body = json.loads(batch[1])
        start, end = _validity(entry, body)
        if start < body["start"] or end > body["end"]:
            found.append(f"start, end: not within the batch's {body['start']} to {body['end']}")
        found += validity_faults(start, end)
        self.fresh[entry.batch_id] += 1
        stock = stock_of(connection, self.brand_id, entry.batch_id)
        if entry.batch_id not in self.issued:
            self.issued[entry.batch_id] = issued_of(connection, self.brand_id, entry.batch_id)
        issued = self.issued[entry.batch_id]
        if stock is not None and issued + self.fresh[entry.batch_id] > stock:
            found.append(f"batch_id: {entry.batch_id} has {stock} released and {issued} issued (S47)")
        return found

    def _changes(self, held: Row, entry: CouponEntry, member_id: str | None) -> list[str]:
        """What an entry says otherwise than the coupon that was issued."""
        different = {
            "coupon_id": held["brand_id"] != self.brand_id,
            "member_number": held["member_id"] != member_id,
            "batch_id": held["batch_id"] != entry.batch_id,
            "start": entry.start not in ("", held["start_day"]),
            "end": entry.end not in ("", held["end_day"]),
        }
        named = [name for name, differs in different.items() if differs]
        return [f"{', '.join(named)}: an issued coupon never changes (S46)"] if named else []

    def write(self, connection: Connection, chunk: Sequence[CouponEntry]) -> Written:
        """Issue new coupons and withdraw those marked `void`; all others stay as they are."""
        hold_brand(connection, self.brand_id)
        fresh = [entry for entry in chunk if coupon(connection, entry.coupon_id) is None]
        first = reserve(connection, self.brand_id, Feed.COUPONS, len(fresh))
        for place, entry in enumerate(fresh):
            self._issue(connection, entry, first + place)
        news = {entry.coupon_id for entry in fresh}
        gone = [entry.coupon_id for entry in chunk if entry.void and entry.coupon_id not in news]
        updated = sum(withdraw(connection, self.brand_id, coupon_id) for coupon_id in gone)
        return Written(len(fresh), updated, len(chunk) - len(fresh) - updated)

    def _issue(self, connection: Connection, entry: CouponEntry, feed_no: int) -> None:
        batch = newest(connection, self.brand_id, entry.batch_id)
        member_id = member_of(connection, self.brand_id, self.index_key, entry.member_number)
        if batch is None or member_id is None:
            hint = "import the file again"
            raise Refusal("IMPORT_OVERTAKEN", "a member or a batch went away meanwhile", hint=hint, status=409)
        start, end = _validity(entry, json.loads(batch[1]))
        row = {
            "coupon_id": entry.coupon_id,
            "brand_id": self.brand_id,
            "member_id": member_id,
            "batch_id": entry.batch_id,
            "version": batch[0],
            "start_day": start,
            "end_day": end,
            "claimed_at_ms": _instant_ms(entry.claimed) if entry.claimed else self.at_ms,
            "feed_no": feed_no,
        }
        connection.execute(
            "INSERT INTO coupons (coupon_id, brand_id, member_id, batch_id, version, state, start_day, end_day,"
            " claimed_at_ms, feed_no) VALUES (:coupon_id, :brand_id, :member_id, :batch_id, :version, 'issued',"
            " :start_day, :end_day, :claimed_at_ms, :feed_no)",
            row,
        )


def coupon(connection: Connection, coupon_id: str) -> Row | None:
    """One coupon by id, of whatever brand."""
    row: Row | None = connection.execute(
        "SELECT * FROM coupons WHERE coupon_id = :coupon_id", {"coupon_id": coupon_id}
    ).fetchone()
    return row


def member_of(connection: Connection, brand_id: str, key: bytes, member_number: str) -> str | None:
    """The member behind a member number, None when there is none."""
    row = connection.execute(
        "SELECT member_id FROM identities WHERE brand_id = :brand_id AND identity_index = :index AND deleted = 0",
        {"brand_id": brand_id, "index": identity_index(key, "code", member_number)},
    ).fetchone()
    return None if row is None else str(row["member_id"])


def issue(
    connection: Connection,
    keys: HqKeys,
    brand_id: str,
    batch_id: str,
    member_number: str,
    coupon_id: str,
    at_ms: int,
) -> None:
    """Issue one coupon, as an import of one row would; Refusal COUPON_INVALID naming every fault."""
    hold_brand(connection, brand_id)  # ORDER: before stock is counted (S47)
    table = CouponTable.of(connection, keys, brand_id, at_ms)
    entry = CouponEntry(1, coupon_id, member_number, batch_id)
    try:
        check_id(coupon_id)
    except BadValue as error:
        raise Refusal("COUPON_INVALID", str(error), field="coupon_id") from error
    faults = table.check(connection, [entry])
    if faults:
        raise Refusal("COUPON_INVALID", faults[0].reason)
    table.write(connection, [entry])


def withdraw(connection: Connection, brand_id: str, coupon_id: str) -> bool:
    """Withdraw an issued coupon; False when it is used or withdrawn already. Refusal 404 COUPON_UNKNOWN."""
    hold_brand(connection, brand_id)
    held = coupon(connection, coupon_id)
    if held is None or held["brand_id"] != brand_id:
        raise Refusal("COUPON_UNKNOWN", "this brand has no such coupon", status=404)
    return _set(connection, brand_id, coupon_id, "state = 'void'", "state = 'issued'")


def move(connection: Connection, brand_id: str, amounts: Mapping[str, int]) -> None:
    """Follow folded postings to account `coupon`: coupon id -> sum of their amounts (a use is -1, a return +1).

    Sums commute, so the state is right in whatever order events come; ids that are no coupon of the brand are left
    to whoever judges the event.
    """
    for coupon_id, amount in sorted(amounts.items()):
        state = "CASE WHEN state = 'void' THEN 'void' WHEN uses - :amount > 0 THEN 'used' ELSE 'issued' END"
        _set(connection, brand_id, coupon_id, f"state = {state}, uses = uses - :amount", "1 = 1", amount=amount)


def erase(connection: Connection, brand_id: str, member_id: str) -> None:
    """Tombstones for the coupons of an erased member; the rows stay, for the books name them."""
    rows = connection.execute(
        "SELECT coupon_id FROM coupons WHERE member_id = :member_id AND deleted = 0", {"member_id": member_id}
    ).fetchall()
    for row in rows:
        _set(connection, brand_id, row["coupon_id"], "deleted = 1", "1 = 1")


def _set(connection: Connection, brand_id: str, coupon_id: str, changes: str, where: str, **more: object) -> bool:
    """Change one coupon and move it to the end of its feed, if `where` holds."""
    key = {"brand_id": brand_id, "coupon_id": coupon_id}
    found = connection.execute(
        f"SELECT 1 FROM coupons WHERE coupon_id = :coupon_id AND brand_id = :brand_id AND {where}", key
    ).fetchone()
    if found is None:
        return False
    feed_no = reserve(connection, brand_id, Feed.COUPONS, 1)
    connection.execute(
        f"UPDATE coupons SET {changes}, feed_no = :feed_no WHERE coupon_id = :coupon_id",
        {"coupon_id": coupon_id, "feed_no": feed_no, **more},
    )
    return True


def _validity(entry: CouponEntry, body: Mapping[str, str]) -> tuple[str, str]:
    return entry.start or body["start"], entry.end or body["end"]


def _instant_ms(day: str) -> int:
    return int(datetime.combine(parse_day(day), time(), SHANGHAI).timestamp()) * 1000
