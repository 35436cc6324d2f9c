"""Claims: the right to credit one sale to whoever joins by its receipt, once (wire.md, "Claims"; R11).

`follow` is called by sync.hq.fold for events as they become contiguous, `settle` by sync.hq.joining. Base rate, no
price changes; what of the sale was returned earns nothing, before the credit or after it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.business_day import business_day
from agent.domain.ids import EventName
from agent.domain.ledger import POINTS_ACCOUNT, lot_name
from agent.domain.points import earned
from agent.domain.refund_shares import base_remaining
from agent.domain.rules import NO_RULES, RuleSet, rule_set
from agent.domain.sale import TenderType
from sync.hq import member_counts, own_books
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import Station
from sync.hq.judge import Judgement
from sync.hq.own_rows import OwnPosting

CLAIM_UNKNOWN: Final = "CLAIM_UNKNOWN"
CLAIM_USED: Final = "CLAIM_USED"
CLAIM_LATE: Final = "CLAIM_LATE"
CLAIM_FOREIGN: Final = "CLAIM_FOREIGN"
CLAIM_RETURNED: Final = "CLAIM_RETURNED"
CLAIM_PAID_TWICE: Final = "CLAIM_PAID_TWICE"
_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a claim: `credited` with its points, `parked`, or `refused` with a code."""

    state: str
    code: str = ""
    points: int = 0


@dataclass(frozen=True, slots=True)
class _Sale:
    """What a claim is worth by its event: the base, what of it went back, and when it was sold."""

    name: EventName
    at_ms: int
    base_fen: int
    earning_fen: int
    earning_lines: frozenset[int]
    transaction_ids: tuple[str, ...]
    rules_version: int
    earned_by_somebody: bool


# --- asked by the join page -----------------------------------------------------------------------------------------
def settle(connection: Connection, brand_id: str, sha256: str, member_id: str, asked_ms: int, now_ms: int) -> Settled:
    """Credit the sale behind a claim to a member who asked at `asked_ms`; parked where the sale has not arrived."""
    key = {"brand_id": brand_id, "sha256": sha256}
    row = connection.execute(
        "SELECT * FROM claims WHERE brand_id = :brand_id AND sha256 = :sha256", key
    ).fetchone()  # fmt: skip
    if row is None:
        elsewhere = connection.execute("SELECT 1 FROM claims WHERE sha256 = :sha256 LIMIT 1", key).fetchone()
        return Settled("parked", CLAIM_UNKNOWN) if elsewhere is None else Settled("refused", CLAIM_FOREIGN)
    if row["taken_by"]:
        return Settled("refused", CLAIM_USED)
    sale = _sale(connection, row)
    if sale.earned_by_somebody:
        return Settled("refused", CLAIM_USED)
    if not _its_own_payment(connection, brand_id, sale):
        return Settled("refused", CLAIM_PAID_TWICE)
    rules = _rules(connection, brand_id, sale.rules_version)
    if asked_ms > sale.at_ms + rules.claim_window_h * _HOUR_MS:
        return Settled("refused", CLAIM_LATE)
    left_fen = _base_left(connection, sale)
    if left_fen == 0 and sale.base_fen > 0:
        return Settled("refused", CLAIM_RETURNED)
    points = earned(left_fen, rules.earn)
    taken = connection.execute(
        "UPDATE claims SET taken_by = :member_id, points = :points WHERE brand_id = :brand_id AND sha256 = :sha256"
        " AND taken_by = ''",
        {**key, "member_id": member_id, "points": points},
    )
    if taken.rowcount != 1:
        return Settled("refused", CLAIM_USED)
    member_counts.count_join(connection, brand_id, sha256, now_ms)
    expires = rules.points_expire(business_day(asked_ms))
    own_books.post(
        connection, OwnPosting(brand_id, "claim", sha256, member_id, POINTS_ACCOUNT, points, expires, now_ms)
    )
    return Settled("credited", points=points)


