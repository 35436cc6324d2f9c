"""What the daemon answers the tap: for this printed job, what to append, or why nothing (till-api, the tap).

Called by agent.tap_door. Answers from local books alone, within the tap's 300 ms. A printed receipt becomes no event:
what the tap reads is a hint, not a sale, so the invitation carries no claim and no points are promised for it.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.domain.member import Identification
from agent.domain.receipt import Document
from agent.domain.receipt_facts import JoinInvitation
from agent.domain.receipts_tap import join_footer, member_footer
from agent.domain.rules import RuleSet
from agent.limits import TAP_ANSWERS_KEPT, TAP_PAYMENT_MATCH_S
from agent.paperwork import ShopFront


@dataclass(frozen=True, slots=True)
class PrintedJob:
    """What the tap read: `job` names the bytes; a tender is (type, fen or None where the paper names no amount)."""

    job: str
    kind: str
    total_fen: int | None
    tenders: Sequence[tuple[str, int | None]] = ()
    transaction_ids: Sequence[str] = ()


class Payers(Protocol):
    """Who paid, of what agent.identify remembers."""

    def of_transaction(self, transaction_id: str) -> Identification | None:
        """By WeChat's number of the payment."""
        ...

    def paid_lately(self, total_fen: int, within_s: float) -> list[Identification]:
        """By amount."""
        ...

    async def balance_of(self, identification_id: str) -> int | None:
        """Points of the member."""
        ...


class RuleSource(Protocol):
    """Where the brand's rules are."""

    async def rules(self) -> RuleSet:
        """The rule set in force."""
        ...


class TapDesk:
    """Answers each job once: the same bytes printed again get the same answer, and a payer is shown on one paper."""

    def __init__(self, shop: ShopFront, payers: Payers, rules: RuleSource) -> None:
        self._shop = shop
        self._payers = payers
        self._rules = rules
        self._answers: OrderedDict[str, tuple[Document | str, str]] = OrderedDict()
        """Job -> what was said, and the identification that it used."""

    async def answer(self, job: PrintedJob) -> Document | str:
        """Give what to append, or why nothing, in words for the log."""
        earlier = self._answers.get(job.job)
        if earlier is not None:
            return earlier[0]
        payer = self._payer(job)
        said = await self._footer(payer) if payer is not None else await self._invitation(job)
        self._answers[job.job] = (said, payer.identification_id if payer is not None else "")
        while len(self._answers) > TAP_ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return said

    def _payer(self, job: PrintedJob) -> Identification | None:
        """The payment that this paper is about: by its number, else the only fresh one of this amount."""
        for number in job.transaction_ids:
            found = self._payers.of_transaction(number)
            if found is not None:
                return found
        by_wechat = not job.tenders or any(kind == "wechat" for kind, _ in job.tenders)
        if job.total_fen is None or not by_wechat:
            return None
        used = {identification_id for _, identification_id in self._answers.values()}
        fresh = [
            one
            for one in self._payers.paid_lately(job.total_fen, TAP_PAYMENT_MATCH_S)
            if one.identification_id not in used
        ]
        return fresh[0] if len(fresh) == 1 else None  # two payments of one amount: nobody's name on a stranger's paper

    async def _footer(self, payer: Identification) -> Document | str:
        member = payer.member
        if member is None:
            return self._join(await self._rules.rules())
        points = await self._payers.balance_of(payer.identification_id)
        tier = (await self._rules.rules()).tier(member.tier_id).name
        return member_footer(member.masked, tier, points or 0, language=self._shop.language)

    async def _invitation(self, job: PrintedJob) -> Document | str:
        if job.kind not in ("receipt", "picture"):
            return f"nothing is appended to a {job.kind}"
        return self._join(await self._rules.rules())

    def _join(self, rules: RuleSet) -> Document | str:
        if not self._shop.join_url:
            return "no join page is set"
        invitation = JoinInvitation(self._shop.join_url, offer=rules.join_offer)
        return join_footer(invitation, language=self._shop.language)
