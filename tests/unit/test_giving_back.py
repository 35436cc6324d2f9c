"""What a return posts (R10, R12): splitting changes nothing, no lease gets more than was taken of it, debt is last."""

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.domain.business_day import parse_day
from agent.domain.giving_back import GivenBack, Rights, give_back, refill
from agent.domain.ids import EventName
from agent.domain.lease import Lot
from agent.domain.ledger import DEBT_BUCKET, OWN_LOT, PENDING_ACCOUNT, fold, posting_rows
from agent.domain.points import EarnRule
from agent.domain.refunds import Returned, plan_return, plan_void
from agent.domain.sale import Posting
from agent.domain.sold import Sold, returned, sold

ME, DAY = "m_1", "2026-11-22"
NAME = EventName("S001-1", "ep_a", 9)
OWN = "S001-1.ep_a.9"


def event(**more: Any) -> dict[str, Any]:
    """A sale's event as the books hold it: three units for 30.00, one for 5.00, a member who earned."""
    said = {
        "sale_id": "s-1",
        "at_ms": 1_795_000_000_000,
        "business_day": "2026-11-18",
        "rules_version": 1,
        "member": {"member_id": ME, "earn_mult_x100": 100, "event_x100": 100},
        "lines": [
            {
                "line": 1,
                "sku": "a",
                "name": "梨",
                "qty": 3,
                "grams": None,
                "paid_fen": 3000,
                "points_used": 0,
                "earns": True,
            },
            {
                "line": 2,
                "sku": "b",
                "name": "桃",
                "qty": 7,
                "grams": 842,
                "paid_fen": 500,
                "points_used": 0,
                "earns": True,
            },
        ],
        "tenders": [{"type": "cash", "amount_fen": 3500}],
        "totals": {"base_fen": 3500, "points_earned": 35},
        "postings": posting_rows([Posting("points", ME, 35, OWN, "2027-11-18", OWN)]),
    }
    return json.loads(json.dumps({**said, **more}))  # type: ignore[no-any-return]


def read(found: dict[str, Any]) -> Sold:
    return sold(found, NAME, EarnRule(), DAY)


def back(of: Sold, before: Returned, asked: list[tuple[int, int]], rights: Rights, **more: Any) -> GivenBack:
    grace = more.get("grace", 0)
    plan = plan_return(of.sale, before, asked, day=parse_day(DAY), grace_days=grace)
    now = before.plus(plan).units
    units = [(one.card_id, one.back(now, of.sale.lines) - one.back(before.units, of.sale.lines)) for one in of.covered]
    return give_back(of, plan, units, more.get("earlier", ()), rights, DAY)


def lots(*held: tuple[str, int]) -> tuple[Lot, ...]:
    return tuple(Lot(lease, "points", ME, lease, "", remaining) for lease, remaining in held)


NOTHING = Returned((0, 0), (0,))


# --- reading --------------------------------------------------------------------------------------------------------
def test_goods_by_weight_come_back_whole_and_absent_fields_were_not_there() -> None:
    of = read(event())
    assert [line.qty for line in of.sale.lines] == [3, 1]
    assert (of.covered, of.sale.points_taken, of.sale.coupon, of.sale.gift_fen) == ((), (), False, 0)
    bare = {
        key: value for key, value in event().items() if key not in ("postings", "totals", "member", "rules_version")
    }
    assert (read(bare).member_id, read(bare).sale.earned, read(bare).postings) == (None, 0, ())


def test_multipliers_that_do_not_give_what_was_earned_are_what_was_earned_of_the_base() -> None:
    of = read(
        event(totals={"base_fen": 3500, "points_earned": 52})
    )  # 1.5 times by the month's spend, not recorded here
    assert of.sale.ratio.earn(3500) == 52
    assert plan_return(of.sale, NOTHING, [(0, 3), (1, 1)]).points_reversed == 52


# --- points that were earned ----------------------------------------------------------------------------------------
def test_the_reversal_takes_the_own_lot_then_other_leases_then_debt() -> None:
    rights = Rights(lots(("other", 5), (OWN, 20)))
    given = back(read(event()), NOTHING, [(0, 3), (1, 1)], rights)
    assert [(one.bucket, one.amount, one.lease) for one in given.postings] == [
        (OWN, -20, OWN), ("other", -5, "other"), (DEBT_BUCKET, -10, ""),
    ]  # fmt: skip
    assert given.debt == 10


def test_what_the_own_lot_was_left_with_when_its_lease_was_closed_is_taken_at_hq() -> None:
    of, rights = read(event()), Rights(own_left=25)
    first = back(of, NOTHING, [(0, 1)], rights)
    assert [(one.bucket, one.amount, one.lease) for one in first.postings] == [(OWN, -10, "")]
    plan = plan_return(of.sale, NOTHING, [(0, 1)])
    rest = back(of, NOTHING.plus(plan), [(0, 2), (1, 1)], rights, earlier=first.postings)
    assert [(one.bucket, one.amount) for one in rest.postings] == [(OWN, -15), (DEBT_BUCKET, -10)]


