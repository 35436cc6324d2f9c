"""How online purchases and sign-ins earn: by the same rules and functions as sales at a till (R11, S29).

Called by sync.hq.channel_events inside its transaction.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.ledger import POINTS_ACCOUNT
from agent.domain.member import Member
from agent.domain.points import EarnRule, earned
from agent.domain.rules import RuleSet
from agent.domain.validity import is_birthday
from sync.hq import own_books
from sync.hq.channels import member_of
from sync.hq.db.seam import Connection
from sync.hq.member_rows import member_row
from sync.hq.own_rows import OwnPosting

SIGN_IN: Final = "sign_in"


@dataclass(frozen=True, slots=True)
class Rate:
    """What a purchase earns at, kept with it for its returns."""

    earn_points: int
    per_fen: int
    tier_x100: int
    event_x100: int

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """As it is kept."""
        return (self.earn_points, self.per_fen, self.tier_x100, self.event_x100)

    def points(self, paid_fen: int) -> int:
        """Points of so much.

        >>> Rate(1, 100, 150, 200).points(19_990)
        599
        """
        rule = EarnRule(self.earn_points, self.per_fen)
        return earned(paid_fen, rule, tier_x100=self.tier_x100, event_x100=self.event_x100)


def rate_of(connection: Connection, rules: RuleSet, member_id: str, day: str) -> Rate:
    """The multipliers a member buys with on a day: those before this purchase (R14)."""
    row = member_row(connection, member_of(connection, member_id))
    member = Member(
        member_id, "", row.tier_id, row.points, "", month=row.month, month_spend_fen=row.month_spend_fen
    )  # fmt: skip
    event_x100 = rules.event_x100(day, birthday=is_birthday(day, row.birthday))
    tier = rules.tier_of(member, day)
    return Rate(rules.earn.points, rules.earn.per_fen, tier.earn_mult_x100, event_x100)


def sign_in(
    connection: Connection, brand_id: str, rules: RuleSet, member_id: str, day: str, now_ms: int
) -> tuple[int, int]:  # fmt: skip
    """Sign a member in, once a day: (points given now, days in a row)."""
    key = {"id": member_id, "day": day}
    held = connection.execute(
        "SELECT streak FROM sign_ins WHERE member_id = :id AND business_day = :day", key
    ).fetchone()
    if held is not None:
        return 0, int(held["streak"])
    yesterday = (parse_day(day) - timedelta(days=1)).isoformat()
    before = connection.execute(
        "SELECT streak FROM sign_ins WHERE member_id = :id AND business_day = :day", {**key, "day": yesterday}
    ).fetchone()
    streak = 1 if before is None else int(before["streak"]) + 1
    points = rules.care.sign_in(streak)
    connection.execute(
        "INSERT INTO sign_ins (member_id, business_day, streak, points) VALUES (:id, :day, :streak, :points)",
        {**key, "streak": streak, "points": points},
    )
    posting = OwnPosting(
        brand_id, SIGN_IN, f"{member_id}.{day}", member_id, POINTS_ACCOUNT, points, rules.points_expire(day), now_ms
    )  # fmt: skip
    own_books.post(connection, posting)
    return points, streak
