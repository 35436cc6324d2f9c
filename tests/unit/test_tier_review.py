"""S18, S20: amount and frequency both count, each quarter; shorter ways up; every fault of the section at once."""

import dataclasses
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api.answers_member import TierReviewView
from agent.domain.holdings import Holdings
from agent.domain.member import Certainty, Identification, IdentifiedBy, Member
from agent.domain.rules import rule_set
from agent.domain.tier_review import Quarter, missing, quarter_of, review, upgraded
from agent.views import Held, identification_view

REVIEW: dict[str, Any] = {
    "levels": [
        {"tier_id": "bronze"},
        {"tier_id": "silver", "spend_fen": 50_000, "visits": 3},
        {"tier_id": "gold", "spend_fen": 200_000, "visits": 8},
        {"tier_id": "platinum", "spend_fen": 500_000, "visits": 15},
    ],
    "ways_up": [
        {"tier_id": "silver", "by": "spend_fen", "at": 50_000},
        {"tier_id": "silver", "by": "invites", "at": 3},
        {"tier_id": "silver", "by": "visits", "at": 5},
        {"tier_id": "gold", "by": "first_order", "from": "silver"},
    ],
}
BODY: dict[str, Any] = {
    "version": 1,
    "join_tier_id": "bronze",
    "tiers": [
        {"tier_id": name, "name": name, "pay_rate_bps": 10_000} for name in ("bronze", "silver", "gold", "platinum")
    ],
    "tier_review": REVIEW,
}
RULES = rule_set(BODY)
quarters = st.builds(Quarter, st.integers(0, 600_000), st.integers(0, 20), st.integers(0, 5))


@pytest.mark.parametrize(
    ("spend_fen", "visits", "tier_id"),
    [
        (49_999, 3, "bronze"), (50_000, 2, "bronze"), (50_000, 3, "silver"), (199_999, 30, "silver"),
        (200_000, 7, "silver"), (200_000, 8, "gold"), (900_000, 14, "gold"), (500_000, 15, "platinum"),
    ],
)  # fmt: skip
def test_amount_and_frequency_must_both_be_reached(spend_fen: int, visits: int, tier_id: str) -> None:
    assert review(RULES.review, Quarter(spend_fen, visits)) == tier_id


@given(quarters)
def test_whoever_does_what_is_missing_has_the_tier_above(quarter: Quarter) -> None:
    now = review(RULES.review, quarter)
    lacks = missing(RULES.review, now, quarter)
    if lacks is None:
        assert now == "platinum"
        return
    assert lacks.spend_fen or lacks.visits
    more = Quarter(quarter.spend_fen + lacks.spend_fen, quarter.visits + lacks.visits)
    assert RULES.review.rank(review(RULES.review, more)) > RULES.review.rank(now)


@given(quarters, st.sampled_from(["bronze", "silver", "gold", "platinum"]))
def test_a_shorter_way_never_leads_down(quarter: Quarter, tier_id: str) -> None:
    assert RULES.review.rank(upgraded(RULES.review, tier_id, quarter, orders=1)) >= RULES.review.rank(tier_id)


def test_the_shorter_ways_of_s20() -> None:
    assert upgraded(RULES.review, "bronze", Quarter(spend_fen=50_000)) == "silver"
    assert upgraded(RULES.review, "bronze", Quarter(invites=3)) == "silver"
    assert upgraded(RULES.review, "bronze", Quarter(visits=5)) == "silver"
    assert upgraded(RULES.review, "silver", Quarter(), orders=1) == "gold"
    assert upgraded(RULES.review, "bronze", Quarter(), orders=1) == "bronze", "from silver alone"


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_quarters_follow_each_other_without_a_gap(day: date) -> None:
    first, last = quarter_of(day)
    assert first <= day <= last
    assert quarter_of(last + timedelta(days=1))[0] == last + timedelta(days=1)
    assert quarter_of(first) == quarter_of(last) == (first, last)


def test_every_fault_comes_at_once() -> None:
    bad: dict[str, Any] = {
        "levels": [{"tier_id": "nobody", "spend_fen": -1}, {"tier_id": "gold", "visits": "2"},
                   {"tier_id": "gold", "x": 1}],
        "ways_up": [{"tier_id": "moon", "by": "luck", "at": 0, "from": "sun"}],
        "more": 1,
    }  # fmt: skip
    with pytest.raises(ValueError, match="tier_review") as refused:
        rule_set({**BODY, "tier_review": bad, "member_day": 40})
    text = str(refused.value)
    for fault in (
        "levels.0.tier_id", "levels.0.spend_fen", "levels.1.visits", "levels.2.x", "ways_up.0.tier_id", "ways_up.0.by",
        "ways_up.0.at", "ways_up.0.from", "tier_review.more", "names a tier twice", "member_day must be",
    ):  # fmt: skip
        assert fault in text, fault


@pytest.mark.parametrize(
    ("levels", "fault"),
    [
        ([], "at least one level"),
        ([{"tier_id": "bronze", "visits": 1}], "the lowest level asks nothing"),
        ([{"tier_id": "bronze"}, {"tier_id": "gold", "visits": 9}, {"tier_id": "silver", "visits": 3}], "asks less"),
        ("x", "must list objects"),
    ],
)
def test_levels_go_up(levels: Any, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        rule_set({**BODY, "tier_review": {"levels": levels}})


def test_the_till_shows_what_is_missing_in_amount_and_in_visits() -> None:
    member = Member(
        "m1", "b1", "bronze", 0, "138****8000", quarter="2026-10-01", quarter_spend_fen=20_000, quarter_visits=1,
        quarter_invites=2, first_order=True,
    )  # fmt: skip

    def shown(who: Member, day: str) -> Any:
        by = Identification("i", IdentifiedBy.MEMBER_CODE, who, Certainty.CODE)
        found: Any = identification_view(by, RULES, Held(Holdings()), day)["member"]
        return found["tier_review"]

    told = TierReviewView.model_validate(shown(member, "2026-11-22")).model_dump()
    assert told | {"ways_up": []} == {
        "quarter_ends": "2026-12-31", "spend_fen": 20_000, "visits": 1, "next_tier_id": "silver",
        "missing_spend_fen": 30_000, "missing_visits": 2, "ways_up": [],
    }  # fmt: skip
    assert [(one["by"], one["missing"]) for one in told["ways_up"]] == [
        ("spend_fen", 30_000), ("invites", 1), ("visits", 4),
    ]  # fmt: skip
    later = shown(member, "2027-01-01")
    assert (later["spend_fen"], later["missing_spend_fen"]) == (0, 50_000), "of a new quarter nothing is counted yet"
    unheard = dataclasses.replace(member, quarter="")
    assert (shown(unheard, "2026-11-22"), shown(member, "2026-09-30")) == (None, None), "HQ said nothing of it"
    top = dataclasses.replace(member, tier_id="platinum")
    assert shown(top, "2026-11-22")["next_tier_id"] is None
