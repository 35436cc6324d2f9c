"""Walking HQ's rows of one epoch: every event rehashed and judged again, every row derived from it compared.

Called by sync.hq.prove for the unit under proof and by sync.hq.audit for old sealed ranges. It trusts no stored digest,
chain, code, posting or used-up transaction: each must follow from the body.
"""

from dataclasses import astuple, dataclass, field
from typing import Any

from agent.domain.buckets import Sums, add, h42
from agent.domain.digest import event_digest, extend
from agent.domain.ids import EventName
from agent.domain.totals import DayBook, Measure, measure
from agent.limits import FINDINGS
from sync.hq.bounds import RANGES, SEAL_EVENTS
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import Station
from sync.hq.event_fields import MALFORMED
from sync.hq.judge import CHAIN_MISMATCH, EVENT_UNREADABLE, MEMBER_UNKNOWN, TRANSACTION_USED, Judgement, judge
from sync.proof import Finding, TotalsRow


@dataclass(slots=True)
class Walk:
    """A walk from a known head. `count` and `head` are those of the contiguous prefix, which ends before a gap."""

    station: Station
    epoch: str
    last: int
    head: bytes
    sent: bytes
    count: int = 0
    seen: int = 0
    watermark: int = 0
    book_from: int = 1
    """Totals count events from this seq on."""
    missing: list[tuple[int, int]] = field(default_factory=list)
    suspended: int = 0
    altered: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    sums: dict[int, Sums] = field(default_factory=dict)
    book: DayBook = field(default_factory=DayBook)
    """Totals of the whole walk from `book_from` on."""
    part: DayBook = field(default_factory=DayBook)
    """Totals since the last mark."""
    marks: list[tuple[int, str, list[TotalsRow]]] = field(default_factory=list)
    """(seq, head, totals) every SEAL_EVENTS: where a long unit is cut into several seals."""

    def step(self, connection: Connection, limit: int) -> bool:
        """Walk the next `limit` events; True when the range is done."""
        key = {"id": self.station.workstation_id, "epoch": self.epoch, "seen": self.seen, "last": self.last}
        rows = connection.execute(
            "SELECT seq, body, digest, chain, state, code FROM events WHERE workstation_id = :id AND epoch = :epoch"
            " AND seq > :seen AND seq <= :last ORDER BY seq LIMIT :limit",
            {**key, "limit": limit},
        ).fetchall()
        key["last"] = rows[-1]["seq"] if len(rows) == limit else self.last
        postings = _by_seq(connection, "postings", "position, account, member_id, amount, bucket, expires, lease", key)
        used = _by_seq(connection, "transactions", "brand_id, transaction_id", key)
        opened = _by_seq(
            connection, "leases", "lease_id, account, member_id, amount, bucket, expires, usable_until_ms", key
        )
        closings = _by_seq(connection, "lease_closings", "lease_id, remaining, of_epoch, after_seq", key)
        claims = _by_seq(connection, "claims", "brand_id, sha256", key)
        backs = _by_seq(connection, "claim_backs", "of_epoch, of_seq", key)
        for row in rows:
            seq = row["seq"]
            judged = self._take(connection, row, postings.pop(seq, []), used.pop(seq, []))
            self._leases(row, judged, opened.pop(seq, []), closings.pop(seq, []))
            self._claims(connection, row, judged, claims.pop(seq, []), backs.pop(seq, []))
        for place, left in (
            ("postings", postings), ("transactions", used), ("leases", opened), ("lease_closings", closings),
            ("claims", claims), ("claim_backs", backs),
        ):  # fmt: skip
            for seq in left:
                self.find(place, str(seq), "NO_EVENT")
        if len(rows) == limit:
            return False
        self._lack(self.seen + 1, self.last)
        return True

    def find(self, place: str, key: str, code: str, detail: str = "") -> None:
        """Name something that does not follow."""
        if len(self.findings) < FINDINGS:
            self.findings.append(
                Finding(side="hq", table=place, epoch=self.epoch, key=key, code=code, detail=detail[:200])
            )

    def _lack(self, first: int, last: int) -> None:
        if first <= last and len(self.missing) < RANGES:
            self.missing.append((first, last))

    def _take(
        self, connection: Connection, row: Row, postings: list[tuple[Any, ...]], used: list[tuple[Any, ...]]
    ) -> Judgement:
        seq, body = row["seq"], row["body"]
        digest = event_digest(body.encode())
        gap = seq != self.seen + 1
        self._lack(self.seen + 1, seq - 1)
        linked = gap or row["chain"] in (extend(self.head, digest), extend(self.sent, digest))
        if not self.missing:
            self.head, self.count = extend(self.head, digest), seq
        self.sent = row["chain"]
        self.seen = seq
        add(self.sums, seq, h42(digest))
        self.suspended += row["state"] == "suspended"
        judged = judge(
            body, EventName(self.station.workstation_id, self.epoch, seq), self.station.store_id, self.station.brand_id
        )
        if seq >= self.book_from:
            weighed = Measure(judged.business_day, judged.kind or measure(body).kind, judged.payable_fen, judged.points)
            self.book.add(weighed, row["state"])
            self.part.add(weighed, row["state"])
            if not self.missing and (seq - self.book_from + 1) % SEAL_EVENTS == 0:
                self.marks.append((seq, self.head.hex(), self.part.rows()))
                self.part = DayBook()
        columns = self._faults(connection, row, digest, judged, linked)
        if columns:
            self.altered.append(seq)
            self.find("events", str(seq), "DOES_NOT_FOLLOW", ",".join(columns))
        folded = row["state"] == "ok" and seq <= self.watermark
        wanted = [(n, *astuple(one)) for n, one in enumerate(judged.postings)] if folded else []
        if sorted(postings) != wanted:
            self.find("postings", str(seq), "NOT_OF_EVENT")
        claims = row["code"] in ("", CHAIN_MISMATCH)
        wanted_ids = sorted((self.station.brand_id, one) for one in judged.transaction_ids) if claims else []
        if sorted(used) != wanted_ids:
            self.find("transactions", str(seq), "NOT_OF_EVENT")
        return judged

    def _leases(
        self, row: Row, judged: Judgement, opened: list[tuple[Any, ...]], closings: list[tuple[Any, ...]]
    ) -> None:
        """Leases and closings as the event says them, once it is folded."""
        folded = row["state"] == "ok" and row["seq"] <= self.watermark
        wanted = sorted(astuple(one) for one in judged.opened) if folded else []
        if sorted(opened) != wanted:
            self.find("leases", str(row["seq"]), "NOT_OF_EVENT")
        closing = judged.closing if folded else None
        said = (
            [] if closing is None else [(*astuple(one), closing.of_epoch, closing.after_seq) for one in closing.leases]
        )
        if sorted(closings) != sorted(said):
            self.find("lease_closings", str(row["seq"]), "NOT_OF_EVENT")

    def _claims(
        self,
        connection: Connection,
        row: Row,
        judged: Judgement,
        claims: list[tuple[Any, ...]],
        backs: list[tuple[Any, ...]],
    ) -> None:
        """The claim of a sale and the sale of a return, as the event says them, once it is folded."""
        folded = row["state"] == "ok" and row["seq"] <= self.watermark
        wanted = [(self.station.brand_id, judged.claim)] if folded and judged.claim else []
        if claims != wanted and not (wanted and not claims and self._claimed_elsewhere(connection, row, judged)):
            self.find("claims", str(row["seq"]), "NOT_OF_EVENT")
        if backs != ([(judged.of.epoch, judged.of.seq)] if folded and judged.of is not None else []):
            self.find("claim_backs", str(row["seq"]), "NOT_OF_EVENT")

    def _claimed_elsewhere(self, connection: Connection, row: Row, judged: Judgement) -> bool:
        """Whether another event brought the very same claim first."""
        held = connection.execute(
            "SELECT e.body FROM claims c JOIN events e ON e.workstation_id = c.workstation_id AND e.epoch = c.epoch"
            " AND e.seq = c.seq WHERE c.brand_id = :brand AND c.sha256 = :sha256"
            " AND NOT (e.workstation_id = :id AND e.epoch = :epoch AND e.seq = :seq)",
            {
                "brand": self.station.brand_id, "sha256": judged.claim, "id": self.station.workstation_id,
                "epoch": self.epoch, "seq": row["seq"],
            },
        ).fetchone()  # fmt: skip
        return held is not None and f'"claim_sha256":"{judged.claim}"' in held["body"]

    def _faults(self, connection: Connection, row: Row, digest: bytes, judged: Judgement, linked: bool) -> list[str]:
        """Columns of an event that do not follow from its body and its predecessor."""
        code = row["code"]
        faults = [] if digest == row["digest"] else ["digest"]
        if not linked and code != CHAIN_MISMATCH:
            faults.append("chain")
        expected = {judged.code}
        if judged.code == "":
            expected |= {CHAIN_MISMATCH} if not linked else set()
            if code == MEMBER_UNKNOWN and judged.owners:
                expected.add(MEMBER_UNKNOWN)  # the member may have been imported since
            if code == TRANSACTION_USED and self._used_elsewhere(connection, row["seq"], judged):
                expected.add(TRANSACTION_USED)
            if code == MALFORMED and self._refused(connection, row["seq"]):
                expected.add(MALFORMED)
        if code not in expected or (row["state"] == "ok") != (code == ""):
            faults.append("code")
        return faults

    def _refused(self, connection: Connection, seq: int) -> bool:
        """Whether a person was told that the books refused it."""
        found = connection.execute(
            "SELECT 1 FROM discrepancies WHERE workstation_id = :id AND side = 'hq' AND place = 'events'"
            " AND epoch = :epoch AND key = :key AND code = :code",
            {"id": self.station.workstation_id, "epoch": self.epoch, "key": str(seq), "code": EVENT_UNREADABLE},
        ).fetchone()
        return found is not None

    def _used_elsewhere(self, connection: Connection, seq: int, judged: Judgement) -> bool:
        if len(set(judged.transaction_ids)) < len(judged.transaction_ids):
            return True
        for transaction_id in judged.transaction_ids:
            held = connection.execute(
                "SELECT workstation_id, epoch, seq FROM transactions WHERE brand_id = :brand AND transaction_id = :id",
                {"brand": self.station.brand_id, "id": transaction_id},
            ).fetchone()
            if held is not None and tuple(held) != (self.station.workstation_id, self.epoch, seq):
                return True
        return False


def _by_seq(connection: Connection, table: str, columns: str, key: dict[str, Any]) -> dict[int, list[tuple[Any, ...]]]:
    rows = connection.execute(
        f"SELECT seq, {columns} FROM {table} WHERE workstation_id = :id AND epoch = :epoch"
        " AND seq > :seen AND seq <= :last",
        key,
    )
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row["seq"], []).append(tuple(row)[1:])
    return found
