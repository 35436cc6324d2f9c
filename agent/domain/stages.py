"""R5: one stage of promotions or coupons over the nets the stage before left (R2), each share placed by R6.

Pure; called twice by the pipeline (agent.domain.evaluate). Outcomes come in input order, whatever order they applied.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.domain.coupon_choice import wechat_rank
from agent.domain.money import allocate, unit_fen
from agent.domain.offers import Offer, OfferType, Worth, worth


class Why(StrEnum):
    """Why an offer was not applied."""

    PERIOD = "period"
    NO_GOODS = "no_goods"
    THRESHOLD = "threshold"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What a stage must know of the lines beside their nets; `floors` are fen a line (R4).

    Lines in `sold` were charged already: no offer sees them.
    """

    skus: tuple[str, ...]
    pieces: tuple[int, ...]
    floors: tuple[int, ...]
    sold: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one offer: its share of every line (fen), and the face that found no room above the floors."""

    offer: Offer
    shares: tuple[int, ...]
    why: Why | None = None
    lost_fen: int = 0

    @property
    def applied(self) -> bool:
        """Whether its thresholds were met and nothing suppressed it."""
        return self.why is None

    @property
    def off_fen(self) -> int:
        """Fen it took off the cart."""
        return sum(self.shares)


@dataclass(frozen=True, slots=True)
class _Reached:
    offer: Offer
    number: int
    worth: Worth
    lines: Sequence[int]
    """The lines it is placed on."""

    @property
    def rank(self) -> tuple[object, ...]:
        return (-self.offer.priority, *wechat_rank(self.offer, self.worth), self.number)


@dataclass(frozen=True, slots=True)
class StageResult:
    """Outcomes in input order, and the nets the stage leaves."""

    outcomes: tuple[Outcome, ...]
    nets: tuple[int, ...]


def run_stage(
    offers: Sequence[Offer], shelf: Shelf, nets: Sequence[int], business_day: str | None, *, coupons: bool = False
) -> StageResult:
    """Apply a stage's offers by priority, ties in input order; each sees the nets the one before left (R5).

    An exclusive offer suppresses all others, if its own threshold is met when the stage opens. Coupons stand beside
    each other only if all of them say so: of whole-order coupons that do not, one is taken; of coupons on skus, each
    sku takes one. `business_day` None: no period is checked.
    """
    stage = _Stage(offers, shelf, list(nets), business_day)
    exclusive = [found for found in map(stage.reach, stage.exclusive_numbers()) if isinstance(found, _Reached)]
    if exclusive:
        stage.apply(min(exclusive, key=lambda one: one.rank))
        stage.suppress_rest()
    for number in sorted(range(len(offers)), key=lambda number: -offers[number].priority):
        if stage.outcomes[number] is not None:
            continue
        if coupons and offers[number].scope is None:
            stage.choose_whole_order()
        elif coupons:
            stage.settle(number, stage.taken_skus(offers[number]))
        else:
            stage.settle(number)
    return StageResult(tuple(one for one in stage.outcomes if one is not None), tuple(stage.nets))


class _Stage:
    """One stage at work: nets as they fall, outcomes as they come. Lives for one call of `run_stage`."""

    def __init__(self, offers: Sequence[Offer], shelf: Shelf, nets: list[int], business_day: str | None) -> None:
        self.offers = offers
        self.shelf = shelf
        self.nets = nets
        self.business_day = business_day
        self.outcomes: list[Outcome | None] = [None] * len(offers)
        self._zeros = (0,) * len(nets)
        self._unsold = tuple([line for line in range(len(nets)) if line not in shelf.sold])

    def exclusive_numbers(self) -> list[int]:
        return [number for number, offer in enumerate(self.offers) if offer.exclusive]

    def reach(self, number: int, without: frozenset[str] = frozenset()) -> _Reached | Why:
        """Judge an offer on the nets of now."""
        offer, shelf, nets = self.offers[number], self.shelf, self.nets
        if self.business_day is not None and not offer.valid_on(self.business_day):
            return Why.PERIOD
        scope = offer.scope
        lines: Sequence[int] = self._unsold
        if scope is not None:
            skus = shelf.skus
            lines = [line for line in lines if skus[line] in scope and skus[line] not in without]
        if not lines:
            return Why.SUPPRESSED if without else Why.NO_GOODS
        net_fen = sum([nets[index] for index in lines])
        pieces = sum([shelf.pieces[index] for index in lines])
        one, unit = self._unit(offer, lines)
        value = worth(offer, net_fen, pieces, unit)
        if value is None:
            return Why.THRESHOLD
        return _Reached(offer, number, value, lines if one is None else (one,))

    def _unit(self, offer: Offer, lines: Sequence[int]) -> tuple[int | None, int]:
        """Line and value of the one unit an offer is about; no line where it is about all of them."""
        nets, pieces = self.nets, self.shelf.pieces
        if offer.type is OfferType.PERCENT_CHEAPEST_UNIT:
            priced = [(nets[index] // pieces[index], index) for index in lines if nets[index] >= pieces[index] > 0]
            value, line = min(priced, default=(0, lines[0]))
            return line, value
        if offer.type is OfferType.GIFT:
            line = min(lines, key=lambda index: (nets[index] == 0, pieces[index] != 1, index))
            return line, unit_fen(nets[line], max(1, pieces[line]), max(1, pieces[line]))
        return None, 0

    def apply(self, found: _Reached) -> None:
        """Place an offer above the floors (R4, R6); what finds no room is lost."""
        weights = [self.nets[line] for line in found.lines]
        rooms = weights
        if found.offer.type is not OfferType.GIFT:
            floors = self.shelf.floors
            rooms = [net - floors[line] for net, line in zip(weights, found.lines, strict=True)]
            if min(rooms) < 0:
                rooms = [max(0, room) for room in rooms]
        off_fen = min(found.worth.face_fen, sum(rooms))
        shares = list(self._zeros)
        if off_fen:
            placed = allocate(weights, off_fen, rooms).shares
            for line, net, share in zip(found.lines, weights, placed, strict=True):
                shares[line] = share
                self.nets[line] = net - share
        lost_fen = found.worth.face_fen - off_fen
        self.outcomes[found.number] = Outcome(found.offer, tuple(shares), None, lost_fen)

    def settle(self, number: int, without: frozenset[str] = frozenset()) -> None:
        """Apply an offer, or say why not."""
        self.close(number, self.reach(number, without))

    def close(self, number: int, found: _Reached | Why) -> None:
        """Apply what was reached, or keep why it was not."""
        if isinstance(found, _Reached):
            self.apply(found)
        else:
            self.outcomes[number] = Outcome(self.offers[number], self._zeros, found)

    def suppress_rest(self) -> None:
        """Another offer excludes all that are not settled yet; those out of their period say so themselves."""
        for number, offer in enumerate(self.offers):
            if self.outcomes[number] is None:
                out = self.business_day is not None and not offer.valid_on(self.business_day)
                self.outcomes[number] = Outcome(offer, self._zeros, Why.PERIOD if out else Why.SUPPRESSED)

    def choose_whole_order(self) -> None:
        """Settle the whole-order coupon whose turn it is, or the one that is taken where they exclude each other."""
        offers = self.offers
        waiting = {
            number: self.reach(number)
            for number, offer in enumerate(offers)
            if offer.scope is None and self.outcomes[number] is None
        }
        reached = [found for found in waiting.values() if isinstance(found, _Reached)]
        applied = [one.offer for one in self.outcomes if one is not None and one.applied and one.offer.scope is None]
        rivals = [*applied, *(found.offer for found in reached)]
        if len(rivals) < 2 or all(offer.stackable for offer in rivals):
            turn = min(waiting, key=lambda number: -offers[number].priority)
            self.close(turn, waiting[turn])
            return
        if not applied:
            self.apply(min(reached, key=lambda one: one.rank))
        for number, found in waiting.items():
            if self.outcomes[number] is None:
                self.close(number, Why.SUPPRESSED if isinstance(found, _Reached) else found)

    def taken_skus(self, offer: Offer) -> frozenset[str]:
        """Skus that already took a coupon of their own which this one may not stand beside."""
        taken: set[str] = set()
        for one in self.outcomes:
            if one is None or one.offer.scope is None or (one.offer.stackable and offer.stackable):
                continue
            taken |= {self.shelf.skus[index] for index, share in enumerate(one.shares) if share}
        return frozenset(taken)
