"""What paper and answers say must be so: the payer's own tier on every line, codes that are held, quotes that ended."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.limits import LEASE_HOLD_S
from tests.api_till import codes, problem, someone
from tests.spending_world import JUICE, SpendingTill, spending
from tests.till_world import cash


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpendingTill]:
    with spending(tmp_path_factory.mktemp("truths"), devices=True) as found:
        yield found


def held_rows(till: SpendingTill) -> int:
    store = till.world.agent.books._store
    return int(till.run(store.read(lambda c: c.execute("SELECT count(*) FROM held_quotes").fetchone()))[0])


def test_a_payer_sees_their_own_tier_on_every_line_and_why_it_was_not_applied(till: SpendingTill) -> None:
    gold = someone("gold")
    quote = till.quote([{"code": "10004", "qty": 10}])
    transaction_id, raw = till.wechat(quote["due_fen"], gold)
    who = till.paid(raw)
    tender = {"type": "wechat", "amount_fen": quote["due_fen"], "transaction_id": transaction_id}
    sale = till.sell([tender], quote_id=quote["quote_id"], identification_id=who["identification_id"])
    jobs = till.run(till.world.agent.ledger.jobs(10))
    paper = next(str(job.document) for job in jobs if job.kind == "receipt")
    name, rate = who["member"]["tier"]["name"], who["member"]["tier"]["pay_rate_bps"]
    (line,) = till.event(sale)["lines"]
    theirs = sum(line["list_unit_fen"] - (line["list_unit_fen"] * (10_000 - rate) + 5000) // 10_000 for _ in range(10))
    assert f"{name}价 " in paper
    assert "(会员价" not in paper, "the joining tier is nobody's here"
    saved = re.search(r"可省 ([0-9.]+)\)", paper)
    foregone = f"{sale['foregone_fen'] // 100}.{sale['foregone_fen'] % 100:02d}"
    assert saved is not None
    assert saved[1] == foregone, "the lines add up to the sentence"
    assert sale["foregone_fen"] <= 10 * line["list_unit_fen"] - theirs
    assert f"付款后才识别到会员，本单未按{name}价；下次付款前出示会员码，可省 {foregone} 元" in paper


def test_a_held_quote_uses_its_code_up_over_a_restart(till: SpendingTill) -> None:
    rich = till.rich()
    code = till.code(rich)
    who = till.dynamic(rich, code)["identification_id"]
    held = till.quote(JUICE, who, points=100, hold=True)
    body = {"lines": JUICE, "identification_id": who, "points": 100}
    problem(till.call("POST", "/v1/quotes", body), 409, "DYNAMIC_CODE_HELD", "identification_id")
    till.quote(JUICE, who)  # prices are free
    till.reopen()
    problem(till.call("POST", "/v1/members/resolve", {"code": code}), 409, "DYNAMIC_CODE_REPLAYED")
    assert till.call("DELETE", f"/v1/quotes/{held['quote_id']}").status_code == 204


def test_after_cancelling_the_same_code_may_ask_again(till: SpendingTill) -> None:
    who = till.dynamic(till.rich())["identification_id"]
    first = till.quote(JUICE, who, points=100, hold=True)
    assert till.call("DELETE", f"/v1/quotes/{first['quote_id']}").status_code == 204
    assert till.quote(JUICE, who, points=100)["redeemed"]["points"] == 100


def test_a_late_sale_right_after_an_online_restart_is_booked_as_quoted(till: SpendingTill) -> None:
    quote = till.quote(JUICE, till.dynamic(till.rich())["identification_id"], points=100, hold=True)
    till.clock.ahead_s += LEASE_HOLD_S + 5
    till.reopen()
    sale = till.sell([cash(quote["due_fen"])], quote_id=quote["quote_id"])
    assert "QUOTE_ENDED" in codes(sale)
    assert sale["redeemed"]["points"] == 100
    assert any(one["account"] == "points" and one["amount"] == -100 for one in till.event(sale)["postings"])
    till.equal()


def test_an_ended_quote_is_closed_at_the_next_look(tmp_path: Path) -> None:
    with spending(tmp_path) as till:
        till.quote(JUICE, till.dynamic(till.rich())["identification_id"], points=100, hold=True)
        till.clock.ahead_s += 2 * LEASE_HOLD_S + 5
        till.reopen()
        assert held_rows(till) == 1
        problem(till.call("DELETE", "/v1/quotes/quo_nobody"), 404, "QUOTE_UNKNOWN")
        assert held_rows(till) == 0