def _its_own_payment(connection: Connection, brand_id: str, sale: _Sale) -> bool:
    """The second guard: every WeChat transaction of the sale counts for this very event in the whole brand."""
    for transaction_id in sale.transaction_ids:
        held = connection.execute(
            "SELECT workstation_id, epoch, seq FROM transactions WHERE brand_id = :brand AND transaction_id = :id",
            {"brand": brand_id, "id": transaction_id},
        ).fetchone()
        if held is None or EventName(*held) != sale.name:
            return False
    return True


# --- told by the fold -----------------------------------------------------------------------------------------------
def follow(
    connection: Connection, station: Station, epoch: str, moves: Sequence[tuple[int, Judgement]], now_ms: int
) -> None:
    """Keep the claims of folded sales, settle who asked before they came, take back what returns take back."""
    claims: dict[str, int] = {}
    for seq, judgement in moves:
        if judgement.claim:
            claims.setdefault(judgement.claim, seq)
    waiting = _keep(connection, station, epoch, claims) if claims else {}
    for seq, judgement in moves:
        for row in waiting.get(seq, ()):
            _settle_parked(connection, station.brand_id, row, now_ms)
        if not judgement.claim and judgement.of is not None:
            name = EventName(station.workstation_id, epoch, seq)
            _take_back(connection, station.brand_id, name, judgement.of, now_ms)


def _keep(connection: Connection, station: Station, epoch: str, claims: Mapping[str, int]) -> dict[int, list[Row]]:
    """Keep claims (hash -> seq of their sale) that nobody has made yet; by seq, who has asked for one of them."""
    key = {"brand_id": station.brand_id, "workstation_id": station.workstation_id, "epoch": epoch}
    connection.bulk(
        "INSERT INTO claims (brand_id, sha256, workstation_id, epoch, seq)"
        " SELECT brand_id, sha256, workstation_id, epoch, seq FROM incoming AS i WHERE true ON CONFLICT DO NOTHING",
        [{**key, "sha256": sha256, "seq": seq} for sha256, seq in claims.items()],
    )
    rows = connection.execute(
        "SELECT c.seq, c.sha256, j.request_id, j.member_id, j.at_ms FROM claims c"
        " JOIN claim_joins j ON j.brand_id = c.brand_id AND j.sha256 = c.sha256 AND j.state = 'parked'"
        " JOIN members m ON m.member_id = j.member_id AND m.status = 'active' WHERE c.brand_id = :brand_id"
        " AND c.workstation_id = :workstation_id AND c.epoch = :epoch AND c.seq BETWEEN :first AND :last"
        " ORDER BY c.seq, j.at_ms, j.request_id",
        {**key, "first": min(claims.values()), "last": max(claims.values())},
    )
    waiting: dict[int, list[Row]] = {}
    for row in rows:
        waiting.setdefault(row["seq"], []).append(row)
    return waiting


def _settle_parked(connection: Connection, brand_id: str, row: Row, now_ms: int) -> None:
    done = settle(connection, brand_id, row["sha256"], row["member_id"], row["at_ms"], now_ms)
    connection.execute(
        "UPDATE claim_joins SET state = :state, code = :code, points = :points"
        " WHERE brand_id = :brand_id AND request_id = :request_id",
        {
            "state": done.state, "code": done.code, "points": done.points, "brand_id": brand_id,
            "request_id": row["request_id"],
        },
    )  # fmt: skip


