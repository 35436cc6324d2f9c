"""A one-time code to a member's phone, asked for by a till: to whom, how often, and by which gateway.

Made by sync.hq.members_office; called by sync.hq.member_http and sync.hq.members_admin. HQ keeps no number: the
customer says it, HQ sees by its index that it is theirs, and hands it to the brand's gateway.
"""

from typing import Final

from agent.domain.errors import Refusal
from agent.domain.ids import random_id
from sync.hq import audit, hourly, sms_codes
from sync.hq.bounds import PHONE_ASKS_AN_HOUR, PHONE_STRANGER_COSTS, SMS_AN_HOUR
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.parts import Parts
from sync.hq.phones import PHONE_NOTE, PHONE_TRIED_TOO_OFTEN, owner_of
from sync.hq.signed_posts import Address
from sync.hq.sms_codes import Code
from sync.hq.sms_gateways import GATEWAYS, HttpSms, SmsOrder, SmsSender
from sync.verify_protocol import SmsAnswer, SmsRequest

_ID_BYTES: Final = 15
_CODE_BYTES: Final = 8
_DIGITS: Final = 6
_REFUSED: Final = {
    "not_theirs": ("PHONE_NOT_THEIRS", "that is not the number this member gave", "ask for the number again"),
    "too_soon": ("SMS_TOO_SOON", "a code was sent within the minute", "wait for it, or ask again after a minute"),
    "too_many": ("SMS_TOO_MANY", "too many codes were sent", "ask for the dynamic code, or the PIN"),
    "tried": (PHONE_TRIED_TOO_OFTEN, "this workstation tried too many phone numbers", "ask for the dynamic code"),
    "refused": ("SMS_NOT_SENT", "the brand's gateway refused the message", "ask for the dynamic code, or the PIN"),
    "unsure": ("SMS_NOT_SENT", "the brand's gateway did not answer", "ask again: the same code is sent once"),
}


class Sms:
    """Answers tills and operators."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.sender: SmsSender = HttpSms()

    async def send(self, station: Station, ask: SmsRequest) -> SmsAnswer:
        """Send a code to a member's phone.

        Refusal SMS_NOT_CONFIGURED, PHONE_NOT_THEIRS, SMS_TOO_SOON, SMS_TOO_MANY, SMS_NOT_SENT, PHONE_TRIED_TOO_OFTEN
        (409). Where nobody knows whether it was sent, the next call sends the same code under the same request id.
        """
        keys, now = self._parts.keys, self._parts.clock.now_ms()
        gateway = await self._parts.books.read(lambda c: GATEWAYS.of_brand(c, keys, station.brand_id))
        if gateway is None:
            hint = "`pos-agent hq sms` enters the brand's own gateway; ask for the dynamic code, or the PIN"
            raise Refusal("SMS_NOT_CONFIGURED", "this brand sends no messages", hint=hint, status=409)
        fresh = Code(random_id("sms", self._parts.entropy.token(_ID_BYTES)), self._digits(), now)
        begun = await self._parts.books.write(lambda c: self._begun(c, station, ask, fresh))
        if isinstance(begun, str):  # ORDER: out here, so that what was counted is committed
            raise _refusal(begun)
        return await self._sent(station, ask, gateway, begun)

    def _digits(self) -> str:
        return f"{int.from_bytes(self._parts.entropy.token(_CODE_BYTES)) % 10**_DIGITS:0{_DIGITS}d}"

    def _begun(self, connection: Connection, station: Station, ask: SmsRequest, fresh: Code) -> Code | str:
        who, now_ms = station.workstation_id, fresh.at_ms
        if hourly.spent(connection, who, "phone", now_ms) >= PHONE_ASKS_AN_HOUR:
            found = [hourly.noted("phone", PHONE_TRIED_TOO_OFTEN, PHONE_NOTE, now_ms)]
            audit.record(connection, who, found, now_ms)
            return "tried"
        sms_codes.hold(connection, ask.member_id)
        if owner_of(connection, self._parts.keys, station.brand_id, ask.phone) != ask.member_id:
            hourly.spend(connection, who, "phone", PHONE_STRANGER_COSTS, now_ms)
            return "not_theirs"
        if hourly.spent(connection, who, "sms", now_ms) >= SMS_AN_HOUR:
            return "too_many"
        hourly.spend(connection, who, "sms", 1, now_ms)
        return sms_codes.begin(connection, self._parts.keys, who, ask.member_id, fresh)

    async def _sent(self, station: Station, ask: SmsRequest, gateway: Address, code: Code) -> SmsAnswer:
        left_s = max(0, code.until_ms - self._parts.clock.now_ms()) // 1000
        order = SmsOrder(
            request_id=code.request_id, brand_id=station.brand_id, phone=ask.phone, code=code.code,
            expires_s=(code.until_ms - code.at_ms) // 1000, at_ms=code.at_ms,
        )  # fmt: skip
        outcome = await self.sender.send(gateway, order)
        if outcome != "unsure":
            await self._parts.books.write(lambda c: sms_codes.settle(c, ask.member_id, code, outcome))
        if outcome != "sent":
            raise _refusal(outcome)
        return SmsAnswer(expires_s=left_s)

    # --- operators --------------------------------------------------------------------------------------------------
    async def set_gateway(self, brand_id: str, url: str) -> str:
        """Enter a brand's gateway; the key that signs the calls, in hex, shown once. Empty: none any more."""
        return await GATEWAYS.enter(self._parts, brand_id, url)


def _refusal(why: str) -> Refusal:
    code, detail, hint = _REFUSED[why]
    return Refusal(code, detail, hint=hint, status=409)
