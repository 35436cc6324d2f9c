"""Our bytes judged by parsers that we did not write, and our tokenizer by bytes that we did not make.

npos cuts what we encode, receiptline makes what we cut. Both come from npm by tests/long/oracle/package-lock.json, once
for each state of that file, into /var/tmp.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.domain.receipt import Document, Pair, Text
from agent.domain.receipts import drawer_pulse, sale_receipt
from drivers.escpos_bytes import encode
from drivers.escpos_tokens import TokenKind, tokenize
from drivers.paper import render
from drivers.probe import probe_page
from drivers.profiles import builtin
from tests.unit.test_receipts import guest_facts, member_facts, spent_facts

HERE = Path(__file__).parent / "oracle"
DOCUMENTS = {
    "member": sale_receipt(member_facts()),
    "guest": sale_receipt(guest_facts()),
    "spent": sale_receipt(spent_facts()),
    "drawer": drawer_pulse(),
    "rare": Document((Text("𠮷野家 €5 😀"), Pair("한글", "1.00"), Text("大号", scale=2, bold=True))),
}
MARKUP = """^^水果店

苹果 红富士 | 4.00
香蕉 | 12.80
-
合计 | ^16.80
{code:https://example.com/join;option:qrcode,6,m}
=
"""


@pytest.fixture(scope="module")
def oracle() -> Path:
    """The folder with both packages."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are missing (apt install npm): NO stranger judged our ESC/POS")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = Path("/var/tmp", f"pos-agent-oracle-{hashlib.sha256(lock).hexdigest()[:16]}")
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        command = ["npm", "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=900)
        (folder / "ready").touch()
    for script in ("judge.js", "generate.js"):
        shutil.copy(HERE / script, folder)
    return folder


def node(oracle: Path, script: str, said: str, *arguments: str) -> str:
    command = ["node", script, *arguments]
    ran = subprocess.run(command, cwd=oracle, input=said, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def judged(oracle: Path, streams: Sequence[bytes]) -> list[dict[str, Any]]:
    out = node(oracle, "judge.js", "\n".join(stream.hex() for stream in streams))
    return [json.loads(line) for line in out.splitlines()]


def words(stream: bytes) -> bytes:
    """Everything in a stream that is no command, by our own tokenizer."""
    return b"".join(token.data for token in tokenize(stream) if not token.name)


def test_npos_finds_the_same_text_and_the_same_commands_in_every_receipt(oracle: Path) -> None:
    jobs = {
        f"{name} {kind.name}": encode(document, kind)
        for name, document in DOCUMENTS.items()
        for kind in builtin().values()
    }
    for (name, job), verdict in zip(jobs.items(), judged(oracle, list(jobs.values())), strict=True):
        assert verdict["error"] is None, (name, verdict["error"])
        assert bytes.fromhex(verdict["text"]) == words(job), name
        ours = [token for token in tokenize(job) if token.name]
        assert len(verdict["commands"]) == len(ours), name
        at = 0
        starts = []
        for token in tokenize(job):
            if token.name:
                starts.append((at, len(token.data)))
            at += len(token.data)
        assert [(offset, length) for _, offset, length in verdict["commands"]] == starts, name


def test_what_npos_calls_text_reads_as_the_receipt(oracle: Path) -> None:
    (verdict,) = judged(oracle, [encode(DOCUMENTS["member"], builtin()["generic-58"])])
    text = bytes.fromhex(verdict["text"]).decode("gbk")
    assert "晨光便利店" in text
    assert "金卡会员 8.8折" in text
    assert all(len(line.encode("gbk")) <= 32 for line in text.splitlines())


def test_npos_understands_the_probe_page(oracle: Path) -> None:
    (verdict,) = judged(oracle, [probe_page()])
    assert verdict["error"] is None
    assert "POS PRINTER PROBE" in bytes.fromhex(verdict["text"]).decode("gbk")


@pytest.mark.parametrize("columns", [32, 48])
def test_a_strangers_receipt_is_cut_to_the_last_byte_and_drawn(oracle: Path, columns: int) -> None:
    stream = bytes.fromhex(node(oracle, "generate.js", MARKUP, str(columns)).strip())
    tokens = tokenize(stream)
    assert b"".join(token.data for token in tokens) == stream
    assert not [token for token in tokens if token.kind in (TokenKind.UNKNOWN, TokenKind.INCOMPLETE)]
    drawn = render(stream, columns=columns)
    for text in ("水", "苹果 红富士", "12.80", "合计", "✂"):
        assert text in drawn, drawn
