"""The cool-down between redemptions over all tills and channels (S32): told to tills, kept online, judged afterwards.

`told` is called by sync.hq.member_counts, `require` and `note` by sync.hq.channel_events, `audit` by sync.hq.recompute,
each inside its caller's transaction. What was sold stays sold: a till that could not know is only named. Nothing is
kept for a brand whose rules have no cool-down.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from agent.domain.business_day import local_time
from agent.domain.cooldown_rule import cools_until
from agent.domain.errors import Refusal
from agent.domain.ledger import COUPON_ACCOUNT, POINTS_ACCOUNT, posting_columns
from agent.domain.rules import RuleSet
from sync.hq.audit import record
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import touch_members
from sync.hq.judge import Judgement
from sync.hq.limits_audit import Audited
from sync.proof import Finding

REDEEMED_TOO_SOON: Final = "REDEEMED_TOO_SOON"
_COLUMNS: Final = {POINTS_ACCOUNT: "points_spent_at_ms", COUPON_ACCOUNT: "coupon_used_at_ms"}
_ONLINE: Final = {POINTS_ACCOUNT: ("spend_points", "exchange"), COUPON_ACCOUNT: ("use_coupon", "use_coupon")}
_FIELDS: Final = {POINTS_ACCOUNT: "points", COUPON_ACCOUNT: "coupon_id"}


# --- what tills are told --------------------------------------------------------------------------------------------
def told(
    connection: Connection, brand_id: str, rules: RuleSet, moves: Iterable[Judgement], now_ms: int
) -> None:  # fmt: skip
    """Tell tills of redemptions by folded sales, with the members' rows. A time to come is a till's wrong clock."""
    latest: dict[tuple[str, str], int] = {}
    for judged in moves:
        for one in judged.postings if judged.kind == "sale" else ():
            if one.amount < 0 and rules.cooldown.span_ms(one.account):
                key = (one.owner, one.account)
                latest[key] = max(latest.get(key, 0), min(judged.at_ms, now_ms))
    for (member_id, account), at_ms in sorted(latest.items()):
        note(connection, brand_id, rules, member_id, account, at_ms)


def note(connection: Connection, brand_id: str, rules: RuleSet, member_id: str, account: str, at_ms: int) -> None:
    """Remember the last redemption of a member; the latest stays in whatever order they come."""
    if not rules.cooldown.span_ms(account):
        return
    column = _COLUMNS[account]
    done = connection.execute(
        f"UPDATE members SET {column} = :at WHERE member_id = :id AND brand_id = :brand AND status = 'active'"
        f" AND {column} < :at",
        {"at": at_ms, "id": member_id, "brand": brand_id},
    )
    if done.rowcount:
        touch_members(connection, brand_id, [member_id])


def require(connection: Connection, rules: RuleSet, member_id: str, account: str, now_ms: int) -> None:
    """Refuse what follows too soon online, by what HQ knows: 409 REDEMPTION_COOLING."""
    span_ms = rules.cooldown.span_ms(account)
    if not span_ms:
        return
    row = connection.execute(
        f"SELECT {_COLUMNS[account]} AS at_ms FROM members WHERE member_id = :id", {"id": member_id}
    ).fetchone()
    until_ms = cools_until([row["at_ms"]], now_ms, span_ms)
    if until_ms is not None:
        again = local_time(until_ms + 999).isoformat(timespec="seconds")
        why = f"this member may redeem {account} again at {again}"
        raise Refusal("REDEMPTION_COOLING", why, field=_FIELDS[account], status=409)


# --- what is judged afterwards --------------------------------------------------------------------------------------
def audit(connection: Connection, one: Audited, now_ms: int) -> None:
    """Keep for a person what one sale redeemed too soon after, or before, another till or a channel did.

    Each pair of neighbours is judged whichever comes to HQ first; the later of the two is named, or the till's where
    the later is a channel's, which HQ let pass before it knew of the till's.
    """
    at_ms = one.event.get("at_ms")
    if one.event.get("kind") != "sale" or not isinstance(at_ms, int):
        return
    for member_id, account in sorted(_redeemed(one)):
        span_ms = one.rules.cooldown.span_ms(account)
        if not span_ms:
            continue
        key: dict[str, Any] = {
            "workstation_id": one.workstation_id, "epoch": one.epoch, "seq": one.seq, "member_id": member_id,
            "account": account, "at_ms": at_ms,
        }  # fmt: skip
        connection.execute(
            "INSERT INTO redemptions (workstation_id, epoch, seq, member_id, account, at_ms) VALUES (:workstation_id,"
            " :epoch, :seq, :member_id, :account, :at_ms) ON CONFLICT DO NOTHING",
            key,
        )
        rows = _about(connection, key, span_ms)
        for earlier, later in pairwise(rows):
            if later["at_ms"] - earlier["at_ms"] < span_ms and _is(one, earlier, later):
                _keep(connection, later if later["seq"] else earlier, account, span_ms, now_ms)


def _redeemed(one: Audited) -> set[tuple[str, str]]:
    """(member, account) that an event took from; of one that somebody altered what can be read."""
    return {
        (owner, account)
        for _place, account, owner, amount, *_lot in posting_columns(one.event)
        if account in _COLUMNS and isinstance(owner, str) and isinstance(amount, int) and amount < 0
    }


def _about(connection: Connection, key: dict[str, Any], span_ms: int) -> list[Row]:
    """Redemptions of a member from one span before to one after, in order; those of channels have seq 0."""
    return connection.execute(
        "SELECT workstation_id, epoch, seq, at_ms, member_id FROM redemptions"
        " WHERE member_id = :member_id AND account = :account AND at_ms > :after AND at_ms < :until"
        " UNION ALL SELECT channel, '', 0, at_ms, member_id FROM channel_events"
        " WHERE member_id = :member_id AND kind IN (:kind, :other) AND at_ms > :after AND at_ms < :until"
        " ORDER BY at_ms, workstation_id, epoch, seq",
        {
            **key, "kind": _ONLINE[key["account"]][0], "other": _ONLINE[key["account"]][1],
            "after": key["at_ms"] - span_ms, "until": key["at_ms"] + span_ms,
        },
    ).fetchall()  # fmt: skip


def _is(one: Audited, *rows: Row) -> bool:
    mine = (one.workstation_id, one.epoch, one.seq)
    return any((row["workstation_id"], row["epoch"], row["seq"]) == mine for row in rows)


def _keep(connection: Connection, row: Row, account: str, span_ms: int, now_ms: int) -> None:
    key = f"{row['seq']} {row['member_id']} {account}"
    detail = f"{account} redeemed twice within {span_ms // 60_000} min"
    found = Finding(
        side="hq", table="limits", epoch=row["epoch"], key=key[:200], code=REDEEMED_TOO_SOON, detail=detail
    )  # fmt: skip
    record(connection, row["workstation_id"], [found], now_ms)
