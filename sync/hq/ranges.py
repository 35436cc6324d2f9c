"""HQ's half of the downward check: compare ranges of keys of the brand's rows, and give the rows where they differ.

Called by sync.hq.service. One call is one transaction, so that rows, cursor and watermarks speak of one moment.
"""

from typing import Final

from agent.limits import FEED_PAGE_ROWS
from agent.sqlite import Connection, transaction
from sync.hq.enrol import Station
from sync.hq.feeds import COUPON_SELECT, feed_row, watermarks_of
from sync.hq.member_rows import MEMBER_SELECT
from sync.protocol import Feed, FeedRow
from sync.ranges import KeyRange, RangesAnswer, RangesRequest, key_of, range_of

_SPAN: Final = "{key} > :after AND (:until = '' OR {key} <= :until) ORDER BY {key}"
_SELECT: Final[dict[Feed, str]] = {
    Feed.RULES: "SELECT version, body FROM rule_sets WHERE brand_id = :brand_id ORDER BY version",
    Feed.ITEMS: "SELECT * FROM items WHERE brand_id = :brand_id AND deleted = 0 AND " + _SPAN.format(key="sku"),
    Feed.MERCHANTS: (
        "SELECT * FROM merchants WHERE brand_id = :brand_id AND deleted = 0 ORDER BY mch_id, sub_mch_id, store_id"
    ),
    Feed.MEMBERS: (
        f"{MEMBER_SELECT} WHERE m.brand_id = :brand_id AND m.status = 'active' AND {_SPAN.format(key='m.member_id')}"
    ),
    Feed.IDENTITIES: (
        "SELECT identity_index, member_id, deleted FROM identities WHERE brand_id = :brand_id AND deleted = 0"
        " AND kind <> 'phone' AND identity_index > :after_blob AND (:until = '' OR identity_index <= :until_blob)"
        " ORDER BY identity_index"
    ),
    Feed.COUPONS: (
        f"{COUPON_SELECT} WHERE c.brand_id = :brand_id AND c.deleted = 0 AND {_SPAN.format(key='c.coupon_id')}"
    ),
}


def compare(connection: Connection, station: Station, request: RangesRequest) -> RangesAnswer:
    """Compare each range; nothing is compared when the store stands at another cursor."""
    feed = request.feed
    with transaction(connection):
        cursor = connection.execute(
            "SELECT last_no FROM feed_counters WHERE brand_id = :brand_id AND feed = :feed",
            {"brand_id": station.brand_id, "feed": feed.value},
        ).fetchone()["last_no"]
        if cursor != request.cursor:
            return RangesAnswer(cursor=cursor)
        differing: list[int] = []
        given: list[FeedRow] = []
        for place, asked in enumerate(request.ranges):
            rows = _rows(connection, station, feed, asked)
            if range_of(rows, asked.after, asked.until) == asked:
                continue
            if request.rows:
                if len(given) + len(rows) > FEED_PAGE_ROWS:
                    continue
                given += rows
            differing.append(place)
        marks = watermarks_of(connection, station.workstation_id) if feed is Feed.MEMBERS and request.rows else {}
    return RangesAnswer(cursor=cursor, differing=differing, rows=given, watermarks=marks)


def _rows(connection: Connection, station: Station, feed: Feed, span: KeyRange) -> list[FeedRow]:
    parameters: dict[str, object] = {"brand_id": station.brand_id, "after": span.after, "until": span.until}
    if feed is Feed.IDENTITIES:
        parameters |= {"after_blob": bytes.fromhex(span.after), "until_blob": bytes.fromhex(span.until)}
    rows = [feed_row(connection, feed, row) for row in connection.execute(_SELECT[feed], parameters).fetchall()]
    if feed in (Feed.RULES, Feed.MERCHANTS):
        rows.sort(key=key_of)
        rows = [row for row in rows if key_of(row) > span.after and (not span.until or key_of(row) <= span.until)]
    return rows
