"""What operators ask of a running HQ about members, over the same unix socket as sync.hq.admin.

Included by sync.hq.admin; called by `pos-agent hq review | changes | pack | pin | sms | channel | channels |
export | recount | erase | erasures`, which do the same themselves where HQ is down.
"""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from sync.hq.admin_door import Ask, Hq, Told
from sync.hq.metrics import METRICS
from sync.hq.service import HqService


class ReviewAsk(Ask):
    """Review the tiers of a brand, or only say what that would do."""

    brand_id: str
    dry_run: bool


class PackAsk(Ask):
    """Give a member the new-member pack."""

    brand_id: str
    member_number: str


class PinAsk(Ask):
    """Give a member a PIN, or take it away (empty)."""

    brand_id: str
    member_number: str
    pin: Annotated[str, Field(repr=False)]


class SmsAsk(Ask):
    """Enter a brand's SMS gateway, or take it away (no address)."""

    brand_id: str
    url: str


class ChannelAsk(Ask):
    """Enter an online channel (or renew its token), or revoke it."""

    channel: str
    brand_id: str
    url: str
    revoke: bool


class StuckAsk(Ask):
    """Pushes that wait for a person; with `retry` those of a channel begin anew."""

    retry: str


class FiguresAsk(Ask):
    """One page of a figure behind a place."""

    metric: str
    brand_id: str
    first: str
    last: str
    after: str


class RecountAsk(Ask):
    """Count a brand's facts anew."""

    brand_id: str


class DrawsAsk(Ask):
    """One page of a lottery's day behind a place."""

    brand_id: str
    lottery_id: str
    day: str
    after: str


class ReservationsAsk(Ask):
    """Who comes on a day to a store, or (empty) to all."""

    brand_id: str
    day: str
    store_id: str


class IdentityAsk(Ask):
    """Enter a brand's provider of identity checks, or (empty address) remove it."""

    brand_id: str
    url: str


class EraseAsk(Ask):
    """Erase a member, named by number or id."""

    brand_id: str
    member: str
    asked_by: str
    reason: str


class ErasuresAsk(Ask):
    """Requests of a brand, or of all (empty)."""

    brand_id: str


router = APIRouter()


@router.post("/members/review")
async def review(ask: ReviewAsk, hq: Hq) -> JSONResponse:
    """Review tiers."""
    return JSONResponse(await hq.members.review(ask.brand_id, dry_run=ask.dry_run))


@router.post("/members/pack")
async def pack(ask: PackAsk, hq: Hq) -> JSONResponse:
    """Give a pack."""
    return JSONResponse(await give_pack(hq, ask))


@router.post("/members/pin")
async def pin(ask: PinAsk, hq: Hq) -> JSONResponse:
    """Give or take away a PIN."""
    await hq.members.verifying.set_by_operator(ask.brand_id, ask.member_number, ask.pin)
    return JSONResponse({})


@router.post("/members/sms")
async def sms(ask: SmsAsk, hq: Hq) -> JSONResponse:
    """Enter a gateway; its key, shown once."""
    return JSONResponse({"key": await hq.members.sms.set_gateway(ask.brand_id, ask.url)})


@router.post("/members/channel")
async def channel(ask: ChannelAsk, hq: Hq) -> JSONResponse:
    """Enter or revoke a channel."""
    return JSONResponse(await one_channel(hq, ask))


@router.post("/members/stuck")
async def stuck(ask: StuckAsk, hq: Hq) -> JSONResponse:
    """List or begin anew."""
    return JSONResponse(await stuck_pushes(hq, ask))


@router.post("/members/figures")
async def figures(ask: FiguresAsk, hq: Hq) -> JSONResponse:
    """One page of a figure."""
    return JSONResponse(await one_page(hq, ask))


@router.post("/members/draws")
async def draws(ask: DrawsAsk, hq: Hq) -> JSONResponse:
    """One page of draws."""
    return JSONResponse(await hq.channels.play.draws(ask.brand_id, ask.lottery_id, ask.day, ask.after))


@router.post("/members/reservations")
async def reservations(ask: ReservationsAsk, hq: Hq) -> JSONResponse:
    """Who comes on a day."""
    return JSONResponse(await hq.channels.play.reservations(ask.brand_id, ask.day, ask.store_id))


@router.post("/members/links")
async def links(ask: ErasuresAsk, hq: Hq) -> JSONResponse:
    """Links of a brand with others."""
    return JSONResponse(await hq.channels.play.links(ask.brand_id))


@router.post("/members/identity-provider")
async def identity_provider(ask: IdentityAsk, hq: Hq) -> JSONResponse:
    """Enter or remove a provider."""
    return JSONResponse({"key": await hq.channels.identity.set_provider(ask.brand_id, ask.url)})


@router.post("/members/identity-checks")
async def identity_checks(ask: ErasuresAsk, hq: Hq) -> JSONResponse:
    """Checks of a brand."""
    return JSONResponse({"checks": await hq.channels.identity.listed(ask.brand_id)})


@router.post("/members/recount")
async def recount(ask: RecountAsk, hq: Hq, told: Told) -> JSONResponse:
    """Count anew."""
    return JSONResponse({"events": await hq.members.recount(ask.brand_id, told)})


@router.post("/members/erase")
async def erase(ask: EraseAsk, hq: Hq) -> JSONResponse:
    """Erase a member."""
    return JSONResponse(await one_erasure(hq, ask))


@router.post("/members/erasures")
async def erasures(ask: ErasuresAsk, hq: Hq) -> JSONResponse:
    """List requests."""
    return JSONResponse({"erasures": await hq.members.erased(ask.brand_id)})


async def give_pack(hq: HqService, ask: PackAsk) -> dict[str, Any]:
    """Points and coupon id that were given now."""
    points, coupon_id = await hq.members.give_pack(ask.brand_id, ask.member_number)
    return {"points": points, "coupon_id": coupon_id}


async def one_channel(hq: HqService, ask: ChannelAsk) -> dict[str, Any]:
    """Token and key of a channel, shown once."""
    if ask.revoke:
        await hq.channels.revoke(ask.channel)
        return {}
    given = await hq.channels.add(ask.channel, ask.brand_id, ask.url)
    return {"token": given.token, "key": given.key}


async def stuck_pushes(hq: HqService, ask: StuckAsk) -> dict[str, Any]:
    """What waits for a person, or how many began anew."""
    if ask.retry:
        return {"retried": await hq.channels.retry(ask.retry)}
    return {"stuck": await hq.channels.stuck()}


async def one_page(hq: HqService, ask: FiguresAsk) -> dict[str, Any]:
    """Columns, rows, and the place to ask from next."""
    rows, place = await hq.members.figures(ask.metric, ask.brand_id, ask.first, ask.last, ask.after)
    return {"columns": list(METRICS[ask.metric].columns), "rows": rows, "after": place}


async def one_erasure(hq: HqService, ask: EraseAsk) -> dict[str, Any]:
    """Whether it was done now."""
    return {"erased": await hq.members.erase(ask.brand_id, ask.member, ask.asked_by, ask.reason)}
