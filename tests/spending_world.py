"""A till and rich members: points, stored value, coupons, count cards, and rules that let them be spent.

`rich(till)` gives a member nobody used before; `second(till)` opens another workstation of the same store and HQ.
"""

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.api.answers_member import IdentificationView
from agent.demo import world as chain
from agent.domain.digest import Json
from agent.domain.validity import local_day
from agent.enrolling import enrol
from agent.main import Agent
from tests.api_till import ApiTill, checked, problem, running

RICH = 80
KNOWN = "170000009999"
"""Of whom HQ knows more: a birthday today, points that end in ten days, a tier to come, 600 yuan this month."""
ITEM_COLUMNS = (
    "sku,barcode,name,list_yuan,member_yuan,promo_yuan,no_member_discount,earns,by_weight,min_yuan,market_yuan\n"
)
POINTS, PRINCIPAL_FEN, GIFT_FEN, UNITS = 3000, 10_000, 3_000, 10
CUSTODIAN = "示例银行成都分行"


def _list(value: Json) -> list[Json]:
    assert isinstance(value, list)
    return value


RULES: dict[str, Json] = {
    **chain.RULES,
    "version": 2,
    "redeem": {"points_per_unit": 100, "fen_per_unit": 100, "cap_bp": 5000},
    "moling": "jiao",
    "stored_value": True,
    "points_valid_months": 12,
    "month_multiplier_on": True,
    "fund_custodian": CUSTODIAN,
    "promos": [
        *_list(chain.RULES["promos"]),
        {
            "id": "p_dated", "type": "amount_off", "name": "西瓜立减1元", "off_fen": 100, "scope": ["10004"],
            "start": "2026-01-01", "end": "2030-12-31",
        },
    ],
}  # fmt: skip
JUICE: list[dict[str, Any]] = [{"code": "10005", "qty": 4}]  # 15.00, gold pays 13.20: 52.80
MANY: list[dict[str, Any]] = [{"code": "10005", "qty": 50}]
_BATCHES = """batch_id,name,type,start,end,off_yuan,off_bp,min_yuan,scope,max_off_yuan,stackable
r5,满30减5元券,amount_off,2026-01-01,2030-12-31,5.00,,30.00,,,1
rset,橙汁团购券,group,2026-01-01,2030-12-31,,,,10005,,
rsoon,明年的券,amount_off,2029-01-01,2030-12-31,5.00,,,,,
rpast,过去的券,amount_off,2026-01-01,2026-06-30,5.00,,,,,
"""


def number(place: int) -> str:
    """Member number of the n-th rich member."""
    return f"{170000000000 + place:012d}"


@dataclasses.dataclass(frozen=True)
class Rich:
    """One of them; coupons by batch."""

    number: str
    place: int

    def coupon(self, batch: str) -> str:
        """The coupon of a batch."""
        return f"{batch}-{self.place:04d}"

    @property
    def card(self) -> str:
        """The count card."""
        return f"card-{self.place:04d}"


class SpendingTill(ApiTill):
    """What a test of spending needs."""

    places: "itertools.count[int]"

    def rich(self) -> Rich:
        """A member nobody used before."""
        place = next(self.places)
        return Rich(number(place), place)

    def dynamic(self, who: Rich, code: str | None = None) -> dict[str, Any]:
        """Identify by a fresh dynamic code."""
        code = code or self.run(self.world.server.hq.issue_dynamic_code(chain.BRAND, who.number))
        return checked(self.call("POST", "/v1/members/resolve", {"code": code}), IdentificationView)

    def code(self, who: Rich) -> str:
        """A dynamic code, issued while there is a network."""
        return self.run(self.world.server.hq.issue_dynamic_code(chain.BRAND, who.number))

    def moved(self) -> int:
        """How many postings there are."""
        store = self.world.agent.books._store
        return int(self.run(store.read(lambda c: c.execute("SELECT count(*) FROM postings").fetchone()))[0])

    def equal(self) -> None:
        """Push, prove, and find nothing that differs."""
        run = self.prove()
        assert (run.result, run.reason) == ("equal", ""), run

    @contextmanager
    def offline(self) -> Iterator[None]:
        """With the cable out."""
        self.run(self.world.cable.pull())
        try:
            yield
        finally:
            self.run(self.world.cable.plug())


