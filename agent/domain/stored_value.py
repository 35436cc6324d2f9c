"""R9: one stored-value account of two ledgers: principal (paid in) and gift (given on top, in lots by expiry).

Pure. The sale splits a stored-value tender with `consume_split`; the flow applies each movement to the account it holds
and books what comes back. Every function takes a state and gives a new one; a refused movement changes nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Final

from agent.domain.errors import Refusal
from agent.domain.money import allocate
from agent.domain.risk import over_daily_recharge

NAMED_CARD_FEN: Final = 500_000  # LIMIT: 5000 yuan on a card with a name, inclusive (R9)
UNNAMED_CARD_FEN: Final = 100_000  # LIMIT: 1000 yuan on a card without one (R9)


class SpendMode(StrEnum):
    """Which ledger a consumption takes first; principal first is exact under re-ordering of offline events (R9)."""

    PRINCIPAL_FIRST = "principal_first"
    GIFT_FIRST = "gift_first"
    PROPORTIONAL = "proportional"


@dataclass(frozen=True, slots=True)
class RechargeRules:
    """The brand's settings. `steps` are (from_fen, bonus_fen); `daily_limit_fen` None means no daily limit."""

    steps: tuple[tuple[int, int], ...] = ()
    per_multiple: bool = False
    mode: SpendMode = SpendMode.PRINCIPAL_FIRST
    daily_limit_fen: int | None = None
    card_limit_fen: int = NAMED_CARD_FEN

    def __post_init__(self) -> None:
        if any(start <= 0 or bonus < 0 for start, bonus in self.steps):
            raise ValueError("a bonus step needs from > 0 and bonus >= 0")


@dataclass(frozen=True, slots=True)
class GiftLot:
    """Gift money of one recharge (`recharge` None: held before the account began); usable through `expires`."""

    fen: int
    expires: date | None = None
    recharge: int | None = None
    expired_fen: int = 0
    """What ended here unspent."""

    def usable(self, day: date | None) -> bool:
        """Usable through 23:59:59 of the last local day; without a day nothing has expired."""
        return self.expires is None or day is None or day <= self.expires


