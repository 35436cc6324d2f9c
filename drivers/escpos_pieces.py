"""A print job as a printer takes it: in pieces that its memory holds, and what a job that broke off leaves in it.

Pure. Used by drivers.escpos_session and drivers.escpos_printer.
"""

from dataclasses import dataclass
from typing import Final

from drivers.escpos_tokens import tokenize

_SHORTEST_FILL: Final = 64  # NULs that end any short command; a printer ignores those it does not need


@dataclass(frozen=True, slots=True)
class Debt:
    """What a broken-off job may have left in the printer.

    `fill_bytes` bring the longest command of that job to its end; `answers` are completion answers still to come.
    `cut` parts half a receipt from the next one.
    """

    fill_bytes: int
    answers: int
    cut: bool

    @classmethod
    def of(cls, job: bytes, *, answers: int, sent: int) -> "Debt":
        """Reckon from the job that broke off, of which `sent` bytes were taken."""
        longest = max((len(token.data) for token in tokenize(job) if token.name), default=0)
        return cls(max(longest, _SHORTEST_FILL), answers, cut=sent < len(job))


def pieces(job: bytes, size: int) -> list[bytes]:
    """Cut a job where a command or a line ends, each piece at most `size` unless one command alone is longer.

    >>> [len(piece) for piece in pieces(b"0123456789\\n" * 3 + b"\\x1b@", 22)]
    [22, 13]
    """
    if len(job) <= size:
        return [job]
    cut: list[bytes] = []
    begin = end = 0
    for token in tokenize(job):
        if end > begin and end + len(token.data) - begin > size:
            cut.append(job[begin:end])
            begin = end
        end += len(token.data)
    return [*cut, job[begin:]]
