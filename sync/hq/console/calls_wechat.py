"""The console's calls about WeChat Pay. Registered by sync.hq.console.calls."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from starlette.requests import Request

from sync.hq import console_log as log
from sync.hq.console import asks, door, uploads, wechat
from sync.hq.console.answers import Row, read
from sync.hq.console.desk import Desk
from sync.hq.console.people import Person, Role
from sync.hq.service import HqService
from sync.wechat.transport import BILL_BYTES


@dataclass(frozen=True, slots=True)
class WechatCalls:
    """Differences, accounts and bills."""

    hq: HqService
    desk: Desk
    scratch: Path

    def table(self) -> tuple[Row, ...]:
        """Every call."""
        return (
            ("GET", "/wechat", Role.VIEWER, self._view),
            ("POST", "/wechat/explain", Role.OPERATOR, self._explain),
            ("POST", "/wechat/bills/{mch_id}/{day}", Role.OPERATOR, self._bill),
        )

    async def _view(self, _who: Person, request: Request) -> dict[str, Any]:
        asked = request.query_params
        return await self.desk.wechat(asked.get("mch", ""), asked.get("day", ""))

    async def _explain(self, who: Person, request: Request) -> dict[str, Any]:
        ask = await read(request, asks.WechatAsk)
        await self.desk.explain_wechat(who, (ask.mch_id, ask.transaction_id, ask.code), ask.why)
        return {}

    async def _bill(self, who: Person, request: Request) -> dict[str, Any]:
        door.need_type(request, "text/csv")
        mch_id, day = request.path_params["mch_id"], request.path_params["day"]
        entry = log.Entry(who.name, log.Act.WECHAT_BILL, f"{mch_id} {day}", "", "")
        parts = door.parts_of(request, BILL_BYTES)
        doing = uploads.check_bill(self.hq, self.desk.people.reckoner, self.scratch, mch_id, day, parts)
        report = await self.desk.noted(entry, doing, wechat.summed)
        found = asdict(report)
        return {"report": found | {"differences": len(report.differences)}}
