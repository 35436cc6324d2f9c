"""Leases at HQ: granting the right to spend offline, what workstations hold of it, and what a dead one held.

Made by sync.hq.service, used by sync.hq.app, sync.hq.admin and the console. Whatever else grants something that is
spent goes through `unless_forgotten` as well: a headquarters that was put back gives nothing twice.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from sync.hq import leases, restored
from sync.hq.bounds import LEASE_BYTES
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.grant_witness import GrantWitness
from sync.hq.leases import AtRisk
from sync.hq.parts import Parts
from sync.lease_protocol import LeaseAnswer, LeasePage, LeaseReport, LeaseReported, LeaseRequest

T = TypeVar("T")


class LeaseOffice:
    """Raises Refusal when what is asked cannot be done.

    `known` looks an enrolled workstation up, or refuses it; `witnessed` keeps the number of HQ's last grant.
    """

    def __init__(
        self,
        parts: Parts,
        witness: GrantWitness,
        known: Callable[[Connection, str], Station],
        witnessed: Callable[[int], Awaitable[None]],
    ) -> None:
        self._books = parts.books
        self._keys = parts.keys
        self._clock = parts.clock
        self._entropy = parts.entropy
        self._witness = witness
        self._known = known
        self._witnessed = witnessed

    async def grant(self, workstation_id: str, request: LeaseRequest) -> LeaseAnswer:
        """Grant a workstation the right to spend offline; the same request id gives the same leases again."""
        token, now = restored.lease_token(self._keys, self._entropy.token(LEASE_BYTES)), self._clock.now_ms()

        def work(connection: Connection) -> tuple[LeaseAnswer, int]:
            station = self._known(connection, workstation_id)
            answer = leases.grant(connection, station, request, now, token)
            if any(one.lease_id.startswith(f"{token}.") for one in answer.leases):
                restored.require_new(connection, self._witness, station.brand_id)
            return answer, restored.made(connection)

        answer, made = await self.unless_forgotten(work)
        await self._witnessed(made)  # ORDER: before the till hears of what it may spend
        return answer

    async def unless_forgotten(self, work: Callable[[Connection], T]) -> T:
        """Grant something in one transaction. Refusal HQ_RESTORED where the database forgot what HQ granted before."""
        try:
            return await self._books.write(work)
        except restored.Forgotten:
            now = self._clock.now_ms()
            await self._books.write(lambda c: restored.watch(c, self._witness, now))
            raise restored.refusal() from None

    async def report(self, workstation_id: str, told: LeaseReport) -> LeaseReported:
        """Hear what a workstation holds, after HQ was restored."""
        now = self._clock.now_ms()
        return await self._books.write(lambda c: restored.report(c, self._known(c, workstation_id), told, now))

    async def page(self, workstation_id: str, after: str) -> LeasePage:
        """Give one page of the open leases of a workstation, by id."""
        return await self._books.read(lambda c: leases.page(c, self._known(c, workstation_id), after))

    async def at_risk(self, workstation_id: str = "") -> list[AtRisk]:
        """Say what workstations could still spend of leases they hold."""
        return await self._books.read(lambda c: leases.at_risk(c, workstation_id))

    async def write_off(self, workstation_id: str) -> list[AtRisk]:
        """Give the leases of a dead workstation back to their members; Refusal 404 WORKSTATION_UNKNOWN."""
        now = self._clock.now_ms()
        return await self._books.write(lambda c: leases.write_off(c, workstation_id, now))
