"""A brand's own address for one purpose, with its key sealed: `sms_gateways` and `identity_providers` hold one a brand.

Used by sync.hq.sms_gateways and identity_provider, which say which table and which refusal.
"""

from dataclasses import dataclass

from agent.domain.errors import Refusal
from sync.hq.db.seam import Connection
from sync.hq.enrol import brand_row
from sync.hq.keys import HqKeys
from sync.hq.parts import Parts
from sync.hq.signed_posts import ADDRESS_HINT, KEY_BYTES, Address, is_address


@dataclass(frozen=True, slots=True)
class BrandAddresses:
    """One table of them; `invalid` is the code of what is no address."""

    table: str
    invalid: str

    async def enter(self, parts: Parts, brand_id: str, url: str) -> str:
        """Enter a brand's address, or another one; the new key in hex, shown once. Empty: none any more.

        Refusal BRAND_UNKNOWN, and `invalid` (422).
        """
        key, now = parts.entropy.token(KEY_BYTES), parts.clock.now_ms()

        def work(connection: Connection) -> str:
            if not url:
                connection.execute(f"DELETE FROM {self.table} WHERE brand_id = :brand", {"brand": brand_id})
                return ""
            brand_row(connection, brand_id)
            if not is_address(url):
                raise Refusal(self.invalid, "calls cannot go there", hint=ADDRESS_HINT, field="url")
            sealed = parts.keys.seal(self.table, "key", brand_id, key)
            connection.execute(
                f"INSERT INTO {self.table} (brand_id, url, key_sealed, at_ms) VALUES (:brand, :url, :key, :now)"
                " ON CONFLICT (brand_id) DO UPDATE SET url = excluded.url, key_sealed = excluded.key_sealed,"
                " at_ms = excluded.at_ms",
                {"brand": brand_id, "url": url, "key": sealed, "now": now},
            )
            return key.hex()

        return await parts.books.write(work)

    def of_brand(self, connection: Connection, keys: HqKeys, brand_id: str) -> Address | None:
        """A brand's address, None where it has none."""
        row = connection.execute(
            f"SELECT url, key_sealed FROM {self.table} WHERE brand_id = :brand", {"brand": brand_id}
        ).fetchone()
        if row is None:
            return None
        return Address(row["url"], keys.open(self.table, "key", brand_id, bytes(row["key_sealed"])))
