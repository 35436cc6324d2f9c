"""Change feeds: what a workstation pulls, by cursor, and how a changed row gets its place in a feed.

Called by sync.hq.service. Feed numbers are given inside the write transaction that changes the row, from a counter per
brand and feed whose row that transaction holds: a reader therefore never sees a number before a smaller one.
"""

from collections.abc import Callable
from typing import Any, Final

from agent.domain.errors import Refusal
from agent.domain.ledger import POINTS_ACCOUNT
from agent.limits import FEED_PAGE_ROWS
from agent.sqlite import Connection, Row, transaction
from sync.hq.enrol import Station
from sync.protocol import Feed, FeedPage, FeedRow, IdentityRow, ItemRow, MemberRow, MerchantRow, RulesRow

_PAGE: Final = " brand_id = :brand_id AND feed_no > :after ORDER BY feed_no LIMIT :limit"
_SELECT: Final[dict[Feed, str]] = {
    Feed.RULES: f"SELECT feed_no, version, body FROM rule_sets WHERE{_PAGE}",
    Feed.ITEMS: f"SELECT * FROM items WHERE{_PAGE}",
    Feed.MERCHANTS: f"SELECT * FROM merchants WHERE{_PAGE}",
    Feed.MEMBERS: (
        "SELECT m.feed_no, m.member_id, m.tier_id, m.masked, m.status, m.opening_points + COALESCE(a.balance, 0)"
        " AS points FROM members m LEFT JOIN accounts a ON a.member_id = m.member_id AND a.account = :account"
        f" WHERE{_PAGE}"
    ),
    Feed.IDENTITIES: f"SELECT feed_no, identity_index, member_id, deleted FROM identities WHERE{_PAGE}",
}


def reserve(connection: Connection, brand_id: str, feed: Feed, rows: int) -> int:
    """Take `rows` feed numbers inside the caller's write transaction; gives the first of them."""
    row = connection.execute(
        "UPDATE feed_counters SET last_no = last_no + :rows WHERE brand_id = :brand_id AND feed = :feed"
        " RETURNING last_no",
        {"rows": rows, "brand_id": brand_id, "feed": feed.value},
    ).fetchone()
    if row is None:
        raise Refusal("BRAND_UNKNOWN", f"there is no brand {brand_id}", field="brand_id", status=404)
    return int(row["last_no"]) - rows + 1


def page(connection: Connection, station: Station, feed: Feed, after: int, limit: int = FEED_PAGE_ROWS) -> FeedPage:
    """Read the rows behind cursor `after` in feed order, with this workstation's watermarks of the same moment.

    Refusal 409 CURSOR_AHEAD when the store has seen more than this HQ ever gave (HQ was restored from a backup):
    answering an empty page would silently lose every change until the counter caught up.
    """
    # ORDER: one transaction, so that balances and watermarks speak of the same events.
    with transaction(connection):
        key = {"brand_id": station.brand_id, "feed": feed.value}
        last = connection.execute(
            "SELECT last_no FROM feed_counters WHERE brand_id = :brand_id AND feed = :feed", key
        ).fetchone()["last_no"]
        if after > last:
            hint = "pull this feed again from 0"
            raise Refusal("CURSOR_AHEAD", f"{feed.value}: cursor {after} is past {last}", hint=hint, status=409)
        parameters = {"brand_id": station.brand_id, "after": after, "limit": limit + 1, "account": POINTS_ACCOUNT}
        rows = connection.execute(_SELECT[feed], parameters).fetchall()
        watermarks = watermarks_of(connection, station.workstation_id) if feed is Feed.MEMBERS else {}
    more = len(rows) > limit
    rows = rows[:limit]
    cursor = rows[-1]["feed_no"] if rows else after
    write = ROWS[feed]
    return FeedPage(feed=feed, rows=[write(row) for row in rows], cursor=cursor, more=more, watermarks=watermarks)


def watermarks_of(connection: Connection, workstation_id: str) -> dict[str, int]:
    """Epoch -> last contiguous seq HQ holds of a workstation."""
    rows = connection.execute("SELECT epoch, watermark FROM chains WHERE workstation_id = :id", {"id": workstation_id})
    return {row["epoch"]: row["watermark"] for row in rows}


def _rules(row: Row) -> RulesRow:
    return RulesRow(version=row["version"], body=row["body"])


def _item(row: Row) -> ItemRow:
    return ItemRow(
        sku=row["sku"],
        barcode=row["barcode"],
        name=row["name"],
        list_fen=row["list_fen"],
        member_fen=row["member_fen"],
        promo_fen=row["promo_fen"],
        no_member_discount=bool(row["no_member_discount"]),
        earns=bool(row["earns"]),
        by_weight=bool(row["by_weight"]),
        deleted=bool(row["deleted"]),
    )


def _merchant(row: Row) -> MerchantRow:
    return MerchantRow(
        mch_id=row["mch_id"],
        sub_mch_id=row["sub_mch_id"],
        brand_id=row["brand_id"],
        store_id=row["store_id"],
        deleted=bool(row["deleted"]),
    )


def _member(row: Row) -> MemberRow:
    return MemberRow(
        member_id=row["member_id"],
        tier_id=row["tier_id"],
        points=row["points"],
        masked=row["masked"],
        deleted=row["status"] == "deleted",
    )


def _identity(row: Row) -> IdentityRow:
    return IdentityRow(index=row["identity_index"].hex(), member_id=row["member_id"], deleted=bool(row["deleted"]))


ROWS: Final[dict[Feed, Callable[[Any], FeedRow]]] = {
    Feed.RULES: _rules,
    Feed.ITEMS: _item,
    Feed.MERCHANTS: _merchant,
    Feed.MEMBERS: _member,
    Feed.IDENTITIES: _identity,
}
