"""A running till with purses: a brand that takes stored value, sells count cards and lets points be spent.

For tests of what comes after a sale, over the real API and with a real HQ.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.api.answers import Answer
from agent.api.answers_sale import QuoteView
from agent.demo import world as chain
from agent.demo.world import DemoMember
from agent.domain.digest import Json
from tests.api_till import ApiTill, checked, running
from tests.till_world import cash

RULES: dict[str, Json] = {
    **chain.RULES,
    "version": 7,
    "member_day": None,
    "promos": [],
    "stored_value": True,
    "fund_custodian": "建设银行成都分行",
    "redeem": {"points_per_unit": 1, "fen_per_unit": 1},
    "recharge": {
        "steps": [[30_000, 5_000], [50_000, 10_000]], "daily_limit_fen": 100_000, "gift_valid_days": 30,
    },
    "count_cards": [{"id": "coffee10", "name": "咖啡十杯卡", "total": 10, "price_fen": 18_000, "valid_days": 365}],
}  # fmt: skip


class AfterTill:
    """An ApiTill that can also take things back."""

    def __init__(self, till: ApiTill) -> None:
        self.till = till

    # --- who
    def member(self, who: DemoMember, *, dynamic: bool = True) -> str:
        """An identification of a member; by a dynamic code it may spend."""
        code = who.number
        if dynamic:
            code = self.till.run(self.till.world.server.hq.issue_dynamic_code(chain.BRAND, code))
        return str(self.till.resolve(code)["identification_id"])

    def wallet(self, who: DemoMember) -> dict[str, Any]:
        """A member's view, by static code."""
        found: dict[str, Any] = self.till.resolve(who.number)["member"]
        return found

    # --- sales
    def sell(self, lines: list[dict[str, Any]], who: str | None = None, **asks: Any) -> dict[str, Any]:
        """Quote and sell for cash; `asks` go into the quote."""
        body = {"lines": lines, "identification_id": who, **asks}
        quote = checked(self.till.call("POST", "/v1/quotes", body), QuoteView)
        due = quote["due_fen"]
        return self.till.sell([cash(due)] if due else [], quote_id=quote["quote_id"])

    # --- after
    def post(self, path: str, model: type[Answer], body: dict[str, Any], status: int = 201) -> dict[str, Any]:
        """A call that is answered with this model."""
        response = self.till.call("POST", path, body)
        assert response.status_code == status, response.text
        return checked(response, model)

    # --- HQ
    def settle(self) -> None:
        """Push all, and see that both sides hold the same books."""
        run = self.till.prove()
        if run.result == "healed":  # the cable was cut between HQ's seal and the till's copy of it
            run = self.till.prove()
        assert run.result == "equal", run
        outbox = self.till.run(self.till.world.agent.outbox.outbox_counts())
        assert (outbox.pending, outbox.suspended, outbox.conflict) == (0, 0, 0)

    def pull(self) -> None:
        """Let the till know what HQ knows."""
        self.till.run(self.till.world.agent.puller.pull_all())

    def at_hq(self, member_id: str, account: str) -> int:
        """A balance as HQ has it, openings included."""
        columns = {"points": "opening_points", "sv_principal": "opening_sv_principal", "sv_gift": "opening_sv_gift"}
        opening = columns.get(account, "0")
        sql = (
            f"SELECT {opening} + COALESCE((SELECT balance FROM accounts a WHERE a.member_id = m.member_id"
            " AND a.account = :account), 0) FROM members m WHERE m.member_id = :who"
        )
        row = self.till.run(
            self.till.world.server.hq._read(lambda c: c.execute(sql, {"account": account, "who": member_id}).fetchone())
        )
        return int(row[0])

    def findings(self) -> list[tuple[str, str]]:
        """What HQ recorded for a person: (place, code); not that a test moved the clock."""
        sql = "SELECT place, code FROM discrepancies WHERE place <> 'clock' ORDER BY place, code"
        rows = self.till.run(self.till.world.server.hq._read(lambda c: c.execute(sql).fetchall()))
        return [(row["place"], row["code"]) for row in rows]

    def slips(self) -> list[str]:
        """All text of the receipts in the print ledger, oldest first."""
        jobs = self.till.run(self.till.world.agent.ledger.jobs(1000))
        return [str(job.document) for job in reversed(jobs) if job.kind == "receipt"]


@contextmanager
def after_till(folder: Path, *, devices: bool = False) -> Iterator[AfterTill]:
    """A till whose rule set has purses."""
    with running(folder, devices=devices) as till:
        till.run(till.world.server.hq.import_rules(chain.BRAND, RULES))
        found = AfterTill(till)
        found.pull()
        yield found
