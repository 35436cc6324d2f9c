"""The half of the composition root that serves a customer: who it is, what it costs, what is booked, slips, the tap.

Called by agent.assembly, which has opened the books, what is known of members, and the way to headquarters.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.announce import Announcer
from agent.booking import Booking, BookingPorts, Place
from agent.config import Settings
from agent.db.after_sales import AfterSalesDb
from agent.db.books import BooksDb
from agent.db.replica import ReplicaDb
from agent.db.store import Store
from agent.db.wallets import WalletsDb
from agent.domain.lease_event import LeasePlace
from agent.flow import Till, TillPorts
from agent.identify import Identifier
from agent.identify_asked import AskedIdentifier
from agent.keyring import FileKeyRing
from agent.leasing import Leasing
from agent.paperwork import Paperwork, ShopFront
from agent.payment_code import PaymentCodes
from agent.phone_lookup import PhoneLookup
from agent.ports import Clock, Entropy
from agent.quotes import QuoteBook
from agent.quoting import Quoting
from agent.risk_watch import RiskWatch
from agent.service_desk import DeskPorts, ServiceDesk
from agent.slips import Slips
from agent.spending import Spending, SpendingPorts
from agent.tap_desk import TapDesk
from agent.tap_door import TapDoor
from agent.verifying import Verifier
from sync.client import HttpHq


@dataclass(frozen=True, slots=True)
class Counter:
    """What serving customers is built on."""

    settings: Settings
    place: LeasePlace
    shop: ShopFront
    keys: FileKeyRing
    clock: Clock
    entropy: Entropy
    books_store: Store
    books: BooksDb
    replica: ReplicaDb
    hq: HttpHq
    leasing: Leasing
    risk: RiskWatch
    announcer: Announcer
    wake_printing: Callable[[], None]
    wake_push: Callable[[], None]


@dataclass(frozen=True, slots=True)
class TillHalf:
    """What serves customers."""

    till: Till
    service_desk: ServiceDesk
    tap_door: TapDoor
    quotes: QuoteBook


def till_half(use: Counter) -> TillHalf:
    """Build it. In a training nothing is asked of HQ that costs or proves something: payment codes, verifications."""
    place = Place(use.place.workstation_id, use.place.store_id, use.place.brand_id)
    identifier = Identifier(
        use.replica, use.books, use.keys, use.clock, use.entropy,
        pricebook=use.replica, brand_id=place.brand_id, store_id=place.store_id,
    )  # fmt: skip
    wallets = WalletsDb(use.books_store, use.keys)
    spending = Spending(SpendingPorts(use.replica, wallets, use.leasing, use.risk, use.clock, place.store_id))
    booking = Booking(
        place, BookingPorts(identifier, use.replica, use.books, spending, use.risk, use.clock, use.entropy)
    )
    till = Till(
        TillPorts(
            identifier=identifier,
            asked=_asked(use, identifier),
            pricebook=use.replica,
            booking=booking,
            quoting=Quoting(booking, spending, wallets, use.replica, use.clock),
            spending=spending,
            books=use.books,
            paperwork=Paperwork(use.shop, use.entropy),
            announcer=use.announcer,
            entropy=use.entropy,
            wake_printing=use.wake_printing,
            wake_push=use.wake_push,
        )
    )
    tap = TapDoor(use.settings.socket.with_name("tap.sock"), TapDesk(use.shop, identifier, use.replica))
    return TillHalf(till, _service_desk(use, identifier), tap, booking.quotes)


def _asked(use: Counter, identifier: Identifier) -> AskedIdentifier:
    training = use.settings.workstation.training
    return AskedIdentifier(
        identifier, None if training else PaymentCodes(use.hq, use.replica, use.clock, use.entropy),
        PhoneLookup(use.hq, use.replica),
        None if training else Verifier(use.hq, use.keys, use.place.workstation_id, use.place.brand_id),
    )  # fmt: skip


def _service_desk(use: Counter, identifier: Identifier) -> ServiceDesk:
    """Money and cards: recharges, count cards, and their slips."""
    return ServiceDesk(
        DeskPorts(
            use.place, identifier, use.replica, use.books, AfterSalesDb(use.books_store, use.place.workstation_id),
            use.leasing, use.risk, Slips(use.shop, use.place.store_id, use.entropy), use.announcer, use.clock,
            use.entropy, use.wake_printing, use.wake_push,
        )
    )  # fmt: skip
