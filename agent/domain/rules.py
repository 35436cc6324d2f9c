"""Reads a brand's rule set as HQ sends it, and names every fault of it at once.

Pure. HQ validates with it before it publishes; the replica refuses with it what this program cannot honour.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.domain.budget_rule import budget_rule
from agent.domain.care_rule import care_rule
from agent.domain.cooldown_rule import cooldown_rule
from agent.domain.digest import Json
from agent.domain.gift_rule import gift_mix
from agent.domain.growth_rule import growth_rule
from agent.domain.joint_rule import joint_rule
from agent.domain.member import Tier
from agent.domain.offer_rules import promotions
from agent.domain.play_rule import lottery_rules, task_rules
from agent.domain.points import EarnRule
from agent.domain.pricing import TierRound
from agent.domain.purse_rules import purse_rules
from agent.domain.redemption import RedeemRule
from agent.domain.reservation_rule import reservation_rule
from agent.domain.risk import RiskRule
from agent.domain.rounding import CashStep
from agent.domain.rule_set import NO_RULES, JoinOffer, RuleSet
from agent.domain.stored_value import SpendMode
from agent.domain.tier_review import tier_review
from agent.limits import CLAIM_WINDOW_H, SNAPSHOT_AGE_H, TEXT_CHARS

__all__ = ["NO_RULES", "VALID_MONTHS", "JoinOffer", "RuleFaults", "RuleSet", "rule_set"]

VALID_MONTHS: Final = 120  # LIMIT: no shop promises its points for longer than ten years


class RuleFaults(ValueError):
    """Everything that is wrong with a rule set."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def rule_set(body: Mapping[str, Json]) -> RuleSet:
    """Read a rule set as HQ sends it; raises RuleFaults naming every fault at once.

    >>> rule_set({"version": 3, "join_tier_id": "n", "tiers": [{"tier_id": "n", "name": "普通", "pay_rate_bps": 9500,
    ...          "earn_mult_x100": 100}]}).tier("n").pay_rate_bps
    9500
    """
    faults: list[str] = []

    def integer(source: Mapping[str, Json], key: str, default: int | None = None) -> int:
        value = source.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        faults.append(f"{key} must be an integer")
        return 0

    def section(key: str) -> Mapping[str, Json]:
        value = body.get(key) or {}
        if isinstance(value, dict):
            return value
        faults.append(f"{key} must be an object")
        return {}

    tiers: dict[str, Tier] = {}
    raw_tiers = body.get("tiers")
    if not isinstance(raw_tiers, list) or not 1 <= len(raw_tiers) <= 10:
        faults.append("tiers must list 1 to 10 tiers (S14)")
        raw_tiers = []
    for raw in raw_tiers:
        if not isinstance(raw, dict):
            faults.append("each tier must be an object")
            continue
        try:
            tier_id = str(raw.get("tier_id", ""))
            rate, mult = integer(raw, "pay_rate_bps"), integer(raw, "earn_mult_x100", 100)
            tiers[tier_id] = Tier(tier_id, str(raw.get("name", tier_id)), rate, mult)
        except ValueError as error:
            faults.append(str(error))
    join_tier_id = str(body.get("join_tier_id", ""))
    if tiers and join_tier_id not in tiers:
        faults.append(f"join_tier_id {join_tier_id!r} names no tier")
    earn, offer = section("earn"), section("join_offer")
    member_day = integer(body, "member_day") if body.get("member_day") is not None else None
    if member_day is not None and not 1 <= member_day <= 31:
        faults.append("member_day must be 1 to 31")
    tier_round = str(body.get("tier_round", "unit"))
    if tier_round not in ("unit", "line"):
        faults.append("tier_round must be unit or line")
    campaigns = body.get("campaign_mults_x100") or []
    if not isinstance(campaigns, list) or not all(type(mult) is int for mult in campaigns):
        faults.append("campaign_mults_x100 must list integers")
        campaigns = []
    promos, promo_faults = promotions(body.get("promos"))
    faults += promo_faults
    redeem = _redeem(body.get("redeem"), faults)
    moling = body.get("moling")
    if moling not in (None, *CashStep):
        faults.append("moling must be jiao or yuan, or absent")
    for flag in ("floor_rule_on", "stored_value", "month_multiplier_on"):
        if not isinstance(body.get(flag, True), bool):
            faults.append(f"{flag} must be true or false")
    mode, custodian = str(body.get("stored_value_mode", "principal_first")), body.get("fund_custodian", "")
    if mode not in list(SpendMode):
        faults.append(f"stored_value_mode must be one of {', '.join(SpendMode)}")
    if not isinstance(custodian, str) or len(custodian) > TEXT_CHARS or (custodian and not custodian.isprintable()):
        faults.append(f"fund_custodian needs at most {TEXT_CHARS} printable characters; it goes on receipts")
    months = integer(body, "points_valid_months", 0)
    if not 0 <= months <= VALID_MONTHS:
        faults.append(f"points_valid_months must be 0 (for ever) to {VALID_MONTHS}")
    version = integer(body, "version")
    points, per_fen = integer(earn, "points", 1), integer(earn, "per_fen", 100)
    batch_id = offer.get("batch_id", "")
    if not isinstance(batch_id, str) or len(batch_id) > 64:
        faults.append("join_offer.batch_id must name a coupon batch")
    join_offer = JoinOffer(
        integer(offer, "coupon_fen", 0), integer(offer, "points", 0), offer.get("claims") is True, str(batch_id)
    )
    day_mult, birthday_mult = integer(body, "member_day_mult_x100", 100), integer(body, "birthday_mult_x100", 100)
    if points < 0 or per_fen <= 0:
        faults.append("earn needs points >= 0 and per_fen > 0")
    risk = _risk(section("risk"), faults)
    purse = purse_rules(body, faults)
    review = tier_review(body.get("tier_review"), tiers, faults)
    growth = growth_rule(body.get("growth"), tiers, faults)
    care = care_rule(body.get("care"), faults)
    budget = budget_rule(body.get("offline_budget"), faults)
    cooldown = cooldown_rule(body.get("cooldown"), faults)
    tasks, lotteries = task_rules(body.get("tasks"), faults), lottery_rules(body.get("lotteries"), faults)
    mix = gift_mix(body.get("gift_mix"), faults)
    levels = [one.tier_id for one in review.levels] or [tier_id for _growth, tier_id in growth.levels]
    joint = joint_rule(body.get("joint"), levels, faults)
    reservations = reservation_rule(body.get("reservations"), tiers, faults)
    hours = {name: integer(body, name, default) for name, default in _HOURS.items()}
    faults += [f"{name} must be 1 to {_MOST_HOURS}" for name, value in hours.items() if not 1 <= value <= _MOST_HOURS]
    if faults:
        raise RuleFaults(faults)
    return RuleSet(
        version=version,
        tiers=tiers,
        join_tier_id=join_tier_id,
        earn=EarnRule(points, per_fen),
        tier_round=TierRound(tier_round),
        join_offer=join_offer,
        member_day=member_day,
        member_day_mult_x100=day_mult,
        campaign_mults_x100=tuple(mult for mult in campaigns if isinstance(mult, int)),
        birthday_mult_x100=birthday_mult,
        promos=promos,
        redeem=redeem,
        moling=CashStep(str(moling)) if moling is not None else None,
        floor_rule_on=body.get("floor_rule_on", True) is True,
        stored_value=body.get("stored_value", False) is True,
        month_multiplier_on=body.get("month_multiplier_on", False) is True,
        stored_value_mode=SpendMode(mode),
        fund_custodian=str(custodian),
        purse=purse,
        points_valid_months=months,
        risk=risk,
        budget=budget,
        review=review,
        growth=growth,
        care=care,
        cooldown=cooldown,
        tasks=tasks,
        gift_mix=mix,
        joint=joint,
        reservations=reservations,
        lotteries=lotteries,
        **hours,
    )


