"""The fold at HQ: extend the contiguous prefix of one epoch and book each event that joins it, exactly once.

Called by sync.hq.books inside its transaction. A watermark therefore says precisely which events the balances, the
totals and the chain head hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from agent.domain.digest import extend, genesis
from agent.domain.ids import EventName
from agent.domain.lease import OpenedLease
from agent.domain.ledger import COUPON_ACCOUNT, fold
from agent.domain.sale import Posting
from agent.limits import BATCH_EVENTS
from sync.hq import audit, budget_fold, claims, clocks, offers_fold, poison, releases, verified, wechat_checks
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.event_fields import MALFORMED
from sync.hq.feeds import hold_brand, hold_member, touch_members
from sync.hq.judge import CHAIN_MISMATCH, Judgement, judge
from sync.hq.lease_book import LeaseBook

Stored: TypeAlias = tuple[bytes, bytes, str]
"""Digest, chain and code of an event in the books."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """The watermark after a fold, and the events it suspended: seq -> code."""

    watermark: int
    suspended: Mapping[int, str] = field(default_factory=dict)
    strangers: Sequence[OpenedLease] = ()
    """Leases that were opened and that HQ does not know it granted."""
    behind: bool = False
    """Whether HQ holds events behind a gap."""
    more: bool = False
    """Whether more events could have joined."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Folds one epoch of one workstation; `judged` and `stored` hold what this batch has done already, by seq."""

    connection: Connection
    station: Station
    epoch: str
    at_ms: int
    judged: Mapping[int, Judgement]
    stored: Mapping[int, Stored]
    alone: bool = False
    """Whether to hold the brand alone whatever the events are."""

    def _key(self, **more: object) -> dict[str, object]:
        return {"workstation_id": self.station.workstation_id, "epoch": self.epoch, **more}

    def advance_one_by_one(self) -> Advanced:
        """As advance(), where the database refuses an event: that one is suspended, named for a person and passed over.

        Events are folded together while they can be, so one among very many behind a gap costs a few tries.
        """
        suspended: dict[int, str] = {}
        strangers: list[OpenedLease] = []
        most = BATCH_EVENTS
        while True:
            fault = ""
            try:
                with self.connection.part():
                    step = self.advance(most)
            except Exception as error:
                if not poison.is_refused_by_engine(error):
                    raise
                if most > 1:
                    most //= 2
                    continue
                fault = type(error).__name__
                step = self.advance(1, unkept=True)
            suspended |= step.suspended
            strangers += step.strangers
            if fault:
                key = (self.station.workstation_id, self.epoch, step.watermark)
                poison.name(self.connection, *key, "events", fault, self.at_ms)
            if not step.more:
                return Advanced(step.watermark, suspended, strangers, step.behind)
            most = min(BATCH_EVENTS, most * 2)

    def advance(self, most: int = 0, *, unkept: bool = False) -> Advanced:
        """Extend the contiguous prefix as far as it goes, or by `most` events, and fold what joined it.

        `unkept`: suspend what joins it, whatever it says.
        """
        chain = self.connection.execute(
            "SELECT watermark, head, sent_head FROM chains WHERE workstation_id = :workstation_id AND epoch = :epoch",
            self._key(),
        ).fetchone()
        start = genesis(self.station.workstation_id, self.epoch)
        watermark, head, sent = tuple(chain) if chain is not None else (0, start, start)
        reached = watermark
        suspended: dict[int, str] = {}
        postings: list[tuple[int, int, Posting]] = []
        moves: list[tuple[int, Judgement]] = []
        days: dict[tuple[str, str], tuple[int, int, int]] = {}
        behind = more = False
        for seq, digest, chained, code in self._waiting(watermark):
            behind = seq != reached + 1
            more = not behind and 0 < most <= reached - watermark
            if behind or more:
                break
            reached = seq
            # One altered event breaks its own link only: the next may follow from our head or from the one it names.
            ours = extend(head, digest)
            linked = chained == ours or chained == extend(sent, digest)
            head, sent = ours, chained
            judgement = self.judged.get(reached) or self._judged_again(reached)
            if not code and (unkept or not linked):
                suspended[reached] = MALFORMED if linked else CHAIN_MISMATCH
            folded = not code and reached not in suspended
            if folded:
                postings.extend((reached, place, one) for place, one in enumerate(judgement.postings))
                moves.append((reached, judgement))
            _count(days, judgement, "ok" if folded else "suspended")
        strangers: Sequence[OpenedLease] = ()
        if reached > watermark or chain is None:
            self._hold(moves)
            self._suspend(suspended)
            moved = self._fold(postings, days)
            self._set_chain(reached, head, sent)
            strangers = self._lease(moves, reached)
            releases.follow(self.connection, self.station, self.epoch, moves, self.at_ms)
            moved |= offers_fold.follow(self.connection, self.station, self.epoch, moves)
            claims.follow(self.connection, self.station, self.epoch, moves, self.at_ms)
            wechat_checks.follow(self.connection, self.station, self.epoch, moves)
            # ORDER: last, for whoever has these numbers keeps everybody else of the brand waiting to the commit.
            touch_members(self.connection, self.station.brand_id, moved, last=True)
        return Advanced(reached, suspended, strangers, behind, more)

    def _waiting(self, after: int) -> Iterator[tuple[int, bytes, bytes, str]]:
        """Seq, digest, chain and code of events behind a seq, a batch at a time: behind a gap there may be very many.

        What this batch has stored is at hand.
        """
        while (stored := self.stored.get(after + 1)) is not None:
            after += 1
            yield after, *stored
        more = True
        while more:
            rows = self.connection.execute(
                "SELECT seq, digest, chain, code FROM events WHERE workstation_id = :workstation_id"
                " AND epoch = :epoch AND seq > :after ORDER BY seq LIMIT :limit",
                self._key(after=after, limit=BATCH_EVENTS),
            ).fetchall()
            for row in rows:
                yield row["seq"], row["digest"], row["chain"], row["code"]
            more = len(rows) == BATCH_EVENTS
            after = rows[-1]["seq"] if rows else after

    def _hold(self, moves: Sequence[tuple[int, Judgement]]) -> None:
        """ORDER: the brand before its members, and before anything of theirs is read or written.

        Sales share the brand, for somebody may join by their receipts; each holds its members. What moves things that
        are not one member's alone, or whose members are found out later, has the brand for itself.
        """
        judged = [one for _seq, one in moves]
        members = {owner for one in judged for owner in one.owners} | {one.member_id for one in judged} - {""}
        alone = self.alone or any(_reaches_further(one) for one in judged)
        if alone or members or any(one.claim for one in judged):
            hold_brand(self.connection, self.station.brand_id, shared=not alone)
            hold_member(self.connection, *sorted(members))

    def _judged_again(self, seq: int) -> Judgement:
        """Of an event that waited behind a gap; of the batch every judgement is at hand."""
        row = self.connection.execute(
            "SELECT body FROM events WHERE workstation_id = :workstation_id AND epoch = :epoch AND seq = :seq",
            self._key(seq=seq),
        ).fetchone()
        name = EventName(self.station.workstation_id, self.epoch, seq)
        return judge(row["body"], name, self.station.store_id, self.station.brand_id)

    def _suspend(self, codes: Mapping[int, str]) -> None:
        event = "workstation_id = :workstation_id AND epoch = :epoch AND seq = :seq"
        self.connection.executemany(
            f"UPDATE events SET state = 'suspended', code = :code WHERE {event}",
            [self._key(seq=seq, code=code) for seq, code in codes.items()],
        )
        self.connection.executemany(
            f"DELETE FROM transactions WHERE {event}",
            [self._key(seq=seq) for seq, code in codes.items() if code != CHAIN_MISMATCH],
        )

    def _fold(
        self, postings: Sequence[tuple[int, int, Posting]], days: Mapping[tuple[str, str], tuple[int, int, int]]
    ) -> set[str]:
        """Whose balances moved."""
        sums = fold(posting for _seq, _place, posting in postings)
        rows = [
            self._key(
                seq=seq, position=place, member_id=one.owner, account=one.account, amount=one.amount,
                bucket=one.bucket, expires=one.expires, lease=one.lease, received_at_ms=self.at_ms,
            )
            for seq, place, one in postings
        ]  # fmt: skip
        self.connection.add_postings(rows)
        self.connection.bulk(
            "INSERT INTO accounts (member_id, account, balance) SELECT member_id, account, amount FROM incoming AS i"
            " WHERE true ON CONFLICT (member_id, account) DO UPDATE SET balance = accounts.balance + excluded.balance",
            [{"member_id": owner, "account": account, "amount": sums[account, owner]} for account, owner in sums],
        )
        self.connection.executemany(
            "INSERT INTO day_totals (workstation_id, epoch, business_day, state, events, payable_fen, points)"
            " VALUES (:workstation_id, :epoch, :day, :state, :events, :payable_fen, :points)"
            " ON CONFLICT (workstation_id, epoch, business_day, state) DO UPDATE SET"
            " events = day_totals.events + excluded.events, points = day_totals.points + excluded.points,"
            " payable_fen = day_totals.payable_fen + excluded.payable_fen",
            [
                self._key(day=day, state=state, events=events, payable_fen=payable_fen, points=points)
                for (day, state), (events, payable_fen, points) in days.items()
            ],
        )
        return {owner for _account, owner in sums}

    def _lease(self, moves: Sequence[tuple[int, Judgement]], reached: int) -> Sequence[OpenedLease]:
        """Lots and leases, event by event; facts for a person are kept beside what audits find."""
        book = LeaseBook(self.connection, self.station, self.epoch, self.at_ms)
        for seq, judgement in moves:
            book.fold(seq, judgement)
        book.honour(reached)
        found = [*book.found, *clocks.of_events(self.epoch, moves, self.at_ms)]
        found += verified.of_events(self.connection, self.station, self.epoch, moves)
        audit.record(self.connection, self.station.workstation_id, found, self.at_ms)
        budget_fold.follow(self.connection, moves, self.at_ms)
        return book.strangers

    def _set_chain(self, watermark: int, head: bytes, sent_head: bytes) -> None:
        self.connection.execute(
            "INSERT INTO chains (workstation_id, epoch, watermark, head, sent_head, first_received_at_ms)"
            " VALUES (:workstation_id, :epoch, :watermark, :head, :sent_head, :at_ms)"
            " ON CONFLICT (workstation_id, epoch) DO UPDATE SET watermark = excluded.watermark, head = excluded.head,"
            " sent_head = excluded.sent_head",
            self._key(watermark=watermark, head=head, sent_head=sent_head, at_ms=self.at_ms),
        )


def _reaches_further(one: Judgement) -> bool:
    """Whether an event moves more than lots and balances of members that it names.

    A closed lease is anybody's, a return may take back what a claim gave, coupons have a feed, a card has one owner.
    """
    coupons = any(posting.account == COUPON_ACCOUNT for posting in one.postings)
    return one.closing is not None or one.of is not None or coupons or one.kind == "count_card_sale"


def _count(days: dict[tuple[str, str], tuple[int, int, int]], judgement: Judgement, state: str) -> None:
    key = (judgement.business_day, state)
    events, payable_fen, points = days.get(key, (0, 0, 0))
    days[key] = (events + 1, payable_fen + judgement.payable_fen, points + judgement.points)
