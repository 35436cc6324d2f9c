"""A quote from asking to ending: priced with what may be spent here, its rights promised and kept over a restart.

Called by the flow. The one wait for the network is for leases, with the deadline of NETWORK_DEADLINE_MS; without an
answer it prices with what this till holds, or refuses and says what that is.
"""

import dataclasses
from collections.abc import Sequence

from agent.booking import Booking
from agent.domain.asks import NOTHING_ASKED, Asks, CardUse, Want, plan
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.errors import Refusal
from agent.domain.holdings import Holdings
from agent.domain.ledger import COUNT_ACCOUNT, COUPON_ACCOUNT, GIFT_ACCOUNT, POINTS_ACCOUNT, PRINCIPAL_ACCOUNT
from agent.domain.member import Identification
from agent.domain.order import OrderLine
from agent.domain.sale import CartLine
from agent.limits import LEASE_HOLD_S
from agent.ports import Clock
from agent.quote_rows import quote_of, quote_row, version_of
from agent.quotes import Quote, Rights
from agent.spend_ports import HeldQuotes, RuleHistory
from agent.spending import Spending, short_here


class Quoting:
    """Quotes of one workstation."""

    def __init__(
        self, booking: Booking, spending: Spending, held: HeldQuotes, rules: RuleHistory, clock: Clock
    ) -> None:
        self._booking = booking
        self._spending = spending
        self._held = held
        self._rules = rules
        self._clock = clock

    async def quote(self, lines: Sequence[OrderLine], who: Identification | None, asks: Asks = NOTHING_ASKED) -> Quote:
        """Price a cart with what is asked; raises Refusal, and then nothing has changed."""
        entries, faults = await self._booking.entries(lines)
        if faults:
            first = faults[0]
            hint = "check the line and the pricebook; goods already charged are booked all the same"
            raise Refusal(first.found.code, first.found.detail, hint=hint, field=first.field)
        if asks.spends:
            quote = await self._spent(entries, who, asks)
        else:
            quote = await self._booking.priced(entries, who, asks)
        if asks.hold and quote.spends:
            quote = await self._promised(quote)
        self._booking.quotes.add(quote)
        return quote

    # --- spending ---------------------------------------------------------------------------------------------------
    async def _spent(self, entries: Sequence[CartLine], who: Identification | None, asks: Asks) -> Quote:
        """First with all that is known of the member, to learn what it takes; then with what may be spent here."""
        member = await self._spending.require(who, asks)
        if who is not None and who.nonce is not None and self._booking.quotes.holds(who.nonce):
            raise Refusal(
                "DYNAMIC_CODE_HELD",
                "another quote holds what this code was shown for",
                hint="sell or cancel that quote first, or ask the customer for a fresh code",
                field="identification_id",
                status=409,
            )
        day = self._booking.today()
        has = await self._spending.holdings(member.member_id, day)
        if has is None:
            raise Refusal("MEMBER_UNKNOWN", "the member is gone from the replica", hint="resolve anew", status=404)
        asks = _lined(asks, entries)
        if asks.count_card is not None:
            _check_card(asks.count_card, has, day)
        coupons = await self._spending.coupons(member, asks, has, day)
        first = await self._first(entries, who, asks, coupons, has)
        brought, answered = await self._spending.bring(member.member_id, first.wants, has, day)
        if not answered and first.rules.budget is not None and not asks.hold:  # a promise needs a lease
            brought = await self._spending.risk_beyond(first.rules.budget, member.member_id, first, brought)
        return await self._second(first, brought, answered=answered)

    async def _first(
        self,
        entries: Sequence[CartLine],
        who: Identification | None,
        asks: Asks,
        coupons: tuple[HeldCoupon, ...],
        has: Holdings,
    ) -> Quote:
        """As if every right to what the member has were here. HQ may know of more than its last row said: asked too."""
        known = Rights(
            has.points_known,
            max(has.balance(PRINCIPAL_ACCOUNT), has.here(PRINCIPAL_ACCOUNT)),
            max(has.balance(GIFT_ACCOUNT), has.here(GIFT_ACCOUNT)),
        )
        if isinstance(asks.stored_value, int):
            recharged_fen = max(0, asks.stored_value - max(0, known.principal_fen) - max(0, known.gift_fen))
            known = dataclasses.replace(known, principal_fen=max(0, known.principal_fen) + recharged_fen)
        try:
            return await self._booking.priced(entries, who, asks, coupons=coupons, rights=known)
        except Refusal as refused:
            if refused.code != "POINTS_INSUFFICIENT" or not isinstance(asks.points, int):
                raise
            try:
                more = dataclasses.replace(known, points=asks.points)
                return await self._booking.priced(entries, who, asks, coupons=coupons, rights=more)
            except Refusal:
                raise refused from None

    async def _second(self, first: Quote, has: Holdings, *, answered: bool) -> Quote:
        """With the rights that are here. What was asked by number is never cut; `max` takes what there is."""
        asks, missing = first.asks, plan(first.wants, has.lots).missing
        fixed = [one for one in missing if one.account in (COUPON_ACCOUNT, COUNT_ACCOUNT)]
        if fixed:
            raise short_here(has, fixed, answered=answered)
        points = has.points_here
        if isinstance(asks.points, int) and asks.points:
            points = has.here(POINTS_ACCOUNT)
            if asks.points > has.points_known and not (answered and asks.points <= points):
                raise Refusal("POINTS_INSUFFICIENT", f"{has.points_known} points may be spent", field="points")
            if asks.points > points:
                raise short_here(has, [Want(POINTS_ACCOUNT, asks.points - points)], answered=answered)
        rights = Rights(points, has.here(PRINCIPAL_ACCOUNT), has.here(GIFT_ACCOUNT))
        quote = await self._booking.priced(
            first.entries, first.identification, asks, coupons=first.coupons, rights=rights
        )
        if first.cart.redeemed.points and not quote.cart.redeemed.points:
            raise short_here(has, [Want(POINTS_ACCOUNT, first.cart.redeemed.points)], answered=answered)
        _check_stored_value(first, quote, has, answered=answered)
        planned = plan(quote.wants, has.lots)
        if planned.missing:
            raise short_here(has, planned.missing, answered=answered)
        return dataclasses.replace(quote, spends=planned.postings, has=has)

    # --- holding ----------------------------------------------------------------------------------------------------
    async def _promised(self, quote: Quote) -> Quote:
        """Promise the rights of a quote, over a restart too."""
        now_ms = self._clock.now_ms()
        held = dataclasses.replace(quote, held_until_ms=now_ms + LEASE_HOLD_S * 1000)
        await self._spending.hold(quote.quote_id, quote.spends, held.held_until_ms)
        nonce = quote.identification.nonce if quote.identification is not None else None
        await self._close_ended(now_ms)
        await self._held.keep(quote.quote_id, held.held_until_ms, quote_row(held), now_ms, nonce)
        return held

    async def recall(self, quote_id: str) -> None:
        """Bring back a held quote that an earlier run of this program gave; one that has ended, as ended."""
        book = self._booking.quotes
        if book.get(quote_id) is not None or book.ended(quote_id) is not None:
            return
        now_ms = self._clock.now_ms()
        await self._close_ended(now_ms)
        row = await self._held.find(quote_id, 0)
        if row is None:
            return
        rules = await self._rules.rules_of(version_of(row))
        if rules is None:
            return
        quote = quote_of(row, rules)
        left_s = (quote.held_until_ms - now_ms) / 1000
        if left_s <= LEASE_HOLD_S:  # longer than a quote ever lives: the clock was set back meanwhile
            book.add(quote, left_s)

    async def _close_ended(self, now_ms: int) -> None:
        """Whatever is looked for: what ended longer ago than a quote lives cannot be paid any more (see `recall`)."""
        await self._held.close_ended(now_ms - LEASE_HOLD_S * 1000)

    async def cancel(self, quote_id: str) -> bool:
        """Forget a quote before it becomes a sale and release what it held; whether there was one."""
        await self.recall(quote_id)
        quote = self._booking.quotes.get(quote_id)
        if quote is None:
            return False
        self._booking.quotes.discard(quote_id)
        if quote.held_until_ms:
            await self._held.drop(quote_id)
            await self._spending.release(quote_id)
        return True


