"""The fold at HQ: extend the contiguous prefix of one epoch and book each event that joins it, exactly once.

Called by sync.hq.books inside its transaction. A watermark therefore says precisely which events the balances, the
totals and the chain head hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from agent.domain.digest import extend, genesis
from agent.domain.ids import EventName
from agent.domain.ledger import fold
from agent.domain.sale import Posting
from agent.sqlite import Connection
from sync.hq import audit, claims, clocks, offers_fold, releases
from sync.hq.enrol import Station
from sync.hq.feeds import reserve
from sync.hq.judge import CHAIN_MISMATCH, Judgement, judge
from sync.hq.lease_book import LeaseBook
from sync.protocol import Feed


@dataclass(frozen=True, slots=True)
class Advanced:
    """The watermark after a fold, and the events whose link to their predecessor did not hold."""

    watermark: int
    broken: Sequence[int]


@dataclass(frozen=True, slots=True)
class Folder:
    """Folds one epoch of one workstation; `judged` holds what this batch has judged already, by seq."""

    connection: Connection
    station: Station
    epoch: str
    at_ms: int
    judged: Mapping[int, Judgement]

    def _key(self, **more: object) -> dict[str, object]:
        return {"workstation_id": self.station.workstation_id, "epoch": self.epoch, **more}

    def advance(self) -> Advanced:
        """Extend the contiguous prefix as far as it goes, fold what joined it."""
        chain = self.connection.execute(
            "SELECT watermark, head, sent_head FROM chains WHERE workstation_id = :workstation_id AND epoch = :epoch",
            self._key(),
        ).fetchone()
        start = genesis(self.station.workstation_id, self.epoch)
        watermark, head, sent = tuple(chain) if chain is not None else (0, start, start)
        reached = watermark
        broken: list[int] = []
        postings: list[tuple[int, int, Posting]] = []
        moves: list[tuple[int, Judgement]] = []
        days: dict[tuple[str, str], tuple[int, int, int]] = {}
        rows = self.connection.execute(
            "SELECT seq, body, digest, chain, code FROM events WHERE workstation_id = :workstation_id"
            " AND epoch = :epoch AND seq > :watermark ORDER BY seq",
            self._key(watermark=watermark),
        )
        for row in rows:
            if row["seq"] != reached + 1:
                break
            reached = row["seq"]
            # One altered event breaks its own link only: the next may follow from our head or from the one it names.
            linked = row["chain"] in (extend(head, row["digest"]), extend(sent, row["digest"]))
            head, sent = extend(head, row["digest"]), row["chain"]
            judgement = self._judgement(reached, row["body"])
            if not row["code"] and not linked:
                broken.append(reached)
            folded = not row["code"] and linked
            if folded:
                postings.extend((reached, place, one) for place, one in enumerate(judgement.postings))
                moves.append((reached, judgement))
            _count(days, judgement, "ok" if folded else "suspended")
        rows.close()
        if reached > watermark or chain is None:
            self._suspend(broken)
            self._fold(postings, days)
            self._set_chain(reached, head, sent)
            self._lease(moves, reached)
            releases.follow(self.connection, self.station, self.epoch, moves, self.at_ms)
            offers_fold.follow(self.connection, self.station, self.epoch, moves)
            claims.follow(self.connection, self.station, self.epoch, moves, self.at_ms)
        return Advanced(reached, broken)

    def _judgement(self, seq: int, body: str) -> Judgement:
        """Of this batch, or read again for an event that waited behind a gap."""
        if seq in self.judged:
            return self.judged[seq]
        name = EventName(self.station.workstation_id, self.epoch, seq)
        return judge(body, name, self.station.store_id, self.station.brand_id)

    def _suspend(self, seqs: Sequence[int]) -> None:
        self.connection.executemany(
            "UPDATE events SET state = 'suspended', code = :code"
            " WHERE workstation_id = :workstation_id AND epoch = :epoch AND seq = :seq",
            [self._key(seq=seq, code=CHAIN_MISMATCH) for seq in seqs],
        )

    def _fold(
        self, postings: Sequence[tuple[int, int, Posting]], days: Mapping[tuple[str, str], tuple[int, int, int]]
    ) -> None:
        sums = fold(posting for _seq, _place, posting in postings)
        self.connection.executemany(
            "INSERT INTO postings (workstation_id, epoch, seq, position, member_id, account, amount, bucket, expires,"
            " lease) VALUES (:workstation_id, :epoch, :seq, :position, :owner, :account, :amount, :bucket, :expires,"
            " :lease) ON CONFLICT DO NOTHING",
            [self._key(seq=seq, position=place, **asdict(one)) for seq, place, one in postings],
        )
        self.connection.executemany(
            "INSERT INTO accounts (member_id, account, balance) VALUES (:member_id, :account, :amount)"
            " ON CONFLICT (member_id, account) DO UPDATE SET balance = accounts.balance + excluded.balance",
            [{"member_id": owner, "account": account, "amount": sums[account, owner]} for account, owner in sums],
        )
        touched = sorted({owner for _account, owner in sums})
        if touched:
            first = reserve(self.connection, self.station.brand_id, Feed.MEMBERS, len(touched))
            self.connection.executemany(
                "UPDATE members SET feed_no = :feed_no WHERE member_id = :member_id",
                [{"feed_no": first + place, "member_id": owner} for place, owner in enumerate(touched)],
            )
        self.connection.executemany(
            "INSERT INTO day_totals (workstation_id, epoch, business_day, state, events, payable_fen, points)"
            " VALUES (:workstation_id, :epoch, :day, :state, :events, :payable_fen, :points)"
            " ON CONFLICT (workstation_id, epoch, business_day, state) DO UPDATE SET"
            " events = events + excluded.events, payable_fen = payable_fen + excluded.payable_fen,"
            " points = points + excluded.points",
            [
                self._key(day=day, state=state, events=events, payable_fen=payable_fen, points=points)
                for (day, state), (events, payable_fen, points) in days.items()
            ],
        )

    def _lease(self, moves: Sequence[tuple[int, Judgement]], reached: int) -> None:
        """Lots and leases, event by event; facts for a person are kept beside what audits find."""
        book = LeaseBook(self.connection, self.station, self.epoch)
        for seq, judgement in moves:
            book.fold(seq, judgement)
        book.honour(reached)
        found = [*book.found, *clocks.of_events(self.epoch, moves, self.at_ms)]
        audit.record(self.connection, self.station.workstation_id, found, self.at_ms)

    def _set_chain(self, watermark: int, head: bytes, sent_head: bytes) -> None:
        self.connection.execute(
            "INSERT INTO chains (workstation_id, epoch, watermark, head, sent_head, first_received_at_ms)"
            " VALUES (:workstation_id, :epoch, :watermark, :head, :sent_head, :at_ms)"
            " ON CONFLICT (workstation_id, epoch) DO UPDATE SET watermark = excluded.watermark, head = excluded.head,"
            " sent_head = excluded.sent_head",
            self._key(watermark=watermark, head=head, sent_head=sent_head, at_ms=self.at_ms),
        )


def _count(days: dict[tuple[str, str], tuple[int, int, int]], judgement: Judgement, state: str) -> None:
    key = (judgement.business_day, state)
    events, payable_fen, points = days.get(key, (0, 0, 0))
    days[key] = (events + 1, payable_fen + judgement.payable_fen, points + judgement.points)
