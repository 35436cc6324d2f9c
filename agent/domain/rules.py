"""The brand's rule set as the till uses it: tiers, earning, the offer for joining. Versioned and immutable.

Pure. HQ owns and validates rule sets; the replica delivers them as JSON and `rule_set` refuses what it cannot honour.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.domain.business_day import parse_day
from agent.domain.digest import Json
from agent.domain.member import Tier
from agent.domain.points import EarnRule, event_multiplier
from agent.domain.pricing import TierRound


@dataclass(frozen=True, slots=True)
class JoinOffer:
    """What the join prompt promises (S07, S08): a coupon without threshold and points."""

    coupon_fen: int = 0
    points: int = 0
    claims: bool = False
    """Whether the receipt may promise that joining credits this very sale: only where HQ takes claims."""


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

    def tier(self, tier_id: str) -> Tier:
        """Give a tier by id; an id this version does not know gives list price and 1x (fails closed)."""
        return self.tiers.get(tier_id) or Tier(tier_id, tier_id, 10_000, 100)

    def event_x100(self, business_day: str) -> int:
        """Multiplier of the business day: the maximum of what applies (R11).

        >>> RuleSet(1, {}, "n", member_day=8, member_day_mult_x100=200).event_x100("2026-08-08")
        200
        """
        mults = list(self.campaign_mults_x100)
        if self.member_day is not None and parse_day(business_day).day == self.member_day:
            mults.append(self.member_day_mult_x100)
        return event_multiplier(mults)


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
    version = integer(body, "version")
    points, per_fen = integer(earn, "points", 1), integer(earn, "per_fen", 100)
    join_offer = JoinOffer(integer(offer, "coupon_fen", 0), integer(offer, "points", 0), offer.get("claims") is True)
    day_mult = integer(body, "member_day_mult_x100", 100)
    if points < 0 or per_fen <= 0:
        faults.append("earn needs points >= 0 and per_fen > 0")
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
    )
