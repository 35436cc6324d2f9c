"""What this till tells an HQ that was restored from a copy, so that HQ grants nothing a second time (ADR 0008).

The puller calls it when a look or a page of the members feed asks for it; the asking repeats until HQ is content.
"""

from collections.abc import Callable

from agent.lease_ports import LeaseBooks, LeaseHq, Resend
from sync.lease_protocol import LeaseReport


class LeaseReporter:
    """Tells HQ how far these books go, and sends again what it lost of them."""

    def __init__(
        self,
        leases: LeaseBooks,
        hq: LeaseHq,
        outbox: Resend,
        is_asking: Callable[[], bool],
        wake_push: Callable[[], None] = lambda: None,
    ) -> None:
        self._leases = leases
        self._hq = hq
        self._outbox = outbox
        self._is_asking = is_asking
        self._wake_push = wake_push

    async def tell(self, restoration: str) -> None:
        """Answer one restoration. Raises SyncError."""
        if self._is_asking():
            return  # ORDER: a grant of the HQ that was may be on its way into the books; the next page asks again
        told = await self._hq.report_leases(LeaseReport(restoration=restoration, epochs=await self._leases.ends()))
        for epoch, first, last in told.missing:
            await self._outbox.requeue(epoch, [(first, last)])
        if told.missing:
            self._wake_push()
