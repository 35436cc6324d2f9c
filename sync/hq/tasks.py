"""Points for tasks (S29): once, so often, or so often a day, as the rules in force say; a phone number with one (S09).

Called by sync.hq.channel_events inside its transaction, once per request.
"""

from typing import Final

from agent.domain.business_day import business_day
from agent.domain.errors import Refusal
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.play_rule import TaskRule
from agent.domain.rules import RuleSet
from sync.channel_protocol import ChannelEvent
from sync.hq import own_books
from sync.hq.channel_booked import Booked
from sync.hq.channels import Channel
from sync.hq.db.seam import Connection
from sync.hq.feeds import touch_members
from sync.hq.keys import HqKeys
from sync.hq.own_rows import OwnPosting

TASK: Final = "task"
_NOBODY: Final = bytes(32)


def do(
    connection: Connection,
    keys: HqKeys,
    channel: Channel,
    rules: RuleSet,
    member_id: str,
    ask: ChannelEvent,
    now_ms: int,
) -> Booked:
    """Book a task that a member did. The caller holds brand and member.

    Refusal 404 TASK_UNKNOWN, 409 TASK_DONE, 422 PHONE_MISSING (the task is to give one), 409 PHONE_TAKEN.
    """
    rule = next((one for one in rules.tasks if one.task_id == ask.task_id), None)
    if rule is None:
        raise Refusal("TASK_UNKNOWN", "the rules in force have no such task", field="task_id", status=404)
    day = business_day(now_ms)
    _require_left(connection, rule, member_id, day)
    if (rule.asks == "phone") != bool(ask.phone):
        why = "this task takes a phone number" if rule.asks else "this task takes no phone number"
        raise Refusal("PHONE_MISSING", why, field="phone")
    if ask.phone:
        give_phone(connection, keys, channel.brand_id, member_id, ask.phone)
    connection.execute(
        "INSERT INTO tasks_done (member_id, channel, request_id, brand_id, task_id, business_day, points, at_ms)"
        " VALUES (:member, :channel, :request, :brand, :task, :day, :points, :now)",
        {
            "member": member_id, "channel": channel.name, "request": ask.request_id, "brand": channel.brand_id,
            "task": rule.task_id, "day": day, "points": rule.points, "now": now_ms,
        },
    )  # fmt: skip
    reference = f"{channel.name}.{ask.request_id}"
    expires = rules.points_expire(day)
    own_books.post(
        connection,
        OwnPosting(channel.brand_id, TASK, reference, member_id, POINTS_ACCOUNT, rule.points, expires, now_ms),
    )
    return Booked(rule.points, 0, day)


def forget(connection: Connection, member_id: str) -> None:
    """Of an erased member no hash stays by which HQ's key would try out numbers; the same task is a CONFLICT then."""
    connection.execute(
        "UPDATE channel_events SET asked = :nobody WHERE member_id = :id AND kind = :kind",
        {"nobody": _NOBODY, "id": member_id, "kind": TASK},
    )


def _require_left(connection: Connection, rule: TaskRule, member_id: str, day: str) -> None:
    done = connection.execute(
        "SELECT COUNT(*) FROM tasks_done WHERE member_id = :member AND task_id = :task"
        " AND (:day = '' OR business_day = :day)",
        {"member": member_id, "task": rule.task_id, "day": day if rule.per == "day" else ""},
    ).fetchone()[0]
    if done >= rule.times:
        often = f"{rule.times} times a {rule.per}"
        raise Refusal("TASK_DONE", f"this task counts {often}", field="task_id", status=409)


def give_phone(connection: Connection, keys: HqKeys, brand_id: str, member_id: str, phone: str) -> None:
    """Keep a member's phone as imports do: a keyed index, and the masked form. Refusal 409 PHONE_TAKEN.

    A member has one phone; the index is in no feed, so the former one goes.
    """
    index = keys.phone_index(brand_id, phone)
    key = {"brand": brand_id, "index": index, "member": member_id}
    held = connection.execute(
        "SELECT member_id FROM identities WHERE brand_id = :brand AND identity_index = :index AND deleted = 0", key
    ).fetchone()
    if held is not None and held["member_id"] != member_id:
        why = "this number belongs to another member"
        raise Refusal("PHONE_TAKEN", why, hint="a person must join the two", field="phone", status=409)
    connection.execute("DELETE FROM identities WHERE member_id = :member AND kind = 'phone'", key)
    connection.execute(
        "INSERT INTO identities (brand_id, identity_index, kind, member_id, value_sealed, deleted, feed_no)"
        " VALUES (:brand, :index, 'phone', :member, NULL, 0, NULL)",
        key,
    )
    connection.execute(
        "UPDATE members SET masked = :masked WHERE member_id = :member",
        {"masked": f"{phone[:3]}****{phone[-4:]}", "member": member_id},
    )
    touch_members(connection, brand_id, [member_id])
