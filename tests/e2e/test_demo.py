"""`pos-agent demo` as acceptance runs it: every kind of customer, both books equal, results left on disk."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

PAYERS = [
    "static_code", "dynamic_code", "wechat_v2", "wechat_v3", "payment_code", "non_member", "network_cut",
    "scanned_twice",
]  # fmt: skip
OWNERS = ["spends_offline", "stored_value", "count_card", "return", "void"]
KINDS = PAYERS + OWNERS
STEPS = {"stored_value": ["recharge", "sale"], "count_card": ["count_card_sale", "sale"]}


def _played(out: Path, customers: int) -> tuple[dict[str, Any], str]:
    command = [sys.executable, "-m", "agent", "demo", "--customers", str(customers), "--exit", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "EQUAL, signed by HQ" in done.stdout
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert [one["scan_kind"] for one in summary["customers"]] == (KINDS * customers)[:customers]
    return summary, done.stdout


def test_the_demo_serves_every_kind_of_customer_and_proves_the_books(tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary, _ = _played(out, 14)
    kinds = {one["scan_kind"]: one for one in summary["customers"]}
    for one in summary["customers"]:
        _check_steps(one)
        assert one["discrepancies"] == []
        if one["scan_kind"] in PAYERS:
            _check_payer(one)
    certainty = {kind: kinds[kind]["certainty"] for kind in KINDS}
    assert certainty["static_code"] == certainty["network_cut"] == "code"
    assert certainty["dynamic_code"] == certainty["spends_offline"] == certainty["stored_value"] == "dynamic"
    assert certainty["wechat_v2"] == certainty["wechat_v3"] == certainty["payment_code"] == "payment"
    assert certainty["non_member"] is None
    _check_totals(summary)
    _check_paper(out, summary)
    events = _check_books(out, summary)
    _check_owners(kinds, events)


def test_a_short_line_has_one_event_for_each_customer(tmp_path: Path) -> None:
    summary, told = _played(tmp_path / "out", 1)
    assert summary["store"]["events"] == len(summary["customers"]) == 1
    assert told.count("应  付") == 1
    _check_totals(summary)


def _check_steps(one: dict[str, Any]) -> None:
    kind = one["scan_kind"]
    steps = STEPS.get(kind, [kind] if kind in ("return", "void") else ["sale"])
    assert [step["kind"] for step in one["steps"]] == steps
    assert one["event"] == one["steps"][-1]["event"]
    assert one["payable_fen"] <= one["list_fen"]


def _check_payer(one: dict[str, Any]) -> None:
    earns = one["member"] is not None
    assert (one["points"] > 0) is earns
    assert one["join_prompt"] is not earns
    if one["scan_kind"].startswith("wechat"):
        assert one["foregone_fen"] > 0, "R20: paid list price, and the receipt says what the member price had saved"
    if one["scan_kind"] == "payment_code":
        assert one["saved_fen"] > 0, "HQ asked the simulated WeChat whose code it is, before payment"
        assert one["foregone_fen"] == 0


def _check_totals(summary: dict[str, Any]) -> None:
    proof, hq, store = summary["reconcile"], summary["hq"], summary["store"]
    assert proof["equal"] is True
    assert all(hq[key] == store[key] for key in ("events", "payable_fen", "points"))
    assert hq["suspended"] == hq["differences"] == 0
    for key in ("payable_fen", "points"):
        assert sum(one[key] for one in summary["customers"]) == hq[key]


def _check_owners(kinds: dict[str, dict[str, Any]], events: dict[int, dict[str, Any]]) -> None:
    """What was spent, loaded and given back, as the books have it."""

    def booked(kind: str, step: int = -1) -> dict[str, Any]:
        return events[kinds[kind]["steps"][step]["event"]["seq"]]

    saver = booked("spends_offline")
    assert saver["redeemed"]["points"] == 500
    assert [one["applied"] for one in saver["coupons"]] == [True]
    granted = {one["lease"] for one in _flat(events, "lease_open")}
    spent = {one["lease"] for one in saver["postings"] if one["amount"] < 0}
    assert spent
    assert spent <= granted, "what was spent offline had been granted before"
    assert (
        min(seq for seq, one in events.items() if one["kind"] == "lease_open") < kinds["spends_offline"]["event"]["seq"]
    )
    assert booked("stored_value", 0)["totals"]["gift_fen"] == 5_000
    paid = booked("stored_value")
    assert [one["type"] for one in paid["tenders"]] == ["stored_value"]
    assert paid["prepaid"]["principal_fen"] == paid["totals"]["payable_fen"]
    assert [one["units"] for one in booked("count_card")["prepaid"]["counts"]] == [1]
    back, whole = booked("return"), booked("void")
    assert back["sale_id"] == saver["sale_id"]
    assert 0 < -back["totals"]["payable_fen"] < saver["totals"]["payable_fen"]
    assert -back["totals"]["points_used"] > 0
    twice = booked("scanned_twice")
    assert (whole["sale_id"], whole["whole"]) == (twice["sale_id"], True)
    assert whole["totals"]["payable_fen"] == -twice["totals"]["payable_fen"]
    assert kinds["void"]["points"] == -kinds["scanned_twice"]["points"]


def _flat(events: dict[int, dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [lease for one in events.values() if one["kind"] == kind for lease in one["leases"]]


def _check_paper(out: Path, summary: dict[str, Any]) -> None:
    customers = summary["customers"]
    for one in customers:
        paper = (out / one["receipt"]).read_bytes()
        assert b"\x1c&" in paper, "Chinese mode"
        for step in one["steps"]:
            assert step["id"].encode() in paper
        if one["scan_kind"] == "count_card":
            assert paper.count("鲜榨果汁十次卡".encode("gbk")) == 3, "sold, used, what is left: always by its name"
        title = {"return": "退货单", "void": "作废单"}.get(one["scan_kind"], "应付")
        assert title.encode("gbk") in paper.replace(b"  ", b"")
        assert (b"https://join.example.com/j?s=S001&c=" in paper) is one["join_prompt"]
    assert len(list((out / "receipts").iterdir())) == len(customers)


def _check_books(out: Path, summary: dict[str, Any]) -> dict[int, dict[str, Any]]:
    for name in ("books.db", "replica.db", "hq.db"):
        assert not (out / f"{name}-wal").exists() or not (out / f"{name}-wal").stat().st_size, f"{name} is complete"
    with sqlite3.connect(out / "books.db") as books, sqlite3.connect(out / "hq.db") as hq:
        mine = [row[0] for row in books.execute("SELECT body FROM events ORDER BY seq")]
        theirs = [row[0] for row in hq.execute("SELECT body FROM events ORDER BY seq")]
        confirmed = {row[0] for row in hq.execute("SELECT state FROM wechat_checks")}
    books.close()
    hq.close()
    assert mine == theirs
    assert confirmed <= {"new", "waiting", "confirmed"}, "what HQ has asked WeChat by now was paid as booked"
    events = {one["seq"]: one for one in map(json.loads, mine)}
    leases = [one for one in events.values() if one["kind"].startswith("lease_")]
    assert len(mine) == sum(len(one["steps"]) for one in summary["customers"]) + len(leases)
    return events


def test_the_demo_refuses_a_directory_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    command = [sys.executable, "-m", "agent", "demo", "--exit", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
