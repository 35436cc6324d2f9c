"""Change feeds: what a workstation pulls, by cursor, and how a changed row gets its place in a feed.

Called by sync.hq.service. Feed numbers are given inside the write transaction that changes the row, from a counter per
brand and feed whose row that transaction holds: a reader therefore never sees a number before a smaller one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent.domain.errors import Refusal
from agent.limits import FEED_PAGE_ROWS, LEASES_RECALLED
from sync.hq import feed_gaps, restored
from sync.hq.db.seam import Connection, Row
from sync.hq.enrol import Station
from sync.hq.member_rows import MEMBER_SELECT, member_row
from sync.protocol import CouponRow, Feed, FeedPage, FeedRow, IdentityRow, ItemRow, MerchantRow, RulesRow

COUPON_SELECT: Final = (
    "SELECT c.feed_no, c.coupon_id, c.member_id, c.batch_id, c.version, c.state, c.start_day, c.end_day,"
    " c.claimed_at_ms, c.deleted, b.body FROM coupons c JOIN coupon_batches b ON b.brand_id = c.brand_id"
    " AND b.batch_id = c.batch_id AND b.version = c.version"
)
_PAGE: Final = " brand_id = :brand_id AND feed_no > :after AND feed_no <= :until ORDER BY feed_no LIMIT :limit"
_EVERYTHING: Final = 2**62
"""Beyond the last number of any feed."""
_SELECT: Final[dict[Feed, str]] = {
    Feed.RULES: f"SELECT feed_no, version, body FROM rule_sets WHERE{_PAGE}",
    Feed.ITEMS: f"SELECT * FROM items WHERE{_PAGE}",
    Feed.MERCHANTS: f"SELECT * FROM merchants WHERE{_PAGE}",
    Feed.MEMBERS: f"{MEMBER_SELECT} WHERE{_PAGE}",
    Feed.IDENTITIES: f"SELECT feed_no, identity_index, member_id, deleted FROM identities WHERE{_PAGE}",
    Feed.COUPONS: f"{COUPON_SELECT} WHERE c.{_PAGE.strip()}",
}


CALLED: Final = (
    "EXISTS (SELECT 1 FROM leases l WHERE l.workstation_id = :who AND l.state = 'open' AND l.wanted = 1) AS recalled,"
    " EXISTS (SELECT 1 FROM restorations r WHERE r.brand_id = :brand AND r.done_at_ms IS NULL) AS waiting"
)
"""Columns: whether HQ may have something to ask of workstation `:who` of brand `:brand` besides."""


def hold_brand(connection: Connection, brand_id: str, *, shared: bool = False) -> None:
    """Let nobody else change members of a brand, or what they hold, until this transaction ends.

    `shared`: but others that share it and hold the very members they change (`hold_member`).
    """
    connection.hold(f"brand {brand_id}", shared=shared)


def hold_member(connection: Connection, *member_ids: str) -> None:
    """Let nobody else move members' lots until this transaction ends: they are read, reckoned and written."""
    connection.hold(*(f"member {member_id}" for member_id in member_ids))


def reserve(connection: Connection, brand_id: str, feed: Feed, rows: int, *, last: bool = False) -> int:
    """Take `rows` feed numbers inside the caller's write transaction; gives the first of them.

    `last`: by a caller that shares the brand and takes nothing that others may hold behind these numbers.
    """
    if not last:
        hold_brand(connection, brand_id)
    # ORDER: the counter's row is locked to the commit, so that no reader sees a number before a smaller one.
    row = connection.execute(
        f"UPDATE feed_counters SET last_no = last_no + :rows + {feed_gaps.TO_LEAP}"
        " WHERE brand_id = :brand_id AND feed = :feed RETURNING last_no",
        {"rows": rows, "brand_id": brand_id, "feed": feed.value},
    ).fetchone()
    if row is None:
        raise Refusal("BRAND_UNKNOWN", f"there is no brand {brand_id}", field="brand_id", status=404)
    return int(row["last_no"]) - rows + 1


def touch_members(connection: Connection, brand_id: str, member_ids: Iterable[str], *, last: bool = False) -> None:
    """Move members to the end of their feed: something that their rows say has changed. `last`: see `reserve`."""
    touched = sorted(set(member_ids))
    if not touched:
        return
    first = reserve(connection, brand_id, Feed.MEMBERS, len(touched), last=last)
    connection.bulk(
        "UPDATE members SET feed_no = i.feed_no FROM incoming AS i WHERE members.member_id = i.member_id",
        [{"feed_no": first + place, "member_id": member_id} for place, member_id in enumerate(touched)],
    )


def page(connection: Connection, station: Station, feed: Feed, after: int, limit: int = FEED_PAGE_ROWS) -> FeedPage:
    """Read the rows behind cursor `after` in feed order, with this workstation's watermarks of the same moment.

    Refusal 409 CURSOR_AHEAD when the store has seen what this HQ never gave, or forgot (it was restored from a backup):
    answering an empty page would silently lose every change until the counter caught up.
    """
    # ORDER: one transaction, so that balances and watermarks speak of the same events.
    with connection.snapshot():
        end_of(connection, station.brand_id, feed, after)
        found = rows_behind(connection, station.brand_id, feed, after, limit + 1)
        rows = [feed_row(connection, feed, row) for row in found[:limit]]
        watermarks = watermarks_of(connection, station.workstation_id) if feed is Feed.MEMBERS else {}
        wanted = recalls(connection, station.workstation_id) if feed is Feed.MEMBERS else []
        report = restored.wanted_of(connection, station) if feed is Feed.MEMBERS else ""
    more = len(found) > limit
    cursor = found[: len(rows)][-1]["feed_no"] if rows else after
    return FeedPage(
        feed=feed, rows=rows, cursor=cursor, more=more, watermarks=watermarks, recalls=wanted, report=report
    )


