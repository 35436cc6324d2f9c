"""R17: 抹零, the rounding of a cash rest. Down only, by jiao or yuan: rounding up is 反向抹零 and is fined.

Pure; called by the pipeline and by whoever asks for the cash to collect.
"""

from enum import StrEnum


class CashStep(StrEnum):
    """To what the cash rest is rounded down."""

    JIAO = "jiao"
    YUAN = "yuan"

    @property
    def fen(self) -> int:
        """Size of the step."""
        return 10 if self is CashStep.JIAO else 100


def wiped(payable_fen: int, other_tenders_fen: int, step: CashStep | None, *, cash: bool) -> int:
    """Fen left off a sale: what its cash part has below the step; nothing without a step or without cash (R17).

    >>> wiped(3416, 0, CashStep.JIAO, cash=True), wiped(10050, 5027, CashStep.YUAN, cash=True)
    (6, 23)
    >>> wiped(567, 0, CashStep.JIAO, cash=False)
    0
    """
    if step is None or not cash:
        return 0
    return max(0, payable_fen - other_tenders_fen) % step.fen
