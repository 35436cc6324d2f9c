"""What must hold in every world: checked from outside, by reading the real databases, while it runs and at its end.

Every check names what it found in `wrongs`; an empty list is the only good end.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from agent.db.books import BooksDb
from agent.domain.digest import event_digest, extend, genesis
from agent.ports import OutcomeKind
from sync.proof import Finding
from tests.simulation.customers import Acknowledged
from tests.simulation.headquarters import Headquarters
from tests.simulation.store import Name, SimulatedStore

_PAPER_PATIENCE_S, _BACKLOG_S = 180, 1200
"""How long a job may wait at a printer that is well, and how long after a night without paper none is late."""


def own_points(store: SimulatedStore, member_id: str, after: Mapping[str, int] | None = None) -> int:
    """What one store's events (behind `after`, by epoch) move for a member, read from the events themselves."""
    rows = store.books.rows(
        "SELECT e.epoch, e.seq, json_extract(p.value, '$.amount') AS points FROM events e, json_each(e.body,"
        " '$.postings') p WHERE json_extract(p.value, '$.owner') = :member",
        member=member_id,
    )
    return sum(row["points"] for row in rows if row["seq"] > (after or {}).get(row["epoch"], 0))


def store_events(store: SimulatedStore, wrongs: list[str]) -> dict[Name, str]:
    """Every event of a store's books by name, with dense seqs and an intact chain in each epoch."""
    events: dict[Name, str] = {}
    for epoch_row in store.books.rows("SELECT epoch FROM epochs ORDER BY number"):
        epoch = epoch_row["epoch"]
        head, count = genesis(store.workstation_id, epoch), 0
        for row in store.books.rows(
            "SELECT seq, body, digest, chain FROM events WHERE epoch = :e ORDER BY seq", e=epoch
        ):
            digest = event_digest(row["body"].encode())
            head, count = extend(head, digest), count + 1
            if (row["seq"], row["digest"], row["chain"]) != (count, digest, head):
                wrongs.append(f"{store.name}: event {row['seq']} of {epoch} is not the {count}th of an intact chain")
            events[store.workstation_id, epoch, row["seq"]] = row["body"]
    return events


def check_store(store: SimulatedStore, acknowledged: Sequence[Acknowledged], wrongs: list[str]) -> dict[Name, str]:
    """One store's books against themselves and against what its POS was told."""
    events = store_events(store, wrongs)
    per_sale = Counter(json.loads(body)["sale_id"] for body in events.values())
    wrongs += [f"{store.name}: {sale} has {count} events" for sale, count in per_sale.items() if count > 1]
    for sale in acknowledged:
        name = (sale.name.workstation_id, sale.name.epoch, sale.name.seq)
        if name in store.lost:
            continue  # the disk was lost after the last copy: no program can keep that
        body = events.get(name)
        if body is None:
            wrongs.append(f"{store.name}: acknowledged {sale.order.sale_id} is not in the books")
        elif not _tells(json.loads(body), sale):
            wrongs.append(f"{store.name}: {sale.order.sale_id} was acknowledged with another content than booked")
    for table, key in (("used_transactions", "transaction_id"), ("used_nonces", "nonce")):
        if store.books.rows(f"SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1"):
            wrongs.append(f"{store.name}: a key of {table} twice")
    nonces, dynamic = (
        store.books.rows(f"SELECT count(*) AS n FROM {what}")[0]["n"]
        for what in ("used_nonces", "events WHERE json_extract(body, '$.member.certainty') = 'dynamic'")
    )
    if nonces != dynamic:
        wrongs.append(f"{store.name}: {dynamic} sales on a dynamic code, {nonces} nonces used up")
    codes: Counter[str] = Counter(sale.dynamic_code for sale in acknowledged if sale.dynamic_code is not None)
    wrongs += [f"{store.name}: one dynamic code served {count} sales" for count in codes.values() if count > 1]
    pending = len(store.books.rows("SELECT 1 FROM outbox"))
    if pending != len(events):
        wrongs.append(f"{store.name}: {pending} outbox rows for {len(events)} events")
    wrongs += [f"{store.name}: {job} came out {times} times" for job, times in store.paper.printed.items() if times > 1]
    return events


