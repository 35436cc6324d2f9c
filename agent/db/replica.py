"""replica.db: members, coupons, prices and rules as HQ sent them. Rebuildable; never the truth about a sale.

Called by identify and flow for look-ups (Members, Coupons, Pricebook ports) and by sync.pull to apply feed pages.
It holds keyed indexes instead of identities: nobody can read an openid or a phone number out of it.
"""

import json
import struct
from dataclasses import fields

from agent.db.replica_apply import apply_rows, remember_watermarks
from agent.db.replica_swap import Access
from agent.domain.coupon_batch import CODE_PREFIX, HeldCoupon
from agent.domain.member import HeldCard, Member
from agent.domain.pricing import Item
from agent.domain.rules import NO_RULES, RuleSet, rule_set
from agent.limits import REPLICA_JOB_ROWS
from agent.ports import KeyRing
from agent.replica_ports import FoundMember, MerchantScope
from agent.sqlite import Connection, Row
from sync.protocol import Feed, FeedPage

_FIELDS = tuple(field.name for field in fields(Member))
_CARDS = _FIELDS.index("cards")
# In the order of Member's fields, so that a row becomes one without a name for each value.
_COLUMNS = ", ".join("?1" if name == "brand_id" else f"m.{name}" for name in _FIELDS)
_MEMBER = f"SELECT m.pull_no, {_COLUMNS} FROM"
_BY_INDEX = f"{_MEMBER} identities i JOIN members m USING (member_no) WHERE i.head = ?2 AND i.tail = ?3 AND m.known = 1"
_BY_ID = f"{_MEMBER} members m WHERE m.member_id = ?2 AND m.known = 1"
_COUPON = (
    "SELECT c.coupon_id, c.member_id, c.batch_id, c.version, c.state, c.start_day, c.end_day, c.claimed_at_ms, o.body"
    " FROM coupons c JOIN offers o ON o.batch_id = c.batch_id AND o.version = c.version WHERE"
)


