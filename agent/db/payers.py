"""Provisional payers in books.db: a random reference, the WeChat identities behind it sealed, keyed indexes to find it.

Called by agent.db.books inside its jobs. What is in the clear goes to HQ alone, never to a person.
"""

import json
from collections.abc import Sequence

from agent.ports import KeyRing
from agent.sqlite import Connection
from sync.protocol import PayerIdentity

_PAIRS = 4  # LIMIT: appids one person may have met; HQ takes no more


def join(
    connection: Connection, keys: KeyRing, brand_id: str, pairs: Sequence[tuple[str, str]], minted: str, now_ms: int
) -> str:
    """The reference of whoever has one of the pairs, `minted` for somebody new; later pairs join the reference."""
    indexes = [keys.blind_index("wx", f"{brand_id}:{appid}:{openid}") for appid, openid in pairs]
    known: list[str] = []
    for index in indexes:
        row = connection.execute(
            "SELECT payer_ref FROM payer_identities WHERE identity_index = :index", {"index": index}
        ).fetchone()
        if row is not None:
            known.append(row["payer_ref"])
    ref = known[0] if known else minted
    stored = _pairs(connection, keys, ref) if known else []
    merged = stored + [pair for pair in pairs if pair not in stored]
    if merged != stored:
        sealed = keys.encrypt("payers", "pairs_sealed", ref, json.dumps(merged))
        connection.execute(
            "INSERT INTO payers (payer_ref, brand_id, pairs_sealed, created_at_ms)"
            " VALUES (:ref, :brand, :sealed, :now)"
            " ON CONFLICT (payer_ref) DO UPDATE SET pairs_sealed = excluded.pairs_sealed",
            {"ref": ref, "brand": brand_id, "sealed": sealed, "now": now_ms},
        )
        connection.executemany(
            "INSERT OR IGNORE INTO payer_identities (identity_index, payer_ref) VALUES (:index, :ref)",
            [{"index": index, "ref": ref} for index in indexes],
        )
    return ref


def identities(connection: Connection, keys: KeyRing, refs: Sequence[str]) -> list[PayerIdentity]:
    """The identities behind references; erased ones are left out."""
    found: list[PayerIdentity] = []
    for ref in refs:
        row = connection.execute("SELECT brand_id FROM payers WHERE payer_ref = :ref", {"ref": ref}).fetchone()
        if row is not None:
            pairs = _pairs(connection, keys, ref)[:_PAIRS]
            found.append(PayerIdentity(payer_ref=ref, brand_id=row["brand_id"], pairs=pairs))
    return found


def _pairs(connection: Connection, keys: KeyRing, ref: str) -> list[tuple[str, str]]:
    row = connection.execute("SELECT pairs_sealed FROM payers WHERE payer_ref = :ref", {"ref": ref}).fetchone()
    opened = json.loads(keys.decrypt("payers", "pairs_sealed", ref, row["pairs_sealed"]))
    return [(str(appid), str(openid)) for appid, openid in opened]
