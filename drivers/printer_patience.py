"""How long a printer driver waits for what. Used by drivers.escpos_session; tests wait less."""

from dataclasses import dataclass

from agent import limits


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for an answer to DLE EOT, for a job's end beyond its own length, for paper in the middle."""

    status_s: float = limits.PRINT_STATUS_S
    completion_s: float = limits.PRINT_COMPLETION_S
    hold_s: float = limits.PRINT_HOLD_S