@contextmanager
def spending(folder: Path, **more: Any) -> Iterator[SpendingTill]:
    """A till of a store with rich members."""
    with running(folder, **more) as till:
        till.__class__ = SpendingTill
        assert isinstance(till, SpendingTill)
        till.places = itertools.count()
        till.run(enrich(till))
        yield till


async def enrich(till: ApiTill) -> None:
    """Give the store its rich members, the goods and the rules."""
    hq, folder = till.world.server.hq, till.world.folder / "rich"
    folder.mkdir()

    def file(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text, encoding="utf-8")
        return path

    await hq.import_rules(chain.BRAND, RULES)
    await hq.import_items(
        chain.BRAND,
        file("items.csv", f"{ITEM_COLUMNS}20001,,临期鲜牛奶,6.00,,,0,1,0,,10.00\n20002,,花茶,10.00,,,0,1,0,,\n"),
    )
    everyone = range(RICH)
    rows = "".join(f"{number(n)},gold,{POINTS},{PRINCIPAL_FEN // 100},{GIFT_FEN // 100}\n" for n in everyone)
    head = "member_number,tier_id,points,sv_principal_yuan,sv_gift_yuan\n"
    await hq.import_members(chain.BRAND, file("members.csv", head + rows))
    today = local_day(till.clock.now_ms())
    head = "member_number,tier_id,points,birthday,expiring_points,expiring_day,growth,next_tier_id,next_tier_growth"
    head += ",month,month_spend_yuan\n"
    facts = f"{today:%m-%d},120,{today + timedelta(days=10)},830,silver,1000,{today:%Y-%m},600"
    await hq.import_members(chain.BRAND, file("known.csv", f"{head}{KNOWN},normal,500,{facts}\n"))
    await hq.import_batches(chain.BRAND, file("batches.csv", _BATCHES))
    batches = ("r5", "rset", "rsoon", "rpast")
    rows = "".join(f"{batch}-{n:04d},{number(n)},{batch}\n" for n in everyone for batch in batches)
    await hq.import_coupons(chain.BRAND, file("coupons.csv", f"coupon_id,member_number,batch_id\n{rows}"))
    rows = "".join(f"card-{n:04d},{number(n)},鲜榨果汁十次卡,{UNITS},{UNITS},120\n" for n in everyone)
    await hq.import_cards(chain.BRAND, file("cards.csv", f"card_id,member_number,name,total,left,price_yuan\n{rows}"))
    await till.world.agent.puller.pull_all()


def refused(till: SpendingTill, status: int, code: str, field: str | None = None, **body: Any) -> dict[str, Any]:
    """A quote that is refused; nothing has changed."""
    before = till.moved()
    found = problem(till.call("POST", "/v1/quotes", {"lines": JUICE, **body}), status, code, field)
    assert till.moved() == before, "a refused quote moves nothing"
    return found


@contextmanager
def second(till: SpendingTill) -> Iterator[Agent]:
    """Another workstation beside the first; its own books and leases."""

    async def begin() -> Agent:
        world = till.world
        settings = world.settings.model_copy(update={"state_dir": str(world.folder / "till2")})
        await enrol(settings, await world.server.hq.add_workstation(chain.STORE, "S001-2"), world.entropy)
        agent = Agent(settings, world.clock, world.entropy)
        await agent.open()
        await agent.puller.pull_all()
        return agent

    agent = till.run(begin())
    try:
        yield agent
    finally:
        till.run(agent.close())
