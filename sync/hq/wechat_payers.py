"""Who pays: from WeChat's pairs to a member; and a claim that a paying member need not make.

Called by sync.hq.wechat_desk inside its transactions. An openid is looked up by its keyed index within one brand only
(facts/wechat.md E), and comes back in no answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.domain.errors import Refusal
from sync.hq import claims
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station, index_key
from sync.hq.feeds import hold_brand
from sync.hq.keys import HqKeys
from sync.payer_protocol import PayerRequest
from sync.protocol import identity_index

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant pair of a store; `sub_mch_id` is empty for a direct merchant."""

    mch_id: str
    sub_mch_id: str


def charging(connection: Connection, station: Station, ask: PayerRequest) -> Merchant:
    """Which merchant the code is to be charged by: the one named, else the store's only one that HQ has keys of.

    Refusal WECHAT_MERCHANT_UNKNOWN (404) where HQ does not map the pair to this store or has no keys of it,
    WECHAT_MERCHANT_UNNAMED (409) where the store has several.
    """
    rows = connection.execute(
        "SELECT m.mch_id, m.sub_mch_id FROM merchants m JOIN wechat_accounts a ON a.mch_id = m.mch_id"
        " WHERE m.brand_id = :brand_id AND m.store_id = :store_id AND m.deleted = 0 ORDER BY m.mch_id, m.sub_mch_id",
        {"brand_id": station.brand_id, "store_id": station.store_id},
    ).fetchall()
    ours = [Merchant(row["mch_id"], row["sub_mch_id"]) for row in rows]
    fitting = [one for one in ours if ask.mch_id in ("", one.mch_id) and ask.sub_mch_id in ("", one.sub_mch_id)]
    if not fitting:
        raise Refusal(
            "WECHAT_MERCHANT_UNKNOWN",
            "HQ has no keys of a WeChat merchant of this store",
            hint="import the merchant's map and enter its keys: `pos-agent hq wechat add`",
            status=404,
        )
    if len(fitting) > 1:
        hint = "name the sub_mch_id that will charge the code"
        raise Refusal(
            "WECHAT_MERCHANT_UNNAMED", "this store has several WeChat merchants", hint=hint, field="sub_mch_id",
            status=409,
        )  # fmt: skip
    return fitting[0]


def member_of(connection: Connection, keys: HqKeys, brand_id: str, pairs: Pairs) -> str | None:
    """The active member of a brand that one of the pairs names, the brand's own pair first."""
    for index in _indexes(connection, keys, brand_id, pairs):
        row = connection.execute(
            "SELECT i.member_id FROM identities i JOIN members m ON m.member_id = i.member_id"
            " WHERE i.brand_id = :brand_id AND i.identity_index = :index AND i.deleted = 0 AND m.status = 'active'",
            {"brand_id": brand_id, "index": index},
        ).fetchone()
        if row is not None:
            return str(row["member_id"])
    return None


def _indexes(connection: Connection, keys: HqKeys, brand_id: str, pairs: Pairs) -> list[bytes]:
    key = index_key(connection, keys, brand_id)
    return [identity_index(key, "wx", f"{appid}:{openid}") for appid, openid in pairs]


def credit(connection: Connection, keys: HqKeys, brand_id: str, transaction_id: str, pairs: Pairs, now_ms: int) -> bool:
    """Credit a sale that nobody earned to the member who, as WeChat says, paid for it; at base rate, once (R11, R20).

    It settles the sale's own claim, so whoever scans the receipt later finds it used. True where points were booked.
    """
    hold_brand(connection, brand_id)  # ORDER: before anything is read: a join or a return of this moment comes after it
    member_id = member_of(connection, keys, brand_id, pairs)
    row = connection.execute(
        "SELECT c.sha256 FROM transactions t JOIN claims c ON c.workstation_id = t.workstation_id"
        " AND c.epoch = t.epoch AND c.seq = t.seq WHERE t.brand_id = :brand_id AND t.transaction_id = :id"
        " AND c.taken_by = ''",
        {"brand_id": brand_id, "id": transaction_id},
    ).fetchone()
    if member_id is None or row is None:
        return False
    done = claims.settle(connection, brand_id, row["sha256"], member_id, now_ms, now_ms)
    return done.state == "credited"
