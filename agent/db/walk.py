"""Walking the store's own rows of one epoch: every event rehashed, every row derived from it compared.

Called by agent.db.proofs in short jobs of the books' thread. It trusts no stored digest, chain, posting, outbox row or
request: each must follow from the body, or the sealed answer.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from agent.db import lease_rows, risk
from agent.db.book_rows import open_answer
from agent.domain.buckets import Sums, add, h42
from agent.domain.digest import Json, event_digest, extend
from agent.domain.errors import StorageError
from agent.domain.ids import EventName
from agent.domain.ledger import posting_columns
from agent.domain.sale import Posting
from agent.domain.totals import DayBook, measure
from agent.limits import FINDINGS
from agent.ports import KeyRing
from agent.sqlite import Connection, Row
from sync.proof import Finding


@dataclass(slots=True)
class StoreWalk:
    """A walk of one epoch from a known head; `sealed`: up to where HQ has sealed."""

    workstation_id: str
    epoch: str
    keys: KeyRing
    head: bytes
    count: int
    sealed: int = 0
    sent: bytes = b""
    """The stored chain of the event before."""
    altered: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    sums: dict[int, Sums] = field(default_factory=dict)
    book: DayBook = field(default_factory=DayBook)

    def step(self, connection: Connection, limit: int, last: int = 2**53 - 1) -> bool:
        """Walk the next `limit` events, at most to `last`; True when there are no more."""
        key = {"epoch": self.epoch, "seen": self.count, "last": last}
        rows = connection.execute(
            "SELECT seq, body, digest, chain FROM events WHERE epoch = :epoch AND seq > :seen AND seq <= :last"
            " ORDER BY seq LIMIT :limit",
            {**key, "limit": limit},
        ).fetchall()
        if not rows:
            return True
        key["last"] = rows[-1]["seq"]
        postings = _by_seq(connection, "postings", "position, account, owner, amount, bucket, expires, lease", key)
        opened, closed = lease_rows.of_range(connection, key)
        outbox = _by_seq(connection, "outbox", "state, code", key)
        requests = _by_seq(connection, "requests", "kind, caller_id, request, answer_sealed", key)
        used = _by_seq(connection, "used_transactions", "transaction_id", key)
        for row in rows:
            seq = row["seq"]
            event = self._event(row)
            self._postings(seq, event, postings.pop(seq, []))
            self._leases(seq, event, opened.pop(seq, []), closed.pop(seq, []))
            self._outbox(seq, outbox.pop(seq, []))
            self._request(seq, event, requests.pop(seq, []))
            self._used(connection, seq, event, used.pop(seq, []))
        for table, left in (
            ("postings", postings), ("outbox", outbox), ("requests", requests), ("used_transactions", used),
            ("leases", opened), ("leases", closed),
        ):  # fmt: skip
            for seq in left:
                self.find(table, str(seq), "NO_EVENT")
        return len(rows) < limit

    def find(self, table: str, key: str, code: str, detail: str = "", *, heals: bool = False) -> None:
        """Name something that does not follow."""
        if len(self.findings) < FINDINGS:
            self.findings.append(
                Finding(
                    side="store",
                    table=table,
                    epoch=self.epoch[:64],
                    key=key[:200],
                    code=code,
                    detail=detail[:200],
                    heals=heals,
                )
            )

    def _event(self, row: Row) -> dict[str, Any]:
        seq, body = row["seq"], row["body"]
        digest = event_digest(body.encode())
        columns = []
        if seq != self.count + 1:
            columns.append("seq")
        if digest != row["digest"]:
            columns.append("digest")
        # One altered event breaks its own link only: the next may follow from our head or the one it was booked on.
        if row["chain"] not in (extend(self.head, digest), extend(self.sent or self.head, digest)):
            columns.append("chain")
        self.sent = row["chain"]
        event = json.loads(body)
        event = event if isinstance(event, dict) else {}
        if (event.get("epoch"), event.get("seq"), event.get("workstation_id")) != (
            self.epoch, seq, self.workstation_id,
        ):  # fmt: skip
            columns.append("body")
        if columns:
            self.altered.append(seq)
            self.find("events", str(seq), "DOES_NOT_FOLLOW", ",".join(columns))
        self.head, self.count = extend(self.head, digest), seq
        add(self.sums, seq, h42(digest))
        self.book.add(measure(body), "ok")
        return event

    def _postings(self, seq: int, event: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
        if sorted(rows) != posting_columns(event):
            self.find("postings", str(seq), "NOT_OF_EVENT")

    def _leases(self, seq: int, event: dict[str, Any], opened: list[Row], closed: list[Row]) -> None:
        name = EventName(self.workstation_id, self.epoch, seq)
        postings = [Posting(*columns[1:]) for columns in posting_columns(event)]  # type: ignore[arg-type]
        if not lease_rows.follows(name, event, postings, opened, closed):
            self.find("leases", str(seq), "NOT_OF_EVENT")

    def _outbox(self, seq: int, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            self.find("outbox", str(seq), "MISSING")
        elif seq <= self.sealed and rows[0][0] not in ("acknowledged", "suspended"):
            self.find("outbox", str(seq), "SEALED_BUT_NOT_SETTLED", rows[0][0])

    def _request(self, seq: int, event: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
        if len(rows) != 1:
            self.find("requests", str(seq), "MISSING" if not rows else "TWICE")
            return
        kind, caller_id, request, sealed = rows[0]
        try:
            answer, hashed = open_answer(self.keys.decrypt("requests", "answer_sealed", caller_id, sealed))
        except (StorageError, ValueError):
            self.find("requests", str(seq), "ANSWER_DOES_NOT_OPEN")
            return
        name: Json = {"workstation_id": self.workstation_id, "epoch": self.epoch, "seq": seq}
        said = event.get(f"{kind}_id", caller_id)  # events that nobody but us asks for name no caller
        same = kind == event.get("kind") and caller_id == said and answer.get("event") == name
        if not same or (hashed and hashlib.sha256(request.encode()).hexdigest() != hashed):
            self.find("requests", str(seq), "DOES_NOT_FOLLOW")

    def _used(self, connection: Connection, seq: int, event: dict[str, Any], rows: list[tuple[Any, ...]]) -> None:
        tenders = event.get("tenders", [])
        ids = {
            one.get("transaction_id")
            for one in (tenders if isinstance(tenders, list) else [])
            if isinstance(one, dict) and one.get("type") == "wechat" and one.get("transaction_id") is not None
        }
        for transaction_id in {row[0] for row in rows} - ids:
            self.find("used_transactions", str(seq), "NOT_OF_EVENT", str(transaction_id))
        for transaction_id in ids - {row[0] for row in rows}:
            held = connection.execute(
                "SELECT 1 FROM used_transactions WHERE transaction_id = :id", {"id": transaction_id}
            ).fetchone()
            if held is None:
                self.find("used_transactions", str(seq), "MISSING", str(transaction_id))


def _by_seq(connection: Connection, table: str, columns: str, key: dict[str, Any]) -> dict[int, list[tuple[Any, ...]]]:
    rows = connection.execute(
        f"SELECT seq, {columns} FROM {table} WHERE epoch = :epoch AND seq > :seen AND seq <= :last", key
    )
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(row["seq"], []).append(tuple(row)[1:])
    return found


def strangers(connection: Connection) -> list[Finding]:
    """Epochs that rows name but the table of epochs does not, epochs out of number, rows behind the last event."""
    known = [tuple(row) for row in connection.execute("SELECT epoch, number FROM epochs ORDER BY number")]
    found = [
        Finding(side="store", table="epochs", epoch=epoch[:64], key=str(number), code="NUMBER")
        for place, (epoch, number) in enumerate(known, start=1)
        if place != number
    ]
    epochs = {epoch for epoch, _ in known}
    for table in ("events", "postings", "outbox", "requests", "used_transactions", "leases", "seals"):
        epoch = ""
        while True:
            row = connection.execute(
                f"SELECT MIN(epoch) FROM {table} WHERE epoch > :epoch", {"epoch": epoch}
            ).fetchone()
            if row[0] is None:
                break
            epoch = str(row[0])
            if epoch not in epochs:
                found.append(Finding(side="store", table=table, epoch=epoch[:64], key=epoch[:64], code="EPOCH_UNKNOWN"))
                continue
            if table in ("events", "seals"):
                continue
            top = connection.execute(
                f"SELECT MAX(t.seq) FROM {table} t WHERE t.epoch = :epoch"
                " AND t.seq > COALESCE((SELECT MAX(seq) FROM events WHERE epoch = :epoch), 0)",
                {"epoch": epoch},
            ).fetchone()[0]
            if top is not None:
                found.append(Finding(side="store", table=table, epoch=epoch[:64], key=str(top), code="NO_EVENT"))
    return found + risk.astray(connection)
