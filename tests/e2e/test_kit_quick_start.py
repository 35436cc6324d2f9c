"""The quick starts of docs/vendors.md, executed as they stand there: a sale in ten lines of Python and of JavaScript.

Only what a reader has to put in is put in: the till's address, the pairing code, where things are kept.
"""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_till import ApiTill, running, someone

ROOT = Path(__file__).parents[2]
KIT = ROOT / "agent" / "kit"
CODE = "87665097"
STORAGE = """
const held = new Map();
globalThis.localStorage = {
  getItem: (key) => held.get(key) ?? null, setItem: (key, value) => held.set(key, value),
  removeItem: (key) => held.delete(key), key: (at) => [...held.keys()][at] ?? null, get length() { return held.size; },
};
"""
"""What a browser has and node has not."""


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiTill]:
    with running(tmp_path_factory.mktemp("quick"), devices=True) as till:
        yield till


def documented(language: str) -> str:
    """The first block of a language in docs/vendors.md."""
    text = (ROOT / "docs" / "vendors.md").read_text(encoding="utf-8")
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def with_values(text: str, *values: tuple[str, str]) -> str:
    """Put in what a reader has to; each stands there once."""
    for old, new in values:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def sold_by(till: ApiTill, command: list[str], folder: Path) -> dict[str, object]:
    """Scan a member nobody has scanned before, run the program; gives the sale of the books."""
    till.world.scanner.scan(someone("gold", till.events()).number)

    async def until_scanned() -> None:
        while (await till.client.post("/v1/members/resolve", json={"last_scan": True})).status_code != 200:  # noqa: ASYNC110 - as a POS polls
            await asyncio.sleep(0.05)

    till.run(until_scanned())
    before = till.events()
    work = asyncio.to_thread(subprocess.run, command, cwd=folder, capture_output=True, text=True, timeout=60)
    ran = till.run(work)
    assert ran.returncode == 0, ran.stderr
    assert till.events() == before + 1
    store = till.world.agent.books._store
    newest = "SELECT body FROM events WHERE kind = 'sale' ORDER BY at_ms DESC, seq DESC LIMIT 1"
    row = till.run(store.read(lambda connection: connection.execute(newest).fetchone()))
    sale: dict[str, object] = json.loads(row["body"])
    return sale


def address(till: ApiTill) -> str:
    return f"http://127.0.0.1:{till.world.agent.port}"


def test_the_python_quick_start_sells_to_the_scanned_member(till: ApiTill, tmp_path: Path) -> None:
    shutil.copytree(KIT / "pos_agent", tmp_path / "pos_agent")
    (tmp_path / "kept").mkdir()
    code = till.world.agent.pairing.new_code()
    text = with_values(
        documented("python"), ("PosAgent(keep", f'PosAgent("{address(till)}", keep'), (CODE, code),
        ("/var/lib/my-pos/till", str(tmp_path / "kept")),
    )  # fmt: skip
    (tmp_path / "pos.py").write_text(text, encoding="utf-8")
    check_sold(till, [sys.executable, "pos.py"], tmp_path)


@pytest.mark.system("node")
def test_the_javascript_quick_start_sells_to_the_scanned_member(till: ApiTill, tmp_path: Path) -> None:
    for name in ("pos-agent.js", "pos-agent-line.js"):
        shutil.copy(KIT / name, tmp_path)
    code = till.world.agent.pairing.new_code()
    text = with_values(
        documented("js"), ("{ keep:", f'{{ baseUrl: "{address(till)}", keep:'), (CODE, code),
        ("20261121-0001", "20261121-0002"),
    )  # fmt: skip
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "storage.mjs").write_text(STORAGE, encoding="utf-8")
    (tmp_path / "pos.js").write_text(text, encoding="utf-8")
    check_sold(till, ["node", "--import", "./storage.mjs", "pos.js"], tmp_path)


def check_sold(till: ApiTill, command: list[str], folder: Path) -> None:
    """Two pieces at the gold price, in cash, nothing to remark."""
    sale = sold_by(till, command, folder)
    assert isinstance(sale["totals"], dict)
    assert isinstance(sale["member"], dict)
    assert (sale["totals"]["payable_fen"], sale["member"]["certainty"], sale["discrepancies"]) == (3484, "code", [])