def _lined(asks: Asks, entries: Sequence[CartLine]) -> Asks:
    """Name the line that a count card pays for: the only one there is, where none was named."""
    use = asks.count_card
    if use is None:
        return asks
    line = use.line if use.line is not None else 1 if len(entries) == 1 else 0
    if not 1 <= line <= len(entries):
        hint = "say in count_card.line which line it pays for"
        raise Refusal("COUNT_LINE_MISSING", "the card's line is not in the cart", hint=hint, field="count_card.line")
    return dataclasses.replace(asks, count_card=dataclasses.replace(use, line=line))


def _check_card(use: CardUse, has: Holdings, day: str) -> None:
    card = has.card(use.card_id)
    if card is None:
        raise Refusal("COUNT_CARD_UNKNOWN", "the member holds no such card", field="count_card.card_id", status=404)
    if card.expires and card.expires < day:
        raise Refusal("COUNT_CARD_EXPIRED", f"the card ended on {card.expires}", field="count_card.card_id")
    if use.units > card.left:
        raise Refusal("COUNT_INSUFFICIENT", f"{card.left} units are left", field="count_card.units")


def _check_stored_value(first: Quote, quote: Quote, has: Holdings, *, answered: bool) -> None:
    """An amount that was named is drawn whole, or up to what is due; nothing drawn of something is told."""
    asked, cart = quote.asks.stored_value, quote.cart
    if not asked:
        return
    due_fen = cart.due_fen + cart.rounding_off_fen + cart.drawn.amount_fen
    known_fen = sum(max(has.balance(one), has.here(one)) for one in (PRINCIPAL_ACCOUNT, GIFT_ACCOUNT))
    lacking_fen = 0
    if isinstance(asked, int):
        lacking_fen = min(asked, due_fen) - cart.drawn.amount_fen
        if min(asked, due_fen) > known_fen:
            raise Refusal("SV_INSUFFICIENT", f"{max(0, known_fen)} fen are there", field="stored_value")
    elif first.cart.drawn.amount_fen and not cart.drawn.amount_fen:
        lacking_fen = first.cart.drawn.amount_fen
    if lacking_fen:
        raise short_here(has, [Want(PRINCIPAL_ACCOUNT, lacking_fen)], answered=answered)