def test_a_lease_that_hq_granted_of_the_own_lot_goes_before_older_ones() -> None:
    again = Lot("ls_again", "points", ME, OWN, "2027-11-18", 8)
    given = back(read(event()), NOTHING, [(0, 1)], Rights((*lots(("other", 50)), again)))
    assert [(one.lease, one.amount) for one in given.postings] == [("ls_again", -8), ("other", -2)]


def test_points_of_a_sale_before_lots_are_taken_where_hq_put_them() -> None:
    of = read(event(postings=[{"account": "points", "owner": ME, "amount": 35}]))
    assert [(one.bucket, one.amount, one.lease) for one in back(of, NOTHING, [(0, 3), (1, 1)], Rights()).postings] == [
        ("", -35, "")
    ]


def test_points_held_back_by_a_freeze_are_taken_first() -> None:
    of = read(event(postings=posting_rows([Posting(PENDING_ACCOUNT, ME, 35)])))
    given = back(of, NOTHING, [(0, 1)], Rights(lots(("other", 99))))
    assert [(one.account, one.amount) for one in given.postings] == [(PENDING_ACCOUNT, -10)]


def test_a_sale_to_nobody_moves_no_points() -> None:
    of = read(event(member=None, totals={"base_fen": 0, "points_earned": 0}, postings=[]))
    assert back(of, NOTHING, [(0, 3)], Rights()).postings == ()


# --- points that were spent -----------------------------------------------------------------------------------------
def spent(*taken: Posting) -> Sold:
    lines = event()["lines"]
    used = -sum(one.amount for one in taken)
    lines[0]["points_used"] = used
    return read(event(lines=lines, totals={"base_fen": 0, "points_earned": 0}, postings=posting_rows(taken)))


SOON = Posting("points", ME, -120, "b1", "2026-11-20", "ls_1")
LATE = Posting("points", ME, -80, "b2", "2027-03-31", "ls_2")


def test_returned_points_go_to_their_own_lots_latest_expiry_first_with_the_old_date() -> None:
    given = back(spent(SOON, LATE), NOTHING, [(0, 2)], Rights())
    assert [(one.bucket, one.amount, one.expires, one.lease) for one in given.postings] == [
        ("b2", 80, "2027-03-31", "ls_2"), ("b1", 53, "2026-11-20", "ls_1"),
    ]  # fmt: skip


def test_with_grace_a_lot_that_ended_becomes_one_of_the_return() -> None:
    given = back(spent(SOON, LATE), NOTHING, [(0, 3)], Rights(), grace=15)
    assert [(one.bucket, one.amount, one.expires, one.lease) for one in given.postings] == [
        ("b2", 80, "2027-03-31", "ls_2"), (OWN_LOT, 120, "2026-12-07", OWN_LOT),
    ]  # fmt: skip


def test_debt_is_repaid_by_the_points_that_end_soonest() -> None:
    given = back(spent(SOON, LATE), NOTHING, [(0, 3)], Rights(debt=100))
    assert [(one.bucket, one.amount) for one in given.postings] == [(DEBT_BUCKET, 100), ("b2", 80), ("b1", 20)]


# --- stored value, units, coupons -----------------------------------------------------------------------------------
def purse(principal: int, gift: int, *, booked: bool = True) -> Sold:
    postings = [
        Posting("sv_principal", ME, -principal, "", "", "ls_p"),
        Posting("sv_gift", ME, -gift, "g", "2027-01-01", "ls_g"),
    ]
    return read(
        event(
            tenders=[
                {"type": "stored_value", "amount_fen": principal + gift},
                {"type": "cash", "amount_fen": 3500 - principal - gift},
            ],
            prepaid={"principal_fen": principal, "gift_fen": gift, "counts": [], "vouchers": []},
            totals={"base_fen": 0, "points_earned": 0},
            postings=posting_rows(postings if booked else ()),
        )
    )


def test_a_return_credits_principal_and_a_void_gives_gift_to_gift() -> None:
    of, none = purse(2000, 1500), Returned((0, 0), (0, 0))
    assert [(one.account, one.amount, one.lease) for one in back(of, none, [(0, 3), (1, 1)], Rights()).postings] == [
        ("sv_principal", 2000, "ls_p"), ("sv_principal", 1500, OWN_LOT),
    ]  # fmt: skip
    given = give_back(of, plan_void(of.sale, none), (), (), Rights(), DAY)
    assert [(one.account, one.amount, one.lease) for one in given.postings] == [
        ("sv_principal", 2000, "ls_p"), ("sv_gift", 1500, "ls_g"),
    ]  # fmt: skip


