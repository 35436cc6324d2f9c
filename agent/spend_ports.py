"""What quotes that spend need of the books and the replica, as Protocols; beside agent.lease_ports and risk_ports."""

from typing import Protocol

from agent.domain.digest import Json
from agent.domain.holdings import Posted
from agent.domain.member import HeldCard
from agent.domain.rules import RuleSet


class Wallets(Protocol):
    """What these books moved of a member's accounts."""

    async def posted(self, member_id: str) -> list[Posted]:
        """Every posting of the accounts a till may spend or fill."""
        ...

    async def card_sold(self, card_id: str) -> HeldCard | None:
        """A count card as it was sold here; None where these books sold none of this id."""
        ...


class HeldQuotes(Protocol):
    """Quotes whose rights are promised, kept over a restart until they end."""

    async def keep(self, quote_id: str, until_ms: int, row: dict[str, Json], now_ms: int, nonce: str | None) -> None:
        """Keep what makes the quote again, and use up the nonce of the code that it was asked with."""
        ...

    async def close_ended(self, before_ms: int) -> None:
        """Forget quotes that ended at or before, and what they held."""
        ...

    async def find(self, quote_id: str, now_ms: int) -> dict[str, Json] | None:
        """What was kept, None when it has ended or never was."""
        ...

    async def drop(self, quote_id: str) -> None:
        """Forget one; one that is not there is fine."""
        ...


class RuleHistory(Protocol):
    """Rule sets as they were."""

    async def rules_of(self, version: int) -> RuleSet | None:
        """One version, None where the replica has it no more."""
        ...
