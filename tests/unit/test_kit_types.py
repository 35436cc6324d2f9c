"""The vendor clients' types and the till's contract cannot drift apart."""

import shutil
import subprocess

import pytest

from agent.kit import client, generate


def test_the_types_are_made_from_the_document() -> None:
    again = "run python -m agent.kit.generate"
    assert generate.PYTHON.read_text(encoding="utf-8") == generate.python_text(), again
    assert generate.TYPESCRIPT.read_text(encoding="utf-8") == generate.typescript_text(), again


def test_both_clients_have_the_same_calls() -> None:
    declared = (generate.HERE / "pos-agent.d.ts").read_text(encoding="utf-8")
    module = (generate.HERE / "pos-agent.js").read_text(encoding="utf-8")
    javascript = {"give_back": "giveBack", "close": ""}
    for name in vars(client.PosAgent):
        wanted = javascript.get(name, name)
        if not name.startswith("_") and wanted:
            assert f"  {wanted}(" in declared, name
            assert f" {wanted}(" in module or f"*{wanted}(" in module, name


@pytest.mark.system("node")
def test_the_javascript_module_is_one() -> None:
    node = shutil.which("node")
    assert node is not None
    ran = subprocess.run([node, "--check", str(generate.HERE / "pos-agent.js")], capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
