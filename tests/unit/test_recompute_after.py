"""Returns of a rich sale are reckoned again from what it recorded (R12, R13), and no altered figure stays hidden."""

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest

from agent.domain.after_event import After, return_body
from agent.domain.business_day import parse_day
from agent.domain.digest import canonical
from agent.domain.giving_back import Rights, give_back
from agent.domain.ids import EventName
from agent.domain.lease_event import LeasePlace
from agent.domain.ledger import lot_name, named, posting_rows
from agent.domain.recompute_after import recomputed_event
from agent.domain.refunds import plan_return, plan_void
from agent.domain.rules import rule_set
from agent.domain.sold import postings_in, returned, sold
from tests.recompute_world import NAME, RULES, rich_event
from tests.unit.test_recompute import figures

BOOK = rule_set(RULES)
AT_MS, DAY = 1_788_900_000_000, "2026-09-09"
SALE = rich_event()


def return_event(asked: Sequence[tuple[int, int]], earlier: Sequence[dict[str, Any]], kind: str = "return") -> Any:
    """What a till books when these units (line from 0) come back."""
    of = sold(SALE, NAME, BOOK.earn, DAY)
    before = returned(of, earlier)
    day = parse_day(DAY)
    plan = plan_void(of.sale, before, day=day) if kind == "void" else plan_return(of.sale, before, asked, day=day)
    now = before.plus(plan).units
    units = [(one.card_id, one.back(now, of.sale.lines) - one.back(before.units, of.sale.lines)) for one in of.covered]
    given = give_back(of, plan, units, [one for event in earlier for one in postings_in(event)], Rights(), DAY)
    name = EventName(NAME.workstation_id, NAME.epoch, 2 + len(earlier))
    after = After(LeasePlace(NAME.workstation_id, "S1", "tea"), kind, f"r{name.seq}", "sale-1", AT_MS, "m1", 3)
    body = {**return_body(after, of, plan, given), "epoch": name.epoch, "seq": name.seq}
    body["postings"] = posting_rows(named(given.postings, lot_name(name)))
    return json.loads(canonical(body))


def test_every_way_of_giving_a_sale_back_is_reckoned_alike() -> None:
    for order in ([0, 0, 1, 2, 3], [3, 2, 1, 0, 0], [1, 0, 3, 0, 2]):
        earlier: list[dict[str, Any]] = []
        for place in order:
            event = return_event([(place, 1)], earlier)
            assert recomputed_event(event, BOOK, SALE, earlier) == ()
            earlier.append(event)
        assert earlier[-1]["whole"] is True
    for earlier in ([], [return_event([(0, 1)], [])]):
        void = return_event([], earlier, "void")
        assert recomputed_event(void, BOOK, SALE, earlier) == ()


ONE = return_event([(0, 1), (1, 1)], [])
NOT_RECKONED = {"points_debt": "what of it became debt depends on what the till could take just then"}
RECORDED = [
    path
    for part in ("lines", "tenders", "totals", "prepaid", "postings", "whole")
    for path in figures(ONE[part], (part,))
    if path[-1] not in NOT_RECKONED
]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: ".".join(map(str, path)))
def test_each_altered_figure_of_a_return_is_named(path: tuple[Any, ...]) -> None:
    event = copy.deepcopy(ONE)
    place: Any = event
    for key in path[:-1]:
        place = place[key]
    value = place[path[-1]]
    place[path[-1]] = not value if isinstance(value, bool) else value - 1
    assert recomputed_event(event, BOOK, SALE, []) != ()


def test_a_unit_that_comes_back_twice_is_named() -> None:
    last = return_event([(1, 1)], [])
    assert [one.code for one in recomputed_event(last, BOOK, SALE, [last])] == ["RULES_REFUSE"]
    again = return_event([(0, 1)], [])
    assert recomputed_event(again, BOOK, SALE, [again]) != (), "the second unit is worth another share"


@pytest.mark.parametrize("value", [None, -1, "x", [], {}, [None], 2**53, True])
@pytest.mark.parametrize("kind", ["return", "void", "recharge", "count_card_sale"])
def test_nothing_such_an_event_says_breaks_hq(kind: str, value: Any) -> None:
    for part in ONE:
        event = {**ONE, "kind": kind, "card": {"product": "c10"}, part: value}
        for rules in (BOOK, None):
            assert isinstance(recomputed_event(event, rules, SALE, [ONE]), tuple)
            assert isinstance(recomputed_event(event, rules, {**SALE, "lines": value}, [event]), tuple)


def test_nothing_is_rounded_off_a_line_that_a_card_paid_r17() -> None:
    """Else its share of 抹零 would make the line cheaper than what the card covered, and it could not come back."""
    (covered,) = SALE["prepaid"]["counts"]
    line = SALE["lines"][1]
    assert SALE["totals"]["rounding_off_fen"] > 0
    assert (line["rounding_off_fen"], line["paid_fen"]) == (0, covered["shares"][1])
