"""Who is in front of the till, where HQ alone can say: by payment code, phone number, PIN or a code on the phone.

Called by the flow. Every answer comes within NETWORK_DEADLINE_MS; without one the cashier reads what to ask for
instead. What was asked for is neither kept nor repeated.
"""

from agent.domain.errors import Refusal
from agent.domain.member import Certainty, Identification, IdentifiedBy
from agent.domain.phone import mobile
from agent.domain.scan import CodeKind, normalise, unclaimed
from agent.identified import Held
from agent.identify import Identifier
from agent.identity_refusals import member_unknown, unreadable_code
from agent.payment_code import PaymentCodes, payment_code_needs_network
from agent.phone_lookup import PhoneLookup
from agent.verifying import Verifier, verify_needs_network


class AskedIdentifier:
    """Turns HQ's answers into identifications, which the till's own Identifier holds."""

    def __init__(
        self,
        identifier: Identifier,
        payment_codes: PaymentCodes | None,
        phones: PhoneLookup,
        verifier: Verifier | None,
    ) -> None:
        self._identifier = identifier
        self._payment_codes = payment_codes
        self._phones = phones
        self._verifier = verifier

    async def by_payment_code(self, text: str, mch_id: str = "", sub_mch_id: str = "") -> Identification:
        """Identify by a payment code before payment (agent.payment_code).

        Certainty PAYMENT: it prices and earns, and spends nothing. Raises Refusal: CODE_UNREADABLE,
        PAYMENT_CODE_NEEDS_NETWORK, MEMBER_UNKNOWN, and what agent.payment_code names.
        """
        kind = unclaimed(normalise(text))
        if not kind.is_payment:
            raise unreadable_code()
        if self._payment_codes is None or kind is not CodeKind.WECHAT_PAY:
            raise payment_code_needs_network()
        owner = await self._payment_codes.owner(normalise(text), mch_id, sub_mch_id)
        if owner.member_id is None:
            return self._identifier.hold(by=IdentifiedBy.PAYMENT_CODE)
        found = self._identifier.ours(await self._payment_codes.member(owner.member_id))
        if found is None:
            raise member_unknown()
        return self._identifier.hold(by=IdentifiedBy.PAYMENT_CODE, found=found, certainty=Certainty.PAYMENT)

    async def by_phone(self, text: str) -> Identification:
        """Identify by a phone number as it was said or typed (agent.phone_lookup).

        Certainty CODE: anybody may know a number, so it prices and earns, and spends nothing. Raises Refusal:
        PHONE_UNREADABLE (422), MEMBER_UNKNOWN (404), PHONE_NEEDS_NETWORK, PHONE_TRIED_TOO_OFTEN (409).
        """
        phone = _mobile(text)
        found = self._identifier.ours(await self._phones.owner(phone))
        if found is None:
            raise member_unknown()
        return self._identifier.hold(by=IdentifiedBy.PHONE, found=found, certainty=Certainty.CODE)

    async def verified(self, identification_id: str, *, pin: str = "", sms_code: str = "") -> Identification:
        """Verify the member of a living identification by PIN or by the code on their phone, checked at HQ.

        A new identification of the same member and evidence, certainty VERIFIED: it may spend. The former one stays
        what it was. Raises Refusal: IDENTIFICATION_EXPIRED, MEMBER_REQUIRED (422), and what agent.verifying names.
        """
        held, member_id, verifier = self._to_verify(identification_id)
        ticket = await verifier.word(member_id, pin=pin, sms_code=sms_code)
        return self._identifier.hold(
            by=held.identification.by,
            found=held.found,
            certainty=Certainty.VERIFIED,
            payment=held.identification.payment,
            nonce=ticket.nonce,
            ticket=ticket,
        )

    async def send_sms(self, identification_id: str, phone: str) -> int:
        """Have a code sent to the phone of whom an identification names; how long it may be entered, seconds.

        Raises Refusal: PHONE_UNREADABLE, IDENTIFICATION_EXPIRED, MEMBER_REQUIRED (422), and what agent.verifying names.
        """
        number = _mobile(phone)
        _held, member_id, verifier = self._to_verify(identification_id)
        return await verifier.send_sms(member_id, number)

    def _to_verify(self, identification_id: str) -> tuple[Held, str, Verifier]:
        held = self._identifier.held(identification_id)
        if held is None:
            raise Refusal(
                "IDENTIFICATION_EXPIRED",
                "the identification is unknown or older than 15 minutes",
                hint="resolve the member again",
                field="identification_id",
            )
        if held.identification.member is None:
            why = "this identification names no member"
            raise Refusal("MEMBER_REQUIRED", why, hint="resolve the member first", field="identification_id")
        if self._verifier is None:
            raise verify_needs_network()
        return held, held.identification.member.member_id, self._verifier


def _mobile(text: str) -> str:
    phone = mobile(text)
    if phone is None:
        hint = "eleven digits beginning with 1; +86, spaces and dashes may stand in it"
        raise Refusal("PHONE_UNREADABLE", "that is no mainland mobile number", hint=hint, field="phone")
    return phone