def _take_back(connection: Connection, brand_id: str, name: EventName, of: EventName, now_ms: int) -> None:
    """A return of a claimed sale takes back what the part returned had earned (R12), as debt where it is spent."""
    key = {"who": name.workstation_id, "of_epoch": of.epoch, "of_seq": of.seq}
    connection.execute(
        "INSERT INTO claim_backs (workstation_id, of_epoch, of_seq, epoch, seq)"
        " VALUES (:who, :of_epoch, :of_seq, :epoch, :seq) ON CONFLICT DO NOTHING",
        {**key, "epoch": name.epoch, "seq": name.seq},
    )
    row = connection.execute(
        "SELECT * FROM claims WHERE workstation_id = :who AND epoch = :of_epoch AND seq = :of_seq AND taken_by <> ''",
        key,
    ).fetchone()
    if row is None:
        return
    sale = _sale(connection, row)
    backs = tuple(lot_name(one) for one in _backs(connection, sale.name))
    still = own_books.sum_of(connection, ("claim", "claim_return"), (row["sha256"], *backs))
    due = earned(_base_left(connection, sale), _rules(connection, brand_id, sale.rules_version).earn)
    if still > due:
        reference = lot_name(name)
        own_books.post(
            connection,
            OwnPosting(brand_id, "claim_return", reference, row["taken_by"], POINTS_ACCOUNT, due - still, "", now_ms),
        )


# --- reading events -------------------------------------------------------------------------------------------------
def _sale(connection: Connection, claim: Row) -> _Sale:
    """Read a sale; what cannot be read counts for nothing, so that no event can hold up another."""
    name = EventName(claim["workstation_id"], claim["epoch"], claim["seq"])
    event, received_ms = _event(connection, name)
    clock = event.get("clock")
    doubted = isinstance(clock, dict) and clock.get("trusted") is False
    totals = event.get("totals")
    earning = {
        _whole(line.get("line")): _whole(line.get("paid_fen"))
        for line in _objects(event, "lines")
        if line.get("earns", True) is True
    }
    return _Sale(
        name,
        received_ms if doubted else _whole(event.get("at_ms")),
        max(0, _whole(totals.get("base_fen"))) if isinstance(totals, dict) else 0,
        max(0, sum(earning.values())),
        frozenset(earning),
        tuple(
            str(one["transaction_id"])
            for one in _objects(event, "tenders")
            if one.get("type") == TenderType.WECHAT and one.get("transaction_id") is not None
        ),
        _whole(event.get("rules_version")),
        any(one.get("account") == POINTS_ACCOUNT and _whole(one["amount"]) > 0 for one in _objects(event, "postings")),
    )


def _base_left(connection: Connection, sale: _Sale) -> int:
    """The base less its R6 share of what was returned of the lines that earn."""
    back = 0
    for name in _backs(connection, sale.name):
        event, _received_ms = _event(connection, name)
        lines = _objects(event, "lines")
        back -= sum(_whole(line.get("paid_fen")) for line in lines if _whole(line.get("line")) in sale.earning_lines)
    if back <= 0:
        return sale.base_fen
    return base_remaining(sale.base_fen, sale.earning_fen, min(back, sale.earning_fen))


def _backs(connection: Connection, sale: EventName) -> list[EventName]:
    """Returns and voids of a sale that HQ has folded; they belong to the workstation that sold it."""
    rows = connection.execute(
        "SELECT epoch, seq FROM claim_backs WHERE workstation_id = :who AND of_epoch = :epoch AND of_seq = :seq",
        {"who": sale.workstation_id, "epoch": sale.epoch, "seq": sale.seq},
    )
    return [EventName(sale.workstation_id, row["epoch"], row["seq"]) for row in rows]


def _event(connection: Connection, name: EventName) -> tuple[dict[str, Any], int]:
    row = connection.execute(
        "SELECT body, received_at_ms FROM events WHERE workstation_id = :who AND epoch = :epoch AND seq = :seq",
        {"who": name.workstation_id, "epoch": name.epoch, "seq": name.seq},
    ).fetchone()
    body = {} if row is None else json.loads(row["body"])
    return (body if isinstance(body, dict) else {}), 0 if row is None else int(row["received_at_ms"])


def _objects(event: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = event.get(key)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _rules(connection: Connection, brand_id: str, version: int) -> RuleSet:
    """The rules the sale was made under, else the oldest that came after them."""
    row = connection.execute(
        "SELECT body FROM rule_sets WHERE brand_id = :brand_id ORDER BY version < :version, version LIMIT 1",
        {"brand_id": brand_id, "version": version},
    ).fetchone()
    return NO_RULES if row is None else rule_set(json.loads(row["body"]))
