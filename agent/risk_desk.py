"""What a person does about clock and freezes at this till, and what it shows of them.

Called by the command line over the unix socket (agent.api.control_risk), by the daemon's status and by the composition
root when a clock jumped or HQ was reached.
"""

from dataclasses import asdict

from agent.announce import Announcer
from agent.clock_trust import ClockTrust
from agent.domain.digest import Json
from agent.health import Health
from agent.ports import Clock
from agent.risk_ports import Snapshot
from agent.risk_watch import RiskWatch

CLOCK = "clock"
"""The component's name in the status."""


class RiskDesk:
    """The manager's hand on clock and freezes."""

    def __init__(
        self, watch: RiskWatch, trust: ClockTrust, snapshot: Snapshot, health: Health, announcer: Announcer,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._watch = watch
        self._trust = trust
        self._snapshot = snapshot
        self._health = health
        self._announcer = announcer
        self._clock = clock
        self._told: bool | None = None
        health.watch(CLOCK)

    async def look(self) -> None:
        """Judge the clock; tell once when it stops being trusted, and once when it is again."""
        state = self._trust.state()
        self._health.report(CLOCK, up=state.trusted, reason="" if state.trusted else state.why)
        if state.trusted is not self._told:
            first, self._told = self._told is None, state.trusted
            if not (first and state.trusted):
                await self._announcer.announce(
                    "clock.trusted" if state.trusted else "clock.not_trusted", {"reason": state.why}
                )

    async def tell_skew(self, skew_ms: int | None) -> None:
        """HQ's clock and ours came apart by more than five minutes (milliseconds we are ahead), or together again."""
        if skew_ms is None:
            await self._announcer.announce("clock.ok", {})
        else:
            side = "ahead of" if skew_ms > 0 else "behind"
            reason = f"{abs(skew_ms) // 1000} s {side} headquarters"
            await self._announcer.announce("clock.skew", {"skew_s": round(skew_ms / 1000), "reason": reason})

    async def confirm_clock(self, by: str) -> dict[str, object]:
        """The manager confirms day and time. Refusal NAME_NEEDED, CLOCK_OFF_BY_HQ."""
        mark = await self._trust.confirm(by)
        await self._announcer.announce("clock.confirmed", {"operator": mark.told_by, "at_ms": mark.true_ms})
        await self.look()
        return {"at_ms": mark.true_ms, "by": mark.told_by}

    async def unfreeze(self, member_id: str, by: str, why: str) -> dict[str, object]:
        """Lift the freezes of a member made here. Refusal NAME_NEEDED, NOT_FROZEN."""
        lifted, notice = await self._watch.unfreeze(member_id, by, why, self._clock.now_ms())
        if notice is not None:
            self._announcer.deliver(notice)
        return {"member_id": member_id, "lifted": lifted}

    async def freezes(self) -> list[dict[str, Json]]:
        """Freezes of this till that stand, newest first."""
        return [asdict(one) for one in await self._watch.freezes()]

    async def status(self) -> dict[str, object]:
        """How the clock is trusted, how old the snapshot is in seconds, how many members are frozen here."""
        age_ms = await self._snapshot.age_ms()
        return {
            "clock": self._trust.state().row(),
            "snapshot_age_s": None if age_ms is None else age_ms // 1000,
            "frozen_here": len(await self._watch.freezes()),
            "offline_budget": _without_members(await self.budget()),
        }

    async def budget(self) -> dict[str, Json] | None:
        """The risk budget today (R13), with who used it; None where the brand has none."""
        return await self._watch.budget(self._clock.now_ms())


def _without_members(budget: dict[str, Json] | None) -> dict[str, Json] | None:
    """As everybody with a token may see it."""
    return None if budget is None else {key: value for key, value in budget.items() if key != "members"}