def check_queues(store: SimulatedStore, now_s: float, wrongs: list[str]) -> None:
    """What waits has a reason: a printer with paper lets nothing wait, and only HQ's own word suspends an event."""
    well_s = now_s - max(store.up_since_s, store.paper.in_since_s)
    if not store.paper.out and well_s > _BACKLOG_S:
        before_ms = store.clock.now_ms() - _PAPER_PATIENCE_S * 1000
        late = store.books.rows(
            "SELECT job_id FROM print_jobs WHERE state = 'queued' AND created_at_ms < :before", before=before_ms
        )
        wrongs += [f"{store.name}: {row['job_id']} waits although the printer is well" for row in late]
    odd = store.books.rows("SELECT seq, code FROM outbox WHERE state = 'suspended' AND code <> 'TRANSACTION_USED'")
    wrongs += [f"{store.name}: event {row['seq']} is suspended as {row['code']}" for row in odd]


def _tells(body: dict[str, object], sale: Acknowledged) -> bool:
    """Whether an event says what the POS was told and what it asked for."""
    totals, tenders, answer = body["totals"], body["tenders"], sale.answer
    assert isinstance(totals, dict)
    assert isinstance(tenders, list)
    member = body["member"]
    booked_member = member["member_id"] if isinstance(member, dict) else None
    told = answer["member"]
    told_member = told["member_id"] if isinstance(told, dict) else None
    return (
        body["sale_id"] == sale.order.sale_id == answer["sale_id"]
        and totals["collected_fen"] == sum(tender.amount_fen for tender in sale.order.tenders)
        and [one["amount_fen"] for one in tenders] == [one.amount_fen for one in sale.order.tenders]
        and all(totals[key] == answer[key] for key in ("payable_fen", "collected_fen", "points_earned", "list_fen"))
        and booked_member == told_member
    )


async def check_answers(store: SimulatedStore, acknowledged: Sequence[Acknowledged], wrongs: list[str]) -> None:
    """Every acknowledged call, repeated, is answered as it was."""
    assert store.agent is not None
    books: BooksDb = store.agent.books
    for sale in acknowledged:
        if (sale.name.workstation_id, sale.name.epoch, sale.name.seq) in store.lost:
            continue
        outcome = await books.answer("sale", sale.order.sale_id, sale.order.as_request())
        if outcome is None or outcome.kind is not OutcomeKind.EXISTS or outcome.answer != sale.answer:
            wrongs.append(f"{store.name}: {sale.order.sale_id} is not answered as it was")


def moved(events: dict[Name, str]) -> Counter[str]:
    """The points that events move, by member."""
    sums: Counter[str] = Counter()
    for body in events.values():
        for posting in json.loads(body)["postings"]:
            sums[posting["owner"]] += posting["amount"]
    return sums


