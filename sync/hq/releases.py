"""Points that tills held back (S53): credited when HQ releases their owner, taken back when their sale comes back.

Called by sync.hq.freezes (`credit`) and sync.hq.fold (`follow`) inside their transactions. Both post HQ's own books.
"""

import json
from collections.abc import Sequence

from agent.domain.business_day import business_day
from agent.domain.ids import EventName
from agent.domain.ledger import PENDING_ACCOUNT, POINTS_ACCOUNT, lot_name
from agent.domain.rules import rule_set
from sync.hq import own_books
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.judge import Judgement
from sync.hq.own_rows import OwnPosting


def credit(connection: Connection, brand_id: str, member_id: str, at_ms: int) -> None:
    """Move what tills held back to the member's points; books nothing where nothing is held back."""
    held = _pending(connection, member_id)
    if held <= 0:
        return
    rules = connection.execute(
        "SELECT body FROM rule_sets WHERE brand_id = :brand ORDER BY version DESC LIMIT 1", {"brand": brand_id}
    ).fetchone()
    expires = "" if rules is None else rule_set(json.loads(rules["body"])).points_expire(business_day(at_ms))
    for account, amount in ((PENDING_ACCOUNT, -held), (POINTS_ACCOUNT, held)):
        posting = OwnPosting(
            brand_id, "release", f"{member_id}.{at_ms}", member_id, account, amount,
            expires if amount > 0 else "", at_ms,
        )  # fmt: skip
        own_books.post(connection, posting)


def _pending(connection: Connection, member_id: str) -> int:
    row = connection.execute(
        "SELECT balance FROM accounts WHERE member_id = :id AND account = :account",
        {"id": member_id, "account": PENDING_ACCOUNT},
    ).fetchone()
    return 0 if row is None else int(row["balance"])


def follow(
    connection: Connection, station: Station, epoch: str, moves: Sequence[tuple[int, Judgement]], now_ms: int
) -> None:
    """Take back released points whose sale came back: a till reverses what it knows, the pending ones (R12).

    What a reversal takes beyond the member's pending points comes off their points, as debt where those are spent.
    Balances hold all of `moves` already; each event is looked at as if it were the last, so that how events were
    pushed together changes nothing.
    """
    sums = [(seq, _moved(judgement)) for seq, judgement in moves]
    left: dict[str, int] = {}
    for _seq, moved in sums:
        for member_id, amount in moved.items():
            left[member_id] = left.get(member_id, _pending(connection, member_id)) - amount
    for seq, moved in sums:
        for member_id, amount in moved.items():
            left[member_id] += amount
            if amount < 0 and left[member_id] < 0:
                name = EventName(station.workstation_id, epoch, seq)
                _take_back(connection, station.brand_id, name, member_id, -left[member_id], now_ms)
                left[member_id] = 0


def _moved(judgement: Judgement) -> dict[str, int]:
    """Pending points that an event moves, by member."""
    moved: dict[str, int] = {}
    for one in judgement.postings:
        if one.account == PENDING_ACCOUNT:
            moved[one.owner] = moved.get(one.owner, 0) + one.amount
    return moved


def _take_back(connection: Connection, brand_id: str, name: EventName, member_id: str, amount: int, at_ms: int) -> None:
    for account, moved in ((PENDING_ACCOUNT, amount), (POINTS_ACCOUNT, -amount)):
        posting = OwnPosting(brand_id, "release", lot_name(name), member_id, account, moved, "", at_ms)
        own_books.post(connection, posting)
