"""What a member's accounts moved in these books, and quotes whose rights are held over a restart.

The Wallets and HeldQuotes ports over books.db; called by agent.spending and agent.quoting. A held quote is no book: it
ends after a quarter of an hour, and its row is sealed like every answer.
"""

import json

from agent.db.store import Store
from agent.domain.digest import Json
from agent.domain.holdings import Posted
from agent.domain.ledger import ACCOUNTS
from agent.domain.member import HeldCard
from agent.ports import KeyRing
from agent.sqlite import Connection

_POSTED = f"""SELECT account, bucket, epoch, seq, amount FROM postings
 WHERE account IN ({", ".join(f"'{one}'" for one in ACCOUNTS)}) AND owner = :owner"""


class WalletsDb:
    """The Wallets and HeldQuotes ports over books.db."""

    def __init__(self, store: Store, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    async def posted(self, member_id: str) -> list[Posted]:
        """Every posting of the accounts a till may spend or fill."""

        def work(connection: Connection) -> list[Posted]:
            rows = connection.execute(_POSTED, {"owner": member_id})
            return [(row["account"], row["bucket"], row["epoch"], row["seq"], row["amount"]) for row in rows]

        return await self._store.read(work)

    async def card_sold(self, card_id: str) -> HeldCard | None:
        """A count card as its sale here says; full."""

        def work(connection: Connection) -> HeldCard | None:
            found = connection.execute(
                "SELECT json_extract(body, '$.card') AS card FROM events"
                " WHERE json_extract(body, '$.subject') = :id AND kind = 'count_card_sale'",
                {"id": card_id},
            ).fetchone()
            if found is None:
                return None
            card = json.loads(found["card"])
            return HeldCard(card_id, card["name"], card["total"], card["total"], card["price_fen"], card["expires"])

        return await self._store.read(work)

    async def keep(self, quote_id: str, until_ms: int, row: dict[str, Json], now_ms: int, nonce: str | None) -> None:
        """Keep what makes a quote again, sealed; its code's nonce is used up, over a restart too."""
        sealed = self._keys.encrypt("held_quotes", "row_sealed", quote_id, json.dumps(row, ensure_ascii=False))

        def work(connection: Connection) -> None:
            if nonce is not None:
                connection.execute(
                    "INSERT OR IGNORE INTO used_nonces (nonce, used_at_ms) VALUES (:nonce, :at)",
                    {"nonce": nonce, "at": now_ms},
                )
            connection.execute(
                "INSERT INTO held_quotes (quote_id, until_ms, row_sealed) VALUES (:id, :until, :sealed)",
                {"id": quote_id, "until": until_ms, "sealed": sealed},
            )

        await self._store.run(work)

    async def close_ended(self, before_ms: int) -> None:
        """Forget quotes that ended at or before, and the promises made to them."""

        def work(connection: Connection) -> None:
            key = {"before": before_ms}
            connection.execute(
                "DELETE FROM lease_holds WHERE hold_id IN (SELECT quote_id FROM held_quotes WHERE until_ms <= :before)",
                key,
            )
            connection.execute("DELETE FROM held_quotes WHERE until_ms <= :before", key)

        await self._store.run(work)

    async def find(self, quote_id: str, now_ms: int) -> dict[str, Json] | None:
        """What was kept, None when it has ended or never was."""

        def work(connection: Connection) -> bytes | None:
            found = connection.execute(
                "SELECT row_sealed FROM held_quotes WHERE quote_id = :id AND until_ms > :now",
                {"id": quote_id, "now": now_ms},
            ).fetchone()
            return None if found is None else found["row_sealed"]

        sealed = await self._store.read(work)
        if sealed is None:
            return None
        row: dict[str, Json] = json.loads(self._keys.decrypt("held_quotes", "row_sealed", quote_id, sealed))
        return row

    async def drop(self, quote_id: str) -> None:
        """Forget one."""
        await self._store.run(
            lambda c: c.execute("DELETE FROM held_quotes WHERE quote_id = :id", {"id": quote_id}).rowcount
        )
