"""What the identifier remembers for a while: identifications it handed out, and nonces of dynamic codes it accepted.

Used by agent.identify alone, on the event loop. Both memories are bounded and gone after a restart; what must outlive
one (a nonce or transaction that a sale used up) is in the books.
"""

from collections import OrderedDict
from dataclasses import dataclass

from agent.domain.dynamic_code import DynamicCode
from agent.domain.member import Identification
from agent.limits import DYNAMIC_CODE_SKEW_S, DYNAMIC_CODE_WINDOW_S, IDENTIFICATION_TTL_S, IDENTIFICATIONS, NONCES_SEEN
from agent.ports import Clock
from agent.replica_ports import FoundMember

_NONCE_KEPT_S = DYNAMIC_CODE_WINDOW_S + 2 * DYNAMIC_CODE_SKEW_S  # the longest time a code can stay fresh


@dataclass(frozen=True, slots=True)
class Held:
    """An identification, the snapshot its balance is counted from, and when it ends (monotonic seconds)."""

    identification: Identification
    found: FoundMember | None
    until_mono_s: float


class Identified:
    """Identifications by id for 15 minutes of monotonic time; all live equally long, so the oldest go first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._by_transaction: dict[str, str] = {}

    def hold(self, identification: Identification, found: FoundMember | None) -> None:
        """Keep a new identification, and drop what has ended or, when full, the oldest."""
        mono_s = self._clock.mono_s()
        while self._held:
            oldest = next(iter(self._held.values()))
            if mono_s < oldest.until_mono_s and len(self._held) < IDENTIFICATIONS:
                break
            self._forget_oldest()
        self._held[identification.identification_id] = Held(identification, found, mono_s + IDENTIFICATION_TTL_S)
        # A payment handed over again names the payer as it did at first: it verifies nobody by itself.
        if identification.payment is not None and identification.ticket is None:
            self._by_transaction[identification.payment.transaction_id] = identification.identification_id

    def held(self, identification_id: str) -> Held | None:
        """Give what is held under an id; None when it is unknown or has ended."""
        held = self._held.get(identification_id)
        return held if held is not None and self._clock.mono_s() < held.until_mono_s else None

    def of_transaction(self, transaction_id: str) -> Identification | None:
        """Give the living identification that a WeChat transaction led to, or None."""
        held = self.held(self._by_transaction.get(transaction_id, ""))
        return held.identification if held is not None else None

    def paid_since(self, mono_s: float, total_fen: int) -> list[Held]:
        """Give what payments of this amount led to since then, the newest first; each once, verified or not."""
        since_s = mono_s + IDENTIFICATION_TTL_S
        return [
            held
            for held in reversed(self._held.values())
            if held.until_mono_s >= since_s
            and held.identification.payment is not None
            and held.identification.ticket is None
            and held.identification.payment.total_fen == total_fen
        ]

    def _forget_oldest(self) -> None:
        name, held = self._held.popitem(last=False)
        payment = held.identification.payment
        if payment is not None and self._by_transaction.get(payment.transaction_id) == name:
            del self._by_transaction[payment.transaction_id]


class SeenNonces:
    """Nonces accepted by this process, so that a code names somebody once even before a sale has booked it.

    Invariant: a nonce that was forgotten belongs to a code issued at or before `floor`, and such codes are refused.
    Issue times are HQ's and signed, so neither a full memory nor a wall clock set back or standing still reopens one.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._floor_s = 0
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Nonce -> (issued, seconds of HQ's clock; until when to keep it, monotonic seconds)."""

    def note(self, code: DynamicCode) -> bool:
        """Remember a code's nonce; False when it was seen, or may have been."""
        mono_s = self._clock.mono_s()
        while self._seen:
            issued_at_s, until_mono_s = next(iter(self._seen.values()))
            if mono_s < until_mono_s and len(self._seen) < NONCES_SEEN:
                break
            self._floor_s = max(self._floor_s, issued_at_s)
            self._seen.popitem(last=False)
        if code.nonce in self._seen or code.issued_at_s <= self._floor_s:
            return False
        self._seen[code.nonce] = (code.issued_at_s, mono_s + _NONCE_KEPT_S)
        return True