def check_hq(hq: Headquarters, stores: dict[Name, str], lost: dict[Name, str], wrongs: list[str]) -> dict[Name, str]:
    """HQ's books: the same events, each once, intact chains, and accounts that are the fold of all of them.

    `lost` are events of books that were restored: HQ keeps those it got. Gives what HQ must hold.
    """
    rows = hq.disk.rows("SELECT workstation_id, epoch, seq, body, state, code FROM events")
    held = {(row["workstation_id"], row["epoch"], row["seq"]): row["body"] for row in rows}
    events = {**{name: body for name, body in lost.items() if name in held}, **stores}
    if held != events:
        lacking, foreign = len(events.keys() - held.keys()), len(held.keys() - events.keys())
        other = sum(1 for name in events.keys() & held.keys() if events[name] != held[name])
        wrongs.append(f"hq: lacks {lacking} events, holds {foreign} that no store has and {other} with other content")
    # A payment booked twice is recorded at the till and waits at HQ for a person; nothing else may wait.
    expected = {name for name, body in events.items() if "TRANSACTION_USED" in _found(body)}
    waiting = {(row["workstation_id"], row["epoch"], row["seq"]): row["code"] for row in rows if row["state"] != "ok"}
    bad: Counter[str] = Counter(
        code for name, code in waiting.items() if name not in expected or code != "TRANSACTION_USED"
    )
    wrongs += [f"hq: {count} events are suspended as {code}" for code, count in bad.items()]
    if missed := len(expected - waiting.keys()):
        wrongs.append(f"hq: {missed} second sales on one payment are not suspended")
    if hq.disk.rows("SELECT 1 FROM conflicts"):
        wrongs.append("hq: holds conflicting events")
    sums = moved(events)
    accounts = {row["member_id"]: row["balance"] for row in hq.disk.rows("SELECT member_id, balance FROM accounts")}
    if {m: b for m, b in accounts.items() if b} != {m: b for m, b in sums.items() if b}:
        wrongs.append("hq: accounts are not the fold of all stores' events")
    for row in hq.disk.rows("SELECT workstation_id, epoch, watermark, head FROM chains"):
        head, seq = genesis(row["workstation_id"], row["epoch"]), 0
        while (name := (row["workstation_id"], row["epoch"], seq + 1)) in events:
            head, seq = extend(head, event_digest(events[name].encode())), seq + 1
        if (seq, head) != (row["watermark"], row["head"]):
            wrongs.append(f"hq: {row['workstation_id']} {row['epoch']} ends at {row['watermark']}, the store at {seq}")
    return events


def _found(body: str) -> list[str]:
    return [one["code"] for one in json.loads(body)["discrepancies"]]


def opening_points(hq: Headquarters) -> dict[str, int]:
    """What each member began with."""
    return {row["member_id"]: row["opening_points"] for row in hq.disk.rows("SELECT * FROM members")}


class Balances:
    """The truth rule for every balance a cashier sees: opening + every own event once + some of the others'."""

    def __init__(self, stores: Sequence[SimulatedStore], opening: dict[str, int], wrongs: list[str]) -> None:
        self._stores = stores
        self._opening = opening
        self._wrongs = wrongs
        self.shown = 0

    def check(self, store: SimulatedStore, member_id: str, points: int, still: bool) -> None:
        """Judge one balance that was just shown; exactly, where the replica stood still meanwhile."""
        self.shown += 1
        if still and points != (truth := _by_the_rule(store, member_id)):
            self._wrongs.append(f"{store.name}: shows {points} points of {member_id}, by the rule {truth}")
        others = points - self._opening[member_id] - own_points(store, member_id)
        rest = [other for other in self._stores if other is not store]
        known = all(one.up.is_set() for one in rest) and not any(one.lost for one in self._stores)
        most = sum(own_points(other, member_id) for other in rest) if known else None
        if others < 0 or (most is not None and others > most):
            self._wrongs.append(f"{store.name}: shows {points} points of {member_id}, {others} of {most} from others")


def _by_the_rule(store: SimulatedStore, member_id: str) -> int:
    """HQ's row plus what this store's own events moved after the row's watermarks."""
    row = store.replica.rows("SELECT points, pull_no FROM members WHERE member_id = :member", member=member_id)[0]
    pull = store.replica.rows("SELECT epoch, watermark FROM pulls WHERE pull_no = :pull", pull=row["pull_no"])
    marks = {mark["epoch"]: mark["watermark"] for mark in pull}
    return int(row["points"]) + own_points(store, member_id, marks)


def is_known(finding: Finding) -> bool:
    """Whether this is the defect that tests.simulation.test_known_defects shows: remove both when it is repaired."""
    return (finding.side, finding.table, finding.code) == ("hq", "seals", "MISSING")


def waiting(store: SimulatedStore) -> str:
    """What still waits in a store's books, in words; empty when nothing does."""
    outbox = store.books.rows(
        "SELECT state, count(*) AS n FROM outbox WHERE state IN ('pending', 'conflict') GROUP BY state"
    )
    jobs = store.books.rows(
        "SELECT state, count(*) AS n FROM print_jobs WHERE state IN ('queued', 'sending') GROUP BY state"
    )
    parts = [f"outbox {row['state']} {row['n']}" for row in outbox] + [
        f"paper {row['state']} {row['n']}" for row in jobs
    ]
    return ", ".join(parts)
