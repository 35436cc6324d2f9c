"""What operators ask of a running HQ about members, over the same unix socket as sync.hq.admin.

Included by sync.hq.admin; called by `pos-agent hq review | changes | pack | channel | channels | export | recount |
erase | erasures`, which do the same themselves where HQ is down.
"""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

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
