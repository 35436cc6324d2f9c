"""Is this really the member? HQ's answer to tills, and how members come to a PIN.

Made by sync.hq.members_office; called by sync.hq.member_http, sync.hq.channel_http and sync.hq.members_admin. No PIN is
kept, logged or repeated; what a till gets is HQ's signed word for one member at one workstation.
"""

import base64
from typing import Final, Literal

from agent.domain.errors import Refusal
from agent.domain.verified import signing_bytes
from sync.channel_protocol import MemberRef
from sync.hq import audit, channels, hourly, member_pins, sms_codes
from sync.hq.bounds import WRONG_PINS_AN_HOUR
from sync.hq.channels import Channel
from sync.hq.coupon_write import member_of
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station, index_key
from sync.hq.parts import Parts
from sync.verify_protocol import VerifyAnswer, VerifyRequest

_NONCE_BYTES: Final = 12
_TRIED_TOO_OFTEN: Final = "PIN_TRIED_TOO_OFTEN"
_NOTE: Final = f"more than {WRONG_PINS_AN_HOUR} wrong PINs of members within the hour"
_REFUSED: Final = {
    "wrong": ("MEMBER_PIN_WRONG", "the PIN is wrong", "the fifth wrong one in a row locks it for a while"),
    "locked": ("MEMBER_PIN_LOCKED", "too many wrong PINs", "the dynamic code serves meanwhile; or set a new PIN"),
    "unset": ("MEMBER_PIN_UNSET", "this member has no PIN", "it is set in the brand's own app, or by an operator"),
    "code_wrong": ("SMS_CODE_WRONG", "the code is wrong", "the fifth wrong try ends it"),
    "code_expired": ("SMS_CODE_EXPIRED", "no code of this member is good here", "send another one"),
    "too_often": (_TRIED_TOO_OFTEN, "too many wrong PINs at this workstation", "ask for the dynamic code"),
}


class Verifying:
    """Answers tills, channels and operators."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # --- tills ------------------------------------------------------------------------------------------------------
    async def verify(self, station: Station, ask: VerifyRequest) -> VerifyAnswer:
        """HQ's word that the member's own PIN, or the code sent to their phone, was entered at this workstation.

        Refusal MEMBER_UNKNOWN (404), MEMBER_PIN_WRONG, MEMBER_PIN_LOCKED, MEMBER_PIN_UNSET, SMS_CODE_WRONG,
        SMS_CODE_EXPIRED (409), and PIN_TRIED_TOO_OFTEN (409), which is noted on the workstation for a person.
        """
        now = self._parts.clock.now_ms()
        found = await self._parts.books.write(lambda c: self._tried(c, station, ask, now))
        if found != "right":  # ORDER: out here, so that the wrong try is committed
            code, detail, hint = _REFUSED[found]
            raise Refusal(code, detail, hint=hint, field="pin" if ask.pin else "sms_code", status=409)
        nonce = base64.urlsafe_b64encode(self._parts.entropy.token(_NONCE_BYTES)).decode()
        at_s, how = now // 1000, _how(ask)
        said = signing_bytes(station.workstation_id, station.brand_id, ask.member_id, how, at_s, nonce)
        signature = base64.b64encode(self._parts.keys.sign(said)).decode()
        return VerifyAnswer(how=how, at_s=at_s, nonce=nonce, signature=signature)

    def _tried(self, connection: Connection, station: Station, ask: VerifyRequest, now_ms: int) -> str:
        if hourly.spent(connection, station.workstation_id, "pin", now_ms) >= WRONG_PINS_AN_HOUR:
            found = [hourly.noted("pin", _TRIED_TOO_OFTEN, _NOTE, now_ms)]
            audit.record(connection, station.workstation_id, found, now_ms)
            return "too_often"
        _require(connection, station.brand_id, ask.member_id)
        who, keys = station.workstation_id, self._parts.keys
        tried: str = (
            member_pins.tried(connection, keys, ask.member_id, ask.pin, now_ms)
            if ask.pin
            else sms_codes.tried(connection, keys, who, ask.member_id, ask.sms_code, now_ms)
        )
        if tried in ("wrong", "code_wrong"):
            hourly.spend(connection, who, "pin", 1, now_ms)
        return tried

    # --- whose PIN it is --------------------------------------------------------------------------------------------
    async def set_by_channel(self, channel: Channel, ref: MemberRef, pin: str) -> str:
        """Set a member's PIN, or take it away (empty); the member's id. Refusal MEMBER_UNKNOWN, MEMBER_PIN_WEAK."""

        def work(connection: Connection) -> str:
            member_id = channels.resolve(connection, self._parts.keys, channel.brand_id, ref)
            self._put(connection, channel.brand_id, member_id, pin)
            return member_id

        return await self._parts.books.write(work)

    async def set_by_operator(self, brand_id: str, member: str, pin: str) -> None:
        """As set_by_channel, for a member named by number or card; Refusal BRAND_UNKNOWN too."""

        def work(connection: Connection) -> None:
            found = member_of(connection, brand_id, index_key(connection, self._parts.keys, brand_id), member)
            self._put(connection, brand_id, found or "", pin)

        await self._parts.books.write(work)

    def _put(self, connection: Connection, brand_id: str, member_id: str, pin: str) -> None:
        member_pins.hold(connection, member_id)
        _require(connection, brand_id, member_id)
        if pin:
            salt, now = self._parts.entropy.token(member_pins.SALT_BYTES), self._parts.clock.now_ms()
            member_pins.put(connection, self._parts.keys, member_id, pin, salt, now)
        else:
            member_pins.remove(connection, member_id)


def _how(ask: VerifyRequest) -> Literal["pin", "sms"]:
    return "pin" if ask.pin else "sms"


def _require(connection: Connection, brand_id: str, member_id: str) -> None:
    row = connection.execute(
        "SELECT 1 FROM members WHERE member_id = :id AND brand_id = :brand AND status = 'active'",
        {"id": member_id, "brand": brand_id},
    ).fetchone()
    if row is None:
        raise Refusal("MEMBER_UNKNOWN", "this brand has no such member", field="member_id", status=404)
