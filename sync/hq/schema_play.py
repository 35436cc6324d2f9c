"""HQ's tables of tasks that were done, and of lotteries: commitments, draws, prizes given (S29).

A forward-only migration, registered by sync.hq.schema. Points and coupons themselves stand in hq_postings and coupons.
"""

from sqlite_utils.db import Database

_SCRIPT = """
CREATE TABLE tasks_done (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  task_id TEXT NOT NULL CHECK (length(task_id) BETWEEN 1 AND 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  points INTEGER NOT NULL CHECK (points >= 1),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;
CREATE INDEX tasks_done_task ON tasks_done (member_id, task_id, business_day);
CREATE TABLE lottery_days (
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL CHECK (length(lottery_id) BETWEEN 1 AND 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  commitment TEXT NOT NULL CHECK (length(commitment) = 64),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (brand_id, lottery_id, business_day)
) STRICT;
CREATE TABLE lottery_stocks (
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL,
  prize_id TEXT NOT NULL CHECK (length(prize_id) BETWEEN 1 AND 64),
  given INTEGER NOT NULL CHECK (given >= 0),
  PRIMARY KEY (brand_id, lottery_id, prize_id)
) STRICT;
CREATE TABLE lottery_draws (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  rules_version INTEGER NOT NULL CHECK (rules_version >= 1),
  prize_id TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('points', 'coupon', 'nothing', 'gone')),
  cost_points INTEGER NOT NULL CHECK (cost_points >= 0),
  at_ms INTEGER NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
) STRICT;
CREATE INDEX lottery_draws_day ON lottery_draws (brand_id, lottery_id, business_day, at_ms);
CREATE INDEX lottery_draws_member ON lottery_draws (member_id, lottery_id, business_day);
"""


def play(db: Database) -> None:
    """Tasks and lotteries."""
    for statement in _SCRIPT.split(";\n"):
        if statement.strip():
            db.execute(statement)