@dataclass(frozen=True, slots=True)
class Recharge:
    """One recharge as accepted; `day` is its business day."""

    principal_fen: int
    gift_fen: int
    day: date | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """Principal, gift lots in order of arrival, and the recharges so far (a lot's number is its place here)."""

    principal_fen: int = 0
    gifts: tuple[GiftLot, ...] = ()
    recharges: tuple[Recharge, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.principal_fen < 0 or any(lot.fen < 0 for lot in self.gifts):
            raise ValueError("neither ledger of stored value may be negative")

    @property
    def gift_fen(self) -> int:
        """Gift money of all lots, whether usable or not yet cleared."""
        return sum(lot.fen for lot in self.gifts)

    def usable_gift_fen(self, day: date | None = None) -> int:
        """Gift money that may be spent on `day`."""
        return sum(lot.fen for lot in self.gifts if lot.usable(day))


def opened(principal_fen: int, gifts: Sequence[GiftLot] = ()) -> Account:
    """Open an account with balances brought from elsewhere; they belong to no recharge and cannot be cancelled."""
    return Account(principal_fen, tuple(gifts))


def bonus(amount_fen: int, steps: Iterable[tuple[int, int]], *, per_multiple: bool = False) -> int:
    """Give the bonus of the highest step reached, once; `per_multiple` gives it for every whole step (R9).

    >>> steps = [(30000, 5000), (50000, 10000)]
    >>> bonus(29900, steps), bonus(30000, steps), bonus(60000, steps), bonus(110000, steps, per_multiple=True)
    (0, 5000, 10000, 20000)
    """
    start, given = max(((start, given) for start, given in steps if start <= amount_fen), default=(0, 0))
    if not start:
        return 0
    return given * (amount_fen // start) if per_multiple else given


def consume_split(amount_fen: int, principal_fen: int, gift_fen: int, mode: SpendMode | str) -> tuple[int, int]:
    """Split a consumption into (principal used, gift used), at most what both hold; the rest is another tender's (R9).

    >>> consume_split(10000, 30000, 5000, "principal_first"), consume_split(10000, 30000, 5000, "gift_first")
    ((10000, 0), (5000, 5000))
    >>> consume_split(10000, 30000, 5000, "proportional"), consume_split(99, 50, 9, "principal_first")
    ((8571, 1429), (50, 9))
    """
    if min(amount_fen, principal_fen, gift_fen) < 0:
        raise ValueError("stored value takes no negative amount")
    amount = min(amount_fen, principal_fen + gift_fen)
    match SpendMode(mode):
        case SpendMode.PRINCIPAL_FIRST:
            principal = min(amount, principal_fen)
        case SpendMode.GIFT_FIRST:
            principal = amount - min(amount, gift_fen)
        case SpendMode.PROPORTIONAL:
            principal = allocate([principal_fen, gift_fen], amount, [principal_fen, gift_fen]).shares[0]
    return principal, amount - principal


def recharge(
    account: Account,
    amount_fen: int,
    rules: RechargeRules,
    *,
    day: date | None = None,
    gift_expires: date | None = None,
) -> tuple[Account, tuple[int, int]]:
    """Put money on; gives (account, (principal added, gift added)). A recharge earns no points.

    Refused whole: CARD_LIMIT when the principal would pass the card's limit, then DAILY_LIMIT when the recharges of
    `day` would pass the day's. A recharge cancelled later still counts in its day: the limit is on attempts to move
    money, not on what stays.
    """
    if amount_fen <= 0:
        raise ValueError("a recharge is more than nothing")
    if account.principal_fen + amount_fen > rules.card_limit_fen:
        raise Refusal("CARD_LIMIT", "the principal would pass the card's limit", field="amount_fen")
    today = sum(done.principal_fen for done in account.recharges if done.day == day)
    if over_daily_recharge(today, amount_fen, rules.daily_limit_fen):
        raise Refusal("DAILY_LIMIT", "the recharges of this day would pass the limit", field="amount_fen")
    gift = bonus(amount_fen, rules.steps, per_multiple=rules.per_multiple)
    lot = (GiftLot(gift, gift_expires, len(account.recharges)),) if gift else ()
    changed = Account(
        account.principal_fen + amount_fen,
        account.gifts + lot,
        (*account.recharges, Recharge(amount_fen, gift, day)),
    )
    return changed, (amount_fen, gift)


def consume(
    account: Account,
    amount_fen: int,
    rules: RechargeRules,
    *,
    partial: bool = False,
    day: date | None = None,
) -> tuple[Account, tuple[int, int]]:
    """Pay with the account; gives (account, (principal used, gift used)). Gift lots go by expiry, then arrival.

    `partial` pays what there is; without it more than both ledgers hold is refused, SV_INSUFFICIENT. A recharge of the
    sale itself is put on after its consumption, so a top-up cannot pay for the sale it is in.
    """
    gift_fen = account.usable_gift_fen(day)
    if not partial and amount_fen > account.principal_fen + gift_fen:
        raise Refusal("SV_INSUFFICIENT", "the account holds less than this", field="amount_fen")
    principal, gift = consume_split(amount_fen, account.principal_fen, gift_fen, rules.mode)
    gifts = _take_gift(account.gifts, gift, day)
    return replace(account, principal_fen=account.principal_fen - principal, gifts=gifts), (principal, gift)


def cancel_recharge(account: Account, number: int, *, day: date | None = None) -> tuple[Account, int]:
    """Undo the recharge with that number (from 0); gives (account, cash to hand back in fen) (R9).

    `cash = max(0, min(a, P) - max(0, g - G))`: gift already spent is clawed from the principal, so gift money never
    becomes cash. The gift that is left is void, this recharge's own lot first, then as a spend would take it; what
    expired of it unspent is void already and is not clawed. RECHARGE_UNKNOWN, RECHARGE_CANCELLED.

    >>> rules = RechargeRules(((30000, 5000),), mode=SpendMode.GIFT_FIRST)
    >>> account, _ = recharge(Account(), 30000, rules)
    >>> account, _ = consume(account, 10000, rules)
    >>> cancel_recharge(account, 0)[1]
    20000
    """
    if not 0 <= number < len(account.recharges):
        raise Refusal("RECHARGE_UNKNOWN", f"there is no recharge {number} on this account")
    undone = account.recharges[number]
    if undone.cancelled:
        raise Refusal("RECHARGE_CANCELLED", f"recharge {number} was cancelled before")
    own = sum(lot.fen for lot in account.gifts if lot.recharge == number)
    lapsed = sum(lot.expired_fen for lot in account.gifts if lot.recharge == number)
    others = tuple(replace(lot, fen=0) if lot.recharge == number else lot for lot in account.gifts)
    owed = undone.gift_fen - lapsed - own
    void = min(owed, sum(lot.fen for lot in others if lot.usable(day)))
    principal = min(undone.principal_fen, account.principal_fen)
    recharges = (*account.recharges[:number], replace(undone, cancelled=True), *account.recharges[number + 1 :])
    changed = Account(account.principal_fen - principal, _take_gift(others, void, day), recharges)
    return changed, max(0, principal - (owed - void))


def refund_in(account: Account, amount_fen: int) -> tuple[Account, tuple[int, int]]:
    """Take a refund in: principal, never gift (R9); gives (account, (principal added, 0))."""
    if amount_fen < 0:
        raise ValueError("a refund is not negative")
    return replace(account, principal_fen=account.principal_fen + amount_fen), (amount_fen, 0)


def expire_gifts(account: Account, day: date) -> tuple[Account, int]:
    """Clear the gift lots whose last day is before `day`; gives (account, fen cleared)."""
    gone = sum(lot.fen for lot in account.gifts if not lot.usable(day))
    gifts = tuple(
        lot if lot.usable(day) else replace(lot, fen=0, expired_fen=lot.expired_fen + lot.fen) for lot in account.gifts
    )
    return replace(account, gifts=gifts), gone


def _take_gift(gifts: tuple[GiftLot, ...], fen: int, day: date | None) -> tuple[GiftLot, ...]:
    left = list(gifts)
    for index in sorted(range(len(gifts)), key=lambda place: (gifts[place].expires or date.max, place)):
        if gifts[index].usable(day):
            taken = min(fen, gifts[index].fen)
            left[index] = replace(gifts[index], fen=gifts[index].fen - taken)
            fen -= taken
    assert fen == 0, "more gift money taken than the usable lots hold"
    return tuple(left)
