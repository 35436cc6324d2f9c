"""The kinds of worked cases about tiers, time, risk and what HQ makes of offline events (R10, R13-R16).

Each reads one case's input, calls the product's own functions and gives the value the case expects; merged into
`tests.cases.ledger_kinds.KINDS`.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from agent.domain import offline, risk, tiers, validity
from agent.domain.points_ledger import remind_on

Given = dict[str, Any]


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text is not None else None


def _levels(given: Given) -> list[tuple[int, str]]:
    return [(start, name) for start, name in given["levels"]]


def reminder(given: Given) -> object:
    """The day of the reminder."""
    return {"remind_on": remind_on(date.fromisoformat(given["expires"])).isoformat()}


def tier_by_growth(given: Given) -> object:
    """The tier of a growth value."""
    return {"tier": tiers.tier_at(_levels(given), given["growth"])}


def tier_spend(given: Given) -> object:
    """The tier of a sale and the one after it."""
    now, after = tiers.tiers_of_sale(_levels(given), given.get("spent", 0), given["this_sale"])
    return {"tier_for_this_sale": now, "tier_after": after}


def monthly_mult(given: Given) -> object:
    """The month's multiplier."""
    return {"mult_x100": tiers.month_multiplier(given["month_spend_fen"])}


def trailing12(given: Given) -> object:
    """Spend and growth of the trailing twelve months."""
    sales = [(date.fromisoformat(day), fen) for day, fen in given["sales"]]
    found = tiers.trailing_growth(date.fromisoformat(given["as_of"]), sales, given.get("activity", 0))
    return {"spend_fen": found.spend_fen, "growth": found.growth}


def member_day(given: Given) -> object:
    """The member day of an instant."""
    at_ms = validity.instant_ms(given["paid_at"])
    mult = validity.member_day_mult(at_ms, given["day_of_month"])
    return {"local_date": validity.local_day(at_ms).isoformat(), "event_mult_x100": mult}


def coupon_time(given: Given) -> object:
    """Validity of a coupon at an instant."""
    start, end = _day(given.get("start")), _day(given.get("end"))
    return {"valid": validity.is_valid(start, end, validity.instant_ms(given["at"]))}


def coupon_issue(given: Given) -> object:
    """Whether a coupon may be issued with this validity."""
    start, end = date.fromisoformat(given["start"]), date.fromisoformat(given["end"])
    return {"natural_days": validity.natural_days(start, end), "accepted": validity.may_issue(start, end)}


def risk_points_hour(given: Given) -> object:
    """Each event judged against those before it."""
    earlier, steps = list[tuple[int, int]](), list[Given]()
    for at, amount in given["events"]:
        at_ms = validity.instant_ms(at)
        hour = risk.points_hour(earlier, at_ms, amount)
        steps.append({"window": hour.window, "freeze": hour.freeze})
        earlier.append((at_ms, amount))
    return {"steps": steps}


def risk_price(given: Given) -> object:
    """A price against the market's."""
    return {"ok": risk.price_ok(given["sale_fen"], given.get("market_fen"))}


def risk_pii(given: Given) -> object:
    """Each plaintext read judged against those before it, refused ones included."""
    reads_ms = [round(at_s * 1000) for at_s in given["reads_at_s"]]
    return {"allowed": [risk.may_read_plaintext(reads_ms[:place], at) for place, at in enumerate(reads_ms)]}


def sync(given: Given) -> object:
    """Batches of events, in the order they arrived."""
    events = [
        offline.TillEvent(
            event_id=event["id"],
            till=event["till"],
            seq=event["seq"],
            at_ms=validity.instant_ms(event["at"]),
            kind=offline.Kind(event.get("type", "sale")),
            points=event.get("points", 0),
            sv_fen=event.get("sv", 0),
            coupon=event.get("coupon"),
            of=event.get("of"),
        )
        for batch in given["batches"]
        for event in batch
    ]
    hq = given.get("hq", {})
    found = offline.judge(offline.Opening(hq.get("points", 0), hq.get("sv", 0)), events)
    return {
        "hq": {"points": found.points, "sv": found.sv_fen},
        "conflicts": [[conflict.event_id, conflict.code] for conflict in found.conflicts],
        "coupon_winner": dict(found.coupon_winner),
        "parked": list(found.parked),
        "applied": found.applied,
    }


def offline_cap(given: Given) -> object:
    """What a till may spend beyond its leases, in points or fen."""
    if "sv_fen" in given:
        cap = given["offline_sv_cap"]
        holds = given.get("local_holds", 0)
        fits = offline.may_spend_sv(
            given["sv_fen"], cached_fen=given["cached_fen"], local_holds_fen=holds, offline_sv_cap_fen=cap
        )
    else:
        fits = offline.may_redeem(
            given["points"],
            cached_spendable=given["cached_spendable"],
            local_holds=given.get("local_holds", 0),
            offline_cap=given["offline_cap"],
        )
    return {"allowed": fits}


def snapshot_age(given: Given) -> object:
    """Whether a snapshot may still be spent from."""
    taken, now = validity.instant_ms(given["snapshot_at"]), validity.instant_ms(given["at"])
    return {"redemption": risk.snapshot_fresh(taken, now, given["max_snapshot_age_s"] * 1000)}


KINDS: dict[str, Callable[[Given], object]] = {
    kind.__name__: kind
    for kind in (
        reminder,
        tier_by_growth,
        tier_spend,
        monthly_mult,
        trailing12,
        member_day,
        coupon_time,
        coupon_issue,
        risk_points_hour,
        risk_price,
        risk_pii,
        sync,
        offline_cap,
        snapshot_age,
    )
}
