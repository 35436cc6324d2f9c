"""What must hold in every world: checked from outside, by reading the real databases, while it runs and at its end.

Every check names what it found in `wrongs`; an empty list is the only good end.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from agent.books_ports import OutcomeKind
from agent.db.books import BooksDb
from agent.domain.digest import event_digest, extend, genesis
from tests.simulation.headquarters import Headquarters
from tests.simulation.patience import Acknowledged
from tests.simulation.store import Name, SimulatedStore

_BY_CODE = ("recharge", "count_card_sale", "count_use")
"""What the simulated customers do only with their dynamic code."""
_PREPAID = ("stored_value", "count_card", "voucher")
_PAPER_PATIENCE_S, _BACKLOG_S = 180, 1200
"""How long a job may wait at a printer that is well, and how long after a night without paper none is late."""


def own_points(store: SimulatedStore, member_id: str, after: Mapping[str, int] | None = None) -> int:
    """What one store's events (behind `after`, by epoch) move for a member, read from the events themselves."""
    rows = store.books.rows(
        "SELECT e.epoch, e.seq, json_extract(p.value, '$.amount') AS points FROM events e, json_each(e.body,"
        " '$.postings') p WHERE json_extract(p.value, '$.owner') = :member"
        " AND json_extract(p.value, '$.account') = 'points'",
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
    bodies = [json.loads(body) for body in events.values()]
    per_call = Counter((body["kind"], body.get(f"{body['kind']}_id")) for body in bodies)
    wrongs += [f"{store.name}: {call} has {count} events" for call, count in per_call.items() if call[1] and count > 1]
    for sale in acknowledged:
        name = (sale.name.workstation_id, sale.name.epoch, sale.name.seq)
        body = events.get(name)
        if name in store.lost and (body is None or not _tells(json.loads(body), sale)):
            continue  # the disk was lost after the last copy: no program can keep that
        if body is None:
            wrongs.append(f"{store.name}: acknowledged {sale.kind} {sale.caller_id} is not in the books")
        elif not _tells(json.loads(body), sale):
            wrongs.append(
                f"{store.name}: {sale.kind} {sale.caller_id} was acknowledged with another content than booked"
            )
    for table, key in (("used_transactions", "transaction_id"), ("used_nonces", "nonce")):
        if store.books.rows(f"SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1"):
            wrongs.append(f"{store.name}: a key of {table} twice")
    nonces = store.books.rows("SELECT count(*) AS n FROM used_nonces")[0]["n"]
    dynamic = sum(
        body["kind"] in _BY_CODE or (body["kind"] == "sale" and (body["member"] or {}).get("certainty") == "dynamic")
        for body in bodies
    )
    if not dynamic <= nonces <= dynamic + store.holds:  # a code that held a quote is used up, sold or not
        held = f"{store.holds} asked to hold"
        wrongs.append(f"{store.name}: {dynamic} events on a dynamic code, {held}, {nonces} nonces used up")
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
    if store.doubled:
        return
    odd = store.books.rows("SELECT seq, code FROM outbox WHERE state = 'suspended' AND code <> 'TRANSACTION_USED'")
    wrongs += [f"{store.name}: event {row['seq']} is suspended as {row['code']}" for row in odd]


def _tells(body: dict[str, Any], sale: Acknowledged) -> bool:
    """Whether an event says what the POS was told and what it asked for."""
    answer: dict[str, Any] = dict(sale.answer)
    if body["kind"] != sale.kind or body[f"{sale.kind}_id"] != sale.caller_id:
        return False
    if sale.kind != "sale":
        told = answer.get("refund_fen", answer.get("cash_back_fen"))
        return told is None or body["totals"]["payable_fen"] == -told
    paid = [one["amount_fen"] for one in body["tenders"] if one["type"] not in _PREPAID]
    booked, told_member = (one["member_id"] if one is not None else None for one in (body["member"], answer["member"]))
    totals = body["totals"]
    return (
        paid == list(sale.tenders_fen)
        and totals["collected_fen"] == sum(one["amount_fen"] for one in body["tenders"])
        and all(totals[key] == answer[key] for key in ("payable_fen", "collected_fen", "points_earned", "list_fen"))
        and booked == told_member
    )


async def check_answers(store: SimulatedStore, acknowledged: Sequence[Acknowledged], wrongs: list[str]) -> None:
    """Every acknowledged call, repeated, is answered as it was."""
    assert store.agent is not None
    books: BooksDb = store.agent.books
    for sale in acknowledged:
        if (sale.name.workstation_id, sale.name.epoch, sale.name.seq) in store.lost:
            continue  # gone with the disk, or another event bears its name
        outcome = await books.answer(sale.kind, sale.caller_id, sale.request)
        if outcome is None or outcome.kind is not OutcomeKind.EXISTS or outcome.answer != sale.answer:
            wrongs.append(f"{store.name}: {sale.kind} {sale.caller_id} is not answered as it was")


def check_hq(
    hq: Headquarters, stores: dict[Name, str], lost: dict[Name, str], twins: dict[Name, str], wrongs: list[str]
) -> dict[Name, str]:
    """HQ's books: the same events, each once, in intact chains. Gives those that its accounts must be the fold of.

    `lost` are events of books that were restored: HQ keeps those it got. `twins` are those of copies that sold under a
    workstation's name: of two versions HQ holds one, and keeps the other beside it for a person.
    """
    rows = hq.disk.rows("SELECT workstation_id, epoch, seq, body, state, code FROM events")
    held = {(row["workstation_id"], row["epoch"], row["seq"]): row["body"] for row in rows}
    beside = {
        ((row["workstation_id"], row["epoch"], row["seq"]), row["body"])
        for row in hq.disk.rows("SELECT workstation_id, epoch, seq, body FROM conflicts")
    }
    told = {*stores.items(), *twins.items()}
    known = told | set(lost.items())
    if lacking := told - held.items() - beside:
        first = min(name for name, _ in lacking)
        wrongs.append(f"hq: lacks {len(lacking)} events, first {' '.join(map(str, first))}")
    if foreign := (held.items() | beside) - known:
        first = min(name for name, _ in foreign)
        wrongs.append(f"hq: holds {len(foreign)} events that no store has, first {' '.join(map(str, first))}")
    forked = {name[0] for name, _ in beside}
    doubled = {name[0] for name in twins}
    wrongs += [f"hq: holds conflicting events of {one}" for one in sorted(forked - doubled)]
    # A payment booked twice is recorded at the till and waits at HQ for a person; nothing else may wait.
    expected = {name for name, body in held.items() if "TRANSACTION_USED" in _found(body)}
    waiting = {(row["workstation_id"], row["epoch"], row["seq"]): row["code"] for row in rows if row["state"] != "ok"}
    bad: Counter[str] = Counter(
        code
        for name, code in waiting.items()
        if (name not in expected or code != "TRANSACTION_USED") and name[0] not in doubled
    )
    wrongs += [f"hq: {count} events are suspended as {code}" for code, count in bad.items()]
    if missed := len(expected - waiting.keys()):
        wrongs.append(f"hq: {missed} second sales on one payment are not suspended")
    for row in hq.disk.rows("SELECT workstation_id, epoch, watermark, head FROM chains"):
        if row["workstation_id"] in doubled:
            continue
        head, seq = genesis(row["workstation_id"], row["epoch"]), 0
        while (name := (row["workstation_id"], row["epoch"], seq + 1)) in held:
            head, seq = extend(head, event_digest(held[name].encode())), seq + 1
        if (seq, head) != (row["watermark"], row["head"]):
            wrongs.append(f"hq: {row['workstation_id']} {row['epoch']} ends at {row['watermark']}, the store at {seq}")
    return {name: body for name, body in held.items() if name not in waiting}


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
        self.twins = False
        """Somebody sells under another's name: what comes from others cannot be told."""

    def check(self, store: SimulatedStore, member_id: str, points: int, still: bool) -> None:
        """Judge one balance that was just shown; exactly, where the replica stood still meanwhile."""
        self.shown += 1
        if still and points != (truth := _by_the_rule(store, member_id)):
            self._wrongs.append(f"{store.name}: shows {points} points of {member_id}, by the rule {truth}")
        others = points - self._opening[member_id] - own_points(store, member_id)
        rest = [other for other in self._stores if other is not store]
        if self.twins or not all(one.up.is_set() for one in rest) or any(one.lost for one in self._stores):
            return
        spans = [_span(other, member_id) for other in rest]
        least, most = sum(low for low, _ in spans), sum(high for _, high in spans)
        if not least <= others <= most:
            says = f"{others} from others, who moved {least} to {most}"
            self._wrongs.append(f"{store.name}: shows {points} points of {member_id}, {says}")


def _span(store: SimulatedStore, member_id: str) -> tuple[int, int]:
    """The least and the most that HQ may have folded of one store's events: it folds each epoch from its beginning."""
    low = high = 0
    sums: dict[str, list[int]] = {}
    for row in store.books.rows(
        "SELECT epoch, amount FROM postings WHERE owner = :member AND account = 'points' ORDER BY epoch, seq, position",
        member=member_id,
    ):
        sums.setdefault(row["epoch"], [0]).append(sums.get(row["epoch"], [0])[-1] + row["amount"])
    for prefixes in sums.values():
        low, high = low + min(prefixes), high + max(prefixes)
    return low, high


def _by_the_rule(store: SimulatedStore, member_id: str) -> int:
    """HQ's row plus what this store's own events moved after the row's watermarks."""
    row = store.replica.rows("SELECT points, pull_no FROM members WHERE member_id = :member", member=member_id)[0]
    pull = store.replica.rows("SELECT epoch, watermark FROM pulls WHERE pull_no = :pull", pull=row["pull_no"])
    marks = {mark["epoch"]: mark["watermark"] for mark in pull}
    return int(row["points"]) + own_points(store, member_id, marks)


def waiting(store: SimulatedStore) -> str:
    """What still waits in a store's books, in words; empty when nothing does."""
    outbox = store.books.rows(
        "SELECT state, count(*) AS n FROM outbox WHERE state = 'pending' OR (state = 'conflict' AND NOT :doubled)"
        " GROUP BY state",
        doubled=store.doubled,
    )
    jobs = store.books.rows(
        "SELECT state, count(*) AS n FROM print_jobs WHERE state IN ('queued', 'sending') GROUP BY state"
    )
    parts = [f"outbox {row['state']} {row['n']}" for row in outbox] + [
        f"paper {row['state']} {row['n']}" for row in jobs
    ]
    return ", ".join(parts)
