"""Who is in front of the till, and how sure: member code, dynamic code or payment identity (till-api, R20).

Called by the flow and the API. Answers from the local replica and books alone, never from the network. What a caller
gets is an identification id; quotes and sales accept nothing else. It must never log, store or repeat a code or openid.
"""

from agent.books_ports import Books
from agent.domain import dynamic_code
from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from agent.domain.ledger import POINTS_ACCOUNT, unseen
from agent.domain.member import Certainty, Identification, IdentifiedBy, PaymentEvidence
from agent.domain.scan import CodeKind, RawScan, Scan, candidates, item_keys, normalise, unclaimed
from agent.domain.verified import VerifiedTicket
from agent.identified import Held, Identified, SeenNonces
from agent.identity_refusals import member_unknown, not_complete, unreadable_code
from agent.payment_code import payment_code_needs_network
from agent.ports import Clock, Entropy, KeyRing
from agent.replica_ports import FoundMember, Members, Pricebook
from sync.wechat import results
from sync.wechat.results import WechatResult
from sync.wechat.states import State

_ID_BYTES = 15  # 120 bits: an identification id is a capability, not to be guessed
_FRESH_CODE = "ask the customer to refresh the code and scan again"


class Identifier:
    """Turns codes and WeChat results into identifications; all its memory is bounded, and gone after a restart."""

    def __init__(
        self,
        members: Members,
        books: Books,
        keyring: KeyRing,
        clock: Clock,
        entropy: Entropy,
        *,
        pricebook: Pricebook,
        brand_id: str,
        store_id: str,
    ) -> None:
        self._members = members
        self._books = books
        self._keyring = keyring
        self._clock = clock
        self._entropy = entropy
        self._pricebook = pricebook
        self._brand_id = brand_id
        self._store_id = store_id
        self._identified = Identified(clock)
        self._nonces = SeenNonces(clock)

    # --- what was scanned -------------------------------------------------------------------------------------------
    async def classify(self, raw: RawScan) -> Scan:
        """Say what a scan is. Shapes collide (A.5), so local look-ups decide: known members, articles, then payment."""
        text = normalise(raw.text)
        kinds = candidates(text, raw.symbology)
        if len(kinds) > 1:
            for kind in kinds:
                if await self._claims(kind, text):
                    return Scan(kind, text, raw.device)
        return Scan(unclaimed(text, raw.symbology), text, raw.device)

    async def _claims(self, kind: CodeKind, text: str) -> bool:
        if kind is CodeKind.MEMBER_CODE:
            return await self._member(text) is not None
        if kind is CodeKind.ITEM:
            for key in item_keys(text):
                if await self._pricebook.item(key) is not None:
                    return True
        return False

    # --- by code ----------------------------------------------------------------------------------------------------
    async def by_code(self, text: str) -> Identification:
        """Identify by a static code (certainty CODE) or a dynamic one (DYNAMIC).

        Raises Refusal: MEMBER_UNKNOWN (404), CODE_UNREADABLE, DYNAMIC_CODE_FORGED, _OTHER_BRAND, _EXPIRED, _REPLAYED
        (409), and PAYMENT_CODE_NEEDS_NETWORK for a payment code that is no known member's code.
        """
        text = normalise(text)
        kind = unclaimed(text)
        if kind is CodeKind.DYNAMIC_CODE:
            return await self._by_dynamic_code(text)
        if kind is CodeKind.UNREADABLE:
            raise unreadable_code()
        found = await self._member(text)
        if found is None:
            raise payment_code_needs_network() if kind.is_payment else member_unknown()
        return self.hold(by=IdentifiedBy.MEMBER_CODE, found=found, certainty=Certainty.CODE)

    async def _by_dynamic_code(self, text: str) -> Identification:
        code = dynamic_code.parse(text)
        if code is None or not self._keyring.verify_hq(code.signature, code.signed_bytes()):
            raise Refusal(
                "DYNAMIC_CODE_FORGED",
                "the dynamic code does not carry HQ's signature",
                hint="ask for the code in the brand's own mini-program; do not spend on this one",
            )
        if code.brand_id != self._brand_id:
            raise Refusal(
                "DYNAMIC_CODE_OTHER_BRAND",
                "the dynamic code belongs to another brand",
                hint="ask the customer to open this brand's mini-program",
            )
        if not code.is_fresh(self._clock.now_ms()):
            raise Refusal(
                "DYNAMIC_CODE_EXPIRED",
                "the dynamic code is outside its window",
                hint=f"{_FRESH_CODE}; if fresh codes fail too, check this computer's clock",
            )
        # ORDER: the member first, so that a member the replica lacks does not use up the code; then the nonce, noted
        # before the books are asked, so that two calls at once cannot both pass.
        found = await self._member(code.member_number)
        if found is None:
            raise member_unknown()
        if not self._nonces.note(code) or await self._books.is_used(nonce=code.nonce):
            raise Refusal("DYNAMIC_CODE_REPLAYED", "the dynamic code was seen before", hint=_FRESH_CODE, status=409)
        return self.hold(by=IdentifiedBy.DYNAMIC_CODE, found=found, certainty=Certainty.DYNAMIC, nonce=code.nonce)

    async def _member(self, code: str) -> FoundMember | None:
        return self.ours(await self._members.by_code(code))

    def ours(self, found: FoundMember | None) -> FoundMember | None:
        """A provider's openid is the same in all brands it serves (E 2): a member of another brand is nobody here."""
        return found if found is not None and found.member.brand_id == self._brand_id else None

    # --- by payment -------------------------------------------------------------------------------------------------
    async def by_wechat(self, raw_text: str) -> Identification:
        """Identify the payer of a completed payment from the exact text WeChat returned; earns, never reprices (R20).

        A merchant pair HQ does not map to this brand and store fails closed: NOBODY, with the payment as evidence.
        The same payment handed over again within the identification's life gives the same identification.
        Raises Refusal: WECHAT_RESULT_UNREADABLE / _ENCRYPTED, PAYMENT_NOT_COMPLETE, TRANSACTION_CONFLICT and
        TRANSACTION_USED (409).
        """
        result = results.read(raw_text)
        if result.state is not State.SUCCESS:
            raise not_complete(result.state)
        evidence = await self._evidence(result)
        earlier = self._earlier(evidence)
        if earlier is not None:
            return earlier
        if await self._books.is_used(transaction_id=evidence.transaction_id):
            raise Refusal(
                "TRANSACTION_USED",
                "this WeChat payment is already in the books",
                hint="look up the sale that used it; do not book it again",
                status=409,
            )
        return await self._by_payer(result, evidence)

    async def _evidence(self, result: WechatResult) -> PaymentEvidence:
        assert result.transaction_id is not None
        assert result.total_fen is not None
        assert result.mch_id is not None
        sub_mch_id = result.sub_mch_id or ""  # a direct merchant has none, and HQ maps it as such
        scope = await self._members.merchant(result.mch_id, sub_mch_id)
        if scope is None:
            verdict = "unknown_merchant"
        elif scope.brand_id != self._brand_id or self._store_id not in scope.store_ids:
            verdict = "other_store"
        else:
            verdict = "known"
        return PaymentEvidence(
            result.transaction_id, result.total_fen, result.mch_id, sub_mch_id, verdict, result.cash_fen
        )

    def _earlier(self, evidence: PaymentEvidence) -> Identification | None:
        """The living identification of the same payment, unless that one failed closed and this answer says more.

        An answer may lack its sub_mch_id (B); another amount or merchant for one payment is a contradiction.
        """
        earlier = self._identified.of_transaction(evidence.transaction_id)
        if earlier is None or earlier.payment is None:
            return None
        known = earlier.payment
        same_sub = known.sub_mch_id == evidence.sub_mch_id or "" in (known.sub_mch_id, evidence.sub_mch_id)
        if not same_sub or (known.mch_id, known.total_fen) != (evidence.mch_id, evidence.total_fen):
            raise Refusal(
                "TRANSACTION_CONFLICT",
                "this WeChat payment was handed over before with another amount or merchant",
                hint="query the order at WeChat and hand over that answer after the first identification has ended",
                status=409,
            )
        return None if evidence.scope == "known" != known.scope else earlier

    async def _by_payer(self, result: WechatResult, evidence: PaymentEvidence) -> Identification:
        if evidence.scope != "known" or not result.pairs:
            return self.hold(by=IdentifiedBy.NOBODY, payment=evidence)
        for appid, openid in result.pairs:
            found = self.ours(await self._members.by_openid(appid, openid))
            if found is not None:
                return self.hold(
                    by=IdentifiedBy.WECHAT_PAYMENT, found=found, certainty=Certainty.PAYMENT, payment=evidence
                )
        payer_ref = await self._books.payer_ref(self._brand_id, result.pairs)
        return self.hold(
            by=IdentifiedBy.WECHAT_PAYMENT, certainty=Certainty.PAYMENT, payer_ref=payer_ref, payment=evidence
        )

    # --- what was handed out ----------------------------------------------------------------------------------------
    def nobody(self) -> Identification:
        """Hand out an identification for a sale to no known person."""
        return self.hold(by=IdentifiedBy.NOBODY)

    def get(self, identification_id: str) -> Identification | None:
        """Give a living identification; None when it is unknown or 15 minutes of monotonic time have passed."""
        held = self.held(identification_id)
        return held.identification if held is not None else None

    def held(self, identification_id: str) -> Held | None:
        """The same, with the row the member's balance is counted from."""
        return self._identified.held(identification_id)

    def of_transaction(self, transaction_id: str) -> Identification | None:
        """Give the living identification that a WeChat payment led to."""
        return self._identified.of_transaction(transaction_id)

    def paid_lately(self, total_fen: int, within_s: float) -> list[Identification]:
        """Give what WeChat payments of this amount led to within the last seconds, the newest first."""
        held = self._identified.paid_since(self._clock.mono_s() - within_s, total_fen)
        return [one.identification for one in held]

    async def balance(self, found: FoundMember) -> int:
        """Points of a member: HQ's booked balance plus what this workstation booked after HQ's watermarks."""
        postings = await self._books.postings(POINTS_ACCOUNT, found.member.member_id)
        return found.member.points + unseen(postings, found.watermarks)

    async def balance_of(self, identification_id: str) -> int | None:
        """Points of a living identification's member; None when there is no such identification or no member."""
        held = self.held(identification_id)
        return await self.balance(held.found) if held is not None and held.found is not None else None

    def hold(
        self,
        *,
        by: IdentifiedBy,
        found: FoundMember | None = None,
        certainty: Certainty | None = None,
        payer_ref: str | None = None,
        payment: PaymentEvidence | None = None,
        nonce: str | None = None,
        ticket: VerifiedTicket | None = None,
    ) -> Identification:
        """Hand out an identification of whoever was found; for agent.identify_asked too."""
        identification = Identification(
            identification_id=random_id("idn", self._entropy.token(_ID_BYTES)),
            by=by,
            member=found.member if found is not None else None,
            certainty=certainty,
            payer_ref=payer_ref,
            payment=payment,
            nonce=nonce,
            ticket=ticket,
        )
        self._identified.hold(identification, found)
        return identification
