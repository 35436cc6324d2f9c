"""A held quote as JSON, and the quote made of it again after a restart: what decided it, priced once more.

Pure functions, called by agent.quoting. Pricing is exact, so the same inputs give the same quote; an identification
keeps only random ids, its masked text, and the nonce of its code or HQ's ticket.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from agent.domain.asks import asks_json, asks_of
from agent.domain.coupon_batch import HeldCoupon
from agent.domain.digest import Json
from agent.domain.ledger import posting_rows
from agent.domain.member import Certainty, HeldCard, Identification, IdentifiedBy, Member
from agent.domain.pricing import Item
from agent.domain.rules import RuleSet
from agent.domain.sale import CartLine, Posting
from agent.domain.verified import VerifiedTicket
from agent.quotes import Quote, Rights


def quote_row(quote: Quote) -> dict[str, Json]:
    """Everything that decided a quote, for the books."""
    who = quote.identification
    assert who is not None, "only a member's rights are held"
    assert who.member is not None, "only a member's rights are held"
    return {
        "quote_id": quote.quote_id,
        "lines": [_fields(line) for line in quote.entries],
        "who": {
            "identification_id": who.identification_id,
            "by": who.by,
            "certainty": who.certainty,
            "nonce": who.nonce,
            "ticket": None if who.ticket is None else _fields(who.ticket),
            "member": _fields(who.member),
        },
        "rules_version": quote.rules.version,
        "pricebook_version": quote.pricebook_version,
        "business_day": quote.business_day,
        "asks": asks_json(quote.asks),
        "coupons": [_fields(one) for one in quote.coupons],
        "rights": _fields(quote.rights),
        "spends": posting_rows(quote.spends),
        "held_until_ms": quote.held_until_ms,
    }


def version_of(row: Mapping[str, Any]) -> int:
    """Which rule set it was priced by."""
    return int(row["rules_version"])


def quote_of(row: Mapping[str, Any], rules: RuleSet) -> Quote:
    """Make the quote again. `has` is left empty: the sale looks at what the member has then."""
    who = row["who"]
    plain = dict(who["member"])
    cards = tuple(HeldCard(**one) for one in plain.pop("cards"))
    held = Quote(
        quote_id=row["quote_id"],
        entries=[_line(one) for one in row["lines"]],
        identification=Identification(
            identification_id=who["identification_id"],
            by=IdentifiedBy(who["by"]),
            member=Member(**plain, cards=cards),
            certainty=Certainty(who["certainty"]),
            nonce=who["nonce"],
            ticket=None if who.get("ticket") is None else VerifiedTicket(**who["ticket"]),
        ),
        rules=rules,
        pricebook_version=row["pricebook_version"],
        business_day=row["business_day"],
        asks=asks_of(row["asks"]),
        coupons=tuple(HeldCoupon(**one) for one in row["coupons"]),
        rights=Rights(**row["rights"]),
        spends=tuple(Posting(**one) for one in row["spends"]),
        held_until_ms=row["held_until_ms"],
    )
    return held.priced(held.ask)


def _fields(one: Any) -> dict[str, Json]:
    found: dict[str, Json] = dataclasses.asdict(one)
    return found


def _line(row: Mapping[str, Any]) -> CartLine:
    return CartLine(**{**row, "item": Item(**row["item"])})