class ReplicaDb:
    """The Replica port (Members, Pricebook and the writing side) over replica.db."""

    def __init__(self, store: Access, brand_id: str, keys: KeyRing) -> None:
        self._store = store
        self._brand_id = brand_id
        self._keys = keys
        self._rules: RuleSet | None = None
        self._pulls: dict[int, dict[str, int]] = {}
        self._counted: tuple[list[tuple[str, int]], dict[str, int]] | None = None

    # --- members
    async def by_code(self, code: str) -> FoundMember | None:
        """By static code, card number or membership number."""
        return await self._by_index(self._keys.blind_index("code", code))

    async def by_openid(self, appid: str, openid: str) -> FoundMember | None:
        """By one WeChat identity pair."""
        return await self._by_index(self._keys.blind_index("wx", f"{appid}:{openid}"))

    async def by_id(self, member_id: str) -> FoundMember | None:
        """By HQ's id: who holds a coupon."""
        return await self._found(_BY_ID, (member_id,))

    async def _by_index(self, index: bytes) -> FoundMember | None:
        return await self._found(_BY_INDEX, split_index(index))

    async def _found(self, query: str, key: tuple[str] | tuple[int, bytes]) -> FoundMember | None:
        def work(connection: Connection) -> FoundMember | None:
            row = connection.execute(query, (self._brand_id, *key)).fetchone()
            if row is None:
                return None
            pull_no, *values = row
            values[_CARDS] = _cards(values[_CARDS])
            return FoundMember(Member(*values), self._watermarks(connection, pull_no))

        return await self._store.glance(work)

    def _watermarks(self, connection: Connection, pull_no: int) -> dict[str, int]:
        """Epoch -> seq of one pull. A pull never changes once written, so each is read once."""
        known = self._pulls.get(pull_no)
        if known is None:
            rows = connection.execute("SELECT epoch, watermark FROM pulls WHERE pull_no = ?", (pull_no,)).fetchall()
            known = {row["epoch"]: row["watermark"] for row in rows}
            self._pulls[pull_no] = known
        return known

    async def merchant(self, mch_id: str, sub_mch_id: str) -> MerchantScope | None:
        """The scope of a merchant pair; None fails closed."""

        def work(connection: Connection) -> MerchantScope | None:
            rows = connection.execute(
                "SELECT brand_id, store_id FROM merchants WHERE mch_id = :mch AND sub_mch_id = :sub",
                {"mch": mch_id, "sub": sub_mch_id},
            ).fetchall()
            ours = [row for row in rows if row["brand_id"] == self._brand_id] or rows
            if not ours:
                return None
            brand_id = ours[0]["brand_id"]
            return MerchantScope(brand_id, frozenset(row["store_id"] for row in ours if row["brand_id"] == brand_id))

        return await self._store.glance(work)

    # --- coupons
    async def coupons_of(self, member_id: str) -> list[HeldCoupon]:
        """What a member may still use, as HQ knew: those that end first come first."""
        where = "c.member_id = ? AND c.state = 'issued' ORDER BY c.end_day, c.coupon_id"
        rows = await self._store.glance(lambda c: c.execute(f"{_COUPON} {where}", (member_id,)).fetchall())
        return [held for held in map(_held, rows) if held is not None]

    async def coupon(self, code: str) -> HeldCoupon | None:
        """By its scanned code (`CP.` and the id) or its id, in whatever state it is."""
        key = (code.removeprefix(CODE_PREFIX),)
        row = await self._store.glance(lambda c: c.execute(f"{_COUPON} c.coupon_id = ?", key).fetchone())
        return _held(row)

    # --- prices and rules
    async def item(self, code: str) -> Item | None:
        """By sku, else by barcode."""

        def work(connection: Connection) -> Item | None:
            row = connection.execute(
                "SELECT * FROM items WHERE sku = :code"
                " UNION ALL SELECT * FROM items WHERE barcode = :code AND barcode <> '' LIMIT 1",
                {"code": code},
            ).fetchone()
            if row is None:
                return None
            return Item(
                sku=row["sku"],
                name=row["name"],
                list_fen=row["list_fen"],
                member_fen=row["member_fen"],
                promo_fen=row["promo_fen"],
                no_member_discount=bool(row["no_member_discount"]),
                earns=bool(row["earns"]),
                by_weight=bool(row["by_weight"]),
                min_fen=row["min_fen"],
                market_fen=row["market_fen"],
            )

        return await self._store.glance(work)

    async def rules(self) -> RuleSet:
        """The newest rule set this program can honour; NO_RULES before the first pull."""
        if self._rules is None:
            rows = await self._store.read(
                lambda connection: connection.execute("SELECT body FROM rule_sets ORDER BY version DESC").fetchall()
            )
            self._rules = next(filter(None, (_readable(row["body"]) for row in rows)), NO_RULES)
        return self._rules

    async def rules_of(self, version: int) -> RuleSet | None:
        """The rule set of one version: what a sale was made under; None when it is not here."""
        row = await self._store.read(
            lambda c: c.execute("SELECT body FROM rule_sets WHERE version = ?", (version,)).fetchone()
        )
        return None if row is None else _readable(row["body"])

    def forget(self) -> None:
        """Remember nothing: rules were repaired, or another file is read from now on."""
        self._rules = None
        self._pulls = {}
        self._counted = None

    async def version(self) -> int:
        """Which prices these are: the cursor of the items feed."""
        return await self.cursor(Feed.ITEMS)

    # --- pull
    async def cursor(self, feed: Feed) -> int:
        """Last applied cursor of a feed."""
        row = await self._store.glance(
            lambda connection: connection.execute(
                "SELECT cursor FROM cursors WHERE feed = :feed", {"feed": feed}
            ).fetchone()
        )
        return 0 if row is None else int(row["cursor"])

    async def apply(self, page: FeedPage) -> None:
        """Apply one page in bounded jobs; the cursor moves with the last of them, so a crash repeats, never skips."""
        pull_no = await self._store.run(lambda connection: remember_watermarks(connection, page.watermarks))
        for start in range(0, len(page.rows), REPLICA_JOB_ROWS):
            part = page.rows[start : start + REPLICA_JOB_ROWS]
            await self._store.run(lambda connection, part=part: apply_rows(connection, part, pull_no))  # type: ignore[misc]
        await self._store.run(
            lambda connection: connection.execute(
                "INSERT INTO cursors (feed, cursor) VALUES (:feed, :cursor)"
                " ON CONFLICT (feed) DO UPDATE SET cursor = excluded.cursor",
                {"feed": page.feed, "cursor": page.cursor},
            )
        )
        if page.feed is Feed.RULES:
            self._rules = None

    async def rewind(self, feed: Feed) -> None:
        """Read a feed from its start again; rows are upserts, so nothing is lost meanwhile."""
        await self._store.run(
            lambda connection: connection.execute("DELETE FROM cursors WHERE feed = :feed", {"feed": feed})
        )

    async def counts(self) -> dict[str, int]:
        """Rows per table; counted again only once a cursor has moved, for ten million rows take a second."""

        def work(connection: Connection) -> dict[str, int]:
            cursors = [tuple(row) for row in connection.execute("SELECT feed, cursor FROM cursors").fetchall()]
            if self._counted is None or self._counted[0] != cursors:
                tables = ("members", "identities", "items", "merchants", "rule_sets", "coupons")
                counts = {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
                self._counted = (cursors, counts)
            return dict(self._counted[1])

        return await self._store.read(work)


def _readable(body: str) -> RuleSet | None:
    try:
        return rule_set(json.loads(body))
    except ValueError:  # made by a newer HQ: the version before stays in force until this program is upgraded
        return None


def _cards(text: str) -> tuple[HeldCard, ...]:
    return tuple(HeldCard(*card) for card in json.loads(text)) if text else ()


def _held(row: Row | None) -> HeldCoupon | None:
    """A coupon whose offer cannot be read is none: the downward check will find it, no quote stumbles over it."""
    if row is None:
        return None
    try:
        body = json.loads(row["body"])
    except ValueError:
        return None
    return HeldCoupon(**{**dict(row), "body": body}) if isinstance(body, dict) else None


def split_index(index: bytes) -> tuple[int, bytes]:
    """Split a 16-byte index into the signed integer that is searched and the 8 bytes that verify it."""
    return struct.unpack(">q", index[:8])[0], index[8:]
