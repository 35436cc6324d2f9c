"""The vendor clients' types and the till's contract cannot drift apart."""

import shutil
import subprocess

import pytest

from agent.kit import generate
from agent.kit.pos_agent.client import PosAgent


def test_the_types_are_made_from_the_document() -> None:
    again = "run python -m agent.kit.generate"
    assert generate.PYTHON.read_text(encoding="utf-8") == generate.python_text(), again
    assert generate.TYPESCRIPT.read_text(encoding="utf-8") == generate.typescript_text(), again


def test_both_clients_have_the_same_calls() -> None:
    declared = (generate.HERE / "pos-agent.d.ts").read_text(encoding="utf-8")
    module = "".join(file.read_text(encoding="utf-8") for file in generate.HERE.glob("pos-agent*.js"))
    javascript = {"give_back": "giveBack", "accept_books": "acceptBooks"}
    for name in vars(PosAgent):
        wanted = javascript.get(name, name)
        if not name.startswith("_"):
            assert f"  {wanted}(" in declared, name
            assert f" {wanted}(" in module or f"*{wanted}(" in module, name


@pytest.mark.system("node")
@pytest.mark.parametrize("name", ["pos-agent.js", "pos-agent-line.js"])
def test_the_javascript_modules_can_be_read(name: str) -> None:
    node = shutil.which("node")
    assert node is not None
    ran = subprocess.run([node, "--check", str(generate.HERE / name)], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
