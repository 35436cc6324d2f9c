"""What a till says of its shop, on paper and on its pages: from the configuration and what HQ said at enrolment.

Called by agent.assembly.
"""

from agent.config import Settings
from agent.paperwork import ShopFront
from agent.screen import Screen
from agent.wording import CHINESE, ENGLISH, screen_words
from sync.protocol import EnrolAnswer


def shop_front(settings: Settings, enrolment: EnrolAnswer) -> ShopFront:
    """What receipts begin and end with; in training nobody is asked to join."""
    receipt = settings.receipt
    return ShopFront(
        store_name=_name(enrolment),
        join_url="" if settings.workstation.training else enrolment.join_url,
        receipt_printer=receipt_printer(settings),
        language=language(settings),
        footer=receipt.footer,
        open_drawer_on_cash=receipt.open_drawer_on_cash,
    )


def screen(settings: Settings, enrolment: EnrolAnswer, join_svg: str) -> Screen:
    """What the pages are given; `join_svg` is the drawn join code, or empty."""
    place = language(settings)
    return Screen(
        store_name=_name(enrolment),
        language="zh" if place == CHINESE else "en",
        training=settings.workstation.training,
        tables=settings.workstation.tables,
        join_svg=join_svg,
        words=screen_words(place),
    )


def receipt_printer(settings: Settings) -> str:
    """The printer of receipts: the one named, else the first; empty where there is none."""
    return settings.receipt.printer or (settings.printer[0].name if settings.printer else "")


def language(settings: Settings) -> int:
    """The language of paper and pages, as agent.wording counts them."""
    return CHINESE if settings.receipt.language == "zh" else ENGLISH


def _name(enrolment: EnrolAnswer) -> str:
    return f"{enrolment.brand_name} {enrolment.store_name}".strip()