@dataclass(frozen=True, slots=True)
class End:
    """Where a feed ends."""

    last_no: int
    leapt: int
    """Grows when HQ has been restored: what was read of this feed before may never have been."""


END: Final = f"c.last_no, {feed_gaps.IS_FORGOTTEN} AS forgotten, {feed_gaps.LEAPT} AS leapt"
"""Columns of a row `c` of feed_counters that `checked` reads, for the cursor `:after`."""
_END: Final = f"SELECT {END} FROM feed_counters c WHERE c.brand_id = :brand_id AND c.feed = :feed"


def end_of(connection: Connection, brand_id: str, feed: Feed, after: int) -> End:
    """Where a feed ends; Refusal 409 CURSOR_AHEAD where cursor `after` is not one of it (see `page`)."""
    row = connection.execute(_END, {"brand_id": brand_id, "feed": feed.value, "after": after}).fetchone()
    return checked(row, feed, after)


def checked(last: Row, feed: Feed, after: int) -> End:
    """Read END; Refusal 409 CURSOR_AHEAD."""
    if after > last["last_no"] or last["forgotten"]:
        hint, past = "pull this feed again from 0", "what is known" if last["forgotten"] else last["last_no"]
        raise Refusal("CURSOR_AHEAD", f"{feed.value}: cursor {after} is past {past}", hint=hint, status=409)
    return End(int(last["last_no"]), int(last["leapt"]))


def is_ahead(connection: Connection, brand_id: str, cursors: Mapping[str, int]) -> bool:
    """Whether any of these cursors, by feed, is one that this HQ never gave or has forgotten."""
    last = ends(connection, brand_id)
    return any(
        no > last.get(feed, 0) or feed_gaps.is_forgotten(connection, brand_id, feed, no) for feed, no in cursors.items()
    )


def ends(connection: Connection, brand_id: str) -> dict[str, int]:
    """Give the last number of each feed of a brand."""
    found = connection.execute("SELECT feed, last_no FROM feed_counters WHERE brand_id = :id", {"id": brand_id})
    return {row["feed"]: row["last_no"] for row in found.fetchall()}


def rows_behind(
    connection: Connection, brand_id: str, feed: Feed, after: int, limit: int, until: int = _EVERYTHING
) -> list[Row]:
    """Read at most `limit` rows of a feed behind a cursor and up to another, in feed order; `feed_row` writes them."""
    parameters = {"brand_id": brand_id, "after": after, "until": until, "limit": limit}
    return connection.execute(_SELECT[feed], parameters).fetchall()


def feed_row(connection: Connection, feed: Feed, row: Row) -> FeedRow:
    """Write one row of a feed as it travels; in the transaction that read it."""
    return member_row(connection, row) if feed is Feed.MEMBERS else _ROWS[feed](row)


def watermarks_of(connection: Connection, workstation_id: str) -> dict[str, int]:
    """Epoch -> last contiguous seq HQ holds of a workstation."""
    rows = connection.execute("SELECT epoch, watermark FROM chains WHERE workstation_id = :id", {"id": workstation_id})
    return {row["epoch"]: row["watermark"] for row in rows}


def all_watermarks(connection: Connection, brand_id: str) -> dict[str, dict[str, int]]:
    """Those of every workstation of a brand."""
    rows = connection.execute(
        "SELECT c.workstation_id, c.epoch, c.watermark FROM chains c JOIN workstations w"
        " ON w.workstation_id = c.workstation_id JOIN stores s ON s.store_id = w.store_id WHERE s.brand_id = :brand_id",
        {"brand_id": brand_id},
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["workstation_id"], {})[row["epoch"]] = row["watermark"]
    return found


def recalls(connection: Connection, workstation_id: str) -> list[str]:
    """Leases of a workstation that another one asked for in vain."""
    rows = connection.execute(
        "SELECT lease_id FROM leases WHERE workstation_id = :who AND state = 'open' AND wanted = 1"
        " ORDER BY lease_id LIMIT :limit",
        {"who": workstation_id, "limit": LEASES_RECALLED},
    )
    return [row["lease_id"] for row in rows]


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
        min_fen=row["min_fen"],
        market_fen=row["market_fen"],
    )


def _merchant(row: Row) -> MerchantRow:
    return MerchantRow(
        mch_id=row["mch_id"],
        sub_mch_id=row["sub_mch_id"],
        brand_id=row["brand_id"],
        store_id=row["store_id"],
        deleted=bool(row["deleted"]),
    )


def _identity(row: Row) -> IdentityRow:
    return IdentityRow(index=row["identity_index"].hex(), member_id=row["member_id"], deleted=bool(row["deleted"]))


def _coupon(row: Row) -> CouponRow:
    return CouponRow(
        coupon_id=row["coupon_id"],
        member_id=row["member_id"],
        batch_id=row["batch_id"],
        version=row["version"],
        state=row["state"],
        start_day=row["start_day"],
        end_day=row["end_day"],
        claimed_at_ms=row["claimed_at_ms"],
        body="" if row["deleted"] else row["body"],
        deleted=bool(row["deleted"]),
    )


_ROWS: Final[dict[Feed, Callable[[Any], FeedRow]]] = {
    Feed.RULES: _rules,
    Feed.ITEMS: _item,
    Feed.MERCHANTS: _merchant,
    Feed.IDENTITIES: _identity,
    Feed.COUPONS: _coupon,
}
