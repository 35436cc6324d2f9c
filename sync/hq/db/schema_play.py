"""PostgreSQL: tasks that were done, and lotteries. The tables of sync.hq.schema_play.

Applied by sync.hq.db.migrations, which writes TEXT out.
"""

from typing import Final

PLAY: Final = """
CREATE TABLE tasks_done (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  task_id TEXT NOT NULL CHECK (length(task_id) BETWEEN 1 AND 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  points bigint NOT NULL CHECK (points >= 1),
  at_ms bigint NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
);
CREATE INDEX tasks_done_task ON tasks_done (member_id, task_id, business_day);
CREATE TABLE lottery_days (
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL CHECK (length(lottery_id) BETWEEN 1 AND 64),
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  commitment TEXT NOT NULL CHECK (length(commitment) = 64),
  at_ms bigint NOT NULL,
  PRIMARY KEY (brand_id, lottery_id, business_day)
);
CREATE TABLE lottery_stocks (
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL,
  prize_id TEXT NOT NULL CHECK (length(prize_id) BETWEEN 1 AND 64),
  given bigint NOT NULL CHECK (given >= 0),
  PRIMARY KEY (brand_id, lottery_id, prize_id)
);
CREATE TABLE lottery_draws (
  member_id TEXT NOT NULL REFERENCES members,
  channel TEXT NOT NULL CHECK (length(channel) BETWEEN 1 AND 32),
  request_id TEXT NOT NULL CHECK (length(request_id) BETWEEN 1 AND 64),
  brand_id TEXT NOT NULL REFERENCES brands,
  lottery_id TEXT NOT NULL,
  business_day TEXT NOT NULL CHECK (length(business_day) = 10),
  rules_version bigint NOT NULL CHECK (rules_version >= 1),
  prize_id TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('points', 'coupon', 'nothing', 'gone')),
  cost_points bigint NOT NULL CHECK (cost_points >= 0),
  at_ms bigint NOT NULL,
  PRIMARY KEY (member_id, channel, request_id)
);
CREATE INDEX lottery_draws_day ON lottery_draws (brand_id, lottery_id, business_day, at_ms);
CREATE INDEX lottery_draws_member ON lottery_draws (member_id, lottery_id, business_day);
"""
