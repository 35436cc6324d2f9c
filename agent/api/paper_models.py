"""What callers may have printed, and what they learn of print jobs: edge models of `print-jobs` and `drawer`.

WIRE: additive changes only within /v1.
"""

from typing import Annotated, Literal

from pydantic import Field

from agent import limits
from agent.api.answers import Answer
from agent.api.models import CallerId, Request, Text
from agent.books_ports import PrintJob
from agent.domain import receipt
from agent.domain.receipt import Document

_Line = Annotated[str, Field(max_length=limits.RECEIPT_TEXT_CHARS)]


class TextBlock(Request):
    """A paragraph; wraps at the paper's width. `scale` multiplies width and height."""

    kind: Literal["text"]
    text: _Line
    align: Literal["left", "center", "right"] = "left"
    scale: Annotated[int, Field(ge=1, le=4)] = 1
    bold: bool = False

    def to_domain(self) -> receipt.Text:
        """The domain's block."""
        return receipt.Text(self.text, self.align, self.scale, self.bold)


class PairBlock(Request):
    """Left text and right text on one line."""

    kind: Literal["pair"]
    left: _Line
    right: _Line
    bold: bool = False

    def to_domain(self) -> receipt.Pair:
        """The domain's block."""
        return receipt.Pair(self.left, self.right, self.bold)


class RuleBlock(Request):
    """A line across the paper."""

    kind: Literal["rule"]

    def to_domain(self) -> receipt.Rule:
        """The domain's block."""
        return receipt.Rule()


class QrBlock(Request):
    """A QR code."""

    kind: Literal["qr"]
    payload: Annotated[str, Field(min_length=1, max_length=limits.SCAN_FRAME_BYTES)]

    def to_domain(self) -> receipt.Qr:
        """The domain's block."""
        return receipt.Qr(self.payload)


class FeedBlock(Request):
    """Blank lines."""

    kind: Literal["feed"]
    lines: Annotated[int, Field(ge=1, le=20)] = 1

    def to_domain(self) -> receipt.Feed:
        """The domain's block."""
        return receipt.Feed(self.lines)


BlockRequest = Annotated[TextBlock | PairBlock | RuleBlock | QrBlock | FeedBlock, Field(discriminator="kind")]
_CallerJobId = Annotated[CallerId, Field(max_length=60)]


class PrintRequest(Request):
    """A page the POS wants on paper. `print_id` is the caller's own: repeat the very same body on any doubt."""

    print_id: _CallerJobId
    printer: Text | None = None
    blocks: Annotated[list[BlockRequest], Field(min_length=1, max_length=limits.SALE_LINES)]
    cut: bool = True

    def document(self) -> Document:
        """The domain's document."""
        return Document(tuple(block.to_domain() for block in self.blocks), cut=self.cut)


class DrawerRequest(Request):
    """Open the cash drawer without a sale: who asks and why stand in the books. It is never tried a second time."""

    drawer_id: _CallerJobId
    operator: Text
    reason: Text
    printer: Text | None = None


class PrintJobView(Answer):
    """One row of the print ledger.

    `sent`: the bytes left, this printer cannot say more. `confirmed`: it said that it finished. `unconfirmed`: it may
    or may not be on paper, and is never sent again by itself. `failed`: certainly not on paper.
    """

    job_id: str
    printer: str
    kind: Literal["receipt", "join_prompt", "drawer", "test"]
    state: Literal["queued", "sending", "sent", "confirmed", "unconfirmed", "expired", "failed"]
    created_at_ms: int
    expires_at_ms: int
    reprint_of: str | None
    note: str


class PrintJobsView(Answer):
    """The latest print jobs, newest first."""

    jobs: list[PrintJobView]


def job_view(job: PrintJob) -> dict[str, object]:
    """A print job as callers see it; its document stays here, it may carry a claim."""
    return {
        "job_id": job.job_id,
        "printer": job.printer,
        "kind": job.kind,
        "state": job.state,
        "created_at_ms": job.created_at_ms,
        "expires_at_ms": job.expires_at_ms,
        "reprint_of": job.reprint_of,
        "note": job.note,
    }