_HOURS = {"max_snapshot_age_h": SNAPSHOT_AGE_H, "claim_window_h": CLAIM_WINDOW_H}
_MOST_HOURS = 24 * 366


def _risk(raw: Mapping[str, Json], faults: list[str]) -> RiskRule:
    """Read the limits of R16 that a brand may set; what is wrong with them joins `faults`."""
    names = ("points_an_hour", "free_redemptions", "redemption_window_min")
    found = [f"risk.{name} is not known" for name in raw if name not in names]
    found += [f"risk.{name} must be an integer" for name, value in raw.items() if type(value) is not int]
    faults += found
    if found:
        return RiskRule()
    try:
        return RiskRule(**{name: value for name, value in raw.items() if isinstance(value, int)})
    except ValueError as error:
        faults.append(str(error))
        return RiskRule()


def _redeem(raw: Json, faults: list[str]) -> RedeemRule | None:
    """Read the rule of R8; what is wrong with it joins `faults`."""
    if raw is None:
        return None
    if not isinstance(raw, dict):
        faults.append("redeem must be an object")
        return None
    names = ("points_per_unit", "fen_per_unit", "cap_bp", "max_points")
    found = [f"redeem.{name} is not known" for name in raw if name not in names]
    values = {name: raw[name] for name in names if raw.get(name) is not None}
    found += [f"redeem.{name} must be an integer" for name, value in values.items() if type(value) is not int]
    found += [f"redeem.{name} is missing" for name in names[:2] if name not in values]
    faults += found
    if found:
        return None
    numbers = {name: value for name, value in values.items() if isinstance(value, int)}
    try:
        return RedeemRule(**numbers)
    except ValueError as error:
        faults.append(str(error))
        return None
