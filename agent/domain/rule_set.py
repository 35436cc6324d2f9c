"""The brand's rule set as the till uses it: tiers, promotions, points, the offer for joining. Versioned and immutable.

Pure data; agent.domain.rules reads it from what HQ sends.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agent.domain.budget_rule import BudgetRule
from agent.domain.business_day import parse_day
from agent.domain.care_rule import CareRule
from agent.domain.cooldown_rule import CooldownRule
from agent.domain.gift_rule import GiftMix
from agent.domain.growth_rule import GrowthRule
from agent.domain.joint_rule import JointRule
from agent.domain.member import Member, Tier
from agent.domain.offers import Offer
from agent.domain.play_rule import LotteryRule, TaskRule
from agent.domain.points import EarnRule, event_multiplier
from agent.domain.pricing import TierRound
from agent.domain.purse_rules import PurseRules
from agent.domain.redemption import RedeemRule
from agent.domain.reservation_rule import ReservationRule
from agent.domain.risk import RiskRule
from agent.domain.rounding import CashStep
from agent.domain.stored_value import SpendMode
from agent.domain.tier_review import TierReview
from agent.domain.tiers import month_multiplier
from agent.domain.validity import months_on
from agent.limits import CLAIM_WINDOW_H, SNAPSHOT_AGE_H


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
    review: TierReview = TierReview()
    """Tiers by amount and visits of a quarter (S18), and shorter ways up (S20); without levels HQ decides by growth."""
    growth: GrowthRule = GrowthRule()
    """Tiers by growth (S15, S16), where `review` has no levels."""
    care: CareRule = CareRule()
    budget: BudgetRule | None = None
    """What a till may risk beyond its leases while HQ cannot be asked (R13); None: nothing."""
    cooldown: CooldownRule = CooldownRule()
    """Least time between two redemptions of a member (S32)."""
    tasks: tuple[TaskRule, ...] = ()
    lotteries: tuple[LotteryRule, ...] = ()
    """What channels let members do for points, and with them (S29)."""
    reservations: ReservationRule | None = None
    """How early members reserve (S11); None: not at all."""
    joint: JointRule = field(default_factory=dict)
    """Brands whose tiers are worth something here, by agreement (S13)."""
    gift_mix: GiftMix = GiftMix()
    """Virtual to physical gifts, as the brand wants them (S30)."""
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
