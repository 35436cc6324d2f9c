"""`pos-agent demo` as acceptance runs it: every kind of customer, both books equal, results left on disk."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

KINDS = ["static_code", "dynamic_code", "wechat_v2", "wechat_v3", "non_member", "network_cut", "scanned_twice"]


def test_the_demo_serves_every_kind_of_customer_and_proves_the_books(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "agent", "demo", "--customers", "9", "--exit", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "EQUAL, signed by HQ" in done.stdout
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert [one["scan_kind"] for one in summary["customers"]] == KINDS + KINDS[:2]
    _check_money(summary)
    _check_paper(out, summary)
    _check_books(out, summary)


def _check_money(summary: dict[str, object]) -> None:
    customers = summary["customers"]
    assert isinstance(customers, list)
    certainty = {one["scan_kind"]: one["certainty"] for one in customers}
    assert certainty["static_code"] == "code"
    assert certainty["dynamic_code"] == "dynamic"
    assert certainty["wechat_v2"] == certainty["wechat_v3"] == "payment"
    assert certainty["non_member"] is None
    for one in customers:
        earns = one["member"] is not None
        assert (one["points"] > 0) is earns
        assert one["join_prompt"] is not earns
        assert one["payable_fen"] <= one["list_fen"]
        assert one["discrepancies"] == []
        if one["scan_kind"].startswith("wechat"):
            assert one["foregone_fen"] > 0, "R20: paid list price, and the receipt says what the member price had saved"
    proof, hq, store = summary["reconcile"], summary["hq"], summary["store"]
    assert isinstance(proof, dict)
    assert isinstance(hq, dict)
    assert isinstance(store, dict)
    assert proof["equal"] is True
    assert all(hq[key] == store[key] for key in ("events", "payable_fen", "points"))
    assert hq["suspended"] == 0


def _check_paper(out: Path, summary: dict[str, object]) -> None:
    customers = summary["customers"]
    assert isinstance(customers, list)
    for one in customers:
        paper = (out / one["receipt"]).read_bytes()
        assert b"\x1c&" in paper, "Chinese mode"
        assert "应付".encode("gbk") in paper.replace(b"  ", b"")
        assert (b"https://join.example.com/j?s=S001&c=" in paper) is one["join_prompt"]
    assert len(list((out / "receipts").iterdir())) == len(customers)


def _check_books(out: Path, summary: dict[str, object]) -> None:
    customers = summary["customers"]
    assert isinstance(customers, list)
    for name in ("books.db", "replica.db", "hq.db"):
        assert not (out / f"{name}-wal").exists() or not (out / f"{name}-wal").stat().st_size, f"{name} is complete"
    with sqlite3.connect(out / "books.db") as books, sqlite3.connect(out / "hq.db") as hq:
        mine = [row[0] for row in books.execute("SELECT body FROM events ORDER BY seq")]
        theirs = [row[0] for row in hq.execute("SELECT body FROM events ORDER BY seq")]
    books.close()
    hq.close()
    assert mine == theirs
    assert len(mine) == len(customers)


def test_the_demo_refuses_a_directory_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    command = [sys.executable, "-m", "agent", "demo", "--exit", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
