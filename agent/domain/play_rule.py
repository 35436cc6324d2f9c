"""Points for tasks, and lotteries, as a rule set says them (S29). HQ alone acts by them.

Pure; a part of agent.domain.rule_set. What is wrong is named by place, each fault at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.digest import Json
from agent.limits import POINTS, QTY, TEXT_CHARS

TASKS: Final = 50  # LIMIT: more than any page lists; the rule set travels in one message
LOTTERIES: Final = 10
PRIZES: Final = 50
WEIGHT: Final = 1_000_000
STOCK: Final = 1_000_000_000
_ID: Final = re.compile(r"[A-Za-z0-9._:\-]{1,64}")  # WIRE: channels name them (sync.message.Name)
NOTHING: Final = "nothing"
_KINDS: Final = ("points", "coupon", NOTHING)
_TASK: Final = ("task_id", "name", "points", "per", "times", "asks")
_LOTTERY: Final = ("lottery_id", "name", "cost_points", "free_a_day", "draws_a_day", "start", "end", "prizes")
_PRIZE: Final = ("prize_id", "name", "kind", "points", "batch_id", "weight", "stock")


@dataclass(frozen=True, slots=True)
class TaskRule:
    """Points for one task, `times` a member, or a member and business day where `per` is `day`.

    `asks` is what HQ itself takes with it: `phone`, a number (S09), or "": the channel says that it was done.
    """

    task_id: str
    name: str
    points: int
    per: str = "member"
    times: int = 1
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Prize:
    """What may be won, `weight` of the sum of all weights; given at most `stock` times, None: without end."""

    prize_id: str
    name: str
    kind: str
    weight: int
    points: int = 0
    batch_id: str = ""
    stock: int | None = None


@dataclass(frozen=True, slots=True)
class LotteryRule:
    """A lottery: `free_a_day` draws of a member cost nothing, further ones `cost_points`, `draws_a_day` in all.

    Days are business days; "" is no bound.
    """

    lottery_id: str
    name: str
    prizes: tuple[Prize, ...]
    cost_points: int = 0
    free_a_day: int = 0
    draws_a_day: int = 1
    start: str = ""
    end: str = ""

    def open_on(self, day: str) -> bool:
        """Whether it may be drawn on a business day; both ends belong to it.

        >>> LotteryRule("w", "w", (), end="2026-11-30").open_on("2026-11-30")
        True
        """
        return self.start <= day and (not self.end or day <= self.end)


def task_rules(raw: Json, faults: list[str]) -> tuple[TaskRule, ...]:
    """Read `tasks` of a rule set; every fault joins `faults`.

    >>> task_rules([{"task_id": "phone", "name": "留手机号", "points": 20, "asks": "phone"}], [])[0].times
    1
    """
    read = _Read("tasks", faults)
    found = []
    for place, body in read.objects(raw, TASKS, _TASK, "task_id"):
        text, number = read.text, read.number
        found.append(
            TaskRule(
                text(place, body, "task_id", 64),
                text(place, body, "name", TEXT_CHARS),
                number(place, body, "points", 1, POINTS),
                read.one_of(place, body, "per", ("member", "day"), "member"),
                number(place, body, "times", 1, QTY, 1),
                read.one_of(place, body, "asks", ("", "phone"), ""),
            )
        )
    return tuple(found)


def lottery_rules(raw: Json, faults: list[str]) -> tuple[LotteryRule, ...]:
    """Read `lotteries` of a rule set; every fault joins `faults`.

    >>> found = []
    >>> lottery_rules([{"lottery_id": "w", "name": "转盘", "cost_points": 5, "prizes": []}], found), found
    ((), ['lotteries.0.prizes must list 1 to 50 prizes'])
    """
    before, read = len(faults), _Read("lotteries", faults)
    found = []
    for place, body in read.objects(raw, LOTTERIES, _LOTTERY, "lottery_id"):
        rule = LotteryRule(
            read.text(place, body, "lottery_id", 64),
            read.text(place, body, "name", TEXT_CHARS),
            _prizes(place, body.get("prizes"), faults),
            read.number(place, body, "cost_points", 0, POINTS, 0),
            read.number(place, body, "free_a_day", 0, QTY, 0),
            read.number(place, body, "draws_a_day", 1, QTY, 1),
            read.day(place, body, "start"),
            read.day(place, body, "end"),
        )
        if not rule.cost_points and rule.free_a_day < rule.draws_a_day:
            faults.append(f"lotteries.{place}.cost_points is missing: only free_a_day draws of draws_a_day are free")
        if rule.end and rule.start > rule.end:
            faults.append(f"lotteries.{place}.end is before start")
        found.append(rule)
    return tuple(found) if len(faults) == before else ()


def _prizes(lottery: int, raw: Json, faults: list[str]) -> tuple[Prize, ...]:
    read = _Read(f"lotteries.{lottery}.prizes", faults)
    if not isinstance(raw, list) or not raw:
        faults.append(f"lotteries.{lottery}.prizes must list 1 to {PRIZES} prizes")
        return ()
    found = []
    for place, body in read.objects(raw, PRIZES, _PRIZE, "prize_id"):
        kind = read.one_of(place, body, "kind", _KINDS, "")
        points = read.number(place, body, "points", 1, POINTS) if kind == "points" else 0
        batch_id = read.text(place, body, "batch_id", 64) if kind == "coupon" else ""
        for name, needed in (("points", kind == "points"), ("batch_id", kind == "coupon")):
            if name in body and kind in _KINDS and not needed:
                read.fault(place, name, f"has no place in {kind}")
        stock = read.number(place, body, "stock", 0, STOCK) if body.get("stock") is not None else None
        if stock is not None and kind == NOTHING:
            read.fault(place, "stock", f"has no place in {kind}")
        name_of = read.text(place, body, "name", TEXT_CHARS)
        weight = read.number(place, body, "weight", 1, WEIGHT)
        found.append(Prize(str(body.get("prize_id")), name_of, kind, weight, points, batch_id, stock))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Read:
    """Reads a list of objects, naming faults by place."""

    where: str
    faults: list[str]

    def fault(self, place: int, name: str, why: str) -> None:
        self.faults.append(f"{self.where}.{place}.{name} {why}")

    def objects(
        self, raw: Json, most: int, names: tuple[str, ...], key: str
    ) -> list[tuple[int, Mapping[str, Json]]]:  # fmt: skip
        """(place, object) of each that can be read on; unknown fields and ids that come twice are named."""
        if raw is None:
            return []
        if not isinstance(raw, list) or len(raw) > most:
            self.faults.append(f"{self.where} must list at most {most}")
            return []
        found: list[tuple[int, Mapping[str, Json]]] = []
        seen: set[str] = set()
        for place, body in enumerate(raw):
            if not isinstance(body, dict):
                self.faults.append(f"{self.where}.{place} must be an object")
                continue
            self.faults.extend(f"{self.where}.{place}.{name} is not known" for name in body if name not in names)
            named = body.get(key)
            if not isinstance(named, str) or not _ID.fullmatch(named):
                self.fault(place, key, "needs 1 to 64 of A-Z a-z 0-9 . _ : -")
            elif named in seen:
                self.fault(place, key, "comes twice")
            else:
                seen.add(named)
            found.append((place, body))
        return found

    def text(self, place: int, body: Mapping[str, Json], name: str, most: int) -> str:
        value = body.get(name)
        if isinstance(value, str) and 1 <= len(value) <= most and value.isprintable():
            return value
        if not name.endswith("_id") or name == "batch_id":  # ids are named by `objects`
            self.fault(place, name, f"needs 1 to {most} printable characters")
        return ""

    def number(
        self, place: int, body: Mapping[str, Json], name: str, low: int, high: int, default: int | None = None
    ) -> int:  # fmt: skip
        value = body.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.fault(place, name, f"must be an integer from {low} to {high}")
        return low

    def one_of(self, place: int, body: Mapping[str, Json], name: str, words: tuple[str, ...], default: str) -> str:
        value = body.get(name, default)
        if isinstance(value, str) and value in words:
            return value
        self.fault(place, name, f"must be one of {', '.join(word for word in words if word)}")
        return ""

    def day(self, place: int, body: Mapping[str, Json], name: str) -> str:
        value = body.get(name, "")
        try:
            if value == "" or (isinstance(value, str) and parse_day(value).isoformat() == value):
                return value
        except ValueError:
            pass
        self.fault(place, name, "must be a date YYYY-MM-DD")
        return ""
