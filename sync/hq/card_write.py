"""Writing count cards 次卡 that members hold: imported, sold by events, used by events (R18).

Called by sync.hq.importer and the fold, inside their transactions. What is left of a card is its opening plus the sum
of the postings to its bucket, so that late events commute.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.hq.coupon_csv import CardEntry
from sync.hq.coupon_write import member_of
from sync.hq.csv_file import Fault
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import index_key
from sync.hq.feeds import hold_brand, touch_members
from sync.hq.keys import HqKeys
from sync.hq.row_write import Written


@dataclass(slots=True)
class CardTable:
    """Count cards of one brand's members, keyed by card id."""

    brand_id: str
    index_key: bytes = field(repr=False)
    seen: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, keys: HqKeys, brand_id: str) -> "CardTable":
        """Prepare; Refusal BRAND_UNKNOWN."""
        return cls(brand_id, index_key(connection, keys, brand_id))

    def check(self, connection: Connection, chunk: Sequence[CardEntry]) -> list[Fault]:
        """Refuse unknown members, and cards that belong to somebody else."""
        found = []
        for entry in chunk:
            before = self.seen.setdefault(entry.card_id, entry.line)
            member_id = member_of(connection, self.brand_id, self.index_key, entry.member_number)
            held = card(connection, entry.card_id)
            if before != entry.line:
                found.append(Fault(entry.line, f"card_id {entry.card_id} is on line {before} already"))
            elif member_id is None:
                found.append(Fault(entry.line, "member_number: no such member"))
            elif held is not None and held["member_id"] != member_id:
                found.append(Fault(entry.line, f"card_id {entry.card_id} belongs to another member"))
        return found

    def write(self, connection: Connection, chunk: Sequence[CardEntry]) -> Written:
        """Write cards; what was used by events since stays used."""
        hold_brand(connection, self.brand_id)
        created, touched = 0, []
        for entry in chunk:
            member_id = member_of(connection, self.brand_id, self.index_key, entry.member_number)
            wanted = {
                "member_id": member_id,
                "card_id": entry.card_id,
                "name": entry.name,
                "total": entry.total,
                "opening_left": entry.left,
                "price_fen": entry.price_fen,
                "expires": entry.expires,
            }
            held = card(connection, entry.card_id)
            if member_id is None or (held is not None and all(held[name] == value for name, value in wanted.items())):
                continue
            created += held is None
            touched.append(member_id)
            connection.execute(
                "INSERT INTO count_cards (member_id, card_id, name, total, opening_left, price_fen, expires)"
                " VALUES (:member_id, :card_id, :name, :total, :opening_left, :price_fen, :expires)"
                " ON CONFLICT (member_id, card_id) DO UPDATE SET name = excluded.name, total = excluded.total,"
                " opening_left = excluded.opening_left, price_fen = excluded.price_fen, expires = excluded.expires",
                wanted,
            )
        touch_members(connection, self.brand_id, touched)
        return Written(created, len(touched) - created, len(chunk) - len(touched))


def card(connection: Connection, card_id: str) -> Row | None:
    """One count card by id."""
    row: Row | None = connection.execute(
        "SELECT * FROM count_cards WHERE card_id = :card_id", {"card_id": card_id}
    ).fetchone()
    return row


def sell(
    connection: Connection, member_id: str, card_id: str, name: str, total: int, price_fen: int, expires: str
) -> None:
    """Enter a card that an event sold; its units come with the event's posting (`move`). The caller touches members."""
    held = card(connection, card_id)
    if held is not None and held["member_id"] != member_id:
        return  # a card has one owner
    connection.execute(
        "INSERT INTO count_cards (member_id, card_id, name, total, opening_left, price_fen, expires)"
        " VALUES (:member_id, :card_id, :name, :total, 0, :price_fen, :expires) ON CONFLICT DO NOTHING",
        {
            "member_id": member_id,
            "card_id": card_id,
            "name": name,
            "total": total,
            "price_fen": price_fen,
            "expires": expires,
        },
    )


def move(connection: Connection, amounts: Mapping[tuple[str, str], int]) -> None:
    """Follow folded postings to account `count`: (member id, card id) -> sum. The caller touches the members."""
    connection.executemany(
        "UPDATE count_cards SET moved = moved + :amount WHERE member_id = :member_id AND card_id = :card_id",
        [
            {"member_id": member_id, "card_id": card_id, "amount": amount}
            for (member_id, card_id), amount in sorted(amounts.items())
        ],
    )
