"""The brand's rule set as the till uses it: tiers, promotions, points, the offer for joining. Versioned and immutable.

Pure. HQ owns and validates rule sets; the replica delivers them as JSON and `rule_set` refuses what it cannot honour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from agent.domain.business_day import parse_day
from agent.domain.digest import Json
from agent.domain.member import Member, Tier
from agent.domain.offer_rules import promotions
from agent.domain.offers import Offer
from agent.domain.points import EarnRule, event_multiplier
from agent.domain.pricing import TierRound
from agent.domain.purse_rules import PurseRules, purse_rules
from agent.domain.redemption import RedeemRule
from agent.domain.risk import RiskRule
from agent.domain.rounding import CashStep
from agent.domain.stored_value import SpendMode
from agent.domain.tiers import month_multiplier
from agent.domain.validity import months_on
from agent.limits import CLAIM_WINDOW_H, SNAPSHOT_AGE_H, TEXT_CHARS

VALID_MONTHS: Final = 120  # LIMIT: no shop promises its points for longer than ten years


@dataclass(frozen=True, slots=True)
class JoinOffer:
    """What the join prompt promises (S07, S08): a coupon without threshold and points."""

    coupon_fen: int = 0
    points: int = 0
    claims: bool = False
    """Whether the receipt may promise that joining credits this very sale: only where HQ takes claims."""
    batch_id: str = ""
    """The coupon batch a new member gets one coupon of; HQ issues it."""


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of a brand's rules; `join_tier_id` is the tier a new member starts in (S21)."""

    version: int
    tiers: Mapping[str, Tier]
    join_tier_id: str
    earn: EarnRule = EarnRule()
    tier_round: TierRound = TierRound.UNIT
    join_offer: JoinOffer = JoinOffer()
    member_day: int | None = None
    member_day_mult_x100: int = 100
    campaign_mults_x100: tuple[int, ...] = field(default=())
    month_multiplier_on: bool = False
    """Whether what a member spent this month multiplies points (S17): the higher of that and the tier's counts."""
    birthday_mult_x100: int = 100
    promos: tuple[Offer, ...] = ()
    redeem: RedeemRule | None = None
    """None: points are not spent here."""
    moling: CashStep | None = None
    floor_rule_on: bool = True
    """Whether a known market price sets a floor at 70 % and refuses list and promo prices under it (R4, S54)."""
    stored_value: bool = False
    """Whether this merchant may take stored value; small merchants may not (S38)."""
    risk: RiskRule = RiskRule()
    max_snapshot_age_h: int = SNAPSHOT_AGE_H
    """Hours without HQ after which a till spends nothing of a member any more (R13)."""
    claim_window_h: int = CLAIM_WINDOW_H
    """Hours after a sale within which joining by its receipt credits it (R11)."""
    stored_value_mode: SpendMode = SpendMode.PRINCIPAL_FIRST
    fund_custodian: str = ""
    """Who keeps the money of stored value: on every receipt that used some (S36)."""
    purse: PurseRules = PurseRules()
    """Recharging, count cards on sale, and the grace of returned points."""
    points_valid_months: int = 0
    """Points end this many months after the day they were earned (S27); 0: never."""

    def tier(self, tier_id: str) -> Tier:
        """Give a tier by id; an id this version does not know gives list price and 1x (fails closed)."""
        return self.tiers.get(tier_id) or Tier(tier_id, tier_id, 10_000, 100)

    def tier_of(self, member: Member, business_day: str) -> Tier:
        """The tier a member buys with: the month's multiplier counts where it is on and higher than the tier's (S17).

        >>> rules = RuleSet(1, {"n": Tier("n", "普通", 9500, 120)}, "n", month_multiplier_on=True)
        >>> member = Member("m1", "b1", "n", 0, "", month="2026-11", month_spend_fen=50_000)
        >>> rules.tier_of(member, "2026-11-30").earn_mult_x100, rules.tier_of(member, "2026-12-01").earn_mult_x100
        (150, 120)
        """
        tier = self.tier(member.tier_id)
        if not self.month_multiplier_on:
            return tier
        month_x100 = month_multiplier(member.spent_in(business_day[:7]))
        return replace(tier, earn_mult_x100=max(tier.earn_mult_x100, month_x100))

    def event_x100(self, business_day: str, *, birthday: bool = False) -> int:
        """Multiplier of the business day: the maximum of member day, birthday and campaigns (R11).

        >>> RuleSet(1, {}, "n", member_day=8, member_day_mult_x100=200).event_x100("2026-08-08")
        200
        """
        mults = list(self.campaign_mults_x100)
        if birthday:
            mults.append(self.birthday_mult_x100)
        if self.member_day is not None and parse_day(business_day).day == self.member_day:
            mults.append(self.member_day_mult_x100)
        return event_multiplier(mults)

    def undated(self) -> "RuleSet":
        """The rules without offers bound to a date: nobody can say for sure which day it is (R15)."""
        promos = tuple(one for one in self.promos if one.start_day is None and one.end_day is None)
        return replace(self, promos=promos)

    def points_expire(self, business_day: str) -> str:
        """The last day of points earned on a business day, "" when they never end (S27).

        >>> RuleSet(1, {}, "n", points_valid_months=12).points_expire("2026-11-22")
        '2027-11-22'
        """
        months = self.points_valid_months
        return months_on(parse_day(business_day), months).isoformat() if months else ""


NO_RULES = RuleSet(0, {}, "", EarnRule(points=0))
"""Before the first pull: list price, no points."""


def rule_set(body: Mapping[str, Json]) -> RuleSet:
    """Read a rule set as HQ sends it; raises ValueError naming every fault at once.

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
    hours = {name: integer(body, name, default) for name, default in _HOURS.items()}
    faults += [f"{name} must be 1 to {_MOST_HOURS}" for name, value in hours.items() if not 1 <= value <= _MOST_HOURS]
    if faults:
        raise ValueError("; ".join(faults))
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