def test_stored_value_that_was_never_booked_does_not_come_back_as_money() -> None:
    of = purse(2000, 1500, booked=False)
    assert back(of, Returned((0, 0), (0, 0)), [(0, 3), (1, 1)], Rights()).postings == ()


def test_units_come_back_by_what_they_covered_and_a_coupon_only_with_everything_and_while_it_is_valid() -> None:
    def of(expires: str) -> Sold:
        return read(
            event(
                tenders=[{"type": "cash", "amount_fen": 500}, {"type": "count_card", "amount_fen": 3000}],
                prepaid={
                    "counts": [{"id": "cc_1", "units": 3, "amount_fen": 3000, "shares": [3000, 0]}],
                    "vouchers": [],
                },
                totals={"base_fen": 0, "points_earned": 0},
                postings=posting_rows(
                    [Posting("count", ME, -3, "cc_1", "", "ls_c"), Posting("coupon", ME, -1, "k", expires, "ls_k")]
                ),
            )
        )

    first = plan_return(of("").sale, NOTHING, [(0, 2)])
    assert first.refund_fen == 0
    assert back(of(""), NOTHING, [(0, 2)], Rights()).counts == {"cc_1": 2}
    rest = back(of(DAY), NOTHING.plus(first), [(0, 1), (1, 1)], Rights())
    assert (rest.counts, rest.coupons) == ({"cc_1": 1}, ("k",))
    assert back(of("2026-11-21"), NOTHING.plus(first), [(0, 1), (1, 1)], Rights()).coupons == ()


def test_of_two_coupons_only_the_one_that_still_lives_comes_back() -> None:
    used = [Posting("coupon", ME, -1, f"k_{day}", day, f"ls_{day}") for day in ("2026-11-21", DAY)]
    of = read(event(totals={"base_fen": 0, "points_earned": 0}, postings=posting_rows(used)))
    assert back(of, NOTHING, [(0, 3), (1, 1)], Rights()).coupons == (f"k_{DAY}",)


def test_a_lease_is_never_filled_beyond_what_was_taken_of_it() -> None:
    took = [Posting("count", ME, -2, "c", "", "a"), Posting("count", ME, -1, "c", "", "b")]
    made, rest = refill(took, [Posting("count", ME, 2, "c", "", "a")], 5)
    assert ([(one.lease, one.amount) for one in made], rest) == ([("b", 1)], 4)


# --- however it is split --------------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(1, 2)), max_size=6), st.integers(0, 60), st.integers(0, 60))
def test_however_a_return_is_split_it_moves_the_same_in_all(parts: list[tuple[int, int]], own: int, other: int) -> None:
    """Each step's events are read back from their JSON, as the books give them."""
    of = spent_and_earned()
    steps: list[dict[str, Any]] = []
    left, held, earlier = [3, 1], Counter({OWN: own, "other": other}), list[Posting]()
    for line, qty in [*parts, (0, 3), (1, 1)]:
        before = returned(of, steps)
        asked = [(line, min(qty, left[line]))]
        if not asked[0][1]:
            continue
        left[line] -= asked[0][1]
        rights = Rights(tuple(one for one in lots(*held.items()) if one.remaining))
        plan = plan_return(of.sale, before, asked, day=parse_day(DAY))
        given_back = give_back(of, plan, (), earlier, rights, DAY)
        for one in given_back.postings:
            if one.account == "points" and one.lease:
                held[one.lease] += one.amount
                assert held[one.lease] >= 0
        earlier += given_back.postings
        steps.append(
            {
                "lines": [{"line": one.line + 1, "qty": -one.units} for one in plan.lines],
                "tenders": [{"tender": n, "amount_fen": -fen} for n, (_, fen) in enumerate(plan.tenders)],
            }
        )
    assert returned(of, steps) == Returned((3, 1), (3000, 500))
    moved = fold(earlier)
    assert moved["points", ME] == 120 - 35
    assert moved["sv_principal", ME] == 500
    assert (
        sum(one.amount for one in earlier if one.lease == "ls_1" and one.amount > 0)
        + sum(one.amount for one in earlier if one.bucket == DEBT_BUCKET and one.amount > 0)
        == 120
    )


def spent_and_earned() -> Sold:
    lines = event()["lines"]
    lines[0]["points_used"] = 120
    return read(
        event(
            lines=lines,
            tenders=[{"type": "cash", "amount_fen": 3000}, {"type": "stored_value", "amount_fen": 500}],
            prepaid={"principal_fen": 500, "gift_fen": 0, "counts": [], "vouchers": []},
            postings=posting_rows(
                [
                    Posting("points", ME, -120, "b1", "2027-01-01", "ls_1"),
                    Posting("sv_principal", ME, -500, "", "", "ls_p"),
                    Posting("points", ME, 35, OWN, "2027-11-18", OWN),
                ]
            ),
        )
    )
