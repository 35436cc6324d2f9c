"""What folded events do to coupons, count cards and what a member spent, so that tills see it with the next row.

Called by sync.hq.fold inside its transaction, after lots and leases. Sums only: late events commute.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, TypeGuard

from agent.domain.lease import is_keepable
from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT
from agent.domain.sale import Posting
from agent.limits import AMOUNT_FEN, QTY, TEXT_CHARS
from sync.hq import card_write, coupon_write
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.judge import Judgement

_PURCHASES: Final = frozenset({"sale", "return", "void"})


def follow(connection: Connection, station: Station, epoch: str, moves: Sequence[tuple[int, Judgement]]) -> set[str]:
    """Follow folded events, (seq, judgement) each: coupons used and given back, cards sold and used, what was spent.

    Gives the members who spent: the caller moves them, as those whose accounts moved, to the end of their feed.
    """
    coupons: dict[str, int] = defaultdict(int)
    cards: dict[tuple[str, str], int] = defaultdict(int)
    spent: dict[tuple[str, str], int] = defaultdict(int)
    buyers: set[str] = set()
    for seq, judgement in moves:
        if judgement.kind == "count_card_sale":
            _sell(connection, station, epoch, seq, judgement.owners)
        if judgement.kind in _PURCHASES and judgement.member_id:
            spent[judgement.member_id, judgement.sale_day[:7]] += judgement.payable_fen
        if judgement.kind == "sale" and judgement.member_id:
            buyers.add(judgement.member_id)
        for one in judgement.postings:
            if one.account == COUPON_ACCOUNT:
                coupons[lot(connection, station.workstation_id, one)] += one.amount
            elif one.account == COUNT_ACCOUNT:
                cards[one.owner, lot(connection, station.workstation_id, one)] += one.amount
    coupon_write.move(connection, station.brand_id, coupons)
    card_write.move(connection, cards)
    connection.bulk(
        "UPDATE members SET ordered = 1 FROM incoming AS i WHERE members.member_id = i.member_id"
        " AND members.brand_id = i.brand_id AND members.ordered = 0",
        [{"member_id": member_id, "brand_id": station.brand_id} for member_id in sorted(buyers)],
    )
    spend(connection, station.brand_id, spent)
    owners = {owner for _seq, judgement in moves for owner in judgement.owners}  # known: checked as they came in
    return _of_brand(connection, station.brand_id, {member_id for member_id, _month in spent} - owners)


def _of_brand(connection: Connection, brand_id: str, member_ids: set[str]) -> set[str]:
    """Those that are members of the brand: a buyer that an event names may be nobody, or another brand's."""
    if not member_ids:
        return member_ids
    wanted, key = connection.any_of("id", sorted(member_ids))
    rows = connection.execute(
        f"SELECT member_id FROM members WHERE brand_id = :brand_id AND member_id {wanted}",
        {"brand_id": brand_id, **key},
    )
    return {row["member_id"] for row in rows}


def spend(connection: Connection, brand_id: str, spent: Mapping[tuple[str, str], int]) -> None:
    """Add to what members spent in the newest month that events speak of (S17); an older month is no longer asked for.

    The newest month and its sum are the same in whatever order events come.
    """
    newest = {member_id: (month, fen) for (member_id, month), fen in sorted(spent.items())}
    connection.bulk(
        "UPDATE members SET month = i.newest, month_spend_fen = i.fen + CASE WHEN month = i.newest"
        " THEN month_spend_fen ELSE 0 END FROM incoming AS i WHERE members.member_id = i.member_id"
        " AND members.brand_id = i.brand_id AND month <= i.newest",
        [
            {"member_id": member_id, "newest": month, "fen": fen, "brand_id": brand_id}
            for member_id, (month, fen) in newest.items()
        ],
    )


def lot(connection: Connection, workstation_id: str, posting: Posting) -> str:
    """The lot a posting moves: its own word, else that of the lease it spends from."""
    if posting.bucket or not posting.lease:
        return posting.bucket
    row = connection.execute(
        "SELECT bucket FROM leases WHERE workstation_id = :workstation_id AND lease_id = :lease_id",
        {"workstation_id": workstation_id, "lease_id": posting.lease},
    ).fetchone()
    return "" if row is None else str(row["bucket"])


def _sell(connection: Connection, station: Station, epoch: str, seq: int, owners: frozenset[str]) -> None:
    """Enter the card that a count_card_sale names in `card`: owner, card_id, name, total, price_fen, expires.

    A card that is not whole is left out: its units are in the books all the same, and no event holds up another.
    """
    row = connection.execute(
        "SELECT body FROM events WHERE workstation_id = :workstation_id AND epoch = :epoch AND seq = :seq",
        {"workstation_id": station.workstation_id, "epoch": epoch, "seq": seq},
    ).fetchone()
    card = json.loads(row["body"]).get("card")
    if not isinstance(card, dict) or card.get("owner") not in owners:
        return
    card_id, name, expires = (str(card.get(field, "")) for field in ("card_id", "name", "expires"))
    total, price_fen = card.get("total"), card.get("price_fen", 0)
    texts = 1 <= len(card_id) <= 64 and 1 <= len(name) <= TEXT_CHARS and len(expires) in (0, 10)
    if texts and is_keepable(card_id + name + expires) and _within(total, 1, QTY) and _within(price_fen, 0, AMOUNT_FEN):
        card_write.sell(connection, str(card["owner"]), card_id, name, total, price_fen, expires)


def _within(value: object, low: int, high: int) -> TypeGuard[int]:
    return isinstance(value, int) and low <= value <= high
