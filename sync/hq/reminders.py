"""What HQ's messaging system should tell members: points that end (S27), a birthday (S26), a long absence (S51).

`step` is called by sync.hq.members_office once a business day, `page` for `GET /v1/reminders`. Each reminder is made
once, whatever happens meanwhile, for a window of S52; at most four of a month are marketing, further ones are withheld.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from agent.domain.business_day import SHANGHAI, business_day, parse_day
from agent.domain.care_rule import SLEEPS_DAYS
from agent.domain.digest import Json, canonical
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.rules import RuleSet
from sync.hq import packs
from sync.hq.bounds import (
    KEEP_STEP_MEMBERS,
    MARKETING_A_MONTH,
    REMIND_BIRTHDAY_DAYS,
    REMIND_EXPIRY_DAYS,
    REMINDERS_A_PAGE,
)
from sync.hq.db.seam import Connection, Row
from sync.hq.feeds import hold_brand
from sync.hq.keys import HqKeys
from sync.hq.tiers_review import keep_place, place_of

RUN: Final = "reminders"
EXPIRY: Final = "points_end"
BIRTHDAY: Final = "birthday"
WINDOWS: Final = ((10, 12), (15, 17), (19, 21))
"""Hours in Shanghai in which members may be told of offers (S52); of points that end in the last of them (S27)."""


@dataclass(frozen=True, slots=True)
class Due:
    """One member to be reminded of something."""

    member_id: str
    reminder_id: str
    kind: str
    facts: dict[str, Json]
    batch_id: str = ""
    """The coupon that comes with it."""


def window_after(now_ms: int, windows: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """The next window that has not ended, UTC milliseconds.

    >>> start, end = window_after(1_790_000_000_000, WINDOWS)  # 2026-09-21 22:13 in Shanghai
    >>> datetime.fromtimestamp(start / 1000, SHANGHAI).isoformat(), (end - start) // 3_600_000
    ('2026-09-22T10:00:00+08:00', 2)
    """
    today = parse_day(business_day(now_ms))
    for ahead in range(2):
        day = today + timedelta(days=ahead)
        for first, last in windows:
            if _ms(day, last) > now_ms:
                return max(now_ms, _ms(day, first)), _ms(day, last)
    raise AssertionError("tomorrow has windows")


def _ms(day: date, hour: int) -> int:
    return int(datetime.combine(day, time(hour), SHANGHAI).timestamp()) * 1000


# --- making ---------------------------------------------------------------------------------------------------------
def step(connection: Connection, keys: HqKeys, brand_id: str, rules: RuleSet, now_ms: int) -> bool:
    """Make the next reminders of today; False when all are made."""
    if not rules.care.reminders:
        return False
    today = business_day(now_ms)
    connection.hold(f"reminders {brand_id}")
    place = place_of(connection, brand_id, RUN, today)
    if place is None:
        return False
    hold_brand(connection, brand_id)
    stage, _, after = (place or "0|").partition("|")
    found = list(_STAGES[int(stage)](connection, brand_id, rules, parse_day(today), after))
    for one in found:
        _make(connection, keys, brand_id, one, today, now_ms)
    if len(found) == KEEP_STEP_MEMBERS:
        keep_place(connection, brand_id, RUN, today, f"{stage}|{found[-1].member_id}", None)
        return True
    done = int(stage) + 1 == len(_STAGES)
    keep_place(connection, brand_id, RUN, today, f"{int(stage) + 1}|", now_ms if done else None)
    return not done


def _ending(connection: Connection, brand_id: str, _rules: RuleSet, today: date, after: str) -> Iterator[Due]:
    """Points whose last day is within fifteen days, by member: those of the earliest such day not told of yet."""
    rows = connection.execute(
        "SELECT l.member_id, MIN(l.expires) AS expires FROM lots l JOIN members m ON m.member_id = l.member_id"
        " WHERE l.available > 0 AND l.account = :account AND l.expires BETWEEN :today AND :last AND l.expires <> ''"
        " AND m.brand_id = :brand AND m.status = 'active' AND l.member_id > :after AND NOT EXISTS (SELECT 1"
        "  FROM reminders r WHERE r.member_id = l.member_id AND r.reminder_id = 'points_end.' || l.expires)"
        " GROUP BY l.member_id ORDER BY l.member_id LIMIT :limit",
        {
            "account": POINTS_ACCOUNT, "today": today.isoformat(), "brand": brand_id, "after": after,
            "last": (today + timedelta(days=REMIND_EXPIRY_DAYS)).isoformat(), "limit": KEEP_STEP_MEMBERS,
        },
    ).fetchall()  # fmt: skip
    for row in rows:
        points = _ending_points(connection, row["member_id"], row["expires"])
        facts: dict[str, Json] = {"points": points, "last_day": row["expires"]}
        yield Due(row["member_id"], f"{EXPIRY}.{row['expires']}", EXPIRY, facts)


def _ending_points(connection: Connection, member_id: str, expires: str) -> int:
    """What ends on a day: free lots, and what tills hold of such lots and have not spent."""
    key = {"id": member_id, "account": POINTS_ACCOUNT, "expires": expires}
    free = connection.execute(
        "SELECT COALESCE(SUM(available), 0) FROM lots WHERE member_id = :id AND account = :account"
        " AND expires = :expires AND available > 0",
        key,
    ).fetchone()[0]
    held = connection.execute(
        "SELECT COALESCE(SUM(amount - settled), 0) FROM leases WHERE member_id = :id AND account = :account"
        " AND expires = :expires AND state = 'open' AND settled < amount",
        key,
    ).fetchone()[0]
    return int(free) + int(held)


def _birthdays(connection: Connection, brand_id: str, rules: RuleSet, today: date, after: str) -> Iterator[Due]:
    """Birthdays from today to three days ahead, once a year; who was born on a leap day has it on the 28th."""
    ahead = [today + timedelta(days=days) for days in range(REMIND_BIRTHDAY_DAYS + 1)]
    days = {day.isoformat()[5:]: day for day in ahead}
    if "02-28" in days and "02-29" not in days and (days["02-28"] + timedelta(days=1)).month == 3:
        days["02-29"] = days["02-28"]
    names = {f"day{place}": name for place, name in enumerate(days)}
    rows = connection.execute(
        f"SELECT member_id, birthday FROM members WHERE brand_id = :brand AND birthday IN ({_placed(names)})"
        " AND status = 'active' AND member_id > :after ORDER BY member_id LIMIT :limit",
        {"brand": brand_id, "after": after, "limit": KEEP_STEP_MEMBERS, **names},
    ).fetchall()
    for row in rows:
        day = days[row["birthday"]]
        facts: dict[str, Json] = {"birthday": day.isoformat()}
        yield Due(row["member_id"], f"{BIRTHDAY}.{day.year}", BIRTHDAY, facts, rules.care.birthday_batch_id)


def _sleepers(place: int) -> Any:
    days = SLEEPS_DAYS[place]
    until = SLEEPS_DAYS[place + 1] if place + 1 < len(SLEEPS_DAYS) else 2 * days

    def found(connection: Connection, brand_id: str, rules: RuleSet, today: date, after: str) -> Iterator[Due]:
        """Members who bought last so many days ago, once for each time they fall asleep."""
        kind = f"dormant_{days}"
        rows = connection.execute(
            "SELECT m.member_id, m.last_day FROM members m WHERE m.brand_id = :brand AND m.last_day <> ''"
            " AND m.last_day <= :since AND m.last_day > :until AND m.status = 'active' AND m.member_id > :after"
            " AND NOT EXISTS (SELECT 1 FROM reminders r WHERE r.member_id = m.member_id"
            "  AND r.reminder_id = :kind || '.' || m.last_day) ORDER BY m.member_id LIMIT :limit",
            {
                "brand": brand_id, "since": (today - timedelta(days=days)).isoformat(), "kind": kind, "after": after,
                "until": (today - timedelta(days=until)).isoformat(), "limit": KEEP_STEP_MEMBERS,
            },
        ).fetchall()  # fmt: skip
        batch_id = rules.care.dormant_batch_ids[place]
        for row in rows:
            yield Due(row["member_id"], f"{kind}.{row['last_day']}", kind, {"last_purchase": row["last_day"]}, batch_id)

    return found


_STAGES: Final = (_ending, _birthdays, _sleepers(0), _sleepers(1))


def _placed(names: dict[str, str]) -> str:
    return ", ".join(f":{name}" for name in names)


def _make(connection: Connection, keys: HqKeys, brand_id: str, one: Due, today: str, now_ms: int) -> None:
    key = {"member": one.member_id, "id": one.reminder_id}
    if connection.execute(
        "SELECT 1 FROM reminders WHERE member_id = :member AND reminder_id = :id", key
    ).fetchone():  # fmt: skip
        return
    marketing = one.kind != EXPIRY
    start, end = window_after(now_ms, WINDOWS if marketing else WINDOWS[-1:])
    withheld = marketing and _told_this_month(connection, one.member_id, business_day(start)) >= MARKETING_A_MONTH
    facts = dict(one.facts)
    if one.batch_id and not withheld:
        facts["coupon_id"] = packs.coupon_for(
            connection, keys, brand_id, one.batch_id, one.member_id, one.reminder_id, now_ms
        )  # fmt: skip
    put(connection, brand_id, one, facts, (start, end), marketing=marketing, withheld=withheld)


def put(
    connection: Connection,
    brand_id: str,
    one: Due,
    facts: dict[str, Json],
    window: tuple[int, int],
    *,
    marketing: bool = False,
    withheld: bool = False,
) -> None:
    """Write one reminder for a window, UTC milliseconds. The caller knows that it is not made yet."""
    connection.hold("reminders")  # ORDER: after the brand; to the commit, so that no reader skips a number
    number = connection.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM reminders").fetchone()[0]
    connection.execute(
        "INSERT INTO reminders (member_id, reminder_id, number, brand_id, kind, marketing, state, body, business_day,"
        " from_ms, until_ms)"
        " VALUES (:member, :id, :number, :brand, :kind, :marketing, :state, :body, :day, :start, :end)",
        {
            "member": one.member_id, "id": one.reminder_id, "number": number, "brand": brand_id, "kind": one.kind,
            "marketing": int(marketing), "state": "withheld" if withheld else "given",
            "body": canonical(facts).decode(), "day": business_day(window[0]), "start": window[0], "end": window[1],
        },
    )  # fmt: skip


def _told_this_month(connection: Connection, member_id: str, day: str) -> int:
    row = connection.execute(
        "SELECT COUNT(*) FROM reminders WHERE member_id = :id AND marketing = 1 AND state = 'given'"
        " AND substr(business_day, 1, 7) = :month",
        {"id": member_id, "month": day[:7]},
    ).fetchone()
    return int(row[0])


# --- reading --------------------------------------------------------------------------------------------------------
def page(connection: Connection, brand_id: str, after: int, limit: int = REMINDERS_A_PAGE) -> list[Row]:
    """Reminders given behind a number, of one brand or (empty) of all; of erased members none."""
    return connection.execute(
        "SELECT r.* FROM reminders r JOIN members m ON m.member_id = r.member_id AND m.status = 'active'"
        " WHERE r.number > :after AND r.state = 'given' AND (:brand = '' OR r.brand_id = :brand)"
        " ORDER BY r.number LIMIT :limit",
        {"after": after, "brand": brand_id, "limit": limit},
    ).fetchall()
