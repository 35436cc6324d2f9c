"""What a manager sees and does at this till: figures, proofs, differences, devices, people, tokens, rights held.

Called by agent.api.manage. It asks the parts; what a person does is told in the event stream by the part that does it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from agent.announce import Announcer
from agent.books_ports import Outbox
from agent.daemon import Daemon
from agent.device_ports import Scanner
from agent.domain.business_day import business_day
from agent.domain.digest import Json
from agent.figures import Figures
from agent.grants import ApiScope, Grant
from agent.health import Health
from agent.mode import ModeDesk
from agent.pairing import Pairing
from agent.people import People, Role
from agent.ports import Clock
from agent.print_desk import PrintDesk
from agent.printing import PrintService
from agent.risk_desk import RiskDesk


class LeaseList(Protocol):
    """The rights to spend offline that this till holds."""

    async def held(self) -> list[dict[str, Json]]:
        """Open leases, the largest first."""
        ...

    async def sums(self) -> dict[str, Json]:
        """What is left in all of them, by account."""
        ...


@dataclass(frozen=True, slots=True)
class ManagerParts:
    """What a manager's page looks at."""

    daemon: Daemon
    figures: Figures
    outbox: Outbox
    leases: LeaseList
    paper: PrintDesk
    printing: Sequence[PrintService]
    scanners: Sequence[Scanner]
    health: Health
    pairing: Pairing
    people: People
    risk_desk: RiskDesk
    announcer: Announcer
    clock: Clock
    mode: ModeDesk


class ManagerDesk:
    """The manager's view of one till."""

    def __init__(self, parts: ManagerParts) -> None:
        self._parts = parts
        self.people = parts.people
        self.risk = parts.risk_desk
        self.mode = parts.mode

    # --- looking ----------------------------------------------------------------------------------------------------
    async def today(self) -> dict[str, object]:
        """The figures of the business day that is now."""
        day = business_day(self._parts.clock.now_ms())
        return asdict(await self._parts.figures.of_day(day))

    async def proofs(self, limit: int) -> list[dict[str, object]]:
        """The latest proofs, newest first."""
        return [asdict(one) for one in await self._parts.outbox.proofs(limit)]

    async def differences(self, *, everything: bool) -> list[dict[str, Json]]:
        """Discrepancies with both sides, newest first."""
        return await self._parts.daemon.differences(everything=everything)

    async def leases(self) -> dict[str, object]:
        """Rights to spend offline held here."""
        return {"sums": await self._parts.leases.sums(), "leases": await self._parts.leases.held()}

    async def devices(self) -> list[dict[str, object]]:
        """Scanners and printers: kind, name, how they are."""
        states = self._parts.health.snapshot()
        found: list[dict[str, object]] = []
        for kind, names in (
            ("scanner", [one.name for one in self._parts.scanners]),
            ("printer", [one.printer.name for one in self._parts.printing]),
        ):
            found += [{"kind": kind, "name": name, **states.get(f"{kind} {name}", {})} for name in names]
        return found

    async def drawer_openings(self, limit: int) -> list[dict[str, object]]:
        """Who had the drawer opened without a sale."""
        return [asdict(one) for one in await self._parts.paper.openings(limit)]

    async def tokens(self) -> list[Grant]:
        """Programs and sessions that may call, newest first; sessions that ended are left out."""
        return [one for one in await self._parts.pairing.given() if not self._parts.people.has_ended(one)]

    async def operators(self) -> list[dict[str, object]]:
        """Who may sign in."""
        return [
            {"operator": one.operator, "name": one.name, "role": one.role.value}
            for one in await self._parts.people.operators.listed()
        ]

    # --- doing ------------------------------------------------------------------------------------------------------
    async def reconcile(self) -> dict[str, object]:
        """Prove the books now; Refusal IN_FLIGHT."""
        return await self._parts.daemon.reconcile()

    async def explain(self, number: int, by: str, why: str) -> None:
        """Note an explanation; Refusal DISCREPANCY_UNKNOWN."""
        await self._parts.daemon.explain(number, by, why)

    async def test_print(self, printer: str) -> dict[str, object]:
        """Queue a test page; Refusal PRINTER_UNKNOWN."""
        return await self._parts.daemon.test_print(printer)

    def pairing_code(self, scopes: frozenset[ApiScope]) -> str:
        """Open pairing for a program with these scopes."""
        return self._parts.pairing.new_code(scopes)

    async def revoke(self, token_id: str, by: str) -> None:
        """Refuse a program or session from now on; Refusal TOKEN_UNKNOWN."""
        await self._parts.pairing.revoke(token_id)
        await self._parts.announcer.announce("config.changed", {"what": "token revoked", "operator": by})

    async def put_operator(self, operator: str, name: str, role: Role, pin: str, by: str) -> None:
        """Add an operator or set a PIN; Refusal PIN_WEAK."""
        await self._parts.people.put(operator, name, role, pin)
        await self._parts.announcer.announce("config.changed", {"what": f"operator {operator}", "operator": by})

    async def remove_operator(self, operator: str, by: str) -> None:
        """Forget an operator; Refusal OPERATOR_UNKNOWN."""
        await self._parts.people.remove(operator)
        await self._parts.announcer.announce("config.changed", {"what": f"operator {operator}", "operator": by})
