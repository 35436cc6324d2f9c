"""What others ask of HQ about WeChat Pay: whose payment code is this, and notifications to take in.

Made by sync.hq.service; called by sync.hq.wechat_http. What WeChat said is acted upon in one transaction.
"""

import asyncio
from collections.abc import Mapping

from agent.domain.errors import Refusal, SyncError
from agent.ports import Clock
from sync.hq import wechat_accounts, wechat_checks, wechat_payers, wechat_payments
from sync.hq.bounds import WECHAT_PAYER_S
from sync.hq.db.seam import Connection
from sync.hq.enrol import Station
from sync.hq.keys import HqKeys
from sync.hq.wechat_calls import Books, WechatCalls
from sync.payer_protocol import PayerAnswer, PayerRequest
from sync.wechat import notice, v3
from sync.wechat.failures import WechatRefused
from sync.wechat.notice import Notice
from sync.wechat.states import Refused
from sync.wechat.v3_calls import signed_by

_REF_BYTES = 15


class WechatDesk:
    """Answers tills and WeChat. Refusals as named at each call."""

    def __init__(self, books: Books, calls: WechatCalls, keys: HqKeys, clock: Clock) -> None:
        self._books = books
        self._calls = calls
        self._keys = keys
        self._clock = clock
        self.wake = asyncio.Event()
        """Set when WeChat told something that a check may wait for."""

    # --- whose payment code is this ---------------------------------------------------------------------------------
    async def payer(self, station: Station, ask: PayerRequest) -> PayerAnswer:
        """Ask WeChat once, within WECHAT_PAYER_S. Refusal WECHAT_MERCHANT_UNKNOWN, WECHAT_MERCHANT_UNNAMED,
        WECHAT_CODE_REFUSED (the code is no good), WECHAT_AWAY (503: sell without it).
        """
        merchant = await self._books.read(lambda c: wechat_payers.charging(c, station, ask))
        now = self._clock.now_ms()
        if merchant.mch_id not in await self._books.read(lambda c: wechat_accounts.awake(c, now)):
            raise _away()
        account = await self._calls.account(merchant.mch_id)
        if account.v2 is None:
            what = "HQ has no v2 key of this store's WeChat merchant, and only v2 tells whose a payment code is"
            raise Refusal("WECHAT_MERCHANT_UNKNOWN", what, hint="`pos-agent hq wechat add --v2-key-file`", status=404)
        try:
            owner = await self._calls.noted(
                merchant.mch_id,
                self._calls.v2.owner_of(account, ask.auth_code, merchant.sub_mch_id, deadline_s=WECHAT_PAYER_S),
            )
        except WechatRefused as error:
            if error.kind is Refused.CODE:
                hint = "ask the customer to refresh the payment code"
                raise Refusal("WECHAT_CODE_REFUSED", f"WeChat refused: {error.code}", hint=hint, status=409) from None
            raise _away() from None
        except SyncError:
            raise _away() from None
        member_id = await self._books.read(
            lambda c: wechat_payers.member_of(c, self._keys, station.brand_id, owner.pairs)
        )
        return PayerAnswer(member_id=member_id, mch_id=merchant.mch_id, sub_mch_id=merchant.sub_mch_id)

    # --- what WeChat tells by itself --------------------------------------------------------------------------------
    async def notice(self, mch_id: str, headers: Mapping[str, str], body: bytes) -> Notice:
        """Take a notification in, once; the same again changes nothing.

        Refusal WECHAT_ACCOUNT_UNKNOWN, WECHAT_SIGNATURE_REFUSED (probes too), WECHAT_RESOURCE_UNREADABLE,
        WECHAT_RESULT_UNREADABLE, WECHAT_OTHER_MERCHANT. Nothing is stored of one that is refused.
        """
        account = await self._calls.account(mch_id)
        signed = signed_by(headers)
        if account.v3 is None or signed is None:
            why = "a notification must be signed, and HQ must hold the v3 keys"
            raise Refusal("WECHAT_SIGNATURE_REFUSED", why, hint="check `pos-agent hq wechat list`", status=401)
        # ORDER: the signature before anything of the body is read.
        v3.verify(account.v3.trusted, signed, body, now_s=self._clock.now_ms() // 1000)
        found = notice.read(body, account.v3.api_key)
        if found.paid is not None and found.paid.mch_id != mch_id:
            what = "the notification speaks of another merchant"
            raise Refusal(
                "WECHAT_OTHER_MERCHANT", what, hint="check the notify address set on the platform", status=403
            )
        now = self._clock.now_ms()
        await self._books.write(lambda c: self._keep_notice(c, mch_id, found, now))
        self.wake.set()
        return found

    def _keep_notice(self, connection: Connection, mch_id: str, found: Notice, now_ms: int) -> None:
        paid = found.paid
        kept = connection.execute(
            "INSERT INTO wechat_notices (mch_id, notice_id, event_type, transaction_id, received_at_ms)"
            " VALUES (:mch_id, :id, :type, :transaction_id, :now) ON CONFLICT DO NOTHING",
            {
                "mch_id": mch_id, "id": found.notice_id, "type": found.event_type, "now": now_ms,
                "transaction_id": "" if paid is None else paid.transaction_id or "",
            },
        )  # fmt: skip
        if kept.rowcount != 1 or paid is None or paid.transaction_id is None:
            return
        wechat_payments.keep(connection, self._keys, mch_id, paid, "notice", now_ms)
        wechat_checks.recheck(connection, mch_id, paid.transaction_id, now_ms)


def _away() -> Refusal:
    return Refusal(
        "WECHAT_AWAY",
        "WeChat could not be asked whose code this is",
        hint="scan the member code, or take the payment and hand over WeChat's answer",
        status=503,
    )
