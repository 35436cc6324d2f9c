"""What WeChat said of payments, by query or notification; and who paid, sealed, for as long as a sale may still come.

Called by sync.hq.wechat_desk and sync.hq.wechat_worker inside their transactions.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sync.hq.db.seam import Connection
from sync.hq.keys import HqKeys
from sync.wechat.results import WechatResult
from sync.wechat.states import State


@dataclass(frozen=True, slots=True)
class Said:
    """What WeChat says of a payment."""

    state: State
    total_fen: int
    sub_mch_id: str


def keep(
    connection: Connection, keys: HqKeys | None, mch_id: str, said: WechatResult,
    source: Literal["query", "notice"], at_ms: int,
) -> None:  # fmt: skip
    """Remember what WeChat said of an order; what is said later replaces it. Who paid is kept only where `keys` are."""
    assert said.transaction_id is not None
    sealed = None
    if keys is not None and said.pairs:
        place = f"{mch_id}/{said.transaction_id}"
        sealed = keys.seal("wechat_payments", "payer", place, json.dumps(said.pairs).encode())
    connection.execute(
        "INSERT INTO wechat_payments (mch_id, transaction_id, sub_mch_id, out_trade_no, state, total_fen, source,"
        " payer_sealed, at_ms) VALUES (:mch_id, :id, :sub, :order, :state, :total, :source, :payer, :at_ms)"
        " ON CONFLICT (mch_id, transaction_id) DO UPDATE SET state = excluded.state, total_fen = excluded.total_fen,"
        " sub_mch_id = excluded.sub_mch_id, source = excluded.source, at_ms = excluded.at_ms,"
        " payer_sealed = COALESCE(excluded.payer_sealed, wechat_payments.payer_sealed)",
        {
            "mch_id": mch_id, "id": said.transaction_id, "sub": said.sub_mch_id or "",
            "order": said.out_trade_no or "", "state": said.state.value, "total": said.total_fen or 0,
            "source": source, "payer": sealed, "at_ms": at_ms,
        },
    )  # fmt: skip


def told(
    connection: Connection, keys: HqKeys, mch_id: str, transaction_id: str
) -> tuple[Said, Sequence[tuple[str, str]]] | None:
    """What a notification said of a payment before anybody asked, and its payer's pairs; None where none came."""
    row = connection.execute(
        "SELECT state, total_fen, sub_mch_id, payer_sealed FROM wechat_payments"
        " WHERE mch_id = :mch AND transaction_id = :id AND source = 'notice'",
        {"mch": mch_id, "id": transaction_id},
    ).fetchone()
    if row is None:
        return None
    said = Said(State(row["state"]), row["total_fen"], row["sub_mch_id"])
    if row["payer_sealed"] is None:
        return said, []
    place = f"{mch_id}/{transaction_id}"
    opened = json.loads(keys.open("wechat_payments", "payer", place, bytes(row["payer_sealed"])))
    return said, [(appid, openid) for appid, openid in opened]


def forget_payer(connection: Connection, mch_id: str, transaction_id: str) -> None:
    """Forget who paid, once it has done what it was kept for."""
    connection.execute(
        "UPDATE wechat_payments SET payer_sealed = NULL WHERE mch_id = :mch AND transaction_id = :id",
        {"mch": mch_id, "id": transaction_id},
    )


def forget_payers(connection: Connection, before_ms: int) -> None:
    """Forget who paid what no sale came for: by then no claim can be credited any more."""
    connection.execute(
        "UPDATE wechat_payments SET payer_sealed = NULL WHERE payer_sealed IS NOT NULL AND at_ms < :before",
        {"before": before_ms},
    )
