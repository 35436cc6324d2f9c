"""Scenes in which something goes wrong between POS and till: lost, busy, slow, twice, restarted, out of paper.

Called by agent.kit.conformance in the order of its list.
"""

import json
from itertools import pairwise
from typing import Any

from agent.kit.faults import Act, Kind
from agent.kit.record import Exchange
from agent.kit.stage import SALES, Stage

_ONE: list[dict[str, Any]] = [{"code": "10004", "qty": 1}]
_EARLY_S = 0.1  # LIMIT: clocks of two programs may round this far apart


async def lost_answer(stage: Stage) -> None:
    """The till books, and its answer is lost (pains 2)."""
    stage.plan.put("POST", SALES, Act(Kind.LOST))
    await stage.sell(_ONE)
    await stage.until(lambda: len(stage.calls("POST", SALES)) > 1)
    stage.same_bodies("lost.same", stage.calls("POST", SALES))
    await stage.booked_once("lost.once")


async def unavailable(stage: Stage) -> None:
    """503 with Retry-After, twice: the agent restarts."""
    wait_s = stage.pace.retry_after_s
    stage.plan.put("POST", SALES, *[Act(Kind.PROBLEM, retry_after_s=wait_s)] * 2)
    await stage.sell(_ONE)
    sent = stage.calls("POST", SALES)
    stage.same_bodies("busy.same", sent)
    early = [
        later
        for first, later in pairwise(sent)
        if first.pos_status == 503 and later.at_s - first.ended_s < wait_s - _EARLY_S
    ]
    why = f"it came again before the {wait_s} s of Retry-After had passed"
    stage.check("busy.wait", len(sent) > 1 and not early, why, early[0] if early else None)


async def slow(stage: Stage) -> None:
    """The answer comes late: a POS that does not wait must repeat, not sell again."""
    stage.plan.put("POST", SALES, Act(Kind.SLOW, delay_s=stage.pace.slow_s))
    await stage.sell(_ONE)
    ids = {one.sent.get("sale_id") for one in stage.calls("POST", SALES) if isinstance(one.sent, dict)}
    await stage.booked_once("slow.once")
    if len(ids) > 1:
        stage.check("slow.once", False, f"one sale came under {len(ids)} ids", stage.calls("POST", SALES)[-1])


async def in_flight(stage: Stage) -> None:
    """The same sale is being booked at this moment."""
    stage.plan.put("POST", SALES, *[Act(Kind.PROBLEM, status=409, code="IN_FLIGHT")] * 2)
    await stage.sell(_ONE)
    stage.same_bodies("in_flight.same", stage.calls("POST", SALES))


async def conflict(stage: Stage) -> None:
    """Somebody booked another sale under this sale_id before."""
    taken: list[str] = []

    async def take(exchange: Exchange) -> None:
        if isinstance(exchange.sent, dict):
            taken.append(str(exchange.sent.get("sale_id")))
            await stage.till.book_another(taken[0])

    stage.plan.put("POST", SALES, Act(before=take))
    await stage.sell(_ONE)
    await stage.until(lambda: any(_id(one) not in taken for one in stage.calls("POST", SALES)))
    await stage.until(lambda: all(one.ended_s for one in stage.calls("POST", SALES)))
    mine = [one for one in await stage.booked("sale") if one["sale_id"] not in taken]
    sent = stage.calls("POST", SALES)
    why = f"the books have {len(mine)} sales of the POS under an id of its own; its customer paid once"
    stage.check("conflict.new_id", len(mine) == 1, why, sent[-1] if sent else None)


