"""The erasable identities behind random payer references, sealed beside the books and never inside an event.

Called by sync.hq.service within the transaction that takes a batch in.
"""

import json
from collections.abc import Sequence

from agent.domain.errors import Refusal
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.keys import HqKeys
from sync.protocol import Batch, PayerIdentity


def check(station: Station, payers: Sequence[PayerIdentity]) -> None:
    """Refuse identities of another brand (422 PAYER_OTHER_BRAND)."""
    if any(payer.brand_id != station.brand_id for payer in payers):
        raise Refusal("PAYER_OTHER_BRAND", f"payers must belong to brand {station.brand_id}", field="payers")


def keep(connection: Connection, keys: HqKeys, station: Station, batch: Batch, at_ms: int) -> None:
    """Seal and store the payers of a batch; a reference that comes again takes the newer pairs."""
    connection.executemany(
        "INSERT INTO payers (workstation_id, payer_ref, brand_id, pairs_sealed, received_at_ms)"
        " VALUES (:workstation_id, :payer_ref, :brand_id, :sealed, :at_ms)"
        " ON CONFLICT (workstation_id, payer_ref) DO UPDATE SET pairs_sealed = excluded.pairs_sealed,"
        " received_at_ms = excluded.received_at_ms",
        [
            {
                "workstation_id": station.workstation_id,
                "payer_ref": payer.payer_ref,
                "brand_id": payer.brand_id,
                "sealed": keys.seal(
                    "payers", "pairs", f"{station.workstation_id}/{payer.payer_ref}", json.dumps(payer.pairs).encode()
                ),
                "at_ms": at_ms,
            }
            for payer in batch.payers
        ],
    )
