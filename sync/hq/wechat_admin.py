"""What operators ask of a running HQ about WeChat Pay, over the same unix socket as sync.hq.admin.

Included by sync.hq.admin; called by `pos-agent hq wechat ...`, which does the same itself where HQ is down.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from sync.hq.admin_door import Ask, Hq
from sync.hq.service import HqService
from sync.hq.wechat_accounts import Entry
from sync.hq.wechat_cards import BrandCard
from sync.wechat.account import WECHAT_URL
from sync.wechat.cards import Generation


class AccountAsk(Ask):
    """Enter a merchant or its new keys; `base_url` is empty for WeChat's usual one."""

    mch_id: str
    appid: str
    is_partner: bool
    base_url: str
    v2_key: str = Field(repr=False)
    hmac: bool
    v3_key: str = Field(repr=False)
    serial: str
    private_key: str = Field(repr=False)


class TrustAsk(Ask):
    """Trust a key of WeChat's; without `pem` fetch the platform certificates."""

    mch_id: str
    serial: str
    pem: str


class SubAsk(Ask):
    """Name the appid of a sub-merchant."""

    mch_id: str
    sub_mch_id: str
    sub_appid: str


class BillAsk(Ask):
    """Check a day's bill; `path` of a file that HQ's own user can read, or empty to fetch it."""

    mch_id: str
    day: str
    path: str


class WechatDifferencesAsk(Ask):
    """Open differences, of one merchant and day or of all (empty)."""

    mch_id: str
    day: str


class CardAsk(Ask):
    """Say which member card a brand has."""

    brand_id: str
    generation: str
    mch_id: str
    card_id: str
    wechat_brand_id: str


class LinkAsk(Ask):
    """Say which card is a member's."""

    brand_id: str
    member_number: str
    code: str = Field(repr=False)
    openid: str = Field(repr=False)
    shown: int


class JoinAsk(Ask):
    """Make the address of a join QR."""

    brand_id: str
    scene: str


class NothingAsk(Ask):
    """Nothing more to say."""


router = APIRouter()


@router.post("/wechat/accounts")
async def put_account(ask: AccountAsk, hq: Hq) -> JSONResponse:
    """Enter a merchant."""
    return JSONResponse(await add_account(hq, ask))


@router.post("/wechat/list")
async def list_accounts(_: NothingAsk, hq: Hq) -> JSONResponse:
    """List accounts without their keys."""
    return JSONResponse(await accounts(hq))


@router.post("/wechat/trusted")
async def put_trusted(ask: TrustAsk, hq: Hq) -> JSONResponse:
    """Trust WeChat's keys."""
    return JSONResponse(await trust(hq, ask))


@router.post("/wechat/subs")
async def put_sub(ask: SubAsk, hq: Hq) -> JSONResponse:
    """Name a sub-merchant's appid."""
    return JSONResponse(await set_sub(hq, ask))


@router.post("/wechat/bills")
async def put_bill(ask: BillAsk, hq: Hq) -> JSONResponse:
    """Check a bill."""
    return JSONResponse(await check_bill(hq, ask))


@router.post("/wechat/differences")
async def list_differences(ask: WechatDifferencesAsk, hq: Hq) -> JSONResponse:
    """List open differences."""
    return JSONResponse(await differences(hq, ask))


@router.post("/wechat/cards")
async def put_card(ask: CardAsk, hq: Hq) -> JSONResponse:
    """Say which card a brand has."""
    return JSONResponse(await set_card(hq, ask))


@router.post("/wechat/links")
async def put_link(ask: LinkAsk, hq: Hq) -> JSONResponse:
    """Say which card is a member's."""
    return JSONResponse(await link_card(hq, ask))


@router.post("/wechat/join")
async def put_join(ask: JoinAsk, hq: Hq) -> JSONResponse:
    """Make a join address."""
    return JSONResponse(await join_url(hq, ask))


async def add_account(hq: HqService, ask: AccountAsk) -> dict[str, Any]:
    """Enter a merchant."""
    await hq.wechat.office.add(Entry(**{**ask.model_dump(), "base_url": ask.base_url or WECHAT_URL}))
    return {}


async def accounts(hq: HqService) -> dict[str, Any]:
    """List accounts without their keys."""
    return {"accounts": [asdict(one) for one in await hq.wechat.office.accounts()]}


async def trust(hq: HqService, ask: TrustAsk) -> dict[str, Any]:
    """Trust the key given, else fetch platform certificates."""
    if not ask.pem:
        return {"serials": await hq.wechat.office.renew_certificates(ask.mch_id)}
    await hq.wechat.office.trust(ask.mch_id, ask.serial, ask.pem)
    return {"serials": [ask.serial]}


async def set_sub(hq: HqService, ask: SubAsk) -> dict[str, Any]:
    """Name a sub-merchant's appid."""
    await hq.wechat.office.set_sub_appid(ask.mch_id, ask.sub_mch_id, ask.sub_appid)
    return {}


async def check_bill(hq: HqService, ask: BillAsk) -> dict[str, Any]:
    """Check a bill."""
    file = Path(ask.path) if ask.path else None
    return {"report": asdict(await hq.wechat.office.check_bill(ask.mch_id, ask.day, file))}


async def differences(hq: HqService, ask: WechatDifferencesAsk) -> dict[str, Any]:
    """List open differences."""
    return {"differences": await hq.wechat.office.differences(ask.mch_id, ask.day)}


async def set_card(hq: HqService, ask: CardAsk) -> dict[str, Any]:
    """Say which card a brand has."""
    card = BrandCard(ask.brand_id, Generation(ask.generation), ask.mch_id, ask.card_id, ask.wechat_brand_id)
    await hq.wechat.office.set_card(card)
    return {}


async def link_card(hq: HqService, ask: LinkAsk) -> dict[str, Any]:
    """Say which card is a member's."""
    await hq.wechat.office.link_card(ask.brand_id, ask.member_number, ask.code, ask.openid, ask.shown)
    return {}


async def join_url(hq: HqService, ask: JoinAsk) -> dict[str, Any]:
    """Make a join address."""
    return {"url": await hq.wechat.office.join_url(ask.brand_id, ask.scene)}