async def restart(stage: Stage) -> None:
    """The agent restarts between quote and sale: the quote is gone, the token and the events are not."""
    streams = [one for one in stage.relay.record.calls("GET", "/v1/events") if one.last_event is not None]
    settled = max((one.last_event or 0 for one in streams), default=0)
    restarted: list[int] = []

    async def again(_: Exchange) -> None:
        restarted.append(len(stage.relay.record))
        await stage.till.restart()

    stage.plan.put("POST", "/v1/quotes", Act(after=again))
    await stage.sell(_ONE)
    await stage.until(lambda: bool(restarted and _streams(stage, restarted[0])))
    paired = stage.calls("POST", "/v1/pair")
    refused = [one for one in stage.calls("POST", "") if one.till_status == 401]
    wrong = next(iter(paired + refused), None)
    stage.check("restart.token", wrong is None, "the token lives on; pairing again needs a person", wrong)
    opened = _streams(stage, restarted[0]) if restarted else []
    marks = [one.headers.get("last-event-id", "") for one in opened]
    kept = bool(marks) and marks[0].isdigit() and int(marks[0]) >= settled
    why = f"the first stream after the restart came with Last-Event-ID {marks[:1]}, events up to {settled} were told"
    stage.check("restart.resume", kept, why, opened[0] if opened else None)
    sales, sent = await stage.booked("sale"), stage.calls("POST", SALES)
    goods = [line["sku"] for one in sales for line in one["lines"]]
    stage.check("restart.lines", goods == ["10004"], f"the books have goods {goods}", sent[-1] if sent else None)


async def paper_out(stage: Stage) -> None:
    """The roll is empty: the sale is booked, the receipt waits by itself."""
    stage.till.paper(out=True)
    try:
        await stage.sell(_ONE)
    finally:
        stage.till.paper(out=False)
    extra = [one for end in ("/v1/print-jobs", "/reprint", "/void") for one in stage.calls("POST", end)]
    await stage.booked_once("paper.once")
    if extra:
        stage.check("paper.once", False, "the receipt waits by itself and comes once; this would be another", extra[0])


async def give_back(stage: Stage) -> None:
    """One of two pieces comes back, and the answer is lost; then the rest of the sale is voided."""
    told = await stage.sell([{"code": "10005", "qty": 2}])
    sales = await stage.booked("sale")
    if not sales:
        for rule in ("return.same", "return.once", "void.once"):
            stage.check(rule, False, "no sale was booked that could come back")
        return
    sale_id = str(told.get("sale_id") or sales[-1]["sale_id"])
    stage.plan.put("POST", "/v1/returns", Act(Kind.LOST))
    await stage.driver.do({"do": "return", "sale_id": sale_id, "lines": [{"line": 1, "qty": 1}]})
    await stage.until_booked("return")
    await stage.until(lambda: len(_bookings(stage.calls("POST", "/v1/returns"))) > 1)
    sent = _bookings(stage.calls("POST", "/v1/returns"))
    stage.same_bodies("return.same", sent)
    booked = await stage.booked("return")
    back = [(one["sale_id"], [(line["line"], line["qty"]) for line in one["lines"]]) for one in booked]
    stage.check("return.once", back == [(sale_id, [(1, -1)])], f"the books have {back}", sent[-1] if sent else None)
    await stage.driver.do({"do": "void", "sale_id": sale_id})
    await stage.until_booked("void")
    await stage.booked_once("void.once", "/void", "void")


def all_valid(stage: Stage) -> None:
    """Over the whole run: nothing that the API cannot read, no call without the token."""
    bad = {400, 403, 404, 405, 413, 415, 422}
    wrong = [one for one in stage.relay.record if one.till_status in bad]
    bare = [one for one in stage.relay.record if one.till_status == 401]
    first = next(iter(wrong + bare), None)
    why = "" if first is None else f"refused with {_code(first)}"
    stage.check("calls.valid", first is None, why, first)


def _streams(stage: Stage, since: int) -> list[Exchange]:
    return [one for one in stage.relay.record.calls("GET", "/v1/events", since) if one.pos_status == 200]


def _bookings(sent: list[Exchange]) -> list[Exchange]:
    """Without previews, which book nothing."""
    return [one for one in sent if not (isinstance(one.sent, dict) and one.sent.get("preview"))]


def _id(one: Exchange) -> str:
    return str(one.sent.get("sale_id")) if isinstance(one.sent, dict) else ""


def _code(one: Exchange) -> str:
    try:
        said = json.loads(one.till_answer)
    except ValueError:
        return str(one.till_status)
    return f"{said.get('code')}: {said.get('title')} {json.dumps(said.get('errors') or '', ensure_ascii=False)}"
