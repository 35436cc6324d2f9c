"""R13: the store's risk budget, for what a till may spend beyond its leases while HQ cannot be asked.

Pure; agent.spending asks it for rights, agent.db.budget holds its caps inside the transaction of the sale, and HQ
reckons the same figures again. Off unless the brand's rule set switches it on. What it covers stands for the customer;
who overdrew is HQ's to say (agent.domain.offline). Units of count cards are never covered.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from agent.domain.asks import Want
from agent.domain.budget_rule import BudgetRule
from agent.domain.cart import PricedCart
from agent.domain.digest import Json
from agent.domain.holdings import Holdings
from agent.domain.lease import Lot
from agent.domain.ledger import COUPON_ACCOUNT, GIFT_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.offline import most_beyond
from agent.domain.redemption import RedeemRule
from agent.domain.sale import Posting

BUDGET_LEASE: Final = "budget"
"""What a posting names instead of a lease. WIRE: HQ settles such postings by R13's winner rules."""
_ORDER: Final = {COUPON_ACCOUNT: 0, POINTS_ACCOUNT: 1, PRINCIPAL_ACCOUNT: 2, GIFT_ACCOUNT: 3}


def beyond(
    rule: BudgetRule,
    has: Holdings,
    missing: Sequence[Want],
    cart: PricedCart,
    redeem: RedeemRule | None,
    promised: Mapping[str, int],
    left_fen: int,
    member_id: str,
) -> tuple[Lot, ...]:
    """Rights for what leases do not cover, as far as every cap allows: coupons first, then points, then stored value.

    `promised` is what other quotes hold of the member here, by account: it is not there a second time.
    """
    found: list[Lot] = []
    sv_fen = rule.stored_value_fen
    for want in sorted(missing, key=lambda one: _ORDER.get(one.account, 9)):
        here, held = has.balance(want.account) - has.here(want.account), promised.get(want.account, 0)
        amount, cost_fen = 0, 0
        if want.account == COUPON_ACCOUNT:
            cost_fen = worth_fen(want, cart, redeem)
            amount = want.amount if rule.coupons and cost_fen <= left_fen else 0
        elif want.account == POINTS_ACCOUNT and redeem is not None:
            most = most_beyond(here, held, min(rule.points, left_fen * redeem.points_per_unit // redeem.fen_per_unit))
            amount = min(want.amount, most)
            cost_fen = worth_fen(Want(POINTS_ACCOUNT, amount), cart, redeem)
        elif want.account in (PRINCIPAL_ACCOUNT, GIFT_ACCOUNT):
            amount = cost_fen = min(want.amount, most_beyond(here, held, min(sv_fen, left_fen)))
            sv_fen -= amount
        if amount > 0:
            left_fen -= cost_fen
            found.append(Lot(BUDGET_LEASE, want.account, member_id, want.bucket, "", amount))
    return tuple(found)


def worth_fen(want: Want, cart: PricedCart, redeem: RedeemRule | None) -> int:
    """What spending something costs the brand if nothing of it was there: what it took off or paid for in this sale.

    >>> worth_fen(Want("points", 150), PricedCart((), 0, 0, 0, 0, 0, 0), RedeemRule(100, 100))
    150
    """
    if want.account == COUPON_ACCOUNT:
        off_fen = sum(one.off_fen for one in cart.coupons if one.offer.offer_id == want.bucket)
        return off_fen + sum(one.amount_fen for one in cart.covered if one.voucher.voucher_id == want.bucket)
    if want.account == POINTS_ACCOUNT:
        return 0 if redeem is None else -(-want.amount * redeem.fen_per_unit // redeem.points_per_unit)
    return want.amount


def budget_row(
    spent: Sequence[Posting], cart: PricedCart, redeem: RedeemRule | None, rule: BudgetRule | None
) -> dict[str, Json]:
    """The event's field `budget`: what was risked and under which caps; nothing where leases covered all."""
    risked = [one for one in spent if one.lease == BUDGET_LEASE]
    if not risked:
        return {}
    fen = sum(worth_fen(Want(one.account, -one.amount, one.bucket), cart, redeem) for one in risked)
    caps = rule if rule is not None else BudgetRule(0, 1, 0)
    return {"budget": {"fen": fen, "till_day_fen": caps.till_day_fen, "member_day_fen": caps.member_day_fen}}
