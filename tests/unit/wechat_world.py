"""A merchant's account made of a stand-in's keys, and the calls to it, for tests of sync.wechat."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sync.wechat.account import Account, V2Keys, V3Keys, private_key, public_key
from sync.wechat.transport import Transport
from sync.wechat.v2_calls import V2Calls
from sync.wechat.v3_calls import V3Calls
from tests.wechat_stand_in import WechatStandIn

T = TypeVar("T")
CODE = "134650061098828009"
OPENID, SUB_OPENID = "oUpF8uN95-Ptaags6E_roPHg7AG0", "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
PAID = "4200001234202609210000000001"


def account_of(wechat: WechatStandIn, *, hmac: bool = False, trusted: dict[str, str] | None = None) -> Account:
    """The account an operator would have entered."""
    pems = {wechat.wechat_serial: wechat.wechat_pem} if trusted is None else trusted
    keys = {serial: public_key(pem.encode()) for serial, pem in pems.items()}
    return Account(
        wechat.mch_id,
        wechat.appid,
        True,
        wechat.url,
        V2Keys(wechat.v2_key, "HMAC-SHA256" if hmac else "MD5"),
        V3Keys(wechat.serial, private_key(wechat.merchant_pem.encode()), wechat.v3_key.encode(), keys),
        {wechat.sub_mch_id: wechat.sub_appid},
    )


def order(wechat: WechatStandIn, transaction_id: str = PAID, total: int = 1280, state: str = "SUCCESS") -> None:
    """Put an order into the stand-in's books."""
    wechat.orders[transaction_id] = {
        "out_trade_no": f"o{transaction_id[-10:]}", "total": total, "state": state, "openid": OPENID,
        "sub_openid": SUB_OPENID, "sub_mch_id": wechat.sub_mch_id,
    }  # fmt: skip


def ask(wechat: WechatStandIn, work: Callable[[V2Calls, V3Calls], Awaitable[T]]) -> T:
    """Run one piece of work with fresh calls."""

    async def run() -> T:
        transport = Transport(verify=False)  # plain http; loading the authorities takes longer than the call
        try:
            return await work(
                V2Calls(transport, lambda: os.urandom(16).hex()),
                V3Calls(transport, wechat.now_s, lambda: os.urandom(16).hex()),
            )
        finally:
            await transport.close()

    return asyncio.run(asyncio.wait_for(run(), 30))
